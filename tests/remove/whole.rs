//! From a guest that runs to one that is gone, with what PBS and the cluster have of it.

use std::fs;

use serde_json::json;

use crate::{
    bed::{Answer, Bed, PAPERLESS, backup, destroyed, now, paperless, root, web},
    sim::with,
};

#[test]
fn by_the_list_of_pbs() {
    let bed = Bed::of(
        &[paperless(json!({})), web(json!({}))],
        json!({"leftovers": [{"node": "a", "storage": "thin", "volid": "thin:vm-30050-disk-7"}]}),
    );
    let other = json!({"backup-id": "30051", "ns": "", "comment": "web"});
    let old = json!({"ns": "home/ct", "backup-time": now() - 90_000});
    bed.backups(&[backup(json!({"ns": "home/ct"})), backup(old), backup(other)]);
    let asked = |words: &[&str]| {
        let mut command = bed.command("env");
        command
            .arg(root().join("tests/lab/pbs-api"))
            .args(["pbs.json", "deprovision", "--apply", "--ipam", "ipam"])
            .args(words);
        Answer::of(&command.output().unwrap())
    };
    let shown = asked(&["-n", "--stop", "paperless"]);
    let record = shown.good();
    assert_eq!(
        (&record["destroyed"], &record["retired"], &record["dry_run"]),
        (&json!(true), &json!(true), &json!(true)),
        "{record}"
    );
    assert!(
        shown.said.contains("ns/home/ns/ct/ct/30050/"),
        "{}",
        shown.said
    );
    bed.is_untouched("shown");
    assert!(!bed.path("home/.local").exists());

    let done = asked(&["--stop", "paperless"]);
    let record = done.good();
    for (name, value) in [
        ("name", json!("paperless")),
        ("address", json!("192.168.30.50/24")),
        ("vmid", json!(PAPERLESS)),
        ("type", json!("lxc")),
        ("node", json!("a")),
        ("changed", json!(true)),
        ("destroyed", json!(true)),
        ("retired", json!(true)),
        ("unseen", json!([])),
    ] {
        assert_eq!(record[name], value, "{name}: {record}");
    }
    let snapshot = record["backup"]["snapshot"].as_str().unwrap();
    assert!(snapshot.starts_with("ns/home/ns/ct/ct/30050/"), "{record}");
    let said = |code: &str| {
        let all = record["remembers"].as_array().unwrap().iter();
        let mut own = all.filter(|one| one["code"] == code);
        own.next()
            .map(|one| one["message"].as_str().unwrap().to_owned())
    };
    assert!(
        said("backup-group")
            .unwrap()
            .starts_with("store1:home/ct:ct/30050 has 2 backups, the newest of "),
        "{record}"
    );
    assert!(
        said("left").unwrap().contains("thin:vm-30050-disk-7"),
        "{record}"
    );
    for step in ["state", "backups", "plan", "destroy", "address", "total"] {
        assert!(
            record["steps_ms"][step].as_u64() > Some(0),
            "{step}: {record}"
        );
    }
    bed.is_done("first");
    let truth = bed.sim.truth();
    assert_eq!(truth["guests"]["30051"]["status"], "running");
    assert_eq!(bed.status("192.168.30.51"), "active");

    // Again, there is nothing to do, and no backup is asked for.
    let requests = truth["requests"].as_array().unwrap().len();
    let csv = fs::read(bed.addresses()).unwrap();
    let again = bed.bare(&["paperless"]);
    let record = again.good();
    assert_eq!(
        (&record["changed"], &record["destroyed"]),
        (&json!(false), &json!(false)),
        "{record}"
    );
    let truth = bed.sim.truth();
    let since = truth["requests"].as_array().unwrap().iter().skip(requests);
    assert_eq!(
        since.filter(|request| request["method"] != "GET").count(),
        0
    );
    assert_eq!(fs::read(bed.addresses()).unwrap(), csv);
}

#[test]
fn what_names_it_goes_with_it() {
    let change = json!({"ha": {"resources": {"ct:30050": {"state": "stopped"}}},
        "replication": [{"id": "30050-0", "guest": 30050, "jobnum": 0, "source": "a", "target": "b", "type": "local"}],
        "backup_jobs": [{"id": "nightly", "vmid": "30050,30051", "enabled": 1}, {"id": "own", "vmid": "30050", "enabled": 1}]});
    let bed = Bed::of(
        &[paperless(json!({"status": "stopped"})), web(json!({}))],
        change,
    );
    let done = bed.apply(&["--purge", "paperless"]);
    let record = done.good();
    assert_eq!(
        record["purged"],
        json!({"ha": "ct:30050", "replication": ["30050-0"],
            "jobs": [{"id": "nightly", "effect": "trimmed"}, {"id": "own", "effect": "deleted"}]}),
        "{record}"
    );
    let remembers = record["remembers"].to_string();
    assert!(
        !remembers.contains("nightly") && !remembers.contains("ct:30050"),
        "{remembers}"
    );
    assert!(remembers.contains("its replicas on b stay"), "{remembers}");
    bed.is_done("purged");
}

#[test]
fn what_says_that_its_backup_is_its_own() {
    let an_hour_ago = || backup(json!({"backup-time": now() - 3600}));
    let bed = Bed::of(&[paperless(json!({"uptime": 7200}))], json!({}));
    bed.backups(&[an_hour_ago()]);
    bed.apply(&["paperless"]).good();
    bed.is_done("it has run since");

    let bed = Bed::new();
    bed.backups(&[an_hour_ago()]);
    let done = bed.apply(&["--accept-unsure", "paperless"]);
    assert_eq!(done.good()["warnings"][0]["code"], "backup-unsure");
    bed.is_done("accepted");

    let bed = Bed::new();
    bed.backups(&[]);
    let done = bed.bare(&["--stop", "--no-backup-needed", "paperless"]);
    assert_eq!(done.good()["backup"], json!(null));
    assert_eq!(done.good()["unseen"], json!(["the backups of PBS"]));
    bed.is_done("none is needed");
}

#[test]
fn the_members_of_a_pair() {
    let members = json!([{"name": "paperless", "address": "192.168.30.50", "vmid": 30050},
        {"name": "web", "address": "192.168.30.51", "vmid": 30051}]);
    let bed = Bed::of(&[paperless(json!({})), web(json!({}))], json!({}));
    bed.site(json!({"pairs": [{"name": "docs", "members": members}]}));
    bed.backups(&[
        backup(json!({})),
        backup(json!({"backup-id": "30051", "comment": "web"})),
    ]);
    let both = bed.apply(&["paperless", "web"]);
    assert_eq!(
        (both.code, both.codes()),
        (Some(1), vec!["pair", "pair"]),
        "{both:#?}"
    );
    bed.is_untouched("both");

    let one = bed.apply(&["paperless"]);
    assert!(
        one.good()["remembers"]
            .to_string()
            .contains("the site names it: the pair docs")
    );
    bed.is_done("one");
    assert_eq!(bed.apply(&["web"]).codes(), ["pair"]);
    bed.apply(&["--whole-pair", "web"]).good();
    assert_eq!(destroyed(&bed.sim.truth(), 30051), 1);
    assert_eq!(bed.status("192.168.30.51"), "deprecated");
}

#[test]
fn several_of_one_call() {
    let bed = Bed::of(&[paperless(json!({})), web(json!({}))], json!({}));
    let refused = bed.apply(&["paperless", "web"]);
    assert_eq!(
        refused.codes(),
        ["not-begun", "no-backup-seen"],
        "{refused:#?}"
    );
    bed.is_untouched("one is refused");
    bed.backups(&[
        backup(json!({})),
        backup(json!({"backup-id": "30051", "comment": "web"})),
    ]);
    let twice = bed.apply(&["paperless", "Paperless.home.example"]);
    assert_eq!(twice.code, Some(1), "{twice:#?}");
    bed.is_untouched("twice");
    let done = bed.apply(&["paperless", "web", "nobody"]);
    assert_eq!((done.code, done.records.len()), (Some(0), 3), "{done:#?}");
    bed.is_done("both");
    assert_eq!(destroyed(&bed.sim.truth(), 30051), 1);
}

#[test]
fn a_machine() {
    // Its configuration says when it was made.
    let machine = |made: i64| {
        with(
            crate::sim::machine(PAPERLESS, "a"),
            json!({"name": "paperless", "config": {"name": "paperless", "meta": format!("creation-qemu=10.0.2,ctime={made}")}}),
        )
    };
    let of = |made: i64| {
        let bed = Bed::of(&[machine(made)], json!({}));
        let files = json!([{"filename": "drive-scsi0.img.fidx", "size": 5}, {"filename": "index.json.blob", "size": 5}]);
        bed.backups(&[backup(
            json!({"backup-type": "vm", "backup-time": now() - 3600, "files": files}),
        )]);
        bed
    };
    let bed = of(now() - 60);
    assert_eq!(bed.apply(&["paperless"]).codes(), ["no-backup-seen"]);
    bed.is_untouched("made after its backup");
    let bed = of(now() - 7200);
    let done = bed.apply(&["paperless"]);
    assert_eq!(done.good()["type"], "qemu", "{done:#?}");
    bed.is_done("a machine");
}

#[test]
fn freed_at_once() {
    let bed = Bed::new();
    let done = bed.apply(&["--now", "paperless"]);
    let record = done.good();
    assert_eq!(
        (&record["freed"], &record["retired"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(bed.status("192.168.30.50"), "none");
}

#[test]
fn one_that_the_ipam_does_not_know() {
    let own = paperless(
        json!({"vmid": 105, "name": "stray", "config": {"hostname": "stray",
        "rootfs": "thin:vm-105-disk-0,size=2G", "net0": "name=eth0,bridge=vmbr0,ip=192.168.30.99/24"}}),
    );
    let bed = Bed::of(&[own], json!({}));
    bed.backups(&[backup(json!({"backup-id": "105", "comment": "stray"}))]);
    let done = bed.apply(&["stray"]);
    let record = done.good();
    assert_eq!(
        (
            &record["destroyed"],
            &record["retired"],
            &record["warnings"][0]["code"]
        ),
        (&json!(true), &json!(false), &json!("no-address")),
        "{record}"
    );
    assert_eq!(destroyed(&bed.sim.truth(), 105), 1);
    assert_eq!(bed.status("192.168.30.50"), "active");
}
