# A record of what is wrong with `plan lost`, whose lines are the input: for the page, which would be short of nodes without a word.
include "not-run";

[inputs | select(. != "") | (fromjson? // null | objects // null)] as $lines
| ($lines | map(select(.))) as $read
| ($read | map(select(any(.findings[]?; .severity != "info") or IN(.status; "warning", "unknown", "critical"))) | length) as $open
| [not_run($code; $why; $read | length; ($lines | length) - ($read | length); $open; $due.nodes)]
| .[] | {part: "pvx-migrate plan lost", ran: false, status: "unknown", findings: [{code: "not-run", severity: "unknown", message: "pvx-migrate plan lost \(.)", evidence: {}, seen_by: [], part: "audit"}]}
