# The host keys of guests: asked for by ssh-keyscan, judged by host-keys.jq, kept in a known_hosts of our own.
# Sourced after call.bash; needs `known`, the file.

# scan ADDRESS FILE: the key that a host offers, as "TYPE BLOB FINGERPRINT"; a host without an Ed25519 key may have two
# others. False where no sshd answers.
scan() {
    local type blob print types
    : >"$2"
    for types in ed25519 ecdsa,rsa; do
        timeout 20 ssh-keyscan -T 5 -t "$types" -- "$1" 2>/dev/null | head -c 65536 | grep -av '^#' | head -n 4 >"$2.lines" || true
        while read -r _ type blob _; do
            print=$(ssh-keygen -lf - <<<"$type $blob" 2>/dev/null) || continue
            print=${print#* }
            printf '%s %s %s\n' "$type" "$blob" "${print%% *}" >>"$2"
        done <"$2.lines"
        [[ ! -s $2 ]] || return 0
    done
    return 1
}

# await ADDRESS FILE SECONDS: `scan` until there is a key.
await() {
    local until=$((SECONDS + $3))
    until scan "$1" "$2"; do
        ((SECONDS < until)) || return 1
        sleep 0.5
    done
}

# The lines of known_hosts of other addresses than $at, without the names that $new takes.
# shellcheck disable=SC2016 # the dollars are jq's
others='split(" ") | (.[0] | split(",")) as $hosts | select($hosts[0] != $at)
    | .[0] = ([$hosts[0]] + ($hosts[1:] - [$new | split("\n")[] | split(" ")[0] // empty | split(",")[]]) | join(",")) | join(" ")'

# pin ADDRESS FILE: its keys are those of the file from now on, a line each, and so are those of its names; other addresses
# keep theirs.
pin() {
    local lock
    if ! { exec {lock}>>"$known.lock"; } 2>/dev/null || ! flock "$lock"; then fail 3 "$known.lock: it can't be written"; fi
    if ! { jq -Rr --arg at "$1" --rawfile new "$2" "$others" "$known" && cat -- "$2"; } >"$known.new" || ! mv -- "$known.new" "$known"; then
        fail 3 "$known: it can't be written"
    fi
    exec {lock}>&-
}
