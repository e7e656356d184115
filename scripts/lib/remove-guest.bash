# deprovision --apply: guests that are destroyed before their addresses are given back. Sourced after call.bash and site.bash;
# needs `removal` and `removing`, the options that are for this alone. Sets `code`, the exit code.

code=0 cut=""
worse() { (($1 <= code)) || code=$1; }

# remove_called: refuses what doesn't go together, and sets `reach`, how pvx-migrate reaches the cluster.
remove_called() {
    local name
    reach=()
    if ! on apply; then
        for name in "${removal[@]}" "${removing[@]}"; do [[ ! ${opt[$name]-} || ${opt[$name]} == false ]] || fail 2 "--$name is for --apply"; done
        return 0
    fi
    tools pvx-migrate
    need flock "apt-get install util-linux"
    # What is under way comes to its end, and nothing new is begun.
    trap 'cut=yes' INT TERM HUP
    [[ ! ${opt[guests]-} ]] || fail 2 "--guests is not for --apply, which reads the cluster itself (or --state FILE)"
    if on no-backup-needed; then
        for name in snapshots ns backup-within pbs-ca-cert; do [[ ! ${opt[$name]-} ]] || fail 2 "--$name: no backup is needed (--no-backup-needed)"; done
    elif [[ ${opt[snapshots]-} ]]; then
        for name in ns pbs-ca-cert; do [[ ! ${opt[$name]-} ]] || fail 2 "--$name is for PBS_REPOSITORY, not for --snapshots FILE"; done
    fi
    for name in ca-cert fingerprint; do [[ ! ${opt[$name]-} ]] || reach+=("--$name" "${opt[$name]}"); done
    ! on insecure || reach+=(--insecure)
    # Read once, as they are, and not by `policy`: they may be pipes.
    given_state=${opt[state]-} given_snapshots=${opt[snapshots]-}
    opt[state]="" opt[snapshots]=""
}

# remove_requests: as `requests`, for as many names as are given.
remove_requests() {
    ((${#words[@]} > 1)) || { requests && return; }
    jq -nc '$ARGS.positional[] | {name: .}' --args -- "${words[@]}" >"$tmp/requests"
    judged "$tmp/requests" requests
}

# remove_guests: all of $tmp/numbered, a record each on stdout. What was cut off is brought to its end first, so that the
# cluster is read when nothing is under way. What decides is never asked in a condition: a jq that is killed there would
# answer, too.
remove_guests() {
    local line vmids
    umask 077
    mark ipam
    trap 'rm -rf -- "$tmp"; [[ ! $cut ]] || exit 3' EXIT
    not_cut
    for line in busy stuck lines foreign notes known; do : >"$tmp/$line"; done
    has_dns=$(jq -r '(.dns // []) | length > 0' "$site")
    vmids=$(jq -r 'select(.error == null or .error.code == "no-address") | .vmid | select(type == "number")' "$tmp/numbered")
    hold "$vmids"
    mark settle
    remove_state
    who
    vmids=$(jq -r 'select(.do == "remove") | .guest.vmid' "$tmp/going")
    hold "$vmids" # those that the IPAM doesn't know
    unowned
    foreign
    who
    vmids=$(jq -r 'select(.do == "remove") | .guest.vmid' "$tmp/going")
    if [[ $vmids ]]; then
        backups
        plan "$vmids"
    fi
    filter requests remove-guest-begin -n <"$tmp/going" >"$tmp/begin"
    not_cut
    while IFS= read -r line <&4; do one "$line"; done 4<"$tmp/begin"
    trap - INT TERM HUP
    [[ ! $cut ]] || worse 3
}

not_cut() { [[ ! $cut ]] || fail 3 "it was told to stop: nothing is begun"; }

# unowned: $tmp/known, what the IPAM has, if a guest is to go of which it has no address.
unowned() {
    jq -es 'any(.[]; .do == "remove" and .record.address == null)' "$tmp/going" >/dev/null || return 0
    run ipalloc list "${ipam[@]}" >"$tmp/owners"
    run vmid encode --site "$site_file" <"$tmp/owners" >"$tmp/known"
}

# foreign: $tmp/foreign, the journals that are no journals, or of another cluster.
foreign() {
    local vmid
    for vmid in "${!held[@]}"; do
        [[ $vmid =~ ^[0-9]+$ && -s ${held[$vmid]} ]] || continue
        jq -nRc --slurpfile state "$tmp/state" --argjson vmid "$vmid" --arg journal "${held[$vmid]}" '[inputs | fromjson? | objects | .cluster | strings] as $all
            | $state[0].cluster.name as $here
            | if $all == [] then {$vmid, $journal} elif any($all[]; . != $here) then {$vmid, $journal, cluster: ([$all[] | select(. != $here)] | last)} else empty end' \
            "${held[$vmid]}" >>"$tmp/foreign" || fail 3 "${held[$vmid]}: it can't be read"
    done
}

# note VMID JSON: what is to be remembered of a removal, beside its journal; on a line of its own, whatever was cut off before.
note() {
    local journal line
    journal "$1"
    line=$(jq -nc --argjson vmid "$1" --argjson said "$2" --slurpfile state "$tmp/state" '{vmid: $vmid, cluster: $state[0].cluster.name} + $said')
    printf '\n%s\n' "$line" >>"$journal.notes" || fail 3 "$journal.notes: it can't be written"
}

# who: $tmp/going, what is to be done for each record, and the guest it is about.
who() {
    filter requests remove-guest-who -n --slurpfile site "$site" --slurpfile state "$tmp/state" --slurpfile named "$tmp/named" --slurpfile lines "$tmp/lines" \
        --slurpfile foreign "$tmp/foreign" --slurpfile notes "$tmp/notes" --slurpfile owners "$tmp/known" --slurpfile busy "$tmp/busy" --slurpfile stuck "$tmp/stuck" --argjson force "${opt[force]-false}" <"$tmp/numbered" >"$tmp/going"
}

# journal VMID: sets `journal`.
journal() { journal=${opt[journal]:-${XDG_STATE_HOME:-${HOME:?}/.local/state}/pvx/remove-$1.jsonl}; }

# hold VMIDS: one deprovision at a time for each; what an earlier one has begun is brought to its end. A journal's last line
# of each guest goes to $tmp/lines, those that another holds to $tmp/busy.
declare -A held=()
hold() {
    local vmid lock journal vmids
    mapfile -t vmids <<<"$1"
    for vmid in "${vmids[@]}"; do
        [[ $vmid =~ ^[1-9][0-9]{2,8}$ && ! ${held[$vmid]-} ]] || continue
        journal "$vmid"
        if [[ -e $journal ]]; then
            [[ -f $journal ]] || fail 2 "$journal: it is no file that can be a journal"
            [[ -r $journal ]] || fail 3 "$journal: it can't be read"
        fi
        held[$vmid]=$journal
        if ! on dry-run && [[ ! ${held[$journal]-} ]]; then
            if ! { mkdir -p -- "$(dirname -- "$journal")" && exec {lock}>>"$journal.lock"; } 2>/dev/null; then fail 3 "$journal: it can't be written"; fi
            flock -n "$lock" || { printf '%s\n' "$vmid" >>"$tmp/busy" && continue; }
            held[$journal]=$lock # one file may be the journal of several guests
        fi
        settle "$vmid"
    done
}

# settle VMID: follows what was asked for and has no end in the journal. What it can't settle goes to $tmp/stuck.
settle() {
    local status=0 phase
    [[ ! -s $journal.notes ]] || jq -nRc 'inputs | fromjson? | objects' "$journal.notes" >>"$tmp/notes" || fail 3 "$journal.notes: it can't be read"
    [[ -s $journal ]] || return 0
    last_line "$1" >"$tmp/line"
    phase=$(jq -r .phase "$tmp/line")
    if ! on dry-run && [[ $phase == requested || $phase == task ]]; then
        pvx-migrate run --journal "$journal" "${reach[@]}" </dev/null >"$tmp/settled" 2>"$tmp/said" || status=$?
        if ((status > 1)); then
            cat -- "$tmp/said" >&2
            worse "$status"
            jq -ec --argjson vmid "$1" 'select(.vmid == $vmid and .error) | {vmid, error}' "$tmp/settled" >>"$tmp/stuck" || exit "$status"
        fi
        last_line "$1" >"$tmp/line"
    fi
    cat -- "$tmp/line" >>"$tmp/lines"
}

# last_line VMID: of its removals in the journal; the last line of a file may be cut off.
last_line() {
    jq -nRc --argjson vmid "$1" '[inputs | fromjson? | objects | select(.vmid == $vmid and .action == "destroy")] | last // empty' "$journal" 2>/dev/null ||
        fail 3 "$journal: it can't be read"
}

# remove_state: $tmp/state.
remove_state() {
    if [[ $given_state ]]; then
        cat -- "$given_state" >"$tmp/state" 2>/dev/null || fail 2 "$given_state: can't be read"
        jq -es 'length == 1 and (.[0] | type == "object" and has("version") and (.guests | type) == "array")' "$tmp/state" >/dev/null 2>&1 ||
            fail 2 "$given_state: it is no state document (pvx-migrate state --content)"
    else
        pvx-migrate state --content "${reach[@]}" >"$tmp/state" || exit
    fi
    if [[ $given_state ]]; then
        pvx-migrate state "${reach[@]}" >"$tmp/live" || exit
        jq -ne --slurpfile state "$tmp/state" --slurpfile live "$tmp/live" '$state[0].cluster.name == $live[0].cluster.name' >/dev/null ||
            fail 2 "$given_state: it is of another cluster than $(jq -r .cluster.name "$tmp/live")"
    fi
    mark state
}

# backups: sets `way`, plan's options for the way back.
backups() {
    way=(--no-backup-needed)
    on no-backup-needed && return
    way=(--snapshots "$tmp/list")
    [[ ! ${opt[backup-within]-} ]] || way+=(--backup-within "${opt[backup-within]}")
    if [[ $given_snapshots ]]; then
        cat -- "$given_snapshots" >"$tmp/list" 2>/dev/null || fail 2 "$given_snapshots: can't be read"
        echo '{"source":"pbs","namespaces":[""]}' >"$tmp/list-rights" # nobody knows what its token could see
    elif [[ ${PBS_REPOSITORY-} ]]; then
        (pbs_list) # its variables and the server's trust are not the cluster's
    else
        fail 2 "no list of backups: PBS_REPOSITORY is not set; or --snapshots FILE, or --no-backup-needed"
    fi
    mark backups
}

pbs_list() {
    local part
    # shellcheck disable=SC2034 # read by what is sourced here
    local only=() store pbs_curl
    for part in https pbs gather trace; do
        # shellcheck source=/dev/null
        . "$lib/$part.bash"
    done
    opt["ca-cert"]=${opt[pbs-ca-cert]-} opt["fingerprint"]="" opt["insecure"]=false
    # shellcheck disable=SC2034
    case ${opt[ns]-} in
    '') ;;
    /) only=("") ;;
    *) only=("${opt[ns]}") ;;
    esac
    pbs_open
    gather
    trace_rights >"$tmp/list-rights"
}

# plan VMIDS: what plan remove says of the guests, as a table on stderr, and in $tmp/going.
plan() {
    local name status=0 vmids terms=("${way[@]}" --site "$site_file")
    for name in stop purge whole-pair; do ! on "$name" || terms+=("--$name"); done
    mapfile -t vmids <<<"$1"
    pvx-migrate plan remove "${vmids[@]}" "${terms[@]}" <"$tmp/state" >"$tmp/plan" || status=$?
    ((status < 2)) || exit "$status"
    pvx-migrate plan remove "${vmids[@]}" "${terms[@]}" --format table <"$tmp/state" >&2 2>/dev/null || true
    filter plan remove-guest-plan -n --slurpfile site "$site" --slurpfile plan "$tmp/plan" --argjson accept "${opt[accept-unsure]-false}" <"$tmp/going" >"$tmp/decided"
    mv -- "$tmp/decided" "$tmp/going"
    mark plan
}

# one GOING: destroys the guest, gives the address back, tells the name servers, and prints the record.
one() {
    local name act list=/dev/null gone=false told=0 spent_json
    [[ ! -e $tmp/list ]] || list=$tmp/list
    for name in destroy address names; do spent["$name"]=0; done
    for name in ran released published; do : >"$tmp/$name"; done
    printf '%s\n' "$1" >"$tmp/one"
    act=$(jq -r .act "$tmp/one")
    if [[ $cut && $act != none ]]; then
        act=none
        jq -c '.record.error = {code: "not-begun", message: "not begun: it was stopped before"}' "$tmp/one" >"$tmp/cut"
        mv -- "$tmp/cut" "$tmp/one"
    fi
    mark rest
    case $act in
    remove) destroy ;;
    retire | nothing) gone=true ;;
    none) ;;
    *) fail 3 "what is to be done is not known: '$act'" ;;
    esac
    if $gone && [[ $act == retire ]]; then last_look; fi
    if $gone; then
        if [[ $act == nothing ]]; then owe never; else owe now && address; fi
        names
    fi
    spent_json=$(for name in ipam settle state backups plan destroy address names; do printf '{"%s":%d}\n' "$name" "${spent[$name]-0}"; done | jq -sc add)
    traced "$list" "$gone"
    filter "$tmp" remove-guest-record --slurpfile traces "$tmp/traces" --slurpfile site "$site" --slurpfile ran "$tmp/ran" --slurpfile released "$tmp/released" \
        --slurpfile published "$tmp/published" --argjson looked "$([[ $list == /dev/null ]] && echo false || echo true)" \
        --argjson gone "$gone" --argjson told "$told" --argjson dry "${opt[dry-run]-false}" --argjson now "${opt[now]-false}" --argjson spent "$spent_json" <"$tmp/one" >"$tmp/record"
    cat -- "$tmp/record" || fail 3 "the records could not be printed"
    tell record <"$tmp/record"
    jq -e 'has("error") and .error != null | not' "$tmp/record" >/dev/null || worse 1
}

# traced LIST GONE: $tmp/traces, where the ID of $tmp/one is still remembered, by what was read before and without what went with the guest.
traced() {
    local vmid status
    : >"$tmp/traces"
    vmid=$(jq -r '.guest.vmid // .record.vmid // empty' "$tmp/one")
    [[ $vmid ]] && $2 || return 0
    [[ -e $tmp/list-rights ]] || : >"$tmp/list-rights"
    # The guest is gone by now: what fails here is told in its record.
    set +e # not in a condition, where no failure would end it
    (set -e && left "$vmid" "$1") 2>"$tmp/said"
    status=$?
    set -e
    ((status > 1)) || return 0
    cat -- "$tmp/said" >&2
    jq -Rsc '{trace: "unseen", where: "what still remembers the ID", why: (split("\n")[0] // "" | .[:200])}' "$tmp/said" >"$tmp/traces" || fail 3 "$tmp: it can't be written"
}

# left VMID LIST: looks for it.
left() {
    filter "$tmp" remove-guest-left --slurpfile state "$tmp/state" --slurpfile list "$2" --slurpfile rights "$tmp/list-rights" --slurpfile site "$site" \
        --argjson vmid "$1" <"$tmp/one" >"$tmp/left"
    vmid trace --without backup-group,acl,ipam,journal "$1" <"$tmp/left" >"$tmp/traces"
}

# destroy: the guest of $tmp/one. Sets `gone`, by run's own word.
destroy() {
    local status=0 vmid journal how
    jq -c .step "$tmp/one" >"$tmp/step"
    vmid=$(jq -r .guest.vmid "$tmp/one")
    journal "$vmid"
    how=(--journal "$journal")
    ! on dry-run || how=(--dry-run)
    pvx-migrate run "${how[@]}" "${reach[@]}" <"$tmp/step" >"$tmp/answers" || status=$?
    mark destroy
    # Its last line may be cut off.
    jq -nRc --argjson vmid "$vmid" '[inputs | fromjson? | objects | select(.vmid == $vmid and (.action == "destroy" or .error))] | last // empty' "$tmp/answers" >"$tmp/ran"
    [[ -s $tmp/ran ]] ||
        jq -nc --argjson status "$status" '{error: {code: "run", message: "pvx-migrate run ended with \($status) and no record; the same call goes on"}}' >"$tmp/ran"
    jq -c --arg vmid "$vmid" 'if (.error.message // "" | test("detected modified configuration"))
        then .error.message |= "\($vmid) is changed or removed by somebody else at this moment: \(.)" else . end' "$tmp/ran" >"$tmp/told"
    mv -- "$tmp/told" "$tmp/ran"
    gone=$(jq --argjson dry "${opt[dry-run]-false}" '.error == null and .action == "destroy" and (.phase == "verified" or $dry)' "$tmp/ran")
    ((status <= 3)) || status=3
    worse "$status"
}

# last_look: sets `gone`, which a guest is not that the cluster has now: the state may be an earlier one.
last_look() {
    local status=0
    pvx-migrate state "${reach[@]}" >"$tmp/live" || status=$?
    jq -c -L "$lib" --slurpfile site "$site" --slurpfile state "$tmp/state" --slurpfile live "$tmp/live" --argjson status "$status" -f "$lib/remove-guest-look.jq" "$tmp/one" >"$tmp/looked" ||
        fail 3 "what the cluster has now could not be compared"
    mv -- "$tmp/looked" "$tmp/one"
    gone=$(jq '.record.error == null' "$tmp/one")
    ((status == 0)) || worse 3
}

# address: gives it back, if there is one. The guest is gone, so what fails is told, and the same call goes on.
address() {
    local status=0 held
    held=$(jq -r '.record.address // empty' "$tmp/one")
    [[ $held ]] || return 0
    if on dry-run; then
        jq -c .record "$tmp/one" >"$tmp/released"
    else
        jq -c '.record | del(.dry_run)' "$tmp/one" >"$tmp/leaving"
        (trap '' INT TERM HUP && exec ipalloc release "${ipam[@]}" "${retire[@]}") <"$tmp/leaving" >"$tmp/released" || status=$?
        [[ -s $tmp/released ]] || jq -c --argjson status "$status" \
            '.changed = false | .error = {code: "address-held", message: "its address \(.address) is still held: ipalloc ended with \($status); the same call gives it back"}' "$tmp/leaving" >"$tmp/released"
        ((status <= 3)) || status=3
        worse "$status"
        given_back
    fi
    mark address
}

# given_back: writes it down, so that the journal doesn't give back the address of a guest that is made again.
given_back() {
    local vmid journal
    vmid=$(jq -r '.guest.vmid // .record.vmid // empty' "$tmp/one")
    [[ $vmid ]] && jq -e '.error == null' "$tmp/released" >/dev/null || return 0
    journal "$vmid"
    [[ -s $journal ]] || return 0
    last_line "$vmid" >"$tmp/line"
    [[ ! -s $tmp/line ]] || note "$vmid" "$(jq '{given_back: .at}' "$tmp/line")"
}

# owe: the name servers are to be told, from before the address is given back until they are. Another call pays, too.
owe() {
    owed=${XDG_STATE_HOME:-${HOME:?}/.local/state}/pvx/names-owed
    if ! on dry-run && $has_dns && [[ $1 == now ]]; then
        { mkdir -p -- "$(dirname -- "$owed")" && : >>"$owed"; } 2>/dev/null || fail 3 "$owed: it can't be written"
    fi
}

# names: the site's name servers are told of what the IPAM has now, if it has changed.
names() {
    local changed
    $has_dns || return 0
    changed=$(jq -s 'any(.[]; .changed == true)' "$tmp/ran" "$tmp/released")
    if on dry-run; then
        changed=$(jq '.act == "remove" or .act == "retire"' "$tmp/one")
        ! $changed || say "the site's name servers would be told: $(jq -r '[(.dns | if type == "object" then .servers else . end)[]?.name] | join(", ")' "$site")"
        return 0
    fi
    $changed || [[ -e $owed ]] || return 0
    "$here/publish-names" --apply --site "$site_file" "${ipam[@]}" ${opt[identity]:+--identity "${opt[identity]}"} \
        --gone "$(jq -r '.record.name // ""' "$tmp/one")" >"$tmp/servers-said" || told=$?
    # Its last line may be cut off.
    jq -nRc 'inputs | fromjson? | objects' "$tmp/servers-said" >"$tmp/published"
    ((told > 0)) || rm -f -- "$owed"
    worse "$((told > 1 ? 3 : told))"
    mark names
}
