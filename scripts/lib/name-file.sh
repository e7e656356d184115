# What publish-names does on a name server: the file with the names, looked at, replaced, and put back. It is sent there
# behind the values below and read by `sh -s` as root; any POSIX shell does, and busybox has all that it calls.
#
# Values: pvx (begins each line of the answer), file, check, reload, lock (yes or empty). It answers with a line each:
#   there BASE64 | none          the file as it is; with a lock nobody else publishes here until this ends; behind it the
#                                highest serial that was withdrawn, where that is not in the file
#   put | kept | undone | read   the command that came was done
#   failed CODE WHY              nothing is changed; after `put` the old file is back
#   stuck CODE WHY               and the old file could not be put back, or not be read
# Commands come as lines: `put SHA256 BASE64 [SERIAL]` writes the file and has it read, then `keep` or `undo`; `read` has
# it read again; `bye`. When the connection is gone, nothing comes for 300 s or this is ended, a file that nobody said
# `keep` to is put back; a zone that was read already is put back under SERIAL, or a secondary would keep what was withdrawn.
# shellcheck shell=sh disable=SC2154 # the values are sent before it

answer() { printf '%s %s\n' "$pvx" "$*" 2>/dev/null || true; }
# said FILE: the last lines that a command said, as one, in a form that can be shown.
said() { grep -av '^[[:space:]]*$' "$1" 2>/dev/null | tail -n 3 | LC_ALL=C tr -c ' -~\n' '?' | tr '\n' ' ' | cut -c 1-600 | sed 's/ *$//'; }
failed() {
    answer failed "$@"
    exit 1
}

# command_runs CODE SECONDS COMMAND: what it starts holds neither the connection nor the lock.
command_runs() {
    [ "$3" ] || return 0
    status=0
    # shellcheck disable=SC2086 # none, or two words
    timeout $hard "$2" sh -c "$3" </dev/null >"$work/said" 2>&1 9<&- || status=$?
    [ "$status" != 0 ] || return 0
    why=$(said "$work/said")
    [ "$status" != 124 ] && [ "$status" != 137 ] && [ "$status" != 143 ] || why="it was not done within $2 s. $why"
    code=$1 why="$3: ${why:-exit code $status}"
    return 1
}
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
on_disk() { timeout 30 sync "$1" 2>/dev/null || timeout 30 sync || true; }

# keep_foreign: a file that isn't of our making gets a second name that nothing here ever writes to.
keep_foreign() {
    adopted=""
    ! head -n 1 "$file" | grep -q '^[#;] Made by publish-names ' || return 0
    number="" name=$dir/.$base.pvx-adopted
    while [ -e "$name" ] || [ -L "$name" ]; do
        ! cmp -s "$file" "$name" || return 0
        number=$((${number:-1} + 1))
        name=$dir/.$base.pvx-adopted.$number
    done
    # A copy, which stays as it is even if the file is put back and changed in place.
    cp -p -- "$file" "$name" 2>"$work/said" || { rm -f -- "$name"; return 1; }
    adopted=$name
}

# write SHA256 BASE64: the new file beside the old one, with its mode and owner, then in its place. Both have names with
# a dot in front, which dnsmasq and its like pass over where they read a whole folder.
write() {
    rm -f -- "$new"
    if [ -e "$file" ]; then
        cp -p -- "$file" "$new" 2>"$work/said" || return 1
    fi
    # cat says why it can't write.
    printf %s "$2" | base64 -d | cat 2>"$work/said" >"$new" || return 1
    [ "$(sum "$new")" = "$1" ] || return 1
    on_disk "$new"
    rm -f -- "$old"
    had=""
    if [ -e "$file" ]; then
        had=yes
        keep_foreign || return 1
        # A second name of the old file takes no room.
        ln -- "$file" "$old" 2>/dev/null || cp -p -- "$file" "$old" 2>"$work/said" || return 1
    fi
    written=$1
    mv -f -- "$new" "$file" 2>"$work/said" || { written="" && return 1; }
    on_disk "$dir"
}

# with_serial: the old zone under the serial $back, beside it; false where its serial isn't written as we do.
with_serial() {
    grep -q '^[^ ]* IN SOA [^ ]* [^ ]* [0-9][0-9]* ' "$old" || return 1
    if cp -p -- "$old" "$new" && sed "s/^\([^ ]* IN SOA [^ ]* [^ ]* \)[0-9][0-9]* /\1$back /" "$old" >"$new"; then return 0; fi
    rm -f -- "$new"
    return 1
}
# withdrawn: the old file stands where the new one did, above each serial that was handed out; if it can't say so itself, a
# file beside it does.
withdrawn() {
    if [ "$handed" ] && [ "$back" ] && ! { [ "$had" ] && with_serial; }; then
        echo "$back" >"$serials" || true
    fi 2>/dev/null
    if [ ! "$had" ]; then
        rm -f -- "$file"
        return
    fi
    [ ! -e "$new" ] || mv -f -- "$new" "$old" || return 1
    # What is put back is newer than what was read: BIND reads no file that isn't.
    mv -f -- "$old" "$file" && touch -- "$file"
}

# undo CODE WHY: the old file is back, and read if the new one was.
undo() {
    trap '' TERM
    status=0 ours=$written
    written=""
    if [ "$(sum "$file" 2>/dev/null)" != "$ours" ]; then
        answer stuck "$1" "$2; and $file is not what was written, so it is left as it is"
        exit 1
    fi
    rm -f -- "$new"
    withdrawn 2>"$work/said" || status=$?
    if [ "$status" != 0 ]; then
        answer stuck "$1" "$2; and the old file could not be put back: $(said "$work/said")"
        exit 1
    fi
    # It is in its place again, and that name was for when it isn't.
    [ ! "$adopted" ] || rm -f -- "$adopted"
    on_disk "$dir"
    command_runs reload 60 "$to_read" || {
        answer stuck "$1" "$2; the old file is back, and could not be read: $why"
        exit 1
    }
    trap 'exit 1' TERM
}

put() {
    back=$3
    if ! write "$1" "$2"; then
        why=$(said "$work/said")
        rm -f -- "$new"
        failed write "$file: ${why:-what was written is not what was sent}"
    fi
    if command_runs check 60 "$check"; then
        to_read=$reload handed=yes
        command_runs reload 60 "$reload" && answer put && return
    fi
    reason=$why kind=$code
    undo "$kind" "$reason"
    failed "$kind" "$reason"
}

# obey: one line after the other, until there is none.
obey() {
    while line=$(timeout 300 head -n 1) && [ "$line" ]; do
        rest=${line#* }
        case $line in
        "put "*)
            # Three words without a blank in any of them.
            # shellcheck disable=SC2086
            set -- $rest
            put "$1" "${2-}" "${3-}"
            ;;
        keep)
            written=""
            answer kept
            ;;
        undo)
            undo undone "undone"
            answer undone
            ;;
        read)
            # A server that is restarted doesn't come up again if any file of its is bad.
            if command_runs check 60 "$check" && command_runs reload 60 "$reload"; then
                answer read
            else
                [ ! -e "$old" ] || why="$why; the file before this one is $old"
                answer failed "$code" "$why"
            fi
            ;;
        *) break ;;
        esac
    done
    # Whoever wrote it is gone, and nobody has looked whether the server answers from it.
    [ ! "$written" ] || undo lost "the connection was lost"
}

# leave: however this ends, a file that nobody said `keep` to goes.
leave() {
    trap '' TERM
    if [ "$written" ]; then
        undo lost "it was ended on the server"
        answer failed lost "it was ended on the server; the old file was put back"
    fi
    rm -rf -- "$work"
}

main() {
    trap '' HUP INT PIPE
    umask 022
    written="" to_read="" handed="" back="" adopted="" hard=""
    for tool in flock base64 sha256sum timeout readlink; do
        command -v "$tool" >/dev/null 2>&1 || failed missing-tool "$tool is missing on this server"
    done
    work=$(mktemp -d 2>/dev/null || TMPDIR=/run mktemp -d) || failed write "there is no room for a temporary folder"
    trap leave EXIT
    trap 'exit 1' TERM
    [ ! -L "$file" ] || file=$(readlink -f -- "$file") || failed not-a-file "it is a link to nowhere"
    dir=${file%/*} base=${file##*/}
    dir=${dir:-/}
    new=$dir/.$base.pvx-new old=$dir/.$base.pvx-old serials=$dir/.$base.pvx-serial
    # Not every busybox has it.
    ! timeout -k 1 5 true 2>/dev/null || hard="-k 5"
    [ -d "$dir" ] || failed no-folder "$dir: there is no such folder"
    if [ "$lock" ]; then
        exec 9<"$dir"
        flock -w 60 9 || failed busy "somebody else has published there for 60 s"
    fi
    serial=$(head -c 10 "$serials" 2>/dev/null | tr -cd 0-9) || true
    if [ ! -e "$file" ]; then
        answer none "$serial"
    elif [ ! -f "$file" ]; then
        failed not-a-file "$file: it is no plain file"
    elif [ "$(wc -c <"$file")" -gt 2097152 ]; then
        failed not-a-file "$file: it has more than 2 MiB"
    else
        answer there "$(base64 <"$file" | tr -d '\n')" "$serial"
    fi
    obey
}
