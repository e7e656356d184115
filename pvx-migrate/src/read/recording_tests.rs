//! The reader against answers that were recorded of Proxmox VE 9.2 and 8.4.

use serde_json::Value;

use super::{guest, ha, has_no_groups, node};
use crate::{
    pve::Failure,
    state::{Guest, LocalDisk, Precondition},
};

macro_rules! recorded {
    ($name:literal) => {
        parse(include_str!(concat!(
            "../../../tests/data/pve/real/",
            $name,
            ".txt"
        )))
    };
}

/// `data` of an answer: its body follows the lines that say what it is.
fn parse(text: &str) -> Value {
    let body = text.lines().filter(|line| !line.starts_with("# "));
    let body: Value = serde_json::from_str(&body.collect::<String>()).unwrap();
    body["data"].clone()
}

fn of(guests: &[Guest], vmid: u32) -> &Guest {
    guests.iter().find(|guest| guest.vmid == vmid).unwrap()
}

#[test]
fn five_minutes_after_pvestatd_died_on_pve2() {
    let resources = recorded!("resources-pvestatd-dead");
    let nodes = node::nodes(&resources, Some(&recorded!("cluster-status")));
    let online: Vec<_> = nodes.iter().map(|n| (&n.node[..], n.online)).collect();
    // pve3 was off when the resources were recorded, and on when the membership was.
    assert_eq!(online, [("pve1", true), ("pve2", true), ("pve3", true)]);
    assert!(node::silent(&resources, &nodes).contains(&"pve2".to_owned()));
    let guests = guest::guests(&resources).unwrap();
    let there = of(&guests, 101);
    assert_eq!((&there.node[..], &there.name[..]), ("pve2", ""));
    assert!(there.is_unknown() && !there.is_running());
    // It came to pve2 later, and ran.
    let late = of(&guests, 302);
    assert_eq!((&late.node[..], &late.status[..]), ("pve2", "stopped"));
    assert!(!late.is_surely_stopped());
}

#[test]
fn a_paused_vm() {
    let mut guests = guest::guests(&recorded!("pve8-vm-paused-resources")).unwrap();
    let paused = of(&guests, 203);
    assert!(paused.is_running() && paused.is_paused());
    let at = guests.iter().position(|guest| guest.vmid == 203).unwrap();
    guest::current(&mut guests[at], &recorded!("pve8-vm-paused-current"));
    assert!(guests[at].is_running() && guests[at].is_paused());
    assert_eq!(guests[at].memory_in_use(), 40_899_013);
}

#[test]
fn rules_that_the_manager_dropped() {
    let answer = recorded!("ha-rules-dropped");
    let rules = ha::rules(&answer);
    assert_eq!(
        rules.iter().map(|rule| rule.name()).collect::<Vec<_>>(),
        ["apart"]
    );
    let dropped = ha::dropped(&answer);
    let names: Vec<_> = dropped.iter().map(|dropped| &dropped.rule[..]).collect();
    assert_eq!(names, ["tog", "home"]);
}

#[test]
fn groups_that_have_become_rules() {
    let text = include_str!("../../../tests/data/pve/real/ha-groups-empty.txt");
    let body = text.lines().last().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let failure = Failure::Status {
        status: 500,
        message: body["message"].as_str().unwrap().to_owned(),
        refused: true,
    };
    assert!(has_no_groups(&failure));
}

#[test]
fn what_pve_says_before_a_migration() {
    let answer = recorded!("qemu-migrate-precond").to_string();
    let precondition: Precondition = serde_json::from_str(&answer).unwrap();
    let [disk] = &precondition.local_disks[..] else {
        panic!("one disk");
    };
    let LocalDisk {
        volid,
        size,
        drivename,
        ..
    } = disk;
    assert_eq!(
        (&volid[..], *size, drivename.as_deref()),
        ("ldir:202/vm-202-disk-0.qcow2", 16_777_216, Some("scsi0"))
    );
    assert!(
        !disk.shared && !disk.cdrom && disk.referenced_in_snapshot.is_empty() && !disk.is_vmstate
    );
}
