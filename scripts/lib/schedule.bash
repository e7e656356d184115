# What schedule-lint gathers: the jobs of a cluster and of a backup server, and how long they took. Sourced after call.bash,
# https.bash, pve.bash and pbs.bash; needs `tmp`.

since=$(($(date +%s) - 60 * 86400)) # of tasks
most_tasks=1000

# gather: the records of all that is named, one after the other.
gather() {
    local named=false file
    if [[ ${opt[state]-} ]]; then
        of_state
        named=true
    elif [[ ${PROXMOX_VE_ENDPOINT-}${PROXMOX_HOST-} ]] || have pvesh; then
        of_cluster
        named=true
    fi
    if [[ ${PBS_REPOSITORY-} ]]; then
        of_server
        named=true
    else
        say "PBS_REPOSITORY names no backup server: its jobs aren't looked at"
    fi
    if [[ ${opt[jobs]-} ]]; then
        file=${opt[jobs]}
        cat -- "$file" 2>/dev/null || fail 2 "$file: can't be read"
        named=true
    fi
    $named || fail 2 "nothing is named: PROXMOX_VE_ENDPOINT or --state, PBS_REPOSITORY, --jobs"
}

of_state() {
    cat -- "${opt[state]}" >"$tmp/state" 2>/dev/null || fail 2 "${opt[state]}: can't be read"
    jq -es 'length == 1 and (.[0] | type == "object" and has("version") and (.guests | type) == "array")' "$tmp/state" >/dev/null 2>&1 ||
        fail 2 "${opt[state]}: this is not what pvx-migrate state prints"
    filter "${opt[state]}" schedule-state <"$tmp/state"
    ! on tasks || beside_state
}
# beside_state: what a state document has not: datastores, time zones and tasks.
beside_state() {
    local why=""
    pve_open
    pve_list storage /storage
    jq -c '.[]? | {from: "pve-storage", storage, type, server, datastore}' "$tmp/list.storage"
    of_nodes
}

# of_cluster: what the token can't see is told by its rights, as Proxmox leaves it out of most lists without a word.
of_cluster() {
    local why=""
    pve_open
    echo null >"$tmp/rights"
    if [[ $pve ]]; then # pvesh is root's
        pve_ask /access/permissions || fail 3 "$why"
        jq -ce '.data | objects' "$tmp/answer" >"$tmp/rights" 2>/dev/null || fail 3 "$pve/access/permissions: its answer is none of the API's"
    fi
    pve_list backup /cluster/backup
    pve_list replication /cluster/replication
    pve_list storage /storage
    pve_list guests /cluster/resources
    filter "the cluster's jobs" schedule-pve -n --slurpfile rights "$tmp/rights" \
        --slurpfile backup "$tmp/list.backup" --slurpfile replication "$tmp/list.replication" --slurpfile storage "$tmp/list.storage" \
        --slurpfile guests "$tmp/list.guests"
    of_nodes
}

# of_nodes: of each node that is online its time zone and its backups.
of_nodes() {
    local name
    pve_list nodes /nodes
    while IFS= read -r name; do
        [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9-]*$ ]] || fail 2 "$pve/nodes: '$name' is no name of a node"
        of_node "$name"
    done < <(jq -r '.[]? | select(.status == null or .status == "online") | .node' "$tmp/list.nodes")
}

# pve_list NAME PATH: the records in $tmp/list.NAME, as an array; null if the token may not see it.
pve_list() {
    if pve_records "$2" "$tmp/records"; then
        jq -sc . "$tmp/records" >"$tmp/list.$1"
    elif refused; then
        echo null >"$tmp/list.$1"
    else
        fail 3 "$why"
    fi
}
# refused: `why` is that of a token without a right.
refused() { [[ $why == *": HTTP 403"* || $why == *"ermission check failed"* ]]; }

# of_node NODE: its time zone, and the backups that it made.
of_node() {
    if pve_ask "/nodes/$1/time"; then
        jq -ce --arg node "$1" '(.data // .) | {from: "pve-node", node: $node, timezone: (.timezone | strings)}' "$tmp/answer" 2>/dev/null ||
            fail 3 "$pve/nodes/$1/time: its answer is none of the API's"
    elif refused; then
        jq -nc --arg node "$1" '{from: "unseen", list: "the time zone of \($node)", right: "Sys.Audit on /nodes/\($node)"}, {from: "pve-node", node: $node}'
    else
        fail 3 "$why"
    fi
    # Of the tasks it shows its own to any token; those of the scheduler are root's.
    if pve_records "/nodes/$1/tasks" "$tmp/records" "typefilter=vzdump&since=$since&limit=$most_tasks"; then
        jq -c '. + {from: "pve-task"}' "$tmp/records"
    elif ! refused; then
        fail 3 "$why"
    fi
}

of_server() {
    local name names=() lists=() told=true
    # --fingerprint is the cluster's; a CA file may have both. Only a token gets at these lists.
    opt[fingerprint]=${PBS_FINGERPRINT-} pbs_token=true
    pbs_open
    IFS=, read -ra names <<<"${opt[datastore]:-$store}"
    for name in "${names[@]}"; do
        [[ $name =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || fail 2 "'$name' is no name of a datastore"
    done
    pbs_list rights "$pbs_root/access/permissions"
    pbs_zone
    for name in gc prune verify sync; do pbs_list "$name" "$pbs_root/admin/$name"; done
    if [[ $(<"$tmp/list.gc") == null ]]; then # servers before 3.3 have no list of garbage collections
        datastores
        told=false
    fi
    for name in garbage_collection prunejob verificationjob syncjob; do
        pbs_list "$name" "$pbs_root/nodes/localhost/tasks?typefilter=$name&since=$since&limit=$most_tasks"
        jq -c '.[]?' "$tmp/list.$name"
    done >"$tmp/tasks"
    jq -sc . "$tmp/tasks" >"$tmp/list.tasks"
    for name in gc prune verify sync tasks; do lists+=(--slurpfile "$name" "$tmp/list.$name"); done
    filter "the server's jobs" schedule-pbs -n --arg tz "$zone" --argjson told "$told" --slurpfile rights "$tmp/list.rights" \
        --argjson stores "$(printf '%s\n' "${names[@]}" | jq -Rnc '[inputs]')" "${lists[@]}"
}

# pbs_list NAME URL: the data of an answer in $tmp/list.NAME; null if the token may not see it, or the server has no such list.
pbs_list() {
    local status=0
    pbs_api GET "$2" || status=$?
    if ((status == 0)); then
        jq -c '.data | select(type == "array" or type == "object")' "$tmp/answer" >"$tmp/list.$1" 2>/dev/null || : >"$tmp/list.$1"
        [[ -s $tmp/list.$1 ]] || fail 3 "${2%%\?*}: its answer is none of the API's"
    elif [[ $pbs_status == 40[034] || $pbs_status == 501 ]]; then
        echo null >"$tmp/list.$1"
    else
        fail 3 "${2%%\?*}: $pbs_message"
    fi
}

# datastores: garbage collections as the configuration of the datastores has them.
datastores() {
    pbs_list gc "$pbs_root/config/datastore"
    jq -c 'if . == null then . else map({store: .name, schedule: .["gc-schedule"]}) end' "$tmp/list.gc" >"$tmp/records"
    mv -- "$tmp/records" "$tmp/list.gc"
}
