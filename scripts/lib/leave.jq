# May this guest's address be taken back? Reads what ipalloc would release, with the ID.
# $guests: PVE's cluster resources, if $listed. $now: freed, not retired. $force: whatever lives.
include "site";
include "text";

def alive: .status != "stopped"; # a node that can't be asked says "unknown"

def stop_and_destroy($type; $vmid):
  (if $type != "qemu" then {lxc: ["pct shutdown \($vmid)", "pct destroy \($vmid) --purge 1"]} else {} end)
  + (if $type != "lxc" then {qemu: ["qm shutdown \($vmid)", "qm destroy \($vmid) --purge 1"]} else {} end);

# The guest that the record itself shows, if it is one that PVE or inventory printed, or says that it runs.
def shown:
  (if .type == "lxc" or .type == "qemu" then .type else "guest" end) as $type
  | select($type != "guest" or .status == "running")
  | {type: $type, vmid, name, status: (.status // "of unknown status"), node};

def told: "\(.type) \(.vmid) (\(.name // "without a name")) is \(.status)\(if .node then " on \(.node)" else "" end)";

# deprovision doesn't have the options that these messages of the tools name.
def rightly:
  if .error.code? | IN("bad-name", "has-findings", "not-ours", "id-mismatch")
  then .error.message |= (sub("; --force "; "; ipalloc release --force ") | sub("; did you mean --address\\?$"; "") | sub(" \\(--overwrite replaces it\\)$"; ""))
  else . end;

$site[0] as $site
| if .error.code == "no-address" and .changed == false then del(.error) else . end # nothing to take back
| if .error or .address == null then . else
    . as $own
    | [$guests[] | select(.vmid == $own.vmid or (.name != null and (.name | short($site)) == ($own.name | short($site))))] as $there
    # Of what is stopped a list knows better whether it is gone.
    | ($there + [shown | select((any($there[]; alive) or $listed and .status == "stopped") | not)]) as $found
    | .commands = if $found == [] and ($listed | not) then stop_and_destroy("guest"; .vmid)
                  else reduce $found[] as $guest ({}; . * stop_and_destroy($guest.type; $guest.vmid)) end
    | if $found == [] then . else
        (if $found[0].node then .node = $found[0].node else . end)
        | ([$found[] | told] | join(", ")) as $what
        | if $force then .warnings = [$what]
          elif any($found[]; alive) then failed("guest-alive"; "\($what): its address stays, unless forced")
          elif $now then failed("guest-exists"; "\($what): its address is not freed, unless forced")
          else .warnings = [$what] end
      end
  end
| if .error and has("changed") then .changed = false else . end
| rightly
