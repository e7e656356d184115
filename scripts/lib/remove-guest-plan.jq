# What a plan ($plan, plan remove's) says of the guests that are to be removed. $accept: a backup that may be of an earlier guest counts.
include "site";
include "text";

$site[0] as $site
| inputs
| if .do != "remove" then . else
    . as $own
    | ([$plan[] | select(.vmid == $own.guest.vmid)] | last) as $step
    | ([$step.warnings[]? | select(.code == "backup-unsure")] | first) as $unsure
    | if $step == null then .do = "refuse" | .record |= failed("unseen"; "the plan has no step for it")
      elif $step.blockers != [] or $step.action != "destroy" then
        .do = "refuse" | .blockers = $step.blockers | .warnings += ($step.warnings // [])
        | .record |= failed($step.blockers[0].code // "blocked"; [$step.blockers[].message] | join("; "))
      elif ($step.name | short($site)) != ($own.record.name | tostring | short($site)) then
        .do = "refuse" | .record |= failed("name"; "\($step.vmid) is \($step.name) in the plan")
      # Of one that was begun with, too: it may have been made again since, and nothing that is read here tells.
      elif $unsure and ($accept | not) then
        .do = "refuse" | .blockers = [$unsure]
        | .record |= failed("backup-unsure"; "\($unsure.message): back it up now, or say --accept-unsure")
      else .step = $step | .warnings += ($step.warnings // []) end
  end
