# What the page is made of. The arguments are lists: one document, the records of a tool, or nothing.

$findings_documents as $findings | $vmid_documents as $checked | $lost_documents as $lost | $cover_documents as $cover | $schedule_documents as $schedule
| ($site_documents[0] // {}) as $site
| ($state_documents[0] // {}) as $state
| ($state.guests // [] | sort_by(.vmid) | group_by(.node) | map({key: (.[0].node | tostring), value: .}) | from_entries) as $guests_by_node
| ($drill_lines | split("\n") | map(select(test("\\S")))) as $drill_lines
| [$drill_lines[] | fromjson? | objects] as $drills
| (($drill_lines | length) - ($drills | length)) as $unread_drills
|
