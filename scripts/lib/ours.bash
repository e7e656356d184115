# Who may have written the site's commands. Sourced after call.bash.

# only_ours FILE: exit 2 if others than the caller and root may write to the site file, or put another in its place:
# they could have any command run. So each folder on its way is looked at, and those that links lead through.
only_ours() {
    local path=$1 rest place="" part links=0
    rest=$(readlink -e -- "$1") || return 0 # vmid says what is wrong with it
    [[ -f $rest ]] || return 0
    [[ $path != /dev/* && $path != /proc/* ]] || path=$rest
    [[ $path == /* ]] || path=$(pwd -P)/$path
    rest=${path#/}
    ours /
    while [[ $rest ]]; do
        part=${rest%%/*} rest=${rest:${#part}} rest=${rest#/}
        case $part in
        '' | .) ;;
        ..) place=${place%/*} ;;
        *)
            ours "$place/$part"
            if [[ -L $place/$part ]]; then
                ((++links <= 40)) || fail 2 "$1: too many links"
                part=$(readlink -- "$place/$part" && printf x) part=${part%$'\nx'}
                [[ $part != /* ]] || place=""
                rest=$part/$rest
            else
                place+=/$part
            fi
            ;;
        esac
    done
}

# ours PLACE: one part of the way. In a sticky folder (/tmp) nobody but its owner replaces what is there.
ours() {
    local owner mode kind user
    read -r owner mode kind user < <(stat -c '%u %a %f %U' -- "$1" 2>/dev/null) || fail 2 "$1: it can't be looked at"
    ((owner == 0 || owner == EUID)) ||
        fail 2 "$1 belongs to $user, and the site's commands are run: it must be root's, or of the user who runs $me: chown --no-dereference $EUID ${1@Q}"
    kind=$((16#$kind & 16#f000))
    ((kind != 16#a000)) || return 0 # a link has no mode
    ((kind != 16#4000 || (8#$mode & 8#1000) == 0)) || return 0
    (((8#$mode & 8#022) == 0)) ||
        fail 2 "$1 may be written to by others than its owner (mode $mode), and the site's commands are run: chmod go-w ${1@Q}"
}
