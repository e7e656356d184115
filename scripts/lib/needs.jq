# What the requests (all of the input) need of the site ($site) and it doesn't have: a line "lacks ..." each; then "name NAME", of each that was not
# refused, as its owner has it. $by_state as in decide.jq.
include "records";
include "shape";
include "site";

def lacks($key; $value): if $value == null or $value == [] then "lacks \($key) is missing: provision needs it" else empty end;

$site[0] as $site
| [inputs | select(of_no_guest | not)] as $all
# Without any VLAN a request has been refused for its VLAN already, and that is the site's fault.
| [$all[] | select((.error | not) or (.error.code? == "unknown-vlan" and $site.vlans == []))] as $requests
| (if $requests == [] then empty else . end
  | lacks("vlans"; $site.vlans),
    ($site.vlans | to_entries[] | select(.value.vlan as $vid | any($requests[]; .vlan == $vid)) | lacks("vlans[\(.key)].bridge"; .value.bridge)),
    if $by_state != "no" then empty # it knows the nodes and storages
    elif any($site.nodes[]; .storages != []) then empty # the other nodes don't fit
    else lacks("nodes"; $site.nodes), ($site.nodes | to_entries[] | lacks("nodes[\(.key)].storages"; .value.storages)), lacks("storages"; $site.storages) end,
    ([$requests[] | shape_of.shape as $shape | {key: "templates.\(template_for($shape))", template: $site.templates[template_for($shape)], image: (if $shape == "vm" then "vm" else "lxc" end)}]
     | unique[]
     | if .template == null then lacks(.key; null) else lacks("\(.key).\(.image)"; .template[.image]) end)),
  ([$all[] | select(.error == null) | .name | short($site)] | unique[] | "name \(.)")
