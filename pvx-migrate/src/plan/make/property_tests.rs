//! What holds of every plan: nobody is made whose ID lives, no node is given more than it has.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Work, wanted::Wanted};
use crate::{
    cluster::Cluster,
    plan::{creation::Making, parameter, policy::Policy, room, table_fixture::document},
};

/// The next number of a small generator (xorshift): the same at every run.
fn next(seed: &mut u64, below: u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed % below
}

fn guest(seed: &mut u64, lives: bool) -> Value {
    let vmid = 30_000 + next(seed, 30);
    let name = format!("g{}", next(seed, 40));
    let node = ["node2", "node3", "node5", "node6"][next(seed, 4) as usize];
    let shape = ["lxc", "vm"][next(seed, 2) as usize];
    if lives {
        let kind = if shape == "vm" { "qemu" } else { "lxc" };
        let status = ["running", "stopped"][next(seed, 2) as usize];
        return json!({"vmid": vmid, "type": kind, "name": name, "node": node, "status": status, "maxmem": next(seed, 4) << 30});
    }
    let storage = ["ssd-data", "zdata", "share", "local", "nowhere"][next(seed, 5) as usize];
    let (memory, gib) = (next(seed, 12_000) + 16, next(seed, 60) + 1);
    let params = match shape {
        "lxc" => json!({"hostname": name, "memory": memory, "rootfs": format!("{storage}:{gib}")}),
        _ => json!({"name": name, "memory": memory, "scsi0": format!("{storage}:{gib}")}),
    };
    json!({"vmid": vmid, "name": name, "node": node, "shape": shape, "params": params})
}

#[test]
fn nobody_is_made_twice() {
    let mut seed = 0x5eed_1234_5678_9abc;
    let (mut created, mut blocked) = (0, 0);
    for _ in 0..300 {
        let mut lives: BTreeMap<u64, Value> = BTreeMap::new();
        for _ in 0..next(&mut seed, 12) {
            let guest = guest(&mut seed, true);
            lives.insert(guest["vmid"].as_u64().unwrap(), guest);
        }
        let all: Vec<Value> = lives.values().cloned().collect();
        let state = document(&json!({}), &[("/guests", json!(all))]);
        let cluster = Cluster::new(&state);
        let policy = Policy::default();
        let mut work = Work::new(&cluster, &policy);
        let mut ids = Vec::new();
        let mut space: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut memory: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..8 {
            let text = guest(&mut seed, false).to_string();
            let kept = vmid::stream::parse(text.as_bytes()).unwrap();
            let wanted = Wanted::of(&kept[0].record()).unwrap();
            if work.has(wanted.vmid) {
                continue;
            }
            let step = work.one(wanted);
            assert_eq!(step.action == Making::Blocked, !step.blockers.is_empty());
            if !step.acts() {
                blocked += 1;
                continue;
            }
            created += 1;
            let id = u64::from(step.vmid);
            assert!(!lives.contains_key(&id), "{id} lives");
            assert!(!ids.contains(&id), "{id} is made twice");
            ids.push(id);
            let same = |guest: &Value| guest["name"].as_str() == Some(&step.name);
            assert!(!lives.values().any(same), "{} lives", step.name);
            assert_eq!(step.fault(), None);
            let key = if step.params.contains_key("rootfs") {
                "rootfs"
            } else {
                "scsi0"
            };
            let disk = step.params[key].to_string();
            let (storage, gib) = disk.split_once(':').unwrap();
            let place = if storage == "share" { "" } else { &step.node };
            let place = (storage.to_owned(), place.to_owned());
            *space.entry(place).or_default() += gib.parse::<u64>().unwrap();
            let mib: u64 = step.params["memory"].to_string().parse().unwrap();
            *memory.entry(step.node.clone()).or_default() += mib << 20;
        }
        assert!(space.values().all(|gib| *gib <= 100), "{space:?}");
        for (name, given) in memory {
            let node = cluster.node(&name).unwrap();
            let running = state
                .guests
                .iter()
                .filter(|g| g.node == name && g.is_running());
            let before: u64 = running.map(|guest| guest.maxmem).sum();
            assert!(
                before + given <= room::memory_limit(&cluster, &policy, node),
                "{name}"
            );
        }
    }
    // Neither is what there is to see.
    assert!(created > 300 && blocked > 300, "{created} {blocked}");
    assert!(parameter::VMIDS.contains(&30_000));
}
