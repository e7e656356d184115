# One service's backup, from its lock to its record. Sourced after archive.bash; in a subshell of its own each.

# begin: the lock, a folder for this run, and that nothing stays behind.
begin() {
    started=${EPOCHREALTIME//[!0-9]/}
    warnings=() source=0 in="" settled=false named="" signalled="" part_made="" job="" watch="" file="" count=0 sum="" previous=null kept=null removed=0
    token=PVX$RANDOM$RANDOM$RANDOM
    work=$tmp/$service
    mkdir -p -- "$work"
    owner=$BASHPID
    trap interrupted INT TERM HUP
}

# interrupted: the record of a service at which a signal came.
interrupted() {
    [[ $BASHPID == "$owner" ]] || exit
    [[ $named ]] || { file="" && report interrupted "a signal ended it"; }
    kept=null removed=null
    warnings+=("interrupted: a signal ended it when the archive was there: of the older ones some may be left")
    [[ $settled == true ]] || after_failed
    report
}

# end: what holds the target is killed, the source comes to its end by itself (after!), a .part that is none goes.
end() {
    [[ $BASHPID == "$owner" ]] || return # a child that ends before it has put off its parent's traps
    trap '' INT TERM HUP
    [[ ! $job ]] || kill -KILL -- "-$job" 2>/dev/null || true
    unwatch
    [[ ! $in ]] || exec {in}<&- # or the source would wait for its reader, and this for the source
    ((source == 0)) || { kill -TERM "$source" 2>/dev/null && wait "$source" 2>/dev/null; } || true
    # What hangs in the kernel keeps what it was given: not our output, or who reads it would hang, too.
    [[ ! $part_made || -s $work/hung ]] || timeout -k 1 "$target_s" rm -f -- "./$part_made" >/dev/null 2>&1 || true
    # Settled, or never begun (its host was not reached): nothing is owed.
    [[ ! -e $work/told ]] || { grep -q "^$token begun" -- "$work/told" && ! grep -q "^$token settled" -- "$work/told"; } ||
        rm -f -- "$state/$service.owed"
}

# report [CODE WHY]: the service's record on stdout, and what people should know on stderr. Ends the subshell.
report() {
    local status=0 ended=${EPOCHREALTIME//[!0-9]/}
    trap '' INT TERM HUP
    jq -nc --arg service "$service" --arg file "${file:+$target/BK_$service/$file}" --argjson count "$count" --arg sha256 "$sum" \
        --argjson previous_size "$previous" --argjson kept "$kept" --argjson removed "$removed" --argjson size "${size:-0}" \
        --argjson duration_ms "$(((ended - started) / 1000))" --arg code "${1-}" --arg why "${2-}" --arg mode "$mode" \
        --slurpfile facts <(cat -- "$work/facts" 2>/dev/null) --args -f "$lib/backup.jq" -- "${warnings[@]}" ||
        { say "$service: its record can't be written" && exit 3; }
    [[ ! ${1-} ]] || say "$service: $2"
    for status in "${!warnings[@]}"; do say "$service: ${warnings[status]}"; done
    case ${1-} in
    "") exit "$((${#warnings[@]} && $(on strict && echo 1 || echo 0)))" ;;
    target-* | unreachable | no-space | no-state) exit 3 ;;
    *) exit 1 ;;
    esac
}

# back_up: the service of `app`.
back_up() {
    mode=backup
    begin
    lock_app || report busy "another run of it is not done yet"
    settle || not_settled
    probe "$target_s" || report "$code" "$why"
    trap end EXIT
    enter_folder made || report "$code" "$why"
    timeout -k 1 "$target_s" find . -mindepth 1 -maxdepth 1 -type f -name "${service}_*.part" -mmin +360 -delete >/dev/null 2>&1 || true
    before_now || { failed $? "$work/error"; report "$code" "$why"; }
    previous=$(tail -n 1 -- "$work/before" | cut -f 1) previous=${previous:-null}
    [[ $previous == null ]] || ((free >= previous * 2)) ||
        report no-space "$target has $free bytes left, and needs $((previous * 2)): twice the newest backup of it"
    owe || report no-state "$state/$service.owed: what this run would owe can't be written down: $(head -n 1 "$work/error")"
    make_archive || { file="" && report "$code" "$why"; }
    mapfile -t -O "${#warnings[@]}" warnings < <(jq -r '.warnings[]' "$work/facts")
    shrunk
    [[ $settled == true ]] || after_failed
    prune
    [[ -s $work/hung ]] || { archives && kept=$(wc -l <"$work/all"); } || kept=null
    report
}

after_failed() {
    report after "after: $(jq -r '.after // "it was not run"' "$work/facts"): it is run again before the next backup; this one is there"
}

# not_settled: the record of a service that can't have what a killed run owes it.
not_settled() {
    local forget=" (if that is no use: rm ${state@Q}/$service.owed)"
    [[ $(jq -r '.error.code // ""' "$work/settled.json") != busy ]] || report busy "$(jq -r .error.message "$work/settled.json")"
    why=$(jq -r '.after // .error.message // ""' "$work/settled.json")
    [[ $why || ! ${app[far]} ]] || report unreachable "${app[far]}: $(last_word "$work/settled"): what a killed run owes is not done$forget"
    report owed "what a killed run owes is not done: after: ${why:-$(last_word "$work/settled")}$forget"
}

# settle_only: the `after` that a killed run owes, and no backup; no record if nothing is owed. What is left of a run that
# was killed may just be running it, and is waited for.
settle_only() {
    local note=$state/$service.owed
    mode=settle
    [[ -e $note || -L $note ]] || return 0
    if on dry-run; then
        jq -nc --arg service "$service" '{$service, owed: true, changed: false}'
        return
    fi
    begin
    lock_app -w 60 || report busy "another run of it is not done yet"
    [[ -e $note || -L $note ]] || exit 0
    settle || not_settled
    mode=settled
    report
}

# before_now: this service's archives in $work/before. What is dated more than 5 minutes in the future, by a clock that was
# wrong, is none of them: it would be the newest for as long.
before_now() {
    local limit future
    limit=${service}_$(date -u -d '+5 minutes' +%Y-%m-%dT%H%M%SZ)
    archives || return
    LC_ALL=C awk -F '\t' -v limit="$limit" '$2 < limit' "$work/all" >"$work/before"
    future=$(LC_ALL=C awk -F '\t' -v limit="$limit" '$2 >= limit { print $2; exit }' "$work/all")
    [[ ! $future ]] || warnings+=("future: $future is dated in the future, and restore tests fail for it: see the clock, then remove or rename it")
}

# shrunk: a warning, and no pruning, if the archive has less than half of what the last seven had: what it lacks may be
# in the older ones alone.
shrunk() {
    local middle
    middle=$(tail -n 7 -- "$work/before" | cut -f 1 | sort -n | awk '{ size[NR] = $1 } END { if (NR) print size[int((NR + 1) / 2)] }')
    [[ $middle ]] && ((size * 2 < middle)) || return 0
    warnings+=("shrunk: it has $size bytes, and the last ones $middle (median)")
    [[ ! ${app[keep]} ]] || warnings+=("not-pruned: shrunk: the older ones stay until it is as large as most of the last seven")
    app[keep]=""
}

prune_tarballs() { "$here/prune-tarballs" --service "$service" --apply "$target" "$@" >"$work/removed"; }

# prune: of this service, now that it has a new backup; never before, and never another's.
prune() {
    local status=0 keep
    [[ ${app[keep]} ]] || return 0
    read -ra keep <<<"${app[keep]//=/ }"
    watched prune_tarballs "${keep[@]}" 2>"$work/error" || status=$?
    removed=$(jq -n '[inputs | select(.changed)] | length' "$work/removed" 2>/dev/null) || removed=0
    ((status == 0)) || warnings+=("not-pruned: $(grep -v '[: ]hint: ' -- "$work/error" | tail -n 1 | cut -d ' ' -f 2-)")
}

# died LINE STATUS: the record of a service whose run was killed (by the kernel, for want of memory) and wrote none.
died() {
    local why="its run ended with exit code $2: its after, if it is owed, runs with --settle or before the next backup"
    jq -c --arg why "$why" '{service: .name, changed: false, warnings: [], error: {code: "interrupted", message: $why}}' <<<"$1"
    say "$(jq -r .name <<<"$1"): $why"
}
