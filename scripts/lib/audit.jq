# What the parts of an audit found, as one stream: a record for each subject, the gravest first, and one for each part.
# $parts: a line each, "name, file, exit code, why" with tabs; "-" is the code of one that wasn't to be run. The input are the lines of the
# files. Some parts know neither severities nor the site's exemptions: they are given here. $codes: what --help lists, by part. $due: how much
# there is to be looked at, by part.
include "text";
include "not-run";

def bare: ["vmid check", "ipalloc check", "hacheck check"]; # those parts
def graver: ["info", "warning", "unknown", "critical"];
def rank: .severity as $severity | graver | index($severity) // 2;
def status: ["ok", "warning", "unknown", "critical"][map(rank) | max // 0];
def finding($code; $severity; $message; $evidence; $seen_by): {code: $code, severity: $severity, message: $message, evidence: $evidence, seen_by: $seen_by};

# The field that says what a record is about.
def subject_field: . as $record | ["vmid", "node", "storage", "job", "pair", "service", "group", "cluster", "site", "name", "part"]
  | map(select($record[.] != null and ($record[.] | type | . != "object" and . != "array"))) | .[0] // "part";
def subject: subject_field as $field | {key: "\($field) \(.[$field])", field: $field};

# hacheck's records name pairs and services, and the findings of one VIP of several are with that.
def of_hacheck:
  (if .kind == "service" then {service: .name} else {pair: .name} end)
  + {findings: [.findings[]?, (.vips[]? | .vip as $vip | .findings[]? | .message = "\($vip): \(.message)")]};
def of_check($seen_by):
  {vmid, name, type, node, address} + {findings: ([.findings[]? | finding(.code; "warning"; .message; {}; [$seen_by])]
    + [select(.error) | finding(.error.code? // "error"; "unknown"; .error.message? // (.error | tostring); {}; [$seen_by])])}
  | with_entries(select(.value != null));
def as_subject($part):
  if $part == "hacheck check" then of_hacheck
  elif $part == "vmid check" then of_check("state")
  elif $part == "ipalloc check" then of_check("ipam")
  else . end;

# Exemptions, for the parts that know none: of a guest are also those of its node, its pair and its service.
def names_of($site): . as $record
  | {vmid, node, storage, job, pair, service}
  | if .vmid then .vmid as $vmid
      | .pair = ([$site.pairs[]? | select(any(.members[]?; .vmid == $vmid)).name] | .[0] // null)
      | .service = ([$site.services[]? | select(.vmid == $vmid).name] | .[0] // null)
    else . end;
def is_of($names): ["vmid", "node", "storage", "job", "pair", "service"] as $fields
  | . as $exemption | any($fields[]; $exemption[.] != null and $exemption[.] == $names[.]);
def holds($today): .until == null or .until >= $today;

($site_document[0]) as $site
| ($site.exempt // []) as $exempt
| [$parts | split("\n")[] | select(. != "") | split("\t") | {part: .[0], file: .[1], code: .[2], why: (.[3] // "")}] as $run
| ($run | map({key: .file, value: .part}) | from_entries) as $part_of
# Not by a reduce that adds to a list: jq copies it each time.
| [inputs | select(. != "") | [$part_of[input_filename | split("/")[-1]], (fromjson? // null | objects // null)]] as $lines
| def counts: group_by(.[0]) | map({key: .[0][0], value: length}) | from_entries;
  ($lines | map(select(.[1])) | counts) as $read
| ($lines | map(select(.[1] | not)) | counts) as $unread
| [$lines[] | select(.[1]) | .[0] as $part
   | (.[1] | as_subject($part))
   | (if $exempt != [] and IN($part; bare[]) then names_of($site) else null end) as $names
   | .findings = [.findings[]? | . + {part: $part} | . as $found
       # What could not be seen is never fine, whatever its code is.
       | if $names and .code != "unseen" and .severity != "unknown" then
           [$exempt[] | select(.code == $found.code and holds($today) and is_of($names))][0] as $by
           | if $by then . + {severity: "info", exempt: $by.why, by: ($by | tojson)} else . end
         else . end]] as $records
| ([$records[].findings[].by | strings] | unique) as $used
| ([$records[].findings[] | select(.severity != "info" or .by) | [.part]] | counts) as $open
| [$run[] | .part as $part
   | [if .code == "-" then empty else not_run(.code; .why; $read[$part] // 0; $unread[$part] // 0; $open[$part] // 0; $due[$part] // 0) end] as $not
   | {part, ran: (.code != "-" and $not == []), records: ($read[$part] // 0), findings: (
       if .code == "-" then [finding("not-run"; "info"; "\($part) was not asked for: \(.why)"; {}; [])]
       else .code as $code | [$not[] | finding("not-run"; "unknown"; "\($part) \(.)"; {code: ($code | tonumber)}; [])] end | map(. + {part: "audit"}))}] as $of_parts
| ([$of_parts[] | select(.ran and (.part | IN(bare[]))) | $codes[.part][]?] | unique) as $own
| ([$codes[][]] | unique) as $all
# What is to be said of exemptions.
| [$exempt[] | . as $exemption
   | ({vmid, node, storage, job, pair, service} | with_entries(select(.value != null))) as $subject
   | "exempt: \(.code) of \($subject | to_entries[0] | "\(.key) \(.value)")" as $it
   | if IN(.code; $all[]) | not then
       select($all != []) | [$subject, finding("exemption-unknown"; "warning"; "\($it): no part of the audit finds such a thing"; $exemption; ["site"])]
     elif IN(.code; $own[]) | not then empty
     elif holds($today) | not then [$subject, finding("exemption-expired"; "warning"; "\($it) was until \(.until)"; $exemption; ["site"])]
     elif IN(tojson; $used[]) | not then [$subject, finding("exemption-unused"; "warning"; "\($it) matches nothing: remove it"; $exemption; ["site"])]
     else empty end
   | .[0] + {findings: [.[1] + {part: "audit"}]}] as $exemptions
# One record for each subject: the fields of the first part that has it.
| [$records[], $exemptions[], $of_parts[]]
| map(subject as $subject | [$subject.key, $subject.field, .])
| group_by(.[0])
| map(.[0][1] as $field | map(.[2]) as $all | [$all[].findings[]] as $findings
    | (reduce ($all | reverse[]) as $record ({}; . + $record) | del(.findings, .status, .error)) as $fields
    | [($findings | map(rank) | max // 0 | -.), $field, $fields[$field],
       ({($field): $fields[$field]} + $fields + {status: ($findings | status), findings: ($findings | sort_by([-rank, .code, .message]) | map(del(.by)))})])
| sort_by(.[:3])
| .[] | .[3]
