# The drills file: a line of JSON for each failover that was tried. failover-drill adds to it, site-page reads it.
# Sourced after call.bash.

# drills_file: sets `drills`: that of --drills, else one of this user's.
drills_file() { drills=${opt[drills]:-${XDG_STATE_HOME:-${HOME:-/root}/.local/state}/pvx/drills.jsonl}; }

# note_drill FILE: adds the record in FILE, with the time and the site. A drill was what it was, so that a full disk is told, and
# changes nothing else. What a write that was cut off has left doesn't spoil the line behind it.
note_drill() {
    local line
    # shellcheck disable=SC2094 # its last byte is read, under the lock
    line=$(jq -c --slurpfile site "$site" '{at: (now | todate), site: $site[0].name} + .' "$1") && mkdir -p -- "$(dirname -- "$drills")" && {
        flock -w 10 9 || return
        [[ ! -f $drills || ! $(tail -c 1 -- "$drills" | tr '\0' x) ]] || echo >&9
        printf '%s\n' "$line" >&9
    } 9>>"$drills" 2>/dev/null
}
