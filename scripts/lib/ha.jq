# The HA setup of site.json ("ha", "pairs") as ha-manager commands for PVE $pve, or with $remove what undoes it.
# The lines are for root's shell, so every word of them is quoted where it has to be.
include "text";

def word: tostring | if test("\\A[A-Za-z0-9_@%+=:,./-]+\\z") then . else @sh end;
def comment: ["  # \(.name)", .why // empty] | join(": ");

(.ha // error("it has no \"ha\"")) as $ha
| [$ha.resources[].sid] as $sids
| [.pairs[]? | . as $pair | [.members[] | "ct:\(.vmid)", "vm:\(.vmid)"] | map(select(IN($sids[]))) | select(length > 1) | {name: $pair.name, sids: .}] as $apart
| ($ha.name | word) as $name
| ($ha.nodes | join(",") | word) as $nodes
| if $remove then
    (select($pve == 9) | ($apart[].name, $ha.name) | "ha-manager rules remove \(word)"),
    ($ha.resources[] | "ha-manager remove \(.sid | word)" + comment),
    (select($pve == 8) | "ha-manager groupremove \($name)")
  elif $pve == 8 then
    "ha-manager groupadd \($name) --nodes \($nodes)",
    ($ha.resources[] | "ha-manager add \(.sid | word) --group \($name) --state started" + comment)
  else
    ($ha.resources[] | "ha-manager add \(.sid | word) --state started" + comment),
    "ha-manager rules add node-affinity \($name) --resources \($sids | join(",") | word) --nodes \($nodes)",
    ($apart[] | "ha-manager rules add resource-affinity \(.name | word) --resources \(.sids | join(",") | word) --affinity negative")
  end
| printable
