# What people read of records: warnings, refusals, commands, what was released again ($what), and
# what the wire said of an address.
include "text";

. as $record
| ((.warnings[]? | if type == "object" and .message then .message else . end),
   (.error // empty | if type == "object" and .message then .message else . end),
   (.command // empty | "on \($record.node): \(.)"),
   (.remembers[]? | "remembered: \(.message)"),
   (.commands[]? | strings | "on \($record.node), as root: \(.)"),
   (.go_on // empty | "to go on: \(.)"),
   (select(.ready == true) | "works: \(.vmid) on \(.node), \(.address | split("/")[0]), after \((.steps_ms.total // 0) / 100 | floor / 10) s"),
   (select(.exists and .ready != true) | "lives on \(.node) already, as \(.vmid)"),
   (select($what == "released" and .changed) | "released \(.address) again"),
   (select($what == "answers") | .why // empty | "\($record.wire): \(.)"))
| "\($me): \($record.name // $record.address): \(.)" | printable
