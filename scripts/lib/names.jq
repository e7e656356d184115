# The files of name servers: what stands in them, and what there is to ask when one takes another's place.

# What a file of this format says: [{name, address}], as far as it is of our making.
def entries($format):
  split("\n")
  | if $format == "dnsmasq" then map(capture("\\Ahost-record=(?<name>[^,]+)(,[^,]+)*,(?<address>[0-9A-Fa-f:.]+)\\z"))
    elif $format == "zone" then map(capture("\\A(?<name>\\S+)\\. IN (A|AAAA) (?<address>[0-9A-Fa-f:.]+)\\z"))
    else map(select(startswith("#") | not) | capture("\\A\\s*(?<address>[0-9A-Fa-f:.]+)\\s+(?<name>[^\\s#]+)"))
    end
  | map({name: (.name | ascii_downcase), address});

# By name: its addresses.
def hosts: group_by(.name) | map({key: .[0].name, value: (map(.address) | unique)}) | from_entries;

# The first line of every file that is ours.
def mark($format): (if $format == "zone" then ";" else "#" end) + " Made by publish-names from the IPAM: what is changed here by hand is overwritten.";
def is_ours: test("\\A[#;] Made by publish-names ");

# Serials are numbers on a circle (RFC 1982).
def newer($a; $b): ($a - $b + 4294967296) % 4294967296 | . > 0 and . < 2147483648;
def newest: reduce .[] as $one (null; if . == null or newer($one; .) then $one else . end);
def serial_of: [split("\n")[] | capture("\\A\\S+ IN SOA \\S+ \\S+ (?<serial>[0-9]+) ").serial | tonumber] | first;
# The text without what changes with each serial.
def without_serial: sub("(?<head>\\n\\S+ IN SOA \\S+ \\S+ )[0-9]+ "; "\(.head)* ");
