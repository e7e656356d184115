# The drills file: a line of JSON for each failover that was tried. failover-drill adds to it, site-page reads it.
# Sourced after call.bash.

# drills_file: sets `drills`: that of --drills, else one of this user's.
drills_file() { drills=${opt[drills]:-${XDG_STATE_HOME:-${HOME:-/root}/.local/state}/pvx/drills.jsonl}; }

# read_drills: what is in them, as $tmp/drills; sets `drills_are`: read, none (there is no such file) or unread. A file that somebody
# else's folder hides is not one that isn't there.
read_drills() {
    local message
    drills_are="read"
    message=$(LC_ALL=C cat -- "$drills" 2>&1 >"$tmp/drills") && return
    : >"$tmp/drills"
    if [[ $message == *": No such file or directory" ]]; then
        drills_are=none
    else
        # shellcheck disable=SC2034 # read by those that call this
        drills_are=unread
        say "$drills: can't be read: what drills took is not known"
    fi
}

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
