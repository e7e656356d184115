# Facts of the members of HA pairs and the places of the guests, for the scripts that check pairs.
# Sourced after call.bash; needs `tmp` and `site`.

# gather PAIR: sets `facts` and `guests`, options of hacheck check; an empty PAIR means all.
# Who can't be asked is said, and is unseen to the check.
gather() {
    local name address paths place
    facts=() guests=()
    mkdir -p -- "$tmp/facts"
    rm -f -- "$tmp/facts"/*
    jq -r --arg pair "$1" '[.pairs[] | select($pair == "" or .name == $pair) | {paths: [.files[].path]} + (.members[] | select(.address))]
        | group_by(.address)[] | [.[0].name, .[0].address] + (map(.paths[]) | unique) | @tsv' "$site" >"$tmp/members"
    while IFS=$'\t' read -r name address paths; do
        # shellcheck disable=SC2086 # the paths are words of one remote command line, quoted there
        ask "$name" "$address" "${paths//$'\t'/$'\n'}" &
    done <"$tmp/members"
    wait
    for place in "$tmp"/facts/*.json; do
        [[ ! -s $place ]] || facts+=("$place")
    done
    ((${#facts[@]} == 0)) || facts=(--facts "${facts[@]}")
    place=${opt[guests]-}
    if [[ ! $place ]] && { [[ ${PROXMOX_VE_ENDPOINT:-${PROXMOX_HOST-}} ]] || have pvesh; }; then
        place=$tmp/guests.jsonl
        run "$here/inventory" "${trust_options[@]}" >"$place"
    fi
    [[ ! $place ]] || guests=(--guests "$place")
}

# ask NAME ADDRESS PATHS: the facts of one member by ssh, to a file. PATHS is a line each. The file is named
# by the address: members of two pairs may have one name, and a name may have a slash in it.
ask() {
    local words=(hacheck member) path error file="$tmp/facts/${2//[^0-9a-fA-F.]/_}.json"
    while IFS= read -r path; do
        [[ ! $path ]] || words+=(--file "$(printf %q "$path")")
    done <<<"$3"
    if ! error=$(ssh -n -o BatchMode=yes -o ConnectTimeout=5 -- "$2" "${words[@]}" 2>&1 >"$file"); then
        rm -f -- "$file"
        say "$1 ($2): no facts: ${error##*$'\n'}"
    fi
}
