# The applications of the site that are backed up: which, one run at a time of each, and what an earlier run owes. Sourced after call.bash and site.bash; needs `tmp`.

# select_apps: the named applications or all, in $tmp/apps, a line each; and the target.
select_apps() {
    local own
    own=$({ hostname; timeout 5 hostname -f; echo localhost; } 2>/dev/null | jq -Rn '[inputs]') || true # a host may not know its domain
    if on all; then
        ((${#words[@]} == 0)) || fail 2 "--all and a name, ${words[0]}: which?"
    else
        ((${#words[@]})) || fail 2 "no service is named: NAME... or --all"
    fi
    [[ ! ${opt[via]-} || ${opt[via]} =~ ^[A-Za-z0-9][A-Za-z0-9@_.:+-]*$ ]] || fail 2 "--via: '${opt[via]}' is no host for ssh"
    filter "$site_file" apps --argjson own "$own" --arg via "${opt[via]-}" --argjson all "$(on all && echo true || echo false)" \
        --argjson names "$(jq -nc '$ARGS.positional' --args -- "${words[@]}")" <"$site" >"$tmp/apps"
    IFS=$'\x1f' read -r target target_mount target_s site_name < <(jq -r '[.backup_target // {} | .path // "", .mount, .timeout_s] + [.name // ""] | join("\u001f")' "$site")
    [[ $target ]] || fail 2 "$site_file: backup_target is missing: app-backup needs it"
}

# read_app LINE: sets `app`, by the keys' names, and `excludes`. No value has a control character: vmid saw to it.
declare -A app=()
read_app() {
    local key value
    app=()
    while IFS=$'\x1f' read -r key value; do app[$key]=$value; done < <(
        jq -r '{name, far, path, before, after, sqlite, compression, keep, verify, max_age_s, timeout_s} | map_values(. // "") | to_entries[] | "\(.key)\u001f\(.value)"' <<<"$1"
    )
    mapfile -t excludes < <(jq -r '.exclude[]' <<<"$1")
    service=${app[name]}
}

# state_folder: sets `state`, the folder on this host that locks and debts are in.
state_folder() {
    state=${STATE_DIRECTORY-}
    state=${state%%:*}
    if [[ ! $state ]]; then
        state=/var/lib/app-backup
        ((EUID == 0)) || state=${XDG_STATE_HOME:-${HOME-}/.local/state}/app-backup
    fi
    mkdir -p -m 700 -- "$state" 2>/dev/null && [[ -w $state ]] || fail 3 "$state: it can't be written to (locks, and what a killed run owes)"
}

# lock_app [-w SECONDS]: this run's lock of the service; 1 if another run has it. What is started must not inherit it unasked.
lock_app() {
    exec {lock}>>"$state/$service.lock"
    flock "${@:--n}" "$lock"
}

# owe: writes down that `after` is owed, before it is. The note is on this host's disk, and is there after a kill.
owe() {
    local note=$state/$service.owed
    app[stage]=${TMPDIR:-/var/tmp}/app-backup-$service-${EPOCHREALTIME//[!0-9]/}$RANDOM
    [[ ! ${app[far]} ]] || app[stage]=/var/tmp/${app[stage]##*/}
    # What is written to a full disk is seen to be none: nothing has been stopped yet.
    { jq -nc '$ARGS.named' --arg far "${app[far]}" --arg path "${app[path]}" --arg after "${app[after]}" --arg stage "${app[stage]}" >"$note.new" &&
        is_note "$note.new" && sync -- "$note.new" && mv -fT -- "$note.new" "$note" && sync -- "$state"; } 2>"$work/error" && return
    rm -f -- "$note" "$note.new" 2>/dev/null
    return 1
}
is_note() { jq -es 'length == 1 and (.[0] | type == "object" and has("far") and has("path") and has("after") and has("stage"))' "$1" >/dev/null 2>&1; }

# settle: what a run that was killed owes: its `after`, and its stage. 1 if it can't be done; the note stays then.
settle() {
    local note=$state/$service.owed key value
    [[ -e $note || -L $note ]] || return 0
    is_note "$note" || { jq -nc '{error: {code: "owed", message: "the note of it can\u0027t be read, so see whether the application runs"}}' >"$work/settled.json" && return 1; }
    say "$service: an earlier run was killed: its after is run now"
    (
        while IFS=$'\x1f' read -r key value; do app[$key]=$value; done < <(jq -r 'to_entries[] | "\(.key)\u001f\(.value)"' "$note")
        on_host settle >/dev/null 2>"$work/settled" || true
    )
    understand "$work/settled" >"$work/settled.json"
    jq -e .settled "$work/settled.json" >/dev/null && rm -- "$note"
}

# orphaned: tells of each service that owes something and isn't in the site any more (removed, or called otherwise), with
# --all in a record. 1 if there is one. Where a run goes on (of another site on this host) nothing is owed yet.
orphaned() {
    local note name held owed status=0 why
    for note in "$state"/*.owed; do
        name=${note##*/} name=${name%.owed} owed=""
        [[ -e $note || -L $note ]] && ! jq -e --arg name "$name" 'any(.apps[]; .name == $name)' "$site" >/dev/null || continue
        exec {held}>>"$state/$name.lock"
        ! flock -n "$held" || [[ ! -e $note && ! -L $note ]] || owed=yes
        exec {held}>&-
        [[ $owed ]] || continue
        why="it is in no apps of $site_file, and a run of it that was killed owes its after (see ${note@Q}): run that, then remove the note"
        say "$name: $why"
        ! on all || jq -nc --arg service "$name" --arg why "$why" '{$service, changed: false, warnings: [], error: {code: "owed", message: $why}}'
        status=1
    done
    return "$status"
}

# on_host MODE: lib/source.bash on the application's host, in the place of this subshell. What another host
# tells is bounded.
on_host() {
    local program ssh=(ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4)
    app[token]=$token app[lock]=""
    [[ ${app[far]} ]] || app[lock]=$lock
    program="declare -A $(declare -p app | sed 's/^declare -A //')
excludes=(${excludes[*]@Q}) mode=$1
$(cat -- "$lib/databases.bash" "$lib/source.bash")
exit"
    if [[ ${app[far]} ]]; then
        trap '' XFSZ
        ulimit -Sf 65536
        exec "${ssh[@]}" -- "${app[far]}" bash -s <<<"$program" {lock}>&-
    fi
    exec bash -s <<<"$program"
}

# understand FILE: what source.bash told on stderr, as an object.
understand() {
    jq -Rnc --arg token "$token" '
        [inputs | split(" ") | select(.[0] == $token) | {kind: .[1], text: (.[2] // "" | @base64d)}] as $facts
        | def of($kind): [$facts[] | select(.kind == $kind) | .text];
        {sqlite: (of("sqlite") | sort), warnings: of("warning"), after: (of("after-failed") | first),
         count: ((of("count") | first) // null | if . then tonumber else null end), settled: any($facts[]; .kind == "settled"),
         error: ([$facts[] | select(.kind | startswith("error:")) | {code: .kind[6:], message: .text}] | first)}' "$1"
}
