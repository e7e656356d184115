# The site and its IPAM, for the scripts that allocate and release. Sourced after call.bash.

# policy: reads the site file and what it says of the IPAM's use; makes `tmp`.
# Sets site, domain, avoid, keys (the SSH keys' file), ipam (ipalloc's options).
policy() {
    local proof=false
    site=${opt[site]:-${PVX_SITE:-$here/site.json}} ipam=()
    if [[ ${opt[ipam]-} ]]; then
        ipam=(--ipam "${opt[ipam]}")
    elif [[ ! ${NETBOX_URL:-${NETBOX_API-}} ]]; then
        if ! on dry-run || [[ $site != "$here/site.json" ]]; then fail 2 "no IPAM is named: --ipam DIR, or NETBOX_URL"; fi
        ipam=(--ipam "$here/ipam") # the sample's
    fi
    tmp=$(mktemp -d)
    trap 'rm -rf -- "$tmp"' EXIT
    [[ -r $site ]] || fail 2 "$site: can't be read"
    cat -- "$site" >"$tmp/site.json"
    filter "$site" policy -r <"$tmp/site.json" >"$tmp/policy"
    [[ -s $tmp/policy ]] || fail 2 "$site: it is empty"
    # shellcheck disable=SC2034 # for the script that sources this
    { read -r domain && read -r avoid && read -r keys && cat >"$tmp/networks.json"; } <"$tmp/policy"
    touch -- "$tmp/guests" "$tmp/snapshots"
    if on now && ! on force; then proof=true; fi # the guest must be seen to be gone
    [[ ! ${opt[guests]-} ]] || list "${opt[guests]}" guests -n --argjson proof "$proof" >"$tmp/guests"
    [[ ! ${opt[state]-} ]] || list "${opt[state]}" guests -n --argjson proof false >>"$tmp/guests"
    [[ ! ${opt[snapshots]-} ]] || list "${opt[snapshots]}" backups -n >"$tmp/snapshots"
}

# requests [OPTION...]: `requests`, the one NAME of the command line as a record or else standard
# input, and `flags`, what the named options say, as a record.
requests() {
    local name said=()
    ((${#words[@]} <= 1)) || fail 2 "one NAME, not ${#words[@]}: ${words[*]}"
    if ((${#words[@]})); then
        jq -nc --arg name "${words[0]}" '$ARGS.named' >"$tmp/requests"
    else
        [[ ! -t 0 ]] || { usage >&2 && exit 2; }
        cat >"$tmp/requests"
        grep -q '[^[:space:]]' "$tmp/requests" || fail 2 "nobody is named: a NAME, or records on standard input (an empty list is [])"
    fi
    for name; do [[ ! ${opt[$name]-} ]] || said+=(--arg "${name//-/_}" "${opt[$name]}"); done
    jq -nc "${said[@]}" '$ARGS.named' >"$tmp/flags"
}
