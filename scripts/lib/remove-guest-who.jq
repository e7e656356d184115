# Whom each record means, of the guests in a state document ($state), and what is to be done: `do` is remove (the guest is
# there), retire (only its address is), nothing, refuse (the record's error says why) or pass (it had an error).
# $named: the records as they came; $lines: the journals' last lines; $busy: IDs that another call is at work on; $stuck: what
# could not be brought to its end; $foreign: journals that are none of this cluster; $notes: what deprovision wrote beside
# the journals; $owners: what the IPAM has, where a guest is to go that has no address there. $force: an address is given back whatever is seen of the cluster.
include "site";
include "text";

# A guest's name by its configuration: the overview has that of a former guest for some seconds.
def name_of: if .config then (.config[if .type == "lxc" then "hostname" else "name" end] // "") | tostring else .name // "" end;
def told: "\(.type) \(.vmid) (\(name_of | if . == "" then "without a name" else . end)) on \(.node)";

# The seconds since a time.
def since: now - (sub("\\.[0-9]+"; "") | fromdate);

# Nothing of the cluster is hidden from the token, so that what isn't there is gone.
def seen_whole:
  (.at | since) < 600 # as long as a plan may rest on it
  and (.cluster.name | type) == "string" and .cluster.quorate == true and .hidden == []
  and (.permissions // {} | .["/vms"]["VM.Audit"] == true
       and all(to_entries[] | select(.key | startswith("/vms/")); .value | has("VM.Audit")));

# The addresses that a guest's configuration says.
def addresses: [.config // {} | .[] | strings | scan("(?:^|,)ip6?=([0-9a-fA-F.:]+)")[0]];

def is_id: type == "number" and . == floor and . >= 100 and . <= 999999999;

def bare: tostring | split("/")[0];

$site[0] as $site
| $state[0] as $cluster
| ($cluster | seen_whole) as $whole
| [inputs] as $records
| [range($records | length)
   | . as $at
   # Nothing to take back is no error.
   | ($records[$at] | if .error.code == "no-address" and .changed == false then del(.error) else . end) as $own
   | if $named[$at].error then {do: "pass", record: $records[$at]}
     elif $own.error then {do: "refuse", record: $own}
     else
       ($own.name | tostring | short($site)) as $name
       | [$cluster.guests[] | select((name_of | short($site)) == $name)] as $called
       | [$cluster.guests[] | select($own.vmid != null and .vmid == $own.vmid)] as $there
       | ($own.vmid // $called[0].vmid) as $vmid
       | $cluster.cluster.name as $here
       | ([$lines[] | select(.vmid == $vmid and .cluster == $here)] | last) as $line
       | [$notes[] | select(.vmid == $vmid and .cluster == $here)] as $noted
       # By the journal: not of old, for a guest may have been made again since that the token doesn't see.
       | ($line != null and ($line.name | short($site)) == $name and ($line.at | since) < 86400) as $lately
       | ($lately and $line.phase == "verified" and all($noted[]; .given_back != $line.at)) as $was_removed
       | ([$owners[] | select(.ipam_status != "deprecated")
           | select($called != [] and (.vmid == $called[0].vmid or (.address | bare) as $at | any($called[0] | addresses[]; . == $at)
             or (.dns_name // "" | short($site)) == $name))] | first) as $owner
       | $named[$at] as $asked
       | {record: $own}
       | def no($code; $message): .do = "refuse" | .record |= failed($code; $message);
         if $own.vmid != null and ($own.vmid | is_id | not) then no("vmid"; "vmid \($own.vmid | tojson[:60]) is no guest's ID, 100 to 999999999")
         elif any($foreign[]; .vmid == $vmid) then ([$foreign[] | select(.vmid == $vmid)] | first) as $bad
           | no("journal"; "\($bad.journal) is \(if $bad.cluster then "the journal of the cluster \($bad.cluster), not of \($here)" else "no journal" end): --journal FILE names another")
         elif $vmid != null and any($busy[]; . == $vmid) then no("busy"; "another deprovision of \($vmid) is at work")
         elif $vmid != null and any($stuck[]; .vmid == $vmid) then .do = "refuse" | .record.error = ([$stuck[] | select(.vmid == $vmid)] | last.error)
         elif ($called | length) > 1 then no("several-guests"; "\($own.name) is the name of several: \([$called[] | told] | join(", ")); rename all but one")
         elif $there != [] and $called == [] then no("other-guest"; "\($own.address // "the record") says ID \($vmid), and that is \($there[0] | told): neither is touched")
         elif $own.vmid != null and $there == [] and $called != [] then
           no("other-id"; "\($own.name) is \($called[0] | told), and \($own.address // "the record") says ID \($own.vmid): neither is touched; 'pvx-migrate plan remove \($called[0].vmid) --name \($own.name)' is for that guest alone")
         elif ($asked.address != null and $own.address != null and ($asked.address | bare) != ($own.address | bare))
           or ($asked.vlan != null and $own.vlan != null and ($asked.vlan | tostring) != ($own.vlan | tostring)) then
           no("other-guest"; "the record says \([$asked.address, (if $asked.vlan == null then empty else "VLAN \($asked.vlan)" end)] | map(select(. != null)) | join(", ")), and the IPAM has \($own.address), VLAN \($own.vlan), for \($own.name)")
         elif $called != [] and $asked.type != null and $asked.type != $called[0].type then
           no("other-guest"; "the record says \($asked.type), and \($own.name) is \($called[0] | told)")
         elif $called != [] and $own.address == null and $owner then
           no("other-owner"; "\($called[0] | told): the IPAM has no address of \($own.name), but \($owner.address) of its ID, address or name for \($owner.name // "nobody") (\($owner.dns_name // ""))")
         elif $called != [] then
           .do = "remove" | .guest = ($called[0] | {vmid, type, name: name_of, node})
           | if $own.address == null then .warnings = [{code: "no-address", message: "the IPAM has no address of it, so none is given back"}] else . end
         elif $own.address == null or $own.changed != true then
           .do = "nothing"
           | if $whole or $was_removed then . else .warnings = [{code: "unseen", message: "no guest is called so, of those that the token may see"}] end
         elif $force or $whole or $was_removed then
           .do = "retire"
           | if $whole or $was_removed then . else .warnings = [{code: "unseen", message: "it is not seen whether the guest is gone; its address is given back by force"}] end
         else no("unseen"; "\($own.vmid) is not in the state, and not all guests are seen (quorum, VM.Audit on /vms): its address stays, unless forced") end
     end
  ]
# No guest twice: a second record would find it gone.
| reduce .[] as $one ({seen: [], out: []};
    if $one.do == "remove" and any(.seen[]; . == $one.guest.vmid)
    then .out += [$one | .do = "refuse" | del(.guest) | .record |= failed("twice"; "\(.name) is named twice")]
    else .seen += [$one.guest.vmid // empty] | .out += [$one] end)
| .out[]
