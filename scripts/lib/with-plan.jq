# Jobs: {record, plan, verdict, request, fresh, retired}, three lines each (-r): the words that bash works with (verdict, name, ID, address, user,
# owner in known_hosts; their characters are looked at before), the plan, the job. $plan are the lines of plan make, one for each record without an error, in order;
# $checked the requests, $allocated what the IPAM gave, $before those that it had retired.
include "records";
include "site";

def words:
  if .verdict == "none" then "none" else
    .verdict as $verdict | .record
    | [$verdict, (.name | short($site[0])), .vmid, (.address // "" | split("/")[0]), (if .shape == "vm" then .params.ciuser // "debian" else "root" end),
       "\(.vmid):\(.name | @uri)"] | map(tostring) | join(" ") end;

[inputs] as $records
| reduce range($records | length) as $i ({jobs: [], used: 0};
    $records[$i] as $record
    | if $record.error or ($record | of_no_guest) then .jobs += [{record: $record, plan: null, verdict: "none"}]
      else $plan[.used] as $line
        | .jobs += [{record: $record, plan: $line,
            verdict: (if $line.error then "blocked" elif $line.action == "create" then "make"
              elif ($line.blockers | length > 0 and all(.[]; .code == "root-only")) then "root-only" else "blocked" end),
            request: $checked[$i],
            fresh: ($allocated[$i].changed == true and ($allocated[$i].error | not)),
            retired: ($record.name as $name | any($before[]; .address and .name == $name))}]
        | .used += 1 end)
| .jobs[]
| words, (.plan | tojson), tojson
