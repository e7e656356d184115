# What is taken away of a call that did not come to its end: {record, verdict, release, retire}; verdict is remove, release (no guest is there) or no.
# The input is {record, request}; $note is what the call has written down, $journal pvx-migrate run's (raw, of $path), $state the cluster's.
include "text";
include "site";

def named($guest): ($guest.config | objects | (.hostname, .name) | strings) // $guest.name;

. as $job
| ([$journal | split("\n")[] | fromjson? | objects | select(.vmid == $note.vmid)] | last) as $last
| ([$state[0].guests[] | select(.vmid == $note.vmid and $note != null)][0]) as $guest
| ([$journal | split("\n")[] | fromjson? | objects | .run | strings][0]) as $run
| ([$guest.config.description | strings | split("\n")[] | select(. != "")] | last) as $mark
| .record = .record + ($note // {} | {vmid, address} | del(.[] | nulls))
| .release = ($note.allocated == true) | .retire = ($note.retired == true)
| def no($code; $why): .verdict = "no" | .record |= failed($code; $why);
  if .record.error then .verdict = "no"
  elif $note == null then no("nothing-begun"; "\($path).note: no call with --apply is written down there that did not come to its end")
  elif $note.request != .request then no("other-call"; "it was begun by another call, and only that can be taken back: its request was \($note.request | tojson)")
  elif $note.ipam != $ipam then no("other-call"; "its address is of another IPAM: \($note.ipam)")
  elif $last.phase == "ready" and $last.action == "create" and $guest then no("ready"; "\($note.vmid) is in use since \($last.at): deprovision takes it away")
  elif $note.adopted then no("adopted"; "\($note.vmid) was not made by provision, but taken over: deprovision takes it away")
  elif $guest == null then .verdict = "release"
  elif named($guest) != $note.name then no("vmid-taken"; "\($note.vmid) is \(named($guest) | tojson) on \($guest.node), not \($note.name)")
  elif $run == null or $mark != "pvx run \($run)" then no("not-ours"; "\($note.vmid) does not bear the mark of this journal (pvx run \($run // "?")): somebody else has made it, or it is in use")
  else .verdict = "remove" end
