# An audit's records ($lines, and what is $besides) in the form that was asked for ($form), behind a line with the exit code.
include "text";

def severities: ["critical", "unknown", "warning", "info"];
def rank: .severity as $severity | severities | index($severity) // 1;
def subject_field: . as $record | ["vmid", "node", "storage", "job", "pair", "service", "group", "cluster", "site", "name", "part"] | map(select($record[.] != null))[0] // "part";
def subject: subject_field as $field | . as $record
  | if $field == "vmid" then [.vmid, .name // empty] | map(tostring) | join(" ") elif IN($field; "part", "name") then .[$field] else "\($field) \($record[$field])" end;

# A spreadsheet runs a cell that begins with one of these as a formula, as vmid's table has it.
def cell: if . == null then "" elif type == "string" then if test("\\A[=+@\t\r\n-]") then "'" + . else . end | printable else . end;
def padded($width): . + ([range($width - length)] | map(" ") | join(""));
def aligned: . as $rows | [range(.[0] | length) as $column | [$rows[][$column] | length] | max] as $widths
  | $rows[] | [range(length - 1) as $column | .[$column] | padded($widths[$column])] + [.[-1]] | join("  ") | sub(" +\\z"; "");

[$lines, $besides | split("\n")[] | fromjson?] as $records
| [$records[] | subject as $subject | . as $record | .findings[] | {finding: ., $subject, record: $record}] | sort_by([(.finding | rank), .subject]) | . as $all
| map(select(.finding.severity != "info")) as $open
# The same of more than three is one row.
| ($open | group_by([.finding.severity, .finding.code, .finding.part, .finding.message])
   | map(if length > 3 then [.[0] + {subject: "\(.[0].subject) and \(length - 1) more"}] else . end) | add // [] | sort_by([(.finding | rank), .subject])) as $rows
| ($open | map(.finding | rank) | min) as $worst
| (if $form != "nagios" then (if $open == [] then 0 else 1 end) else {"0": 2, "1": 3, "2": 1}[$worst // "" | tostring] // 0 end),
  (if $form == "table" then
     if $open == [] then "nothing was found: \([$records[] | select(.part | not)] | length) subjects, \([$records[] | select(.part and .ran)] | length) parts"
     else [["severity", "subject", "code", "part", "message"]] + [$rows[] | [.finding.severity, .subject, .finding.code, .finding.part // "", .finding.message // ""] | map(tostring | printable)] | aligned end
   elif $form == "csv" then
     (["severity", "code", "subject", "vmid", "name", "node", "part", "exempt", "message"],
      ($all[] | [.finding.severity, .finding.code, .subject, .record.vmid, .record.name, .record.node, .finding.part, .finding.exempt, .finding.message] | map(cell))) | @csv
   elif $form == "nagios" then
     (["OK", "WARNING", "CRITICAL", "UNKNOWN"] | .[{"0": 2, "1": 3, "2": 1}[$worst // "" | tostring] // 0]) as $word
     | ($rows | map("\(.subject): \(.finding.code): \(.finding.message // "")" | printable | gsub("[|]"; "/")) | if . == [] then ["\([$records[] | select(.part | not)] | length) subjects"] elif length > 20 then .[:20] + ["and \(length - 20) more"] else . end | join("; ")) as $text
     | ($records | length) as $count
     | "AUDIT \($word): \($text)|" + ([("ok", "warning", "unknown", "critical") | . as $status | "\($status)=\($records | map(select(.status == $status)) | length);;;0;\($count)"] | join(" "))
   elif $besides != "" then $records | sort_by(.status as $status | ["critical", "unknown", "warning"] | index($status) // 3)[] | tojson
   else empty end)
