# curl against an API: the one place where a script speaks HTTP. Sourced after call.bash; needs `tmp`.
# TLS 1.2 or later, a certificate that is checked, no redirects, answers of a bounded size.

ulimit -Sc 0 # a core of what holds a token would hold it, too
answer_kib=32768 # at most, of one answer; a list of 1,000 guests has 1,000 KiB

# endpoint NAME URL: sets `url`, without a slash at its end. Refuses what would show a secret in a message or an
# argument (user:password@), what isn't a plain address, and http:// except to this host. NAME is who says it.
endpoint() {
    local pattern='^(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?$'
    local scheme
    url=${2%/}
    [[ $url != *@* ]] || fail 2 "$1 has a user or a password (@) in it, which would be seen: it is an address alone, https://host:port"
    [[ $url =~ $pattern ]] || fail 2 "$1 is no address of the form https://host:port"
    scheme=${BASH_REMATCH[1]}
    [[ $scheme == https || ${BASH_REMATCH[2]} =~ ^(localhost|127(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}|\[::1\])$ ]] ||
        fail 2 "$1: $url: https only, or the token could be read on the way (http:// is for this host alone)"
}

# trust URL: sets `trust`, curl's options, from --ca-cert, --fingerprint or --insecure; else the system's.
# curl can pin a key, not a certificate: so the certificate is fetched and compared first.
trust() {
    local host=${1#*://} wanted=${opt[fingerprint]-} found pin
    host=${host%%/*} wanted=${wanted//:/} wanted=${wanted,,}
    [[ $host =~ :[0-9]+$ ]] || host+=:443
    trust=()
    if [[ $wanted ]]; then
        [[ $wanted =~ ^[0-9a-f]{64}$ ]] || fail 2 "a SHA-256 fingerprint has 64 hexadecimal digits, not '$wanted'"
        need openssl "apt-get install openssl"
        timeout 10 openssl s_client -connect "$host" </dev/null 2>/dev/null | head -c 1000000 | openssl x509 >"$tmp/certificate" 2>/dev/null ||
            fail 3 "$host: no certificate came"
        found=$(openssl x509 -in "$tmp/certificate" -outform der | sha256sum)
        found=${found%% *}
        [[ $found == "$wanted" ]] || fail 3 "$host: its certificate has the fingerprint $found, not $wanted"
        pin=$(openssl x509 -in "$tmp/certificate" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
        trust=(--insecure --pinnedpubkey "sha256//$pin")
    elif [[ ${opt[ca-cert]-} ]]; then
        [[ -r ${opt[ca-cert]} ]] || fail 2 "${opt[ca-cert]}: can't be read"
        trust=(--cacert "${opt[ca-cert]}")
    elif on insecure; then
        say "the certificate of $host is NOT checked (--insecure): whoever answers gets the token"
        trust=(--insecure)
    fi
}

# https_open URL HEADER: after it `https` asks there. HEADER holds the token, and is never exported.
https_open() {
    need curl "apt-get install curl"
    https_header=$2 trust=()
    https_options=(-q --silent --show-error --globoff --tlsv1.2 --proto "=${1%%:*}" --connect-timeout 10 --header @/dev/fd/9)
    if [[ $1 == http://* ]]; then https_options+=(--noproxy "*"); else trust "$1"; fi
    https_options+=("${trust[@]}")
}

# https CURL-OPTION...: curl's exit code. The token is neither in an argument nor in a file. No file that curl
# writes gets longer than answer_kib, even if the server says no length (--max-filesize goes by what it says).
https() {
    bounded "$answer_kib" curl "${https_options[@]}" --max-filesize "$((answer_kib * 1024))" "$@" 9< <(printf '%s\n' "$https_header")
}

# https_get URL FILE: the answer in FILE, and sets `status`, the HTTP status, and `moved`, where it redirects to. 3 if none came: `why` says why.
https_get() {
    local code=0
    why=""
    status=$(https --output "$2" --write-out '%{http_code} %{redirect_url}' --max-time 60 "$1" 2>"$tmp/error") || code=$?
    moved=${status#* } status=${status%% *} moved=${moved%%\?*}
    ((code == 0)) || { https_why "$code" "$2" && return 3; }
}

# https_refused FILE: sets `why`, what an answer with `status` and `moved` that is not the one hoped for says.
https_refused() {
    why="HTTP $status $(jq -r '[.message, .detail, .error | strings] | first // "" | rtrimstr("\n")' "$1" 2>/dev/null || true)"
    why=${why% }
    case $status in
    3??) why="HTTP $status: redirected to ${moved:-nowhere}, which is not followed; name that address if it is right" ;;
    401) why+=": the server doesn't know this token, or its secret is another" ;;
    esac
}

# https_why CODE FILE: sets `why`, what is wrong with the answer in FILE when curl ended with CODE.
https_why() {
    why=$(head -n 1 "$tmp/error")
    ! by_signal "$1" || { why="curl was ended by the signal $(kill -l "$1")" && return; }
    if [[ $1 == 35 ]]; then
        case $why in
        *"wrong version number"* | *"packet length too long"* | *"unknown protocol"*) why="it speaks no TLS; is that http, or another port?" ;;
        *"protocol version"* | *"unsupported protocol"*) why="it speaks no TLS 1.2 or later" ;;
        *) why="no TLS connection comes about: ${why#curl: (35) }" ;;
        esac
    fi
    [[ $1 != 63 ]] && (($(stat -c %s "$2" 2>/dev/null || echo 0) < answer_kib * 1024)) || why="the answer is longer than $((answer_kib / 1024)) MiB"
}

# secret NAME: the variable NAME, else the content of the file that NAME_FILE names.
secret() {
    local file=$1_FILE
    if [[ ${!1-} ]]; then
        printf '%s' "${!1}"
    elif [[ ${!file-} ]]; then
        [[ -r ${!file} ]] || fail 2 "$file: ${!file} can't be read"
        printf '%s' "$(head -c 65536 -- "${!file}" | tr -d '\0')"
    fi
}
