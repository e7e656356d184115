# What backup-coverage gathers: the state of the cluster, and the lists of snapshots. Sourced after call.bash, https.bash,
# pbs.bash and site.bash; needs `tmp`.

# content: whether the storages of the cluster are looked at.
content() { on content || [[ ! ${PBS_REPOSITORY-}${opt[snapshots]-} ]]; }

# state: the cluster as pvx-migrate state prints it, in $tmp/state.
state() {
    local name reach=()
    if [[ ${opt[state]-} ]]; then
        cat -- "${opt[state]}" >"$tmp/state" 2>/dev/null || fail 2 "${opt[state]}: can't be read"
        jq -es 'length == 1 and (.[0] | type == "object" and has("version") and (.guests | type) == "array")' "$tmp/state" >/dev/null 2>&1 ||
            fail 2 "${opt[state]}: this is not what pvx-migrate state prints"
        return
    fi
    for name in ca-cert fingerprint; do [[ ! ${opt[$name]-} ]] || reach+=("--$name" "${opt[$name]}"); done
    ! on insecure || reach+=(--insecure)
    ! content || reach+=(--content)
    # What it says of rights that are missing is for who moves guests; what is missing here is told by findings.
    run told_if_failed pvx-migrate state "${reach[@]}" >"$tmp/state"
}
told_if_failed() {
    local code=0
    "$@" 2>"$tmp/told" || code=$?
    ((code < 2)) || cat -- "$tmp/told" >&2
    return "$code"
}

# backups: all lists, one after the other.
backups() {
    local pbs=false
    [[ ! ${PBS_REPOSITORY-} ]] || pbs=true
    if content; then filter "the contents of the storages" coverage-content --argjson pbs "$pbs" <"$tmp/state"; fi
    if [[ ${opt[snapshots]-} ]]; then
        cat -- "${opt[snapshots]}" >"$tmp/more" 2>/dev/null || fail 2 "${opt[snapshots]}: can't be read"
        something "$tmp/more" || fail 2 "${opt[snapshots]}: it is empty: no list of snapshots ([] if there is none)"
        cat -- "$tmp/more"
    fi
    if $pbs; then server; fi
}

# something FILE: there is more in it than blanks. A list of nothing is [], an empty file is what a call that failed leaves.
something() { grep -q '[^[:space:]]' "$1"; }

# server: the snapshots of the datastores of PBS_REPOSITORY's server.
server() {
    local name names=()
    # --fingerprint is the cluster's; a CA file may have both.
    opt[fingerprint]=${PBS_FINGERPRINT-} pbs_token=true
    pbs_open
    IFS=, read -ra names <<<"${opt[datastore]:-$store}"
    for name in "${names[@]}"; do
        [[ $name =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || fail 2 "'$name' is no name of a datastore"
        store=$name pbs_url=$pbs_root/admin/datastore/$name
        datastore
    done
}

# kept_list: the list for others to read: without the word of where was looked, which is for pbsprune cover.
kept_list() {
    if grep -q -v '^{"looked":' "$tmp/list"; then sed '/^{"looked":/d' "$tmp/list"; else echo '[]'; fi
}

# datastore: the snapshots of `store` in all its namespaces, or in those of --ns, and what isn't seen of it.
datastore() {
    local ns wanted="[]" status=0
    [[ ${opt[ns]-} ]] || rights
    pbs_namespaces || status=$?
    ((status != 1)) || { hidden "the snapshots of $store" "Datastore.Audit on /datastore/$store" "$pbs_message" && return; }
    ((status == 0)) || fail 3 "$store: $pbs_message"
    something "$tmp/answer" || fail 3 "$store: the list of its namespaces is empty: no answer"
    [[ ! ${opt[ns]-} ]] || wanted=$(jq -nc --arg ns "${opt[ns]}" '$ns | split(",")')
    filter "$store" namespaces -r --arg depth "" --argjson only "$wanted" <"$tmp/answer" >"$tmp/namespaces"
    jq -nc --arg store "$store" '{looked: {datastore: $store}}'
    while IFS= read -r ns; do
        status=0
        pbs_snapshots "$ns" || status=$?
        ((status != 1)) || { hidden "the snapshots of $store in '$ns'" "Datastore.Audit on /datastore/$store${ns:+/$ns}" "$pbs_message" && continue; }
        ((status == 0)) || fail 3 "$store: $pbs_message"
        something "$tmp/answer" || fail 3 "$store: the snapshots in '$ns' are an empty answer"
        [[ ! ${opt[ns]-} ]] || rights_in "$ns"
        filter "the snapshots of $store in '$ns'" snapshots --arg ns "$ns" <"$tmp/answer" >"$tmp/rows"
        jq -c --arg store "$store" '. + {datastore: $store}' "$tmp/rows"
    done <"$tmp/namespaces"
}

# What a token may do is told as privilege: whether it is handed down. Without Datastore.Audit the server leaves the groups of
# others out of its lists, and doesn't say so.
#
# rights: says what the token can't see of `store` and all its namespaces: the right must be handed down to all that is below.
rights() {
    local path=/datastore/$store
    rights_at "$path" "the snapshots of $store" || return 0
    pbs_rights || rights_failed "$?" "the snapshots of $store" "$path" || return 0
    jq -e --arg path "$path/" --slurpfile at "$tmp/rights" '
        $at + [.data // {} | to_entries[] | select(.key | startswith($path)) | .value]
        | all(.["Datastore.Audit"] | . == true or . == 1)' "$tmp/answer" >/dev/null 2>&1 ||
        hidden "the snapshots of $store" "Datastore.Audit on $path and all that is below it"
}

# rights_in NAMESPACE: says if the token can't see all of this one, whatever is below it.
rights_in() {
    local path=/datastore/$store${1:+/$1} list="the snapshots of $store in '$1'"
    cp -- "$tmp/answer" "$tmp/snapshots"
    if rights_at "$path" "$list"; then
        jq -e 'has("Datastore.Audit")' "$tmp/rights" >/dev/null || hidden "$list" "Datastore.Audit on $path"
    fi
    mv -- "$tmp/snapshots" "$tmp/answer"
}

# rights_at PATH LIST: $tmp/rights has what the token may do there; fails, and says so of LIST, if the server doesn't tell.
rights_at() {
    pbs_api GET "$pbs_root/access/permissions?path=$1" || rights_failed "$?" "$2" "$1" || return 1
    jq -c --arg path "$1" '(.data // {})[$path] | objects // {}' "$tmp/answer" >"$tmp/rights" 2>/dev/null || echo '{}' >"$tmp/rights"
    something "$tmp/rights" || echo '{}' >"$tmp/rights"
}

# rights_failed STATUS LIST PATH: after a call of pbs_api that failed; is false itself.
rights_failed() {
    (($1 <= 1)) || fail 3 "$store: $pbs_message"
    hidden "$2" "Datastore.Audit on $3, of which the server doesn't tell" "$pbs_message"
    return 1
}

# hidden LIST RIGHT [WHY]: the record of what isn't seen of `store`.
hidden() {
    jq -nc --arg list "$1" --arg right "$2" --arg why "${3-}" --arg storage "$store" \
        '{unseen: ({list: $list, right: $right, storage: $storage} + if $why == "" then {} else {why: $why} end)}'
}
