# What app-backup runs on the host of an application: `before`, the archive (tar) on stdout, `after`. It is sent
# there behind databases.bash and read by `bash -s`; that host needs find, tar, base64, timeout, flock if it is another
# one, and sqlite3 for databases.
#
# `app` holds name, far, path, stage, before, after, sqlite, timeout_s, token, lock; `excludes` the patterns; `mode` is copy or settle (only
# `after`, which an earlier run owes). What is to be known goes to stderr: lines that begin with the token, and
# are base64, as names of files are whatever people made them.

# fact KIND TEXT...
fact() { printf '%s %s %s\n' "${app[token]}" "$1" "$(printf '%s' "${*:2}" | base64 -w0)" >&2; }

# refuse CODE WHAT: there is no backup.
refuse() {
    fact "error:$1" "$2"
    exit 1
}

# lock_here: on another host, the lock of the service there: what was killed here may be going on there, as nobody tells
# it. A run waits 5 s for its end, and what an earlier one owes (`settle`) isn't done under it.
lock_here() {
    local place=/run/app-backup-${app[name]}.lock try lock
    [[ ${app[far]} ]] || return 0
    ((EUID == 0)) || place=${XDG_RUNTIME_DIR:-${HOME:-/var/tmp}}/.${place##*/}
    type -P flock >/dev/null || { [[ $mode == settle ]] && return; } || refuse no-stage "no flock on ${app[far]}: apt-get install util-linux"
    { exec {lock}>>"$place"; } 2>/dev/null || refuse no-stage "$place: it can't be made on ${app[far]}"
    for try in 1 2 3 4 5 6; do
        ! flock -n "$lock" || { app[lock]=$lock && return; }
        ((try == 6)) || sleep 1
    done
    refuse busy "an earlier run's copy is not done yet on ${app[far]}"
}

# command_of_app TEXT [whole]: one of the application's own. What it leaves running must hold neither the lock nor our
# pipes. `whole`: no signal ends it half-way, which the command itself must ignore, as timeout hands them on.
command_of_app() {
    local text=$1 limit=(timeout -k 10 "${app[timeout_s]}")
    if [[ ${2-} ]]; then
        text="trap '' INT TERM HUP"$'\n'$1
        limit=(timeout -s KILL "${app[timeout_s]}")
    fi
    (
        lock=${app[lock]}
        [[ ! $lock ]] || exec {lock}>&-
        cd -- "${app[path]}" 2>/dev/null || cd /
        umask "$usual_umask"
        if [[ $usual_locale ]]; then export LC_ALL=$usual_locale; else unset LC_ALL; fi
        PVX_STAGE=${app[stage]}/dump exec "${limit[@]}" bash -c "$text"
    ) </dev/null >"${app[stage]}/said" 2>&1
}
# said CODE: why a command failed, in a line.
said() {
    local line
    line=$(tail -c 4096 -- "${app[stage]}/said" | tr -d '\0' | grep -v '^[[:space:]]*$' | tail -n 1)
    printf '%s' "$(how_it_ended "$1")${line:+: $line}"
}

# finish: whatever happened, `after` runs, and nothing stays behind.
finish() {
    local status=0
    trap '' INT TERM HUP PIPE
    cd /
    if [[ $owed && ${app[after]} ]]; then
        command_of_app "${app[after]}" whole || status=$?
        ((status == 0)) || fact after-failed "$(said "$status")"
    fi
    rm -rf -- "${app[stage]}"
    ((status)) || fact settled
}

# copy_database FILE: one that is whole, whoever writes to it meanwhile, where the archive has the others' files.
copy_database() {
    local copy=${app[stage]}/copy quoted answer mode status=0 place=${app[stage]}/tree/${1#./}
    quoted=${copy//\'/\'\'}
    answer=$(sql "$1" "PRAGMA journal_mode" "VACUUM INTO '$quoted'") || status=$?
    if ((status == 124 || status == 137)); then
        refuse sqlite "${1#./}: its copy: $(how_it_ended "$status")"
    elif ((status)); then
        rm -f -- "$copy"
        # An old sqlite3, or a database that needs what is not there to be written anew.
        answer=$(sql "$1" "PRAGMA journal_mode" ".backup '$quoted'") || refuse sqlite "${1#./}: it can't be copied: ${answer##*$'\n'}"
    fi
    mode=${answer%%$'\n'*}
    [[ $mode != wal ]] || sql "$copy" "PRAGMA journal_mode=wal" >/dev/null
    whole "$copy" || refuse sqlite "${1#./}: integrity_check: $answer"
    mkdir -p -- "${place%/*}" && mv -- "$copy" "$place" && chmod --reference="$1" -- "$place" && touch -r "$1" -- "$place" ||
        refuse sqlite "${1#./}: its copy can't be put into ${app[stage]}"
    chown --reference="$1" -- "$place" 2>/dev/null || true # root alone may
    fact sqlite "${1#./}"
}

# archive: the folder as a tar stream, the copies in the places of the databases, and the dumps of `before` beside them.
archive() {
    local file skip=() status=0 said
    for file in "${found[@]}"; do
        copy_database "$file"
        skip+=(--exclude="$file"{,-wal,-shm,-journal})
    done
    ((${#excludes[@]} == 0)) || skip+=(--wildcards --wildcards-match-slash "${excludes[@]/#/--exclude=./}")
    (cd -- "${app[stage]}" && find tree dump -mindepth 1 ! -path 'tree/*' -print0 -o -type f -print0) >"${app[stage]}/list" ||
        refuse no-stage "${app[stage]}: what is to be put into the archive can't be listed: exit code $?"
    tar --create --file=- --format=posix --pax-option=delete=atime,delete=ctime --numeric-owner --quoting-style=escape \
        --verbose --index-file="${app[stage]}/index" --transform='s,^\(tree\|dump\)/,./,S' \
        --anchored --no-wildcards "${skip[@]}" . \
        -C "${app[stage]}" --no-recursion --null --verbatim-files-from --files-from="${app[stage]}/list" 2>"${app[stage]}/tar" || status=$?
    said=$(grep -v 'socket ignored$' -- "${app[stage]}/tar" | head -n 1 | cut -c 1-500)
    if ((status == 1)); then
        fact warning "changed-while-read: ${said#tar: }"
    elif ((status)); then
        refuse unreadable "${said:-tar: exit code $status}"
    fi
    # An empty folder is one whose file system isn't mounted, or whose volume is another's by now.
    grep -qv '/$' -- "${app[stage]}/index" || refuse no-files "${app[path]}: no file is in it, nor in \$PVX_STAGE: is what belongs there mounted?"
    fact count "$(wc -l <"${app[stage]}/index")"
}

owed="" found=() usual_umask=$(umask) usual_locale=${LC_ALL-}
main() {
    local status=0
    export LC_ALL=C
    umask 077
    lock_here
    if [[ $mode == settle ]]; then
        owed=yes
        mkdir -p -m 700 -- "${app[stage]}"
        finish
        return
    fi
    trap finish EXIT
    trap 'exit 143' TERM HUP
    trap 'exit 130' INT
    cd -P -- "${app[path]}" 2>/dev/null || refuse no-path "${app[path]}: no folder that can be entered"
    mkdir -m 700 -- "${app[stage]}" 2>/dev/null || refuse no-stage "${app[stage]}: it can't be made"
    mkdir -- "${app[stage]}/tree" "${app[stage]}/dump"
    fact begun
    owed=yes
    if [[ ${app[before]} ]]; then
        command_of_app "${app[before]}" || status=$?
        ((status == 0)) || refuse before "before: $(said "$status")"
    fi
    if [[ ${app[sqlite]} != none ]]; then
        databases "${excludes[@]}" || refuse interrupted "${app[path]}: the search for SQLite databases was ended half-way"
        ((${#found[@]} == 0)) || type -P sqlite3 >/dev/null ||
            refuse no-sqlite3 "${#found[@]} SQLite databases, ${found[0]#./} first, and no sqlite3 to copy them: apt-get install sqlite3"
    fi
    archive
}
main </dev/null
