# What became of the first $attempted of a batch: a line that is the batch of the others (null if there are none), one that
# says whether what stays of the group is the same, one that says whether some record has an error, and the records. The server
# says of the first $answered that they are done; $status (1 refused, 3 no answer) and $message are of the others, $answer is
# the group read again, if $again is 0 (9: there was no need to).
include "records";
include "state";

input as $batch
| [$answer[] | records] as $rows
| ($rows | map({key: "\(.["backup-time"])", value: true}) | from_entries) as $there
| ($again == 0) as $known
| def failed($code; $what): . + {changed: false, error: {code: $code, message: $what}};
  def is_there: $there["\(.["backup-time"])"] == true;
  def done: if $known and is_there then failed("refused"; "the server says that it is removed, and still lists it") else . + {changed: true} end;
  def doubtful:
    if $status == 1 then
      if $known and (is_there | not) then failed("gone"; "it is gone, not known by whose request: \($message)") else failed("refused"; $message) end
    elif $known | not then failed("unanswered"; "\($message); it may be removed, or not")
    elif is_there then failed("unanswered"; "\($message); it is still there")
    else . + {changed: true} end; # its reply was lost, and the group says it is gone
  ($batch | .rows |= .[$attempted:] | if .rows == [] then null else . end),
  (if $again == 9 or $known and ($batch.times as $gone | $rows | map(select(.["backup-time"] as $time | $gone | bsearch($time) < 0)) | state) == $batch.stays then true else false end),
  ([$batch.rows | (.[:$answered][] | done), (.[$answered:$attempted][] | doubtful)] | any(.[]; .error), .[])
