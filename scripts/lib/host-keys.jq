# Which of the host keys that a guest offers are to be trusted: {replace} or {error}, then (-r) the lines for known_hosts. Reads a
# {record, job} of configure.jq; $scanned are lines "TYPE BLOB FINGERPRINT", $known those of known_hosts, of all addresses:
# each with its guest, as an address may be another's by now, and behind the address the names that the guest goes by. `later`: what nobody vouches for is kept when the guest has said its name.
def line($job): "\($job.hosts) \(.type) \(.blob) \($job.owner)";
def refused($why): {error: {code: "host-key", message: $why}};

.job as $job
| [$scanned | split("\n")[] | select(. != "") | split(" ") | {type: .[0], blob: .[1], sha256: .[2]}] as $scanned
| [$known | split("\n")[] | split(" ") | select(.[0] | strings | split(",")[0] == $job.address) | {type: .[1], blob: .[2], owner: .[3]}] as $pinned
| [$pinned[] | select(.owner == $job.owner)] as $own
| [$scanned[] | select(.sha256 | IN($job.host_keys[]))] as $made
| [$scanned[] | . as $key | select(any($own[]; .type == $key.type and .blob == $key.blob))] as $same
| [$scanned[] | . as $key | select(any($own[]; .type == $key.type and .blob != $key.blob))] as $other
| ($scanned | map("\(.type) \(.sha256)") | join(", ")) as $offered
| if $job.host_keys != [] and $made == [] then
    refused("\($job.address) offers \($offered), and none of them was made with this guest: another host answers there")
  elif $job.created and $made != [] then {pin: [$made[] | line($job)], replace: true}
  elif $job.created and $job.accept then {pin: [$scanned[] | line($job)], later: true}
  elif $pinned != [] and ($other != [] or $same == []) then
    refused("\($job.address) offers \($offered), and \($path) has another guest's or another key of it; if \($job.name) was made anew, give --journal FILE, that of its creation\(if $job.host_keys == [] then ", and --accept-new \($job.name)" else "" end), or remove the line there")
  elif $pinned != [] then {pin: [$same[] | line($job)]}
  elif $made != [] then {pin: [$made[] | line($job)], replace: true}
  elif $job.accept then {pin: [$scanned[] | line($job)], later: true}
  else refused("nothing says which host key is this guest's: only a container's creation does, and a VM's guest agent\($job.unknown_keys // "" | if . == "" then "" else " (\(.))" end). Compare \($offered) with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on its console, then give --accept-new \($job.name)")
  end
| ({error, replace, later} | del(.[] | nulls) | tojson), .pin[]?
