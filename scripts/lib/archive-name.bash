# The name of an archive, which no file has had: found before it is written, given when it is good. Sourced after
# archive.bash.

# free_name: sets `file` by this second; where a run that is just done has that name, by the next one. 1, `code` and
# `why` if it is not to be had.
free_name() {
    local status try
    for try in 1 2 3; do
        status=0 file=${service}_$(date -u +%Y-%m-%dT%H%M%SZ).$suffix
        watched is_free "./$file" 2>"$work/error" || status=$?
        ((status == 3 && try < 3)) || break
        sleep 0.7
    done
    ((status)) || return 0
    ((status == 3)) || { failed "$status" "$work/error" || return; }
    code=exists why="$target/BK_$service/$file is there already, or its .part"
    return 1
}
is_free() { [[ ! -e $1 && ! -L $1 && ! -e $1.part && ! -L $1.part ]] || return 3; }

# give_name: the .part becomes `file`, which no file has been, and `named` says so. A signal that comes meanwhile waits,
# or it couldn't be told whether there is an archive.
give_name() {
    local status=0
    trap 'signalled=yes' INT TERM HUP
    watched rename "./$part" "./$file" 2>"$work/error" || status=$?
    case $status in
    0 | 4) named=yes part_made="" size=$(<"$work/size") ;;
    esac
    trap interrupted INT TERM HUP
    case $status in
    0) ;;
    3) code=exists why="$target/BK_$service/$file is there already" && return 1 ;;
    4) warnings+=("not-synced: the folder $target/BK_$service can't be synced") ;;
    *) failed "$status" "$work/error" || return ;;
    esac
    [[ ! $signalled ]] || interrupted
}
rename() {
    [[ ! -e $2 && ! -L $2 ]] || return 3
    stat -c %s -- "$1" >"$work/size" && mv -nT -- "$1" "$2" || return 2
    [[ ! -e $1 ]] || return 3
    sync -- . 2>/dev/null || return 4
}
