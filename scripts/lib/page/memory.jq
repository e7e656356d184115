# What the guests were given of each node's memory: now, and when another node is gone.

def hundredths: . * 100 | round | "\(. / 100 | floor).\(. % 100 | if . < 10 then "0\(.)" else tostring end)";
def given: map(select(.status == "running") | .maxmem // 0) | add // 0;
def limit: $site.limits.ram_ratio // 1.5;

def memory:
  heading("Memory"),
  ("How many times its memory a node's running guests have: \(limit | data) at most, as the site says." | paragraph),
  table(["Node", "Memory", "Given now", "Ratio"];
    nodes[] | .node as $node | (guests_of($node) | given) as $given
    | [($node | data), (if .maxmem then "\(.maxmem | gib) GiB" else "?" end), "\($given / 107374182.4 | round / 10) GiB",
       (if .maxmem and .maxmem > 0 then $given / .maxmem | hundredths + (if . > limit then " **over**" else "" end) else "?" end)]);
