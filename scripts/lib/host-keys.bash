# The host keys of guests: asked for by ssh-keyscan, judged by host-keys.jq, kept in a known_hosts of our own.
# Sourced after call.bash; needs `known`, the file.

# scan ADDRESS FILE: the keys that a host offers, as JSON with their fingerprints; false where no sshd answers.
scan() {
    local key type blob print
    : >"$2"
    timeout 20 ssh-keyscan -T 5 -t ed25519,ecdsa,rsa -- "$1" 2>/dev/null | head -c 65536 | grep -av '^#' | head -n 6 >"$2.lines" || true
    while read -r _ type blob _; do
        key="$type $blob"
        print=$(ssh-keygen -lf - <<<"$key" 2>/dev/null) || continue
        print=${print#* } print=${print%% *}
        jq -nc --arg type "$type" --arg blob "$blob" --arg sha256 "$print" '$ARGS.named' >>"$2"
    done <"$2.lines"
    [[ -s $2 ]]
}

# await ADDRESS FILE SECONDS: `scan` until there are keys.
await() {
    local until=$((SECONDS + $3))
    until scan "$1" "$2"; do
        ((SECONDS < until)) || return 1
        sleep 0.5
    done
}

# pinned ADDRESS: the keys that are known of it, as JSON.
pinned() {
    [[ ! -e $known ]] || jq -Rc --arg at "$1" 'split(" ") | select(.[0] == $at) | {type: .[1], blob: .[2]}' "$known"
}

# pin ADDRESS FILE: its keys are those of the file from now on, a line each; those of other addresses stay.
pin() {
    local lock
    { exec {lock}>>"$known.lock"; } 2>/dev/null && flock "$lock" || fail 3 "$known.lock: it can't be written"
    touch -- "$known"
    if ! { jq -Rr --arg at "$1" 'select(split(" ")[0] != $at)' "$known" && cat -- "$2"; } >"$known.new" || ! mv -- "$known.new" "$known"; then
        fail 3 "$known: it can't be written"
    fi
    exec {lock}>&-
}
