# The target of the backups: that it is the share and not the folder below its mount point, that it answers, that
# there is room. A share that hangs takes everything with it that touches it, so whatever does is bounded.
# Sourced after apps.bash, which sets `target`, `target_mount`, `target_s` and `site_name`.

# look_at TARGET MOUNT NAME PROBE: prints the bytes that are free, and which folder it is (device and inode); else what
# is wrong, with an exit code that says how. It runs in a bash of its own.
look_at() {
    local content blocks
    cd -P -- "$1" || return 11
    [[ -f .pvx-target && ! -L .pvx-target ]] || return 12
    [[ $2 != true || $(stat -c %m .) != / ]] || return 13
    content=$(head -c 4096 -- .pvx-target) || return 11
    [[ ! $3 || $'\n'$content$'\n' == *$'\n'$3$'\n'* ]] || return 14
    rm -f -- "$4" && (umask 077 && set -C && printf probe >"$4") && sync -- "$4" && [[ $(<"$4") == probe ]] && rm -- "$4" || return 15
    blocks=$(stat -f -c '%a*%S' .) || return 11
    printf '%s %s\n' "$((blocks))" "$(stat -c %d:%i .)"
}

# probe SECONDS: 0, `free` and `probed`, the folder it is; else `code` and `why`.
probe() {
    local status=0 text
    # Not to a pipe: who hangs in the kernel can't be killed, and would keep it open.
    timeout -k 1 "$1" bash -c "$(declare -f look_at); look_at \"\$@\"" look_at \
        "$target" "$target_mount" "$site_name" ".pvx-probe-${HOSTNAME:-host}-$service" >"$work/probe" 2>&1 || status=$?
    text=$(<"$work/probe")
    code=target-absent
    case $status in
    0) read -r free probed <<<"${text##*$'\n'}" && return ;;
    11) why="$target: ${text##*: }" ;;
    12) why="$target: no file .pvx-target is in it: the share is not mounted, or was never made ready (with it mounted, once: echo ${site_name:-backups} >$target/.pvx-target)" ;;
    13) why="$target is on the file system of /: the share is not mounted (or the site says backup_target.mount: false)" ;;
    14) why="$target/.pvx-target does not have the site's name $site_name as a line: it is the target of another site" ;;
    15) code=target-write why="$target: it can't be written to: ${text##*: }" ;;
    124 | 137) code=target-hung why="$target: a small write did not end within $1 s: the share hangs" ;;
    *) code=target-write why="$target: ${text##*$'\n'}" ;;
    esac
    [[ $text != *"No space left"* && $text != *"quota exceeded"* ]] || code=target-full
    return 1
}

# watched COMMAND...: its exit code. It touches the target; if that hangs meanwhile (six times what a probe may
# take), it is killed, so that the application isn't kept stopped for as long; and not waited for, as what hangs in
# the kernel doesn't die. So none but COMMAND may have a file of the target open: to close it may hang, too.
watched() {
    local status=0 ended=""
    set -m
    without_lock "$@" <&0 >/dev/null &
    job=$!
    set +m
    watch_target "$job" </dev/null >/dev/null 2>&1 &
    watch=$!
    # A signal whose trap returns ends the wait, and neither of them.
    until status=0 && wait -n -p ended "$job" "$watch" 2>/dev/null || { status=$? && [[ ${ended-} ]] || ((status <= 128)); }; do :; done
    if [[ -s $work/hung ]]; then
        status=137
        cd / # bash looks at its folder before it starts a program
        disown "$job" 2>/dev/null # bash would tell of its death
    elif [[ ${ended-} != "$job" ]]; then
        status=0
        wait "$job" 2>/dev/null || status=$?
    fi
    unwatch
    return "$status"
}
without_lock() {
    local mine=$lock
    exec {mine}>&-
    "$@"
}
unwatch() {
    [[ ! $watch ]] || { kill "$watch" && wait "$watch"; } 2>/dev/null || true
    job="" watch=""
}

# watch_target GROUP: ends when that process group does, or kills it. It must hold nothing open: neither the lock, nor
# the pipe whose end tells the source that nobody reads it any more.
watch_target() {
    local fd
    trap - EXIT TERM # it must not wait for its sleep when it is ended
    for fd in "/proc/$BASHPID/fd"/*; do
        fd=${fd##*/}
        ((fd < 3 || fd == 255)) || exec {fd}>&-
    done
    while sleep "$target_s" && kill -0 -- "-$1"; do
        probe "$((target_s * 6))" || [[ $code != target-hung ]] || { printf '%s\n' "$why" >"$work/hung" && kill -KILL -- "-$1" && return; }
    done
}

# enter_folder [made]: goes to the service's folder of the target, which is made first if that is asked for, and stays
# there, whatever takes its place meanwhile. 1 and `code` and `why` if there is none, or it is no more in the folder
# that was probed: the share went away in between. It is done in a child first, as this shell can't be given up.
enter_folder() {
    local status=0
    watched go_there "$@" 2>"$work/error" && go_there "$@" 2>"$work/error" && return
    status=$?
    code=target-write why="$target/BK_$service: no folder that can be entered${1:+, and made}"
    case $status in
    3) code=target-absent why="$target is no more the folder that was probed: the share went away, or another came" ;;
    4) code=no-backup why="$target/BK_$service: no such folder" ;;
    esac
    [[ ! -s $work/hung ]] || code=target-hung why=$(<"$work/hung")
    return 1
}
go_there() {
    local top
    cd -P -- "$target" && top=$PWD || return 2
    [[ $(stat -c %d:%i .) == "$probed" ]] || return 3
    [[ ! ${1-} ]] || mkdir -m 700 -- "BK_$service" 2>/dev/null || true
    [[ -e BK_$service || -L BK_$service ]] || return 4
    [[ -d BK_$service && ! -L BK_$service ]] && cd -P -- "BK_$service" && [[ $PWD == "${top%/}/BK_$service" ]] || return 2
}

# archives: the service's complete ones in $work/all, oldest first: size, a tab, name.
archives() { watched list_archives 2>"$work/error"; }
list_archives() {
    find . -mindepth 1 -maxdepth 1 -type f -name "${service}_*" -printf '%f\t%s\n' |
        LC_ALL=C awk -F '\t' -v service="$service" '
            substr($1, length(service) + 2) ~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z\.tar\.(gz|zst)$/ { print $2 "\t" $1 }' |
        LC_ALL=C sort -t $'\t' -k 2 >"$work/all"
}
