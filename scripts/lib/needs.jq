# What the requests (all of the input) need of the site ($site) and it doesn't have: a line each. $by_state as
# in decide.jq.
include "shape";

def path_of($key): "\($key) is missing: provision needs it";
def lacks($key; $value): if $value == null or $value == "" or $value == [] or $value == {} then path_of($key) else empty end;

$site[0] as $site
# Without any VLAN a request has been refused for its VLAN already, and that is the site's fault.
| [inputs | select((.error | not) or ((.error.code? == "unknown-vlan") and ($site.vlans // []) == []))] as $requests
| [
    lacks("vlans"; $site.vlans),
    if $by_state != "no" then empty # the cluster's own nodes and storages
    elif ($site.nodes // []) == [] then path_of("nodes")
    elif any($site.nodes[]; (.storages // []) != []) then empty # the others don't fit
    else range($site.nodes | length) as $i | lacks("nodes[\($i)].storages"; $site.nodes[$i].storages) end,
    if $by_state == "no" then lacks("storages"; $site.storages) else empty end,
    if any($requests[]; .stateful_db == true or $site.roles[.role // ""].database == true) then lacks("database_storage_types"; $site.database_storage_types) else empty end,
    (($site.vlans // []) | to_entries[]
     | select(.value.vlan as $vid | any($requests[]; .vlan == $vid))
     | .key as $i | .value | lacks("vlans[\($i)].prefix"; .prefix), lacks("vlans[\($i)].bridge"; .bridge)),
    ([$requests[] | shape_of.shape as $shape | {shape: $shape, template: template_for($shape)}] | unique[]
     | "templates.\(.template)" as $key | .shape as $shape | $site.templates[.template] as $template
     | if $template == null then path_of($key)
       else (if $shape == "vm" then lacks("\($key).vm"; $template.vm) else lacks("\($key).lxc"; $template.lxc) end),
         lacks("\($key).cores"; $template.cores), lacks("\($key).memory_mib"; $template.memory_mib), lacks("\($key).disk_gib"; $template.disk_gib) end)
  ]
| if $requests == [] then [] else . end
| reduce .[] as $line ([]; if index([$line]) then . else . + [$line] end) | .[]
