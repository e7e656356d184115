# The records of guests whose names were to be published; $servers are publish-names' records, $said what it said, $code how it ended.
include "text";

([$servers[] | select(.error) | "\(.name): \(.error.message)"]) as $wrong
| if .ready | not then . else
    .steps_ms.publish = $ms | .steps_ms.total += $ms | .steps_ms.client += $ms
    | if $code == 0 then .published = [$servers[].name] | .changed = (.changed or any($servers[]; .changed))
      else
        .ready = false | .step = "publish"
        | failed("publish"; if $wrong != [] then $wrong | join("; ") else ($said | split("\n") | map(select(. != "")) | last // "publish-names ended with \($code)") end)
        | .error.step = "publish"
      end
  end
