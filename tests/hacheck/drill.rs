//! `scripts/failover-drill` and `scripts/ha-report` on real pairs. Only ssh is a stand-in:
//! it runs what it is told in the member's namespace, and there systemctl is the lab.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    FAST, Section,
    lab::{Lab, User},
    placement,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("failover_drill_of_each_pair", FAST, drills),
    ("failover_drill_that_is_cut_off", FAST, cut_off),
];

const SSH: &str = r#"#!/usr/bin/env bash
while [[ $1 != -- ]]; do shift; done
case $2 in *.11) node=n1 ;; *.12) node=n2 ;; *) exit 255 ;; esac
echo "$node ${*:3}" >>"$LAB_FILES/log"
case ${*:3} in
    'systemctl stop keepalived') exec "$LAB" kill-master stop ;;
    'systemctl start keepalived') exec "$LAB" heal ;;
    *) exec "$LAB" exec "$node" sh -c "PATH=$LAB_FILES:$PATH; ${*:3}" ;;
esac
"#;

/// A script on the client, with the lab's pairs and guests.
fn script(lab: &Lab, name: &str, words: &[&str]) -> Command {
    let ssh = lab.path("ssh");
    fs::write(&ssh, SSH).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let guests = placement::guests("node3", "node5").to_string();
    let guests = lab.keep("guests", guests.as_bytes());
    let _ = fs::remove_file(lab.path("log"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = folder.join("../scripts").join(name);
    let mut command = lab.on("client", User::Root, script.to_str().unwrap());
    let path = std::env::var("PATH").unwrap();
    command
        .env("LAB", folder.join("lab/vrrp"))
        .env("LAB_FILES", lab.path(""))
        .env("XDG_STATE_HOME", lab.path(""))
        .env("PATH", format!("{}:{path}", lab.path("").display()))
        .args(words)
        .arg("--site")
        .arg(lab.path("pairs.json"))
        .arg("--guests")
        .arg(guests)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What was done on the members beside asking for their facts.
fn done(lab: &Lab) -> Vec<String> {
    let log = fs::read_to_string(lab.path("log")).unwrap();
    let lines = log.lines().filter(|line| !line.contains("hacheck member"));
    lines.map(str::to_owned).collect()
}

fn drills(lab: &Lab) {
    let report = script(lab, "ha-report", &["--raw"]).output().unwrap();
    let table = String::from_utf8_lossy(&report.stdout);
    // A machine without IPv6 in the lab: dns6 has no holder.
    for pair in ["dns ", "caddy ", "nfs "] {
        let line = table.lines().find(|line| line.starts_with(pair));
        assert!(line.is_some_and(|line| line.contains(" ok ")), "{report:?}");
    }
    for pair in ["dns", "caddy", "nfs"] {
        let drill = script(lab, "failover-drill", &[pair, "--raw"]).output();
        let drill = drill.unwrap();
        let said = String::from_utf8_lossy(&drill.stderr);
        assert_eq!(drill.status.code(), Some(0), "{pair}: {said}");
        let record: Value = serde_json::from_slice(&drill.stdout).unwrap();
        assert_eq!(record["stopped"], "n1", "{record}");
        assert_eq!(record["recovered"], true, "{record}");
        assert_eq!(record["rto_ms"], 5000, "{record}");
        // Ten adverts a second: the skew is 61 ms.
        let most = record["outage_ms"][1].as_u64();
        assert!(most > Some(40) && most < Some(5000), "{record}");
        let stopped_and_started = [
            "n1 systemctl stop keepalived",
            "n1 systemctl start keepalived",
        ];
        assert_eq!(done(lab), stopped_and_started);
        assert_eq!(lab.holders(pair), "n1");
        let noted = fs::read_to_string(lab.path("pvx/drills.jsonl")).unwrap();
        let noted: Value = serde_json::from_str(noted.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&noted["name"], &noted["outage_ms"]),
            (&record["name"], &record["outage_ms"])
        );
    }
    lab.run(&["kill-daemon", "n2"]);
    let refused = script(lab, "failover-drill", &["dns"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("vrrp-daemon-dead"), "{said}");
    assert!(done(lab).is_empty(), "{said}");
}

/// Ended while the holder is stopped: it is started all the same.
fn cut_off(lab: &Lab) {
    let drill = script(lab, "failover-drill", &["dns", "--for", "60s"]).spawn();
    let drill = drill.unwrap();
    lab.until_held("dns", "n2");
    let pid = drill.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let ended = drill.wait_with_output().unwrap();
    assert_ne!(ended.status.code(), Some(0), "{ended:?}");
    lab.until_held("dns", "n1");
    assert_eq!(done(lab).last().unwrap(), "n1 systemctl start keepalived");
}
