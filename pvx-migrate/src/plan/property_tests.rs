//! What holds for every plan, whatever the cluster.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    plan,
    policy::Policy,
    record::{Action, Step},
    want::Want,
};
use vmid::site::{Member, Pair};

use crate::{cluster::Cluster, state::State};

const GIB: u64 = 1 << 30;
const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Node, running, VM, GiB of memory, GiB of disk, order, snapshot, managed.
type Drawn = (usize, bool, bool, u64, u64, Option<u64>, bool, bool);

fn guests() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (
        0..NODES.len(),
        any::<bool>(),
        any::<bool>(),
        0_u64..6,
        1_u64..40,
        prop::option::of(0_u64..3),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.3),
    );
    prop::collection::vec(one, 0..30)
}

/// Those that HA often keeps together: containers and VMs of few nodes, of three orders.
fn bundled() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (
        0_usize..2,
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
        Just(0_u64),
        1_u64..4,
        prop::option::of(0_u64..3),
        Just(false),
        prop::bool::weighted(0.8),
    );
    prop::collection::vec(one, 2..10)
}

/// Those that wait for each other in a circle, so that none of them ever begins.
fn circle(steps: &[Step]) -> Vec<u32> {
    let mut open: HashSet<u32> = steps.iter().map(|step| step.vmid).collect();
    loop {
        let free = steps.iter().find(|step| {
            open.contains(&step.vmid) && step.after.iter().all(|vmid| !open.contains(vmid))
        });
        match free {
            Some(step) => open.remove(&step.vmid),
            None => return open.into_iter().collect(),
        };
    }
}

/// Every fifth size of a disk: its guest has a hook script, which a, c and e have.
fn has_hook(drawn: &Drawn) -> bool {
    drawn.4.is_multiple_of(5)
}

fn state(
    nodes: &[(u64, bool)],
    drawn: &[Drawn],
    rules: &[(Vec<usize>, bool)],
    server: usize,
) -> State {
    let nodes: Vec<Value> = NODES.iter().zip(nodes).map(|(node, (gib, online))| {
        json!({"node": node, "online": online, "maxmem": gib * GIB, "maxcpu": 8, "pve": "9.1", "bridges": ["vmbr0"]})
    }).collect();
    let space = |ids: &[usize]| -> Value {
        let entry = |id: &usize| {
            (
                NODES[*id].to_owned(),
                json!({"free": 60 * GIB, "total": 60 * GIB}),
            )
        };
        Value::Object(ids.iter().map(entry).collect())
    };
    let sid = |at: usize| {
        let kind = if drawn[at].2 { "vm" } else { "ct" };
        format!("{kind}:{}", 100 + at)
    };
    let guests: Vec<Value> = drawn.iter().enumerate().map(|(at, (node, running, vm, memory, disk, order, snapshot, _))| {
        let pool = if *node < 3 { "pool" } else { "thin" };
        let volume = format!("{pool}:vm-{}-disk-0,size={disk}G", 100 + at);
        let mut config = json!({if *vm { "scsi0" } else { "rootfs" }: volume});
        if let Some(order) = order {
            config["startup"] = json!(format!("order={order}"));
        }
        if has_hook(&drawn[at]) {
            config["hookscript"] = json!("local:snippets/x");
        }
        let held = json!({"s": {"rootfs": config["rootfs"]}});
        let snapshots = match (snapshot, vm) {
            (false, _) => json!([]),
            (true, true) => json!(["s"]),
            (true, false) => held,
        };
        json!({"vmid": 100 + at, "type": if *vm { "qemu" } else { "lxc" }, "name": format!("g{at}"), "node": NODES[*node],
            "status": if *running { "running" } else { "stopped" }, "maxmem": memory * GIB, "config": config,
            "snapshots": snapshots, "precondition": {}})
    }).collect();
    let resources: Vec<Value> = (0..drawn.len())
        .filter(|&at| drawn[at].7)
        .map(|at| json!({"sid": sid(at), "state": "started"}))
        .collect();
    let rules: Vec<Value> = rules.iter().enumerate().map(|(n, (members, negative))| {
        let members: Vec<String> = members.iter().filter(|&&at| at < drawn.len()).map(|&at| sid(at)).collect();
        json!({"type": "resource-affinity", "rule": format!("r{n}"), "resources": members, "negative": negative})
    }).collect();
    let scripts: Map<String, Value> = NODES
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let list = if at.is_multiple_of(2) {
                vec!["local:snippets/x"]
            } else {
                vec![]
            };
            (
                (*node).to_owned(),
                json!({"free": 0, "total": 0, "snippets": list}),
            )
        })
        .collect();
    let document = json!({
        "version": 2, "at": "2026-11-22T00:00:00Z", "cluster": {"name": "x", "pve": "9.1", "quorate": true},
        "nodes": nodes, "guests": guests, "ha": {"resources": resources, "rules": rules}, "replication": [], "tasks": [],
        "storages": [
            {"storage": "pool", "type": "zfspool", "content": ["images", "rootdir"], "nodes": space(&[0, 1, 2])},
            {"storage": "local", "type": "dir", "content": ["snippets"], "nodes": scripts},
            {"storage": "nas", "type": "nfs", "shared": true, "content": ["images"], "server": format!("g{server}"), "nodes": space(&[])},
            {"storage": "thin", "type": "lvmthin", "content": ["images", "rootdir"], "nodes": space(&[2, 3, 4])},
        ],
    });
    serde_json::from_str(&document.to_string()).unwrap()
}

proptest! {
    #[test]
    fn every_plan_keeps_the_rules(
        nodes in prop::array::uniform5((1_u64..24, prop::bool::weighted(0.9))),
        drawn in guests(),
        rules in prop::collection::vec((prop::collection::vec(0_usize..30, 2..4), any::<bool>()), 0..4),
        pair in prop::collection::vec(0_u32..30, 2..4),
        source in 0_usize..5,
        move_stopped: bool,
        server in 0_usize..60,
        home: bool,
    ) {
        let state = state(&nodes, &drawn, &rules, server);
        let cluster = Cluster::new(&state);
        let members: HashSet<u32> = pair.iter().map(|at| 100 + at).collect();
        let policy = Policy {
            move_stopped,
            ram_ratio: 1.0,
            storage_map: [("pool".to_owned(), "thin".to_owned())].into(),
            pairs: vec![Pair {
                name: "p".to_owned(),
                members: members.iter().map(|&vmid| Member { vmid: Some(vmid), ..Member::default() }).collect(), ..Pair::default() }],
            ..Policy::default()
        };
        let on_source = state.guests.iter().filter(|guest| guest.node == NODES[source]);
        let wants: Vec<Want> = on_source.map(|guest| Want { vmid: guest.vmid, ..Want::default() }).collect();
        let plan = plan(&cluster, &policy, &wants, home);

        // A step for each guest, and no other.
        let mut asked: Vec<u32> = wants.iter().map(|want| want.vmid).collect();
        let mut planned: Vec<u32> = plan.steps.iter().map(|step| step.vmid).collect();
        planned.sort_unstable();
        asked.sort_unstable();
        prop_assert_eq!(&planned, &asked);

        let mut memory: HashMap<&str, u64> = HashMap::new();
        let mut space: HashMap<(&str, &str), u64> = HashMap::new();
        let mut place: HashMap<u32, &str> = HashMap::new();
        for guest in &state.guests {
            place.insert(guest.vmid, &guest.node);
            if guest.is_running() {
                *memory.entry(&guest.node).or_default() += guest.maxmem;
            }
        }
        let mut done: HashSet<u32> = HashSet::new();
        for step in &plan.steps {
            prop_assert_eq!(step.action == Action::Blocked, !step.blockers.is_empty());
            prop_assert_eq!(step.action.acts(), step.to.is_some());
            let Some(to) = step.to.as_deref() else { continue };
            let node = cluster.node(to).unwrap();
            prop_assert!(to != step.from && state.nodes[node].online);
            // Nothing waits for what comes later, or never.
            prop_assert!(step.after.iter().all(|vmid| done.contains(vmid)), "{:?}", step);
            done.insert(step.vmid);
            // What runs goes where its hook script is.
            let vmid = step.vmid as usize - 100;
            prop_assert!(!(step.was_running && has_hook(&drawn[vmid])) || node.is_multiple_of(2));
            // The server of a storage, if HA moves nobody along, waits for all or all for it.
            let is_server = |step: &Step| step.vmid as usize == 100 + server;
            let alone = |step: &Step| step.ha.is_none();
            let others = plan.steps.iter().filter(|other| other.action.acts() && other.vmid != step.vmid);
            if is_server(step) && alone(step) {
                for other in others {
                    prop_assert!(step.after.contains(&other.vmid) || other.after.contains(&step.vmid) || other.along.is_some(), "{other:?}");
                }
            }
            // Every other node is named once.
            let refused: HashSet<&str> = step.refused.iter().map(|refused| &refused.node[..]).collect();
            prop_assert_eq!((refused.len(), step.refused.len()), (NODES.len() - 2, NODES.len() - 2));
            let guest = cluster.guest(step.vmid).unwrap();
            if guest.is_running() {
                *memory.entry(to).or_default() += guest.maxmem;
            }
            let drawn = &drawn[step.vmid as usize - 100];
            let pool = if drawn.0 < 3 { "pool" } else { "thin" };
            let pool = step.targetstorage.get(pool).map_or(pool, |pool| &pool[..]);
            *space.entry((to, pool)).or_default() += drawn.4 * GIB;
            prop_assert!(cluster.storage(pool).unwrap().nodes.contains_key(to));
            place.insert(step.vmid, to);
        }
        for step in &plan.steps {
            let Some(to) = step.to.as_deref() else { continue };
            let guest = cluster.guest(step.vmid).unwrap();
            if guest.is_running() && guest.maxmem > 0 {
                let limit = state.nodes[cluster.node(to).unwrap()].maxmem;
                prop_assert!(memory[to] <= limit, "{to} has {} of {limit}", memory[to]);
            }
        }
        for ((node, pool), bytes) in space {
            prop_assert!(bytes <= 60 * GIB, "{node} {pool}");
        }
        for step in plan.steps.iter().filter(|step| step.to.is_some()) {
            let here = place[&step.vmid];
            let apart = |others: Vec<u32>| others.iter().all(|other| *other == step.vmid || place.get(other) != Some(&here));
            if members.contains(&step.vmid) {
                prop_assert!(apart(members.iter().copied().collect()), "pair");
            }
            let Some(sid) = step.ha.as_deref() else { continue };
            for rule in cluster.rules(sid) {
                let others: Vec<u32> = rule.resources().iter().filter_map(|sid| Some(cluster.guest_of(sid)?.vmid)).collect();
                match rule {
                    crate::state::HaRule::ResourceAffinity { negative: true, .. } => prop_assert!(apart(others), "apart"),
                    _ => prop_assert!(others.iter().all(|other| place[other] == here), "together"),
                }
            }
        }
        prop_assert_eq!(plan.steps, super::plan(&cluster, &policy, &wants, home).steps);
    }

    #[test]
    fn no_plan_waits_in_a_circle(
        drawn in bundled(),
        rules in prop::collection::vec((prop::collection::vec(0_usize..10, 2..4), prop::bool::weighted(0.1)), 1..4),
        pair in prop::collection::vec(0_u32..10, 2..4),
        server in 0_usize..20,
        home: bool,
    ) {
        let state = state(&[(90, true); 5], &drawn, &rules, server);
        let policy = Policy {
            move_stopped: true,
            pairs: vec![Pair {
                name: "p".to_owned(),
                members: pair.iter().map(|at| Member { vmid: Some(100 + at), ..Member::default() }).collect(), ..Pair::default() }],
            ..Policy::default()
        };
        let on_source = state.guests.iter().filter(|guest| guest.node == "a");
        let wants: Vec<Want> = on_source.map(|guest| Want { vmid: guest.vmid, ..Want::default() }).collect();
        let plan = plan(&Cluster::new(&state), &policy, &wants, home);
        prop_assert_eq!(circle(&plan.steps), Vec::<u32>::new(), "{:?}", plan.steps);
    }
}
