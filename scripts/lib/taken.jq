# What this run has allocated ($allocated) and not handed out ($printed), as requests to release it: those that it found
# retired ($before) with `how` "--retire", the others with "". What a guest may have by now ($kept, places) stays.
range($allocated | length) as $i
| $allocated[$i]
| select(.changed == true and (.error | not) and ($printed[$i] | . == null or .error) and ($kept | index($i) == null))
| . as $own
| ([$before[] | select(.address and .name == $own.name and .interface == $own.interface)] != []) as $retired
| {how: (if $retired then "--retire" else "" end), request: ({name} + if .interface then {interface} else {} end)}
