# What is told of a job: {title, lines, state, send, sign}. From what it wrote ($out: records, a line each, and $err),
# how it ended ($code, "" where nobody knows; $result is systemd's word) and what it is called ($title).
# The one place with texts for people's phones; channel.jq puts them into the forms of the channels.
include "text";

def cut($most): if length > $most then .[:$most - 1] + "…" else . end;
def on_one_line: cut(1000) | gsub("[\n\r\t]"; " ") | printable; # cut first: gsub is slow on long texts
def rounded: . * 10 | round | . / 10;
def size: if . < 1000 then "\(.) B" elif . < 999950 then "\(. / 1000 | rounded) kB" elif . < 999950000 then "\(. / 1000000 | rounded) MB"
    elif . < 999950000000 then "\(. / 1000000000 | rounded) GB" else "\(. / 1000000000000 | rounded) TB" end;
def seconds: "\(. / 1000 | rounded) s";
def some($word): if . == 1 then "1 \($word)" else "\(.) \($word)s" end;
def text: if type == "string" then . else tojson end;

# What a record is about.
def group: select(."backup-type" | strings) | (.ns // "" | if . == "" then "" else "\(.):" end) + "\(."backup-type")/\(."backup-id")";
def snapshot: group + (."backup-time" | numbers | select(. >= 0 and . < 253402300800) | "/\(todate)");
def folder: (.path // .file | strings | capture("(?<folder>[^/]+)/[^/]*$") | .folder);
def subject: [(.service, .series, .name, .pair | strings | select(. != "")), snapshot, (.file, .path, .address, .code | strings),
    (.vmid | numbers | tostring), (.node, .storage, .job, .part, .cluster, .site | strings), "a record"][0]; # not first(): its end is an error to the ? and try of jq 1.6
def heap: [group, (.series | strings), folder, "files"][0]; # what it is one of, where there are many

# What a record of a check thinks of it: hacheck's status, a finding's severity.
def grave: [.status, .severity] | any(. as $word | ["critical", "error", "unknown", "warning", "down", "split"] | index($word));
def failed: (.error // false) != false or grave or .recovered == false;
def warnings: [.warnings[]? | if type == "object" then .message // .code // . else . end | text];

def of_error: .error | if type == "object" then .message // .code // tojson else . end | "failed: \(text)";
def of_backup: ["ok", (.size | numbers | size), (.kept | numbers | "\(.) kept"), (.removed | numbers | select(. > 0) | "\(.) removed")] | join(", ");
def of_move: (if .phase == "verified" or .phase == null then "" else "\(.phase), " end) + (
    if .changed | not then "nothing to do" elif .action == "create" then "made on \(.to // .node)" elif .action == "destroy" then "destroyed on \(.from // .node)"
    else "moved from \(.from) to \(.to)" + if .downtime_ms then ", down for \(.downtime_ms | seconds)" else "" end end);
# hacheck's outage_ms is [least, most], and most is null where nobody saw the end.
def gone: if type != "array" then . // 0 | seconds elif .[1] then "\(.[0] / 1000 | rounded) to \(.[1] | seconds)" else "\(.[0] // 0 | seconds) or more" end;
def of_drill: (if .recovered == false then "did not recover" elif .outages == 0 then "no outage" else "back after \(.outage_ms | gone)" end)
    + (if .holder_before and .holder_after != .holder_before then ", moved from \(.holder_before) to \(.holder_after)" else "" end)
    + if .rto_ms and .outages != 0 then " (\(.rto_ms | seconds) is promised)" else "" end;
def of_guest: (.address | tostring) + (if .vmid then ", ID \(.vmid)" else "" end)
    + if .commands then (if .changed then ", taken back" else ", was free already" end) elif .changed then ", new" else ", as before" end;
def of_removed: [(select(.destroyed) | "destroyed"), (.address as $address | (select(.retired) | "\($address) retired"), (select(.freed) | "\($address) freed"))]
    | if . == [] then "was gone already" else join(", ") end;
def of_configured: (if .changed then "configured: \(.configured | keys_unsorted | join(", "))" else "as it was" end) + (if .ready_ms then ", ready after \(.ready_ms | seconds)" else "" end);
def of_names: . as $record | if .changed then [("added", "removed", "moved") | select($record[.] > 0) | "\($record[.]) \(.)"] + ["answered"] | join(", ") else "as it was" end;
# The worst finding, of the pair or of one of its VIPs, which it names.
def rank: .severity as $severity | ["info", "warning", "unknown", "critical"] | index($severity) // 0;
def found: [.findings[]?, (.vips[]? | objects | .vip as $vip | .findings[]? | objects | . + {$vip}) | objects];
def worst: found | map(. + {rank: rank}) | (max_by(.rank) | .rank) as $most | map(select(.rank == $most))[0] // empty;
def of_vip: .vip as $vip | (.message // .code // "" | tostring) | if ($vip | type) == "string" and (contains($vip) | not) then "\($vip): \(.)" else . end;
def of_check: "\(.status // .severity)" + ([(.message | strings), (worst | of_vip)][0] // "" | if . == "" then "" else ": \(.)" end);
def told:
    (if (.error // false) != false then of_error
    elif .service and has("kept") then of_backup
    elif .settled then "its after, which a killed run owed, has been run"
    elif .service and .sha256 then "can be restored\(.size | if type == "number" then ", \(size)" else "" end)"
    elif .mark == "remove" then (if .changed then "removed" else "to be removed" end)
    elif has("destroyed") then of_removed
    elif has("outage_ms") then of_drill
    elif .from and (.phase or .action) then of_move
    elif .status or .severity then of_check
    elif .configured then of_configured
    elif has("verified") then of_names
    elif .address then of_guest
    elif .changed == true then "changed"
    elif .changed == false then "as it was"
    else "ok" end)
    + (if .dry_run then " (dry run)" else "" end)
    + (warnings | map("; warning: \(.)") | add // "");

# Removals are told by group and folder: thousands of them are no text for people.
def removal: .mark == "remove" and .changed == true and (.error // false) == false;
def sum: [.[].size | numbers] | add // 0 | if . > 0 then ", \(size)" else "" end;
def removals: group_by(heap)[] | {who: (.[0] | heap), text: "\(length) removed\(sum)"};
def most_lines: 2000;
def lines: map(select(failed) | {who: subject, text: told}) + [map(select(removal))| removals]
    + map(select((failed or removal) | not) | {who: subject, text: told});

# Whether two notices say the same: of a check, whose messages have figures in them that change, by what it found and of whom.
def is_check: .status and (.findings | type) == "array" and (has("outage_ms") | not) and (.error // false) == false;
def of_whom: .evidence | objects | [.member, .probe, .target, .path, .name, .address | strings];
def signs: found | map(select(.severity != "info") | [.severity, .code, .vip, of_whom]) | unique;
# An outage is an event: two that took as long are two.
def sign: if is_check then [subject, .status, .holder, signs] elif (.outages | numbers) > 0 then [subject, told, .outage_ms, .took_ms] else [subject, told] end;

# The records of a text: a line each; a document of several lines is one, or a list.
def rows: if type == "object" and (.data | type) == "array" then .data else . end | if type == "array" then .[] else . end | objects;
def records: [split("\n")[] | fromjson? | rows] as $rows | if $rows != [] then $rows else [fromjson? | rows] end;
def others: [split("\n")[] | select(. as $line | [$line | fromjson? | objects] == []) | select(test("\\S"))];

($out | records) as $records
| ($records | map(select(failed)) | length) as $bad
| (if $code == "" then ($bad > 0 or $records == []) else $code != "0" end) as $is_failure
| ($records | lines) as $lines
| (($err | others) + (if $unit then $out | others else [] end)) as $log
| (if $result != "" and $result != "success" and $result != "exit-code" then $result elif $code != "" and $code != "0" then "exit code \($code)" else "" end) as $how
| (($lines | length) == 1 and ($how == "" or $bad > 0)) as $alone # its line is the title
| ($title | if $unit and $alone then sub("@.*"; "") else . end) as $job
| (($lines | length) - $bad) as $good
| ([select($good > 0) | (if $cut then "at least " else "" end) + "\($good) done"] + [select($bad > 0) | "\($bad) failed"]
    + [$how | select(. != "")] | join(", ")) as $counts
| {
    title: (if $alone then "\($job) \($lines[0].who): \($lines[0].text)"
        elif $is_failure and $how != "" and $bad == 0 then "\($job): failed, \($how)"
        elif $lines != [] then "\($job): \($counts)"
        elif $is_failure then "\($job): no record came in; notify -- COMMAND knows how a job ended, a pipe doesn't"
        else "\($job): ok" end | on_one_line),
    lines: ((if $alone | not then $lines[:most_lines] | map("\(.who): \(.text)") else [] end)
        + (if $is_failure and $bad == 0 then $log[-10:] else [] end)
        | map(on_one_line)),
    more: ([($lines | length) - most_lines, 0] | max), # lines that are left out here
    state: (if $is_failure then "failed" elif $bad > 0 or ($records | any(warnings != [] or (.outages | numbers) > 0)) then "warning" else "ok" end),
    changed: ($records | any(.changed == true)),
    # What may be over with the next look: told when two checks, one after the other, say it.
    doubtful: ($records != [] and ($records | all(is_check and .status != "critical")) and ([0, 1] | index($code | tonumber? // 0) != null)),
    sign: ([$how, ($records | map(sign)), (if $is_failure and $bad == 0 then $log[-10:] else [] end)] | tojson),
    code: $code
  }
| .send = ($on == "always" or .state != "ok" or ($on == "change" and .changed))
