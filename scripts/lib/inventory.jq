# Guests with their configs. $lines: [file, line] of the configs that came. $answers: file, HTTP
# status, message and exit code of curl, where there is something to say.
include "text";

def answer($text): $text | fromjson? // {};

($lines | reduce .[] as [$id, $line] ({}; .[$id] += $line)) as $texts
| ($answers | split("\n") | map(select(. != "") | split("\t") | {key: .[0] | split("/")[-1], value: {status: .[1], message: (if .[3] | . == "63" or . == "23" then "longer than 256 KiB" else .[2] end)}}) | from_entries) as $said
| "\(.vmid)" as $id
| answer($texts[$id] // "") as $body
| (if $body.data | type == "object" then $body.data else $body end) as $config
| {vmid, type, node, name: (.name // $config.name // $config.hostname), status, template: (.template // 0)} + (if .hastate | type == "string" then {hastate} else {} end) as $guest
| if $config == {} or (($said[$id].status // "200") != "200") then
    $guest + {error: {code: "no-config", message: (
      "/nodes/\(.node)/\(.type)/\(.vmid)/config: "
      + (if ($said[$id].status // "0") | . == "0" or . == "000" or . == "200" then "" else "HTTP \($said[$id].status) " end)
      + ([$body.message, $said[$id].message] | map(select(. != null and . != "")) | .[0] // "nothing came" | rtrimstr("\n")) | printable)}}
  else $guest + $config + $guest end
