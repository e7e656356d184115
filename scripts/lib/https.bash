# curl against an API whose certificate is checked. Sourced after call.bash; needs `tmp`.

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
        timeout 10 openssl s_client -connect "$host" </dev/null 2>/dev/null | openssl x509 >"$tmp/certificate" 2>/dev/null ||
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

# secret NAME: the variable NAME, else the content of the file that NAME_FILE names.
secret() {
    local file=$1_FILE
    if [[ ${!1-} ]]; then
        printf '%s' "${!1}"
    elif [[ ${!file-} ]]; then
        [[ -r ${!file} ]] || fail 2 "$file: ${!file} can't be read"
        printf '%s' "$(<"${!file}")"
    fi
}
