# What is about to be allocated, as jobs: {record, request, short, fresh, retired}. The input are the decided records, $candidate what the IPAM
# would give, $before those that it has as retired, $checked the requests.
include "records";
include "site";

[inputs] as $decided
| range($decided | length) as $i
| $decided[$i]
| select(.error == null and (of_no_guest | not) and $candidate[$i].changed)
| . as $record
| {record: $record, request: $checked[$i], short: ($record.name | short($site[0])), fresh: true, retired: any($before[]; .address and .name == $record.name)}
