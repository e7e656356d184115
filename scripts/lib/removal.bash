# The removals of a plan, group by group, each looked at again before it is touched.
# Sourced after call.bash, https.bash, pbs.bash and prune.bash; needs `tmp`, `code`, `store`.

# How many are asked for in one connection: more would be in flight when somebody says stop.
batch_size=20

# remove_all: removes what plan has left in $tmp/removals, and writes a record for each.
remove_all() {
    local first group query keep due ns batch stop=false verified=false check=true
    local -a times # of the snapshots in `batch`
    local -A ended=() # why nothing more is tried in a namespace
    [[ -s $tmp/removals ]] || return 0
    [[ " ${rules[*]} " != *" --verified "* ]] || verified=true
    ! on without-server-check || check=false
    $pbs_curl || by_client
    groups
    filter "$store" batches -n --slurpfile list "$tmp/list" --slurpfile groups "$tmp/groups" \
        --argjson size "$batch_size" --argjson verified "$verified" <"$tmp/removals" >"$tmp/batches"
    # Not a tab: read takes several of them for one, and loses a field that is empty.
    jq -r '[.first, .group, .query, .keep, (.rows | map(.["backup-time"]) | join(" ")), .ns | tostring] | join("\u001f")' "$tmp/batches" >"$tmp/heads"
    removing=true
    trap 'stop=true' INT TERM HUP
    trap '' PIPE # a reader that has gone is told
    while IFS=$'\x1f' read -r first group query keep due ns && IFS= read -r batch <&4; do
        $first && alone=()
        read -ra times <<<"$due"
        [[ ! ${ended[x$ns]-} ]] || alone=(refused "not tried any more in this namespace: ${ended[x$ns]}")
        unless_stopped
        $first && ((${#alone[@]} == 0)) && look "$ns" "$group" "$query" "$keep"
        while ((${#alone[@]} == 0)) && [[ $batch ]]; do unless_stopped && remove_batch "$ns" "$group" "$query"; done
        [[ ! $batch ]] || show "$(unheard jq -c --arg code "${alone[0]}" --arg message "${alone[1]}" \
            '.rows[] | . + {changed: false, error: {code: $code, message: $message}}' <<<"$batch")"
        ((${#alone[@]} == 0)) || code=1
    done <"$tmp/heads" 4<"$tmp/batches"
    trap - INT TERM HUP PIPE
}

# groups: what is kept of each group, in $tmp/groups; 1, that some group is refused, plan has said.
groups() {
    local status=0
    pbsprune "${rules[@]}" --groups <"$tmp/list" >"$tmp/groups" 2>"$tmp/notes" || status=$?
    ((status < 2)) || { cat -- "$tmp/notes" >&2 && fail "$status" "nothing is removed: what is kept of each group can't be worked out"; }
}

# by_client: it takes a process for each removal; says so where that takes a while.
by_client() {
    local many
    batch_size=1 many=$(grep -c '' "$tmp/removals")
    ((many < 200)) || say "$many removals by proxmox-backup-client, a process each; an API token with --ca-cert FILE is asked by curl, 20 in a connection, and is faster"
}

unless_stopped() { ! $stop || fail 3 "stopped before the next of ${ns:+$ns:}$group; nothing is in flight"; }

# unheard COMMAND...: no signal to the whole process group (systemd, timeout, Ctrl-C) ends it; what is done will be told.
unheard() { (trap '' INT TERM HUP && "$@"); }

# end_namespace NAMESPACE: what is forbidden, or not possible now, is so for all of it.
end_namespace() {
    case $pbs_message in
    *"permission check failed"* | *"maintenance mode"*) ended[x$1]=$pbs_message ;;
    esac
}

# look NAMESPACE GROUP QUERY KEEP: sets `alone`, the code and the message of each of its records, if the group isn't as it
# was planned, or the server would keep some of what is to go.
no_opinion=""
look() {
    local name=${1:+$1:}$2 status=0
    pbs_snapshots "$1" "$2" "$3" || status=$?
    ((status != 3)) || fail 3 "stopped before $name: $pbs_message"
    ((status == 0)) || { alone=(changed "$name can't be read again: $pbs_message; nothing of it is removed") && end_namespace "$1" && return; }
    mv -- "$tmp/answer" "$tmp/now"
    echo '[]' >"$tmp/answer"
    if $check; then
        [[ $no_opinion ]] || pbs_opinion "$1" "$2" "$3" "$4" || status=$?
        ((status != 3)) || fail 3 "stopped before $name: $pbs_message"
        ((status != 4)) || no_opinion="the server can't say what it would keep ($pbs_message)"
        [[ ! $no_opinion ]] || { alone=(unchecked "$no_opinion; nothing of $name is removed without --without-server-check") && return; }
        ((status == 0)) || { alone=(refused "the server's own dry run: $pbs_message") && end_namespace "$1" && return; }
    fi
    unheard filter "the lists of $name" look -nr --slurpfile now "$tmp/now" --slurpfile opinion "$tmp/answer" --arg name "$name" \
        --argjson check "$check" --argjson verified "$verified" <<<"$batch" >"$tmp/alone" || exit
    mapfile -t alone <"$tmp/alone"
}

# remove_batch NAMESPACE GROUP QUERY: removes the first of `batch`, writes their records, and leaves the rest in it. What
# became of them is told by the answers, and by the group read again.
remove_batch() {
    local name=${1:+$1:}$2 status=0 again=0 message attempted=1 answered=0
    local -a lines
    if $pbs_curl; then forget_by_curl "$3" || status=$?; else forget_by_client "$1" "$2" || status=$?; fi
    message=$pbs_message
    $pbs_curl || answered=$((status == 0))
    if $pbs_curl || ((status)); then
        pbs_snapshots "$1" "$2" "$3" || again=$?
    else
        again=9 # the client says that it is done
    fi
    ((again == 0)) || echo '[]' >"$tmp/answer"
    $pbs_curl || ((status == 0 || again != 3)) || status=3 # the client failed, and the server doesn't answer
    unheard filter "the list of $name" outcome -n --slurpfile answer "$tmp/answer" --argjson attempted "$attempted" --argjson answered "$answered" \
        --argjson status "$status" --argjson again "$again" --arg message "$message" --argjson verified "$verified" <<<"$batch" >"$tmp/outcome" || exit
    mapfile -t lines <"$tmp/outcome"
    batch=${lines[0]#null} times=("${times[@]:attempted}")
    [[ ${lines[2]} == false ]] || code=1
    show "${lines[@]:3}"
    ((status != 3)) || fail 3 "stopped at $name: $message; the last records say what is known"
    ((again != 3)) || fail 3 "stopped at $name, which can't be read again: $pbs_message"
    if ((again == 1)); then
        alone=(changed "$name can't be read again: $pbs_message; nothing more of it is removed")
        say "${alone[1]}" # it may be that no record is left to say it
        end_namespace "$1"
        pbs_message=$message && end_namespace "$1"
        return
    fi
    pbs_message=$message
    ((status == 0)) || end_namespace "$1"
    [[ ! ${ended[x$1]-} ]] || alone=(refused "not tried any more in this namespace: $message")
    [[ ${lines[1]} == true ]] || alone=(changed "$name is not as it was when this was planned; nothing more of it is removed")
}

# forget_by_curl QUERY: asks for the removal of all of `batch` in one connection, one after the other, until one fails. Sets
# `attempted`, and `answered`, how many of them the server says are done; else as pbs_api, of the last that was asked for.
# Where curl doesn't end as it should, all are taken for asked for: what it wrote of them may be lost.
forget_by_curl() {
    local status=0 place
    local -a statuses
    rm -f -- "$tmp"/reply.*
    for place in "${!times[@]}"; do
        # Nothing that would need quoting: a query is percent-encoded.
        printf 'url = "%s/snapshots?%s&backup-time=%s"\noutput = "reply.%s"\n' "$pbs_url" "$1" "${times[place]}" "$place"
    done >"$tmp/config"
    (unbroken && https --config "$tmp/config" --output-dir "$tmp" --request DELETE --fail-with-body --fail-early --max-time 300 --write-out '%{http_code}\n' \
        >"$tmp/statuses" 2>"$tmp/error") || status=$?
    mapfile -t statuses <"$tmp/statuses"
    while [[ ${statuses[answered]-} == 200 ]]; do ((answered += 1)); done
    attempted=${#statuses[@]} pbs_message=""
    case $status-$((attempted - answered))-$((${#times[@]} - answered)) in
    0-0-0 | 22-1-*) pbs_answered "$status" "${statuses[-1]}" "$tmp/reply.$answered" ;;
    *)
        attempted=${#times[@]}
        pbs_answered "$status" "${statuses[answered]-000}" "$tmp/reply.$answered" || true
        return 3
        ;;
    esac
}

# forget_by_client NAMESPACE GROUP: the first of `batch`; 1 if it failed, for whatever reason.
forget_by_client() {
    local time
    TZ=UTC0 printf -v time '%(%FT%TZ)T' "${times[0]}"
    pbs_client snapshot forget "$2/$time" --ns "$1"
}

# show RECORD...: on stdout; the end of it all if nobody reads them.
show() {
    local told='[.[] | select(.changed) | "\(.["backup-type"])/\(.["backup-id"])/\(.["backup-time"] | todate)"] | if . == [] then "no removal" else "the removal of " + join(", ") end'
    printf '%s\n' "$@" 2>/dev/null ||
        fail 3 "standard output is closed; nothing more is removed, and not told there is $(printf '%s\n' "$@" | jq -sr "$told")"
}
