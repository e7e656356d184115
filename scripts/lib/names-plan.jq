# What a name server is to have, and what that changes: {text, same, total, added, removed, moved, back, questions, refused?}; `back`
# is the serial under which the old zone is put back.
# Reads $server (of the site), $domain, $old (its file; null if there is none), $list (what ipalloc list prints), $served (the serials
# that were seen, or null), $date (YYYYMMDD), $adopt, $shrink, $named, hosts that are asked for in any case, and $gone, hosts that may go.
include "names";
include "text";

def refused($code; $why): {code: $code, message: ($why | printable)};
def family($address): if $address | contains(":") then "AAAA" else "A" end;
# The questions of one name: what must be answered, and what must not any more.
def questions($name; $new; $old):
  ($new + $old | map(family(.)) | unique)[] as $type
  | [$new[] | select(family(.) == $type)] as $want
  | {name: $name, type: $type, want: $want, not: ([$old[] | select(family(.) == $type)] - $want)};
# Every part of a list, if it has to be short.
def spread($most): length as $n | if $n <= $most then . else [range($most) as $at | .[$at * ($n - 1) / ($most - 1) | floor]] end;
def after: (. + 1) % 4294967296 | if . == 0 then 1 else . end;
# A name is that of one of these hosts.
def is_of($hosts): . as $name | any($hosts[]; . as $host | $name == $host or ($name | startswith("\($host).")));
# A foreign file may hold what nobody can ask for.
def askable: test("\\A[a-z0-9_.-]{1,253}\\z");

$old[0] as $old
| $server.format as $format
| (if $format == "pihole6" then "hosts" else $format end) as $form
| ($list | entries($form) | hosts) as $new
| ($old // "" | entries($form) | hosts) as $past
| ($server.primary and true) as $whole
| ([$served[], ($old // "" | serial_of)] | map(numbers) | newest) as $last
| ($last | if . == null then "\($date)00" | tonumber else after end) as $next
| (if $whole then "$TTL 300\n\($domain). IN SOA \($server.primary). hostmaster.\($domain). \($next) 3600 600 1209600 300\n\($domain). IN NS \($server.primary).\n" else "" end) as $head
| "\(mark($format))\n\($head)\($list)" as $text
| ($old != null and ($old | without_serial) == ($text | without_serial)) as $same
| (if $same then $old else $text end) as $text
| ($new | keys) as $names | ($past | keys) as $before
| [$names[] | select($past[.] | not)] as $added
| [$before[] | select($new[.] | not)] as $removed
| [$names[] | select($past[.] and $past[.] != $new[.])] as $moved
| [$names[] | select(is_of($named))] as $asked_for
| [$removed[] | select(is_of($gone))] as $may_go
| [$names[] | select($past[.] and $past[.] == $new[.])] as $kept
| {
    text: $text, same: $same, total: ($names | length), added: $added, removed: $removed, moved: $moved, asked_for: $asked_for,
    serial: (if $whole then $text | serial_of else null end),
    back: (if $whole then $next | after else null end),
    # What may be waited for in vain is last: nothing is asked behind it.
    questions: (
      (if $whole then [{name: $domain, type: "SOA", want: [$text | serial_of | tostring], not: []}] else [] end)
      + [(($added + $moved | spread(20)) + $asked_for + (if $added + $moved == [] then $kept | spread(3) else [] end) | unique)[] | questions(.; $new[.]; $past[.] // [])]
      + [($removed | map(select(askable)) | spread(20)) + ($may_go[:20] | map(select(askable))) | unique[] | questions(.; []; $past[.])]
      # Whatever it answers, it is there.
      | if . == [] then [{name: (if $domain == "" then "publish-names.invalid" else $domain end), type: "SOA", want: [], not: []}] else . end),
    refused: (
      if $old != null and ($old | is_ours | not) and ($adopt | not) then refused("not-ours"; "\($server.file) is there and was not made by publish-names; --adopt has it replaced (the old one stays beside it)")
      elif $names == [] and ($old == null or $removed != $may_go) and ($shrink | not) then refused("empty"; "the IPAM names no host for it; --shrink publishes an empty list")
      elif ($removed - $may_go | length) * 2 > ($before - $may_go | length) and ($shrink | not) then
        refused("shrinks"; "\($removed - $may_go | length) of its \($before - $may_go | length) names would go; if the IPAM is right, --shrink publishes it")
      else null end)
  }
