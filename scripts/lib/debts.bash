# What a run would owe if it were killed, written down, and paid by a later one. Sourced after apps.bash.

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
