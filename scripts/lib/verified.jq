# The last look at a guest: $answer is what it says of itself, its host name and MAC addresses, a line each, or nothing: then what it has said when
# configure found nothing to change ($ready) is that; $macs those that answer for
# its address on the wire, or "unseen WHY".
include "text";

def mac: test("\\A([0-9a-f]{2}:){5}[0-9a-f]{2}\\z") and . != "00:00:00:00:00:00";

.record as $record
| ($record.address | split("/")[0]) as $address
| (if $answer == "" then [$ready[0].seen | .hostname, .macs[]] else $answer | split("\n") end) as $said
| $said[0] as $hostname
| [$said[1:65][] | ascii_downcase | select(mac)] as $own
| ([$macs | split("\n")[] | select(mac)] | unique) as $here
| ($here - $own) as $others
| ([$macs | split("\n")[] | select(startswith("unseen ")) | ltrimstr("unseen ")][0]) as $unseen
| {hostname: ($hostname | printable), macs: $here}
| if ($hostname | ascii_downcase) as $name | $record.name | ascii_downcase | . != $name and split(".")[0] != $name then
    failed("other-guest"; "what answers at \($address) calls itself \($hostname)")
  elif if $own != [] then $others != [] else ($here | length) > 1 end then
    failed("duplicate-address"; "\($address) is answered for by \($here | join(" and ")), and \($record.name) has \($own | join(", "))")
  elif $unseen then .warnings = ["whether another host has \($address), too, is not known: \($unseen)"]
  elif $here == [] then .warnings = ["nothing answers ARP for \($address)"]
  else . end
