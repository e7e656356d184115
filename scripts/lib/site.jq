# What a site says about addresses and names, and how a record is refused.

def number: reduce (split(".")[] | tonumber) as $octet (0; . * 256 + $octet);
def dotted: [. / 16777216, . / 65536 % 256, . / 256 % 256, . % 256] | map(floor | tostring) | join(".");

# The gateway of a prefix by the rule of its VLAN: first, last, none, or an address.
def gateway($rule):
  split("/") as [$base, $length]
  | pow(2; 32 - ($length | tonumber)) as $size
  | ($base | number | . - . % $size) as $network
  | if $rule == "first" or $rule == null then $network + 1 | dotted
    elif $rule == "last" then $network + $size - 2 | dotted
    elif $rule == "none" then null
    else $rule end;

# What no guest is given: gateways, VIPs, and what the site keeps for itself.
def kept($site):
  [$site.vlans[]? | .gateway as $rule | .prefix | gateway($rule) // empty]
  + [$site.pairs[]?.vip // empty]
  + ($site.avoid // [])
  | map(tostring) | unique;

# A guest's name as its owner has it: lower case, no trailing dot, no domain of the site.
def short($site): ascii_downcase | rtrimstr(".") | if $site.domain then rtrimstr("." + ($site.domain | ascii_downcase)) else . end;

# A VLAN as people are told of it: 30 (services).
def called: if .name then "\(.vlan) (\(.name))" else "\(.vlan)" end;

# How many letters have to be put in, left out or changed to make one word of the other.
def distance($word):
  explode as $from | ($word | explode) as $to
  | reduce range($from | length) as $i ([range($to | length + 1)];
      . as $above
      | reduce range($to | length) as $j ([$i + 1];
          . + [[.[$j] + 1, $above[$j + 1] + 1, $above[$j] + (if $from[$i] == $to[$j] then 0 else 1 end)] | min]))
  | last;

# The one of $known that was probably meant, as "; near: db", or nothing.
def near($known):
  tostring | ascii_downcase[:64] as $word
  | [$known[] | tostring | {word: ., far: (ascii_downcase | distance($word))} | select(.far <= 2 and .far < (.word | length))]
  | sort_by(.far) | if . == [] then "" else "; near: \(.[0].word)" end;
