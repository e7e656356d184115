# One archive: written to a .part, read back, and only then given its name. Sourced after target.bash.

# packer COMPRESSION: sets `pack`, `unpack` and `suffix`.
packer() {
    case $1 in
    zstd) pack=(zstd -q -c -T0) unpack=(zstd -q -dc) suffix=tar.zst ;;
    *) pack=(gzip -c) unpack=(gzip -dc) suffix=tar.gz ;;
    esac
}

# write FILE FD: what comes there, packed, to a new file; its sum as it was sent goes to $work/sent.
write() {
    local fd=$2
    exec <&"$fd" {fd}<&-
    set -C # no file that is there, and no link
    { "${pack[@]}" | tee --output-error=exit /dev/fd/5 >"$1"; } 5>&1 | sha256sum >"$work/sent"
}

# read_back FILE [COMMAND...]: the sum of what is there in $work/read, and what COMMAND, which reads the tar
# stream, prints in $work/list; else its members, a line each.
read_back() {
    local file=$1
    shift
    (($#)) || set -- tar --list --file=- --quoting-style=escape
    { tee --output-error=exit /dev/fd/5 <"$file" | sha256sum >"$work/read"; } 5>&1 | "${unpack[@]}" | "$@" >"$work/list"
}

# failed STATUS FILE: sets `code` and `why` from what went wrong on the target, told in FILE.
failed() {
    why=$(grep -v '^$' -- "$2" | head -n 1)
    why="$target/BK_$service: ${why:-exit code $1}" code=target-write
    if [[ -s $work/hung ]]; then
        code=target-hung why=$(<"$work/hung")
    elif grep -q 'No space left\|quota exceeded' -- "$2"; then
        code=target-full why="$target: no space left on the target"
    fi
    return 1
}

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

# make_archive: the backup of `app` as `file` in the current folder. 1, `code` and `why` if there is none.
make_archive() {
    local status=0 told=0 part
    packer "${app[compression]}"
    free_name || return
    part=$file.part
    part_made=$part
    exec {in}< <(on_host copy 2>"$work/told")
    source=$!
    watched write "./$part" "$in" 2>"$work/error" || status=$?
    exec {in}<&-
    in=""
    wait "$source" || told=$?
    source=0
    understand "$work/told" >"$work/facts"
    settled=$(jq -r .settled "$work/facts")
    ((status == 0)) || { failed "$status" "$work/error" || return; }
    source_failed "$told" || return
    watched on_disk "./$part" 2>"$work/error" || { failed $? "$work/error" || return; }
    watched read_back "./$part" 2>"$work/error" || { failed $? "$work/error" || return; }
    compare || return
    give_name
}

# on_disk FILE: it is synced, and out of this host's memory, so that it is read from the target.
on_disk() {
    sync -- "$1" || return
    dd if="$1" iflag=nocache count=0 2>/dev/null || true
}

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

# last_word FILE: the last line on stderr that is none of source.bash's.
last_word() { grep -v "^$token" -- "$1" | tr -d '\r' | grep -v '^$' | tail -n 1; }

# source_failed STATUS: 1, `code` and `why` if the stream that was packed is not a whole one.
source_failed() {
    code=$(jq -r '.error.code // ""' "$work/facts") why=$(jq -r '.error.message // ""' "$work/facts")
    [[ ! $code ]] || return 1
    (($1)) || [[ $(jq .count "$work/facts") == null ]] || return 0
    why=$(last_word "$work/told")
    code=interrupted why="the copy ended before its end: ${why:-exit code $1}"
    if [[ ${app[far]} ]] && (($1 == 255)); then code=unreachable why="${app[far]}: ${why#*its end: }"; fi
    return 1
}

# compare: 1 unless what was read back is what was sent, and has as many members as the source counted.
compare() {
    local counted
    count=$(wc -l <"$work/list") counted=$(jq .count "$work/facts")
    code=read-back
    if [[ $(<"$work/sent") != "$(<"$work/read")" ]]; then
        why="$target/BK_$service/$file: what is read is not what was written"
    elif ((count != counted)); then
        why="$target/BK_$service/$file: $count members are read back, $counted were packed"
    else
        sum=$(<"$work/read") sum=${sum%% *}
        return 0
    fi
    return 1
}
