# The server's own prune jobs: what each would remove now, by which rule and why, which the server never shows before
# it does it. Sourced after call.bash, https.bash, pbs.bash, prune.bash and gather.bash.

# server_jobs: all that, for people, on stdout; sets `code` to 1 if something is wrong with the jobs.
server_jobs() {
    local job findings word
    for word in "${rules[@]}"; do
        [[ $word != --* || $word =~ ^--(tz|now)(=|$) ]] || fail 2 "--server-jobs goes by the rules of the server's jobs: $word is not for it"
    done
    ! on apply || fail 2 "--server-jobs removes nothing: --apply is not for it"
    [[ ! ${only[*]+x}${opt[max-depth]-} ]] || fail 2 "--server-jobs goes by the namespaces of the server's jobs: --ns and --max-depth are not for it"
    days
    ask pbs_api GET "$pbs_root/config/prune"
    mv -- "$tmp/answer" "$tmp/configured"
    gather
    jq -Rsc 'split("\n")[:-1]' "$tmp/namespaces" >"$tmp/all"
    filter "the prune jobs" server-jobs --arg store "$store" --argjson namespaces "$(<"$tmp/all")" <"$tmp/configured" >"$tmp/jobs"
    [[ " ${rules[*]}" == *" --now"* ]] || rules+=(--now "$(date -u +%FT%TZ)")
    while IFS= read -r job; do
        jq -r .heading <<<"$job"
        job_removals "$job"
        echo
    done < <(tail -n +2 "$tmp/jobs")
    findings=$(head -n 1 "$tmp/jobs" | jq -r '.[]')
    [[ ! $findings ]] || { printf '%s\n' "$findings" && code=1; }
}

# job_removals JOB: the table of what it removes, by PBS's bare decision, as the server has no guards.
job_removals() {
    local status=0
    local -a counts
    mapfile -t counts < <(jq -r '.words[]' <<<"$1")
    jq -c --argjson job "$1" 'select(.ns as $ns | $job.reaches | index([$ns]))' "$tmp/list" >"$tmp/reached"
    [[ -s $tmp/reached ]] || { echo "  removes nothing" && return; }
    pbsprune "${rules[@]}" "${counts[@]}" --no-guards --removals --format table <"$tmp/reached" | sed -e '/^sizes of what goes/d' -e '/^pruning frees/d' -e '/^$/d' -e 's/^/  /' || status=${PIPESTATUS[0]}
    ((status == 0)) || code=$status
    ((status < 2)) || exit "$status"
}
