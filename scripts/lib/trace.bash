# What may remember a guest ID, each list as records that 'vmid trace' reads, in $tmp/gathered. Sourced after call.bash,
# site.bash, https.bash and pve.bash; needs `tmp` and `words`, the IDs that are asked for.

# gathered SOURCE: adds records of standard input, as those of that source.
gathered() { filter "$1" trace-source --arg source "$1" >>"$tmp/gathered"; }

# unseen SOURCE LIST WHY: says that a list could not be read.
unseen() { jq -nc --arg of "$1" --arg list "$2" --arg why "$3" '{source: "unseen"} + $ARGS.named' >>"$tmp/gathered" || fail 3 "$tmp: it can't be written"; }

# looked SOURCE: it was looked at, and may have nothing. What no record comes of is unseen.
looked() { printf '{"source":"%s","entries":[]}\n' "$1" >>"$tmp/gathered" || fail 3 "$tmp: it can't be written"; }

trace_site() {
    [[ ${opt[site]:-${PVX_SITE-}} ]] || return 0
    read_site
    gathered site <"$site"
}

# trace_state: the guests first, so that what belongs to them is known for theirs as it goes by.
trace_state() {
    local reach=() name
    if [[ ${opt[state]-} ]]; then
        cat -- "${opt[state]}" >"$tmp/state" 2>/dev/null || fail 2 "${opt[state]}: can't be read"
        jq -es 'length == 1 and (.[0] | type == "object" and has("version") and (.guests | type) == "array")' "$tmp/state" >/dev/null 2>&1 ||
            fail 2 "${opt[state]}: it is no state document (pvx-migrate state --content)"
    else
        tools pvx-migrate
        for name in ca-cert fingerprint; do [[ ! ${opt[$name]-} ]] || reach+=("--$name" "${opt[$name]}"); done
        ! on insecure || reach+=(--insecure)
        # What the token may not see is told by vmid, with the ID that it matters to.
        pvx-migrate state --content "${reach[@]}" >"$tmp/state" 2>"$tmp/said" || { code=$? && cat -- "$tmp/said" >&2 && exit "$code"; }
        grep -v '^pvx-migrate: warning: the token lacks ' "$tmp/said" >&2 || true
    fi
    cat -- "$tmp/state" >>"$tmp/gathered" || fail 3 "$tmp: it can't be written"
}

# trace_access: the entries of the access tree; not with --state, whose cluster isn't asked.
trace_access() {
    local why=""
    [[ ! ${opt[state]-} ]] || return 0
    pve_open
    if pve_records /access/acl "$tmp/acl"; then
        jq -sc '{source: "acl", entries: .}' "$tmp/acl" >>"$tmp/gathered" || fail 3 "$tmp: it can't be written"
    else
        unseen acl "the entries of the access tree" "$why"
    fi
}

# trace_backups: the groups of all namespaces, and the names that the backups of the IDs had.
trace_backups() {
    local status
    if [[ ! ${PBS_REPOSITORY-} ]]; then
        jq '(.storages | type) != "array" or any(.storages[]; .type == "pbs")' "$tmp/state" >"$tmp/has-pbs" || fail 3 "$tmp: it can't be written"
        [[ $(<"$tmp/has-pbs") == false ]] || { unseen backup-group "the backups of Proxmox Backup Server" "PBS_REPOSITORY names none to ask" && return 0; }
        looked backup-group
        return 0
    fi
    set +e # not in a condition, where no failure would end it
    (set -e && trace_groups) >>"$tmp/gathered" # its variables and the server's trust are not the cluster's
    status=$?
    set -e
    ((status != 1)) || status=3 # 1 is an answer
    ((status == 0)) || exit "$status"
}

trace_groups() {
    local ns store pbs_curl type id part
    for part in pbs prune gather; do
        # shellcheck source=/dev/null
        . "$lib/$part.bash"
    done
    opt["ca-cert"]=${opt[pbs-ca-cert]-} opt["fingerprint"]="" opt["insecure"]=false
    # A token is asked by curl, which has the rights, too.
    [[ ${PBS_REPOSITORY%@*} != *!* ]] || opt["server-jobs"]=true
    pbs_open
    ask pbs_namespaces
    filter "$store" namespaces -r --arg depth "" --argjson only '[]' <"$tmp/answer" >"$tmp/namespaces"
    trace_rights
    while IFS= read -r ns; do
        ask pbs_groups "$ns"
        filter "the groups of '$ns'" trace-groups --arg store "$store" --arg ns "$ns" <"$tmp/answer" >"$tmp/groups"
        cat -- "$tmp/groups"
        jq -r '.["backup-id"] as $id | select(any($ARGS.positional[]; . == $id)) | "\(.["backup-type"])/\($id)"' "$tmp/groups" --args -- "${words[@]}" >"$tmp/named"
        while IFS=/ read -r type id; do
            ask pbs_snapshots "$ns" "$type/$id" "ns=$(printf '%s' "$ns" | jq -sRr @uri)&backup-type=$type&backup-id=$id"
            filter "the backups of $type/$id" trace-groups --arg store "$store" --arg ns "$ns" <"$tmp/answer"
        done <"$tmp/named"
    done <"$tmp/namespaces"
}

# trace_rights: what the user of PBS may see in the namespaces of $tmp/namespaces, as a record for 'vmid trace'. Root
# sees everything; the client doesn't tell what others may. Called after pbs_open.
trace_rights() {
    local user=${PBS_REPOSITORY%@*}
    [[ $user == *@* && $user != "$PBS_REPOSITORY" ]] || user=root@pam
    echo null >"$tmp/rights"
    if $pbs_curl && pbs_rights; then filter "the rights in $store" trace-rights <"$tmp/answer" >"$tmp/rights"; fi
    jq -Rsc --arg store "$store" --arg user "$user" --slurpfile rights "$tmp/rights" \
        '{source: "pbs", $store, $user, namespaces: (rtrimstr("\n") | split("\n") | if . == [] then [""] else . end)} + if $rights[0] then {permissions: $rights[0]} else {} end' "$tmp/namespaces"
}

# trace_addresses: those of the IPAM, with the ID of each.
trace_addresses() {
    local ipam=()
    if [[ ${opt[ipam]-} ]]; then
        ipam=(--ipam "${opt[ipam]}")
    elif [[ ! ${NETBOX_URL:-${NETBOX_API-}} ]]; then
        return 0
    fi
    [[ ${site_file-} ]] || fail 2 "the IPAM's addresses are IDs by the site alone: --site FILE or PVX_SITE"
    tools ipalloc
    run ipalloc list "${ipam[@]}" >"$tmp/listed"
    run vmid encode --site "$site_file" <"$tmp/listed" >"$tmp/encoded"
    looked ipam
    jq -c 'select(.error | not)' "$tmp/encoded" | gathered ipam # what is outside the scheme is nobody's ID
}

# trace_journals: what pvx-migrate run wrote down; a last line may be cut off.
trace_journals() {
    local folder=${opt[journals]:-${XDG_STATE_HOME:-${HOME:-/nowhere}/.local/state}/pvx} file
    [[ ! ${opt[journals]-} || -d $folder ]] || fail 2 "$folder: it is no folder"
    if [[ -e $folder && ! (-d $folder && -r $folder && -x $folder) ]]; then
        unseen journal "the journals in $folder" "the folder can't be read"
        return 0
    fi
    looked journal
    for file in "$folder"/*.jsonl; do
        [[ -f $file ]] || continue
        jq -Rc --arg file "${file##*/}" 'fromjson? | objects | select(.vmid and .phase) | {source: "journal", $file} + with_entries(select(.key | IN("vmid", "name", "at", "action", "phase")))' \
            "$file" >>"$tmp/gathered" 2>/dev/null || unseen journal "the journal ${file##*/}" "it can't be read"
    done
}
