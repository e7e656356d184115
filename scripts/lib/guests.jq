# The guests of PVE's /cluster/resources, of records as inventory prints them, or of a state document of
# pvx-migrate: a line each, `vmid` as a number. What is no such list is refused, because it would show that no
# guest lives; with $proof, a list without a guest is, too.
include "records";

def guest:
  (.vmid | decimal) as $vmid
  | if $vmid then .vmid = $vmid
    elif .vmid == null and (.type | type == "string" and . != "lxc" and . != "qemu") then empty # a node, a storage
    else error("no list of guests, it has \(tojson[:80])") end;

# In a state document the name of its configuration: the overview may have that of the guest before for seconds.
def named: (.config | objects | (.hostname, .name) | strings) as $name | .name = $name;

def is_state: type == "object" and (.guests | type) == "array" and (.nodes | type) == "array" and .vmid == null;

[whole | if is_state then .guests[] | first(named, .) else . end | guest]
| if $proof and . == [] then error("it has no guest at all, which does not show that this one is gone (or --force)") else .[] end
