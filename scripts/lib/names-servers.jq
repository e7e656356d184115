# The name servers of a site, a line each: all, or those of $only. $only and $accept are names with commas between them.
def names: split(",") | map(select(. != ""));
def known($option; $said; $known):
  ($said | names) - $known
  | if . == [] then empty else error("--\($option) names \(join(", ")), and the site's name servers are \($known | join(", "))") end;

(.dns.servers // []) as $servers
| [$servers[].name] as $all
| ($only | names) as $wanted
| if $servers == [] then error("it has no `dns`, so there is no server to bring names to") else . end
| known("server"; $only; $all), known("accept-new"; $accept; $all), ($servers[] | select($wanted == [] or (.name | IN($wanted[]))))
