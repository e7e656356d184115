# provision --apply: from the decided records to guests that work. Sourced after call.bash, site.bash, host-keys.bash and
# guests.bash; apply-guest.bash has what is done for each guest.

# apply_open "$@": looks at the options, and takes the words of the call for the command that goes on.
apply_open() {
    local name
    wait_s=${opt[wait]:-60} dry=false
    ! on dry-run || dry=true
    [[ ${opt[parallel]:-1} =~ ^[1-9][0-9]?$ ]] || fail 2 "--parallel is a number from 1 to 99, not '${opt[parallel]}'"
    [[ $wait_s =~ ^[1-9][0-9]{0,3}$ ]] || fail 2 "--wait is a number of seconds from 1 to 9999, not '$wait_s'"
    if on rollback && on apply; then fail 2 "--rollback is for a call that did not come to its end: without --apply"; fi
    if on rollback && [[ ${opt[state]-} ]]; then fail 2 "--rollback reads the cluster itself: what was made since is not in --state"; fi
    if on "made" && ! on apply; then fail 2 "--made goes with --apply"; fi
    need ssh-keyscan "apt-get install openssh-client"
    identify "${opt[identity]-}"
    reach=()
    for name in ca-cert fingerprint; do [[ ! ${opt[$name]-} ]] || reach+=("--$name" "${opt[$name]}"); done
    ! on insecure || reach+=(--insecure)
    call=("$@") stdin=no
    ((${#words[@]})) || stdin=yes
}

# apply_names: takes the name of each request for itself, brings to an end what was cut off, and begins to read the cluster.
apply_names() {
    local name lock journal
    folder=${XDG_STATE_HOME:-${HOME:-/root}/.local/state}/pvx
    [[ ! ${opt[journal]-} || $(wc -l <"$tmp/names") -le 1 ]] || fail 2 "--journal is of one guest; of several each has its own"
    : >"$tmp/in-the-way"
    while IFS= read -r name; do
        journal=$(journal_of "$name").note
        if [[ -e $journal ]] && ! note_fits "$journal"; then
            jq -nc --arg name "$name" --arg note "$journal" '{$name, code: "note", message: "\($note) can\u0027t be read as what an earlier call has written down, so what that has allocated and made can\u0027t be told: look at the guest and its address, move the file away, and the same command goes on"}' >>"$tmp/in-the-way"
        fi
    done <"$tmp/names"
    if ! on dry-run; then
        open_known_hosts
        while IFS= read -r name; do
            if ! { exec {lock}>>"$folder/provision-$name.lock"; } 2>/dev/null; then fail 3 "$folder/provision-$name.lock: it can't be written"; fi
            if flock -w 2 "$lock"; then
                locks+=("$lock")
                settle_journal "$name" "$(journal_of "$name")"
            else
                jq -nc --arg name "$name" '{$name, code: "busy", message: "another provision of \($name) is at work, and its lock is waited for no longer"}' >>"$tmp/in-the-way"
            fi
        done <"$tmp/names"
    fi
    if [[ -s $tmp/in-the-way ]]; then
        filter requests in-the-way --slurpfile site "$site" --slurpfile others "$tmp/in-the-way" <"$tmp/checked" >"$tmp/free"
        mv -- "$tmp/free" "$tmp/checked"
    fi
    read_states
}

journal_of() { printf '%s\n' "${opt[journal]:-$folder/provision-$1.jsonl}"; }

# settle_journal NAME JOURNAL: what a run that was killed has asked for is followed to its end. What it makes needs no plan.
settle_journal() {
    local code=0 begun
    [[ -s $2 ]] || return 0
    begun=$(jq -Rnr '[inputs | fromjson? | objects | select(.phase)] | last | .phase | IN("requested", "task", "stuck")' "$2")
    [[ $begun == true ]] || return 0
    say "$1: bringing to its end what $2 has begun"
    pvx-migrate run --journal "$2" "${reach[@]}" </dev/null >"$tmp/settled" 2>"$tmp/settled.said" || code=$?
    ((code > 1)) || return 0
    jq -c --arg name "$1" --rawfile said "$tmp/settled.said" --argjson code "$code" -n \
        '([inputs | .error // empty] | last) as $error
        | {$name, code: ($error.code // "journal"), message: ($error.message // ($said | split("\n")[0]) // "pvx-migrate run ended with \($code)")}' <"$tmp/settled" >>"$tmp/in-the-way"
}

# read_states: the cluster's state, read while the addresses are looked for; await_states waits for it.
read_states() {
    [[ ! $states ]] || return 0
    (
        pvx-migrate state --content "${reach[@]}" >"$tmp/state" || exit
        mark state
        echo "${spent[state]}" >"$tmp/state.ms"
    ) &
    state_pid=$!
}
await_states() {
    local code=0
    [[ $state_pid ]] || return 0
    wait "$state_pid" || code=$?
    state_pid=""
    ((code == 0)) || exit "$code"
    spent[state]=$(<"$tmp/state.ms") opt[state]=$tmp/state states=$tmp/state
    filter "the cluster's state" guests -n --argjson proof false <"$tmp/state" >>"$tmp/guests"
}

# hear_on: who was silent is asked on while the guest is made, which takes longer than anybody would wait: an answer that comes late is heard, too.
hear_on() {
    local line
    [[ -e $tmp/answers ]] || return 0
    while IFS= read -r line; do
        [[ $line =~ \"address\":\"([0-9.]+)\",\"wire\":\"silent\",\"interface\":\"([^\"]+)\" ]] || continue
        hear "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}" "$tmp/heard.${BASH_REMATCH[1]}"
    done <"$tmp/answers"
}

locks=()

# apply: a folder $tmp/at.N for each record, with its `record` in the end; then the result.
apply() {
    local at=0 words plan job folders=() going=0
    filter requests to-make <"$tmp/decided" >"$tmp/to-make"
    : >"$tmp/plan"
    if [[ -s $tmp/to-make ]]; then
        run pvx-migrate plan make --state "$states" --site "$site_file" <"$tmp/to-make" >"$tmp/plan"
        ! grep -qv '"exists":true' "$tmp/plan" ||
            pvx-migrate plan make --state "$states" --site "$site_file" --format table <"$tmp/to-make" >&2 2>/dev/null || true
    fi
    mark plan
    printf '%s\0' "${call[@]}" >"$tmp/call"
    filter requests with-plan -r --slurpfile site "$site" --slurpfile plan "$tmp/plan" --slurpfile checked "$tmp/checked" --slurpfile allocated "$tmp/allocated" --slurpfile before "$tmp/before" \
        -n <"$tmp/decided" >"$tmp/jobs"
    while IFS= read -r words && IFS= read -r plan && IFS= read -r job; do
        mkdir -p -- "$tmp/at.$at"
        : >"$tmp/at.$at/none" # away with it before anything is made
        printf '%s\n' "$words" >"$tmp/at.$at/words"
        printf '%s\n' "$plan" >"$tmp/at.$at/plan"
        printf '%s\n' "$job" >"$tmp/at.$at/job"
        folders+=("$tmp/at.$at")
        at=$((at + 1))
    done <"$tmp/jobs"
    trap 'apply_stop' INT TERM HUP
    for at in "${!folders[@]}"; do
        while ((going >= ${opt[parallel]:-1})); do
            wait -n || true
            going=$((going - 1))
        done
        attend_made "${folders[at]}" &
        going=$((going + 1))
    done
    wait
    trap 'fail 3 "cut off"' INT TERM HUP
    for at in "${!folders[@]}"; do
        [[ -s ${folders[at]}/record ]] || fail 3 "$(jq -r .record.name "${folders[at]}/job"): it was cut off; the same command goes on"
        cat -- "${folders[at]}/record"
    done >"$tmp/applied"
    publish
}
apply_stop() {
    trap '' INT TERM HUP
    jobs -pr | xargs -r kill -TERM 2>/dev/null || true
    wait
    fail 3 "cut off: what was made stays, with its address, and the same command goes on"
}

# notes: what is about to be allocated is written down, as --rollback goes by it if the call is cut off; `allocated` says that it was.
declare -A noted=()
notes() { note_each candidate allocating; }
allocated() { note_each allocated fresh; }
note_each() { # FILE WHAT: of each record of the IPAM's that would be new, or is
    local name note journal
    grep -q '"changed":true' "$tmp/$1" || return 0
    filter requests with-notes -r --arg what "$2" --slurpfile site "$site" --slurpfile candidate "$tmp/$1" --slurpfile before "$tmp/before" --slurpfile checked "$tmp/checked" \
        -n <"$tmp/decided" >"$tmp/notes"
    while IFS= read -r name && IFS= read -r note; do
        journal=$(journal_of "$name")
        write_note "$journal" "$note" || fail 3 "$journal.note: it can't be written"
        [[ $2 != fresh ]] || noted[$journal]=yes
    done <"$tmp/notes"
}

# note_fits NOTE: it is one that write_note has written.
note_fits() { [[ $(jq -s 'length == 1 and (.[0] | type == "object" and (.name | type) == "string" and (.ipam | type) == "string")' "$1" 2>/dev/null) == true ]]; }

# write_note JOURNAL JOB: what was asked for and what this call has taken, beside the journal. What an earlier call took for the same address counts, too.
write_note() {
    local old ipam_name
    old=$(cat -- "$1.note" 2>/dev/null || true)
    ipam_name=$(ipam_named) || return 1
    (umask 077 && jq -c --argjson old "${old:-null}" --arg ipam "$ipam_name" \
        '{request, ipam: $ipam, vmid: .record.vmid, name: .record.name, address: .record.address}
            | .address as $address | .vmid as $vmid | ($old != null and $old.address == $address) as $same
            | .allocated = ($job.fresh == true or ($job.allocating != true and $same and $old.allocated == true))
            | .allocating = (.allocated | not) and ($job.allocating == true or ($same and $old.allocating == true))
            | .retired = (if $job.fresh or $job.allocating then $job.retired else $same and $old.retired == true end)
            | .adopted = ($job.adopted == true or ($old.adopted == true and $old.vmid == $vmid))' --argjson job "$2" <<<"$2" >"$1.note.new" &&
        sync -- "$1.note.new" && mv -- "$1.note.new" "$1.note") 2>/dev/null
}

# close_note JOURNAL: the guest is in use, and its address is its own: no --rollback gives it back.
close_note() {
    [[ -s $1.note && $(<"$1.note") == *[{,]'"alloca'@(ted|ting)'":true'* ]] || return 0
    (umask 077 && jq -c '.allocated = false | .allocating = false' "$1.note" >"$1.note.new" &&
        sync -- "$1.note.new" && mv -- "$1.note.new" "$1.note") 2>/dev/null
}

# forget: the notes of names whose address was released again; nothing is there to be rolled back.
forget() {
    local name
    filter released asked-names -n -r --slurpfile site "$site" >"$tmp/forgotten"
    while IFS= read -r name; do rm -f -- "$(journal_of "$name").note"; done <"$tmp/forgotten"
}

# publish: the names of what is ready go to the site's name servers, if it has any. What is as it was, and was published, is not asked about again.
publish() {
    local names code=0 line
    cp -- "$tmp/applied" "$tmp/result"
    if ((name_servers == 0)) || on dry-run; then return 0; fi
    filter requests asked-names -n -r --slurpfile site "$site" <"$tmp/applied" >"$tmp/names"
    : >"$tmp/noted"
    while IFS= read -r line; do cat -- "$(journal_of "$line").note" 2>/dev/null || true; done <"$tmp/names" >"$tmp/noted"
    filter requests to-publish -r -n --slurpfile notes "$tmp/noted" <"$tmp/applied" >"$tmp/to-publish"
    [[ -s $tmp/to-publish ]] || return 0
    mapfile -t names <"$tmp/to-publish"
    "$here/publish-names" --apply --site "$site_file" "${ipam[@]}" ${opt[identity]:+--identity "${opt[identity]}"} "${names[@]}" >"$tmp/published" 2>"$tmp/published.said" || code=$?
    mark publish
    filter publish-names published --slurpfile servers "$tmp/published" --rawfile said "$tmp/published.said" --argjson code "$code" --argjson ms "${spent[publish]}" <"$tmp/applied" >"$tmp/result"
    ((code == 0)) || return 0
    while IFS= read -r line; do
        line=$(journal_of "$line").note
        (umask 077 && jq -c '.published = .address' "$line" >"$line.new" && mv -- "$line.new" "$line") 2>/dev/null || true # then it is published once more
    done <"$tmp/names"
}

# kept: sets `places`, those of the records whose guest may be there, so that its address stays whatever happens: all that nothing
# says the opposite of, as what says it may be what can't be written.
kept() {
    local at
    places=""
    for at in "$tmp"/at.*; do [[ ! -d $at || -e $at/none ]] || places+=,${at##*.}; done
    places="[${places#,}]"
}
