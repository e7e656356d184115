# Where the config of each guest is to be fetched from, and into which file: for curl's --config
# with $url, else a line each for pvesh.
select(.type == "lxc" or .type == "qemu")
| select((.vmid | type) == "number" and (.node | tostring | test("\\A[A-Za-z0-9][A-Za-z0-9.-]*\\z")))
| "\($folder)/\(.vmid)" as $file
| "/nodes/\(.node)/\(.type)/\(.vmid)/config" as $path
| if $url == "" then $file, $path else "url = \($url + $path | tojson)", "output = \($file | tojson)" end
