# The values that inside.bash works with, as lines for bash, from a {record, job} of configure.jq. $pvx, $dry and $wait_s are the run's.
def list: "(" + (map(@sh) | join(" ")) + ")";
def line($name; $value): "\($name)=\($value)";

.job
| line("pvx"; $pvx | @sh), line("dry"; $dry | @sh), line("wait_s"; $wait_s | @sh),
line("name"; .name | @sh), line("user"; .user | @sh), line("template"; .template | @sh), line("timezone"; .timezone | @sh), line("locale"; .locale | @sh),
line("upgrades"; if .upgrades then "yes" else "" end | @sh),
line("packages"; .packages | list), line("keys"; [.keys[].line] | list), line("blobs"; [.keys[].blob] | list),
line("runs"; [.commands[].run] | list), line("unlesses"; [.commands[].unless] | list)
