# The page of a site from its documents. Sourced after call.bash and drills.bash; needs `tmp` and `drills`.

# The program is one, in several files: a module of jq's can't include another everywhere.
page_files=(documents markdown mermaid subject drift cluster guests storage memory ha lost pairs backups schedules figures page)

# page FOLDER: the page of the documents that an audit has left there. Its records are read line by line: of what was cut off it is
# told, and the rest is good.
page() {
    local name file arguments=() message code=0
    for name in state site; do
        file=$1/$name.json
        [[ -r $file ]] || fail 2 "$file: can't be read"
        arguments+=(--slurpfile "${name}_documents" "$file")
    done
    for name in findings vmid lost cover schedule; do
        file=$1/$name.jsonl
        [[ -e $file ]] || file=/dev/null
        arguments+=(--rawfile "${name}_text" "$file")
    done
    read_drills
    for name in "${page_files[@]}"; do cat -- "$lib/page/$name.jq" || fail 3 "$lib/page/$name.jq: can't be read"; done >"$tmp/page.jq"
    arguments+=(--rawfile drill_text "$tmp/drills" --arg drills_are "$drills_are")
    { message=$(jq -nr "${arguments[@]}" -f "$tmp/page.jq" 2>&1 >&3) || code=$?; } 3>&1
    [[ $code != 0 || $message ]] || return 0
    message=${message%%$'\n'*} message=${message#jq: } message=${message#error }
    [[ ! $message =~ ^\(at\ [^\(\)]*\):\ (.*) ]] || message=${BASH_REMATCH[1]}
    fail 2 "$1: it can't be made a page: ${message:-jq ended with exit code $code}"
}

# page_out FOLDER FILE: the same, into FILE, which is replaced when the page is whole; others may read it as before the umask was set to 077.
page_out() {
    local new=$2.$$ mode
    page "$1" >"$tmp/page" || fail 3 "$2: the page could not be written"
    mode=$(stat -c %a -- "$2" 2>/dev/null) || mode=644
    if ! { install -m "$mode" -- "$tmp/page" "$new" && mv -T -- "$new" "$2"; } 2>/dev/null; then
        rm -f -- "$new"
        fail 3 "$2: the page could not be written"
    fi
}
