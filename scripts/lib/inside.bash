# What configure does inside a guest. It is sent there behind the values below and read by `bash -s` as root; the guest
# is Debian or Ubuntu and needs nothing but what is essential there. Everything is looked at before it is changed, so a second
# run changes nothing; with `dry` it only looks.
#
# Values: pvx (begins each line of the answer), dry, name, user, template, timezone, locale, upgrades, wait_s and the lists packages, keys,
# blobs, runs, unlesses. Answers are JSON, a line each, on what was stdout: {"did":STEP,"value":..}, {"warning":..}, at last
# {"versions":..}, or {"failed":STEP,"why":..} and then no more.
# shellcheck shell=bash disable=SC2154 # the values are sent before it

# json TEXT: as a JSON string; what isn't printable ASCII is a question mark.
json() {
    local LC_ALL=C text=${1:0:2000}
    text=${text//[^ -~]/?} text=${text//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}
json_list() {
    local word out=""
    for word; do out+=,$(json "$word"); done
    printf '[%s]' "${out#,}"
}
answer() { printf '{"pvx":"%s",%s}\n' "$pvx" "$1" >&3; }
did() { answer "\"did\":$(json "$1"),\"value\":$2"; }
warned() { answer "\"warning\":$(json "$1")"; }
failed() {
    answer "\"failed\":$(json "$1"),\"why\":$(json "$2")"
    exit 1
}

# alone COMMAND...: what it starts holds neither the connection nor the lock; its output is in $work/said.
alone() { timeout -k 10 1200 "$@" >"$work/said" 2>&1 </dev/null 3>&- 9>&-; }
# said CODE: why a command failed, in a line. A password in a URL is not shown.
said() {
    local line
    line=$({ grep -aE '^(E|dpkg: error): ' "$work/said" || grep -av '^[[:space:]]*$' "$work/said" | tail -n 1; } | head -n 1 | cut -c 1-600 | sed 's,://[^/@ ]*@,://***@,g')
    [[ $1 != 124 && $1 != 137 ]] || line="not done within 1200 s: $line"
    printf '%s' "${line:-exit code $1}"
}

# patient SECONDS COMMAND...: `alone`, again and again while another has a lock: apt waits for one of its own only.
patient() {
    local status=0 until=$((SECONDS + $1))
    until alone "${@:2}"; do
        status=$?
        if ! grep -qE 'Could not get lock|locked by another process' "$work/said" || ((SECONDS >= until)); then return "$status"; fi
        sleep 2
    done
}

apt_options=(-q -y --no-remove --no-install-recommends -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o Acquire::http::Timeout=20
    -o Acquire::https::Timeout=20 -o APT::Update::Error-Mode=any -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold)

# hosts: the hosts and ports of the package sources; none if apt has a proxy, which alone knows what can be reached.
hosts() {
    local uris
    ! apt-config dump | grep -qi 'proxy.* "[^"]' || return 0
    uris=$(apt-get --print-uris update 2>/dev/null | cut -d "'" -f 2)
    # An IPv6 address stands in brackets there, and nowhere else.
    sed -n 's,^\(https\?\)://\([^/@]*@\)\?\(\[[^]/]*\]\|[^/:]*\)\(:[0-9]*\)\?\(/.*\)\?$,\1 \3 \4,p' <<<"$uris" |
        sed 's,^http \(.*\) $,\1 80,; s,^https \(.*\) $,\1 443,; s,^https\? ,,; s, :, ,; s,[][],,g' | sort -u
}
# reach: waits until apt's hosts take connections: the network of a new guest comes up behind its sshd.
reach() {
    local host port until=$((SECONDS + wait_s)) why
    hosts >"$work/hosts"
    while read -r host port; do
        while true; do
            why="its name is not resolved"
            if getent ahosts "$host" >/dev/null; then
                why="no connection to port $port"
                # shellcheck disable=SC2016 # the inner shell's
                ! timeout 3 bash -c 'exec 4<>"/dev/tcp/$1/$2"' - "$host" "$port" 2>/dev/null 3>&- 9>&- || break
            fi
            ((SECONDS < until)) || failed packages "the package source $host can't be reached within $wait_s s: $why"
            sleep 0.5
        done
    done <"$work/hosts"
}

# booted: waits until cloud-init has ended. At a VM's first start it upgrades all packages, as Proxmox has it, and holds
# apt for longer than anybody waits for a lock; it writes result.json last.
booted() {
    local run=/run/cloud-init state until=$((SECONDS + (wait_s > 600 ? wait_s : 600)))
    [[ ! $dry && -d $run ]] || return 0
    until [[ -e $run/result.json || -e $run/disabled ]]; do
        state=$(systemctl is-active cloud-final.service 2>/dev/null) || true
        if [[ $state == failed ]] || ((SECONDS >= until)); then
            warned "cloud-init has not ended${state:+ (cloud-final.service is $state)}, see cloud-init status --long"
            return 0
        fi
        sleep 0.5
    done
}

declare -A have=()
look() { # sets `have`: the versions of those of `packages` that are installed
    local status name version by
    have=()
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' -- "${packages[@]}" >"$work/installed" 2>/dev/null
    while read -r status name version; do
        [[ $status != installed ]] || have[$name]=$version
    done <"$work/installed"
    [[ $(missing) ]] || return 0
    # A name that others provide is there with one of them.
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' >"$work/installed"
    for name in $(missing); do
        by=$(awk -v name="$name" '$1 == "installed" { for (i = 3; i <= NF; i++) { sub(/,$/, "", $i); if ($i == name) { print $2; exit } } }' "$work/installed")
        [[ ! $by ]] || have[$name]="by $by"
    done
}
# shellcheck disable=SC2120 # [apt's words]
missing() {
    local name
    for name in "${packages[@]}"; do [[ ${have[$name]-} ]] || printf '%s\n' "$name"; done
}
install_packages() {
    local wanted
    ((${#packages[@]})) || return 0
    look
    mapfile -t wanted < <(missing)
    ((${#wanted[@]})) || return 0
    if [[ ! $dry ]]; then
        booted
        reach
        if [[ $(ls -A /var/lib/dpkg/updates) ]]; then # an earlier run was cut off
            patient 120 dpkg --force-confold --configure -a || failed packages "dpkg --configure -a: $(said $?)"
        fi
        patient 120 apt-get "${apt_options[@]}" update || failed packages "apt-get update: $(said $?)"
        patient 120 apt-get "${apt_options[@]}" install -- "${wanted[@]}" || failed packages "apt-get install: $(said $?)"
        look
        [[ ! $(missing) ]] || failed packages "still not installed: $(missing | paste -sd ' ')"
    fi
    did packages "$(json_list "${wanted[@]}")"
}

set_timezone() {
    local file=/usr/share/zoneinfo/$timezone link
    [[ $timezone ]] || return 0
    link=$(readlink /etc/localtime)
    if [[ ${link##*zoneinfo/} == "$timezone" ]] && { [[ ! -e /etc/timezone ]] || [[ $(</etc/timezone) == "$timezone" ]]; }; then return; fi
    if [[ ! $dry ]]; then
        [[ -f $file ]] || failed timezone "$timezone is not a time zone here: there is no $file"
        if ! ln -sfn -- "$file" /etc/localtime.pvx || ! mv -T -- /etc/localtime.pvx /etc/localtime; then failed timezone "/etc/localtime can't be written"; fi
        [[ ! -e /etc/timezone ]] || printf '%s\n' "$timezone" >/etc/timezone || failed timezone "/etc/timezone can't be written"
    fi
    did timezone "$(json "$timezone")"
}

# same_codeset NAME: as `locale -a` spells it, en_US.utf8.
same_codeset() {
    local codeset=${1#*.}
    [[ $1 == *.* ]] || { printf '%s' "$1" && return; }
    codeset=${codeset%%@*} codeset=${codeset,,} codeset=${codeset//[^a-z0-9]/}
    printf '%s.%s%s' "${1%%.*}" "$codeset" "$([[ $1 != *@* ]] || printf '@%s' "${1#*@}")"
}
generated() { locale -a 2>/dev/null | grep -qxF -e "$(same_codeset "$locale")" -e "$locale"; }
set_locale() {
    local line="" now="" changed="" name codeset
    [[ $locale ]] || return 0
    if ! generated; then
        changed=yes
        while read -r name codeset; do
            [[ $name != "$locale" ]] || line="$name $codeset"
        done < <(cat /usr/share/i18n/SUPPORTED 2>/dev/null)
        if [[ ! $dry ]]; then
            [[ $line ]] || failed locale "$locale is not a locale here: /usr/share/i18n/SUPPORTED doesn't have it"
            [[ ! -s /etc/locale.gen || ! $(tail -c 1 /etc/locale.gen) ]] || echo >>/etc/locale.gen # the last line has no end
            grep -qxF -- "$line" /etc/locale.gen 2>/dev/null || printf '%s\n' "$line" >>/etc/locale.gen || failed locale "/etc/locale.gen can't be written"
            alone locale-gen || failed locale "locale-gen: $(said $?)"
            generated || failed locale "locale-gen has run, and $locale is still not there"
        fi
    fi
    now=$(sed -n 's/^LANG=//p' /etc/default/locale 2>/dev/null | tail -n 1)
    now=${now//[\"\']/}
    if [[ $now != "$locale" ]]; then
        changed=yes
        [[ $dry ]] || alone update-locale LANG="$locale" || failed locale "update-locale: $(said $?)"
    fi
    [[ ! $changed ]] || did locale "$(json "$locale")"
}

# as_user COMMAND...: with the user's rights, as what is in that home may be a link to elsewhere.
as_user() { if [[ $user == root ]]; then "$@"; else runuser -u "$user" -- "$@"; fi; }
add_keys() {
    local home index new=""
    ((${#keys[@]})) || return 0
    home=$(getent passwd "$user" | cut -d : -f 6)
    [[ $home ]] || failed keys "$user has no home"
    as_user cat -- "$home/.ssh/authorized_keys" >"$work/authorized" 2>/dev/null
    for index in "${!keys[@]}"; do
        awk -v blob="${blobs[index]}" '!/^[ \t]*#/ { for (i = 1; i <= NF; i++) if ($i == blob) found = 1 } END { exit !found }' "$work/authorized" ||
            new+=${keys[index]}$'\n'
    done
    [[ $new ]] || return 0
    if [[ ! $dry ]]; then
        [[ ! -s $work/authorized || ! $(tail -c 1 "$work/authorized") ]] || new=$'\n'$new # the last line has no end
        # shellcheck disable=SC2016 # the inner shell's
        printf '%s' "$new" | as_user sh -c 'umask 077 && mkdir -p -- "$1/.ssh" && cat >>"$1/.ssh/authorized_keys"' - "$home" 3>&- 9>&- ||
            failed keys "$home/.ssh/authorized_keys can't be written"
    fi
    did keys "$(grep -c . <<<"$new")"
}

switch_upgrades_on() {
    local now
    [[ $upgrades ]] || return 0
    now=$(apt-config dump APT::Periodic::Unattended-Upgrade | cut -d '"' -f 2)
    if [[ $now ]]; then
        [[ $now != 0 ]] || warned "unattended upgrades were switched off here (APT::Periodic::Unattended-Upgrade is 0), and stay so"
        return 0
    fi
    [[ $dry ]] || printf '%s\n' 'APT::Periodic::Update-Package-Lists "1";' 'APT::Periodic::Unattended-Upgrade "1";' >/etc/apt/apt.conf.d/20pvx-upgrades ||
        failed upgrades "/etc/apt/apt.conf.d/20pvx-upgrades can't be written"
    did upgrades true
}

# shell TEXT: a command of the site; from a file, as arguments are seen by all in the guest.
shell() {
    printf '%s\n' "$1" >"$work/command"
    (cd / && alone bash "$work/command")
}
run_commands() {
    local index name ran=()
    for index in "${!runs[@]}"; do
        name="templates.$template.commands[$index]"
        ! shell "${unlesses[index]}" || continue
        ran+=("$name")
        [[ ! $dry ]] || continue
        shell "${runs[index]}" || failed "$name" "$(said $?)"
        shell "${unlesses[index]}" || failed "$name" "it ran, and its unless still fails: $(said $?)"
        did commands "$(json_list "$name")"
    done
    if [[ $dry ]] && ((${#ran[@]})); then did commands "$(json_list "${ran[@]}")"; fi
}

main() {
    local ID="" VERSION_ID="" versions="" host short package macs
    export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    unset LANG LANGUAGE
    umask 022
    exec 3>&1 >/dev/null
    # shellcheck source=/dev/null
    . /etc/os-release 2>/dev/null
    [[ $ID == debian || $ID == ubuntu ]] || failed unsupported-os "${ID:-a system without /etc/os-release}"
    ((EUID == 0)) || failed login "it is not root who logs in"
    work=$(mktemp -d "/run/pvx-configure.XXXXXX") || failed disk "nothing can be written to /run"
    trap 'rm -rf -- "$work"' EXIT
    exec 9>/run/pvx-configure.lock
    flock -w 120 9 || failed lock "another configure has been at it for 120 s"
    host=$(cat /etc/hostname 2>/dev/null || uname -n)
    [[ ${host%%.*} && ${host%%.*} != localhost ]] || host=$(uname -n)
    host=${host%%.*}
    short=${name%%.*}
    [[ ${host,,} == "${short,,}" ]] || failed other-guest "$host"
    answer "\"met\":$(json "$host")"
    install_packages
    set_timezone
    set_locale
    add_keys
    switch_upgrades_on
    run_commands
    ((${#packages[@]} == 0)) || look
    for package in "${!have[@]}"; do versions+=,$(json "$package"):$(json "${have[$package]}"); done
    mapfile -t macs < <(cat /sys/class/net/*/address)
    answer "\"os\":$(json "$ID $VERSION_ID"),\"versions\":{${versions#,}},\"hostname\":$(json "$(uname -n)"),\"macs\":$(json_list "${macs[@]}")"
}
main </dev/null
