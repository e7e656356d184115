# What differs from what the site says, first: it is what there is to do.

def most_rows: 400;
def not_looked_at: ($findings[] | select(.ran == false) | .part as $part | .findings[]? | [$part, .message]),
    ($lost_why[] | ["pvx-migrate plan lost", .]),
    ($unread | del(.lost) | to_entries[] | ["\(.key).jsonl", "\(.value | some("line")) of it can't be read"]);
# Why the records of a part are not all, for the section that shows them.
def not_all($part; $name): [not_looked_at | select(IN(.[0]; $part, "\($name).jsonl"))] | sort[] | "Not looked at to the end: \(.[1] // "" | masked | data)." | paragraph;

def drift:
  ($findings | findings | map(select(.finding.code != "not-run"))) as $all
  | ($all | map(select((.finding | severity) != "info"))) as $open
  | ($all | map(select(.finding.exempt))) as $exempt
  | heading("Drift"),
    (if $open == [] then "Nothing that was looked at differs from what the site says." else "\($open | length | some("finding")), the gravest first." end | paragraph),
    table(["Severity", "What", "Finding", "Message"];
      $open[:most_rows][] | [(.finding | severity), (.subject | data), (.finding.code | data), (.finding.message // "" | masked | data)]),
    (($open | length) - most_rows | select(. > 0) | "and \(some("more")): `scripts/audit` lists all of them." | paragraph),
    table(["Not looked at", "Why"]; [not_looked_at] | sort[] | [(.[0] | data), (.[1] // "" | data)]),
    ($exempt | select(. != []) | "Exempt, as the site says:", ""),
    table(["What", "Finding", "Why"]; $exempt[:most_rows][] | [(.subject | data), (.finding.code | data), (.finding.exempt | data)]);
