# The second look: records that are to be removed, with an error if a file of their backup isn't as it was.
# $look is what find sees of them now, four words a line.
($look | split("\u0000")) as $words
| (reduce range(0; ($words | length) - 3; 4) as $at ({};
    .[$words[$at] | ltrimstr("\n")] = [$words[$at + 1:$at + 3][] | tonumber] + [$words[$at + 3]])) as $seen
| map(. + {same: ($seen[.path | split("/") | last] == [.size, .mtime, .inode])})
| (map(select(.same | not) | {([.series, .["backup-time"]] | tojson): .path}) | add // {}) as $altered
| .[]
| $altered[[.series, .["backup-time"]] | tojson] as $file
| del(.same)
| if $file then . + {error: {code: "changed", message: "\($file) is not as it was when this was planned"}} else . end
