//! What keeps a guest and its address, each told by its code, with nothing touched.

use std::fs;

use serde_json::{Value, json};

use crate::{
    bed::{Bed, PAPERLESS, backup, now, paperless, web},
    sim::four_at_once,
};

/// What is in the way: guests, changes of the cluster, the list of backups, the code.
struct Refusal {
    name: &'static str,
    guests: Vec<Value>,
    change: Value,
    list: Vec<Value>,
    code: &'static str,
}

fn refusal(name: &'static str, guest: Value, change: Value, code: &'static str) -> Refusal {
    Refusal {
        name,
        guests: vec![guest],
        change,
        list: vec![backup(json!({}))],
        code,
    }
}

fn by_list(name: &'static str, list: Vec<Value>, code: &'static str) -> Refusal {
    Refusal {
        list,
        ..refusal(name, paperless(json!({})), json!({}), code)
    }
}

#[test]
fn each_with_its_code() {
    let own = || paperless(json!({}));
    let config = |more: Value| paperless(json!({"config": more}));
    let other = |more: Value| Refusal {
        guests: vec![own(), web(more)],
        ..refusal("", own(), json!({}), "")
    };
    #[rustfmt::skip]
    let all = vec![
        refusal("protected", config(json!({"protection": 1})), json!({}), "protection"),
        refusal("locked", paperless(json!({"lock": "backup"})), json!({}), "locked"),
        refusal("managed", own(), json!({"ha": {"resources": {"ct:30050": {"state": "started"}}}}), "ha"),
        refusal("replicated", own(), json!({"replication": [{"id": "30050-0", "guest": 30050, "jobnum": 0, "source": "a", "target": "b"}]}), "replication"),
        refusal("in a backup job", own(), json!({"backup_jobs": [{"id": "nightly", "vmid": "30050,30051"}]}), "backup-job"),
        refusal("no quorum", own(), json!({"quorate": false}), "no-quorum"),
        refusal("a volume in no backup", config(json!({"mp0": "thin:vm-30050-disk-1,mp=/srv,size=1G"})), json!({}), "volume-not-in-backup"),
        refusal("another's ID", paperless(json!({"name": "grafana", "config": {"hostname": "grafana"}})), json!({}), "other-guest"),
        refusal("another ID", paperless(json!({"vmid": 105, "config": {"rootfs": "thin:vm-105-disk-0,size=2G"}})), json!({}), "other-id"),
        Refusal { name: "two of that name", code: "several-guests", ..other(json!({"name": "paperless", "config": {"hostname": "paperless"}})) },
        Refusal { name: "two, by domain and case", code: "several-guests", ..other(json!({"name": "Paperless.home.example", "config": {"hostname": "Paperless.home.example"}})) },
        by_list("no backup", vec![], "no-backup-seen"),
        by_list("another's", vec![backup(json!({"backup-id": "30051"}))], "no-backup-seen"),
        by_list("an old one", vec![backup(json!({"backup-time": now() - 90_000}))], "no-backup-seen"),
        by_list("not finished", vec![backup(json!({"files": [{"filename": "root.pxar.didx", "size": 5}]}))], "no-backup-seen"),
        by_list("failed", vec![backup(json!({"verification": {"state": "failed", "upid": "x"}}))], "no-backup-seen"),
        by_list("another's comment", vec![backup(json!({"comment": "nextcloud"}))], "no-backup-seen"),
        by_list("no comment", vec![backup(json!({"comment": null}))], "backup-unsure"),
        by_list("of two namespaces", vec![backup(json!({})), backup(json!({"ns": "home"}))], "backup-unsure"),
        by_list("of an earlier guest, perhaps", vec![backup(json!({"backup-time": now() - 3600}))], "backup-unsure"),
    ];
    four_at_once(
        &all,
        |one| one.name.to_owned(),
        |one| {
            let bed = Bed::of(&one.guests, one.change.clone());
            bed.backups(&one.list);
            let answer = bed.apply(&["paperless"]);
            assert_eq!(
                (answer.code, answer.codes()),
                (Some(1), vec![one.code]),
                "{}: {answer:#?}",
                one.name
            );
            let record = &answer.records[0];
            for (name, value) in [("changed", false), ("destroyed", false), ("retired", false)] {
                assert_eq!(record[name], value, "{}: {record}", one.name);
            }
            bed.is_untouched(one.name);
        },
    );
}

#[test]
fn one_that_runs_or_has_clones() {
    let bed = Bed::new();
    let runs = bed.bare(&["--snapshots", "list.json", "paperless"]);
    assert_eq!(runs.codes(), ["running"], "{runs:#?}");
    bed.is_untouched("it runs");

    let template = paperless(
        json!({"template": true, "status": "stopped", "config": {"template": 1, "rootfs": "thin:base-30050-disk-0,size=2G"}}),
    );
    let clone =
        web(json!({"config": {"rootfs": "thin:base-30050-disk-0/vm-30051-disk-0,size=2G"}}));
    let bed = Bed::of(&[template, clone], json!({}));
    let cloned = bed.apply(&["paperless"]);
    assert_eq!(cloned.codes(), ["linked-clone"], "{cloned:#?}");
    bed.is_untouched("it has a clone");
}

#[test]
fn a_guest_that_is_not_seen() {
    // This token sees no guest but those of a pool.
    let rights = |vms: &[&str]| {
        json!({"rights": {"pvx@pve!drain": {"/": ["Sys.Audit", "Datastore.Audit"], "/vms": vms,
            "/vms/100": ["VM.Audit"]}}})
    };
    let bed = Bed::of(&[paperless(json!({}))], rights(&[]));
    let unseen = bed.apply(&["paperless"]);
    assert_eq!(
        (unseen.code, unseen.codes()),
        (Some(1), vec!["unseen"]),
        "{unseen:#?}"
    );
    bed.is_untouched("not seen");
    let forced = bed.apply(&["--force", "paperless"]);
    let record = forced.good();
    assert_eq!(
        (&record["retired"], &record["warnings"][0]["code"]),
        (&json!(true), &json!("unseen")),
        "{record}"
    );
    let guests = &bed.sim.truth()["guests"];
    assert_eq!(guests[PAPERLESS.to_string()]["status"], "running");

    // One that sees all of them shows that it is gone.
    let bed = Bed::of(&[web(json!({}))], json!({}));
    let gone = bed.bare(&["paperless"]);
    let record = gone.good();
    assert_eq!(
        (&record["destroyed"], &record["retired"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(bed.status("192.168.30.50"), "deprecated");
    assert_eq!(bed.status("192.168.30.51"), "active");
}

#[test]
fn a_state_of_another_time() {
    let bed = Bed::of(&[web(json!({}))], json!({}));
    let state = bed
        .command("pvx-migrate")
        .args(["state", "--content"])
        .output()
        .unwrap();
    let mut state: Value = serde_json::from_slice(&state.stdout).unwrap();
    fs::write(bed.path("state.json"), state.to_string()).unwrap();
    let now = bed.bare(&["-n", "--state", "state.json", "paperless"]);
    assert_eq!(now.good()["retired"], true);
    state["at"] = json!("2026-01-01T00:00:00Z");
    fs::write(bed.path("state.json"), state.to_string()).unwrap();
    let old = bed.bare(&["--state", "state.json", "paperless"]);
    assert_eq!(old.codes(), ["unseen"], "{old:#?}");
    let with_guest = bed.bare(&[
        "--state",
        "state.json",
        "--no-backup-needed",
        "--stop",
        "web",
    ]);
    assert_eq!(
        (with_guest.code, with_guest.records.len()),
        (Some(2), 0),
        "{with_guest:#?}"
    );
    fs::write(bed.path("state.json"), "{\"guests\": []}").unwrap();
    let none = bed.bare(&["--state", "state.json", "paperless"]);
    assert_eq!(none.code, Some(2), "{none:#?}");
    bed.is_untouched("old");
}

#[test]
fn an_address_that_ipalloc_did_not_make() {
    let own = paperless(
        json!({"vmid": 30060, "name": "byhand", "config": {"hostname": "byhand", "rootfs": "thin:vm-30060-disk-0,size=2G"}}),
    );
    let bed = Bed::of(&[own], json!({}));
    let answer = bed.bare(&["--stop", "--no-backup-needed", "byhand"]);
    assert_eq!(
        (answer.code, answer.codes()),
        (Some(1), vec!["not-ours"]),
        "{answer:#?}"
    );
    bed.is_untouched("not ours");
}
