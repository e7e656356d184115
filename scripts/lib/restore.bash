# Whether a service's newest backup can be restored: unpacked, its databases opened, and judged by the application's
# own `verify`. Sourced after backup.bash.

# restore_test: of the service of `app`.
restore_test() {
    local newest status=0 database age
    mode=restore
    begin
    restored=$(mktemp -d -- "${TMPDIR:-/var/tmp}/app-restore-XXXXXXXX") || report no-stage "no folder can be made in ${TMPDIR:-/var/tmp}"
    trap '[[ $BASHPID != "$owner" ]] || rm -rf -- "$restored"; end' EXIT
    unpacked=$restored/data # the archive says whose ./ is and who may read it; $restored is ours alone
    mkdir -- "$unpacked" || report no-stage "$unpacked: it can't be made"
    lock_app || report busy "another run of it is not done yet"
    probe "$target_s" || report "$code" "$why"
    enter_folder || report "$code" "$why"
    archives || { failed $? "$work/error"; report "$code" "$why"; }
    newest=$(tail -n 1 -- "$work/all")
    [[ $newest ]] || report no-backup "$target/BK_$service: no complete backup is in it"
    size=${newest%%$'\t'*} file=${newest#*$'\t'}
    [[ $file != *.zst ]] || have zstd || report no-zstd "$file: no zstd to unpack it: apt-get install zstd"
    packer "$([[ $file != *.zst ]] || echo zstd)"
    watched read_back "./$file" tar --extract --file=- --verbose --quoting-style=escape --numeric-owner -C "$unpacked" 2>"$work/error" || status=$?
    count=$(wc -l <"$work/list") sum=$(<"$work/read") sum=${sum%% *}
    ((status == 0)) || { failed "$status" "$work/error" || report "$(unpacking "$code")" "$why"; }
    ((count)) || report unreadable "$target/BK_$service/$file: it is empty"
    all_there
    open_databases
    judged_by_app
    too_old
    report
}

# unpacking CODE: what went wrong in reading is the archive's fault, unless the target hangs, or this disk is full.
unpacking() {
    case $1 in
    target-hung) echo "$1" ;;
    target-full) echo no-stage ;;
    *) echo unreadable ;;
    esac
}

# all_there: goes to the restored folder, which must have each member of the archive. A member may be listed twice: a
# database, or a dump, in the place of a file.
all_there() {
    local listed found
    cd -P -- "$unpacked" || report no-stage "$unpacked: the restored folder can't be entered"
    listed=$(sed 's,/$,,' -- "$work/list" | LC_ALL=C sort -u | wc -l) || listed=0
    found=$(find . -printf x | wc -c) || found=0
    ((listed > 1 && found >= listed)) || report unreadable "$target/BK_$service/$file: it lists $listed names (the folder itself is one), and $found are there when it is unpacked"
}

# open_databases: each SQLite database of the restored folder is checked, and named in the record.
open_databases() {
    local found=() database answer
    databases || report interrupted "$file: the search for SQLite databases was ended half-way"
    ((${#found[@]} == 0)) || have sqlite3 || report no-sqlite3 "$file: ${#found[@]} SQLite databases, and no sqlite3 to check them: apt-get install sqlite3"
    for database in "${found[@]}"; do
        whole "$database" || report corrupt "${file}: ${database#./}: integrity_check: $answer"
    done
    jq -nc '{sqlite: ($ARGS.positional | map(ltrimstr("./")) | sort)}' --args -- "${found[@]}" >"$work/facts"
}

# judged_by_app: the application's own word on its restored folder.
judged_by_app() {
    local status=0 line
    [[ ${app[verify]} ]] || return 0
    (
        exec {lock}>&-
        PVX_RESTORED=$unpacked exec timeout -k 10 "${app[timeout_s]}" bash -c "${app[verify]}"
    ) </dev/null >"$work/said" 2>&1 || status=$?
    line=$(tail -c 4096 -- "$work/said" | grep -v '^[[:space:]]*$' | tail -n 1)
    ((status == 0)) || report verify "$file: verify: $(how_it_ended "$status")${line:+: $line}"
}

# too_old: the archive may be fine, and be of last month.
too_old() {
    local time=${file#"${service}_"} age
    time=${time%%.*}
    age=$(($(date +%s) - $(date -u -d "${time:0:10} ${time:11:2}:${time:13:2}:${time:15:2}Z" +%s)))
    ((age >= -300)) || report future "$file is dated $((-age)) s in the future, so nobody knows how old it is: see the clock, then remove or rename it"
    [[ ! ${app[max_age_s]} ]] || ((age <= app[max_age_s])) || report stale "$file is $age s old, and max_age_s is ${app[max_age_s]}"
}

# serve LINE: what is asked for, done for the service of this line of $tmp/apps.
serve() {
    set +e # each status is looked at
    trap - EXIT
    read_app "$1"
    if on restore-test; then
        restore_test
    elif on settle; then
        settle_only
    elif on dry-run; then
        begin
        probe "$target_s" || { say "$service: $why" && exit 3; }
        jq -c --arg target "$target/BK_$service" '{service: .name, host: .far, path, target: $target, keep, changed: false}' <<<"$1"
    else
        back_up
    fi
}
