# What is wrong with a server's answers, in a line; nothing if all are as they should be. Reads what hacheck ask printed.
include "text";

def told: if . == [] then "nothing" else join(", ") end;
[inputs]
| map(select(
    .error or (.want - .answers) != [] or (.not - (.not - .answers)) != [] or (.want != [] and .rcode != "NOERROR")))
| if . == [] then empty
  else
    (length - 1) as $more
    | first
    | (if .error then "no answer to \(.name) \(.type): \(.error.message)"
       elif .want == [] then "\(.name) \(.type) is still \(.answers | told)"
       else "\(.name) \(.type) is \(.answers | told) (\(.rcode)), not \(.want | told)" end)
      + (if $more > 0 then ", and \($more) answers more are wrong" else "" end)
    | printable
  end
