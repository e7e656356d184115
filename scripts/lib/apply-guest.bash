# One guest of provision --apply, from its plan to its record. Sourced after apply.bash. What decides is never asked in a
# condition, where a jq that was killed would have answered, too: `asked` is.

# attend_made FOLDER: what FOLDER/job asks for, {record, plan}; FOLDER/record is what came of it. Runs in a process of its own.
attend_made() {
    local dir=$1 name vmid address user owner verdict journal step="" child="" cut="" wire="" whose="" again="" kept=true
    read -r verdict name vmid address user owner <"$dir/words"
    trap 'cut=yes; [[ ! $child ]] || kill -TERM "$child" 2>/dev/null' TERM
    journal=$(journal_of "$name")
    touch -- "$dir/ran" "$dir/ready" "$dir/verified" "$dir/assigned" "$dir/failed"
    case $verdict in
    none | blocked) ;; # it is told
    root-only) rm -f -- "$dir/none" ;;
    *) on dry-run || { made "$dir" && configured "$dir" && verified "$dir" && assigned "$dir" && in_use "$dir"; } || true ;;
    esac
    [[ ! $wire ]] || kill "$wire" 2>/dev/null || true
    spent["total"]=$(((${EPOCHREALTIME//[!0-9]/} - begun_at) / 1000))
    local times="" part
    for part in "${!spent[@]}"; do times+=,\"$part\":${spent[$part]}; done
    [[ ! -e $dir/none ]] || kept=false
    [[ ! $step && $verdict == make ]] || again=$(words_of "$dir")
    filter "$name" applied --arg step "$step" --argjson dry "$dry" --argjson kept "$kept" --arg call "$again" \
        --slurpfile ran "$dir/ran" --slurpfile ready "$dir/ready" --slurpfile verified "$dir/verified" \
        --slurpfile assigned "$dir/assigned" --slurpfile failed "$dir/failed" --argjson spent "{${times#,}}" <"$dir/job" >"$dir/record.new"
    mv -- "$dir/record.new" "$dir/record"
}

# words_of FOLDER: the call, as it can be typed again.
words_of() {
    jq -r -L "$lib" --arg keys '' --arg stdin "$stdin" --rawfile words "$tmp/call" \
        'include "make"; ($words | split("\u0000")[:-1] | words) + if $stdin == "yes" then " <<<" + (.request | tojson | @sh) else "" end' "$1/job"
}

# during COMMAND...: its exit code; a signal is handed on to it, and it is waited for all the same.
during() {
    local code=0
    [[ ! $cut ]] || return 143
    "$@" <&0 &
    child=$!
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    child=""
    return "$code"
}

# asked FILTER FILE [JQ-ARGUMENT...]: sets `told`, what jq says of the file; false, and told, if it says nothing.
asked() {
    told=$(jq -r "${@:3}" "$1" "$2") || told=""
    [[ $told ]] || failed_at "${step:-create}" outside "jq was ended, or could not read $2; the same command goes on"
}

# failed_at STEP CODE MESSAGE: false.
failed_at() {
    step=$1
    jq -nc --arg code "$2" --arg message "$3" '$ARGS.named' >"$dir/failed"
    return 1
}

# last_words FILE: the last line that a program has said.
last_words() { head -c 65536 -- "$1" | tr -d '\0\r' | grep -av '^$' | tail -n 1 || true; }

# made FOLDER: the guest is there and runs. From the first request on nobody else gets its address.
made() {
    local code=0 how told
    rm -f -- "$dir/none" || return 1
    known || return 1
    if [[ $whose == ready ]]; then
        printf '{"vmid":%s,"exists":true,"ours":true,"changed":false}\n' "$vmid" >"$dir/ran"
        listen
        come_of "$dir/ran"
        return
    fi
    # What was allocated for it has been written down just now.
    if [[ ! ${noted[$journal]-} ]] && ! write_note "$journal" "$(<"$dir/job")"; then
        : >"$dir/none"
        failed_at plan journal "$journal.note: it can't be written"
        return 1
    fi
    mark make
    during pvx-migrate run --journal "$journal" "${reach[@]}" <"$dir/plan" >"$dir/ran.all" 2>"$dir/ran.said" || code=$?
    mark run
    listen
    come_of "$dir/ran.all" || return 1
    case $how in
    fine)
        [[ $whose != foreign ]] || foreign || return 1
        ;;
    vmid-taken | not-made | refused | node-offline | no-quorum | not-begun | changed)
        # Nothing is there; another's guest was not touched.
        if nothing_begun "$dir" && ! may_be_ours; then : >"$dir/none"; fi
        step=create
        return 1
        ;;
    start-failed) step=start && return 1 ;;
    resize-failed) step=resize && return 1 ;;
    none)
        if ((code == 2)); then : >"$dir/none"; fi # it has refused the call, and has done nothing
        if by_signal "$code"; then
            failed_at create cut-off "pvx-migrate run was ended by signal $((code - 128)); whether $vmid is there is not known, and the same command goes on"
        else
            failed_at create outside "$(last_words "$dir/ran.said")"
        fi
        ;;
    *) step=create && return 1 ;;
    esac
}

# come_of FILE: what run has said of the guest there: FOLDER/ran, `how`, `whose`, and FOLDER/to-configure.
come_of() {
    local said
    past || return 1
    asked "$(<"$lib/ran.jq")" "$1" -n -R -L "$lib" --slurpfile job "$dir/job" --rawfile journal "$dir/journal" --slurpfile note "$dir/note" || return 1
    mapfile -t said <<<"$told"
    : >"$dir/ran"
    [[ ! ${said[0]} ]] || printf '%s\n' "${said[0]}" >"$dir/ran"
    how=${said[1]} whose=${said[2]}
    printf '%s\n' "${said[3]}" >"$dir/to-configure"
}

# may_be_ours: the ID was taken meanwhile, and by what is not known: it may be this name's guest, which a call on another host
# makes with the same address. run says `30010 is "other" on NODE` of those that it knows.
may_be_ours() {
    local is
    [[ $how == vmid-taken ]] || return 1
    is=$(jq -r --argjson vmid "$vmid" '.error.message | startswith("\($vmid) is \"")' "$dir/ran") && [[ $is != true ]]
}

# nothing_begun FOLDER: the journal has no creation of this guest that may have come to something.
nothing_begun() {
    local open
    [[ -e $journal ]] || return 0
    open=$(jq -Rnr --argjson vmid "$vmid" '[inputs | fromjson? | objects | select(.vmid == $vmid)] | last
        | .action == "create" and (.phase | IN("requested", "task", "stuck", "verified", "ready"))' "$journal") && [[ $open == false ]]
}

# known: sets `whose`, what the journal says of the guest: "ready" (and the cluster has it), "ours", "adopted" or "foreign".
known() {
    if [[ ! -s $journal && $(cat -- "$journal.note" 2>/dev/null) != *'"adopted":true'* ]]; then
        whose=foreign
        return
    fi
    past || return 1
    # shellcheck disable=SC2016 # the dollars are jq's
    asked 'include "known"; whose($journal; $note[0])' "$dir/job" -L "$lib" --rawfile journal "$dir/journal" --slurpfile note "$dir/note" && whose=$told
}

# past: FOLDER/journal and FOLDER/note, as they are now; there may be none.
past() {
    : >"$dir/journal" && echo null >"$dir/note"
    [[ ! -s $journal ]] || cat -- "$journal" >"$dir/journal" || return 1
    [[ ! -s $journal.note ]] || cat -- "$journal.note" >"$dir/note"
}

# foreign: a guest of that ID and name that this journal has not made.
foreign() {
    local by
    if ! on "made"; then
        by=$(jq -r '.made_by // ""' "$dir/ran")
        if [[ $by ]]; then
            failed_at configure not-ready "$vmid was made by another call (pvx run $by), which has not brought it to its end; its journal is not here: that call goes on where it is, or --made takes the guest over"
            return 1
        fi
        jq -nc '{code: "exists"}' >"$dir/failed"
        return 1
    fi
    # shellcheck disable=SC2016 # the dollars are jq's
    asked '.record.vmid as $vmid | first($states[0].guests[] | select(.vmid == $vmid) | .status // "unknown") // "unknown"' "$dir/job" --slurpfile states "$states" || return 1
    [[ $told != stopped ]] || failed_at start stopped "$vmid is there and does not run: start it on its node, then the same command goes on"
}

# configured FOLDER: what scripts/configure says of it.
configured() {
    local code=0 options=(--site "$site_file" --wait "$wait_s")
    [[ ! ${opt[identity]-} ]] || options+=(--identity "${opt[identity]}")
    [[ ! -s $journal ]] || options+=(--journal "$journal")
    case ,${opt[accept-new]-}, in *",$name,"*) options+=(--accept-new "$(jq -r .record.name "$dir/job")") ;; esac
    during "$here/configure" "${options[@]}" <"$dir/to-configure" >"$dir/ready" 2>"$dir/ready.said" || code=$?
    mark configure
    if ((code > 1)) || [[ ! -s $dir/ready ]]; then
        : >"$dir/ready"
        failed_at configure "$(by_signal "$code" && echo cut-off || echo outside)" "scripts/configure ended with $code: $(last_words "$dir/ready.said")"
        return 1
    fi
    ((code == 0)) || { step=configure && return 1; }
}

# verified FOLDER: it can be logged in to at its address with its own key and bears its name, and nobody else has the address. Where configure
# has found nothing to change, the connection that it did so by is that.
verified() {
    local code=0
    : >"$dir/answer"
    [[ $(<"$dir/ready") == *'"configured":{}'*'"seen":{"hostname":'* ]] || log_in || code=$?
    wait "$wire" || true
    wire=""
    late
    mark verify
    if ((code > 128)) || { ((code)) && [[ ! -s $dir/answer ]]; }; then
        failed_at verify login "$user@$address: $(last_words "$dir/answer.said")"
        return 1
    fi
    filter "$name" verified --rawfile answer "$dir/answer" --rawfile macs "$dir/macs" --slurpfile ready "$dir/ready" <"$dir/job" >"$dir/verified"
    step=verify
    [[ -s $dir/verified && $(<"$dir/verified") != *'"error":'* ]] || return 1
    step=""
}

# late: who has answered for the address since it was asked for, is in FOLDER/macs, too.
late() {
    local macs
    [[ -e $tmp/heard.$address.pid ]] || return 0
    heard "$tmp/heard.$address"
    answered "$(<"$tmp/heard.$address")"
    [[ $(<"$dir/macs") == unseen* || ${#macs[@]} == 0 ]] || printf '%s\n' "${macs[@]}" >>"$dir/macs"
}

# log_in: once more, by the key that is known of it.
log_in() {
    local line
    while IFS= read -r line; do
        [[ ${line%%[ ,]*} != "$address" || ${line##* } != "$owner" ]] || printf '%s\n' "$line"
    done <"$known" >"$dir/known_hosts"
    (cd -- "$dir" && during bounded 64 timeout -k 5 60 "${ssh[@]}" -o HostKeyAlias="$address" -l "$user" -- "$address" \
        'uname -n; cat /sys/class/net/*/address' </dev/null >"$dir/answer" 2>"$dir/answer.said")
}

# listen: asks the wire who has the address, beside what is done in the guest; `wire` is who asks. It holds no name for this call.
listen() {
    local lock
    (
        for lock in "${locks[@]}"; do exec {lock}>&-; done
        trap '[[ ! $child ]] || kill -TERM "$child" 2>/dev/null; jobs -pr | xargs -r kill -TERM 2>/dev/null; exit' TERM
        answering "$address"
    ) >"$dir/macs" &
    wire=$!
}

# answering ADDRESS: the MAC addresses that answer for it, a line each; "unseen WHY" if that cannot be known. Who is booting is waited for
# 30 s, and when one has answered, all are asked three times, and have 0.44 s.
answering() {
    local route said macs
    have ip arping || { echo "unseen ip or arping is missing (apt-get install iproute2 iputils-arping)" && return; }
    route=$(ip -j route get "$1" 2>/dev/null | jq -r '.[0] | select(.gateway == null and .type != "local") | .dev // empty') || true
    [[ $route ]] || { echo "unseen this host has no address on its segment" && return; }
    during arping -q -b -f -w 30 -I "$route" "$1" >/dev/null 2>&1 || true
    during ask_wire "$route" "$1" -b .11 >"$dir/arping" || true
    said=$(<"$dir/arping")
    if [[ $said == *Sent*Sent*Sent* ]]; then
        answered "$said"
        ((${#macs[@]} == 0)) || printf '%s\n' "${macs[@]}"
    else
        echo "unseen arping: ${said##*$'\n'}"
    fi
}

# assigned FOLDER: in NetBox the address is on the interface of its virtual machine, if the site says in which cluster that is.
assigned() {
    local code=0
    [[ $netbox_cluster ]] && netbox || return 0
    jq -c '.record | {name, vlan, address, type: (if .shape == "vm" then "qemu" else "lxc" end), vmid}' "$dir/job" >"$dir/to-assign"
    during ipalloc allocate "${ipam[@]}" --site "$site_file" --assign <"$dir/to-assign" >"$dir/assigned" 2>"$dir/assigned.said" || code=$?
    mark assign
    if ((code > 1)); then
        : >"$dir/assigned"
        failed_at assign outside "$(last_words "$dir/assigned.said")"
        return 1
    fi
    ((code == 0)) || { step=assign && return 1; }
}
netbox() { [[ ${ipam[1]-} =~ ^https?:// || ! ${ipam[1]-} ]]; }

# in_use FOLDER: from now on it is the guest's own, and no run's.
in_use() {
    local code=0
    case $whose in
    ready | adopted) ;;
    foreign) write_note "$journal" "$(jq -c '.adopted = true' "$dir/job")" || { failed_at ready journal "$journal.note: it can't be written" || return 1; } ;;
    *)
        during pvx-migrate run --journal "$journal" --ready "$vmid" "${reach[@]}" </dev/null >"$dir/in-use" 2>"$dir/in-use.said" || code=$?
        mark ready
        if ((code)); then
            failed_at ready "$(jq -rn 'first(inputs | .error.code // empty) // "outside"' "$dir/in-use")" \
                "$(jq -rn --arg said "$(last_words "$dir/in-use.said")" 'first(inputs | .error.message // empty) // $said' "$dir/in-use")"
            return 1
        fi
        ;;
    esac
    close_note "$journal" || failed_at ready journal "$journal.note: it can't be written"
}
