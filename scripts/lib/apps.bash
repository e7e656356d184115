# The applications of the site that are backed up: which, one run at a time of each, and its host's half of a run.
# Sourced after call.bash and site.bash; needs `tmp`.

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
