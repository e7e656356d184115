# The tar files in BK_ folders: found in one go, and removed inside the folder in which they were found.
# Sourced after call.bash and prune.bash; needs `tmp`, `code`, `dirs` and `service`.

declare -A folders=() # DEVICE:INODE by path

# starts: sets `starts`, the folders BK_<service> of `dirs`, or what has such a name.
starts() {
    local dir found
    shopt -s nullglob
    starts=()
    for dir in "${dirs[@]}"; do
        [[ -d $dir && -r $dir && -x $dir ]] || fail 2 "$dir: no folder that can be read"
        while [[ $dir == */ ]]; do dir=${dir%/}; done # so that / is "", and a folder of it begins with /
        [[ $dir == [[:alnum:]_./]* || ! $dir ]] || dir=./$dir # find takes it for an option, or an operator
        if [[ $service ]]; then found=("$dir/BK_$service"); else found=("$dir"/BK_*); fi
        [[ ! $service || -e ${found[0]} || -L ${found[0]} ]] || found=()
        ((${#found[@]})) || fail 2 "$dir: no folder BK_${service:-<service>} is in it"
        starts+=("${found[@]}")
    done
    once
}

# once: of `starts` that are one folder (DIR twice, or by a link to it) the first.
once() {
    local -A known=()
    local -a ids
    local at
    mapfile -t ids < <(stat -c '%d:%i' -- "${starts[@]}" 2>/dev/null)
    ((${#ids[@]} == ${#starts[@]})) || return 0 # one is gone meanwhile: find says so
    for at in "${!ids[@]}"; do
        [[ ! ${known[${ids[at]}]-} ]] || unset "starts[at]"
        known[${ids[at]}]=yes
    done
}

# gather: the files in $tmp/list, as pbsprune reads them; their folders in `folders`.
gather() {
    local starts kind folder id some=""
    local -A filled=()
    local LC_ALL=C # bytes: to read, a cut-off character would take the NUL behind it with it
    planned=$(date +%s.%N)
    starts
    # A line each, so that no jq cuts a character in two between its reads; what is no UTF-8 becomes U+FFFD.
    find "${starts[@]}" -maxdepth 1 -type f -printf '%d\0%D:%i\0%h\0%f\0%s\0%T@\0\n' -fprintf "$tmp/above" '%h\0' -o \
        \( -type d -o -type l \) -fprintf "$tmp/folders" '%d%y\0%p\0%D:%i\0' >"$tmp/found" 2>"$tmp/error" ||
        fail 3 "$(head -n 1 "$tmp/error" | sed 's/^find: //')"
    jq -c -Rs -f "$lib/tarballs.jq" "$tmp/found" >"$tmp/list" || fail 3 "the list of files can't be read"
    while IFS= read -rd '' folder; do filled[$folder]=yes; done < <(sort -zu "$tmp/above")
    while IFS= read -rd '' kind && IFS= read -rd '' folder && IFS= read -rd '' id; do
        case $kind:$folder in
        0l:*) say "$folder: left alone: a link, no folder" && code=1 ;;
        0d:*/BK_) say "$folder: left alone: a folder without the name of a service" && code=1 ;;
        0d:*)
            folders[$folder]=$id
            [[ ${filled[$folder]-} ]] || { say "$folder: no file is in it, so no backup" && code=1; }
            ;;
        *) continue ;;
        esac
        some=yes
    done <"$tmp/folders"
    [[ $some ]] || fail 2 "${dirs[0]}: no folder BK_${service:-<service>} is in it"
}

# folders_going: the folders of $tmp/removals, NUL-ended.
folders_going() { jq -j -s 'map(.path | sub("/[^/]*\\z"; "")) | unique | .[] | . + "\u0000"' "$tmp/removals"; }

# inside FOLDER COMMAND...: there, if it is still the folder that was planned; else 4.
inside() (
    CDPATH="" cd -P -- "$1" 2>/dev/null && [[ $(stat -c '%d:%i' .) == "${folders[$1]-}" ]] || exit 4
    exec "${@:2}"
)

# look FOLDER: what find sees there of $tmp/names, four words a line; what is gone is missing.
look() {
    # shellcheck disable=SC2016 # expanded by sh
    LC_ALL=C inside "$1" xargs -0r -a "$tmp/names" sh -c 'exec find "$@" -maxdepth 0 -type f -printf "%f\0%s\0%T@\0%D:%i\0\n"' find 2>/dev/null || true
}

# names ROWS: the names of these records, as find is to be handed them in their folder.
names() { jq -j '"./\(.path | split("/") | last)\u0000"' "$1"; }

# prune_folder FOLDER: removes what is to be removed there, and tells what became of each file: 1 if some file
# wasn't as planned, 3 if one can't be removed. Who stops the script doesn't stop this half-way.
prune_folder() (
    set -e
    trap '' INT TERM HUP
    local bound failed
    jq -c --arg folder "$1/" 'select((.path | startswith($folder)) and (.path[($folder | length):] | contains("/") | not))' \
        "$tmp/removals" >"$tmp/rows"
    names "$tmp/rows" >"$tmp/names"
    look "$1" >"$tmp/look"
    jq -L "$lib" -c -s --rawfile look "$tmp/look" -f "$lib/files-look.jq" "$tmp/rows" >"$tmp/seen" || fail 3 "$1: can't be read again"
    jq -c 'select(.error | not)' "$tmp/seen" >"$tmp/rows"
    names "$tmp/rows" >"$tmp/names"
    # What is written to between this look and the removal is newer than all that was planned.
    bound=$(jq -s --argjson planned "$planned" 'map(.mtime) | max | if . == null or . < $planned then empty else ceil end' "$tmp/rows")
    # shellcheck disable=SC2016
    LC_ALL=C inside "$1" xargs -0r -a "$tmp/names" sh -c 'exec find "$@" -maxdepth 0 -type f ! -newermt "$0" -delete -printf "%f\0\n"' \
        "@${bound:-$planned}" >"$tmp/removed" 2>"$tmp/error" || true
    look "$1" >"$tmp/look" # what is still there as it was couldn't be removed
    jq -L "$lib" -c -s --rawfile removed "$tmp/removed" --rawfile look "$tmp/look" --rawfile error "$tmp/error" -f "$lib/files-removed.jq" "$tmp/seen" >"$tmp/told" ||
        fail 3 "$1: what was removed there can't be told"
    cat -- "$tmp/told" || fail 3 "stdout can't be written to: stopped after $1, of which not all is told"
    failed=" $(jq -r '.error.code // empty' "$tmp/told" | sort -u | tr '\n' ' ') "
    [[ $failed != *" refused "* ]] || exit 3
    [[ $failed != *[a-z]* ]] || exit 1
)
