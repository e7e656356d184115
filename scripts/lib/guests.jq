# The guests of PVE's /cluster/resources, a line each, `vmid` as a number. What is no such list is refused,
# because it would show that no guest lives; with $proof, a list without a guest is, too.
include "records";

def guest:
  (.vmid | decimal) as $vmid
  | if $vmid then .vmid = $vmid
    elif .vmid == null and (.type | type == "string" and . != "lxc" and . != "qemu") then empty # a node, a storage
    else error("no list of guests, it has \(tojson[:80])") end;

[whole | guest]
| if $proof and . == [] then error("it has no guest at all, which does not show that this one is gone (or --force)") else .[] end
