# Requests whose name is another run's now, or whose last run left something for a person ($others: name, code, message).
include "records";
include "site";
include "text";

if .error or of_no_guest then . else
  (.name | short($site[0])) as $name
  | ([$others[] | select(.name == $name)][0]) as $other
  | if $other then .changed = false | failed($other.code; $other.message) else . end
end
