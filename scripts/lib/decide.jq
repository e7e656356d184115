# What will be made of a request that has its address and ID: shape, node, storage and privilege,
# each with the rule that decides it in `reasons`; then the command (make.jq).
#
# Reads $site (site.json), $placed (pvx-migrate place's answers, if it was asked), $guests (PVE's cluster resources), $snapshots (PBS's list), $probes
# (what the wire said: name, address, wire, ...) and $keys (public keys, "" if not readable here).
include "site";
include "text";
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
  | ([$guests[] | select(.vmid == $vmid)][0]) as $live
  | if $live == null then .
    elif same_name($live.name; $site) then .exists = true | .node = $live.node | because("node"; "it lives there already")
    else failed("vmid-taken"; "\(.vmid) lives already, as \($live.type) \($live.name // "without a name") on \($live.node)") end;

def namesakes($site):
  . as $own
  | reduce ($guests[] | . as $other | select(.vmid != null and .vmid != $own.vmid) | select($own | same_name($other.name; $site))) as $other
      (.; warned("a guest of this name lives as \($other.vmid) on \($other.node)"));

def backups:
  "\(.vmid)" as $id
  | [$snapshots[] | select("\(.["backup-id"])" == $id and (.["backup-type"] | . == "ct" or . == "vm"))] as $old
  | if .exists or $old == [] then . else
      .old_backups = {count: ($old | length), newest: ($old | map(.["backup-time"]) | max | todate)}
      | warned("\($id) has \(.old_backups.count) backups of an earlier guest, the newest of \(.old_backups.newest): new ones will be among them")
    end;

def shaped:
  . as $own
  | if .compose | not then .shape = "lxc" | because("shape"; "not a compose stack")
    elif .stateful_db then .shape = "docker-lxc" | because("shape"; "a compose stack with a stateful database")
    elif .high_io then .shape = "vm" | because("shape"; "a compose stack with high I/O")
    elif .custom_kernel then .shape = "vm" | because("shape"; "a compose stack with a kernel of its own")
    else .shape = "docker-lxc" | because("shape"; "a compose stack, neither high I/O nor a kernel of its own") end
  | reduce ({high_io: "high I/O", custom_kernel: "a kernel of its own"} | to_entries[]) as $wish
      (.; if $own[$wish.key] and .shape != "vm" then warned("\($wish.value) makes no VM of it: \(.reasons.shape)") else . end);

# The first storage of a node that such a guest may be on, or null.
def storage_on($node; $site; $database):
  [$node.storages[] as $name | $site.storages[]
   | select(.storage == $name and .guests != false)
   | select(($database | not) or (.type as $type | $site.database_storage_types | index([$type])))][0];

def placed($site):
  . as $own
  | (.stateful_db == true or $site.roles[.role // ""].database == true) as $database
  | (if $database then "databases are on \($site.database_storage_types | join(" or ")) only" else "any storage for guests" end) as $need
  | [$site.pairs[]? | select(any(.members[]; .name == $own.name)) | .members[] | select(.name != $own.name)] as $partners
  | [$site.nodes[] | . as $node | . + {at: storage_on(.; $site; $database), beside: [$partners[] | select(.node == $node.name) | .name]}] as $nodes
  | (if .node then [$nodes[] | select(.name == $own.node)] else [$nodes[] | select(.at and .beside == [])] end | .[0]) as $node
  | ([$placed[] | select(.name == $own.name and .vmid == $own.vmid)][0]) as $place
  | if .exists then .storage = null
    elif $place.error then failed($place.error.code; $place.error.message)
    elif $place then
      .node = $place.node | .storage = $place.storage | because("node"; $place.reason) | because("storage"; "\(.storage) on \(.node): \($need)")
    elif $node.at == null then
      failed("no-storage"; (if .node then "\(.node) has no" else "no node has a" end) + " storage that fits (\($need)): \([$nodes[] | "\(.name) \(.storages | join(","))"] | join(", "))")
    else
      .node = $node.name | .storage = $node.at.storage
      | because("node"; if $own.node then "asked for" else "the first of the site file that fits" + ([$partners[] | ", apart from \(.name) on \(.node)"] | join("")) end)
      | because("storage"; "\(.storage) on \(.node) is \($node.at.type): \($need)")
      | if $node.beside == [] then . else warned("\($node.beside | join(", ")) of the same pair is on \(.node), too") end
    end;

def privileged($site):
  ($site.roles[.role // ""] // {}) as $role
  | if .shape == "vm" then .unprivileged = null
    elif $role.privileged then .unprivileged = false | because("unprivileged"; "role \(.role): \($role.why // "privileged in the site file")")
    else .unprivileged = true | because("unprivileged"; "only the roles \([$site.roles | to_entries[] | select(.value.privileged) | .key] | join(", ")) are privileged") end;

def fitted($site):
  if .template then because("template"; "asked for")
  else .template = (if .shape != "lxc" or .role == "docker" then "docker" else "base" end) | because("template"; "the one for \(.shape)") end;

def step(f): if .error then . else f end;

$site[0] as $site
| step(probed)
| step(met($site)) | step(namesakes($site)) | step(backups)
| step(shaped) | step(placed($site)) | step(privileged($site)) | step(fitted($site))
| step({reasons, warnings} as $told | del(.reasons, .warnings) + $told)
| step(if .exists then .command = null | .params = null else
    .vlan as $vid | first($site.vlans[] | select(.vlan == $vid)) as $vlan
    | made($site; $vlan; .prefix | gateway($vlan.gateway)) end)
| if .error and has("changed") then .changed = false else . end
