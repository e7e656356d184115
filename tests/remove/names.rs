//! The site's name servers, which are told once an address was given back.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::json;

use crate::bed::{Answer, Bed, backup, destroyed, paperless, root, web};

/// A bed whose publish-names is this.
fn bed(publish: &str) -> Bed {
    let bed = Bed::of(&[paperless(json!({})), web(json!({}))], json!({}));
    bed.backups(&[
        backup(json!({})),
        backup(json!({"backup-id": "30051", "comment": "web"})),
    ]);
    bed.site(
        json!({"dns": {"servers": [{"name": "ns1", "address": "192.168.30.77", "format": "dnsmasq",
        "file": "/etc/dnsmasq.d/pvx.conf", "reload": "true"}]}}),
    );
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(root().join("scripts"));
    assert!(copy.arg(bed.path("scripts")).status().unwrap().success());
    publishes(&bed, publish);
    bed
}

fn publishes(bed: &Bed, script: &str) {
    let path = bed.path("scripts/publish-names");
    fs::write(&path, format!("#!/bin/bash\necho >>told\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn apply(bed: &Bed, words: &[&str]) -> Answer {
    let mut command = bed.command("scripts/deprovision");
    command.args([
        "--apply",
        "--ipam",
        "ipam",
        "--snapshots",
        "list.json",
        "--stop",
    ]);
    Answer::of(&command.args(words).output().unwrap())
}

#[test]
fn told_of_what_has_changed_alone() {
    let bed = bed(r#"echo '{"name":"ns1","changed":true}'"#);
    apply(&bed, &["nobody"]).good();
    let shown = apply(&bed, &["-n", "paperless"]);
    assert!(shown.said.contains("would be told: ns1"), "{shown:#?}");
    assert!(!bed.path("told").exists());
    let done = apply(&bed, &["paperless"]);
    assert_eq!(done.good()["names"][0]["name"], "ns1");
    bed.is_done("told");
}

#[test]
fn a_server_that_fails() {
    let bed = bed(
        r#"echo '{"name":"ns1","changed":false,"error":{"code":"no-sshd","message":"no ssh server answers"}}'; exit 1"#,
    );
    let failed = apply(&bed, &["paperless"]);
    assert_eq!(
        (failed.code, failed.codes()),
        (Some(1), vec!["names"]),
        "{failed:#?}"
    );
    let record = &failed.records[0];
    assert!(
        record["error"]["message"]
            .as_str()
            .unwrap()
            .contains("ns1: "),
        "{record}"
    );
    assert_eq!(record["names"][0]["error"]["code"], "no-sshd", "{record}");
    bed.is_done("not told");
    // The same call goes on.
    publishes(&bed, r#"echo '{"name":"ns1","changed":true}'"#);
    assert_eq!(
        apply(&bed, &["paperless"]).good()["names"][0]["changed"],
        true
    );
}

#[test]
fn one_that_is_cut_off() {
    let bed = bed(r#"printf '{"name":"ns1","chan'; kill -9 $$"#);
    let cut = apply(&bed, &["paperless", "web"]);
    assert_eq!(
        (cut.code, cut.codes()),
        (Some(3), vec!["names", "names"]),
        "{cut:#?}"
    );
    assert_eq!(cut.records[0]["destroyed"], true);
    bed.is_done("cut off");
    assert_eq!(destroyed(&bed.sim.truth(), 30051), 1);
}
