# --notify of the scripts that act: one function. Sourced by call.bash, if it is among the words.

# notified "$@": if --notify is among the words, the script runs once more without it, under scripts/notify, which
# tells of how that ended, and this call doesn't come back. What the script prints and its exit code stay as they are.
notified() {
    local word before="" wanted=no site="" rest=()
    for word; do
        case $before:$word in
        --site:*) site=$word ;;
        *:--site=* | *:site=*) site=${word#*=} ;;
        *:-h | *:--help | *:--version) return 0 ;;
        esac
        before=$word
        if [[ $word =~ ^(--notify|(--)?notify=(true|yes|1))$ ]]; then wanted=yes; else rest+=("$word"); fi
    done
    [[ $wanted == no ]] || exec "$(dirname -- "$lib")/notify" --title "$me" ${site:+"--site=$site"} -- "$(readlink -f -- "$0")" "${rest[@]}"
}
