//! Nothing is called verified that nobody has seen, whoever of those that ask or answer ends half-way.

use std::process::Stdio;

use serde_json::json;

use crate::bed::{Answer, Bed, dnsmasq};

const ONE: &str = "192.168.30.51";
const FILE: &str = "/etc/dnsmasq.d/names.conf";

#[test]
fn only_what_was_seen() {
    let Some(bed) = Bed::new("only_what_was_seen", &["dnsmasq"]) else {
        return;
    };
    let [one, two] = bed.two();
    bed.first().published(true);

    // Who asks is killed, or ends in the middle.
    bed.ipam(&[("web", 80), ("db", 79), ("mail", 72)]);
    for script in ["kill -KILL $$", "\"$real\" \"$@\" | head -n 1"] {
        let answer = bed.with_hacheck(script, &["--apply"]);
        assert_eq!(answer.code, Some(1), "{script}: {answer:#?}");
        assert_eq!(answer.codes(), ["unverified", "not-tried"], "{script}");
        assert_eq!(bed.ask(ONE, "web"), "192.168.30.70", "{script}");
    }

    // Ctrl-C is for all of the group; so is this, which no caller of the tests has ignored. What is begun is ended, and told; the next server isn't begun.
    let mut slow = one.clone();
    slow["reload"] = json!("touch /run/waits; sleep 2; dns restart");
    bed.site(&[slow, two]);
    let mut run = bed.command("setsid");
    run.args([
        "publish-names",
        "--identity",
        "/mnt/lab/id",
        "--apply",
        "--ipam",
    ])
    .arg(bed.path("ipam"))
    .stdout(Stdio::piped())
    .stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    bed.bash("until [ -e /mnt/ns-1/root/run/waits ]; do sleep 0.1; done; kill -TERM -- -$(pgrep -of '^bash [^ ]*scripts/publish-names')");
    let cut = Answer::of(&run.wait_with_output().unwrap());
    assert_eq!(cut.code, Some(3), "{cut:#?}");
    assert_eq!(cut.codes(), ["", "not-tried"], "{cut:#?}");
    assert!(
        cut.said.contains("cut off; the same call goes on"),
        "{cut:#?}"
    );
    assert_eq!(cut.records[0]["verified"], json!(true), "{cut:#?}");
    assert_eq!(bed.ask(ONE, "web"), "192.168.30.80");

    // The server's own part is told to end while the new names are asked for.
    bed.ipam(&[("web", 81), ("db", 71), ("mail", 72)]);
    let mut blind = one.clone();
    blind["reload"] = json!("touch /run/read; dns reload");
    bed.site(&[blind]);
    let mut run = bed.publishing(&["--apply"]);
    run.stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    bed.bash("until [ -e /mnt/ns-1/root/run/read ]; do sleep 0.1; done; sleep 1; kill -TERM $(pgrep -f '^sh -s')");
    let ended = Answer::of(&run.wait_with_output().unwrap());
    assert_eq!(ended.codes(), ["unverified"], "{ended:#?}");
    assert!(
        ended.message(0).contains("the old file was put back"),
        "{ended:#?}"
    );
    assert_eq!(bed.inside("ns-1", &format!("grep -c 30.80 {FILE}")), "1");

    // The right file is there and not read, and another file beside it would keep the server from starting.
    bed.site(&[one]);
    bed.publish(&["--apply"]).published(true);
    bed.inside("ns-1", &format!("sed -i s/30.81/30.80/ {FILE}; dns restart; sed -i s/30.80/30.81/ {FILE}; echo nonsense >/etc/dnsmasq.d/bad.conf"));
    let unsound = bed.publish(&["--apply"]);
    assert_eq!(unsound.codes(), ["check"], "{unsound:#?}");
    assert!(
        unsound.message(0).contains(".names.conf.pvx-old"),
        "{unsound:#?}"
    );
    assert_eq!(bed.ask(ONE, "db"), "192.168.30.71");
    bed.inside("ns-1", "rm /etc/dnsmasq.d/bad.conf; dns restart");

    // A name goes while those that the server would ask for it are silent.
    bed.inside(
        "ns-1",
        "echo server=127.0.0.9 >/etc/dnsmasq.d/up.conf; dns restart",
    );
    bed.ipam(&[("web", 81), ("db", 71)]);
    let dead = bed.publish(&["--apply"]);
    dead.published(true);
    assert!(
        dead.said.contains("no answer to mail.lab.example"),
        "{dead:#?}"
    );

    // A server that says a failure without a name, and doesn't hang up.
    bed.site(&[dnsmasq("ns-1", ONE)]);
    bed.ipam(&[("web", 82), ("db", 71)]);
    std::fs::write(
        bed.path("shell"),
        "#!/bin/sh\nread -r line\neval \"$line\"\necho \"$pvx failed  \"\nexec sleep 100\n",
    )
    .unwrap();
    bed.bash("install -m 755 $TMPDIR/shell /mnt/ns-1/root/bin/odd; sed -i 's,^\\(root:.*\\):[^:]*$,\\1:/bin/odd,' /mnt/ns-1/root/etc/passwd");
    let began = std::time::Instant::now();
    let odd = bed.publish(&["--apply"]);
    assert_eq!(
        (odd.code, odd.codes()),
        (Some(1), vec!["login"]),
        "{odd:#?}"
    );
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
