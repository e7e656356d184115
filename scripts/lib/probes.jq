# The wire's answers, each with the name of the guest that the address was meant for.
. as $answer
| first($candidate[] | select((.error | not) and .address and (.address | split("/")[0]) == $answer.address))
| {name} + $answer
