# All or none: where a record was refused, the others are not begun. Those that came with an error refuse nothing.
include "text";

[inputs] as $all
| any($all[]; .do == "refuse") as $refused
| $all[]
| if $refused and .do != "refuse" and .do != "pass" and .do != "nothing" then
    .record |= failed("not-begun"; "not begun: another guest of the call is refused")
  else . end
