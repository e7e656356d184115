# The snapshots of guests in a list of PBS's, a line each, `backup-id` as a number. What is no such list is
# refused, because it would show that an ID was never used.
include "records";

whole
| if (.["backup-time"] | type) == "number" and .["backup-id"] and .["backup-type"] then . else error("no list of snapshots, it has \(tojson[:80])") end
| select(.["backup-type"] | . == "ct" or . == "vm")
| (.["backup-id"] | decimal) as $id
| if $id then .["backup-id"] = $id else . end
