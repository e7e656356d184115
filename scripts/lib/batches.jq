# The removals of a plan by group, at most $size in a batch: what to ask for, and, in the first of a group, what it was
# when this was planned: {first, group, ns, query, keep, rows, times, stays}. $list and $groups are what it was planned of.
include "state";

def name: [.ns // "", .["backup-type"], .["backup-id"]];
def query: "ns=\(.ns // "" | @uri)&backup-type=\(.["backup-type"] | @uri)&backup-id=\(.["backup-id"] | @uri)";

[inputs] as $rows
| ($rows | map({key: (name | tojson), value: true}) | from_entries) as $touched
| ($list | map(select($touched[name | tojson])) | group_by(name) | map({key: (.[0] | name | tojson), value: .}) | from_entries) as $before
| ($groups | map({key: (name | tojson), value: (.keep | to_entries | map("keep-\(.key)=\(.value)") | join("&"))}) | from_entries) as $keep
| ($rows | group_by(name) | map({key: (.[0] | name | tojson), value: map(.["backup-time"])}) | from_entries) as $times
| [foreach $rows[] as $row ({key: null, count: 0, batch: -1};
    ($row | name | tojson) as $key
    | if .key == $key and .count < $size then .first = false | .count += 1
      else {first: (.key != $key), key: $key, count: 1, batch: (.batch + 1)} end;
    . + {row: $row})]
| group_by(.batch)[]
| .[0].key as $key
| (any(.[]; .first)) as $first
| .[0].row as $row
| {first: $first, group: "\($row["backup-type"])/\($row["backup-id"])", ns: ($row.ns // ""), query: ($row | query),
   keep: ($keep[$key] // error("what is kept of \($row.ns // "" | if . == "" then . else . + ":" end)\($row["backup-type"])/\($row["backup-id"]) isn't known; nothing is removed")),
   rows: map(.row), times: $times[$key],
   state: (if $first then $before[$key] | state else null end),
   stays: ($times[$key] as $gone | $before[$key] | map(select(.["backup-time"] as $time | $gone | bsearch($time) < 0)) | state)}
