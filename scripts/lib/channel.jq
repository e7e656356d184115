# A notice in the form of a channel ($channel): what is sent there.
#
# Discord: embeds of at most 256 characters in a title and 4096 in a description (its developers' pages, Message,
# "Embed Limits"); nobody is ever mentioned; the lines are in a code block, where nothing is a link or a format.
# ntfy: its page "Publish as JSON"; a message has at most 4096 bytes, and the server reads 8192 of the whole.
# healthchecks: the first 100,000 bytes of a body are kept (its page "Pinging API").

def cut($most): if length > $most then .[:$most - 1] + "…" else . end;

# The lines as one text of at most $most by `measure`; says how many are left out, with the $more that aren't here.
def fitted($more; $most; measure): . as $lines
    | if $more == 0 and (join("\n") | measure) <= $most then join("\n") else
        map(cut(400)) | . as $short
        | reduce range(length) as $at ({text: "", kept: 0};
            if .kept < $at then . else
                (.text + (if $at > 0 then "\n" else "" end) + $short[$at]) as $longer
                | if ($longer | measure) + 40 > $most then . else {text: $longer, kept: ($at + 1)} end
            end)
        | ($more + ($lines | length) - .kept) as $left
        | .text + (if $left > 0 then "\n... and \($left) more" else "" end)
    end;

def plain: gsub("(?<sign>[\\\\*_~`|<>\\[\\]])"; "\\\(.sign)");
def colour: {ok: 3066993, warning: 15105570, failed: 15158332}[.state];
def with_host: . + (if . == "" then "" else "\n" end) + ($host | cut(60));
def json_bytes: tojson | utf8bytelength;

.more as $more | if $channel == "discord" then
    {allowed_mentions: {parse: []}, embeds: [{title: (.title | cut(200) | plain | cut(256)), color: colour, footer: {text: ($host | cut(100))}}
        + (if .lines == [] then (if (.title | length) > 200 then {description: ("```\n" + (.title | gsub("`"; "'") | cut(4000)) + "\n```")} else {} end)
           else {description: ("```\n" + (.lines | map(gsub("`"; "'")) | fitted($more; 4000; length)) + "\n```")} end)]}
elif $channel == "ntfy" then
    {topic: $topic, title: (.title | cut(200)), priority: (if .state == "failed" then 4 else 3 end),
        tags: [{ok: "white_check_mark", warning: "warning", failed: "x"}[.state]],
        message: ([(if (.title | length) > 200 then .title else empty end), .lines[]] | fitted($more; 3900; json_bytes) | with_host)}
else
    [.title, .lines[]] | fitted($more; 90000; utf8bytelength) | with_host
end
