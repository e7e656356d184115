# The record of what became of a guest, which is $gone or not: $traces are vmid trace's answer, $ran is run's record, $released ipalloc's, $published those of
# publish-names, which ended with $told.
include "site";
include "records";

def age: (capture("(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z)$").time | fromdate) as $time | [now - $time, 0] | max | floor;

# Where the ID is still remembered, as a line says it.
def several: if .count then "\(.count) backup\(if .count == 1 then "" else "s" end)\(if .newest then ", the newest of \(.newest)" else "" end)" else "backups" end;
def told:
  {code: .trace, message:
    ({volume: "\(.where) is left", ha: "the HA resource \(.where) is left", "ha-rule": "the HA rule \(.where) names it",
      replication: "the replication job \(.where) is left", "backup-job": "the backup job \(.where) names it", backup: "\(.where) has \(several) of it",
      "backup-group": "\(.where) has \(several)", site: "the site names it: \(.where)"}[.trace] // "\(.trace): \(.where)")}
  + {where, node, count, newest, names, remedy} | del(.[] | nulls);

# Members of pairs that the site knows by their name alone.
def members($name; $site):
  $site.pairs[]? | . as $pair | .members[]
  | select(.vmid == null and .name != null and (.name | short($site)) == $name)
  | {code: "site", message: "the site's pair \($pair.name) has the member \(.name // .vmid)"};

$site[0] as $site
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
         .remembers = [($traces[] | select(.trace != "unseen") | told),
           ($own.step.warnings[]? | select(.code == "left")), members($own.record.name | tostring | short($site); $site)]
         | .unseen = ([$traces[] | select(.trace == "unseen") | "\(.where) (\(.right // .why))"] + (if $looked then [] else ["the backups of PBS"] end))
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
