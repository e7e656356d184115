# Facts of the members of HA pairs and the places of the guests, for the scripts that check pairs.
# Sourced after call.bash; needs `tmp` and `site`.

# remote SECONDS HOST COMMAND...: ssh that comes to an end: a host that doesn't answer, or not any more, is given up.
ssh=(ssh -n -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=3 -o ServerAliveCountMax=2 --)
remote() { timeout -k 2 "$1" "${ssh[@]}" "${@:2}"; }

# start_again HOST COMMAND: runs it there, come what may: the way there may be lost for a while, and a second
# Ctrl-C waits.
start_again() {
    local status
    trap '' INT TERM HUP
    for _ in {1..4}; do
        status=0
        remote 60 "$1" "$2" >&2 || status=$?
        case $status in
        255 | 124 | 137) sleep 2 ;; # ssh's own failure, and timeout's
        *) break ;;
        esac
    done
    ((status == 0)) || say "NOT STARTED AGAIN: ssh $1 $2"
    trap - INT TERM HUP
}

# watch_vips PAIR TIME VIP...: prints the record of what hacheck watch saw of the pair; of several VIPs, of that one which
# was worst off, and the exit code is the worst. A watch that fails ends the others. It ends the shell that it runs
# in, a job in the background. Needs `site_file`.
watch_vips() {
    trap 'kill "${watches[@]}" 2>/dev/null || true' EXIT
    trap 'exit 143' TERM
    local vip code status=0 watches=() pair=$1 length=$2
    shift 2
    (($#)) || set -- ""
    for vip; do
        hacheck watch --pairs "$site_file" --pair "$pair" ${vip:+--vip "$vip"} --until-recovered --for "$length" >"$tmp/watch.${#watches[@]}" &
        watches+=($!)
    done
    for vip; do
        code=0
        wait -n || code=$?
        ((code <= status)) || status=$code
        ((code < 2)) || exit "$code"
    done
    cat -- "$tmp"/watch.[0-9]* | jq -cs 'max_by([.status != "ok", .recovered != true, .outage_ms[1] == null, .outage_ms[1]])'
    exit "$status"
}

# gather PAIR: sets `facts` and `guests`, options of hacheck check; an empty PAIR means all.
# Who can't be asked is said, and is unseen to the check.
gather() {
    local name address paths place asked=()
    facts=() guests=()
    mkdir -p -- "$tmp/facts"
    rm -f -- "$tmp/facts"/*
    jq -r --arg pair "$1" '[.pairs[] | select($pair == "" or .name == $pair) | {paths: [.files[].path]} + (.members[] | select(.address))]
        | group_by(.address)[] | [.[0].name, .[0].address] + (map(.paths[]) | unique) | @tsv' "$site" >"$tmp/members"
    while IFS=$'\t' read -r name address paths; do
        # shellcheck disable=SC2086 # the paths are words of one remote command line, quoted there
        ask "$name" "$address" "${paths//$'\t'/$'\n'}" &
        asked+=($!)
    done <"$tmp/members"
    ((${#asked[@]} == 0)) || wait "${asked[@]}" || true
    while IFS=$'\t' read -r name address paths; do
        place=$(facts_file "$address")
        [[ ! -s $place ]] || facts+=("$address=$place")
    done <"$tmp/members"
    ((${#facts[@]} == 0)) || facts=(--facts "${facts[@]}")
    place=${opt[guests]-}
    if [[ ! $place ]] && { [[ ${PROXMOX_VE_ENDPOINT:-${PROXMOX_HOST-}} ]] || have pvesh; }; then
        place=$tmp/guests.jsonl
        run "$here/inventory" "${trust_options[@]}" >"$place"
    fi
    [[ ! $place ]] || guests=(--guests "$place")
}

# facts_file ADDRESS: where that member's facts go. Members of two pairs may have one name, and a name may have
# a slash in it; an address tells them apart.
facts_file() { printf '%s/facts/%s.json' "$tmp" "${1//[^0-9a-fA-F.]/_}"; }

# ask NAME ADDRESS PATHS: the facts of one member by ssh, to its file. PATHS is a line each.
ask() {
    local words=(hacheck member) path error code=0 file
    file=$(facts_file "$2")
    while IFS= read -r path; do
        [[ ! $path ]] || words+=(--file "$(printf %q "$path")")
    done <<<"$3"
    error=$(
        trap '' XFSZ
        ulimit -Sf 1024 # KiB: a member whose answer doesn't end must not fill the disk
        remote 20 "$2" "${words[@]}" 2>&1 >"$file" | head -c 4096
    ) || code=$?
    if ((code == 0)); then
        error=$(jq -rs --arg own "$2" --slurpfile site "$site" -f "$lib/facts.jq" "$file" 2>/dev/null) || error="they are no facts"
        [[ $error ]] || return 0
    fi
    error=${error%$'\r'} error=${error##*$'\n'} # ssh ends its lines as a terminal in raw mode wants it
    if (($(stat -c %s "$file") >= 1048576)); then
        error="longer than 1 MiB"
    elif ((code == 124 || code == 137)); then
        error="no answer within 20s"
    fi
    rm -f -- "$file"
    say "$1 ($2): no facts: ${error:-exit code $code}"
}
