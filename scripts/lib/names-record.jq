# A name server's record. Reads $server, $plan (null if it didn't come to one), $changed, $verified, $ms, $dry, and $code and $why
# of what failed (empty: nothing).
include "text";

($plan[0] // {added: [], removed: [], moved: []}) as $plan
| {name: $server.name, address: $server.address, format: $server.format, file: $server.file}
+ (if $plan.total then {total: $plan.total} else {} end)
+ {added: ($plan.added | length), removed: ($plan.removed | length), moved: ($plan.moved | length)}
+ ([("added", "removed", "moved") as $kind | {key: "\($kind)_names", value: ($plan[$kind][:20] | map(printable))} | select(.value != [])] | from_entries)
+ (if $plan.serial then {serial: $plan.serial} else {} end)
+ {changed: $changed, verified: $verified, took_ms: $ms}
+ (if $dry then {dry_run: true} else {} end)
| if $code == "" then . else failed($code; $why) end
