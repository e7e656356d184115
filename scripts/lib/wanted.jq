# The requests, each with the address that was found for it; those that were refused stay so.
include "records";

range($checked | length) as $i
| $decided[$i]
| if .error or of_no_guest then . else
    $checked[$i] + {address} | if .fallback then .fallback = "error" else . end
  end
