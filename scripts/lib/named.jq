# The guests that are to leave; what an earlier answer said of them is not believed. A name with the site's domain is the
# guest's own name, unless the IPAM has an owner that is called so ($owners, a record each).
include "records";
include "site";
records
| (if (.name | type) == "string" and (.name as $name | all($owners[]; .name != $name)) then .name |= own_name($site[0]) else . end)
| if .error then . else del(.changed, .command, .commands, .dry_run, .error, .exists, .warnings) end
