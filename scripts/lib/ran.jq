# What pvx-migrate run said of the guest of a job, four lines (-r): its last record, what came of it (an error's code, "fine" or "none"), whose
# the guest is (known.jq; $journal and $note as there), and the record that configure takes. The input is run's output, raw, as it may be cut off; $job is the job.
include "known";

$job[0].record as $record
| [inputs | fromjson? | objects | select(.vmid == $record.vmid)] | last as $ran
| ($ran // "" | if . == "" then . else tojson end),
  (if $ran then $ran.error.code // "fine" else "none" end),
  ($job[0] | whose($journal; $note[0])),
  ($record + {changed: ($ran.changed // false), host_keys: ($ran.host_keys // []), action: "create"} | tojson)
