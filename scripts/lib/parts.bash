# The parts of an audit: run side by side on one state of the cluster, and brought together.
# Sourced after call.bash and site.bash; needs `documents`, a folder to be made, and `site`, `site_file`, `tmp`; and `form` to be shown.
# shellcheck disable=SC2154 # form

declare -A part_name=([vmid]="vmid check" [ipalloc]="ipalloc check" [pvx-migrate]="pvx-migrate audit" [cover]="backup-coverage"
    [schedule]="schedule-lint" [hacheck]="hacheck check")
parts=(vmid ipalloc pvx-migrate cover schedule hacheck)
declare -A unwanted=()

# plugin: from here on, whatever ends the script before it has looked is UNKNOWN to a monitoring system, in one line on
# standard output and with exit code 3. Needs `tmp`.
looked=false
plugin() {
    exec 5>&1 6>&2 2>"$tmp/said"
    trap 'plugin_ends "$?"' EXIT
}
plugin_ends() {
    local cleaned
    if ! $looked && (($1)); then
        clean "$(grep -av ': hint: ' "$tmp/said" | tail -n 1)"
        printf 'AUDIT UNKNOWN: %s\n' "${cleaned//|//}" >&5
        rm -rf -- "$tmp"
        exit 3
    fi
    cat -- "$tmp/said" >&6
    rm -rf -- "$tmp"
    exit "$1"
}

# parts_asked: sets `unwanted`, which parts are not to be run, and why.
parts_asked() {
    local name names
    IFS=, read -ra names <<<"${opt[without]-}"
    for name in "${names[@]}"; do
        [[ ${part_name[$name]-} ]] || fail 2 "--without: there is no part $name; they are ${parts[*]}"
        unwanted[$name]="--without $name"
    done
    on probe || unwanted[hacheck]=${unwanted[hacheck]:-"--probe asks the services"}
}

# read_cluster: the state, and its guests as the checks read them.
read_cluster() {
    local name code=0
    trust=()
    mkdir -p -- "$documents"
    if [[ ${opt[state]-} ]]; then
        cat -- "${opt[state]}" >"$documents/state.json" || fail 2 "${opt[state]}: can't be read"
    else
        for name in ca-cert fingerprint; do [[ ! ${opt[$name]-} ]] || trust+=("--$name" "${opt[$name]}"); done
        if on insecure; then trust+=(--insecure); fi
        pvx-migrate state --content "${trust[@]}" >"$documents/state.json" || code=$?
        ((code == 0)) || fail $((code == 2 ? 2 : 3)) "the cluster could not be read (pvx-migrate state, exit code $code)"
    fi
    jq -ces 'select(length == 1) | .[0] | select(type == "object" and has("version") and (.guests | type) == "array")
        | {guests: (.guests | length), nodes: ([.nodes[]?] | length), jobs: ([.backup_jobs[]?] | length)}' "$documents/state.json" >"$tmp/due" 2>/dev/null ||
        fail 2 "${opt[state]:-the state}: it is no state document"
    (filter "${opt[state]:-the state}" state-guests <"$documents/state.json") >"$tmp/guests" || fail 2 "${opt[state]:-the state}: it is no state document"
    cp -- "$site" "$documents/site.json"
}

# part NAME COMMAND...: its records, its last words and its exit code, in files; standard input is the command's.
part() {
    local name=$1 code=0
    shift
    "$@" >"$documents/$name.jsonl" 2>"$tmp/$name.said" || code=$?
    echo >>"$documents/$name.jsonl" || code=3 # a record that was cut off must not run into the next part's first
    printf '%s' "$code" >"$tmp/$name.code"
}

# run_parts: all that are wanted, at the same time: much of it is waiting for servers.
run_parts() {
    local ipam=() old=() cluster=("${trust[@]}") place=$documents/state.json running=() name
    # As old as it was asked for; and then no cluster is asked how long its jobs last.
    [[ ! ${opt[state]-} ]] || old=(--max-age 3650d) cluster=(--state "$place")
    [[ ! ${opt[ipam]-} ]] || ipam=(--ipam "${opt[ipam]}")
    for name in "${parts[@]}"; do
        : >"$documents/$name.jsonl"
        [[ ! ${unwanted[$name]-} ]] || continue
        case $name in
        vmid) part vmid vmid check --site "$site_file" --allow-empty <"$tmp/guests" & ;;
        ipalloc) part ipalloc ipalloc check --site "$site_file" --allow-empty "${ipam[@]}" <"$tmp/guests" & ;;
        pvx-migrate) part pvx-migrate pvx-migrate audit --site "$site_file" "${old[@]}" <"$place" & ;;
        cover) continue ;; # below
        schedule) part schedule "$here/schedule-lint" --site "$site_file" "${cluster[@]}" --format json </dev/null & ;;
        hacheck) part hacheck "$here/ha-report" --site "$site_file" --guests "$place" --format json </dev/null & ;;
        esac
        running+=($!)
    done
    backups_and_losses "$place" &
    running+=($!)
    ((${#running[@]} == 0)) || wait "${running[@]}"
}

# backups_and_losses STATE: the part `cover`, and what the loss of each node would do, for a page: that goes by the backups, if
# all of them were seen. (It is no part: what it finds hasn't happened.) Needs `old`.
backups_and_losses() {
    local list=$tmp/backups snapshots=()
    [[ ${unwanted[cover]-} ]] || part cover "$here/backup-coverage" --site "$site_file" --state "$1" --list "$list" --format json </dev/null
    [[ $me == site-page || ${opt[keep]-}${opt[page]-} ]] || return 0
    [[ ! ${PBS_REPOSITORY-} || ! -s $list ]] || grep -q '^{"unseen":' "$list" || snapshots=(--snapshots "$list")
    part lost pvx-migrate plan lost --all --site "$site_file" "${old[@]}" "${snapshots[@]}" <"$1"
    last_words lost
    jq -ncR -L "$lib" --arg code "$code" --arg why "$why" --argjson due "$(<"$tmp/due")" -f "$lib/lost-run.jq" "$documents/lost.jsonl" >"$tmp/lost.run" &&
        cat -- "$tmp/lost.run" >>"$documents/lost.jsonl"
}

# last_words NAME: sets `code` and `why`, how the part ended and what it said of that.
last_words() {
    local said=() cleaned
    code=3
    [[ ! -s $tmp/$1.code ]] || code=$(<"$tmp/$1.code")
    [[ ! -r $tmp/$1.said ]] || mapfile -n 1000 -t said <"$tmp/$1.said"
    # A hint comes behind what was wrong, and what is said besides comes before.
    for why in "${said[@]}"; do [[ $why == *": hint: "* ]] || said[0]=$why; done
    clean "${said[0]:-it said nothing}"
    why=$cleaned
    ((code < 2)) || why+=" (exit code $code)"
}

# part_lines: what became of each part, a line each, for audit.jq.
part_lines() {
    local name code why
    for name in "${parts[@]}"; do
        code=- why=${unwanted[$name]-}
        if [[ ! $why ]]; then
            last_words "$name"
        fi
        printf '%s\t%s.jsonl\t%s\t%s\n' "${part_name[$name]}" "$name" "$code" "$why"
    done
}

# known_codes: what the parts can find, as their --help lists it (codes, two blanks or a colon, a meaning), as JSON by part. Only asked where the site exempts something.
known_codes() {
    if [[ ! $(<"$site") =~ \"exempt\":[[:space:]]*\[[[:space:]]*\{ ]]; then
        echo '{}'
        return
    fi
    local name
    for name in "${parts[@]}" lost; do
        echo "= ${part_name[$name]-}"
        case $name in
        vmid) vmid check --help || true ;;
        ipalloc) ipalloc check --help || true ;;
        pvx-migrate) pvx-migrate audit --help || true ;;
        cover) pbsprune cover --help || true ;;
        schedule) pbsprune schedule --help || true ;;
        hacheck) hacheck check --help || true ;;
        lost) pvx-migrate plan lost --help || true ;; # no part, and the exemptions are its own
        esac
    done 2>/dev/null | jq -Rn 'reduce inputs as $line ({codes: {}};
        if $line | test("^= ") then .part = $line[2:]
        else .codes[.part] += [$line | capture("^  (?<codes>[a-z0-9]+(-[a-z0-9]+)*( [a-z0-9]+(-[a-z0-9]+)*)*)(:|  )").codes | splits(" ")] end) | .codes'
}

# due: of how many there is a record to be had, by part.
due() {
    jq -c --slurpfile site "$site" '{"vmid check": .guests, "ipalloc check": .guests, "pvx-migrate audit": .nodes, "backup-coverage": .guests,
        "schedule-lint": .jobs, "hacheck check": ($site[0] | (.pairs // []) + (.services // []) | length)}' "$tmp/due"
}

# merge_parts: $documents/findings.jsonl.
merge_parts() {
    local zone=UTC today files=() name cleaned
    [[ ! $(<"$site") =~ \"timezone\":[[:space:]]*\"([A-Za-z0-9/_+-]+)\" ]] || zone=${BASH_REMATCH[1]}
    TZ=$zone printf -v today '%(%F)T' -1
    part_lines >"$tmp/parts"
    for name in "${parts[@]}"; do files+=("$documents/$name.jsonl"); done
    known_codes >"$tmp/codes"
    jq -ncR -L "$lib" --slurpfile site_document "$site" --rawfile parts "$tmp/parts" --argjson codes "$(<"$tmp/codes")" --arg today "$today" \
        --argjson due "$(due)" \
        -f "$lib/audit.jq" "${files[@]}" >"$documents/findings.jsonl" || fail 3 "what the parts found could not be brought together"
}

# keep: the documents, and the drills that are known, in the folder that was asked for.
keep() {
    read_drills
    if [[ $drills_are == read ]]; then cp -- "$tmp/drills" "$documents/drills.jsonl" || fail 3 "${opt[keep]}: the drills could not be written"; fi
    { cp -r -- "$documents" "${opt[keep]}.$$" && mv -T -- "${opt[keep]}.$$" "${opt[keep]}"; } || {
        rm -rf -- "${opt[keep]}.$$"
        fail 3 "${opt[keep]}: could not be written"
    }
}

# besides NAME COMMAND...: what was asked for beside the findings, which are shown whatever becomes of it; that it failed is one, in `also`.
also=""
besides() {
    local name=$1 message code=0 cleaned
    shift
    # Its last words alone: what it might print besides is not the audit's.
    message=$("$@" 2>&1 >/dev/null) || code=$?
    ((code)) || { [[ ! $message ]] || printf '%s\n' "$message" >&2; } # what it has to say nevertheless
    ((code)) || return 0
    message=${message##*$'\n'}
    clean "${message#"$me: "}"
    also+=$(jq -nc --arg part "$name" --arg message "${cleaned:-it said nothing}" --argjson code "$code" '{$part, ran: false, status: "unknown", findings: [
        {code: "not-written", severity: "unknown", message: "the \($part) that was asked for is not there: \($message)", evidence: {$code}, seen_by: [], part: "audit"}]}')$'\n'
}

# shown: the findings in the form that was asked for; ends the script with its exit code.
shown() {
    local code
    jq -nr -L "$lib" --arg form "$form" --arg besides "$also" --rawfile lines "$documents/findings.jsonl" -f "$lib/audit-shown.jq" >"$tmp/shown" ||
        fail 3 "the findings could not be shown"
    {
        read -r code
        if [[ $form == json && ! $also ]]; then cat -- "$documents/findings.jsonl"; else cat; fi
    } <"$tmp/shown"
    # shellcheck disable=SC2034 # read by plugin_ends
    looked=true
    exit "$code"
}
