# A script that ends in a tool's --nagios is a plugin to its end: whatever goes wrong before that is its line, too.
# Sourced after call.bash; needs `tmp`.

judged=false # true from where the tool answers

# plugin "$@": if --nagios is among these words, whatever ends the script before the tool has answered is a plugin's line on
# stdout, and exit code 3: what stderr was told last, but for hints.
plugin() {
    [[ " $* " == *" --nagios "* || " $* " == *" --nagios=true "* || " $* " == *" nagios=true "* ]] || return 0
    exec 5>&1 6>&2 2>"$tmp/said"
    trap 'plugin_ends "$?"' EXIT
}
plugin_ends() {
    local code=$1 cleaned
    if ! $judged && ((code)); then
        clean "$(grep -v '^[a-z-]*: hint: ' "$tmp/said" | tail -n 1)"
        printf 'PBSPRUNE UNKNOWN: %s\n' "${cleaned//|//}" >&5
        code=3
    else
        cat -- "$tmp/said" >&6
    fi
    rm -rf -- "$tmp"
    exit "$code"
}
