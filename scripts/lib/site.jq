# What the policy of a site, site.json, says about addresses and names.

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
  [$site.vlans[] | .gateway as $rule | .prefix | gateway($rule) // empty]
  + [$site.pairs[]?.vip // empty]
  + ($site.avoid // [])
  | map(tostring) | unique;

# A guest's name as its owner has it: lower case, no trailing dot, no domain of the site.
def short($site): ascii_downcase | rtrimstr(".") | rtrimstr("." + $site.domain);
