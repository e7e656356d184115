# What a name server is to have, and what that changes: {text, same, ours, total, added, removed, moved, questions, refused?}.
# Reads $server (of the site), $domain, $old (its file; null if there is none), $list (what ipalloc list prints), $served (the serial
# that it answers with, or null), $date (YYYYMMDD), $adopt, $shrink, and $named, hosts that are asked for in any case.
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
# A foreign file may hold what nobody can ask for.
def askable: test("\\A[a-z0-9_.-]{1,253}\\z");

$old[0] as $old
| $server.format as $format
| (if $format == "pihole6" then "hosts" else $format end) as $form
| ($list | entries($form) | hosts) as $new
| ($old // "" | entries($form) | hosts) as $past
| ($server.primary and true) as $whole
| ([$served, ($old // "" | serial_of)] | map(numbers) | newest) as $last
| ($last | if . == null then "\($date)00" else (. + 1) % 4294967296 | if . == 0 then 1 else . end | tostring end) as $next
| (if $whole then "$TTL 300\n\($domain). IN SOA \($server.primary). hostmaster.\($domain). \($next) 3600 600 1209600 300\n\($domain). IN NS \($server.primary).\n" else "" end) as $head
| "\(mark($format))\n\($head)\($list)" as $text
| ($old != null and ($old | without_serial) == ($text | without_serial)) as $same
| (if $same then $old else $text end) as $text
| ($new | keys) as $names | ($past | keys) as $before
| [$names[] | select($past[.] | not)] as $added
| [$before[] | select($new[.] | not)] as $removed
| [$names[] | select($past[.] and $past[.] != $new[.])] as $moved
| [$names[] | . as $name | select(any($named[]; . as $asked | $name == $asked or ($name | startswith("\($asked)."))))] as $asked_for
| [$names[] | select($past[.] and $past[.] == $new[.])] as $kept
| {
    text: $text, same: $same, total: ($names | length), added: $added, removed: $removed, moved: $moved, asked_for: $asked_for,
    serial: (if $whole then $text | serial_of else null end),
    questions: (
      [(($added + $moved | spread(20)) + $asked_for + (if $added + $moved == [] then $kept | spread(3) else [] end) | unique)[] | questions(.; $new[.]; $past[.] // [])]
      + [($removed | map(select(askable)) | spread(20))[] | questions(.; []; $past[.])]
      + (if $whole then [{name: $domain, type: "SOA", want: [$text | serial_of | tostring], not: []}] else [] end)),
    refused: (
      if $old != null and ($old | is_ours | not) and ($adopt | not) then refused("not-ours"; "\($server.file) is there and was not made by publish-names; --adopt has it replaced (the old one stays beside it)")
      elif $names == [] and ($shrink | not) then refused("empty"; "the IPAM names no host for it; --shrink publishes an empty list")
      elif ($removed | length) * 2 > ($before | length) and ($shrink | not) then
        refused("shrinks"; "\($removed | length) of its \($before | length) names would go; if the IPAM is right, --shrink publishes it")
      else null end)
  }
