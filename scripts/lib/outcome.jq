# What became of the first $attempted of a batch: a line that is the batch of the others (null if there are none), one that says whether
# what stays of the group is the same, one that says whether some record has an error, and the records. $status is that of the last one asked for (0, 1 refused, 3 no answer),
# $message what was said of it, $answer the group read again, if $again is 0.
include "records";
include "state";

input as $batch
| [$answer[] | records] as $rows
| ($rows | map({key: "\(.["backup-time"])", value: true}) | from_entries) as $there
| ($again == 0) as $known
| def failed($code; $what): . + {changed: false, error: {code: $code, message: $what}};
  def is_there: $there["\(.["backup-time"])"] == true;
  def done: if $known and is_there then failed("refused"; "the server says that it is removed, and still lists it") else . + {changed: true} end;
  def last:
    if $status == 0 then done
    elif $status == 1 then
      if $known and (is_there | not) then failed("gone"; "it is gone, not known by whose request: \($message)") else failed("refused"; $message) end
    elif $known | not then failed("unanswered"; "\($message); it may be removed, or not")
    elif is_there then failed("unanswered"; "\($message); it is still there")
    else . + {changed: true} end; # its reply was lost, and the group says it is gone
  ($batch | .rows |= .[$attempted:] | if .rows == [] then null else . end),
  (if ($known | not) or ($batch.times as $gone | $rows | map(select(.["backup-time"] as $time | $gone | bsearch($time) < 0)) | state) == $batch.stays then true else false end),
  ([$batch.rows[:$attempted] | (.[:-1][] | done), (.[-1] | last)] | any(.[]; .error), .[])
