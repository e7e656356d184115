# A container template of Debian: built in namespaces of its own, packed so that the same packages give the same bytes.
# Sourced after call.bash; needs `tmp` and root.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suites=([11]=bullseye [12]=bookworm [13]=trixie [14]=forky)
# shellcheck source=/dev/null
own_suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME-}")
builder="" work=""

# suite_of LXC: sets `suite`: that of the template which the site names so far (debian-13-...), else the builder's own.
suite_of() {
    suite=$own_suite
    [[ ! $1 =~ (^|[:/])debian-([0-9]+)- ]] || suite=${suites[${BASH_REMATCH[2]}]-$own_suite}
    [[ $suite =~ ^[a-z]+$ ]] || fail 2 "which Debian it is to be isn't clear: --suite NAME"
}

# package_sources SUITE [MIRROR]: writes $work/sources, "URL SUITE" a line, the suite itself first: from where this machine
# has its own packages, or from MIRROR; security updates in any case as this machine has them. Others than Debian's, such as Proxmox's,
# bear the same suite's name, and no signature of Debian's.
package_sources() {
    local own=${own_suite:-none} url name which why="" index=0
    {
        [[ ! ${2-} ]] || printf '%s\n' "$2 $1" "$2 $1-updates"
        apt-get --print-uris update 2>/dev/null | sed -n "s,^'\\(https\\?://[^'@ ]*\\)/dists/$own\\(-updates\\|-security\\)\\?/InRelease'.*,\\1 $1\\2,p" |
            if [[ ${2-} ]]; then grep -- '-security$' || true; else cat; fi
    } | sort -u >"$work/candidates"
    : >"$work/sources"
    for which in main more; do
        while read -r url name; do
            if signed "$url/dists/$name/InRelease" "$work/release.$((index++))"; then printf '%s %s\n' "$url" "$name" >>"$work/sources"; fi
        done < <(awk -v suite="$1" -v which="$which" '($2 == suite) == (which == "main")' "$work/candidates")
        [[ -s $work/sources ]] || undone sources "there is no source of $1 that is signed by Debian: ${why:-apt here has none of $own} (--mirror URL names another)" 3 || return
    done
    grep -q -- '-security$' "$work/sources" || say "$title: none of its sources has security updates of $1"
}
# signed URL FILE: fetches a release file as apt would; false unless it is Debian's: `why` says why.
signed() {
    if ! /usr/lib/apt/apt-helper -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=2 download-file "$1" "$2" >"$2.said" 2>&1; then
        why="$1 can't be had: $(sed -n 's/^E: //p' "$2.said" | head -n 1)"
        return 1
    fi
    gpgv --quiet --keyring "$keyring" "$2" >/dev/null 2>&1 || { why="$1 isn't signed by a key of $keyring" && return 1; }
}

# undone STEP WHY CODE: the template is not built: $tmp/error, and CODE.
undone() {
    jq -nc -L "$lib" --arg step "$1" --arg why "$2" 'include "text"; {code: "build", step: $step, message: ($why | printable)}' >"$tmp/error"
    return "$3"
}

# workshop FOLDER: sets `work`, a folder beside the result that no other run is at; what an earlier one left goes. What is
# mounted there is so in the builder's namespace alone.
workshop() {
    work=$(realpath -- "$1")/.build-template-$title
    mkdir -m 700 -- "$work" 2>/dev/null || [[ -d $work && ! -L $work && -O $work ]] || undone work "$work: a folder of one's own can't be made there" 3 || return
    exec {lock}<"$work" || return 3
    flock -n "$lock" || { exec {lock}<&- && lock="" && undone work "$work: another run is at it" 3 || return; }
    find "$work" -mindepth 1 -delete || undone work "$work: what an earlier run left can't be removed" 3
}

# cause LOG: the line that says why a build failed: the first error is that of which the others are the consequence.
cause() { { grep -aE '^(build|refused): ' "$1" || grep -aE '^(E|dpkg: error|tar|zstd|mount): ?' "$1" || tail -n 1 -- "$1"; } | head -n 1 | cut -c 1-600; }

# build JOB SUITE MIRROR CACHE: writes $work/template.tar.zst and $work/made, from a {job}. Of the caller's environment it has the proxies alone:
# a command of the site may write down what it sees, and a time zone would be in the result.
build() {
    local code=0 step line name not_there=()
    filter template inside -r --arg pvx "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" --arg dry "" --arg wait_s 30 <"$1" >"$work/script"
    cat -- "$lib/inside.bash" 2>"$tmp/said" >>"$work/script" || undone work "$work: it can't be written to: $(<"$tmp/said")" 3 || return
    package_sources "$2" "$3" || return
    [[ ! -t 2 ]] || say "$title: Debian $2 from $(head -n 1 -- "$work/sources"); it takes a minute or two"
    while IFS="=" read -r -d '' name _; do
        [[ $name == PATH || $name =~ ^(https?|no|all)_proxy$ ]] || not_there+=("--unset=$name")
    done < <(env -0)
    # Its death is its children's: with the namespace's first process all others in it end, and its mounts go.
    env "${not_there[@]}" setpriv --pdeathsig KILL unshare --mount --pid --ipc --uts --fork --kill-child --mount-proc "$BASH" "$lib/rootfs.bash" "$work" "$4" </dev/null >"$work/log" 2>&1 &
    builder=$!
    wait "$builder" || code=$?
    builder=""
    ((code)) || return 0
    step=$(cat -- "$work/step" 2>/dev/null) code=3
    jq -R 'fromjson? | select(.failed)' "$work/answers" >"$work/failed" 2>/dev/null || true
    if [[ -s $work/failed ]]; then
        step=$(jq -r '.failed' "$work/failed") line=$(jq -r '.why' "$work/failed") code=1
    else
        line=$(cause "$work/log")
        [[ $line != refused:* ]] || code=1
        line=${line#build: } line=${line#refused: }
    fi
    if grep -qaE 'No space left on device|enough free space' "$work/log" "$work/root/debootstrap/debootstrap.log" - <<<"$line" 2>/dev/null; then
        line="no space is left there: $line" code=3
    fi
    undone "${step:-namespaces}" "${line:-it ended with no word}" "$code"
}

# named JOB: sets `name`, the file's name as Proxmox has those of templates: by content, so none is used twice; and of what an upload keeps.
named() {
    sha256=$(sha256sum -- "$work/template.tar.zst") || return 3
    sha256=${sha256%% *}
    name=$(jq -r --arg title "$title" --arg sum "${sha256:0:8}" \
        '"debian-\(.debian | split(".")[0] | split("/")[0])-\($title | gsub("[^A-Za-z0-9.-]"; "-"))_\(.debian | gsub("[^0-9a-z.]"; "-"))-\(.date[:10] | gsub("-"; ""))-\($sum)_\(.arch).tar.zst"' "$work/made")
}

# publish JOB FOLDER: the template gets its name, and before that its manifest. Sets `file` and `changed`.
publish() {
    local manifest=$2/${name%.tar.zst}.json
    file=$2/$name changed=true
    jq --slurpfile job "$1" --arg file "$name" --arg sha256 "$sha256" --argjson size "$(stat -c %s -- "$work/template.tar.zst")" \
        '$job[0].job as $job | {template: $job.template, file: $file, sha256: $sha256, size: $size, suite, debian, arch, date, recipe, sources,
          asked: $job.asked, timezone: $job.timezone, locale: $job.locale, commands: [$job.commands[].run], packages}' "$work/made" >"$work/manifest" &&
        chmod 644 -- "$work/manifest" "$work/template.tar.zst" && sync -- "$work/manifest" "$work/template.tar.zst" || undone file "$file: it can't be written" 3 || return
    if cmp -s -- "$work/template.tar.zst" "$file" && cmp -s -- "$work/manifest" "$manifest"; then
        changed=false
    elif ! mv -fT -- "$work/manifest" "$manifest" || ! mv -fT -- "$work/template.tar.zst" "$file"; then
        undone file "$file: it can't be written" 3
    fi
}

# template JOB FOLDER SUITE MIRROR CACHE: builds it, and writes $tmp/record, or $tmp/error and then it is false: 1 or 3.
template() {
    local began=${EPOCHREALTIME//[!0-9]/} lock name file sha256 changed title code=0
    title=$(jq -r '.job.template' "$1")
    echo '{"code": "build", "message": "the disk of the temporary files is full"}' >"$tmp/error"
    { workshop "$2" && build "$1" "$3" "$4" "$5" && named && publish "$1" "$2"; } || code=$?
    ((code)) || jq -c --arg template "$title" --arg file "$file" --arg sha256 "$sha256" --argjson size "$(stat -c %s -- "$file")" \
        --argjson changed "$changed" --argjson ms "$(((${EPOCHREALTIME//[!0-9]/} - began) / 1000))" \
        '{$template, $file, $sha256, $size, packages: (.packages | length), suite, took_ms: $ms, steps_ms, $changed}' "$work/made" >"$tmp/record"
    [[ ! ${lock-} ]] || { rm -rf -- "$work" && exec {lock}<&-; }
    return "$code"
}
