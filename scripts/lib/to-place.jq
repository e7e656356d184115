# What pvx-migrate place has to know of a guest that is to be made; a node counts only if it was asked for.
include "records";

select(.error == null and (of_no_guest | not) and (.exists | not))
| {name, vmid, vlan, role, template, shape, stateful_db, node: (if .reasons.node == "asked for" then .node else null end)}
| del(.[] | nulls)
