//! What holds for every loss, whatever the cluster.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Given, Outcome, backups::Backups, lost, record::ComesBack};
use crate::{
    cluster::Cluster,
    plan::{policy::Policy, remove::backup::Backup},
    state::{HaRule, State},
};

const GIB: u64 = 1 << 30;
const AT: i64 = 1_795_305_600;
const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Node, runs, GiB of memory, storage (0 shared, 1 ZFS, 2 LVM-thin), target and age of a replica,
/// managed, what the list of backups has of it (0 nothing, 1 a good one, 2 a failed one).
type Drawn = (usize, bool, u64, usize, Option<(usize, i64)>, bool, u8);

/// GiB, online, votes.
type Host = (u64, bool, u32);

#[derive(Clone, Debug)]
struct World {
    hosts: [Host; 5],
    guests: Vec<Drawn>,
    rules: Vec<(Vec<usize>, bool)>,
    homes: Vec<(usize, Vec<usize>, bool)>,
    quorate: bool,
}

fn worlds() -> impl Strategy<Value = World> {
    let guest = (
        0..NODES.len(),
        prop::bool::weighted(0.8),
        0_u64..6,
        0_usize..3,
        prop::option::of((0..NODES.len(), prop_oneof![Just(0), AT - 9000..AT + 60])),
        prop::bool::weighted(0.6),
        0_u8..3,
    );
    let hosts = prop::array::uniform5((4_u64..24, prop::bool::weighted(0.8), 0_u32..3));
    let rules = prop::collection::vec(
        (prop::collection::vec(0_usize..20, 2..4), any::<bool>()),
        0..3,
    );
    let homes = prop::collection::vec(
        (
            0_usize..20,
            prop::collection::vec(0..NODES.len(), 1..4),
            any::<bool>(),
        ),
        0..4,
    );
    (
        hosts,
        prop::collection::vec(guest, 0..20),
        rules,
        homes,
        prop::bool::weighted(0.9),
    )
        .prop_map(|(hosts, guests, rules, homes, quorate)| World {
            hosts,
            guests,
            rules,
            homes,
            quorate,
        })
}

fn state(world: &World) -> State {
    let nodes = NODES.iter().zip(&world.hosts).enumerate().map(|(at, (node, (gib, online, votes)))| {
        let runs = world.guests.iter().enumerate().filter(|(_, drawn)| drawn.0 == at);
        let runs = runs.filter_map(|(id, drawn)| {
            let (target, last_sync) = drawn.4?;
            Some(json!({"id": format!("{}-0", 100 + id), "guest": 100 + id, "target": NODES[target], "last_sync": last_sync}))
        });
        json!({"node": node, "online": online, "votes": votes, "maxmem": gib * GIB, "maxcpu": 8, "pve": "9.1", "bridges": ["vmbr0"],
            "replication": runs.collect::<Vec<_>>()})
    });
    let sid = |at: usize| format!("ct:{}", 100 + at);
    let count = world.guests.len();
    let guests = world.guests.iter().enumerate().map(|(at, (node, runs, memory, storage, ..))| {
        let storage = ["nas", "pool", "thin"][*storage];
        json!({"vmid": 100 + at, "type": "lxc", "name": format!("g{at}"), "node": NODES[*node], "maxmem": memory * GIB,
            "status": if *runs { "running" } else { "stopped" }, "snapshots": [],
            "config": {"rootfs": format!("{storage}:vm-{}-disk-0,size=4G", 100 + at)}})
    });
    let jobs = world.guests.iter().enumerate().filter_map(|(at, drawn)| {
        let (target, _) = drawn.4?;
        Some(json!({"id": format!("{}-0", 100 + at), "vmid": 100 + at, "target": NODES[target]}))
    });
    let resources = (0..count)
        .filter(|at| world.guests[*at].5)
        .map(|at| json!({"sid": sid(at), "state": "started", "crm_state": "started"}));
    let apart = world.rules.iter().enumerate().map(|(n, (members, negative))| {
        let members: Vec<String> = members.iter().filter(|at| **at < count).map(|at| sid(*at)).collect();
        json!({"type": "resource-affinity", "rule": format!("r{n}"), "resources": members, "negative": negative})
    });
    let homes = world.homes.iter().enumerate().map(|(n, (at, nodes, strict))| {
        let nodes: HashMap<&str, i64> = nodes.iter().map(|node| (NODES[*node], 1)).collect();
        json!({"type": "node-affinity", "rule": format!("h{n}"), "resources": [sid(*at)], "nodes": nodes, "strict": strict})
    });
    let everywhere: Value = NODES
        .iter()
        .map(|node| {
            (
                (*node).to_owned(),
                json!({"free": 900 * GIB, "total": 900 * GIB}),
            )
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let document = json!({
        "version": 3, "at": "2026-11-22T00:00:00Z", "cluster": {"name": "x", "pve": "9.1", "quorate": world.quorate, "qdevice_votes": 1},
        "nodes": nodes.collect::<Vec<_>>(), "guests": guests.collect::<Vec<_>>(), "tasks": [], "hidden": [],
        "replication": jobs.collect::<Vec<_>>(), "permissions": {"/vms": {"VM.Audit": true}},
        "ha": {"resources": resources.collect::<Vec<_>>(), "rules": apart.chain(homes).collect::<Vec<_>>()},
        "storages": [
            {"storage": "nas", "type": "nfs", "shared": true, "content": ["rootdir"], "nodes": everywhere},
            {"storage": "pool", "type": "zfspool", "content": ["rootdir"], "nodes": everywhere},
            {"storage": "thin", "type": "lvmthin", "content": ["rootdir"], "nodes": everywhere},
        ],
    });
    serde_json::from_value(document).unwrap()
}

fn backups(world: &World) -> Backups {
    let rows = world
        .guests
        .iter()
        .enumerate()
        .filter(|(_, drawn)| drawn.6 > 0);
    let rows = rows.map(|(at, drawn)| {
        let verified = if drawn.6 == 2 { "failed" } else { "ok" };
        json!({"backup-type": "ct", "backup-id": format!("{}", 100 + at), "backup-time": AT - 7200, "comment": format!("g{at}"),
            "verification": {"state": verified}, "files": [{"filename": "index.json.blob", "size": 5}]}).to_string()
    });
    let kept = vmid::stream::parse(rows.collect::<String>().as_bytes()).unwrap();
    Backups::new(
        kept.iter()
            .map(|kept| Backup::of(&kept.record()).unwrap())
            .collect(),
    )
}

fn lose(world: &World, nodes: &[usize]) -> Outcome {
    let backups = backups(world);
    let policy = Policy {
        ram_ratio: 1.0,
        ..Policy::default()
    };
    let given = Given {
        backups: Some(&backups),
        ipam: None,
        before: None,
    };
    lost(&mut state(world), &policy, given, nodes)
}

fn fates(outcome: &Outcome) -> HashMap<u32, ComesBack> {
    outcome
        .fates
        .iter()
        .map(|fate| (fate.vmid, fate.comes_back))
        .collect()
}

proptest! {
    #[test]
    fn every_loss_keeps_the_rules(world in worlds(), first in 0..NODES.len(), second in prop::option::of(0..NODES.len())) {
        let mut nodes = vec![first];
        nodes.extend(second.filter(|second| *second != first));
        let outcome = lose(&world, &nodes);
        let state = state(&world);
        let cluster = Cluster::new(&state);

        // Each guest that was there once, in the order of the document, and no other.
        let there = state.guests.iter().filter(|guest| nodes.contains(&cluster.node(&guest.node).unwrap()));
        let there: Vec<u32> = there.map(|guest| guest.vmid).collect();
        let told: Vec<u32> = outcome.fates.iter().map(|fate| fate.vmid).collect();
        prop_assert_eq!(told, there);

        // The votes are counted, and without a majority nothing acts by itself.
        let votes = outcome.header.cluster.votes;
        let left = (0..NODES.len()).filter(|node| !nodes.contains(node) && world.hosts[*node].1);
        let remaining = 1 + left.map(|node| world.hosts[node].2).sum::<u32>();
        let expected = 1 + world.hosts.iter().map(|host| host.2).sum::<u32>();
        prop_assert_eq!((votes.expected, votes.remaining), (expected, remaining));
        prop_assert_eq!(outcome.header.cluster.quorate, remaining * 2 > expected);

        let mut placed: HashMap<u32, usize> = state.guests.iter().map(|guest| (guest.vmid, cluster.node(&guest.node).unwrap())).collect();
        let mut after_ha: HashMap<usize, u64> = HashMap::new();
        let mut by_hand: HashSet<usize> = HashSet::new();
        for fate in &outcome.fates {
            let at = (fate.vmid - 100) as usize;
            let (home, runs, memory, storage, replica, managed, list) = world.guests[at];
            let missed = runs || managed; // HA is to have all started that it has
            let on = fate.on.as_ref().map(|node| cluster.node(node).unwrap());
            prop_assert!(on.is_none_or(|on| !nodes.contains(&on) && world.hosts[on].1));
            let replica = replica.filter(|(target, time)| storage == 1 && *time > 0 && *target != home);
            let replica = replica.filter(|(target, _)| !nodes.contains(target) && world.hosts[*target].1);
            let elsewhere = (0..NODES.len()).any(|node| !nodes.contains(&node) && world.hosts[node].1);
            let disks = |node: usize| storage == 0 || replica.is_some_and(|(target, _)| target == node);
            match fate.comes_back {
                ComesBack::HaRestart => {
                    prop_assert!(managed && outcome.header.cluster.quorate);
                    prop_assert!(disks(on.unwrap()));
                    *after_ha.entry(on.unwrap()).or_default() += memory * GIB;
                    placed.insert(fate.vmid, on.unwrap());
                }
                ComesBack::ByHand => {
                    prop_assert!(on.is_none_or(disks));
                    by_hand.extend(on.filter(|_| missed && memory > 0));
                }
                ComesBack::Restore => {
                    prop_assert!(list == 1 && (!elsewhere || (storage > 0 && replica.is_none())));
                    by_hand.extend(on.filter(|_| missed && memory > 0));
                }
                ComesBack::Gone => prop_assert!(list != 1 && (!elsewhere || (storage > 0 && replica.is_none()))),
                ComesBack::Unknown => prop_assert!(false, "everything was seen"),
            }
            // What comes back by itself is no older than its replica; the rest is told of.
            prop_assert!(fate.comes_back == ComesBack::HaRestart || !missed || !fate.findings.is_empty());
            let text = fate.json().to_string();
            prop_assert!(!text.contains("force"));
            let offline = nodes.iter().all(|node| !world.hosts[*node].1);
            prop_assert!(!text.contains("\"command\"") || (offline && world.quorate));
        }
        prop_assert_eq!(&outcome.header.runbook[0].r#do, &format!("make sure that {} has no power", NODES[first]));

        // What the HA manager restarts keeps its rules, once all is where it goes.
        for fate in outcome.fates.iter().filter(|fate| fate.comes_back == ComesBack::HaRestart) {
            let here = placed[&fate.vmid];
            for rule in cluster.rules(&format!("ct:{}", fate.vmid)) {
                let others: Vec<u32> = rule.resources().iter().filter_map(|sid| Some(cluster.guest_of(sid)?.vmid)).collect();
                match rule {
                    HaRule::ResourceAffinity { negative: true, .. } => {
                        let apart = others.iter().all(|other| *other == fate.vmid || placed[other] != here);
                        prop_assert!(apart, "{:?}", fate);
                    }
                    HaRule::NodeAffinity { nodes, strict: true, .. } => prop_assert!(nodes.contains_key(NODES[here])),
                    _ => {}
                }
            }
        }

        // The memory adds up, and what a person places keeps within it.
        for memory in &outcome.header.cluster.memory {
            let node = cluster.node(&memory.node).unwrap();
            let restarted = after_ha.get(&node).copied().unwrap_or_default();
            prop_assert_eq!(memory.after_ha, memory.now + restarted);
            prop_assert!(memory.after_all >= memory.after_ha);
            prop_assert!(!by_hand.contains(&node) || memory.after_all <= memory.limit);
        }
    }

    #[test]
    fn more_memory_makes_nothing_worse(world in worlds(), node in 0..NODES.len(), host in 0..NODES.len(), more in 1_u64..64) {
        let mut larger = world.clone();
        larger.hosts[host].0 += more;
        let (before, after) = (lose(&world, &[node]), lose(&larger, &[node]));
        prop_assert_eq!(fates(&before), fates(&after));
        let over = |outcome: &Outcome| {
            let nodes = outcome.header.cluster.memory.iter();
            nodes.filter(|node| node.after_ha > node.limit).count()
        };
        prop_assert!(over(&after) <= over(&before));
    }

    #[test]
    fn a_second_loss_brings_nobody_back(world in worlds(), first in 0..NODES.len(), second in 0..NODES.len()) {
        prop_assume!(first != second);
        let (one, two) = (fates(&lose(&world, &[first])), fates(&lose(&world, &[first, second])));
        for (vmid, alone) in &one {
            // What HA does rests on which nodes it may take: fewer may be the right ones.
            if !world.guests[(*vmid - 100) as usize].5 {
                prop_assert!(two[vmid] >= *alone, "{}: {:?} and then {:?}", vmid, alone, two[vmid]);
            }
        }
    }

    #[test]
    fn a_backup_more_makes_nothing_worse(world in worlds(), node in 0..NODES.len(), at in 0_usize..20) {
        prop_assume!(at < world.guests.len());
        let mut safer = world.clone();
        safer.guests[at].6 = 1;
        let (before, after) = (fates(&lose(&world, &[node])), fates(&lose(&safer, &[node])));
        for (vmid, fate) in &before {
            prop_assert!(after[vmid] <= *fate);
        }
    }
}
