# SQLite databases in a folder: found, and checked. For source.bash, which is sent to other hosts, and for restore tests.

# databases [PATTERN...]: those below the current folder but for the patterns, in `found`. Their first 16 bytes say what
# they are, not their names. Nothing is started for each file: there may be 100,000.
databases() {
    local file head pattern skip=()
    for pattern; do skip+=(-path "./$pattern" -prune -o); done
    found=()
    while IFS= read -rd '' file; do
        IFS= read -rd '' -n 16 head <"$file" && [[ $head == "SQLite format 3" ]] && found+=("$file")
    done 2>/dev/null < <(find . "${skip[@]}" -type f -size +99c -print0)
}

sql() { sqlite3 -batch -bail -init /dev/null -cmd '.timeout 60000' "$@" 2>&1; }

# whole FILE: whether SQLite finds nothing wrong with it; else `answer` says what.
whole() {
    answer=$(sql "$1" "PRAGMA integrity_check") || true
    [[ $answer != ok ]] || return 0
    answer=${answer%%$'\n'*}
    return 1
}
