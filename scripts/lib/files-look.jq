# The second look: records that are to be removed, with an error if a file of their backup isn't as it was.
# $look is what find sees of them now, four words a line.
include "seen";
($look | seen) as $seen
| map(. + {same: is_as_in($seen)})
| (map(select(.same | not) | {([.series, .["backup-time"]] | tojson): .path}) | add // {}) as $altered
| .[]
| $altered[[.series, .["backup-time"]] | tojson] as $file
| del(.same)
| if $file then . + {error: {code: "changed", message: "\($file) is not as it was when this was planned"}} else . end
