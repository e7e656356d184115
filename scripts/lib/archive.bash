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
