# The nodes, as a diagram and as a table.

# Mermaid draws some dozens of guests; of more there are only counts.
def most_drawn: 80;
def gib: . / 1073741824 | round;
def guests_of($node): $guests_by_node[$node | tostring] // [];
def counts: [(map(select(.type == "lxc")) | length | select(. > 0) | some("container")), (map(select(.type == "qemu")) | length | select(. > 0) | some("VM"))]
    | if . == [] then "no guests" else join(", ") end;
def nodes: [$state.nodes[]?] | sort_by(.node);
def storages_on($node): [$state.storages[]? | select((.nodes // {}) | has($node)) | .storage] | sort;
def is_drawn: ([$state.guests[]?] | length) <= most_drawn;

def cluster_diagram:
  is_drawn as $each
  | diagram(
      nodes | to_entries | select(. != []) | "flowchart TB",
      (.[] | .key as $at | .value.node as $node | guests_of($node) as $guests
       | "  subgraph n\($at)[\((if .value.online == false then "\($node) (offline)" else $node end) | quoted)]",
         "    direction TB",
         (if $each and $guests != [] then $guests | to_entries[] | "    n\($at)g\(.key)" + (if .value.type == "qemu" then "([\(.value | "\(.vmid) \(.name // "")" | quoted)])" else "[\(.value | "\(.vmid) \(.name // "")" | quoted)]" end)
          else "    n\($at)g0[\($guests | counts | quoted)]" end),
         "  end"));

def cluster:
  heading("Cluster"),
  (nodes | map(select(.online)) as $online | "\(length | some("node")), \($online | length) online; \([$state.guests[]?] | counts)." + (if is_drawn then " Rounded is a VM." else "" end) | paragraph),
  cluster_diagram,
  table(["Node", "Online", "Cores", "Memory", "Votes", "Proxmox VE", "Storages", "Guests"];
    nodes[] | .node as $node | [($node | data), (.online | yes_no), (.maxcpu // "?" | data), (if .maxmem then "\(.maxmem | gib) GiB" else "?" end), (.votes // "?" | data),
      (.pve // "?" | data), (storages_on($node) | listed), (guests_of($node) | counts)]);
