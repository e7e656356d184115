# The jobs and tasks of a backup server as pbsprune schedule reads them, each with `from`, and what the token can't see.
# $stores: the datastores that are looked at; $tz: the server's zone. By --slurpfile: $rights, the answer of /access/permissions;
# $gc, $prune, $verify, $sync, $tasks, a list each, or null where it was refused. $told: these lists tell of the last runs, so that
# nothing is missing where the token sees no tasks but its own.
include "may";

def unseen($list; $right): {from: "unseen", list: $list, right: $right};
def needs($list; $path; $right): if $rights[0] // {} | may($path; $right) then empty else unseen($list; "\($right) on \($path)") end;
def of_stores: select(.store as $store | $stores | index([$store]));

(if $tz == "" then unseen("the backup server's time zone"; "it doesn't say which, or its clock isn't that of the zone that it names")
 else {from: "pbs-time", timezone: $tz} end),
($stores[] | needs("jobs of the datastore \(.)"; "/datastore/\(.)"; "Datastore.Audit")),
needs("sync jobs"; "/remote"; "Remote.Audit"),
(if $told then empty else needs("tasks of the backup server"; "/system/tasks"; "Sys.Audit") end),
({gc: $gc[0], prune: $prune[0], verify: $verify[0], sync: $sync[0]} | to_entries[]
  | if .value == null then unseen("\(.key) jobs"; "the server has no such list, or refuses it")
    else .key as $name | .value[] | of_stores | . + {from: "pbs-\($name)"} end),
($tasks[0] // [] | .[] | . + {from: "pbs-task"})
