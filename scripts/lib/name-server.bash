# One name server, from its host key to its answers. Sourced after call.bash, site.bash, host-keys.bash and guests.bash;
# needs `tmp`, `known`, `ipam` and `dry`. Everything that is done to a server goes through one connection, which holds the
# lock there; the IPAM is read behind it, so that of two runs the later one has the newer list.

# failure CODE WHY: this server is not served. False, so that it can end a chain.
failure() {
    code=$1 why=$2
    return 1
}

# greet: writes known_hosts, by which ssh knows the server. A key that is known is not asked for beforehand.
greet() {
    jq -Rr --arg host "$host" 'split(" ") | select(.[0] // "" | split(",") | any(. == $host)) | .[0] = $host | join(" ")' "$known" >"$folder/known_hosts"
    : >"$folder/verdict"
    [[ -s $folder/known_hosts ]] || judged_keys
}
# judged_keys: what is thought of the keys that it offers: false, and said, or it is known_hosts, to be kept when it has answered.
judged_keys() {
    await "$host" "$folder/scanned" "$wait_s" || failure no-sshd "no ssh server answers at $host, port 22" || return
    filter server-keys server-keys -nr --rawfile scanned "$folder/scanned" --rawfile known "$known" --arg path "$known" --arg host "$host" \
        --arg name "$server" --argjson accept "$([[ ,${opt[accept-new]-}, == *,"$server",* ]] && echo true || echo false)" >"$folder/verdict"
    tail -n +2 -- "$folder/verdict" >"$folder/known_hosts"
    [[ -s $folder/known_hosts ]] || failure host-key "$(head -n 1 -- "$folder/verdict" | jq -r .error.message)"
}

# dial: opens the connection, `to` and `from`; name-file.sh runs at its other end.
dial() {
    local command="sh -s" user=root at
    at=$(jq -r '.host // .address' "$folder/server")
    if [[ $at == *@* ]]; then user=${at%@*}; fi
    [[ $user == root ]] || command="sudo -n sh -s"
    # Only as a whole: a shell that got the half of it would wait for the rest.
    {
        jq -r --arg pvx "$pvx" --arg lock "${dry/true/}" '"pvx=\($pvx | @sh)", "file=\(.file | @sh)", "check=\(.check // "" | @sh)",
            "reload=\(.reload // "" | @sh)", "lock=\($lock | @sh)"' "$folder/server" && cat -- "$lib/name-file.sh" && echo main
    } >"$folder/script" || failure login "what is to run there could not be written" || return
    mkfifo -- "$folder/in" "$folder/out"
    (
        cd -- "$folder"
        exec "${ssh[@]}" -o HostKeyAlias="$host" -l "$user" -- "$host" "$command" <in >out 2>said
    ) &
    line_pid=$!
    exec {to}>"$folder/in" {from}<"$folder/out"
    send "$folder/script"
}
# send FILE: a server that reads nothing stops nobody; that no answer comes is seen by who waits for it.
send() { timeout 60 cat -- "$1" 2>/dev/null 1>&"$to" || true; }
# hang_up: what goes on there does so without a connection. ssh has to be killed where the other end doesn't hang up.
hang_up() {
    [[ $to ]] || return 0
    local until=$((SECONDS + 10))
    exec {to}>&- {from}<&-
    to=""
    while kill -0 "$line_pid" 2>/dev/null; do
        ((SECONDS < until)) || kill -KILL "$line_pid" 2>/dev/null || true
        sleep 0.02
    done
    wait "$line_pid" 2>/dev/null || true
}

# What name-file.sh can fail with.
may_fail='^(missing-tool|no-folder|not-a-file|busy|write|check|reload|lost|undone) .'
# heard SECONDS: `reply`, the next line of name-file.sh; what others print there (a greeting, a profile) is passed over.
heard() {
    local until=$((SECONDS + $1)) line
    while ((SECONDS < until)) && IFS= read -r -n 3000000 -t $((until - SECONDS)) -u "$from" line; do
        ((${#line} < 3000000)) || break # it doesn't end
        [[ $line == "$pvx "* ]] || continue
        reply=${line#"$pvx "}
        case $reply in
        "failed "* | "stuck "*)
            reply=${reply#* }
            [[ $reply =~ $may_fail ]] || reply="lost what it said is no answer: $reply"
            failure "${reply%% *}" "${reply#* }"
            return
            ;;
        *) return 0 ;;
        esac
    done
    line=$(head -c 4096 -- "$folder/said" | tr -d '\0\r' | grep -av '^$' | tail -n 1) || true
    failure lost "$host: ${line:-the connection was lost, or nothing came for $1 s}"
}
# order LINE ANSWER: a command for name-file.sh. All its parts together, each as slow as it may be, take less than this.
order() {
    printf '%s\n' "$1" >"$folder/order"
    send "$folder/order"
    heard 420 || return
    [[ $reply == "$2" ]] || failure lost "$host: what it said is no answer"
}

# not_let_in: why nothing came; only what the server itself said keeps its code.
not_let_in() {
    [[ $code == lost ]] || return 0
    code=login
    case $why in
    *"Host key verification failed"*)
        judged_keys || return 0
        failure host-key "$host offered another key than a moment before" || true
        ;;
    *": connect to host "* | *"Could not resolve hostname"*) code=no-sshd ;;
    esac
}

# looked: `old.json`, the file that is there as a JSON text, or null; `withdrawn`, a serial that was used already, or null.
looked() {
    local told
    heard 90 || { not_let_in; return 1; }
    [[ ! $(<"$folder/verdict") == *'"later":true'* || $dry == true ]] || pin "$host" "$folder/known_hosts"
    echo null >"$folder/old.json"
    read -r -a told <<<"$reply" || true
    case ${told[0]-} in
    none) withdrawn=${told[1]-} ;;
    there)
        # An empty file is no word.
        [[ $reply != "there  "* ]] || told=(there "" "${told[1]-}")
        withdrawn=${told[2]-}
        base64 -d <<<"${told[1]-}" 2>/dev/null | jq -Rs . >"$folder/old.json" || failure login "$host: what came back is no file" || return
        ;;
    *) failure login "$host: what came back is no file" || return ;;
    esac
    [[ $withdrawn =~ ^[0-9]{1,10}$ ]] || withdrawn=null
}

# listed: `list`, what the IPAM says now in the form of this server; `domain` is its domain, if it has one.
listed() {
    local words=(--format "$form" --allow-empty) status=0 line
    [[ ! $domain ]] || words+=(--domain "$domain")
    ipalloc list "${ipam[@]}" --site "$site_file" "${words[@]}" >"$folder/list" 2>"$folder/notes" </dev/null || status=$?
    while IFS= read -r line; do
        line=${line#ipalloc: }
        [[ ${noted[x$line]-} ]] || say "$line"
        noted[x$line]=yes
    done <"$folder/notes"
    ((status == 0)) || failure ipam "the IPAM could not be read" || { ipam_failed=$status; return 1; }
}

# planned: `plan`, what the server is to have and what that changes; the diff on stderr.
planned() {
    local served=null
    if [[ $(jq -r '.primary // ""' "$folder/server") ]]; then
        served=$(hacheck ask "$address" "$domain" --type SOA 2>/dev/null </dev/null | jq -c '.answers[0]? // null | tonumber?') || true
    fi
    filter "$server" names-plan -n --argjson server "$(<"$folder/server")" --arg domain "$domain" --slurpfile old "$folder/old.json" --rawfile list "$folder/list" \
        --argjson served "[${served:-null}, $withdrawn]" --arg date "$(date -u +%Y%m%d)" --argjson adopt "${opt[adopt]-false}" --argjson shrink "${opt[shrink]-false}" \
        --argjson named "$named" --argjson gone "$gone" >"$folder/plan"
    jq -j .text "$folder/plan" >"$folder/new"
    (($(wc -c <"$folder/new") <= 2097152)) || failure too-large "the list has more than 2 MiB, which no server is given" || return
    jq -r '.asked_for[]' "$folder/plan" >>"$tmp/asked_for"
    show_diff
    code=$(jq -r '.refused.code // ""' "$folder/plan")
    [[ ! $code ]] || failure "$code" "$(jq -r .refused.message "$folder/plan")"
}
# What would be obeyed by a terminal is not shown, and of a file that is wholly another one the beginning.
show_diff() {
    jq -j '. // ""' "$folder/old.json" >"$folder/old"
    diff -u --label "$server:$file" --label "the IPAM" -- "$folder/old" "$folder/new" |
        jq -Rrn -L "$lib" 'include "text"; [inputs] | (.[:200][] | printable), (if length > 200 then "... and \(length - 200) lines more" else empty end)' >&2 || true
}

# answers SECONDS: the server says what it should, at the latest then; it may be busy with starting.
answers() {
    local until=$((SECONDS + $1)) status said
    jq -c '.questions[]' "$folder/plan" >"$folder/questions" || failure unverified "the questions could not be written" || return
    while true; do
        status=0
        hacheck ask "$address" --timeout 3s <"$folder/questions" >"$folder/answers" 2>"$folder/notes" || status=$?
        # Only this word says that it is well: what ends half-way says nothing.
        said=$(jq -rn -L "$lib" --slurpfile questions "$folder/questions" --argjson status "$status" --rawfile notes "$folder/notes" \
            -f "$lib/names-verdict.jq" "$folder/answers" 2>/dev/null) || said=""
        if [[ $said == good || $said == "good "* ]]; then
            [[ $said == good ]] || say "$server: ${said#good }"
            verified=true code=""
            return 0
        fi
        why=${said#bad }
        ((SECONDS < until)) || break
        sleep 0.2
    done
    failure unverified "${why:-what it answered could not be judged (hacheck ask ended with $status)}"
}

# replace: the new file is there, read, and answered from; else the old one is.
replace() {
    local first_code first_why
    order "put $(sha256sum <"$folder/new" | cut -d ' ' -f 1) $(base64 <"$folder/new" | tr -d '\n') $(jq -r '.back // ""' "$folder/plan")" put || return
    changed=true
    if answers 10 && order keep kept; then return 0; fi
    first_code=$code first_why=$why verified=false
    if [[ $code == unverified ]] && order undo undone; then
        changed=false
        failure "$first_code" "$first_why; the old file was put back"
    else
        failure "$first_code" "$first_why; and that the old file was put back is not known: $why"
    fi
}

# confirm: the file is the right one already; the server is asked all the same, and made to read it if it doesn't answer from it.
confirm() {
    answers 2 && return
    order read read && answers 10
}

# publish: one server, whose entry is $folder/server; `code` and `why` if it isn't served. False if no other is to be touched.
publish() {
    local began=${EPOCHREALTIME//[!0-9]/} to="" from="" line_pid="" reply="" host address file form domain withdrawn=null touched=false
    code="" why="" changed=false verified=false
    mapfile -t entry < <(jq -r '(.host // .address | split("@")[-1]), .address, .file, (if .format == "pihole6" then "hosts" else .format end), (.domain // if .format == "zone" then $domain else "" end)' \
        --arg domain "$(jq -r '.domain // ""' "$site")" "$folder/server")
    host=${entry[0]} address=${entry[1]} file=${entry[2]} form=${entry[3]} domain=${entry[4]}
    if greet && dial && looked && listed && planned && [[ $dry == false ]]; then
        touched=true
        if [[ $(jq .same "$folder/plan") == true ]]; then confirm || true; else replace || true; fi
    fi
    if [[ $to && $code != lost ]]; then printf 'bye\n' 2>/dev/null 1>&"$to" || true; fi
    hang_up
    # Nothing is well that nobody said is.
    [[ $code || $verified == true ]] || { $dry && [[ -s $folder/plan ]]; } || failure lost "what came of it is not known" || true
    [[ -s $folder/plan ]] || unplanned=true
    [[ -s $folder/plan ]] || echo null >"$folder/plan"
    filter "$server" names-record -n --argjson server "$(<"$folder/server")" --slurpfile plan "$folder/plan" --argjson changed "$changed" --argjson verified "$verified" \
        --argjson ms "$(((${EPOCHREALTIME//[!0-9]/} - began) / 1000))" --argjson dry "$dry" --arg code "$code" --arg why "$why" >"$folder/record"
    [[ ! $code ]] || ! $touched
}
