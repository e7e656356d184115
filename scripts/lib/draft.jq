# The draft of a site file from what a cluster says: $status, $resources (of /cluster), $bridges (node, iface),
# $ha (its resources), $guests (as inventory prints them). What isn't known is left out; "x-todo" says what.

def number: split(".") | reduce (.[] | tonumber) as $octet (0; . * 256 + $octet);
def dotted: [. / 16777216, . / 65536 % 256, . / 256 % 256, . % 256] | map(floor | tostring) | join(".");
def words: tostring | split(",") | map(capture("\\A\\s*(?<key>[^=]+)=(?<value>.*)\\z")? // empty) | from_entries;

# The network of an address with its mask: {prefix, first, last, host}, or nothing.
def network:
  capture("\\A(?<address>[0-9]{1,3}([.][0-9]{1,3}){3})/(?<bits>[0-9]{1,2})\\z")? // empty
  | (.bits | tonumber) as $bits | (.address | number) as $there
  | select($bits >= 8 and $bits <= 30)
  | pow(2; 32 - $bits) as $size | ($there - $there % $size) as $base
  | {prefix: "\($base | dotted)/\($bits)", first: ($base + 1 | dotted), last: ($base + $size - 2 | dotted), host: ($there - $base)};

# The prefix holds all of $other.
def holds($other):
  def span: split("/") as [$address, $bits] | ($address | number) as $first | {$first, last: ($first + pow(2; 32 - ($bits | tonumber)) - 1)};
  span as $own | ($other | span) as $its | $own.first <= $its.first and $its.last <= $own.last;

# The interfaces of a guest that have a static address: {bridge, tag, gw, vmid} and its network.
def interfaces:
  . as $guest
  | to_entries[] | select(.key | test("\\Anet[0-9]+\\z"))
  | (.value | words) as $net
  | ($guest["ipconfig" + .key[3:]] // "" | words) as $cloud
  | ($net.ip // $cloud.ip // "" | network)
    + {bridge: $net.bridge, tag: ($net.tag // "" | tonumber? // null), gw: ($net.gw // $cloud.gw), vmid: $guest.vmid};

# What most of a list are; null of an empty one.
def most: group_by(.) | max_by(length) | if . == null then null else .[0] end;

# The VLAN of a network without tags: what its guests' IDs say, else 1, which a bridge has of its own.
def own_vlan: [.[] | select(.host > 0 and .host < 1000 and .vmid >= 1000 and .vmid % 1000 == .host) | .vmid / 1000 | floor | select(. <= 4094)] | most // 1;

def gateway_of($rows):
  ([$rows[].gw // empty] | most) as $gw
  | if $gw == null then {} elif $gw == $rows[0].first then {gateway: "first"} elif $gw == $rows[0].last then {gateway: "last"} else {gateway: $gw} end;

# A network, from the interfaces in it.
def vlan_of($vid):
  . as $rows
  | {vlan: $vid, prefix: .[0].prefix}
    + ([.[].bridge // empty] | most as $bridge | if $bridge then {bridge: $bridge} else {} end)
    + (if .[0].tag == null then {tagged: false} else {} end)
    + gateway_of($rows)
  | .["x-todo"] = ([
      "name the DHCP pool and the machines that are no guests, in the IPAM (ip-ranges.csv, ip-addresses.csv) or in avoid",
      (if .tagged == false then "is VLAN \($vid) right? its guests have no tag" else empty end),
      (if .gateway then empty else "no guest names a gateway: the first address is taken to be it" end)
    ] | join("; "));

def clean: test("\\A[A-Za-z0-9][A-Za-z0-9_.-]*\\z");

[$resources[] | select(.type == "storage" and (.storage | clean))] as $stored
| [$guests[] | select(.error | not) | interfaces] as $nics
| ($guests | map(to_entries[] | select(.key | test("\\A(rootfs|mp[0-9]+|(scsi|virtio|sata|ide)[0-9]+)\\z")) | .value | tostring | split(":")[0])) as $used
| def holds_guests: (.content // "" | split(",")) as $content | any($content[]; . == "rootdir" or . == "images");
  [$nics | group_by([.prefix, .tag])[] | {vid: (.[0].tag // own_vlan), rows: .}] as $found
# A VLAN has one network here: that of most of its guests. And no network is in another's, as a site file has it:
# the narrower one stays, of equals that with more guests. The others are told.
| ($found | group_by(.vid) | map(sort_by(-(.rows | length)))) as $by_vlan
| [$by_vlan[][0]] as $first
| [$first[] | . as $wide
   | select(any($first[]; .vid != $wide.vid and .rows[0].prefix as $prefix | ($wide.rows[0].prefix | holds($prefix))
       and ($prefix != $wide.rows[0].prefix or [-(.rows | length), .vid] < [-($wide.rows | length), $wide.vid])))] as $around
| ($first - $around) as $kept
| [$by_vlan[][1:][], $around[] | "\(.rows[0].prefix) has guests, too\(if .rows[0].tag then ", with the tag \(.vid)" else ", without a tag" end): it is no VLAN of the draft"] as $others
| ([$guests[] | select(.error | not) | to_entries[] | select(.key | test("\\Anet[0-9]+\\z")) | .value | words | .tag // empty | tonumber? // empty] | unique - [$found[].vid]) as $unseen
| {
    "x-todo": ([
      "domain, timezone, locale, nameserver, ssh_keys_file: for new guests",
      "pairs: guests that stand in for each other; without them nothing keeps them on different nodes",
      "roles and templates: provision needs templates.base and templates.docker"
    ] + $others + [$unseen[] | "VLAN \(.): guests have its tag, and none a static address that says its prefix"]),
    name: ([$status[] | select(.type == "cluster").name][0]),
    nodes: [$resources[] | select(.type == "node" and (.node | clean)) | .node as $node
      | {name: $node}
        + ([$status[] | select(.type == "node" and .name == $node).ip // empty] | if . == [] then {} else {address: .[0]} end)
        + (if .maxcpu then {cores: .maxcpu} else {} end)
        + (if .maxmem then {memory_mib: (.maxmem / 1048576 | floor)} else {} end)
        + {storages: ([$stored[] | select(.node == $node and holds_guests).storage] | unique | sort_by(. as $name | -([$used[] | select(. == $name)] | length)))}
        + ([$bridges[] | select(.node == $node).iface | select(clean)] | unique | if . == [] then {} else {bridges: .} end)
        + (if .status == "online" then {} else {"x-todo": "it is offline: its cores, memory, storages and bridges may be more"} end)] | sort_by(.name),
    storages: [$stored | group_by(.storage)[] | .[0]
      | {storage} + (if .plugintype then {type: .plugintype} else {} end)
        + (if .content then {content: (.content | split(",") | sort)} else {} end)
        + (if holds_guests then {} else {guests: false} end)],
    vlans: [$kept[] | .vid as $vid | .rows | vlan_of($vid)] | sort_by(.vlan)
  }
| if .name then . else del(.name) end
| [$ha[] | .sid | select(test("\\A(vm|ct):[0-9]+\\z"))] as $sids
| if $sids == [] then . else
    .ha = {name: ((.name // "cluster") | gsub("[^A-Za-z0-9_-]"; "-")), nodes: [.nodes[].name],
           resources: [$sids[] as $sid | ($sid | split(":")[1] | tonumber) as $id | {sid: $sid} + ([$guests[] | select(.vmid == $id).name | select(clean)] | if . == [] then {} else {name: .[0]} end)]}
  end
