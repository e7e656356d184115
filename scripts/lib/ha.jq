# The HA setup of site.json ("ha", "pairs") as ha-manager commands for PVE $pve, or with $remove what undoes it.
(.ha // error("it has no \"ha\"")) as $ha
| [$ha.resources[].sid] as $sids
| [.pairs[]? | . as $pair | [.members[] | "ct:\(.vmid)", "vm:\(.vmid)"] | map(select(IN($sids[]))) | select(length > 1) | {name: $pair.name, sids: .}] as $apart
| def comment: if .why then "  # \(.name): \(.why)" else "  # \(.name)" end;
  if $remove then
    (select($pve == 9) | ($apart[].name, $ha.name) | "ha-manager rules remove \(.)"),
    ($ha.resources[] | "ha-manager remove \(.sid)" + comment),
    (select($pve == 8) | "ha-manager groupremove \($ha.name)")
  elif $pve == 8 then
    "ha-manager groupadd \($ha.name) --nodes \($ha.nodes | join(","))",
    ($ha.resources[] | "ha-manager add \(.sid) --group \($ha.name) --state started" + comment)
  else
    ($ha.resources[] | "ha-manager add \(.sid) --state started" + comment),
    "ha-manager rules add node-affinity \($ha.name) --resources \($sids | join(",")) --nodes \($ha.nodes | join(","))",
    ($apart[] | "ha-manager rules add resource-affinity \(.name) --resources \(.sids | join(",")) --affinity negative")
  end
| gsub("[[:cntrl:]]"; "?")
