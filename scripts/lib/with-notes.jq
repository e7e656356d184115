# What is about to be allocated, as jobs: {record, request, short, retired}. The input are the decided records, $candidate what the IPAM
# would give or has given, $before those that it has as retired, $checked the requests.
include "records";
include "site";

[inputs] as $decided
| range($decided | length) as $i
| $decided[$i]
| select(.error == null and (of_no_guest | not) and $candidate[$i].changed)
| . as $record
| {record: $record, request: $checked[$i], short: ($record.name | short($site[0])), retired: any($before[]; .address and .name == $record.name)}
