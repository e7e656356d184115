# What became of the records that were to be removed: $removed are the names that find removed, $error is what it said.
(reduce ($removed | split("\u0000")[] | ltrimstr("\n")) as $name ({}; .[$name] = true)) as $gone
| ($error | split("\n") | map(select(. != "") | sub("^find: "; ""))) as $lines
| .[]
| (.path | split("/") | last) as $name
| (first($lines[] | select(contains("./" + $name))) // null) as $said
| del(.inode)
| if .error then {changed: false, error} as $failed | del(.error) + $failed
  elif $gone[$name] then . + {changed: true}
  elif $said and ($said | contains("No such file") | not) then . + {changed: false, error: {code: "refused", message: $said}}
  else . + {changed: false, error: {code: "changed", message: "\(.path) is not as it was when this was planned"}}
  end
