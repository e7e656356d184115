# What happens if a node is lost: the records of `pvx-migrate plan lost --all`.

def fates: {"ha-restart": "the HA manager starts it", "by-hand": "a person starts it", restore: "restored from a backup", gone: "**gone**", unknown: "not known"};
def of_cluster: $lost[] | select(.cluster and .vmid == null); # not what is said of exemptions
def of_node($node): [$lost[] | select(.vmid and .node == $node)] | sort_by(.vmid);
def votes: if type == "object" then "\(.remaining // "?") of \(.expected // "?"), \(.needed // "?") needed" elif . == null then "?" else tostring end;
# The node that is the fullest with all that was on the lost one.
def fullest: [.[]? | select((.maxmem // 0) > 0) | {node, ratio: ((.after_all // .now) / .maxmem), over: ((.after_all // .now) > (.limit // infinite))}]
  | sort_by([-.ratio, .node])[0] // empty | "\(.node | data) \(.ratio | hundredths)\(if .over then " **over**" else "" end)";

def if_lost:
  heading("If a node is lost"),
  (if $lost_why != [] then "Not worked out: \($lost_why | map(masked | data) | join("; "))." | paragraph elif $lost == [] then "Not worked out." | paragraph else
    table(["Node lost", "Votes left", "Majority", "HA acts", "Come back by themselves", "By hand", "From a backup", "Gone", "Not known", "Fullest then", "Findings"];
      [of_cluster] | sort_by(.node)[] | .node as $node | of_node($node) as $guests
      | def those($fate): $guests | map(select(.comes_back == $fate and .ran != false)) | length | tostring;
        [($node | data), (.cluster.votes? | votes | data), (.cluster.quorate? | yes_no), (.cluster.ha_can_act? | yes_no),
         those("ha-restart"), those("by-hand"), those("restore"), those("gone"), those("unknown"), ([.cluster.memory? | fullest] | join("")), (codes | listed)]),
    (([of_cluster] | sort_by(.node))[] | .node as $node | of_node($node) | map(select(.comes_back != "ha-restart" and .ran != false)) | select(. != [])
     | "Not by themselves, if \($node | data) is lost:", "",
       table(["Guest", "Comes back", "On", "Rests on it", "Findings"];
         .[:most_rows][] | [(subject | data), (fates[.comes_back // ""] // (.comes_back // "?" | data)), (.on // "" | data), ([.depends_on_it[]? | plain] | listed), (codes | listed)]))
  end);
