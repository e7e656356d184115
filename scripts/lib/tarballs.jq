# What find saw of BK_ folders, seven words a line: each folder, and each plain file of one, a record.
split("\u0000") as $words
| [range(0; ($words | length) - 6; 7) as $at
   | $words[$at:$at + 7] as [$kind, $depth, $inode, $above, $name, $size, $mtime]
   | {kind: ($kind | ltrimstr("\n")), depth: $depth, path: "\($above)/\($name)", $inode, $above, $size, $mtime}]
| (map(select(.depth == "0" and .kind == "d" and (.path | endswith("/BK_") | not)) | {(.path): true}) | add // {}) as $folders
| sort_by(.path)[]
| if .depth == "0" then {kind, folder: .path, inode}
  elif .kind == "f" and $folders[.above] then {path, size: (.size | tonumber), mtime: (.mtime | tonumber), inode}
  else empty end
