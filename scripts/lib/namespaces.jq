# Those of a list of namespaces that are asked for, a line each: those of $only, and what is at most $depth levels below each
# (without a $depth: nothing). If $only is empty it is the root, and all that is below it.
include "records";

def level: if . == "" then 0 else split("/") | length end;

(if $depth == "" then null else $depth | tonumber end) as $depth
| [records | .ns | if type == "string" and test("\\A([A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*)?\\z") then . else error("\(tojson[:60]) is no namespace") end] as $all
| ($only - $all) as $missing
| if $missing != [] then error("no namespace '\($missing[0])' that this user may see") else . end
| (if $only == [] then [""] else $only end) as $from
| (if $depth != null then $depth elif $only == [] then 8 else 0 end) as $depth
| [$all[] | select(. as $ns | any($from[]; . as $top | ($top == "" or $ns == $top or ($ns | startswith($top + "/"))) and ($ns | level) - ($top | level) <= $depth))]
| if $only == [] then .[] else unique[] end
