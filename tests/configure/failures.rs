//! What fails is named, changes nothing else, and the same call goes on from there.

use std::{fs, process::Stdio};

use serde_json::json;

use crate::bed::Bed;

/// A step that fails, how it is provoked, what the message says; and then the same call again.
#[test]
fn the_step_is_named() {
    let Some(bed) = Bed::new("the_step_is_named") else {
        return;
    };
    let record = bed.made("web", "192.168.30.70");
    let site = json!({"timezone": "Europe/Berlin", "templates": {"base": {"packages": ["lab-tool"], "commands": [{"run": "echo half; echo 'no such thing' >&2; exit 7", "unless": "test -e /etc/wanted"}]}}});
    bed.site(&site);
    #[rustfmt::skip]
    let cases = [
        ("no sshd",       "kill $(cat /mnt/web/sshd); until ! pgrep -F /mnt/web/sshd >/dev/null; do sleep 0.05; done", "no-sshd", "no ssh server answers at 192.168.30.70"),
        ("another's key", "guest serve web; mv /mnt/web/root/root/.ssh/authorized_keys /mnt/web/keep", "configure", "login: root@192.168.30.70: "),
        ("no bash",       "mv /mnt/web/keep /mnt/web/root/root/.ssh/authorized_keys; guest exec web sh -c 'mv /bin/bash /bin/no-bash; usermod -s /bin/sh root 2>/dev/null || sed -i s,/bin/bash,/bin/sh, /etc/passwd'", "unsupported-os", "there is no bash"),
        ("not Debian",    "guest exec web mv /bin/no-bash /bin/bash; cd /mnt/web/root/etc; mv os-release kept; echo ID=alpine >os-release", "unsupported-os", "it is alpine, and only"),
        ("mirror down",   "cd /mnt/web/root/etc; rm os-release; mv kept os-release; sed -i s,mirror.test/,mirror.test:81/, apt/sources.list", "configure", "packages: the package source mirror.test can't be reached within 1 s: no connection to port 81"),
        ("no such name",  "sed -i s,mirror.test:81,nobody.test, /mnt/web/root/etc/apt/sources.list", "configure", "packages: the package source nobody.test can't be reached within 1 s: its name is not resolved"),
        ("IPv6",          "sed -i 's,nobody.test,[fd00:30::1]:81,' /mnt/web/root/etc/apt/sources.list", "configure", "packages: the package source fd00:30::1 can't be reached within 1 s: no connection to port 81"),
        ("mirror empty",  "sed -i 's,.fd00:30::1.:81,mirror.test,' /mnt/web/root/etc/apt/sources.list; mv /mnt/www/Packages /mnt/Packages", "configure", "packages: apt-get update: E: "),
        ("no package",    "awk -v RS= -v ORS='\\n\\n' '!/^Package: lab-tool/' /mnt/Packages >/mnt/www/Packages", "configure", "packages: apt-get install: E: Unable to locate package lab-tool"),
        ("command",       "cp /mnt/Packages /mnt/www/Packages", "configure", "templates.base.commands[0]: no such thing"),
    ];
    for (what, before, code, part) in cases {
        bed.bash(before);
        newer(&bed);
        let answer = bed.configure(&["--wait", "1"], std::slice::from_ref(&record));
        answer.refused(code, part, what);
        let changed = what == "command";
        assert_eq!(answer.records[0]["changed"], json!(changed), "{what}");
    }
    let before = bed.inside("web", "sha256sum /var/lib/dpkg/status");
    bed.bash("touch /mnt/web/root/etc/wanted");
    let answer = bed.configure(&[], &[record]);
    assert_eq!(answer.ready()["configured"], json!({}));
    assert_eq!(bed.inside("web", "sha256sum /var/lib/dpkg/status"), before);
}

/// Each list of the mirror is a second newer than the last one: apt asks for what is newer than what it has, in whole seconds.
fn newer(bed: &Bed) {
    bed.bash("[ ! -e /mnt/www/Packages ] || { n=$(($(cat /mnt/newer 2>/dev/null || date +%s) + 1)); echo $n >/mnt/newer; touch -d @$n /mnt/www/Packages; }");
}

/// Ended in the middle of a command, which isn't begun a second time under itself.
#[test]
fn a_run_that_is_ended() {
    let Some(bed) = Bed::new("a_run_that_is_ended") else {
        return;
    };
    let record = bed.made("web", "192.168.30.71");
    bed.site(&json!({"templates": {"base": {"commands": [
        {"run": "echo x >>/etc/begun; until test -e /etc/go; do sleep 0.1; done", "unless": "test -e /etc/go && test -e /etc/begun"}]}}}));
    fs::write(bed.path("input"), record.to_string()).unwrap();
    let run = bed
        .command("bash")
        .args([
            "-c",
            "cd \"$TMPDIR\"; echo $$ >pid; exec configure --identity /mnt/lab/id <input",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bed.bash("for i in $(seq 600); do [ ! -e /mnt/web/root/etc/begun ] || break; sleep 0.1; done; kill -TERM $(cat $TMPDIR/pid)");
    let answer = crate::bed::Answer::of(&run.wait_with_output().unwrap());
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(answer.said.contains("cut off"), "{answer:?}");
    assert_eq!(
        bed.bash("for i in $(seq 100); do pgrep 'ssh$' >/dev/null || break; sleep 0.1; done; pgrep -c 'ssh$' || true; ls -d $TMPDIR/tmp.* 2>/dev/null || true"),
        "0"
    );
    bed.bash("touch /mnt/web/root/etc/go");
    bed.configure(&[], &[record]).ready();
    assert_eq!(bed.inside("web", "cat /etc/begun"), "x");
}
