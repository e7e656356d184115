# Guests that are configured side by side, each in a folder of its own. Sourced after call.bash and host-keys.bash; needs
# `tmp`, `wait_s` and `lib`.

# ssh as it is given, not as ~/.ssh/config or an open connection to the address's last guest would have it.
ssh=(ssh -F none -T -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile=known_hosts -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no
    -o CheckHostIP=no -o LogLevel=ERROR)
begun=0 settled=0 answer=0
declare -a pids=()

# identify FILE: logs in with this key alone.
identify() {
    [[ $1 ]] || return 0
    [[ -r $1 ]] || fail 2 "$1: can't be read"
    local file
    file=$(realpath -- "$1")
    [[ $file != *[%\$]* ]] || fail 2 "$file: ssh takes no key whose path has % or \$ in it"
    ssh+=(-i "$file" -o IdentitiesOnly=yes)
}

# open_known_hosts: sets `known`. A run that only looks writes to a copy.
open_known_hosts() {
    local folder=${XDG_STATE_HOME:-${HOME:-/root}/.local/state}/pvx
    known=$folder/known_hosts
    if on dry-run; then
        cat -- "$known" >"$tmp/known_hosts" 2>/dev/null || true
        known=$tmp/known_hosts
    else
        (umask 077 && mkdir -p -- "$folder" && : >>"$known") 2>/dev/null || fail 3 "$known: it can't be written"
    fi
}

# meet FOLDER: writes FOLDER/met, what is thought of the host keys, and FOLDER/known_hosts for ssh.
meet() {
    local address
    address=$(jq -r .job.address "$1/job")
    if ! await "$address" "$1/scanned" "$wait_s"; then
        jq -nc --arg at "$address" --arg wait "$wait_s" '{error: {code: "no-sshd", message: "no ssh server answers at \($at), port 22, within \($wait) s"}}' >"$1/met"
        return 1
    fi
    pinned "$address" >"$1/pinned"
    jq -c .job "$1/job" | filter host-keys host-keys --slurpfile scanned "$1/scanned" --slurpfile pinned "$1/pinned" >"$1/met"
    jq -r '.pin[]?' "$1/met" >"$1/known_hosts"
    [[ -s $1/known_hosts ]] || return 1
    ! jq -e .replace "$1/met" >/dev/null || pin "$address" "$1/known_hosts"
}

# enter FOLDER: runs inside.bash in the guest. Nothing of the site is an argument: all goes through the one connection.
enter() {
    local user address command="bash -s"
    { read -r user && read -r address; } < <(jq -r '.job | .user, .address' "$1/job")
    [[ $user == root ]] || command="sudo -n bash -s"
    { jq -r .job "$1/job" | filter inside inside -r --arg pvx "$pvx" --arg dry "$(! on dry-run || echo yes)" --arg wait_s "$wait_s"; cat -- "$lib/inside.bash"; } >"$1/script"
    (cd -- "$1" && bounded 1024 timeout -k 10 3600 "${ssh[@]}" -o HostKeyAlias="$address" -l "$user" -- "$address" "$command" <script >answers 2>said)
}

# attend FOLDER: one guest from its first answer to its record, FOLDER/record. Runs in a process of its own.
attend() {
    local began=${EPOCHREALTIME//[!0-9]/} code=0 pid
    touch -- "$1/answers" "$1/said"
    if meet "$1"; then
        enter "$1" &
        pid=$!
        trap 'kill "$pid" 2>/dev/null; exit 143' TERM
        wait "$pid" || code=$?
        trap - TERM
    fi
    filter configured configured --slurpfile met "$1/met" --rawfile answers "$1/answers" --arg said "$(head -c 4096 -- "$1/said" | tr -d '\0\r' | grep -v '^$' | tail -n 1)" \
        --argjson code "$code" --argjson ms "$(((${EPOCHREALTIME//[!0-9]/} - began) / 1000))" --argjson dry "$(on dry-run && echo true || echo false)" --arg pvx "$pvx" <"$1/job" >"$1/record"
}

# begin JOB: attends to the guest, if there is anything to be done with it.
begin() {
    local folder=$tmp/guest.$((begun++))
    mkdir -- "$folder"
    printf '%s\n' "$1" >"$folder/job"
    if jq -e .job "$folder/job" >/dev/null; then
        attend "$folder" &
        pids[begun - 1]=$!
    else
        jq -c .record "$folder/job" >"$folder/record"
    fi
}

# settle: waits for the earliest guest that isn't done, and prints its record.
settle() {
    local folder=$tmp/guest.$settled code=0
    [[ ! ${pids[settled]-} ]] || wait "${pids[settled]}" || code=$?
    ((code == 0)) || { stop && exit "$code"; }
    cat -- "$folder/record" || fail 3 "the records could not be printed"
    jq -c --slurpfile job "$folder/job" '{name, error} + if $job[0].job then {warnings: ((.warnings // []) - ($job[0].record.warnings // []))} else {} end' "$folder/record" | tell result
    ! on verbose || jq -r '"\(.name): \(.configured | tojson), ready after \(.ready_ms) ms"' "$folder/record" | while IFS= read -r line; do say "$line"; done
    ! jq -e .error "$folder/record" >/dev/null || answer=1
    ((++settled))
}
stop() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
}
pvx=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
