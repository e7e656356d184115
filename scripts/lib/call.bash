# What the scripts share: their arguments, their messages, the tools they stand on.
#
# A script that sources this has set `values` (options that take a value) and `switches`
# (options that take none); `arguments` fills `opt` (by option name) and `words` (the rest).

version=0.1.0 # of the workspace, Cargo.toml
me=${0##*/}
acting='^(provision|configure|deprovision|(drain|return)-node|failover-drill|prune-(datastore|tarballs)|app-backup|publish-names|audit)$' # take --notify
lib=$(cd -- "${BASH_SOURCE[0]%/*}" && pwd)
declare -A opt=()
declare -a words=()

# clean TEXT: sets `cleaned`, TEXT without what a terminal would obey: each control character (C1 as UTF-8
# or as a bare byte, too), each one that hides or turns text round, and each byte that is no UTF-8 is a
# question mark. As the tools' own table::is_unsafe has it, and text.jq; in any locale.
clean() {
    local LC_ALL=C text=${1:0:4000} part # bytes; no line needs more of them
    local tail=$'[\x80-\xbf]' hidden=$'^(\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xa9]|\xef\xbb\xbf|\xc2[\x80-\x9f])'
    local letter=$'^([\xc2-\xdf]|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef]'"$tail"$'|\xed[\x80-\x9f]|\xf0[\x90-\xbf]'"$tail"$'|[\xf1-\xf3]'"$tail$tail"$'|\xf4[\x80-\x8f]'"$tail)$tail"
    cleaned=""
    while [[ $text ]]; do
        part=${text%%[!\ -~]*}
        cleaned+=$part text=${text:${#part}}
        if [[ $text =~ $hidden ]]; then
            cleaned+='?'
        elif [[ $text =~ $letter ]]; then
            cleaned+=${BASH_REMATCH[0]}
        else
            cleaned+=${text:+?} text=${text:1}
            continue
        fi
        text=${text:${#BASH_REMATCH[0]}}
    done
}

# say WHAT, fail CODE WHAT: one line on stderr, cleaned.
say() {
    local cleaned
    clean "$*"
    printf '%s: %s\n' "$me" "$cleaned" >&2
}
fail() {
    local code=$1
    shift
    say "$@"
    exit "$code"
}

usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' -- "$0"; }

# arguments "$@": `--name value`, `--name=value` and `name=value` (so Semaphore passes the
# values of a survey) are the same; an empty value says nothing. Nothing is ever evaluated.
arguments() {
    local word name value
    local -A kind=([name]=value)
    for name in "${values[@]}"; do kind[$name]=value; done
    for name in "${switches[@]}"; do kind[$name]=switch; done
    [[ ! $me =~ $acting ]] || kind[notify]=switch
    while (($#)); do
        word=$1
        shift
        case $word in
        -h | --help) usage && exit 0 ;;
        --version) printf '%s %s\n' "$me" "$version" && exit 0 ;;
        -n) word=--dry-run=true ;;
        -v) word=--verbose=true ;;
        esac
        [[ $word == -* || $word == *=* ]] || { word "$word" && continue; }
        name=${word%%=*} name=${name#--} name=${name//_/-}
        [[ $name =~ ^[a-z][a-z-]*$ && ${kind[$name]-} ]] || fail 2 "unknown option ${word%%=*} (-h shows the usage)"
        if [[ $word == *=* ]]; then
            value=${word#*=}
        elif [[ ${kind[$name]} == switch ]]; then
            value=true
        else
            (($#)) || fail 2 "--$name needs a value"
            value=$1
            shift
        fi
        case ${kind[$name]}:$value in
        *:) ;;
        switch:true | switch:yes | switch:1) opt[$name]=true ;;
        switch:false | switch:no | switch:0) opt[$name]=false ;;
        switch:*) fail 2 "$name is true or false, not '$value'" ;;
        *) if [[ $name == name ]]; then word "$value"; else opt[$name]=$value; fi ;;
        esac
    done
}
# word TEXT: one of `words`, which are names. A file there is a mistake: a guest would be called guests.jsonl.
word() {
    local lower=${1,,}
    if [[ $lower == */* || $lower =~ .\.(json|jsonl|ndjson|csv|tsv|ya?ml|txt)$ ]]; then
        fail 2 "$1 looks like a file, not like a name; where records are taken, they come on standard input: <$1"
    fi
    words+=("$1")
}
on() { [[ ${opt[$1]-} == true ]]; }

have() {
    local name
    for name; do command -v "$name" >/dev/null || return 1; done
}
need() { have "$1" || fail 2 "$1 is missing: $2"; }

# tools NAME...: the programs of this workspace, from PATH or from cargo's folder; built if in neither.
tools() {
    local root=${lib%/*/*}
    have "$@" && return 0
    PATH=${CARGO_TARGET_DIR:-$root/target}/release:$PATH
    have "$@" && return 0
    need cargo "it builds $* (https://rustup.rs has it)"
    say "building $* once, with cargo build --release"
    cargo build --quiet --release --manifest-path "$root/Cargo.toml" "${@/#/--package=}" >&2 ||
        fail 3 "building $*: cargo build failed"
}

# run COMMAND...: 0 and 1 are answers (1: some record was refused); anything else ends the script.
run() {
    local code=0
    "$@" || code=$?
    ((code < 2)) || exit "$code"
}

# by_signal CODE: a process that ended with CODE was ended by a signal. Some end with 255 by themselves.
by_signal() { (($1 > 128 && $1 <= 192)); }

# bounded KIB COMMAND...: no file that it writes gets longer; it sees a failed write then.
bounded() {
    (
        trap '' XFSZ
        ulimit -Sf "$1"
        exec "${@:2}"
    )
}

# filter WHAT FILTER [JQ-ARGUMENT...]: runs lib/FILTER.jq; bad input is called WHAT, and exit 2.
# jq's exit code is that of the last value alone, so anything it says on stderr counts.
filter() {
    local what=$1 program=$2 message
    shift 2
    { message=$(jq -c -L "$lib" "$@" -f "$lib/$program.jq" 2>&1 >&3); } 3>&1 && [[ ! $message ]] && return 0
    message=${message%%$'\n'*} message=${message#jq: } message=${message#error }
    [[ ! $message =~ ^\(at\ [^\(\)]*\):\ (.*) ]] || message=${BASH_REMATCH[1]}
    [[ ! $message =~ ^parse\ error:.*\ (line\ [0-9]+,\ column\ [0-9]+) ]] || message="${BASH_REMATCH[1]}: it is no JSON from there on"
    fail 2 "$what: $message"
}

# list FILE [FILTER [JQ-ARGUMENT...]]: the records of a list, an array, {"data":[..]} or a value each.
list() {
    local file=$1
    [[ -r $file ]] || fail 2 "$file: can't be read"
    # shellcheck disable=SC2094 # only named, and read
    filter "$file" "${2-list}" "${@:3}" <"$file"
}

# judged FILE WHAT: ends the script unless FILE is a stream of records, or a list of an API, that vmid reads: it
# knows what is none (a failed answer, a page of several, YAML, CSV, qm list) better than jq does. WHAT names it.
judged() {
    local message code=0
    message=$(vmid encode ${site_file:+--site "$site_file"} <"$1" 2>&1 >/dev/null) || code=$?
    ((code > 1)) || return 0
    message=${message%%$'\n'*} message=${message#vmid: }
    fail "$code" "$2: ${message#stdin: }"
}

# judged_list FILE FILTER [JQ-ARGUMENT...]: `list`, if vmid reads it, too, or if it is a state document, which lists
# guests. FILE is read once: it may be a pipe.
judged_list() {
    [[ -r $1 ]] || fail 2 "$1: can't be read"
    cat -- "$1" >"$tmp/judged" || fail 2 "$1: can't be read"
    jq -es 'length == 1 and (.[0] | type == "object" and has("version") and (.guests | type) == "array")' "$tmp/judged" >/dev/null 2>&1 ||
        judged "$tmp/judged" "$1"
    filter "$1" "${@:2}" <"$tmp/judged"
}

# tell WHAT: says on stderr what people should know of records, lib/told.jq.
tell() { filter "$1" told -r --arg me "$me" --arg what "$1" >&2; }

# mark STEP: adds the milliseconds since the last mark to `spent[STEP]`.
declare -A spent=()
mark() {
    local now=${EPOCHREALTIME//[!0-9]/}
    spent[$1]=$((${spent[$1]-0} + (now - last) / 1000)) last=$now
}
last=${EPOCHREALTIME//[!0-9]/}

# With --notify, scripts/notify runs the script once more.
if [[ $me =~ $acting && " $* " == *notify* ]]; then
    # shellcheck source=lib/notify.bash
    . "$lib/notify.bash"
    notified "$@"
fi
