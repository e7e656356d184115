# The job that scripts/notify tells of: what it writes, and how it ends. Sourced after call.bash and channels.bash; needs
# `tmp`. Leaves the beginning of its records in $tmp/out and its last lines in $tmp/err, and sets `code`, its exit code
# ("" if nobody knows), and `result`, systemd's word for how it ended.

most_bytes=4194304 # of what it writes, for the notice; all of it comes out
job_umask=$(umask) job_core=$(ulimit -Sc)

# without_notice CODE WHY: the job as it is, and records as they come; of a unit that has ended there is no more to do.
without_notice() {
    [[ $BASHPID == "$$" ]] || exit
    trap - EXIT INT TERM HUP
    rm -rf -- ${tmp:+"$tmp"}
    [[ ! ${opt[unit]-} ]] || fail "$1" "$2"
    say "no notice by any channel: $2"
    umask "$job_umask"
    ((${#command[@]})) || command=(cat)
    on strict || exec env -- "${command[@]}"
    env -- "${command[@]}" || true
    exit 3
}

# ready: sets `tmp`, a folder that can be written to, with the pipes that the job's output goes through.
ready() {
    local why
    tmp=""
    have jq || without_notice 2 "jq is missing: apt-get install jq"
    have curl || without_notice 2 "curl is missing: apt-get install curl"
    umask 077
    why=$(mktemp -d 2>&1) || without_notice 3 "no folder of its own can be made: ${why##*: }"
    tmp=$why
    trap 'without_notice 3 "$tmp: it is of no use"' EXIT
    trap 'trap "" EXIT; rm -rf -- "$tmp"; exit 130' INT
    trap 'trap "" EXIT; rm -rf -- "$tmp"; exit 143' TERM HUP
    { mkfifo -- "$tmp"/{1,2,out.pipe,err.pipe} && echo "$title" >"$tmp/title" && : >"$tmp/undelivered"; } 2>/dev/null ||
        without_notice 3 "${tmp%/*}: it can't be written to"
}

# kept FD FILE COMMAND...: standard input, as it is, to FD, and what COMMAND leaves of it in FILE; until that is all of it,
# there is FILE.cut. It ends when its input does; no signal that is meant for the job ends it earlier, and no full disk: what
# is read for the notice is read to its end.
kept() {
    local fd=$1 file=$2
    shift 2
    trap '' INT TERM HUP
    { { "$@" >"$file" && rm -f -- "$file.cut"; } || true; cat >/dev/null; } <"$file.pipe" 2>/dev/null &
    exec 1>&"$fd"
    tee -- "$file.pipe" 2>/dev/null || true # whoever reads may have gone
    wait
}
beginning() { head -c "$most_bytes"; }
ending() { tail -c 16384; }

# hand_on SIGNAL: to the job, unless it has it from the terminal already, as all that runs in its foreground has.
hand_on() {
    local stat group foreground
    signal=$1
    read -r stat <"/proc/$$/stat"
    read -r _ _ group _ _ foreground _ <<<"${stat##*) }"
    [[ $1 != TERM && $group == "$foreground" ]] || kill -s "$1" "$job" 2>/dev/null || true
}

# job COMMAND...: runs it to its end. Its standard input, its umask and its environment are notify's own.
job() {
    local signal keepers=() keeper _
    : >"$tmp/out.cut"
    kept 1 "$tmp/out" beginning <"$tmp/1" & keepers+=($!)
    kept 2 "$tmp/err" ending <"$tmp/2" & keepers+=($!)
    # What bash runs in the background ignores INT and QUIT, which a job is not to.
    (umask "$job_umask" && ulimit -Sc "$job_core" && exec env --default-signal=INT,QUIT -- "$@") <&0 >"$tmp/1" 2>"$tmp/2" &
    job=$!
    trap 'hand_on TERM' TERM
    trap 'hand_on INT' INT
    trap 'hand_on HUP' HUP
    while signal="" code=0 && { wait "$job" 2>/dev/null || code=$?; } && [[ $signal ]]; do :; done
    # A daemon that the job left behind may hold its output open: what it still says comes out, and is not waited for.
    for _ in {1..50}; do
        for keeper in "${keepers[@]}"; do ! kill -0 "$keeper" 2>/dev/null || { sleep 0.05 && continue 2; }; done
        break
    done
}

# passed_on: records from standard input to standard output. How the job ends that wrote them nobody knows.
passed_on() {
    : >"$tmp/out.cut"
    (kept 1 "$tmp/out" beginning)
}

# unit UNIT: what systemd says of a unit that has ended, in the environment of what OnFailure= and OnSuccess= start
# (systemd.exec(5), MONITOR_*), else `systemctl show`; and what it wrote to the journal.
unit() {
    local name=$1 id=${MONITOR_INVOCATION_ID-} status=${MONITOR_EXIT_STATUS-} try
    [[ $name == *.* ]] || name+=.service
    result=${MONITOR_SERVICE_RESULT-}
    if [[ ! $result ]]; then
        need systemctl "--unit needs systemd"
        result=$(systemctl show --property=Result --value -- "$name") id=$(systemctl show --property=InvocationID --value -- "$name")
        status=$(systemctl show --property=ExecMainStatus --value -- "$name")
    fi
    code=$status
    [[ $code =~ ^[0-9]+$ ]] || code=$((128 + $(kill -l "$code" 2>/dev/null || echo 0))) # the name of a signal
    if [[ $result == success ]]; then code=0; elif ((code == 0)); then code=1; fi
    [[ $id ]] && have journalctl || return 0
    # The journal takes what a unit wrote a little later than systemd its end.
    for try in 1 2 3 4 5; do
        timeout 30 journalctl --quiet --no-pager --all --output=cat "_SYSTEMD_INVOCATION_ID=$id" 2>/dev/null | beginning >"$tmp/out" || true
        ! grep -q '^[[{]' -- "$tmp/out" || break
        ((try == 5)) || sleep 0.4
    done
}

# tell_channels: tells of it, each channel at the same time as the others. Sets `state`.
tell_channels() {
    local name when=${opt[on]:-${job_on:-always}} send senders=()
    touch -- "$tmp/out" "$tmp/err"
    notice "$tmp/out" "$tmp/err" || { truncate -s 65536 -- "$tmp/out" && notice "$tmp/out" "$tmp/err"; } || notice /dev/null /dev/null || undone "any channel" "$(head -n 1 "$tmp/why")" || return 0
    read -r state send < <(jq -r '"\(.state) \(.send)"' "$tmp/notice")
    look_twice
    for name in "${!channel[@]}"; do
        # healthchecks hears of every run.
        [[ $name == healthchecks ]] || due "$name" || continue
        { deliver "$name" && remember "$name"; } &
        senders+=($!)
    done
    ((${#senders[@]} == 0)) || wait "${senders[@]}" || true
}
notice() {
    local cut=false in_unit=false
    if [[ -e $tmp/out.cut ]] || (($(stat -Lc %s "$tmp/out") >= most_bytes)); then cut=true; fi
    [[ ! ${opt[unit]-} ]] || in_unit=true
    jq -n -L "$lib" --rawfile out "$1" --rawfile err "$2" --arg title "$title" --arg code "$code" --arg result "$result" --arg on "$when" \
        --argjson cut "$cut" --argjson unit "$in_unit" -f "$lib/notice.jq" >"$tmp/notice" 2>"$tmp/why"
}
