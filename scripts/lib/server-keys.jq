# Which of the host keys that a name server offers are to be trusted: {error} or {later}, then (-r) the lines for known_hosts.
# $scanned and $known are as host-keys.jq has them; a key that is known of this host counts, whoever it was pinned for. `later`:
# nobody vouches for it, and it is kept when the server has answered.
def refused($why): {error: {code: "host-key", message: $why}};

[$scanned | split("\n")[] | select(. != "") | split(" ") | {type: .[0], blob: .[1], sha256: .[2]}] as $scanned
| [$known | split("\n")[] | split(" ") | select(.[0] // "" | split(",") | any(. == $host)) | {type: .[1], blob: .[2]}] as $pinned
| [$scanned[] | . as $key | select(any($pinned[]; .type == $key.type and .blob == $key.blob))] as $same
| [$scanned[] | . as $key | select(any($pinned[]; .type == $key.type and .blob != $key.blob))] as $other
| ($scanned | map("\(.type) \(.sha256)") | join(", ")) as $offered
| if $pinned == [] and $accept then {pin: $scanned, later: true}
  elif $pinned == [] then
    refused("nothing is known yet of the host key of \($host). Compare \($offered) with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on its console, then give --accept-new \($name) once")
  elif $other != [] or $same == [] then
    refused("\($host) offers \($offered), and \($path) has another key of it: another host answers there. If \($name) was made anew, remove the line there")
  else {pin: $same}
  end
| ({error, later} | del(.[] | nulls) | tojson), (.pin[]? | "\($host) \(.type) \(.blob) \("dns:\($name)" | @uri)")
