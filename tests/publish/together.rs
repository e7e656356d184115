//! Two runs at once, runs that are killed, and values that would be commands.

use std::{fs, process::Stdio};

use serde_json::json;

use crate::bed::{Answer, Bed, dnsmasq};

const ONE: &str = "192.168.30.51";
const FILE: &str = "/etc/dnsmasq.d/names.conf";

/// While the IPAM grows, runs begin side by side: at the end the server has all of it, because each reads the IPAM
/// when it is its turn.
#[test]
fn two_at_once() {
    let Some(bed) = Bed::new("two_at_once", &["dnsmasq"]) else {
        return;
    };
    bed.server("ns-1", ONE);
    bed.site(&[dnsmasq("ns-1", ONE)]);
    bed.first().published(true);
    let mut hosts = vec![("web", 70), ("db", 71), ("mail", 72)];
    let mut runs = Vec::new();
    for more in [("a", 90), ("b", 91), ("c", 92), ("d", 93)] {
        hosts.push(more);
        bed.ipam(&hosts);
        let mut run = bed.publishing(&["--apply", more.0]);
        run.stdout(Stdio::piped()).stderr(Stdio::piped());
        runs.push(run.spawn().unwrap());
    }
    for run in runs {
        let answer = Answer::of(&run.wait_with_output().unwrap());
        assert_eq!(
            (answer.code, answer.codes()),
            (Some(0), vec![""]),
            "{answer:#?}"
        );
    }
    let said = ["web", "a", "b", "c", "d"].map(|name| bed.ask(ONE, name));
    assert_eq!(
        said,
        [
            "192.168.30.70",
            "192.168.30.90",
            "192.168.30.91",
            "192.168.30.92",
            "192.168.30.93"
        ]
    );
    assert_eq!(
        bed.inside("ns-1", "ls -A /etc/dnsmasq.d"),
        ".names.conf.pvx-old\nnames.conf"
    );
    bed.publish(&["--apply"]).published(false);
}

/// A run that had to wait has the names that came meanwhile.
#[test]
fn the_ipam_is_read_when_it_is_its_turn() {
    let Some(bed) = Bed::new("the_ipam_is_read_when_it_is_its_turn", &["dnsmasq"]) else {
        return;
    };
    bed.server("ns-1", ONE);
    bed.site(&[dnsmasq("ns-1", ONE)]);
    bed.first().published(true);
    bed.bash("setsid -f flock /mnt/ns-1/root/etc/dnsmasq.d sh -c 'touch $TMPDIR/held; until test -e $TMPDIR/go; do sleep 0.1; done' </dev/null >/dev/null 2>&1; until test -e $TMPDIR/held; do sleep 0.1; done");
    let mut run = bed.publishing(&["--apply"]);
    run.stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    bed.bash("for i in $(seq 300); do ! pgrep -f '^flock -w 60 9' >/dev/null || break; sleep 0.1; done; pgrep -f '^flock -w 60 9'; sleep 0.5");
    bed.ipam(&[("web", 70), ("db", 71), ("mail", 72), ("late", 99)]);
    bed.bash("touch $TMPDIR/go");
    let answer = Answer::of(&run.wait_with_output().unwrap());
    answer.published(true);
    assert_eq!(bed.ask(ONE, "late"), "192.168.30.99");
}

/// Whoever is killed half-way leaves the server as it was, or so that the next run sees to it.
#[test]
fn killed_half_way() {
    let Some(bed) = Bed::new("killed_half_way", &["dnsmasq"]) else {
        return;
    };
    bed.server("ns-1", ONE);
    let mut server = dnsmasq("ns-1", ONE);
    // Waits in the middle, once.
    server["reload"] = json!(
        "if test -e /run/wait; then rm /run/wait; touch /run/waits; sleep 3; fi; dns restart"
    );
    bed.site(&[server]);
    bed.first().published(true);
    bed.ipam(&[("web", 80), ("db", 71), ("new", 73)]);
    let half_way = || {
        bed.inside("ns-1", "rm -f /run/waits; touch /run/wait");
        let mut run = bed.publishing(&["--apply"]);
        // Its process group is its own, so that one signal is for all of it.
        run.stdout(Stdio::null()).stderr(Stdio::null());
        let run = run.spawn().unwrap();
        bed.bash("for i in $(seq 300); do [ ! -e /mnt/ns-1/root/run/waits ] || break; sleep 0.1; done; test -e /mnt/ns-1/root/run/waits");
        run
    };
    let web = |name: &str| bed.ask(ONE, name);

    // The run: the server sees that nobody is there any more.
    let mut run = half_way();
    bed.bash("kill -KILL $(pgrep -f '^bash [^ ]*scripts/publish-names')");
    run.wait().unwrap();
    bed.bash("for i in $(seq 300); do grep -q 192.168.30.70 /mnt/ns-1/root/etc/dnsmasq.d/names.conf && ! pgrep -f '^sh -s' && break; sleep 0.1; done; ! pgrep -f '^sh -s'");
    assert_eq!([web("web"), web("new")], ["192.168.30.70", ""]);
    assert_eq!(
        bed.inside("ns-1", "ls -A /etc/dnsmasq.d; ls /tmp"),
        "names.conf"
    );
    bed.publish(&["--apply"]).published(true);
    assert_eq!([web("web"), web("new")], ["192.168.30.80", "192.168.30.73"]);

    // What runs on the server: the file is new, and was not read. The next run has it read.
    bed.ipam(&[("web", 81), ("db", 71), ("new", 73)]);
    let run = half_way();
    bed.bash("kill -KILL $(pgrep -f '^sh -s') $(pgrep -f '[s]leep 3; fi') $(pgrep -f '^sleep 3')");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        [
            web("web"),
            bed.inside("ns-1", &format!("grep -c 30.81 {FILE}"))
        ],
        ["192.168.30.80", "1"]
    );
    bed.publish(&["--apply"]).published(false);
    assert_eq!(web("web"), "192.168.30.81");

    // The connection alone.
    bed.ipam(&[("web", 83), ("db", 71), ("new", 73)]);
    bed.inside("ns-1", "rm -f /run/waits; touch /run/wait");
    let mut run = bed.publishing(&["--apply"]);
    run.stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    bed.bash("for i in $(seq 300); do [ ! -e /mnt/ns-1/root/run/waits ] || break; sleep 0.1; done; kill -KILL $(pgrep -f '^ssh -F none')");
    let lost = Answer::of(&run.wait_with_output().unwrap());
    assert_eq!(lost.codes(), ["lost"], "{lost:#?}");
    bed.bash("for i in $(seq 300); do pgrep -f '^sh -s' >/dev/null || break; sleep 0.1; done");
    assert_eq!(
        [
            web("web"),
            bed.inside("ns-1", &format!("grep -c 30.81 {FILE}"))
        ],
        ["192.168.30.81", "1"]
    );

    // TERM: what was begun is ended, and it says so.
    bed.ipam(&[("web", 82), ("db", 71), ("new", 73)]);
    let run = half_way();
    bed.bash("kill -TERM $(pgrep -f '^bash [^ ]*scripts/publish-names' | head -n 1)");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(web("web"), "192.168.30.82");
}

/// Everything in the site is somebody's text, and what a server says, too.
#[test]
fn hostile_values() {
    let Some(bed) = Bed::new("hostile_values", &["dnsmasq"]) else {
        return;
    };
    bed.server("ns-1", ONE);
    let name = "a b'\"$(touch pwned)`touch pwned`;touch pwned; -r \\.conf";
    let mut server = dnsmasq("ns-1", ONE);
    server["file"] = json!(format!("/etc/dnsmasq.d/{name}"));
    server["check"] = json!("test 'a' = \"a\" && dnsmasq --test --conf-dir=/etc/dnsmasq.d");
    bed.site(&[server.clone()]);
    // What a profile prints is no answer.
    bed.inside("ns-1", "echo 'echo hello; echo failed write x' >/root/.bashrc; echo 'echo profile' >/root/.profile");
    bed.first().published(true);
    assert_eq!(
        bed.inside(
            "ns-1",
            "ls -A /etc/dnsmasq.d; find / -xdev -name pwned | wc -l"
        ),
        format!("{name}\n0")
    );
    bed.ipam(&[("web", 80), ("db", 71), ("mail", 72)]);
    bed.publish(&["--apply"]).published(true);
    assert_eq!(bed.ask(ONE, "web"), "192.168.30.80");

    // A file that would steer a terminal, and names in it that nobody can ask for.
    let evil = "# Made by publish-names \\nhost-record=x\\033]0;owned\\007.lab.example,192.168.30.9\\nhost-record=web.lab.example,192.168.30.70\\n";
    bed.site(&[dnsmasq("ns-1", ONE)]);
    bed.inside(
        "ns-1",
        &format!("rm -f /etc/dnsmasq.d/*; printf '{evil}' >{FILE}"),
    );
    let answer = bed.publish(&["--apply"]);
    answer.published(true);
    assert!(
        !answer.said.contains('\x1b') && answer.said.contains("-host-record=x?]0;owned?"),
        "{}",
        answer.said
    );
    assert_eq!(
        answer.records[0]["removed_names"][0],
        json!("x?]0;owned?.lab.example")
    );

    // A server that never ends its line, and one that says nothing.
    for (what, line) in [("endless", "yes | tr -d '\\n'"), ("silent", "exit 0")] {
        fs::write(bed.path("shell"), format!("#!/bin/sh\n{line}\n")).unwrap();
        bed.bash("install -m 755 $TMPDIR/shell /mnt/ns-1/root/bin/odd; sed -i 's,^\\(root:.*\\):[^:]*$,\\1:/bin/odd,' /mnt/ns-1/root/etc/passwd");
        let answer = bed.publish(&["--apply"]);
        assert_eq!(answer.codes(), ["login"], "{what}: {answer:#?}");
    }
}
