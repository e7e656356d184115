# A template to a storage, by the API. The API overwrites what has the same name without a word, so it is looked for first. Sourced
# after call.bash, https.bash and pve.bash; needs `tmp`, `node` and `storage`.

upload_open() {
    [[ ${PROXMOX_VE_ENDPOINT-}${PROXMOX_HOST-} ]] || fail 2 "--upload goes by the API: set PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN"
    pve_open
}

# of_file FILE: the record of a template that was built before, by the manifest beside it.
of_file() {
    local manifest=${1%.tar.zst}.json sum
    [[ $1 == *.tar.zst && -f $1 && -r $1 && -r $manifest ]] || fail 2 "$1: no template with a manifest, $manifest, that can be read"
    sum=$(sha256sum <"$1")
    # shellcheck disable=SC2094 # only named, and read
    filter "$manifest" manifest --arg file "$1" --arg name "${1##*/}" --arg sum "${sum%% *}" --argjson size "$(stat -Lc %s -- "$1")" <"$manifest"
}

# failed_record TEMPLATE FILE, refused CODE WHY: a record with its error, and the line that people read.
failed_record() {
    jq -c --arg template "$1" '{$template, changed: false, error: .}' "$2"
    say "$1: $(jq -r '(if .step then .step + ": " else "" end) + .message' "$2")"
}
# not_uploaded CODE WHY: the record with its error. The file is there all the same.
not_uploaded() {
    jq -c -L "$lib" --arg code "$1" --arg why "$2" 'include "text"; . + {error: {code: $code, message: ($why | printable)}}' "$record"
    say "$(jq -r '.template' "$record"): $2"
}

# there: sets `found`, the size of `volid`, empty if it is not there. 3 if that can't be seen: `why` says why.
there() {
    pve_records "/nodes/$node/storage/$storage/content" "$tmp/content" content=vztmpl || return
    found=$(jq -r --arg volid "$volid" 'select(.volid == $volid) | .size' "$tmp/content") || { why="the list of $storage can't be read" && return 3; }
}

# takes SIZE: whether the storage does; else false, 1 or 3: `error` and `why` say why.
takes() {
    local fits
    error=upload
    pve_records "/nodes/$node/storage" "$tmp/storages" || return
    error=no-such-storage
    fits=$(jq -r --arg storage "$storage" --argjson size "$1" 'select(.storage == $storage)
        | if .content // "" | split(",") | index("vztmpl") == null then "none" elif .active == 0 or .enabled == 0 then "off" elif .avail != null and .avail < $size then .avail else "fits" end' "$tmp/storages")
    case $fits in
    fits) return 0 ;;
    none) why="$storage takes no container templates (vztmpl is none of its content)" ;;
    off) why="$storage is not active on $node" ;;
    "") why="$node has no $storage, or this token may not see it (Datastore.Audit)" ;;
    *) error=no-room why="$storage on $node has $fits bytes left, and this has $1" ;;
    esac
    return 1
}

# upload RECORD: prints it with what became of it. 1 if it was refused, 3 if it failed. One run after the other sends a file from here;
# from elsewhere whoever sends what has this name sends the same bytes.
upload() {
    local record=$1 file lock code=0
    file=$(jq -r '.file' "$record")
    exec {lock}<"$file" || { not_uploaded upload "$file can't be read" && return 3; }
    flock -n "$lock" || { say "another upload of $file is at it; it is waited for" && flock "$lock"; }
    upload_alone || code=$?
    exec {lock}<&-
    return "$code"
}
upload_alone() {
    local name size sha256 volid found="" why="" error="" code=0 unfit=0 unfit_why upid="" until
    size=$(jq -r '.size' "$record") sha256=$(jq -r '.sha256' "$record")
    name=${file##*/} volid=$storage:vztmpl/${file##*/}
    takes "$size" || unfit=$?
    unfit_why=$why
    there || { not_uploaded upload "$why" && return 3; } # the last look before it is sent
    if [[ $found == "$size" ]]; then
        done_with false
        return
    elif [[ $found ]]; then
        not_uploaded name-taken "$volid is there, with $found bytes where this has $size, and would be overwritten"
        return 1
    fi
    ((unfit == 0)) || { not_uploaded "$error" "$unfit_why" && return "$unfit"; }
    send || code=$?
    case $code in
    0) follow "$upid" || { left_over; not_uploaded upload "$why"; return 3; } ;;
    3) not_uploaded upload "$why"; return 3 ;;
    *)
        arrived || { not_uploaded upload "$why; whether it came isn't known yet: the same call goes on"; return 3; }
        ;;
    esac
    until=$((SECONDS + ${upload_wait_s:-60}))
    until there; do
        ((SECONDS < until)) || { not_uploaded upload "it was uploaded, says Proxmox, and $volid can't be looked at: $why; the same call goes on" && return 3; }
        sleep 1
    done
    [[ $found == "$size" ]] || { not_uploaded upload "$volid has ${found:-no} bytes after the upload, not $size"; return 3; }
    done_with true
}
done_with() { jq -c --arg volid "$volid" --arg node "$node" --argjson new "$1" '. + {$node, $volid, changed: (.changed or $new)}' "$record"; }

# send: sets `upid`. 3 if it was refused, 4 if what became of it isn't known.
send() {
    local status moved="" code=0
    ln -sfn -- "$(realpath -- "$file")" "$tmp/upload"
    # The fields stand before the file: what comes behind it isn't read.
    status=$(cd -- "$tmp" && https --output answer --write-out '%{http_code}' --header 'Expect:' --speed-limit 1 --speed-time 120 \
        --form content=vztmpl --form checksum-algorithm=sha256 --form checksum="$sha256" --form "filename=@upload;filename=$name;type=application/octet-stream" \
        "$pve/nodes/$node/storage/$storage/upload" 2>"$tmp/error") || code=$?
    if ((code)); then
        https_why "$code" "$tmp/answer"
        [[ $code != [567] && $code != 35 && $code != 60 ]] || return 3 # no connection
        return 4
    fi
    if [[ $status != 200 ]]; then
        https_refused "$tmp/answer"
        why="$pve: $why"
        case $status in
        403) why+=" (PVE says no more of an upload: it needs Datastore.AllocateTemplate on /storage/$storage)" ;;
        50[234] | 59?) return 4 ;; # a gateway's own words, or those of the node that was asked about another
        esac
        return 3
    fi
    upid=$(jq -r '.data | strings' "$tmp/answer" 2>/dev/null) || true
    [[ $upid =~ ^UPID:[A-Za-z0-9-]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+:[a-z]+:[^/?#[:space:]]*:[^/?#[:space:]]+:$ ]] || { why="$pve: the answer names no task" && return 4; }
}

# follow UPID: to its end, at the node that was asked, whichever the file goes to.
follow() {
    local at=${1#UPID:} until=$((SECONDS + 3600)) silent=0 state
    at=${at%%:*}
    while ((SECONDS < until)); do
        if pve_records "/nodes/$at/tasks/$1/status" "$tmp/task"; then
            silent=0 state=$(jq -r 'select(.status == "stopped") | .exitstatus // "?"' "$tmp/task")
            case $state in
            "") ;;
            OK | WARNINGS:*) return 0 ;;
            *) why="the upload's task failed: $state" && return 3 ;;
            esac
        elif ((silent++ >= 30)); then
            return 3
        fi
        sleep 0.3
    done
    why="its task, $1, has not ended within an hour" && return 3
}

# arrived: waits until all of it is there.
arrived() {
    local lost=$why until=$((SECONDS + ${upload_wait_s:-60}))
    while ((SECONDS < until)); do
        found=""
        there || true
        [[ $found != "$size" ]] || return 0
        sleep 1
    done
    why=$lost
    return 3
}
# left_over: adds to `why` what a failed task has left under the name.
left_over() {
    local lost=$why
    found=""
    there || true
    why=$lost${found:+"; $volid is there with $found bytes: remove it before the next try (pvesm free $volid)"}
}
