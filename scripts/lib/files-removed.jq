# What became of the records that were to be removed: $removed are the names that find removed, $error is what it
# said, and $look what it sees of all names afterwards. What is as it was could not be removed.
include "seen";
(reduce ($removed | split("\u0000")[] | ltrimstr("\n")) as $name ({}; .[$name] = true)) as $gone
| ($look | seen) as $seen
| ($error | split("\n") | map(select(. != "") | split(": ") | last) | unique | join(", ")) as $causes
| .[]
| (.path | split("/") | last) as $name
| is_as_in($seen) as $still
| del(.inode)
| if .error then {changed: false, error} as $failed | del(.error) + $failed
  elif $gone[$name] then . + {changed: true}
  elif $still then . + {changed: false, error: {code: "refused", message: "\(.path) can't be removed: \($causes)"}}
  else . + {changed: false, error: {code: "changed", message: "\(.path) is not as it was when this was planned"}}
  end
