# What a server's answers are worth, in a line: "good", "good NOTE" or "bad WHY". Reads what hacheck ask printed of $questions,
# its exit $status, and its $notes.
include "text";

def told: if . == [] then "nothing" else join(", ") end;
def wrong:
  if .error then "no answer to \(.name) \(.type): \(.error.message)"
  elif .want == [] then "\(.name) \(.type) is still \(.answers | told)"
  else "\(.name) \(.type) is \(.answers | told) (\(.rcode)), not \(.want | told)" end;
def and_more($what): if . == [] then "" else "\(first | wrong)\(if length > 1 then ", and \(length - 1) \($what)" else "" end)" end;

[inputs] as $all
# A server may ask others for a name that isn't its own any more, and wait for them: what it has itself it says at once.
| any($all[]; (.error == null) and .want != []) as $lives
| [$all[] | select(.error and .want == [] and $lives)] as $open
| [($all - $open)[] | select(
    .error or (.want - .answers) != [] or (.not - (.not - .answers)) != [] or (.want != [] and .rcode != "NOERROR"))] as $bad
| (if $questions == [] then "bad there was nothing to ask"
   elif $status > 1 then "bad hacheck ask ended with \($status)\($notes | split("\n")[0] | if . == "" then "" else ": \(.)" end)"
   elif ($all | length) != ($questions | length) then "bad only \($all | length) of \($questions | length) questions were asked"
   elif $bad != [] then "bad \($bad | and_more("answers more are wrong"))"
   elif $open != [] then "good \($open | and_more("more")); it is in its list no more"
   else "good" end)
| printable
