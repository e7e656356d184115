# What pvx-migrate run said of the guest of a job, three lines (-r): its last record, what came of it (an error's code, "fine" or "none"), and
# the record that configure takes. The input is run's output, raw, as it may be cut off; $job is the job.
$job[0].record as $record
| [inputs | fromjson? | objects | select(.vmid == $record.vmid)] | last as $ran
| ($ran // "" | if . == "" then . else tojson end),
  (if $ran then $ran.error.code // "fine" else "none" end),
  ($record + {changed: ($ran.changed // false), host_keys: ($ran.host_keys // []), action: "create"} | tojson)
