# The record of one service: of its backup, of its restore test ($mode), or of why there is none ($code).
($facts[0] // {}) as $told
| {service: $service}
  + (if $file == "" then {} else {file: $file, size: $size, count: $count, sha256: $sha256, sqlite: ($told.sqlite // [])} end)
  + {duration_ms: $duration_ms}
  + (if $mode == "backup" and $file != "" then {kept: $kept, removed: $removed, previous_size: $previous_size} else {} end)
  + {changed: (($mode == "backup" and $file != "") or $mode == "settled"), warnings: $ARGS.positional}
  + (if $mode == "settled" then {settled: true} else {} end)
  + (if $code == "" then {} else {error: {code: $code, message: $why}} end)
