# Why a group is left alone, as the code and the message of its records, a line each; nothing if it may be pruned. The input is its first
# batch (batches.jq), $now its list read again, $opinion the server's own dry run, where that is asked for ($check).
include "records";
include "state";

input as $batch
| [$now[] | records] as $rows
| ([$opinion[] | if type == "object" and (.data | type) == "string" then . else records end]) as $verdicts
| ($verdicts | map({key: "\(.["backup-time"])", value: (.keep or (.protected // false))}) | from_entries) as $keeps
| [$batch.times[] | select($keeps["\(.)"])] as $kept
| [$batch.times[] | select($keeps["\(.)"] == null)] as $unknown
| def some: (.[:3] | map(todate) | join(", ")) + (if length > 3 then " and \(length - 3) more" else "" end);
  if ($rows | state) != $batch.state then ["changed", "\($name) is not as it was when this was planned; nothing of it is removed"]
  elif $check | not then []
  elif any($verdicts[]; has("backup-time") | not) then ["unchecked", "the server's own dry run of \($name) is no list of snapshots; nothing of it is removed"]
  elif $kept != [] then ["server-keeps", "by the same rules the server keeps that of \($kept | some): nothing of \($name) is removed (is --tz the server's zone?)"]
  elif $unknown != [] then ["changed", "the server's own dry run has nothing of \($unknown | some): nothing of \($name) is removed"]
  else [] end
| .[]
