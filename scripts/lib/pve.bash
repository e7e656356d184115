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
    [[ $token ]] || token="${PROXMOX_USER-}!${PROXMOX_TOKEN_ID-}=$(secret PROXMOX_TOKEN_SECRET)"
    [[ $token =~ ^[^[:space:]!=]+@[^[:space:]!=]+![^[:space:]!=]+=[^[:space:]]+$ ]] ||
        fail 2 "no API token user@realm!id=secret in PROXMOX_VE_API_TOKEN (or PROXMOX_USER, PROXMOX_TOKEN_ID, PROXMOX_TOKEN_SECRET)"
    https_open "$pve" "Authorization: PVEAPIToken=$token"
}

# pve_get PATH [NAME=VALUE]: the records of an answer, a line each; 3 if it didn't come: `why` says why.
pve_get() {
    local status
    if [[ $pve ]]; then
        https_get "$pve$1${2:+?$2}" "$tmp/answer" || { why="$pve$1: $why" && return 3; }
        [[ $status == 200 ]] || { why="$pve$1: HTTP $status $(jq -r '.message // ""' "$tmp/answer" 2>/dev/null || true)" && return 3; }
    else
        # shellcheck disable=SC2086 # a pair of words, or none
        bounded 32768 pvesh get "$1" ${2:+--${2%%=*} "${2#*=}"} --output-format json >"$tmp/answer" 2>"$tmp/error" ||
            { why="pvesh: $1: $(tail -n 1 "$tmp/error")" && return 3; }
    fi
    list "$tmp/answer"
}
