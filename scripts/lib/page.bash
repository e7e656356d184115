# The page of a site from its documents. Sourced after call.bash and drills.bash; needs `tmp` and `drills`.

# The program is one, in several files: a module of jq's can't include another everywhere.
page_files=(documents markdown mermaid subject drift cluster guests storage memory ha lost pairs backups schedules figures page)

# page FOLDER: the page of the documents that an audit has left there.
page() {
    local name arguments=() message
    for name in state findings site vmid lost cover schedule; do
        case $name in
        state | site) name=$name.json ;;
        *) name=$name.jsonl ;;
        esac
        if [[ -e $1/$name ]]; then arguments+=(--slurpfile "${name%.*}_documents" "$1/$name"); else arguments+=(--argjson "${name%.*}_documents" '[]'); fi
    done
    for name in "${page_files[@]}"; do cat -- "$lib/page/$name.jq"; done >"$tmp/page.jq"
    if [[ ! -e $drills ]]; then drills=/dev/null; fi
    { message=$(jq -nr "${arguments[@]}" --rawfile drill_lines "$drills" -f "$tmp/page.jq" 2>&1 >&3); } 3>&1 && [[ ! $message ]] && return
    message=${message%%$'\n'*}
    fail 2 "$1: it can't be made a page: ${message#jq: }"
}

# page_out FOLDER FILE: the same, into FILE, which is replaced when the page is whole; others may read it as before the umask was set to 077.
page_out() {
    local new=$2.$$ mode
    page "$1" >"$tmp/page"
    mode=$(stat -c %a -- "$2" 2>/dev/null) || mode=644
    if ! { install -m "$mode" -- "$tmp/page" "$new" && mv -T -- "$new" "$2"; } 2>/dev/null; then
        rm -f -- "$new"
        fail 3 "$2: the page could not be written"
    fi
}
