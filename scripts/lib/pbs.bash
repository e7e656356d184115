# Proxmox Backup Server through proxmox-backup-client; through curl where that isn't installed,
# or a CA file is given, which the client can't take. Sourced after call.bash and https.bash; needs `tmp`.

# pbs_open: PBS_REPOSITORY, PBS_PASSWORD (or its _FILE) and PBS_FINGERPRINT as the client has them. Sets `store`, and
# `pbs_curl`: true where it is curl that asks, as it does where `pbs_token` is true.
pbs_open() {
    local where=${PBS_REPOSITORY-} user=root@pam password url word='[^][:space:]/:@!]+'
    unset PBS_NAMESPACE # newer clients go by it; which namespace is meant is always said here
    [[ $where ]] || fail 2 "PBS_REPOSITORY is not set: [[user@realm!token@]host[:port]:]store"
    store=${where##*:} where=${where%"${where##*:}"} where=${where%:}
    [[ $where != *@* ]] || user=${where%@*} where=${where##*@}
    # What they are may be a password, and isn't shown.
    [[ $user =~ ^$word@$word(!$word)?$ ]] || fail 2 "PBS_REPOSITORY: what stands before the host is no user@realm!token (the secret is for PBS_PASSWORD)"
    [[ $store =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || fail 2 "PBS_REPOSITORY doesn't end in the name of a datastore: [[user@realm!token@]host[:port]:]store"
    [[ ${opt[fingerprint]-} ]] || opt[fingerprint]=${PBS_FINGERPRINT-}
    export PBS_FINGERPRINT=${opt[fingerprint]}
    [[ $PBS_FINGERPRINT ]] || unset PBS_FINGERPRINT
    pbs_curl=false
    ! on server-jobs && ! ${pbs_token:-false} && [[ ! ${opt[ca-cert]-} ]] && ! on insecure && have proxmox-backup-client && return
    [[ $where ]] || where=localhost
    [[ $where =~ :[0-9]+$ ]] || where+=:8007
    endpoint "the host of PBS_REPOSITORY" "https://$where"
    [[ $user == *!* ]] || fail 2 "$user is no API token (user@realm!token), and curl can't log in as a user"
    password=$(secret PBS_PASSWORD)
    [[ $password ]] || fail 2 "neither PBS_PASSWORD nor PBS_PASSWORD_FILE has the token's secret"
    pbs_root=$url/api2/json pbs_url=$url/api2/json/admin/datastore/$store
    # The server decodes percent signs in it. jq gets it through a pipe, as all users can see arguments.
    https_open "$pbs_url" "Authorization: PBSAPIToken=$user:$(printf '%s' "$password" | jq -sRr @uri)"
    pbs_curl=true
}

# pbs_api METHOD URL [DATA]: the answer in $tmp/answer, its HTTP status in pbs_status; 1 and the reason in pbs_message
# if it is a refusal (HTTP 4xx), 3 if there is no sensible one.
pbs_api() {
    local code=0
    pbs_message=""
    pbs_status=$(
        unbroken
        https --request "$1" ${3:+--data "$3"} --output "$tmp/answer" --write-out '%{http_code}' --max-time 300 "$2" 2>"$tmp/error"
    ) || code=$?
    pbs_answered "$code" "$pbs_status" "$tmp/answer"
}

# unbroken: in the subshell of a request. While snapshots are removed, no signal to the whole process group ends it.
removing=false
unbroken() { ! $removing || trap '' INT TERM HUP; }

# pbs_answered CODE STATUS FILE: what pbs_api gives, for curl's exit code, the HTTP status and the answer in FILE.
pbs_answered() {
    local why
    if (($1 && $1 != 22)); then # 22: an HTTP error, with --fail-with-body
        https_why "$1" "$3"
        pbs_message=$why
        return 3
    fi
    [[ $2 != 200 ]] || return 0
    pbs_message="HTTP $2 $(head -c 500 "$3" | tr '\n' ' ')"
    pbs_message=${pbs_message% }
    [[ $2 == 4?? ]] && return 1
    return 3
}

# pbs_client COMMAND...: its answer in $tmp/answer; 1 and its most telling line in pbs_message if it failed. It never
# asks anything: its questions would wait, unseen, on a terminal. 3 if a signal ended it: what it asked for may be done.
pbs_client() {
    local code=0
    pbs_message=""
    (unbroken && bounded 32768 proxmox-backup-client "$@" </dev/null >"$tmp/answer" 2>"$tmp/error") || code=$?
    ((code)) || return 0
    ! by_signal "$code" || { pbs_message="proxmox-backup-client was ended by the signal $(kill -l "$code")" && return 3; }
    # The last line of a refused certificate is OpenSSL's, and tells nobody anything.
    pbs_message=$(grep -m 1 -e '^WARNING: certificate fingerprint' "$tmp/error" || grep -m 1 -e '^certificate validation failed' "$tmp/error" ||
        grep -v '^$' "$tmp/error" | tail -n 1) || true
    case $pbs_message in
    WARNING:*) pbs_message="the server's certificate has another fingerprint than ${PBS_FINGERPRINT-}" ;;
    "certificate validation failed"*) pbs_message="$pbs_message PBS_FINGERPRINT says which it is" ;;
    *"no password input mechanism"*) fail 2 "neither PBS_PASSWORD nor PBS_PASSWORD_FILE has the secret" ;;
    esac
    return 1
}

# pbs_ask COMMAND...: as pbs_client. The client says no more than that it failed: 1 if the server still answers, so
# that it was a refusal; else 3.
pbs_ask() {
    local message status=0
    pbs_client "$@" || status=$?
    ((status == 1)) || return "$status"
    message=$pbs_message
    (unbroken && exec proxmox-backup-client namespace list --output-format json </dev/null >"$tmp/probe" 2>&1) && return 1
    pbs_message=$message
    return 3
}

# pbs_namespaces: $tmp/answer has their list.
pbs_namespaces() {
    if $pbs_curl; then pbs_api GET "$pbs_url/namespace"; else pbs_ask namespace list --output-format json; fi
}

# pbs_snapshots NAMESPACE [GROUP QUERY]: $tmp/answer has the list of all, or of the group's.
pbs_snapshots() {
    if $pbs_curl; then
        pbs_api GET "$pbs_url/snapshots?${3:-ns=$(printf '%s' "$1" | jq -sRr @uri)}"
    else
        # No "--" before the group: the client would take it for one (proxmox-router's parse_argument_list).
        pbs_ask snapshot list ${2:+"$2"} --ns "$1" --output-format json
    fi
}

# pbs_groups NAMESPACE: $tmp/answer has the list of its groups: short, beside that of the snapshots.
pbs_groups() {
    if $pbs_curl; then
        pbs_api GET "$pbs_url/groups?ns=$(printf '%s' "$1" | jq -sRr @uri)"
    else
        pbs_ask list --ns "$1" --output-format json
    fi
}

# pbs_rights: $tmp/answer has what the token may do, by path. The client has no such command.
pbs_rights() { pbs_api GET "$pbs_root/access/permissions"; }

# pbs_opinion NAMESPACE GROUP QUERY KEEP: $tmp/answer has what the server itself would keep of the group by KEEP,
# such as keep-last=3&keep-daily=7: a dry run. 4 if it has no such call, as a server that isn't Proxmox's.
pbs_opinion() {
    local status=0
    if $pbs_curl; then
        pbs_api POST "$pbs_url/prune" "$3${4:+&$4}&dry-run=1" || status=$?
        [[ $pbs_status != 501 && $pbs_status != 404 && $pbs_status != 405 ]] || status=4
    else
        local -a keep
        read -ra keep <<<"${4:+--${4//&/ --}}"
        pbs_ask prune "$2" --ns "$1" "${keep[@]}" --dry-run true --output-format json || status=$?
    fi
    ((status == 0)) || [[ $pbs_message != *[Nn]"ot implemented"* ]] || status=4
    return "$status"
}

# pbs_zone: sets `zone`, the one in which the server counts days, or nothing where it can't be known. What it is called
# must be what its clock goes by: the server keeps the zone that it was started in.
pbs_zone() {
    local time offset theirs seconds
    zone=""
    $pbs_curl && pbs_api GET "$pbs_root/nodes/localhost/time" || return 0
    IFS=' ' read -r zone time theirs < <(jq -r '.data | "\(.timezone) \(.time) \(.localtime - .time)"' "$tmp/answer" 2>/dev/null) || true
    [[ $zone =~ ^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$ && $time =~ ^[0-9]+$ && $theirs =~ ^-?[0-9]+$ ]] || { zone="" && return; }
    offset=$(TZ=$zone date -d "@$time" +%z)
    seconds=$((10#${offset:1:2} * 3600 + 10#${offset:3:2} * 60))
    [[ $offset != -* ]] || seconds=$((-seconds))
    ((seconds == theirs)) || zone=""
}
