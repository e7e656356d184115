# A template to a storage, by the API. The API overwrites what has the same name without a word, so it is looked for first. Sourced
# after call.bash, https.bash and pve.bash; needs `tmp`, `node` and `storage`.

upload_open() {
    [[ ${PROXMOX_VE_ENDPOINT-}${PROXMOX_HOST-} ]] || fail 2 "--upload goes by the API: set PROXMOX_VE_ENDPOINT and PROXMOX_VE_API_TOKEN"
    pve_open
}

# of_file FILE: the record of a template that was built before, by the manifest beside it.
of_file() {
    local manifest=${1%.tar.zst}.json sum
    [[ $1 == *.tar.zst && -r $1 && -r $manifest ]] || fail 2 "$1: no template with a manifest, $manifest, that can be read"
    sum=$(sha256sum <"$1")
    # shellcheck disable=SC2094 # only named, and read
    filter "$manifest" manifest --arg file "$1" --arg name "${1##*/}" --arg sum "${sum%% *}" <"$manifest"
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

# there: the size of `volid`, empty if it is not there. 3 if that can't be seen: `why` says why.
there() {
    pve_get "/nodes/$node/storage/$storage/content" content=vztmpl >"$tmp/content" || return 3
    jq -r --arg volid "$volid" 'select(.volid == $volid) | .size' "$tmp/content"
}

# upload RECORD: prints it with what became of it. 1 if it was refused, 3 if it failed.
upload() {
    local record=$1 file name size sha256 volid found why="" code=0 upid=""
    file=$(jq -r '.file' "$record") size=$(jq -r '.size' "$record") sha256=$(jq -r '.sha256' "$record")
    name=${file##*/} volid=$storage:vztmpl/${file##*/}
    found=$(there && printf .) || { there >/dev/null || true; not_uploaded upload "$why"; return 3; }
    found=${found%.} found=${found%$'\n'}
    if [[ $found == "$size" && $name == *"-${sha256:0:8}_"* ]]; then
        done_with false
        return
    elif [[ $found ]]; then
        not_uploaded name-taken "$volid is there, with $found bytes where this has $size, and would be overwritten"
        return 1
    fi
    pve_get "/nodes/$node/storage" >"$tmp/storages" || { not_uploaded upload "$why"; return 3; }
    found=$(jq -r --arg storage "$storage" --argjson size "$size" 'select(.storage == $storage)
        | if .content // "" | split(",") | index("vztmpl") == null then "none" elif .active == 0 or .enabled == 0 then "off" elif .avail != null and .avail < $size then .avail else "fits" end' "$tmp/storages")
    case $found in
    fits) ;;
    none) not_uploaded no-such-storage "$storage takes no container templates (vztmpl is none of its content)"; return 1 ;;
    off) not_uploaded no-such-storage "$storage is not active on $node"; return 1 ;;
    "") not_uploaded no-such-storage "$node has no $storage, or this token may not see it (Datastore.Audit)"; return 1 ;;
    *) not_uploaded no-room "$storage on $node has $found bytes left, and this has $size"; return 1 ;;
    esac
    send || code=$?
    case $code in
    0) follow "$upid" || { left_over; not_uploaded upload "$why"; return 3; } ;;
    3) not_uploaded upload "$why"; return 3 ;;
    *)
        arrived || { not_uploaded upload "$why; whether it came isn't known yet: the same call goes on"; return 3; }
        ;;
    esac
    found=$(there) || { not_uploaded upload "$why"; return 3; }
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
        if pve_get "/nodes/$at/tasks/$1/status" >"$tmp/task"; then
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
    local lost=$why until=$((SECONDS + ${upload_wait_s:-60})) found
    while ((SECONDS < until)); do
        found=$(there) || true
        [[ $found != "$size" ]] || return 0
        sleep 1
    done
    why=$lost
    return 3
}
# left_over: adds to `why` what a failed task has left under the name.
left_over() {
    local lost=$why found
    found=$(there) || true
    why=$lost${found:+"; $volid is there with $found bytes: remove it before the next try (pvesm free $volid)"}
}
