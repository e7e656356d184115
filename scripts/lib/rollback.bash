# provision --rollback: what a call with --apply made and did not bring to its end goes again. Sourced after apply.bash.

# roll_back: for each request what its note and journal say that this call has made; prints the records, and ends the script.
roll_back() {
    local at=0 dir
    await_states
    : >"$tmp/result"
    filter requests with-requests -n --slurpfile site "$site" <"$tmp/checked" >"$tmp/jobs"
    while IFS= read -r job; do
        dir=$tmp/at.$((at++))
        mkdir -- "$dir"
        printf '%s\n' "$job" >"$dir/job"
        roll_one "$dir" >>"$tmp/result"
    done <"$tmp/jobs"
    cat -- "$tmp/result" || fail 3 "the records could not be printed"
    tell result <"$tmp/result"
    jq -c 'select(.error)' "$tmp/result" >"$tmp/errors"
    [[ ! -s $tmp/errors ]] || exit 1
    exit 0
}

# roll_one FOLDER: prints the record of one request.
roll_one() {
    local dir=$1 name journal vmid verdict release refused code=0 how=()
    name=$(jq -r '.short // ""' "$dir/job")
    journal=$(journal_of "$name")
    : >"$dir/journal"
    : >"$dir/gone"
    : >"$dir/released"
    [[ ! -s $journal ]] || cat -- "$journal" >"$dir/journal"
    filter "$name" rollback --slurpfile state "$states" --rawfile journal "$dir/journal" --arg path "$journal" --arg ipam "$(ipam_named)" \
        --argjson note "$([[ -e $journal.note ]] && note_fits "$journal.note" && cat -- "$journal.note" || echo null)" <"$dir/job" >"$dir/verdict"
    verdict=$(jq -r .verdict "$dir/verdict")
    vmid=$(jq -r '.record.vmid // empty' "$dir/verdict")
    release=$(jq -r .release "$dir/verdict")
    if [[ $verdict == remove ]]; then
        if ! on dry-run; then
            pvx-migrate plan remove "$vmid" --name "$(jq -r .record.name "$dir/verdict")" --stop --no-backup-needed --whole-pair --site "$site_file" <"$states" >"$dir/plan" || code=$?
            ((code < 2)) || fail "$code" "$name: pvx-migrate plan remove has refused the call"
            code=0
            pvx-migrate run --journal "$journal" "${reach[@]}" <"$dir/plan" >"$dir/gone" || code=$?
            ((code < 2)) || [[ -s $dir/gone ]] || fail "$code" "$name: whether $vmid is gone is not known; the same call goes on"
        fi
        refused=$(jq -n 'any(inputs; .error)' "$dir/gone")
        [[ $refused == false ]] || verdict=stays
    fi
    if [[ $verdict =~ ^(remove|release)$ && $release == true ]]; then give_back "$dir"; fi
    refused=$(jq -n 'any(inputs; .error)' "$dir/released")
    if [[ $verdict =~ ^(remove|release)$ && $refused == false ]] && ! on dry-run; then rm -f -- "$journal.note"; fi
    jq -c --arg verdict "$verdict" --slurpfile gone "$dir/gone" --slurpfile released "$dir/released" --argjson dry "$dry" -L "$lib" \
        'include "text"; .record + {changed: ($gone[0].changed == true or $released[0].changed == true)}
        | if $dry then .dry_run = true | .would = $verdict else . end
        | if $verdict == "remove" then .removed = ($dry | not) else . end
        | if $released[0].changed then .released = $released[0].address else . end
        | (($gone[0].error | objects) // ($released[0].error | objects) // .error // null) as $error | del(.error)
        | if $error then failed($error.code; $error.message) else . end' "$dir/verdict"
}

# give_back FOLDER: FOLDER/released, what the IPAM says of it. An address goes only if it is the one that the call has allocated, and its name's still.
give_back() {
    local how=()
    [[ $(jq -r .retire "$1/verdict") != true ]] || how=(--retire)
    jq -c .owner "$1/verdict" >"$1/owner"
    run ipalloc release "${ipam[@]}" "${how[@]}" --dry-run <"$1/owner" >"$1/looked"
    filter ipam give-back -n --slurpfile verdict "$1/verdict" <"$1/looked" >"$1/released"
    if ! on dry-run && [[ $(jq -n 'any(inputs; .changed and (.error | not))' "$1/released") == true ]]; then
        run ipalloc release "${ipam[@]}" "${how[@]}" <"$1/owner" >"$1/released"
    fi
}

# ipam_named: the IPAM, by a name that is the same from wherever it is called.
ipam_named() {
    local name=${ipam[1]-${NETBOX_URL:-${NETBOX_API-}}}
    if netbox; then printf '%s\n' "${name%/}"; else realpath -- "$name"; fi
}
