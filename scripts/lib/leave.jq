# May this guest's address be taken back? Reads what ipalloc would release, with the ID.
# $guests: PVE's cluster resources, if $listed. $now: freed, not retired. $force: whatever lives.
include "site";
include "text";

def alive: .status != "stopped"; # a node that can't be asked says "unknown"

def stop_and_destroy($type; $vmid):
  if $type == "qemu" then {qemu: ["qm shutdown \($vmid)", "qm destroy \($vmid) --purge 1"]}
  else {lxc: ["pct shutdown \($vmid)", "pct destroy \($vmid) --purge 1"]} end;

$site[0] as $site
| if .error.code == "no-address" and .changed == false then del(.error) else . end # nothing to take back
| if .error or .address == null then . else
    . as $own
    | [$guests[] | select(.vmid == $own.vmid or (.name != null and (.name | short($site)) == ($own.name | short($site))))] as $found
    | .commands = if $listed | not then stop_and_destroy("lxc"; .vmid) + stop_and_destroy("qemu"; .vmid)
                  else reduce $found[] as $guest ({}; . * stop_and_destroy($guest.type; $guest.vmid)) end
    | if $found == [] then . else
        .node = $found[0].node
        | ([$found[] | "\(.type) \(.vmid) (\(.name // "without a name")) is \(.status) on \(.node)"] | join(", ")) as $what
        | if $force then .warnings = [$what]
          elif any($found[]; alive) then failed("guest-alive"; "\($what): its address stays, unless forced")
          elif $now then failed("guest-exists"; "\($what): its address is not freed, unless forced")
          else .warnings = [$what] end
      end
  end
| if .error and has("changed") then .changed = false else . end
