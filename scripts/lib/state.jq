# What a decision about a group depends on, of its rows: equal if nothing has changed. A verification that
# ran in between is nothing, unless it is among the rules ($verified).
def state: map([.["backup-time"], (.protected // false), (if $verified then .verification.state else null end), ([.files[]? | .filename? // .] | sort)]) | unique;
