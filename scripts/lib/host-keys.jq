# Which of the host keys that a guest offers are to be trusted: {replace} or {error}, then (-r) the lines for known_hosts. Reads a
# {record, job} of configure.jq; $scanned are lines "TYPE BLOB FINGERPRINT", $known those of known_hosts, of all addresses.
def line($at): "\($at) \(.type) \(.blob)";
def refused($why): {error: {code: "host-key", message: $why}};

.job as $job
| [$scanned | split("\n")[] | select(. != "") | split(" ") | {type: .[0], blob: .[1], sha256: .[2]}] as $scanned
| [$known | split("\n")[] | split(" ") | select(.[0] == $job.address) | {type: .[1], blob: .[2]}] as $pinned
| [$scanned[] | select(.sha256 | IN($job.host_keys[]))] as $made
| [$scanned[] | . as $key | select(any($pinned[]; .type == $key.type and .blob == $key.blob))] as $same
| [$scanned[] | . as $key | select(any($pinned[]; .type == $key.type and .blob != $key.blob))] as $other
| ($scanned | map("\(.type) \(.sha256)") | join(", ")) as $offered
| if $job.host_keys != [] and $made == [] then
    refused("\($job.address) offers \($offered), and none of them was made with this guest: another host answers there")
  elif $job.fresh then {pin: [$made[] | line($job.address)], replace: true}
  elif $pinned != [] and ($other != [] or $same == []) then
    refused("\($job.address) offers \($offered), and known_hosts has another key of it; if the guest was made anew, give the record of that run, which has its host_keys, or remove the line")
  elif $pinned != [] then {pin: [$same[] | line($job.address)], replace: false}
  elif $made != [] then {pin: [$made[] | line($job.address)], replace: true}
  elif $job.accept then {pin: [$scanned[] | line($job.address)], replace: true}
  else refused("nothing says which host key is this guest's: only a container's creation does. Compare \($offered) with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on its console, then give --accept-new \($job.name)")
  end
| ({error, replace} | del(.[] | nulls) | tojson), .pin[]?
