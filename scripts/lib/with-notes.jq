# What is about to be allocated ($what is "allocating"), or was ("fresh"), each as two lines (-r): the name, and the job {record, request,
# retired} with that word. The input are the decided records, $candidate what the IPAM
# would give or has given, $before those that it has as retired, $checked the requests.
include "records";
include "site";

[inputs] as $decided
| range($decided | length) as $i
| $decided[$i]
| select(.error == null and (of_no_guest | not) and $candidate[$i].changed)
| . as $record
| ($record.name | short($site[0])),
  ({record: $record, request: $checked[$i], retired: any($before[]; .address and .name == $record.name), ($what): true} | tojson)
