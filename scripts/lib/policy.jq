# What provision and deprovision hand to the tools, a line each: domain, avoid list, SSH keys file, networks.
include "site";
. as $site
| ["domain", "nodes", "roles", "storages", "templates", "vlans"] - (if type == "object" then keys else [] end)
| if . == [] then $site else error("it has no \(join(", no "))") end
| .domain, (kept(.) | join(",")), (.ssh_keys_file // ""), ([.vlans[] | {vlan, prefix}] | tojson)
