# What is to be configured in the guest of each record, as {record, job}; a job is null where there is none: an error,
# also one that is found here. Reads $site, $keys (lines of public keys), $accept (names whose key may be the one that is
# met first), $template (of records that name none) and the rest of the input.
include "records";
include "text";
include "shape";

def is_address:
  type == "string" and (test("\\A[0-9]{1,3}(\\.[0-9]{1,3}){3}\\z") or (test("\\A[0-9A-Fa-f:.]{2,45}\\z") and contains(":")));
# Its own, else that of the interface that it was made with.
def address_of: [.address, (.params | objects | .net0, .ipconfig0 | strings | [match("(?:\\A|,)ip=([^,]+)").captures[0].string][0]) | strings][0] // "" | split("/")[0] // "";
def is_vm: .type == "qemu" or .shape == "vm";
def user_of: if is_vm then ((.params | objects | .ciuser) // "debian") else "root" end;
def is_list_of_keys: type == "array" and all(.[]; type == "object" and (.sha256 | type == "string" and test("\\ASHA256:[A-Za-z0-9+/]{43}\\z")));

# The lines that may log in, each with the part that tells it from others; options may stand before the type.
def key_lines:
  [$keys | split("\n")[] | gsub("[\t\r ]+"; " ") | sub("^ "; "") | select(test("\\A[^#]") and (test("[\\x00-\\x1f\\x7f]") | not))
   | {line: ., blob: [match("(?:\\A| )(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ ([A-Za-z0-9+/]{16,}=*)(?: |\\z)").captures[0].string][0]}
   | select(.blob)];

def job($site):
  (.template // if $template != "" then $template else template_for(if is_vm then "vm" else .shape // "lxc" end) end) as $name
  | $site.templates[$name | tostring] as $template
  | address_of as $address
  | (.host_keys // []) as $host_keys
  | if (.name | type) != "string" or .name == "" then failed("bad-record"; "it has no name")
    elif $address | is_address | not then failed("bad-record"; "its address is \($address | tojson), not one that can be asked")
    elif $host_keys | is_list_of_keys | not then failed("bad-record"; "its host_keys are no list of SHA-256 fingerprints")
    elif user_of | tostring | test("\\A[a-z_][a-z0-9_-]{0,31}\\z") | not then failed("bad-record"; "params.ciuser is no user's name")
    elif $template == null then failed("unknown-template"; "template \($name | tojson) is not in the site file")
    else
      {record: ., job: {
        name, address: $address, user: user_of, template: $name,
        host_keys: [$host_keys[].sha256], fresh: (.changed == true and $host_keys != []),
        accept: (.name as $own | $accept | index([$own]) != null),
        timezone: ($site.timezone // ""), locale: ($site.locale // ""), keys: key_lines,
        packages: ($template.packages + (if is_vm then ["qemu-guest-agent"] else [] end) + (if $site.locale then ["locales"] else [] end)
          + (if $site.timezone then ["tzdata"] else [] end) | unique),
        upgrades: ($template.packages | index("unattended-upgrades") != null), commands: $template.commands}}
    end;

$site[0] as $site
| [inputs | records] as $all
| [$all[] | if .error or of_no_guest then . else job($site) end | if .record then . else {record: ., job: null} end] as $all
| ([$all[].record.name | strings]) as $names
| ($accept - $names) as $strangers
| if $strangers != [] then error("--accept-new names \($strangers | join(", ")), and no record has that name") else . end
| [$all[].job | objects | .address] as $addresses
| $all[]
| .job.address as $own
| if .job and ([$addresses[] | select(. == $own)] | length > 1) then
    {record: (.record | failed("bad-record"; "\($own) is the address of several records")), job: null}
  else . end
