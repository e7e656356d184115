# What has to be asked of the server to remove a snapshot: namespace last, as it may be empty.
def query: "ns=\(.ns // "" | @uri)&backup-type=\(.["backup-type"] | @uri)&backup-id=\(.["backup-id"] | @uri)";
if .["backup-type"] | IN("vm", "ct", "host") then . else error("\(.["backup-type"] | tojson) is no type of backups") end
| "\(.["backup-type"])/\(.["backup-id"])" as $group
| [$group, query, "\($group)/\(.["backup-time"] | todate)", .["backup-time"], .ns // ""] | @tsv
