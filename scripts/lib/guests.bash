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

# recall FOLDER ADDRESS OWNER PRINTS: FOLDER/known_hosts has what is known of this guest at this address, as far as its creation
# says nothing else; false if that is nothing. Where ssh then meets another, `meet` finds out what is there.
recall() {
    local hosts type blob owner print
    : >"$1/known_hosts"
    while read -r hosts type blob owner; do
        [[ ${hosts%%,*} == "$2" && $owner == "$3" ]] || continue
        print=$(ssh-keygen -lf - <<<"$type $blob" 2>/dev/null) || continue
        print=${print#* }
        [[ ! $4 || ,$4, == *",${print%% *},"* ]] || continue
        printf '%s %s %s %s\n' "$hosts" "$type" "$blob" "$owner" >>"$1/known_hosts"
    done <"$known"
    printf '{}\n' >"$1/met"
    [[ -s $1/known_hosts ]]
}

# meet FOLDER ADDRESS: writes FOLDER/met, what is thought of its host keys, and FOLDER/known_hosts for ssh; false if there are none.
meet() {
    local met
    : >"$1/known_hosts"
    if ! await "$2" "$1/scanned" "$wait_s"; then
        jq -nc --arg at "$2" --arg wait "$wait_s" '{error: {code: "no-sshd", message: "no ssh server answers at \($at), port 22, within \($wait) s"}}' >"$1/met"
        return 1
    fi
    filter host-keys host-keys -r --rawfile scanned "$1/scanned" --rawfile known "$known" --arg path "$known" <"$1/job" >"$1/verdict"
    { IFS= read -r met && printf '%s\n' "$met" >"$1/met" && cat >"$1/known_hosts"; } <"$1/verdict"
    [[ -s $1/known_hosts ]] || return 1
    [[ $(<"$1/met") != *'"replace":true'* ]] || pin "$2" "$1/known_hosts"
}

# enter FOLDER ADDRESS USER: becomes what runs inside.bash in the guest. Nothing of the site is an argument: all goes through the one connection.
enter() {
    local command="bash -s"
    [[ $3 == root ]] || command="sudo -n bash -s"
    filter inside inside -r --arg pvx "$pvx" --arg dry "${dry#false}" --arg wait_s "$wait_s" <"$1/job" >"$1/script"
    cat -- "$lib/inside.bash" >>"$1/script"
    cd -- "$1"
    trap '' XFSZ
    ulimit -Sf 1024 # KiB: a guest whose answer doesn't end must not fill the disk
    exec timeout -k 10 3600 "${ssh[@]}" -o HostKeyAlias="$2" -l "$3" -- "$2" "$command" <script >answers 2>said
}

# within FOLDER ADDRESS USER: `enter`, and its exit code in `code`; a signal is handed on to it.
within() {
    local pid
    code=0
    enter "$@" &
    pid=$!
    trap 'kill "$pid" 2>/dev/null; wait "$pid"; exit 143' TERM
    wait "$pid" || code=$?
    trap - TERM
}

# attend FOLDER ADDRESS USER OWNER PRINTS: one guest from its first answer to its record, FOLDER/record. Runs in a process of its own.
attend() {
    local began=${EPOCHREALTIME//[!0-9]/} code=255 last_words=""
    : >"$1/answers"
    ! recall "$1" "$2" "$4" "$5" || within "${@:1:3}"
    # It has another key now, or nobody was there to answer.
    if ((code == 255)) && [[ ! -s $1/answers ]]; then
        code=0
        if meet "$1" "$2"; then
            within "${@:1:3}"
            # Nobody vouched for its key: it is kept if the guest is who it was taken for.
            if [[ $(<"$1/met") == *'"later":true'* ]] && grep -qF "{\"pvx\":\"$pvx\",\"met\":" "$1/answers"; then pin "$2" "$1/known_hosts"; fi
        fi
    fi
    [[ ! -s $1/said ]] || last_words=$(head -c 4096 -- "$1/said" | tr -d '\0\r' | grep -av '^$' | tail -n 1) || true
    filter configured configured -r --slurpfile met "$1/met" --rawfile answers "$1/answers" --arg said "$last_words" --argjson code "$code" \
        --argjson ms "$(((${EPOCHREALTIME//[!0-9]/} - began) / 1000))" --argjson dry "$dry" --arg pvx "$pvx" <"$1/job" >"$1/record"
}

# begin JOB ADDRESS USER OWNER PRINTS: attends to the guest; without an address there is nothing to be done with its record.
begin() {
    local folder=$tmp/guest.$((begun++))
    mkdir -- "$folder"
    printf '%s\n' "$1" >"$folder/job"
    if [[ $2 ]]; then
        attend "$folder" "${@:2}" &
        pids[begun - 1]=$!
    else
        jq -rc '.record, if .record.error then "no" else "yes" end, (.found // empty)' "$folder/job" >"$folder/record"
    fi
}

# settle: waits for the earliest guest that isn't done, and prints its record.
settle() {
    local folder=$tmp/guest.$settled code=0 fine line
    [[ ! ${pids[settled]-} ]] || wait "${pids[settled]}" || code=$?
    unset 'pids[settled]'
    ((code == 0)) || { stop && exit "$code"; }
    {
        IFS= read -r line
        printf '%s\n' "$line" || { stop && fail 3 "the records could not be printed"; }
        read -r fine
        # shellcheck disable=SC2034 # configure ends with it
        [[ $fine == yes ]] || answer=1
        while IFS= read -r line; do say "$line"; done
    } <"$folder/record"
    ((++settled))
}
stop() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
}
printf -v pvx '%08x' "$SRANDOM" "$SRANDOM" "$SRANDOM" "$SRANDOM"
