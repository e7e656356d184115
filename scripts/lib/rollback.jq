# What is taken away of a call that did not come to its end: {record, verdict, release, retire}; verdict is remove, release (no guest is there) or no.
# The input is {record, request}; $note is what the call has written down, $journal pvx-migrate run's (raw, of $path), $state the cluster's, read
# since. That a guest is not in the state says nothing by itself: a token may not see it.
include "text";
include "site";

def named($guest): ($guest.config | objects | (.hostname, .name) | strings) // $guest.name;

. as $job
| [$journal | split("\n")[] | fromjson? | objects] as $lines
# Those about it since it was last gone.
| (reduce ($lines[] | select(.vmid == $note.vmid)) as $line ([];
    if $line.action == "destroy" and $line.phase == "verified" then [] else . + [$line] end)) as $since
| ($since | last) as $last
| ([$since[] | select(.phase == "ready" and .action == "create")] | last) as $ready
| ($last != null and (($last.phase | IN("planned", "failed") | not)
    or any($since[]; .created != null or .action == "destroy" or (.asked.call | IN("start", "resize"))))) as $may_live
| ([$state[0].guests[] | select(.vmid == $note.vmid and $note != null)][0]) as $guest
| ([$state[0].hidden[]? | select(.vmid == $note.vmid and $note != null)][0]) as $hidden
| ([$lines[] | .run | strings][0]) as $run
| ([$guest.config.description | strings | split("\n")[] | select(. != "")] | last) as $mark
| .record = .record + ($note // {} | {vmid, address} | del(.[] | nulls))
| .release = ($note.allocated == true or $note.allocating == true) | .retire = ($note.retired == true)
| .owner = ({name: $note.name, interface: $note.request.interface?} | del(.[] | nulls))
| .sure = ($note.allocated == true)
| def no($code; $why): .verdict = "no" | .record |= failed($code; $why);
  if .record.error then .verdict = "no"
  elif $note == null then no("nothing-begun"; "\($path).note: no call with --apply is written down there that did not come to its end")
  elif $note.request != .request then no("other-call"; "it was begun by another call, and only that can be taken back: its request was \($note.request | tojson)")
  elif $note.ipam != $ipam then no("other-call"; "its address is of another IPAM: \($note.ipam)")
  elif $ready then no("ready"; "\($note.vmid) is in use since \($ready.at): deprovision takes it away")
  elif $note.adopted then no("adopted"; "\($note.vmid) was not made by provision, but taken over: deprovision takes it away")
  elif $guest == null and ($hidden or $may_live) then
    no("unseen"; "\($note.vmid) is not among the guests that this token sees, and " + (if $hidden then "is there (\($hidden.by))" else "\($path) has it as made" end)
      + ": give the token VM.Audit, and the same call goes on; if somebody has removed it by hand, `ipalloc release` frees its address")
  elif $guest == null then .verdict = "release"
  elif named($guest) != $note.name then no("vmid-taken"; "\($note.vmid) is \(named($guest) | tojson) on \($guest.node), not \($note.name)")
  elif $run == null or $mark != "pvx run \($run)" then no("not-ours"; "\($note.vmid) does not bear the mark of this journal (pvx run \($run // "?")): somebody else has made it, or it is in use")
  else .verdict = "remove" end
