//! A return after storages were exchanged: what goes back to where it was, and what stays.

use serde_json::{Value, json};

use super::{
    home, plan,
    policy::Policy,
    record::Step,
    table_fixture::{ct, document, outcome, space, vm, with},
};
use crate::{cluster::Cluster, journal::event::Event};

/// What becomes of guest 101, drained from node3 to node2, with what the journal says beside.
fn back(guest: &Value, journal: &Value, changes: &[(&str, Value)]) -> Step {
    let mut event = json!({"at": "2026-11-22T00:00:00Z", "cluster": "homelab", "vmid": 101, "type": guest["type"].as_str().unwrap_or("lxc"),
        "from": "node3", "to": "node2", "was_running": true, "phase": "verified"});
    for (name, value) in journal.as_object().unwrap() {
        event[name] = value.clone();
    }
    let event: Event = serde_json::from_value(event).unwrap();
    let state = document(guest, changes);
    let cluster = Cluster::new(&state);
    let wants = home::wants(&cluster, &[event]).unwrap();
    let mut plan = plan(&cluster, &Policy::default(), &wants, true);
    plan.steps.remove(0)
}

#[test]
fn volumes_go_back_to_where_they_were() {
    let disk = |n: u32, storage: &str| {
        (
            format!("scsi{n}"),
            json!(format!("{storage}:vm-101-disk-{n},size=1G")),
        )
    };
    let with_disks = |disks: &[&str]| {
        let disks = disks.iter().zip(0..).map(|(storage, n)| disk(n, storage));
        vm(Value::Object(disks.collect()))
    };
    let exact = |volumes: Value, map: Value| json!({"volumes": volumes, "targetstorage": map});
    let old = |map: Value| json!({"targetstorage": map});
    let both = || vec![("/storages/0/nodes", space(&["node2", "node3"], 100))];
    let hdd = || {
        let hdd = json!({"storage": "hdd", "type": "lvmthin", "content": ["images"], "nodes": space(&["node3"], 100)});
        let mut changes = both();
        changes.push(("/storages/-", hdd));
        changes
    };
    // name, guest, what the journal has, changes, outcome, storages exchanged, what stays away
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Value, Vec<(&str, Value)>, &str, Value, &[&str])> = vec![
        ("as it came, the other way round", with_disks(&["ssd-data"]), exact(json!({"scsi0": "zdata"}), json!({"zdata": "ssd-data"})), vec![],
            "live node3", json!({"ssd-data": "zdata"}), &[]),
        ("an older journal",                with_disks(&["ssd-data"]), old(json!({"zdata": "ssd-data"})), vec![],
            "live node3", json!({"ssd-data": "zdata"}), &[]),
        ("on a storage that all share",     with_disks(&["share"]), exact(json!({"scsi0": "zdata"}), json!({"zdata": "share"})), vec![],
            "live node3", json!({}), &["scsi0 stays on share, and was on zdata; when it is home: qm disk move 101 scsi0 zdata --delete 1"]),
        ("one that was there before",       with_disks(&["share", "share"]), exact(json!({"scsi0": "zdata", "scsi1": "share"}), json!({"zdata": "share"})), vec![],
            "live node3", json!({}), &["scsi0 stays on share, and was on zdata; when it is home: qm disk move 101 scsi0 zdata --delete 1"]),
        ("two joined: which is known",      with_disks(&["ssd-data", "ssd-data"]), exact(json!({"scsi0": "zdata", "scsi1": "hdd"}), json!({"zdata": "ssd-data", "hdd": "ssd-data"})), hdd(),
            "live node3", json!({}), &["scsi0 stays on ssd-data, and was on zdata; when it is home: qm disk move 101 scsi0 zdata --delete 1",
                                       "scsi1 stays on ssd-data, and was on hdd; when it is home: qm disk move 101 scsi1 hdd --delete 1"]),
        ("two joined: older journal",       with_disks(&["ssd-data"]), old(json!({"zdata": "ssd-data", "hdd": "ssd-data"})), hdd(),
            "live node3", json!({}), &["scsi0 stays on ssd-data, and was on hdd or zdata; when it is home: qm disk move 101 scsi0 STORAGE --delete 1"]),
        ("one joined with what was there",  with_disks(&["ssd-data", "ssd-data"]), exact(json!({"scsi0": "zdata", "scsi1": "ssd-data"}), json!({"zdata": "ssd-data"})), both(),
            "live node3", json!({}), &["scsi0 stays on ssd-data, and was on zdata; when it is home: qm disk move 101 scsi0 zdata --delete 1"]),
        ("a disk that came since goes along", with_disks(&["ssd-data", "ssd-data"]), exact(json!({"scsi0": "zdata"}), json!({"zdata": "ssd-data"})), vec![],
            "live node3", json!({"ssd-data": "zdata"}), &[]),
        ("stopped since: LVM can't to ZFS, and home has both", with(with_disks(&["ssd-data"]), json!({"status": "stopped"})), exact(json!({"scsi0": "zdata"}), json!({"zdata": "ssd-data"})), both(),
            "offline node3", json!({}), &["scsi0 stays on ssd-data, and was on zdata; when it is home: qm disk move 101 scsi0 zdata --delete 1"]),
        ("... and home has not",            with(with_disks(&["ssd-data"]), json!({"status": "stopped"})), exact(json!({"scsi0": "zdata"}), json!({"zdata": "ssd-data"})), vec![],
            "blocked storage-type", json!({}), &[]),
        ("a container on shared storage",   ct(json!({"rootfs": "share:101/vm-101-disk-0.raw,size=1G"})), exact(json!({"rootfs": "zdata"}), json!({"zdata": "share"})), vec![],
            "restart node3", json!({}), &["rootfs stays on share, and was on zdata; when it is home: pct move-volume 101 rootfs zdata --delete 1 (while it is stopped)"]),
        ("nothing was exchanged",           with_disks(&["share"]), json!({}), vec![], "live node3", json!({}), &[]),
    ];
    for (name, guest, journal, changes, want, map, away) in rows {
        let step = back(&guest, &journal, &changes);
        assert_eq!(outcome(&step), want, "{name}: {:?}", step.refused);
        assert_eq!(json!(step.targetstorage), map, "{name}");
        let warnings = step.warnings.iter();
        let told: Vec<&str> = warnings
            .filter(|warning| warning.code == "away-storage")
            .map(|warning| &warning.message[..])
            .collect();
        assert_eq!(told, away, "{name}");
        assert!(step.returns);
    }
}
