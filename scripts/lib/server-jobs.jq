# The server's own prune jobs of $store, and what is wrong with them: first an array of findings, then a line per job, {heading, words,
# reaches}, words being pbsprune's. $namespaces are those that there are.
include "records";
include "text";

def level: if . == "" then 0 else split("/") | length end;
def named: if . == "" then "the root" else . end;
def listed: map(named) | join(", ");
def rules: [to_entries[] | select(.key | test("\\Akeep-(last|hourly|daily|weekly|monthly|yearly)\\z"))
  | if .value | type == "number" and . >= 0 and . == floor then . else error("\(.key) is \(.value | tojson[:40]), no count") end | select(.value > 0)];

[records | select(.store == $store)] | sort_by(.id) | map(
  . as $job
  | (.ns // "") as $top
  | {id: (.id | tostring | printable), schedule: (.schedule // "" | tostring | printable), top: $top, depth: .["max-depth"],
     off: (.disable == true or .disable == 1), rules: rules}
  | .reaches = [$namespaces[] | select(. as $ns | ($top == "" or $ns == $top or ($ns | startswith($top + "/")))
      and ($job["max-depth"] == null or ($ns | level) - ($top | level) <= $job["max-depth"]))])
| . as $jobs
| def working: map(select(.off | not));
  [ (if $jobs == [] then "no prune job is visible: the server prunes nothing, or the token has no Datastore.Audit there" else empty end),
    ($jobs[] | select(.off) | "job \(.id) is disabled: it removes nothing"),
    ($jobs | working[] | select(.rules == []) | "job \(.id) has no keep option: it keeps everything"),
    ($jobs | working[] | select(.reaches == []) | "job \(.id) is for the namespace \(.top | named | printable), which isn't there, or can't be seen"),
    ($namespaces - ([$jobs | working[] | select(.rules != []) | .reaches[]] | unique) | select(. != [] and $jobs != []) | "no job prunes \(listed | printable)"),
    ($namespaces[] | . as $ns | [$jobs | working[] | select(.rules != [] and (.reaches | index([$ns]))) | .id] | select(length > 1)
      | "jobs \(join(" and ")) both prune \($ns | named | printable): what either removes is gone")
  ],
  ($jobs[] | {
    heading: ("job \(.id), \(.schedule)" + (if .off then ", disabled" else "" end) + ": "
      + (if .reaches == [] then "no namespace" else (.reaches | listed | printable) end)
      + (if .rules == [] then "; keeps everything" else "" end)),
    words: [.rules[] | "--\(.key)", "\(.value)"], reaches: (if .off or .rules == [] then [] else .reaches end)})
