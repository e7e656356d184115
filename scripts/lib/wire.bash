# What is asked of the wire. Sourced after call.bash; who uses it has looked for ip and arping.
PATH=$PATH:/usr/sbin:/sbin # where Debian has them

# ask_wire INTERFACE ADDRESS OPTION STEP: asks by ARP three times, STEP apart, and waits twice that for the last answer; STEP is a fraction of a second, as ".15".
# What arping says, each time a line "Sent ..", a line "Received N response(s)" and one "reply from" for each answer; anything else is why it could not ask.
ask_wire() {
    local pids=()
    for _ in 1 2 3; do
        arping "$3" -c 1 -w 2 -I "$1" "$2" 2>&1 &
        pids+=($!)
        sleep "$4"
    done
    sleep "$4"
    # It counts in whole seconds, so it is told when to end; it sums up then.
    kill -TERM "${pids[@]}" 2>/dev/null || true
    wait
}

# hear INTERFACE ADDRESS FILE: asks once a second from now on, for two minutes at most, until somebody answers or `heard` ends it. It asks as who has no
# address: what it says of this host's would be remembered by the new guest, and be wrong where a bridge takes another MAC with a new port.
# Whom it runs for doesn't wait for it, and it holds no name for that call.
hear() {
    local lock
    (
        # shellcheck disable=SC2154 # apply.bash has them
        for lock in "${locks[@]}"; do exec {lock}>&-; done
        arping -D -w 120 -I "$1" "$2" >"$3" 2>&1 </dev/null &
        echo "$!" >"$3.pid"
    )
}

# heard FILE: ends what `hear` has begun, if it goes on; then the file is whole.
heard() {
    local pid at
    pid=$(<"$1.pid") && rm -- "$1.pid"
    kill -TERM "$pid" 2>/dev/null || return 0
    for ((at = 0; at < 100; at++)); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.01
    done
}

# answered WORDS: sets `macs`, those of who has answered, in lower case, each once.
answered() {
    local text=$1 mac
    macs=()
    while [[ $text =~ reply\ from\ [^[]*\[([0-9A-Fa-f:]+)\](.*) ]]; do
        mac=${BASH_REMATCH[1],,} text=${BASH_REMATCH[2]}
        [[ " ${macs[*]} " == *" $mac "* ]] || macs+=("$mac")
    done
}
