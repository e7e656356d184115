# The guests that are to leave; what an earlier answer said of them is not believed.
include "records";
records | if .error then . else del(.changed, .command, .commands, .dry_run, .error, .exists, .warnings) end
