# The applications that $names names, or all of them, each with what is to be done for it: `far`, the host to go to
# by ssh ("" is this one), from $via or its own `host`, unless that is one of $own, the names of this host.
include "site";

.apps as $apps
| ($apps | map(.name)) as $known
| if $all then $known else $names | unique_by(.) as $once | if ($once | length) < length then error("a service is named twice") else . end end
| if . == [] then error("it has no apps") else . end
| .[] as $name
| if ($known | index($name)) == null then error("\($name) is not in its apps" + ($name | near($known))) else . end
| $apps[] | select(.name == $name)
| . + {far: (if $via != "" then $via else .host // "" | if (split("@") | last | IN($own[])) then "" else . end end)}
