# --again of scripts/notify: a check that runs each minute tells of what is new, not of each run. Sourced after call.bash.
#
# What a channel was told last is in a file of its own, and written when it has arrived there: what did not arrive is
# sent with the next run.

memory="" again=0 # the folder, and seconds

# again_given: reads the options; --again without a folder is a wrong call.
again_given() {
    local -A unit=([s]=1 [m]=60 [h]=3600 [d]=86400)
    [[ ${opt[again]-} ]] || { [[ ! ${opt[state]-} ]] || fail 2 "--state is for --again" && return 0; }
    [[ ${opt[again]} =~ ^([1-9][0-9]{0,4})([smhd])$ ]] || fail 2 "--again is a time such as 10m or 12h, not '${opt[again]}'"
    again=$((BASH_REMATCH[1] * unit[${BASH_REMATCH[2]}])) memory=${opt[state]:-${STATE_DIRECTORY-}} memory=${memory%%:*}
    [[ $memory ]] || fail 2 "--again needs a folder to remember in: --state FOLDER, or a unit's StateDirectory="
}

# look_twice: whether what a check says is only seen this once, and may be over with its next look. Sets `passing`; called once a run.
passing=false
look_twice() {
    local before=""
    [[ $memory ]] || return 0
    read -r before 2>/dev/null <"$memory/$slug.seen" || true
    if [[ $(jq -r .doubtful "$tmp/notice") == true && $before != "$(signed)" ]]; then passing=true; fi
    # Where it can't be kept nothing is held back for it.
    { signed >"$memory/.$slug.seen" && mv -- "$memory/.$slug.seen" "$memory/$slug.seen"; } 2>/dev/null || passing=false
}

# due CHANNEL: whether the notice is to be sent there: it would be sent, and is not what was told of late; or it was not
# well when that was told last, and is now. Sets nothing; needs `send`, `state` and `passing`.
due() {
    local at="" was="" sign=""
    [[ $passing == false ]] || return 1
    [[ ! $memory ]] || read -r at was sign 2>/dev/null <"$memory/$slug.$1" || true
    [[ $at =~ ^[1-9][0-9]{0,11}$ && $at -le $EPOCHSECONDS ]] || { [[ $send == true ]]; return; }
    if [[ $was == "$state" && $sign == "$(signed)" ]]; then
        [[ $send == true ]] && ((EPOCHSECONDS - at >= again))
    else
        [[ $send == true || ($was != ok && $state == ok) ]]
    fi
}

# remember CHANNEL: it has been told. What can't be written is told once more at the next run, rather than never.
remember() {
    [[ $memory ]] || return 0
    { printf '%s %s %s\n' "$EPOCHSECONDS" "$state" "$(signed)" >"$memory/.$slug.$1" && mv -- "$memory/.$slug.$1" "$memory/$slug.$1"; } 2>/dev/null ||
        say "$memory: it can't be written to, so $1 is told of the same again"
}
signed() { jq -r .sign "$tmp/notice" | sha256sum | cut -d ' ' -f 1; }
