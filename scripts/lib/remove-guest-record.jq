# The record of what became of a guest, which is $gone or not: $ran is run's record, $released ipalloc's, $published those of
# publish-names, which ended with $told.
include "site";
include "records";

def age: (capture("(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z)$").time | fromdate) as $time | [now - $time, 0] | max | floor;

# The snapshots of the group of an ID, of what PBS's list has ($list).
def groups($vmid):
  [$list[] | records
   | select((.["backup-id"] | tostring) == ($vmid | tostring) and (.["backup-type"] | IN("vm", "ct")))]
  | group_by([.ns // "", .["backup-type"]])[]
  | {code: "backups", message: "\(.[0]["backup-type"])/\($vmid)\(if (.[0].ns // "") != "" then " in \(.[0].ns)" else "" end) has \(length) backup\(if length == 1 then "" else "s" end) in PBS's list, the newest of \(map(.["backup-time"]) | max | todate)"};

# What of the cluster still has the ID, by what was read before. What Proxmox takes along with a guest is not told.
def left($vmid; $went):
  (.content[]? | . as $at | [.volumes[]? | select(.vmid == $vmid and .content == "backup")] | select(. != [])
   | {code: "backups", message: "\($at.storage) has \(length) backup\(if length == 1 then "" else "s" end) of it"}),
  if $went then empty else
    (.content[]?.volumes[]? | select(.vmid == $vmid and (.content | IN("images", "rootdir"))) | {code: "volume", message: "\(.volid) is left"}),
    (.ha.resources[]? | select(.sid | IN("ct:\($vmid)", "vm:\($vmid)")) | {code: "ha", message: "the HA resource \(.sid) is left"}),
    (.replication[]? | select(.vmid == $vmid) | {code: "replication", message: "the replication job \(.id // "\($vmid)-?") is left"}),
    (.backup_jobs[]? | select(any(.vmids[]?, .exclude[]?; . == $vmid)) | {code: "backup-job", message: "the backup job \(.id) names \($vmid)"})
  end;

def members($vmid; $name; $site):
  $site.pairs[]? | . as $pair | .members[]
  | select(.vmid == $vmid or (.name != null and (.name | short($site)) == $name))
  | {code: "site", message: "the site's pair \($pair.name) has the member \(.name // .vmid)"};

def unread:
  (select(.content == null) | "what the storages hold"),
  (.content[]? | select(.volumes == null) | "what \(.storage) holds at \(.node)"),
  (select(.ha == null) | "the HA resources"), (select(.replication == null) | "the replication jobs"),
  (select(.backup_jobs == null) | "the backup jobs");

$site[0] as $site
| $state[0] as $cluster
| if .do == "pass" then .record else
    . as $own
    | ($gone and $own.act == "remove") as $went
    | ($went and ($dry or $ran[0].changed == true)) as $destroyed
    | ($own.guest.vmid // $own.record.vmid) as $vmid
    | ($released[0] // $own.record | del(.dry_run, .error, .changed)) + {changed: false}
    | (if $vmid != null then .vmid = $vmid else . end)
    | (if $own.guest then . + ($own.guest | {type, node}) else . end)
    | .destroyed = $destroyed
    | .changed = ($ran[0].changed == true or $released[0].changed == true or any($published[]; .changed == true) or ($dry and $destroyed))
    | .[if $now then "freed" else "retired" end] = ($released[0].error == null and $released[0].changed == true)
    | (if $went then
         .backup = (if $own.step.snapshot then {snapshot: $own.step.snapshot, age_s: ($own.step.snapshot | age)} else null end)
         | (if $own.step.purge then .purged = $own.step.purge else . end)
       else . end)
    | (if $own.blockers then .blockers = $own.blockers else . end)
    | ([$own.warnings[]?, $ran[0].warnings[]?] | if . == [] then {} else {warnings: .} end) as $warnings
    | . + $warnings
    | (if $gone and $vmid != null then
         .remembers = [groups($vmid), ($cluster | left($vmid; $went)),
           ($own.step.warnings[]? | select(.code == "left")), members($vmid; $own.record.name | tostring | short($site); $site)]
         | .unseen = ([$cluster | unread] + (if $looked then [] else ["the backups of PBS"] end))
       else . end)
    | (if $published != [] then .names = [$published[] | select(.name != null)] else . end)
    | (if $dry then .dry_run = true else . end)
    | .steps_ms = ($spent | .total = ([.[]] | add))
    | (if $told == 0 then null else
         ([$published[] | select(.error) | "\(.name): \(.error.message)"] | first // "publish-names ended with \($told)") as $why
         | {code: "names", message: "the name servers are not told: \($why); the same call tells them"} end) as $untold
    | ([$own.record.error, $ran[0].error, $released[0].error, $untold] | map(select(. != null)) | first) as $error
    | (if $error then .error = $error else . end)
  end
