# What will be made of a request that has its address and ID: shape, node, storage and privilege,
# each with the rule that decides it in `reasons`; then the command (make.jq).
#
# Reads $site (as `vmid site` prints it), $placed (pvx-migrate place's answers; $by_state is "to ask", "asked" or
# "no"), $guests (those that live), $snapshots (PBS's list), $probes (what the wire said: name, address, wire, ...)
# $traces (vmid trace's answer of the IDs, where there is a state) and $keys (public keys, "" if not readable here).
include "records";
include "site";
include "text";
include "shape";
include "make";

def because($field; $rule): .reasons[$field] = $rule;
def warned($message): .warnings += [$message];
def same_name($other; $site): $other != null and ($other | short($site)) == (.name | short($site));

def probed:
  . as $own
  | [$probes[] | select(.name == $own.name)] as $asked
  | .warnings = []
  | .wire = ([$asked[] | select(.address == ($own.address | split("/")[0])) | .wire][-1] // "not asked")
  | .squatters = [$asked[] | select(.wire == "taken") | {address, mac, interface}]
  | if .wire == "taken" then failed("squatted"; "\(.squatters | length) addresses in a row answer on the wire, the last \(.address)") else . end;

# A guest under this ID is an error, unless it has this name, too: then it is this guest.
def met($site):
  .vmid as $vmid
  | [$guests[] | select(.vmid == $vmid)] as $here
  | (. as $own | [$here[] | select(.name as $name | $own | same_name($name; $site) | not)][0]) as $other
  | if $here == [] then .
    elif $other == null then .exists = true | .node = $here[0].node | because("node"; "it lives there already")
    else failed("vmid-taken"; "\(.vmid) lives already, as \($other.type) \($other.name // "without a name") on \($other.node)") end;

# The address and the ID of a member of a pair are that member's, whether it lives yet or not.
def kept_for_member($site):
  . as $own
  | [$site.pairs[] | .name as $pair | .members[] | . + {pair: $pair} | select(.name as $name | $own | same_name($name; $site) | not)] as $others
  | ([$others[] | select(.vmid != null and .vmid == $own.vmid)][0]) as $id
  | ([$others[] | select(.address != null and .address == ($own.address | split("/")[0]))][0]) as $address
  | if $id then failed("vmid-taken"; "\(.vmid) is kept for \($id.name), a member of the pair \($id.pair)")
    elif $address then failed("excluded"; "\($address.address) is kept for \($address.name), a member of the pair \($address.pair)")
    else . end;

def namesakes($site):
  . as $own
  | reduce ([$guests[] | . as $other | select(.vmid != null and .vmid != $own.vmid) | select($own | same_name($other.name; $site)) | {vmid, node}] | unique[]) as $other
      (.; warned("a guest of this name lives as \($other.vmid) on \($other.node)"));

def backups:
  "\(.vmid)" as $id
  | [$snapshots[] | select("\(.["backup-id"])" == $id and (.["backup-type"] | . == "ct" or . == "vm"))] as $old
  | if .exists or $old == [] then . else
      .old_backups = {count: ($old | length), newest: ($old | map(.["backup-time"]) | max | todate)}
      | warned("\($id) has \(.old_backups.count) backups of an earlier guest, the newest of \(.old_backups.newest): new ones will be among them")
    end;

# What of an earlier guest of the ID is left would become this one's.
def remembered:
  . as $own
  | [$traces[] | select(.vmid == $own.vmid and .matters == "reuse")] as $left
  | ([$left[] | select(.trace | IN("volume", "ha", "replication"))][0]) as $bears
  | [$traces[] | select(.trace == "unseen" and (.vmid == null or .vmid == $own.vmid)) | "\(.where) (\(.right // .why))"] as $unseen
  | if .exists then .
    elif $bears then failed("remembered"; "\(.vmid) is still remembered: \($bears.where)\(if $bears.node then " on \($bears.node)" else "" end) \(if $bears.why // "" | startswith("used by ") then "is \($bears.why)" else "is left of an earlier guest" end)\(if $bears.remedy then ": '\($bears.remedy)' clears it" elif $bears.why and ($bears.why | startswith("used by ") | not) then "; \($bears.why)" else "" end)")
    else
      reduce ($left[] | "\(.trace) \(.where)\(if .count then " (\(.count), the newest of \(.newest))" else "" end)") as $what (.; warned("\($own.vmid) is still remembered: \($what)"))
      | if $unseen == [] then . else warned("whether \(.vmid) is still remembered isn't wholly seen: \($unseen | join("; "))") end
    end;

def shaped:
  . as $own
  | shape_of as $found
  | .shape = $found.shape | because("shape"; $found.why)
  | reduce ({high_io: "high I/O", custom_kernel: "a kernel of its own"} | to_entries[]) as $wish
      (.; if $own[$wish.key] and .shape != "vm" then warned("\($wish.value) makes no VM of it: \(.reasons.shape)") else . end);

# The first storage of a node that such a guest may be on, or null.
def storage_on($node; $site; $database):
  (if .shape == "vm" then "images" else "rootdir" end) as $content
  | [$node.storages[] as $name | $site.storages[]
   | select(.storage == $name and .guests != false and (.content == null or (.content | index([$content]))))
   | select(($database | not) or (.type as $type | $site.database_storage_types | index([$type])))][0];

# Why such a guest can't be on this node (one of the site's), as [code, message]; null if it can. What the site
# doesn't say of a node, its bridges or its size, speaks against nothing.
def objection($node; $vlan; $template; $need):
  if $node.at == null then ["no-storage", "\($node.name) has no storage that fits (\($need)), it has \($node.storages | join(", ") | if . == "" then "none" else . end)"]
  elif $node.bridges and ($node.bridges | index([$vlan.bridge]) | not) then
    ["no-bridge", "\($node.name) has no bridge \($vlan.bridge), on which VLAN \($vlan | called) is, it has \($node.bridges | join(", ") | if . == "" then "none" else . end)"]
  elif $node.cores and $template.cores > $node.cores then
    ["too-big", "\($node.name) has \($node.cores) cores, and the template wants \($template.cores)"]
  elif $node.memory_mib and $template.memory_mib > $node.memory_mib then
    ["too-big", "\($node.name) has \($node.memory_mib) MiB of memory, and the template wants \($template.memory_mib)"]
  else null end;

def placed($site):
  . as $own
  | (.stateful_db == true or $site.roles[.role // ""].database == true) as $database
  | (if $database then "databases are on \($site.database_storage_types | join(" or ")) only" else "any storage for guests" end) as $need
  | first($site.vlans[] | select(.vlan == $own.vlan)) as $vlan
  | $site.templates[template_for(.shape)] as $template
  | [$site.pairs[] | select(any(.members[]; .name as $name | $own | same_name($name; $site))) | .members[] | select(.name as $name | $own | same_name($name; $site) | not)] as $partners
  | [$site.nodes[] | . as $node
     | . + {at: ($own | storage_on($node; $site; $database)), beside: [$partners[] | select(.node == $node.name) | .name]}
     | . + {why_not: objection(.; $vlan; $template; $need)}] as $nodes
  | (if .node then [$nodes[] | select(.name == $own.node)] else [$nodes[] | select(.why_not == null and .beside == [])] end | .[0]) as $node
  | ([$placed[] | select(.name == $own.name and .vmid == $own.vmid)][0]) as $place
  | if .exists then .storage = null
    elif $place.error then failed($place.error.code; $place.error.message)
    elif $place then
      .node = $place.node | .storage = $place.storage | because("node"; $place.reason) | because("storage"; "\(.storage) on \(.node): \($need)")
    elif $by_state == "to ask" then if .node then because("node"; "asked for") else . end
    elif $by_state == "asked" then failed("no-place"; "pvx-migrate place said nothing of it")
    elif .node and $node.why_not then failed($node.why_not[0]; $node.why_not[1])
    elif $node == null then
      [$nodes[] | .why_not // ["beside", "\(.name) has \(.beside | join(", ")) of the same pair"]] as $reasons
      | failed(if all($reasons[]; .[0] == $reasons[0][0]) then $reasons[0][0] else "no-node" end; "no node fits: \([$reasons[][1]] | join("; "))")
    else
      .node = $node.name | .storage = $node.at.storage
      | because("node"; if $own.node then "asked for" else "the first of the site file that fits" + ([$partners[] | ", apart from \(.name)" + if .node then " on \(.node)" else "" end] | join("")) end)
      | because("storage"; "\(.storage) on \(.node) is \($node.at.type): \($need)")
      | if $node.beside == [] then . else warned("\($node.beside | join(", ")) of the same pair is on \(.node), too") end
    end;

def privileged($site):
  ($site.roles[.role // ""] // {}) as $role
  | if .shape == "vm" then .unprivileged = null
    elif $role.privileged then .unprivileged = false | because("unprivileged"; "role \(.role): \($role.why // "privileged in the site file")")
    else
      [$site.roles | to_entries[] | select(.value.privileged) | .key] as $roles
      | .unprivileged = true
      | because("unprivileged"; if $roles == [] then "no role of the site is privileged" else "only the roles \($roles | join(", ")) are privileged" end)
    end;

def fitted:
  if .template then because("template"; "asked for") else .template = template_for(.shape) | because("template"; "the one for \(.shape)") end;

def step(f): if .error or of_no_guest then . else f end;

$site[0] as $site
| step(probed)
| step(met($site)) | step(if .exists then . else kept_for_member($site) end) | step(namesakes($site)) | step(backups) | step(remembered)
| step(shaped) | step(placed($site)) | step(privileged($site)) | step(fitted)
| step({reasons, warnings} as $told | del(.reasons, .warnings) + $told)
| step(if .exists then .command = null | .params = null else
    .vlan as $vid | first($site.vlans[] | select(.vlan == $vid)) as $vlan | made($site; $vlan; $vlan | gateway) end)
| if .error and has("changed") then .changed = false else . end
