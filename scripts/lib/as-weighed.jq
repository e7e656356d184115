# What the IPAM has allocated ($is) beside what was looked at before ($was), whose records with all that was decided are the input: "other" if it is
# not that; "placed" if it is, so that their places are, too; and if nothing of it is new, the decided records as they are.
[inputs] as $decided
| if ([$was, $is | map([.name, .address, .error])] | .[0] != .[1]) then "other"
  elif any(($was + $is)[]; .changed) then "placed"
  else $decided[] | del(.dry_run) end
