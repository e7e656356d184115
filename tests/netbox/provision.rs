//! `scripts/provision` and `deprovision` with NetBox as the IPAM, end to end.

use std::path::Path;

use serde_json::json;

use crate::{Section, client::Ran, server::Lab};

pub const SECTIONS: &[Section] = &[("provision: end to end with NetBox", provision)];

fn bash(lab: &Lab, line: &str) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let mut command = lab.ours().command(Path::new("/bin/bash"), &["-c", line]);
    command.env("HOME", home.path()).env("TMPDIR", home.path());
    command.env(
        "PVX_SITE",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/site.json"),
    );
    Ran::of(command.spawn().unwrap())
}

fn provision(lab: &Lab) {
    let url = lab.url.clone();
    let call = |words: &str| bash(lab, &format!("provision --ipam {url} {words}"));
    let rehearsal = call("-n paperless --vlan 30");
    assert_eq!(rehearsal.code, 0, "{rehearsal:?}");
    assert_eq!(lab.owned(), [""; 0]);
    let first = call("paperless --vlan 30");
    let record = first.record();
    assert_eq!(
        (
            first.code,
            &record["address"],
            &record["vmid"],
            &record["changed"]
        ),
        (0, &json!("192.168.30.10/24"), &json!(30010), &json!(true)),
        "{first:?}"
    );
    assert!(
        record["command"]
            .as_str()
            .unwrap()
            .starts_with("pct create 30010"),
        "{record}"
    );
    assert_eq!(lab.owned(), ["paperless 192.168.30.10/24"]);
    assert_eq!(
        lab.address("192.168.30.10")["dns_name"],
        "paperless.home.example"
    );
    // The address of NetBox by the environment, and again.
    let again = bash(lab, "provision paperless --vlan 30").record();
    assert_eq!(
        (&again["address"], &again["changed"]),
        (&json!("192.168.30.10/24"), &json!(false))
    );
    // Refused before anything is changed.
    let guests = r#"[{"id":"lxc/30011","type":"lxc","vmid":30011,"name":"stray","node":"node5","status":"stopped"}]"#;
    let refused = bash(
        lab,
        &format!("provision --guests <(echo '{guests}') n8n --vlan 30"),
    );
    assert_eq!(
        (refused.code, refused.record()["error"]["code"].clone()),
        (1, json!("vmid-taken")),
        "{refused:?}"
    );
    assert_eq!(lab.owned(), ["paperless 192.168.30.10/24"]);
    // Runs at the same time get an address each.
    let four = "for i in 1 2 3 4; do provision guest-$i --vlan 30 2>/dev/null & done; wait";
    let mut vmids: Vec<i64> = bash(lab, four)
        .records()
        .iter()
        .map(|r| r["vmid"].as_i64().unwrap())
        .collect();
    vmids.sort_unstable();
    vmids.dedup();
    assert_eq!((vmids.len(), lab.owned().len()), (4, 5), "{vmids:?}");
    // And away again, after the guest is.
    let gone = bash(
        lab,
        "deprovision paperless 2>/dev/null && ipalloc release --retire guest-1 guest-2 guest-3 guest-4 && ipalloc release --retired-before 0s",
    );
    assert_eq!(gone.code, 0, "{gone:?}");
    assert_eq!(lab.owned(), [""; 0]);
}
