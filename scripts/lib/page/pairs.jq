# The pairs: where their members are, and how long a failover took when it was last tried.

# Some dozens in one drawing can be read.
def most_pairs: 40;
def pairs: $site.pairs // [];
def vips: [.vip // empty, .vips[]?] | map(if type == "object" then .vip // .address // tojson else . end | tostring | split("/")[0]) | unique;
def lives($vmid): [$state.guests[]? | select(.vmid == $vmid) | .node][0];
def home: lives(.vmid) // .node // "?";

def pairs_diagram:
  diagram(
    pairs[:most_pairs] | to_entries | select(. != []) | "flowchart LR",
    (.[] | .key as $at | .value as $pair
     | "  p\($at)((\([$pair.name] + ($pair | vips) | join(" ") | quoted)))",
       ($pair.members | to_entries[] | "  p\($at) \(if .value.preferred then "---" else "-.-" end) p\($at)m\(.key)[\("\(.value.name) on \(.value | home)" | quoted)]")));

def drills_of($pair): [$drills[] | select((.pair // .name) == $pair)] | sort_by(.at // "");
# What no failover takes (a number that is none, years) is not known.
def most_ms: .outage_ms | if type == "array" then .[1] // null else . end | numbers | select(. >= 0 and . < 31536000000);
def measured: if .recovered == false then "**did not recover**" else ([most_ms][0] | if . == null then "not seen to the end" else . / 1000 | seconds end) end;

def pair_table:
  table(["Pair", "Address", "Members", "Promised", "Last drill", "Took", "Worst of the last 10", "Findings"];
    pairs[] | .name as $name | drills_of($name) as $tried
    | [($name | data), (vips | listed), ([.members[] | "\(.name | data) (\(home | data))"] | join(", ")), (.rto_s | seconds),
       ($tried[-1].at // (if $drills_are == "unread" then "?" else "never" end) | tostring | .[:10] | data), ($tried[-1] // null | if . then measured else "" end),
       ($tried[-10:] | map(select(.recovered == false)) as $bad | if $bad != [] then $bad[0] | measured else map(most_ms) | if . == [] then "" else max / 1000 | seconds end end),
       ([$findings[] | select(.pair == $name) | codes[]] | unique | listed)]);

def pair_section:
  heading("Pairs"),
  (if pairs == [] then "The site names no pairs." | paragraph else
    ("Solid is the member that is preferred. A drill is `scripts/failover-drill`: what it took is the most that it may have been." | paragraph),
    pairs_diagram, pair_table,
    (select($drills_are == "unread") | "The drills file can't be read." | paragraph),
    ($unread_drills | select(. > 0) | "\(some("line")) of the drills file can't be read." | paragraph)
  end);
