# What is done now (`act`: remove, retire, nothing, none), all or none: where a record was refused, the others are not begun.
# Those that came with an error refuse nothing. A guest goes by a step of the plan alone.
include "text";

[inputs
 | if .do == "remove" and (.step.action != "destroy" or .record.error != null) then .do = "refuse" | .record |= (if .error then . else failed("unseen"; "the plan has no step for it") end)
   else . end] as $all
| any($all[]; .do == "refuse") as $refused
| $all[]
| if .do == "refuse" or .do == "pass" then .act = "none"
  elif .do == "nothing" then .act = .do
  elif $refused then .act = "none" | .record |= failed("not-begun"; "not begun: another guest of the call is refused")
  else .act = .do end
