# The site, for every script that reads one, and its IPAM, for those that allocate and release.
# Sourced after call.bash.

# read_site: sets `site`, the site of --site, else of PVX_SITE, as `vmid site` prints it: checked, with its defaults.
# `site_file` is the file that was named, for the tools and for people. Makes `tmp` if it isn't there.
read_site() {
    site_file=${opt[site]:-${PVX_SITE-}}
    [[ $site_file ]] || fail 2 "no site is named: --site FILE or PVX_SITE"
    tools vmid
    if [[ ! ${tmp-} ]]; then
        tmp=$(mktemp -d)
        trap 'rm -rf -- "$tmp"' EXIT
    fi
    site=$tmp/site.json
    vmid site -- "$site_file" >"$site" || exit
}

# policy: reads the site and names its IPAM (`ipam`, ipalloc's option); `provision -n` alone has a sample of both.
policy() {
    local proof=false
    ipam=()
    if [[ ${opt[ipam]-} ]]; then
        ipam=(--ipam "${opt[ipam]}")
    elif [[ ! ${NETBOX_URL:-${NETBOX_API-}} ]]; then
        if [[ $me != provision || ${opt[site]:-${PVX_SITE-}} ]] || ! on dry-run; then fail 2 "no IPAM is named: --ipam DIR, or NETBOX_URL"; fi
        opt[site]=$here/site.json ipam=(--ipam "$here/ipam")
        say "no site and no IPAM is named: this is how it looks on the sample, scripts/site.json and scripts/ipam"
    fi
    read_site
    touch -- "$tmp/guests" "$tmp/snapshots"
    if on now && ! on force; then proof=true; fi # the guest must be seen to be gone
    [[ ! ${opt[guests]-} ]] || judged_list "${opt[guests]}" guests -n --argjson proof "$proof" >"$tmp/guests"
    [[ ! ${opt[state]-} ]] || judged_list "${opt[state]}" guests -n --argjson proof false >>"$tmp/guests"
    [[ ! ${opt[snapshots]-} ]] || judged_list "${opt[snapshots]}" backups -n >"$tmp/snapshots"
}

# requests [OPTION...]: `requests`, the one NAME of the command line as a record or else standard
# input, and `flags`, what the named options say, as a record.
requests() {
    local name said=()
    ((${#words[@]} <= 1)) || fail 2 "one NAME, not ${#words[@]}: ${words[*]}"
    for name; do [[ ! ${opt[$name]-} ]] || said+=(--arg "${name//-/_}" "${opt[$name]}"); done
    if ((${#words[@]})); then
        jq -nc --arg name "${words[0]}" "${said[@]}" '{$name}, ($ARGS.named | del(.name))' >"$tmp/said"
        mapfile -t said <"$tmp/said"
        printf '%s\n' "${said[0]}" >"$tmp/requests"
        printf '%s\n' "${said[1]}" >"$tmp/flags"
        return
    fi
    [[ ! -t 0 ]] || { usage >&2 && exit 2; }
    cat >"$tmp/requests"
    grep -q '[^[:space:]]' "$tmp/requests" || fail 2 "nobody is named: a NAME, or records on standard input (an empty list is [])"
    judged "$tmp/requests" requests
    if ((${#said[@]})); then jq -nc "${said[@]}" '$ARGS.named' >"$tmp/flags"; else echo '{}' >"$tmp/flags"; fi
}
