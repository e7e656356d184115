# Proxmox Backup Server through proxmox-backup-client; through curl where that isn't installed,
# or a CA file is given, which the client can't take. Sourced after call.bash and https.bash; needs `tmp`.

# pbs_open: PBS_REPOSITORY, PBS_PASSWORD (or its _FILE) and PBS_FINGERPRINT as the client has them. Sets `store`.
pbs_open() {
    local where=${PBS_REPOSITORY-} user=root@pam password url word='[^][:space:]/:@!]+'
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
    [[ ! ${opt[ca-cert]-} ]] && ! on insecure && have proxmox-backup-client && return
    [[ $where ]] || where=localhost
    [[ $where =~ :[0-9]+$ ]] || where+=:8007
    endpoint "the host of PBS_REPOSITORY" "https://$where"
    [[ $user == *!* ]] || fail 2 "$user is no API token (user@realm!token), and curl can't log in as a user"
    password=$(secret PBS_PASSWORD)
    [[ $password ]] || fail 2 "neither PBS_PASSWORD nor PBS_PASSWORD_FILE has the token's secret"
    pbs_url=$url/api2/json/admin/datastore/$store
    # The server decodes percent signs in it. jq gets it through a pipe, as all users can see arguments.
    https_open "$pbs_url" "Authorization: PBSAPIToken=$user:$(printf '%s' "$password" | jq -sRr @uri)"
    pbs_curl=true
}

# pbs_api METHOD PATH: the answer in $tmp/answer; 1 and the reason in pbs_message if it is a
# refusal (HTTP 4xx), 3 if there is no sensible one. A Ctrl-C waits for it.
pbs_api() {
    local status code=0 why
    pbs_message=""
    status=$(
        trap '' INT
        https --request "$1" --output "$tmp/answer" --write-out '%{http_code}' --max-time 300 "$pbs_url/$2" 2>"$tmp/error"
    ) || code=$?
    if ((code)); then
        https_why "$code" "$tmp/answer"
        pbs_message=$why
        return 3
    fi
    [[ $status != 200 ]] || return 0
    pbs_message="HTTP $status $(head -c 500 "$tmp/answer" | tr '\n' ' ')"
    pbs_message=${pbs_message% }
    [[ $status == 4?? ]] && return 1
    return 3
}

# pbs_client COMMAND...: as pbs_api, by the client. It says no more than that it failed: it was a
# refusal if the server still answers.
pbs_client() {
    pbs_message=""
    (trap '' INT && bounded 32768 proxmox-backup-client "$@" >"$tmp/answer" 2>"$tmp/error") && return
    pbs_message=$(grep -v '^$' "$tmp/error" | tail -n 1)
    (trap '' INT && exec proxmox-backup-client namespace list --output-format json >"$tmp/probe" 2>&1) && return 1
    return 3
}

# pbs_namespaces: $tmp/answer has their list.
pbs_namespaces() {
    if $pbs_curl; then pbs_api GET namespace; else pbs_client namespace list --output-format json; fi
}

# pbs_snapshots NAMESPACE [GROUP QUERY]: $tmp/answer has the list of all, or of the group's.
pbs_snapshots() {
    if $pbs_curl; then
        pbs_api GET "snapshots?${3:-ns=$(printf '%s' "$1" | jq -sRr @uri)}"
    else
        pbs_client snapshot list ${2:+"$2"} ${1:+--ns "$1"} --output-format json
    fi
}

# pbs_unchanged NAMESPACE GROUP QUERY: 0 if the group is as it is in $tmp/list; else pbs_message says what
# is wrong, and it is 1, or 3 if there is no sensible answer.
pbs_unchanged() {
    local file status=0
    pbs_snapshots "$@" || status=$?
    ((status != 1)) || pbs_message="can't be read again: $pbs_message"
    ((status == 0)) || return "$status"
    for file in list answer; do
        jq -nc -L "$lib" --arg ns "$1" --arg group "$2" -f "$lib/state.jq" <"$tmp/$file" >"$tmp/$file.state"
    done
    cmp -s "$tmp/list.state" "$tmp/answer.state" || pbs_message="is not as it was when this was planned"
    [[ ! $pbs_message ]]
}

# pbs_forget NAMESPACE SNAPSHOT QUERY: removes one.
pbs_forget() {
    if $pbs_curl; then pbs_api DELETE "snapshots?$3"; else pbs_client snapshot forget "$2" ${1:+--ns "$1"}; fi
}
