# A plan shown, and with --apply run: what drain-node and return-node share. Sourced after call.bash and site.bash.

# moves_begin NODE: sets `tmp`, `journal`, and the options of pvx-migrate: `reach` (how the cluster is
# reached), `terms` (of the plan) and `pace` (of the run). Reads the state.
moves_begin() {
    local name
    ! on dry-run || opt["apply"]=false
    reach=() terms=() pace=()
    for name in ca-cert fingerprint; do [[ ! ${opt[$name]-} ]] || reach+=("--$name" "${opt[$name]}"); done
    ! on insecure || reach+=(--insecure)
    for name in to stopped pairs storage-map max-downtime ram-ratio min-free-mem self; do
        [[ ! ${opt[$name]-} ]] || terms+=("--$name" "${opt[$name]}")
    done
    ! on allow-shutdown || terms+=(--allow-shutdown)
    for name in jobs jobs-per-node quorum-wait; do [[ ! ${opt[$name]-} ]] || pace+=("--$name" "${opt[$name]}"); done
    ! on partial || pace+=(--partial)
    need jq "apt-get install jq"
    tools pvx-migrate vmid
    journal=${opt[journal]:-${XDG_STATE_HOME:-${HOME:?}/.local/state}/pvx/drain-$1.jsonl}
    umask 077
    tmp=$(mktemp -d)
    trap 'rm -rf -- "$tmp"' EXIT
    read_site
    terms+=(--site "$site_file")
    run pvx-migrate state "${reach[@]}" >"$tmp/state"
}

# moves_plan WORD...: the plan as records in $tmp/plan, and for people as a table: on stdout, or on
# stderr if records are to come there. Sets `code`.
moves_plan() {
    code=0
    pvx-migrate plan "$@" "${terms[@]}" <"$tmp/state" >"$tmp/plan" || code=$?
    ((code < 2)) || exit "$code"
    exec 3>&1
    if on apply; then exec 3>&2; fi
    pvx-migrate plan "$@" "${terms[@]}" --format table <"$tmp/state" >&3 2>/dev/null || true
}

# moves_run: what the plan says; its records go to stdout.
moves_run() {
    mkdir -p -- "$(dirname -- "$journal")"
    code=0
    pvx-migrate run --journal "$journal" "${reach[@]}" "${pace[@]}" <"$tmp/plan" || code=$?
    say "what was done is in $journal"
    run pvx-migrate state "${reach[@]}" >"$tmp/state" 2>/dev/null
}
