# What a record is about, and its findings.

def kind: if .vmid then "guest" elif .node then "node" elif .storage then "storage" elif .job then "job" elif .pair then "pair" elif .service then "service"
    elif .group then "group" elif .cluster then "cluster" elif .site then "site" elif .name then "guest" elif .part then "part" else "record" end;
def plain: if type == "object" then .name // tojson elif type == "array" then map(tostring) | join(", ") else tostring end;
def subject:
  kind as $kind
  | if $kind == "guest" then [.vmid, (.name // .address // empty)] | map(select(. != null) | tostring) | join(" ")
    elif $kind == "record" then "a record"
    else "\($kind) \(.[$kind] | plain)" end;

def severity: .severity // "warning";
def rank: severity as $severity | ["critical", "unknown", "warning", "info"] | index($severity) // 1;
# Each finding with the record that it is of, the gravest first, in an order that doesn't hang on that of the records.
def findings: [.[] | . as $record | .findings[]? | {finding: ., subject: ($record | subject), kind: ($record | kind), part: $record.part, vmid: $record.vmid}]
    | sort_by([(.finding | rank), .kind, .vmid, .subject, .finding.code, .finding.message]);
def codes: [.findings[]? | select((.exempt | not) and severity != "info") | .code] | unique;
