# SQLite databases in a folder: found, and checked; and how long a command may take. For source.bash, which is sent to
# other hosts, and for restore tests. `app` has timeout_s.

# databases [PATTERN...]: those below the current folder but for the patterns, in `found`. Their first 16 bytes say what
# they are, not their names. Nothing is started for each file: there may be 100,000. 1 if find was killed, and what it had
# not yet come to is unknown; what it can't enter (exit code 1) tar can't either, and says so.
databases() {
    local file head pattern status=0 skip=()
    for pattern; do skip+=(-path "./$pattern" -prune -o); done
    found=()
    while IFS= read -rd '' file; do
        IFS= read -rd '' -n 16 head <"$file" && [[ $head == "SQLite format 3" ]] && found+=("$file")
    done 2>/dev/null < <(find . "${skip[@]}" -type f -size +99c -print0)
    wait "$!" || status=$?
    ((status <= 1))
}

# how_it_ended STATUS: of a command of the application's, or of sqlite3, that ran under timeout.
how_it_ended() {
    case $1 in
    124 | 137) echo "it did not end within ${app[timeout_s]} s (timeout_s), or was killed: exit code $1" ;;
    *) echo "exit code $1" ;;
    esac
}

sql() { timeout -k 10 "${app[timeout_s]}" sqlite3 -batch -bail -init /dev/null -cmd '.timeout 60000' "$@" 2>&1; }

# whole FILE: whether SQLite finds nothing wrong with it; else `answer` says what.
whole() {
    local status=0
    answer=$(sql "$1" "PRAGMA integrity_check") || status=$?
    [[ $answer != ok ]] || return 0
    answer=${answer%%$'\n'*}
    [[ $answer ]] || answer=$(how_it_ended "$status")
    return 1
}
