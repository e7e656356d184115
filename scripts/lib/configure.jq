# What is to be configured in the guest of each record, as two lines (-r): the words that bash works with (address, user, owner in known_hosts, fingerprints
# of its host keys; their characters are looked at before), and {record, job}; a job is null where nothing is to be done, and
# `found` an error that was found here. Reads $site, $keys (lines of public keys), $accept (names whose key
# may be the one that is met first), $template (of records that name none), $journal (pvx-migrate run's, raw), $provisioned (provision's
# records, raw) and the rest of the input.
include "records";
include "text";
include "shape";

def refused($code; $why): (if has("changed") then .changed = false else . end) | failed($code; $why) | {record: ., job: null, found: ("\(.name): \($why)" | printable)};

def is_address:
  type == "string" and (test("\\A[0-9]{1,3}(\\.[0-9]{1,3}){3}\\z") or (test("\\A[0-9A-Fa-f:.]{2,45}\\z") and contains(":")));
# Its own, else that of the interface that it was made with.
def address_of: [.address, (.params | objects | .net0, .ipconfig0 | strings | [match("(?:\\A|,)ip=([^,]+)").captures[0].string][0]) | strings][0] // "" | split("/")[0] // "";
def is_vm: .type == "qemu" or .shape == "vm";
# What ssh knows it by: the address, then its names, in full and the first label, as far as they are names of hosts.
def hosts($site; $address):
  (.name | split(".")[0]) as $short
  | [.name, .dns_name, $short, if $site.domain then "\($short).\($site.domain)" else empty end]
  | map(strings | select(test("\\A[A-Za-z0-9][A-Za-z0-9.-]{0,252}\\z"))) | [$address] + (unique - [$address]) | join(",");
def user_of: if is_vm then ((.params | objects | .ciuser) // "debian") else "root" end;
def is_list_of_keys: type == "array" and all(.[]; type == "object" and (.sha256 | type == "string" and test("\\ASHA256:[A-Za-z0-9+/]{43}\\z")));

# The host keys of the guest's creation, as a journal of pvx-migrate run has them; null if it made no such guest, or removed it.
# Its other lines are moves, which change no keys; a guest that was there before has no task that created it.
def made_by_journal:
  .vmid as $vmid | .name as $name
  | reduce ($journal | split("\n")[] | fromjson? | objects | select(.vmid == $vmid and $vmid != null)) as $line (null;
      if $line.action == "destroy" or ($line.action == "create" and $line.name != $name) then null
      elif $line.action != "create" or $line.created == null then .
      elif .task != $line.created then {task: $line.created, keys: ($line.host_keys // [])}
      else .keys = ($line.host_keys // .keys) end)
  | if . then .keys else null end;

# What run's records don't have stands in provision's of the same guest.
def completed:
  . as $own
  | ([$provisioned | split("\n")[] | fromjson? | objects | select(.vmid == $own.vmid and .name == $own.name and .vmid != null)] | last // {}) as $more
  | ($more | {address, dns_name, shape, template, params, role}) + with_entries(select(.value != null));

# The lines that may log in, each with the part that tells it from others; options may stand before the type.
def key_lines:
  [$keys | split("\n")[] | gsub("[\t\r ]+"; " ") | sub("^ "; "") | select(test("\\A[^#]") and (test("[\\x00-\\x1f\\x7f]") | not))
   | {line: ., blob: [match("(?:\\A| )(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ ([A-Za-z0-9+/]{16,}=*)(?: |\\z)").captures[0].string][0]}
   | select(.blob)];

# Why run knows no host keys of it, in its words.
def why_unknown: [.warnings | arrays[] | objects | select(.code == "no-host-keys").message | strings | printable][0] // "";

def fitted($site; $record):
  why_unknown as $unknown |
  (is_vm or .shape or .template or $template != "") as $told
  | (.template // if $template != "" then $template else template_for(if is_vm then "vm" else .shape // "lxc" end) end) as $name
  | $site.templates[$name | tostring] as $template
  | address_of as $address
  | made_by_journal as $made
  # The journal may be without what a later run has learned: of a log that could not be read, of an agent that came up late.
  | (if ($made // []) == [] then .host_keys // [] else $made end) as $host_keys
  | if (.name | type) != "string" or .name == "" then refused("bad-record"; "it has no name")
    elif $address | is_address | not then refused("bad-record"; "its address is \($address | tojson), not one that can be asked")
    elif $host_keys | is_list_of_keys | not then refused("bad-record"; "its host_keys are no list of SHA-256 fingerprints")
    elif user_of | tostring | test("\\A[a-z_][a-z0-9_-]{0,31}\\z") | not then refused("bad-record"; "params.ciuser is no user's name")
    elif [$template.packages[]? | select(endswith("-"))] != [] then refused("bad-record"; "a package of template \($name | tojson) ends in -, which would remove it")
    elif $told | not then
      refused("bad-record"; "neither shape nor template of it is known: give --provision FILE with provision's records, or --template NAME")
    elif $template == null then refused("unknown-template"; "template \($name | tojson) is not in the site file")
    else
      {record: $record, job: {
        name, hosts: hosts($site; $address), owner: "\(.vmid // "" | tostring | @uri):\(.name | @uri)", address: $address, user: user_of, template: $name,
        host_keys: [$host_keys[].sha256], unknown_keys: $unknown, created: ($made != null or .changed == true),
        accept: (.name as $own | $accept | index([$own]) != null),
        timezone: ($site.timezone // ""), locale: ($site.locale // ""), keys: key_lines,
        packages: ($template.packages + (if is_vm then ["qemu-guest-agent"] else [] end) + (if $site.locale then ["locales"] else [] end)
          + (if $site.timezone then ["tzdata"] else [] end) | unique),
        upgrades: ($template.packages | index("unattended-upgrades") != null), commands: $template.commands}}
    end;

def job($site):
  . as $record
  | completed | fitted($site; $record)
  | if .job then . else .record.error as $error | .record = (($record | if has("changed") then .changed = false else . end) + {error: $error}) end;

$site[0] as $site
| [inputs | records] as $all
| [$all[] | if .error or of_no_guest or (.action // "create") != "create" then {record: ., job: null} else job($site) end] as $all
| ([$all[].record.name | strings]) as $names
| ($accept - $names) as $strangers
| if $strangers != [] then error("--accept-new names \($strangers | join(", ")), and no record has that name") else . end
| [$all[].job | objects | .address] as $addresses
| $all[]
| .job.address as $own
| if $own and ([$addresses[] | select(. == $own)] | length > 1) then .record | refused("bad-record"; "\($own) is the address of several records") else . end
| (.job // {} | [.address, .user, .owner, (.host_keys // [] | join(","))] | map(. // "") | join(" ")), tojson
