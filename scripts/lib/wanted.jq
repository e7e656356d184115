# The requests, each with the address that was found for it; those that were refused stay so.
range($checked | length) as $i
| $decided[$i]
| if .error then . else
    $checked[$i] + {address} | if .fallback then .fallback = "error" else . end
  end
