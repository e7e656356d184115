# What a site says about addresses and names, and how a record is refused.

# The gateway of a VLAN, or null.
def gateway: if .gateway == "none" then null else .gateway end;

# Whether a prefix holds an address, IPv4 both.
def holds($address):
  def number: split(".") | if length == 4 then reduce (.[] | tonumber) as $octet (0; . * 256 + $octet) else null end;
  split("/") as [$base, $length]
  | ($base | number) as $from | ($address | number) as $there
  | $from != null and $there != null and (pow(2; 32 - ($length | tonumber)) as $size | ($from - $from % $size) == ($there - $there % $size));

# A guest's name as its owner has it: lower case, no trailing dot, no domain of the site.
def short($site): ascii_downcase | rtrimstr(".") | if $site.domain then rtrimstr("." + ($site.domain | ascii_downcase)) else . end;

# As `short`, in the letters that it has; a name that is nothing but a domain stays.
def own_name($site): short($site) as $short | if $short == "" then . else .[:($short | length)] end;

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
