# What Proxmox's HA manager keeps running, and what the site promises.

def guest_named($vmid): [$state.guests[]? | select((.vmid | tostring) == $vmid) | .name // empty][0] // "";
def with_ha: $state.ha | type == "object";
def resource_id: .sid | tostring | sub("\\A[a-z]+:"; "");
def promises: $site.services // [];
def seconds: if . == null then "" elif . >= 7200 then "\(. / 3600 * 10 | round / 10) h" elif . >= 120 then "\(. / 60 * 10 | round / 10) min" else "\(. * 10 | round / 10) s" end;

def rule_cells: ((.type // (if .nodes then "node-affinity" else "resource-affinity" end)) | data) as $type
  | [(.rule // .group // "?" | data), "\($type)\(if .negative then ", apart" else "" end)\(if .strict then ", strict" else "" end)",
     ([.resources[]?] | sort | listed), (.nodes // {} | if type == "object" then keys else . end | listed)];

def ha:
  heading("High availability"),
  (if with_ha | not then "What the HA manager keeps could not be seen." | paragraph
   else
     ($state.cluster | "The cluster \(if .quorate == true then "has a majority" elif .quorate == false then "has **no majority**" else "does not say whether it has a majority" end); \([$state.nodes[]?.votes // 0] | add // 0) votes of nodes\(if (.qdevice_votes // 0) > 0 then ", \(.qdevice_votes) of a QDevice" else "" end)." | paragraph),
     (if ($state.ha.resources // []) == [] then "The HA manager keeps no guest." | paragraph else empty end),
     table(["Resource", "Name", "Wanted", "State"];
       $state.ha.resources // [] | sort_by(.sid)[] | [(.sid | data), (guest_named(resource_id) | data), (.state // "?" | data), (.crm_state // "" | data)]),
     table(["Rule", "Kind", "Resources", "Nodes"]; [$state.ha.rules[]?] | sort_by(.rule)[] | rule_cells)
   end),
  (promises | select(. != []) | "What the site promises:", ""),
  table(["Service", "Kind", "Runs on", "Survives its node by", "Back within", "Why"];
    promises[] | [(.name | data), (if .type == "lxc" then "container" elif .type == "qemu" then "VM" else "" end),
      (if .pair then "the pair \(.pair | data)" elif .vmid then "\(.vmid) \(guest_named(.vmid | tostring) | data)" else "" end),
      (.ha // (if .pair then "the pair" else "" end) | data), (.sla_s | seconds), (.why // "" | data)]);
