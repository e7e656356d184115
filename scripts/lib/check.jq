# Are these requests what the site allows? Each gets the fields of the command line
# ($flags[0]) that it doesn't have itself, and an error where it is wrong.
include "records";
include "site";
include "text";

# A request without what provision says of it itself: what an earlier answer said of it is not believed.
def asked:
  del(.api, .assigned, .blockers, .changed, .command, .commands, .configured, .differs, .dns_name, .dry_run, .error, .exists, .go_on, .host_keys,
      .ipam_id, .made, .old_backups, .os, .params, .published, .ready, .ready_ms, .reasons, .revived, .seen, .setup, .shape, .squatters, .step, .steps_ms,
      .verified, .versions, .warnings, .wire, .would);
def decidable: del(.storage, .unprivileged);

def truth($field):
  .[$field] as $value
  | if .error or $value == null then .
    elif [true, "true", "yes", "1", 1] | index([$value]) then .[$field] = true
    elif [false, "false", "no", "0", 0] | index([$value]) then .[$field] = false
    else failed("bad-flag"; "\($field) is true or false, not \($value | tojson)") end;

# $known: what the site has; each as people are told of it in $told; then what was probably meant.
def one_of($field; $known; $told; near):
  .[$field] as $value
  | if .error or $value == null or ($known | index([$value])) then .
    else failed("unknown-\($field)"; "\($field) \($value | tojson) is not in the site file, which has \(if $told == [] then "none" else $told | join(", ") end)\($value | near)") end;
def one_of($field; $known): one_of($field; $known; $known; near($known));

# PVE's dns-name; NetBox would take more.
def is_name:
  type == "string" and length <= 253
  and test("\\A[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\\z");

# A member of a pair is asked for under the address that the site has for it, if it is in this VLAN.
def at_home($site):
  if .error or .address != null or .interface != null then . else
    . as $own
    | ([$site.pairs[].members[] | select(.address) | select((.name | short($site)) == ($own.name | short($site)))][0].address) as $address
    | if $address and ($site.vlans[] | select(.vlan == $own.vlan) | .prefix | holds($address)) then .address = $address else . end
  end;

$site[0] as $site
| records
| if .error or of_no_guest then . else
    asked
    | . as $own
    | . + ($flags[0] | with_entries(select($own[.key] == null)))
    | if .name | is_name | not then failed("bad-name"; "\(.name | tojson) can't be a guest's name: labels of letters, digits and hyphens")
      elif .name | test("\\A[0-9]+(\\.[0-9]+){3}\\z") then failed("bad-name"; "\(.name | tojson) can't be a guest's name: it is an address, which the field address asks for")
      elif .vlan == null then failed("no-vlan"; "no VLAN is asked for: --vlan, or the field vlan")
      elif .vlan | tostring | test("\\A0*[0-9]{1,4}\\z") | not then failed("bad-vlan"; "VLAN \(.vlan | tojson) is no number")
      else .vlan |= (tostring | tonumber) end
    | one_of("vlan"; [$site.vlans[].vlan]; [$site.vlans[] | called]; "")
    | ([$site.nodes[].name] as $nodes | one_of("node"; $nodes; $nodes; ""))
    | one_of("role"; $site.roles | keys_unsorted)
    | one_of("template"; $site.templates | keys_unsorted)
    | truth("compose") | truth("stateful_db") | truth("high_io") | truth("custom_kernel")
    | at_home($site)
    | if .error then del(.error) + {changed: false, error} else decidable end
  end
