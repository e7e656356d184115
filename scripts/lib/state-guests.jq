# The guests of a state document as scripts/inventory prints them: for the checks of IDs and addresses.

.guests[]
| {vmid, type, node, name, status, template: (if .template then 1 else 0 end)} as $guest
| if .config | type == "object" then $guest + .config + $guest
  else $guest + {error: {code: "unseen", message: "/nodes/\(.node)/\(.type)/\(.vmid)/config: it was not seen"}} end
