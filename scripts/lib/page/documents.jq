# What the page is made of. The arguments are lists: one document, the records of a tool, or nothing.

def lines: split("\n") | map(select(test("\\S")));
def records: [.[] | fromjson? | objects];
def document($name; is_one): if length == 1 and (.[0] | type == "object" and is_one) then .[0] else error("\($name): it is no such document") end;

($site_documents | document("site.json"; true)) as $site
| ($state_documents | document("state.json"; has("version") and (.guests | type) == "array")) as $state
| ({findings: $findings_text, vmid: $vmid_text, lost: $lost_text, cover: $cover_text, schedule: $schedule_text} | map_values(lines)) as $lines
| ($lines | map_values(records)) as $records
# How many lines of which file are none.
| ($lines | with_entries(.key as $key | .value |= length - ($records[$key] | length)) | with_entries(select(.value > 0))) as $unread
| $records.findings as $findings
| (if $unread.findings then error("findings.jsonl: it is cut off, or not what an audit has kept")
   elif any($findings[]; .part and has("ran")) | not then error("findings.jsonl: no part has looked at anything") else null end)
| $records.vmid as $checked | $records.cover as $cover | $records.schedule as $schedule
# What would be short of nodes or guests is none.
| ([$records.lost[] | select(.ran == false and .part) | .findings[]?.message] + [$unread.lost // empty | "\(.) lines of lost.jsonl are no records"]) as $lost_why
| (if $lost_why == [] then $records.lost else [] end) as $lost
| ($state.guests // [] | sort_by(.vmid) | group_by(.node) | map({key: (.[0].node | tostring), value: .}) | from_entries) as $guests_by_node
| ($drill_text | lines) as $drill_lines
# Of this site: its pairs' names are others', too.
| ($drill_lines | records) as $all_drills
| [$all_drills[] | select(.site == null or .site == $site.name)] as $drills
| (($drill_lines | length) - ($all_drills | length)) as $unread_drills
|
