# All guests.

def networks: [.config // {} | to_entries[] | select(.key | test("\\Anet[0-9]+\\z")) | .value | tostring];
def of_network($name): [networks[] | split(",")[] | select(startswith($name + "=")) | .[($name | length) + 1:]] | unique;
# `vmid check` knows an address besides from cloud-init and the VM's agent.
def addresses($checked): ([$checked | strings] + of_network("ip")) | map(select(. != "dhcp" and . != "manual")) | unique;
def managed: [$state.ha.resources[]?.sid | tostring | sub("\\A[a-z]+:"; "") | {key: ., value: true}] | from_entries;
def tags: [.config.tags // "" | splits("[;, ]+") | select(. != "")];

def by_guest: reduce $findings[] as $record ({}; if $record.vmid then .["\($record.vmid)"] += ($record | codes) else . end);

def guests:
  by_guest as $found
  | managed as $managed
  | ($checked | map({key: "\(.vmid)", value: .address}) | from_entries) as $address
  | heading("Guests"),
  table(["ID", "Name", "Kind", "Node", "Address", "Bridge", "VLAN", "Tags", "HA", "Starts at boot", "Status", "Findings"];
    $state.guests // [] | sort_by(.vmid)[] | .vmid as $vmid
    | [(.vmid | tostring), (.name // "" | data), ((if .type == "lxc" then "container" else "VM" end) + (if .template == true or .config.template == 1 then " template" else "" end)), (.node | data),
       (addresses($address["\($vmid)"]) | listed), (of_network("bridge") | listed), (of_network("tag") | listed), (tags | listed), ($managed["\($vmid)"] == true | yes_no), (.config.onboot == 1 | yes_no), (.status // "?" | data),
       ($found["\($vmid)"] // [] | unique | listed)]);
