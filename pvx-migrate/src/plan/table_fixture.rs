//! What the decision tables share: a cluster, and one guest in it to be decided about.
//!
//! The cluster of the seeds: node2 and node5 have LVM-thin, node3 and node6 ZFS, all an
//! NFS share. The guest is 101 on node2.

use serde_json::{Value, json};

use super::{Plan, plan, policy::Policy, record::Step, want::Want};
use crate::{cluster::Cluster, state::State};

/// A disk of the guest, on node2's own storage, which node5 has, too.
pub const SSD: &str = "ssd-data:vm-101-disk-0,size=8G";

pub const GIB: u64 = 1 << 30;

pub fn node(name: &str, gib: u64) -> Value {
    json!({"node": name, "online": true, "maxmem": gib * GIB, "maxcpu": 4, "cpu_model": "N100",
           "cpu_level": 3, "ip": format!("192.168.10.1{}", &name[4..]), "pve": "9.1.3", "bridges": ["vmbr0"]})
}

pub fn space(nodes: &[&str], gib: u64) -> Value {
    let entry = |node: &&str| {
        (
            (*node).to_owned(),
            json!({"free": gib * GIB, "total": 500 * GIB}),
        )
    };
    Value::Object(nodes.iter().map(entry).collect())
}

/// A cluster with the guest that `guest` adds to or changes, and then `changes` made by JSON pointer.
pub fn document(guest: &Value, changes: &[(&str, Value)]) -> State {
    let all = ["node2", "node3", "node5", "node6"];
    let mut subject = json!({"vmid": 101, "type": "lxc", "name": "subject", "node": "node2",
        "status": "running", "maxmem": GIB, "snapshots": []});
    for (name, value) in guest.as_object().unwrap() {
        subject[name] = value.clone();
    }
    let mut document = json!({
        "version": 1, "at": "2026-11-22T00:00:00Z",
        "cluster": {"name": "homelab", "pve": "9.1.3", "quorate": true},
        "nodes": [node("node2", 16), node("node3", 32), node("node5", 16), node("node6", 32)],
        "storages": [
            {"storage": "ssd-data", "type": "lvmthin", "content": ["images", "rootdir"], "nodes": space(&["node2", "node5"], 100)},
            {"storage": "zdata", "type": "zfspool", "content": ["images", "rootdir"], "nodes": space(&["node3", "node6"], 100)},
            {"storage": "share", "type": "nfs", "shared": true, "content": ["images", "rootdir", "iso"], "nodes": space(&all, 100)},
            {"storage": "local", "type": "dir", "content": ["iso", "backup"], "volume_chain": false, "nodes": space(&all, 100)},
            {"storage": "backups", "type": "pbs", "shared": true, "server": "192.168.10.250", "content": ["backup"], "nodes": space(&all, 100)},
        ],
        "guests": [subject, {"vmid": 102, "type": "lxc", "name": "other", "node": "node5", "status": "running", "maxmem": GIB}],
        "ha": {"resources": [], "rules": []}, "replication": [], "tasks": [],
        "permissions": {"/": {"Sys.Audit": true}, "/vms": {"VM.Audit": true, "VM.Migrate": true, "VM.PowerMgmt": true,
            "VM.Config.Disk": true}, "/storage": {"Datastore.Audit": true, "Datastore.AllocateSpace": true}, "/sdn": {"SDN.Audit": true}},
    });
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = document
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("{pointer}"));
        match parent {
            Value::Array(list) if key == "-" => list.push(value.clone()),
            Value::Array(list) => list[key.parse::<usize>().unwrap()] = value.clone(),
            object => object[key.replace("~1", "/")] = value.clone(),
        }
    }
    serde_json::from_str(&document.to_string()).unwrap()
}

pub fn ct(config: Value) -> Value {
    json!({"config": config})
}

pub fn vm(config: Value) -> Value {
    json!({"type": "qemu", "config": config, "precondition": {}})
}

pub fn with(mut guest: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        guest[name] = value.clone();
    }
    guest
}

pub fn stopped(guest: Value) -> Value {
    with(guest, json!({"status": "stopped"}))
}

/// The plan for all guests of node2, in the order of a drain.
pub fn decide(guest: &Value, changes: &[(&str, Value)], policy: &Policy) -> Plan {
    planned(guest, changes, policy, false)
}

/// The same, or in the order of a return.
pub fn planned(guest: &Value, changes: &[(&str, Value)], policy: &Policy, home: bool) -> Plan {
    let state = document(guest, changes);
    let cluster = Cluster::new(&state);
    let wants = state.guests.iter().filter(|guest| guest.node == "node2");
    let wants: Vec<Want> = wants
        .map(|guest| Want {
            vmid: guest.vmid,
            ..Want::default()
        })
        .collect();
    plan(&cluster, policy, &wants, home)
}

pub fn subject(plan: &Plan) -> &Step {
    plan.steps.iter().find(|step| step.vmid == 101).unwrap()
}

/// `live node5`, or `blocked snapshots`.
pub fn outcome(step: &Step) -> String {
    let action = serde_json::to_value(step.action).unwrap();
    let mut words = vec![action.as_str().unwrap().to_owned()];
    words.extend(step.to.clone());
    words.extend(step.blockers.iter().map(|blocker| blocker.code.clone()));
    words.join(" ")
}

pub fn allow(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::default();
    change(&mut policy);
    policy
}

pub fn managed(sid: &str) -> (&'static str, Value) {
    (
        "/ha/resources",
        json!([{"sid": sid, "state": "started", "crm_state": "started"}]),
    )
}

/// One snapshot of a VM, and a check of PVE's that doesn't list its disks.
pub fn snap() -> Value {
    json!({"snapshots": ["before"], "precondition": {}})
}

/// The codes of a step's warnings.
pub fn warnings(step: &Step) -> String {
    let codes = step.warnings.iter().map(|warning| &warning.code[..]);
    codes.collect::<Vec<_>>().join(" ")
}
