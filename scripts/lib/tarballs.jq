# The plain files that find saw in BK_ folders, six words a line, a record each. One of depth 0 is no folder.
split("\u0000") as $words
| [range(0; ($words | length) - 5; 6) as $at
   | $words[$at:$at + 6] as [$depth, $inode, $above, $name, $size, $mtime]
   | select(($depth | endswith("1")) and ($above | endswith("/BK_") | not))
   | {path: "\($above)/\($name)", size: ($size | tonumber), mtime: ($mtime | tonumber), inode: $inode}]
| sort_by(.path)[]
