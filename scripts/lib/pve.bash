# The Proxmox VE API, by a token, or by pvesh on a node. Sourced after call.bash and https.bash; needs `tmp`.

# pve_open: finds out which of the two; sets `pve`, the API's address, empty for pvesh.
pve_open() {
    local name=PROXMOX_VE_ENDPOINT url token
    pve=""
    [[ ${!name-} ]] || name=PROXMOX_HOST
    if [[ ! ${!name-} ]]; then
        need pvesh "run this on a node, or set PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN"
        return
    fi
    url=${!name}
    [[ $url == *://* || $url =~ :[0-9]+$ ]] || url+=:${PROXMOX_PORT:-8006}
    [[ $url == *://* ]] || url=https://$url
    endpoint "$name" "$url"
    pve=${url%/api2/json}/api2/json
    token=$(secret PROXMOX_VE_API_TOKEN)
    if [[ ! $token ]]; then
        token=$(secret PROXMOX_TOKEN_SECRET)
        [[ $token || ! ${PROXMOX_PASSWORD-}${PROXMOX_VE_PASSWORD-} ]] ||
            fail 2 "no API token: a password is set (PROXMOX_PASSWORD), and passwords aren't taken; PROXMOX_VE_API_TOKEN is user@realm!id=secret"
        plain_token "$token"
        name=${PROXMOX_TOKEN_ID-}
        [[ $name == *!* ]] || name=${PROXMOX_USER-}!$name # Ansible's ID is what stands behind the "!"
        token=$name=$token
    fi
    plain_token "$token"
    [[ $token =~ ^[^[:space:]!=]+@[^[:space:]!=]+![^[:space:]!=]+=[^[:space:]]+$ ]] ||
        fail 2 "no API token user@realm!id=secret in PROXMOX_VE_API_TOKEN (or PROXMOX_USER, PROXMOX_TOKEN_ID, PROXMOX_TOKEN_SECRET)"
    https_open "$pve" "Authorization: PVEAPIToken=$token"
}

# plain_token TOKEN: refuses what stands round a token in other places, and would be sent as a part of it.
plain_token() {
    local lower=${1,,} word
    [[ $1 != [\"\']* && $1 != *[\"\'] ]] || fail 2 "the API token is in quotes, which are no part of it"
    for word in "authorization:" "bearer " "token " "pveapitoken="; do
        [[ $lower != "$word"* ]] || fail 2 "the API token begins with \"${1:0:${#word}}\", which is no part of it"
    done
}

# pve_get PATH [NAME=VALUE]: the records of an answer, a line each; 3 if it didn't come: `why` says why. Ends the script if it is no list.
pve_get() {
    pve_ask "$@" || return
    list "$tmp/answer"
}
# pve_records PATH FILE [NAME=VALUE]: the same into FILE, and what is none of the API's is 3, too: for who has begun something.
pve_records() {
    pve_ask "$1" "${@:3}" || return
    why=$(list "$tmp/answer" 2>&1 >"$2") || { why="$pve$1: its answer is none of the API's: ${why#*"$tmp/answer: "}" && return 3; }
}
# pve_ask PATH [NAME=VALUE[&NAME=VALUE...]]: the answer, in $tmp/answer.
pve_ask() {
    local status moved pair pairs=() options=()
    if [[ $pve ]]; then
        https_get "$pve$1${2:+?$2}" "$tmp/answer" || { why="$pve$1: $why" && return 3; }
        [[ $status == 200 ]] || { https_refused "$tmp/answer" && why="$pve$1: $why" && return 3; }
    else
        IFS='&' read -ra pairs <<<"${2-}"
        for pair in "${pairs[@]}"; do options+=("--${pair%%=*}" "${pair#*=}"); done
        bounded 32768 pvesh get "$1" "${options[@]}" --output-format json >"$tmp/answer" 2>"$tmp/error" ||
            { why="pvesh: $1: $(tail -n 1 "$tmp/error")" && return 3; }
    fi
}
