# What is to be known of a datastore before it is decided about: its zone, its namespaces, its snapshots.
# Sourced after call.bash, pbs.bash and prune.bash; needs `tmp`, `code`, `store`, `only` and `rules`.

ask() { "$@" || fail 3 "$store: $pbs_message"; }

# days: names the zone in which days begin, unless the rules do.
days() {
    local zone
    [[ " ${rules[*]}" != *" --tz"[\ =]* ]] || return 0
    if ! $pbs_curl; then
        say "days are those of this host, as proxmox-backup-client doesn't tell the server's zone; --tz names another"
        return
    fi
    pbs_zone
    [[ $zone ]] || fail 2 "the server's zone is not known (what it calls it isn't what its clock goes by, or it doesn't say): give --tz"
    rules+=(--tz "$zone")
}

# gather: the snapshots of all namespaces that are asked for, in $tmp/list.
gather() {
    local ns total=0 wanted="[]"
    ask pbs_namespaces
    ((${#only[@]} == 0)) || wanted=$(printf '%s\0' "${only[@]}" . | jq -Rsc 'split("\u0000") | .[:(length - 1 - (if .[-1] == "" then 1 else 0 end))]')
    filter "$store" namespaces -r --arg depth "${opt[max-depth]-}" --argjson only "$wanted" <"$tmp/answer" >"$tmp/namespaces"
    while IFS= read -r ns; do
        ask pbs_snapshots "$ns"
        filter "the snapshots of '$ns'" snapshots --arg ns "$ns" <"$tmp/answer"
        (((total += $(stat -c %s "$tmp/answer")) < 268435456)) || fail 3 "$store: the lists of its snapshots are longer than 256 MiB"
    done <"$tmp/namespaces" >"$tmp/list"
    [[ -s $tmp/list ]] && return
    say "$store: no snapshot is visible in $(grep -c '' "$tmp/namespaces") namespaces: there is none, or the user has no Datastore.Audit and owns no group"
    code=1
}
