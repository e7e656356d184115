# The tar files in BK_ folders: what they are called, and when they were made.
# Sourced after call.bash; needs `tmp` and `code`.

tar='\.(tar(\.(gz|zst|xz|bz2|lz4))?|tgz|tzst|txz)(\.(tmp|part))?$'
date='(^|[^0-9])([0-9]{4})-?([01][0-9])-?([0-3][0-9])([T_ -]?([0-2][0-9])[:.-]?([0-5][0-9])([:.-]?([0-5][0-9]))?)?([^0-9]|$)'

# skip PATH WHY: it is left alone, and that shows in the exit code. The bytes of its name are spelt out.
skip() {
    say "${1@Q}: left alone: $2"
    code=1
}

# utf8 TEXT: whether it can be told in JSON. The locale is C.
utf8() {
    [[ $1 != *[!$'\x01'-$'\x7f']* ]] || iconv -f UTF-8 -t UTF-16 <<<"$1" >/dev/null 2>&1
}

# named_time NAME ZONE...: sets `time` from the date in NAME; it stays empty if there is none. 1 if
# no clock of the zone (TZ=ZONE; else the system's) shows that date, as in the hour that is skipped in spring.
# What the clock showed goes to $tmp/clocks, for `check_zone`.
named_time() {
    local m day clock
    time=""
    [[ $1 =~ $date ]] || return 0
    shift
    m=("${BASH_REMATCH[@]}")
    day=${m[2]}-${m[3]}-${m[4]} clock=${m[6]:-00}:${m[7]:-00}:${m[9]:-00}
    if ! time=$(env "$@" date -d "$day $clock" +%s 2>/dev/null); then
        # There are zones that skip midnight, and so their day begins at one.
        [[ ! ${m[5]} ]] && clock=01 && time=$(env "$@" date -d "$day 01:00" +%s 2>/dev/null) || return 1
    fi
    printf '{"backup-type":"host","backup-id":"%s","backup-time":%s,"files":["index.json.blob"],"clock":"%sT%s"}\n' \
        "$time" "$time" "$day" "${clock%%:*}" >>"$tmp/clocks"
}

# check_zone [--tz=ZONE]: `date` takes a zone that it doesn't know for UTC. So pbsprune, which has zone
# data of its own, must see the same hour on the clock.
check_zone() {
    local status=0
    sort -u "$tmp/clocks" >"$tmp/times"
    pbsprune "$@" --keep-hourly 1 --no-guards --allow-empty <"$tmp/times" >"$tmp/hours" 2>"$tmp/error" || status=$?
    ((status < 2)) || { cat -- "$tmp/error" >&2 && exit "$status"; }
    jq -r 'select(.period != .clock) | .clock' "$tmp/hours" >"$tmp/wrong"
    [[ ! -s $tmp/wrong ]] ||
        fail 2 "date (tzdata) and pbsprune don't read ${*-the zone of the system} alike, for instance the hour $(head -n 1 "$tmp/wrong")"
}

# within DIR COMMAND...: there, so that no name handed to it begins as an option or an operator does.
within() { (CDPATH="" cd -- "$1/" && exec "${@:2}"); }

# tarballs DIR [TZ=ZONE]: the tar files of DIR, told in $tmp/words as lib/tarballs.jq reads them.
tarballs() {
    local dir=$1 type path size mtime time finished folders=0
    local LC_ALL=C # bytes: a cut-off character would take the NUL behind it with it
    shift
    true >"$tmp/clocks"
    within "$dir" find . -mindepth 1 -maxdepth 2 -path './BK_*' -printf '%y\0%P\0%s\0%T@\0' >"$tmp/found" || fail 3 "$dir: can't be read"
    while IFS= read -rd '' type && IFS= read -rd '' path && IFS= read -rd '' size && IFS= read -rd '' mtime; do
        case $type:$path in
        f:BK_/*) ;;
        f:*/*)
            if [[ ! $path =~ $tar ]] || ! utf8 "${path%/*}"; then continue; fi
            utf8 "$path" || { skip "$dir/$path" "its name is no UTF-8" && continue; }
            named_time "${path##*/}" "$@" || { skip "$dir/$path" "its name has a time that never was" && continue; }
            finished=yes
            [[ $path != *.tmp && $path != *.part && $size != 0 ]] || finished=no
            printf '%s\0' "${path%/*}" "$dir/$path" "$size" "$mtime" "${time:-${mtime%.*}}" "$finished"
            ;;
        d:*/* | l:*/*) ;;
        [dl]:*)
            folders=$((folders + 1))
            if [[ $type == l ]]; then
                skip "$dir/$path" "a link, no folder"
            elif [[ $path == BK_ ]]; then
                skip "$dir/$path" "no service is named"
            elif ! utf8 "$path"; then
                skip "$dir/$path" "its name is no UTF-8"
            fi
            ;;
        esac
    done <"$tmp/found" >"$tmp/words"
    printf . >>"$tmp/words" # a jq that drops a last NUL must not drop a word with it
    ((folders)) || fail 2 "$dir: no folder BK_<service> is in it"
}

# in_folder DIR FILE FIND-WORD...: find, for that one plain file of DIR/BK_x. It follows no link, not even one that
# has taken the place of BK_x since the plan was made: it might lead to another service's backups.
in_folder() {
    local path=${2#"$1/"} name
    name=$(sed 's/[][*?\\]/\\&/g' <<<"${path##*/}.") # the dot keeps newlines at its end
    within "$1" find "./${path%/*}" -mindepth 1 -maxdepth 1 -type f -name "${name%.}" "${@:3}"
}

# altered DIR: the first file of $tmp/parts that is gone, or not as it was when this was planned.
altered() {
    local row file
    while IFS= read -r row; do
        file=$(jq -r .file <<<"$row")
        [[ $(in_folder "$1" "$file" -printf '%s %T@' 2>/dev/null) == "$(jq -r '"\(.size) \(.mtime)"' <<<"$row")" ]] ||
            { printf '%s' "$file" && return; }
    done <"$tmp/parts"
}

# remove DIR FILE SIZE: 1 if there is no such file in its folder any more, 3 and why in $tmp/error if it can't be removed.
remove() {
    in_folder "$1" "$2" -size "$3c" -print0 -delete >"$tmp/removed" 2>"$tmp/error" || return 3
    [[ -s $tmp/removed ]] || return 1
}
