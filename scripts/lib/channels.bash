# The channels of scripts/notify: where they are, and how a notice gets there. Sourced after call.bash, site.bash and
# https.bash; needs `tmp`. Whatever fails here is a line on stderr and a notice that doesn't arrive, never more.

declare -A channel=() # by its name: its URL (of apprise: the file of its URLs)
token=""              # of ntfy
job_on=""             # the site's notify.on
undelivered=$tmp/undelivered

# undone CHANNEL WHY: the one line of a notice that failed. No URL is ever in it: whoever reads one may write there.
undone() {
    grep -qxFe "$1" "$undelivered" || say "no notice by $1: $2"
    echo "$1" >>"$undelivered"
}

# setting CHANNEL VARIABLE CREDENTIAL SITE-KEY: sets `found`: what VARIABLE holds, else the file that VARIABLE_FILE names, else
# systemd's credential of that name, else the site's file. 1 if there is none.
setting() {
    local in_file=$2_FILE file
    found=${!2-}
    [[ ! $found ]] || return 0
    file=${!in_file-}
    [[ $file || ! -e ${CREDENTIALS_DIRECTORY:-/nowhere}/$3 ]] || file=$CREDENTIALS_DIRECTORY/$3
    file=${file:-${in_site[$4]-}}
    [[ $file ]] || return 1
    if [[ ! -f $file || ! -r $file ]]; then
        undone "$1" "$file: can't be read"
        return 1
    fi
    found=$(head -c 65536 -- "$file" | tr -d '\0\r') || true
    [[ $found ]] || { undone "$1" "$file: it is empty" && return 1; }
}

# channels_find: fills `channel`.
channels_find() {
    local found key value
    local -A in_site=()
    if [[ ${opt[site]:-${PVX_SITE-}} ]]; then
        if (read_site && cat -- "$site") >"$tmp/channels" 2>"$tmp/why"; then
            while read -r key value; do in_site[$key]=$value; done \
                < <(jq -r '.notify // {} | paths(strings) as $path | "\($path | join(".")) \(getpath($path))"' "$tmp/channels")
            job_on=${in_site[on]-}
        else
            undone "the site's channels" "$(head -n 1 "$tmp/why")"
        fi
    fi
    if setting discord DISCORD_WEBHOOK_URL discord-url discord.url_file && address discord "$found"; then channel[discord]=$found; fi
    if setting ntfy NTFY_URL ntfy-url ntfy.url_file && address ntfy "$found"; then
        channel[ntfy]=$found
        if setting ntfy NTFY_TOKEN ntfy-token ntfy.token_file; then
            if [[ $found =~ ^[A-Za-z0-9._~+/=-]+$ ]]; then token=$found; else undone ntfy "its token has characters that no token has" && unset "channel[ntfy]"; fi
        fi
    fi
    if setting healthchecks HEALTHCHECKS_URL healthchecks-url healthchecks.url_file; then
        found=${found//'{job}'/$slug}
        ! address healthchecks "$found" || channel[healthchecks]=$found
    fi
    if setting apprise APPRISE_URLS apprise-urls apprise.urls_file; then
        if have apprise; then channel[apprise]=$found; else undone apprise "apprise is missing: apt-get install apprise"; fi
    fi
}

# address CHANNEL URL: 1, and said, unless it is one that may be given to curl.
address() {
    local pattern='^(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/[]A-Za-z0-9._~%/?&=:,;+!$*()[-]*$' end
    [[ $2 != *$'\n'* ]] || { undone "$1" "what is meant to be its URL has several lines" && return 1; }
    [[ $2 != *@* ]] || { undone "$1" "its URL has a user or a password (@) in it" && return 1; }
    [[ $2 =~ $pattern ]] || { undone "$1" "what is meant to be its URL is none of the form https://host/path" && return 1; }
    [[ ${BASH_REMATCH[1]} == https || ${BASH_REMATCH[2]} =~ ^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$ ]] ||
        { undone "$1" "its URL is to be https (http:// is for this host alone)" && return 1; }
    end=${2%%\?*}
    [[ $1 != ntfy || ${end##*/} =~ ^[A-Za-z0-9_-]{1,64}$ ]] || { undone ntfy "its URL ends in no topic, https://host/TOPIC" && return 1; }
}

# post CHANNEL URL FILE [HEADER]: sends FILE there; 1 if it can't be sent. URL and header go to curl on its standard input: no
# list of processes has them. Obeys 429 and tries again after a 5xx and where nothing could be sent, for a minute in all; not after a lost answer.
post() {
    local code status="" wait until=$((SECONDS + 60)) try answer=$tmp/answer.$1 rules=(-q --silent --show-error --globoff --tlsv1.2)
    local why
    rules+=(--proto "=${2%%:*}" --connect-timeout 10 --max-time 10 --max-filesize 1048576)
    [[ $2 != http://* ]] || rules+=(--noproxy "*")
    [[ ! ${opt[ca-cert]-} ]] || rules+=(--cacert "${opt[ca-cert]}")
    for try in 1 2 3 4 5; do
        code=0
        : >"$answer"
        status=$(printf 'url = "%s"\n' "$2" | { cat && printf '%s' "${4:+header = \"$4\"$'\n'}"; } |
            bounded 1024 curl "${rules[@]}" -K - --data-binary "@$3" -H 'Content-Type: application/json' -H 'Expect:' \
                --output "$answer" --write-out '%{http_code} %header{retry-after}' 2>"$answer.error") || code=$?
        why="$(head -n 1 "$answer.error")" why=${why//"$2"/its URL}
        ((code != 6 && code != 7)) || status=unsent # its host has no address yet, or takes no connection
        [[ $code == 0 || $status == unsent ]] || break
        case $status in
        2??*) return 0 ;;
        429*) wait=$(jq -r '.retry_after | numbers' "$answer" 2>/dev/null || true) wait=${wait:-${status#* }} ;;
        5??* | unsent) wait=$try ;;
        *) break ;;
        esac
        [[ $wait =~ ^[0-9]+(\.[0-9]+)?$ ]] || wait=1
        ((try < 5 && SECONDS + ${wait%.*} + 1 <= until)) || break
        sleep "$wait"
    done
    ((code == 0)) || { undone "$1" "${why:-curl ended with $code}" && return 1; }
    why=$(jq -r '[.message, .error, .detail | strings] | first // ""' "$answer" 2>/dev/null | head -n 1) || true
    [[ $status != 3* ]] || why="redirected, which is not followed"
    undone "$1" "HTTP ${status%% *}${why:+ $why}"
    return 1
}

# ping STEP FILE: healthchecks' own: STEP is /start, the exit code, /fail, or nothing.
ping() {
    local base=${channel[healthchecks]%%\?*} query=""
    [[ ${channel[healthchecks]} != *\?* ]] || query=\&${channel[healthchecks]#*\?}
    post healthchecks "${base%/}${1:+/$1}?rid=$run_id$query" "$2"
}

# deliver CHANNEL: the notice in $tmp/notice.
deliver() {
    local end base form=$tmp/form.$1 args=()
    if [[ $1 == ntfy ]]; then
        base=${channel[ntfy]%%\?*} base=${base%/}
        args=(--arg topic "${base##*/}") base=${base%/*}/
    else
        args=(--arg topic "")
    fi
    [[ $1 == discord || $1 == ntfy ]] || args+=(-r)
    jq -c --arg channel "$1" --arg host "${HOSTNAME%%.*}" "${args[@]}" -f "$lib/channel.jq" "$tmp/notice" >"$form" 2>"$form.error" ||
        { undone "$1" "$(head -n 1 "$form.error")" && return 1; }
    case $1 in
    discord) post discord "${channel[discord]}" "$form" ;;
    ntfy) post ntfy "$base" "$form" "${token:+Authorization: Bearer $token}" ;;
    healthchecks)
        end=$code
        [[ $code ]] || { if [[ $state == failed ]]; then end=fail; fi; }
        ping "$end" "$form"
        ;;
    apprise)
        printf '%s\n' "${channel[apprise]}" >"$tmp/urls"
        timeout -k 5 60 apprise --config="$tmp/urls" --title="$(jq -r .title "$tmp/notice")" --storage-mode=memory \
            --notification-type="$(jq -r '{ok: "success", warning: "warning", failed: "failure"}[.state]' "$tmp/notice")" <"$form" >"$form.log" 2>&1 ||
            { undone apprise "it ended with $? ($(wc -l <"$form.log") lines of its own are not shown: they may have its URLs)" && return 1; }
        ;;
    esac
}
