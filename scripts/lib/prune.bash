# What the two pruning scripts share: pbsprune's options, the plan, the record of a removal.
# Sourced after call.bash; needs `tmp` and `code`, the exit code. `rules` are what pbsprune is told.

rules=()

# rule WORD: a word of the command line that is pbsprune's.
rule() {
    case $1 in
    --format | --format=* | --removals | --groups) fail 2 "$1 is no option here: the plan is a table of what goes, and --apply writes records" ;;
    *) rules+=("$1") ;;
    esac
}

# hold_policy: a policy that comes through a pipe can be read once, and pbsprune is asked more often.
hold_policy() {
    local at
    for at in "${!rules[@]}"; do
        if [[ ${rules[at]} == --policy=* && -p ${rules[at]#*=} ]]; then
            cat -- "${rules[at]#*=}" >"$tmp/policy" && rules[at]=--policy=$tmp/policy
        elif ((at > 0)) && [[ ${rules[at - 1]} == --policy && -p ${rules[at]} ]]; then
            cat -- "${rules[at]}" >"$tmp/policy" && rules[at]=$tmp/policy
        fi
    done
}

# plan [VERB]: what pbsprune would remove of $tmp/list, in $tmp/removals; and as a table, with what it says of
# others below it: on stdout, or on stderr if records are to come there. Ends the script if nothing is to be applied.
plan() {
    local status=0
    hold_policy
    [[ -s $tmp/list ]] || echo '[]' >"$tmp/list" # looked for, and none found: not an answer that is missing
    [[ " ${rules[*]}" == *" --now"* ]] || rules+=(--now "$(date -u +%FT%TZ)") # the plan shown is the plan done
    pbsprune "$@" "${rules[@]}" --removals <"$tmp/list" >"$tmp/removals" 2>"$tmp/notes" || status=$?
    ((status < 2)) || { cat -- "$tmp/notes" >&2 && exit "$status"; }
    ((code)) || code=$status
    exec 3>&1
    ! on dry-run || opt[apply]=false
    if on apply; then exec 3>&2; fi
    status=0
    pbsprune "$@" "${rules[@]}" --removals --format table <"$tmp/list" 2>"$tmp/error" >&3 || status=$?
    cat -- "$tmp/notes" >&2 # below the table, where they are read
    ((status < 2)) || { cat -- "$tmp/error" >&2 && exit "$status"; }
    ((status <= code)) || code=$status
    on apply || exit "$code"
}

# told ROW CHANGED [CODE MESSAGE]: the record of this removal, with what became of it.
told() {
    jq -c --argjson changed "$2" --arg code "${3-}" --arg message "${4-}" \
        '. + {changed: $changed} + if $code == "" then {} else {error: {code: $code, message: $message}} end' <<<"$1" || exit 3
    [[ $2 == true ]] || ((code)) || code=1
}
