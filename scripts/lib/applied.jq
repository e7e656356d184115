# A guest's record of provision --apply from its job, {record, plan, verdict, request}: what pvx-migrate run ($ran), configure ($ready), the last
# look ($verified) and NetBox ($assigned) said, and what failed by itself ($failed: code, message), in which $step. $kept: the guest may be there, so
# its address is. $spent has milliseconds; $call what to type to go on.
include "records";
include "text";

def told: if type == "object" then .message else . end;

. as $job
| .record as $record
| (.plan.blockers // []) as $blockers
| if $job.verdict == "none" then $record | if $dry then . else del(.dry_run) end else
    (if $job.verdict == "blocked" then ($job.plan.error // {code: $blockers[0].code, message: ([$blockers[].message] | join("; "))})
     elif $job.verdict == "root-only" then {code: "root-only", message: "\([$blockers[].message | sub(": type root_only on .*"; "")] | join("; ")): type what `commands` has as root on \($record.node), then go on with --made"}
     elif $failed[0].code == "exists" then null
     else $failed[0] // $ran[0].error // $ready[0].error // $verified[0].error // $assigned[0].error end) as $error
    | (if $job.verdict != "make" then "plan" elif $step != "" then $step else "create" end) as $at
    | ($ran[0].took_ms // {}) as $took
    | $record
    | del(.command, .setup)
    | .changed = (if $dry then $error == null and ($record.changed == true or ($job.plan.exists | not))
                  else ($error == null or $kept) and ($record.changed == true or $ran[0].changed == true or $ready[0].changed == true) end)
    | .made = (if $dry then false elif $job.verdict != "make" or ($kept | not) then false
               elif $at == "create" and $error then (if $error.code == "vmid-taken" then false else null end) else true end)
    | if $failed[0].code == "exists" or ($ran[0].exists and ($ran[0].ours | not)) then .exists = true else . end
    | . + ({node: ($ran[0].node // $record.node), host_keys: ($ran[0].host_keys | if . == [] then null else . end), differs: $ran[0].differs} | del(.[] | nulls))
    | . + ($ready[0] // {} | {configured, versions, os, ready_ms} | del(.[] | nulls))
    | if $verified[0] and ($verified[0].error | not) then .verified = ($verified[0] | del(.warnings)) else . end
    | if $assigned[0].assigned then .assigned = $assigned[0].assigned else . end
    | .warnings = [(.warnings[]?, $job.plan.warnings[]?, $ran[0].warnings[]?, $ready[0].warnings[]?, $verified[0].warnings[]?) | told]
    | if $failed[0].code == "exists" then
        .warnings += ["\(.vmid) lives, and no provision --apply of this journal has made it, so it is left as it is: --made takes it over"]
      else . end
    | if $blockers != [] then .blockers = $blockers else . end
    | if $job.plan.root_only // [] | . != [] then .commands = $job.plan.root_only else . end
    | .ready = (.made == true and $error == null and $failed[0] == null)
    | .steps_ms = ($spent | del(.make) | . + $took
        | .client = .total - ([$took[]] | add // 0))
    | if $dry then del(.made, .ready) | .dry_run = true | .would = (if $error then "nothing" elif $job.plan.exists then "nothing: it is there" else "create" end) else . end
    | if $error then
        .step = $at
        | (if $job.verdict == "root-only" and ($call | test(" '?--made(=true)?'?( |\\z)") | not) then $call | sub(" --apply( |\\z)"; " --apply --made ") | rtrimstr(" ") else $call end) as $call
        | (if $kept then .go_on = $call else . end)
        | failed($error.code; $error.message)
        | .error.step = $at
      else . end
  end
