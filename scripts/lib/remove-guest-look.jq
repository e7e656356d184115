# A record whose guest is not in the state, if the cluster ($live) has it now, too: else with the error. $status: of what read it.
include "site";
include "text";

def name_of: if .config then (.config[if .type == "lxc" then "hostname" else "name" end] // "") | tostring else .name // "" end;

$site[0] as $site
| . as $own
| ($own.record.name | tostring | short($site)) as $name
| ([$live[0].guests[]? | select(.vmid == $own.record.vmid or (name_of | short($site)) == $name)] | first) as $there
| if $status != 0 or $live == [] then .record |= failed("unseen"; "the cluster could not be asked again whether the guest is gone; its address stays")
  elif $live[0].cluster.name != $state[0].cluster.name then .record |= failed("unseen"; "the cluster is \($live[0].cluster.name), and what was read is of \($state[0].cluster.name)")
  elif $there then .record |= failed("lives"; "\($there.type) \($there.vmid) (\($there | name_of)) is on \($there.node) now; its address stays")
  else . end
