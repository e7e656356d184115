# What a decision about a group depends on, of the rows of $group in $ns: equal if nothing has changed.
include "records";
[inputs | records
 | select("\(.["backup-type"])/\(.["backup-id"])" == $group and (.ns // $ns) == $ns)
 | [.["backup-time"], .protected, .verification.state, ([.files[] | .filename? // .] | sort)]]
| unique
