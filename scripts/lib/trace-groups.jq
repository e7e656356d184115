# Groups, or backups, of the namespace $ns of a datastore ($store), as 'vmid trace' reads them: what else they have is left out. A
# type or an id that PBS doesn't know (pbs-api-types) would become a part of a path.
include "records";
records
| if (.["backup-type"] | IN("vm", "ct", "host") | not) then error("\(.["backup-type"] | tojson[:60]) is no type of backups: vm, ct or host")
  elif (.["backup-id"] | type != "string" or (test("\\A[A-Za-z0-9_][A-Za-z0-9._-]*\\z") | not)) then error("\(.["backup-id"] | tojson[:60]) is no id of a group")
  else {source: "backup-group", $store, $ns} + with_entries(select(.key | IN("backup-type", "backup-id", "backup-time", "backup-count", "last-backup", "comment"))) end
