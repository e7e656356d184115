//! Plans of several guests: room that runs out, company, order.

use serde_json::{Value, json};

use super::{Plan, plan, policy::Policy, record::Action, want::Want};
use vmid::site::{Member, Pair};

use crate::{cluster::Cluster, state::State};

const GIB: u64 = 1 << 30;

/// Nodes a, b, c with the same storages; guests as `(vmid, node, GiB, more)`.
fn state(memory: [u64; 3], guests: &[(u32, &str, u64, Value)], ha: Value) -> State {
    let nodes = ["a", "b", "c"];
    let nodes = nodes.iter().zip(memory).map(|(node, gib)| {
        json!({"node": node, "online": true, "maxmem": gib * GIB, "maxcpu": 8, "pve": "9.1", "bridges": ["vmbr0"]})
    });
    let space = json!({"free": 100 * GIB, "total": 100 * GIB});
    let guests = guests.iter().map(|(vmid, node, gib, more)| {
        let kind = more["type"].as_str().unwrap_or("lxc");
        let volume = format!("pool:subvol-{vmid}-disk-0,size={}", more["size"].as_str().unwrap_or("1G"));
        let key = if kind == "lxc" { "rootfs" } else { "scsi0" };
        let mut config = json!({key: volume});
        if let Some(startup) = more.get("startup") {
            config["startup"] = startup.clone();
        }
        json!({"vmid": vmid, "type": kind, "name": format!("g{vmid}"), "node": node, "maxmem": gib * GIB,
            "status": more["status"].as_str().unwrap_or("running"), "snapshots": [], "precondition": {}, "config": config})
    });
    let document = json!({
        "version": 1, "at": "2026-11-22T00:00:00Z",
        "cluster": {"name": "x", "pve": "9.1", "quorate": true},
        "nodes": nodes.collect::<Vec<_>>(), "guests": guests.collect::<Vec<_>>(),
        "storages": [{"storage": "pool", "type": "zfspool", "content": ["images", "rootdir"],
            "nodes": {"a": space, "b": space, "c": space}}],
        "ha": ha, "replication": [], "tasks": [],
    });
    serde_json::from_str(&document.to_string()).unwrap()
}

fn no_ha() -> Value {
    json!({"resources": [], "rules": []})
}

fn drain(state: &State, policy: &Policy, node: &str) -> Plan {
    let guests = state.guests.iter().filter(|guest| guest.node == node);
    let wants: Vec<Want> = guests
        .map(|guest| Want {
            vmid: guest.vmid,
            ..Want::default()
        })
        .collect();
    plan(&Cluster::new(state), policy, &wants, false)
}

/// `101>b`, in order; `101!code` for what is blocked, `101-` for what is left.
fn short(plan: &Plan) -> String {
    let words = plan.steps.iter().map(|step| match (&step.to, step.action) {
        (Some(to), _) => format!("{}>{to}", step.vmid),
        (None, Action::Leave) => format!("{}-", step.vmid),
        (None, _) => format!("{}!{}", step.vmid, step.blockers[0].code),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn waits(plan: &Plan) -> String {
    let words = plan.steps.iter().filter(|step| !step.after.is_empty());
    let words = words.map(|step| format!("{}:{:?}", step.vmid, step.after));
    words.collect::<Vec<_>>().join(" ")
}

fn together(vmids: &[u32]) -> Vec<Pair> {
    let members = vmids.iter().map(|&vmid| Member {
        vmid: Some(vmid),
        name: String::new(),
        node: None,
        ..Member::default()
    });
    vec![Pair {
        name: "p".to_owned(),
        members: members.collect(),
        ..Pair::default()
    }]
}

#[test]
fn room() {
    let one = |policy: fn(&mut Policy)| {
        let mut all = Policy {
            ram_ratio: 1.0,
            ..Policy::default()
        };
        policy(&mut all);
        all
    };
    let plain = || one(|_| ());
    let big = || json!({"size": "60G"});
    let none = || json!({});
    #[rustfmt::skip]
    let rows: Vec<(&str, [u64; 3], Vec<(u32, &str, u64, Value)>, Policy, &str)> = vec![
        ("the most memory left",                      [9, 4, 5], vec![(1, "a", 1, none())],                                             plain(), "1>c"),
        ("what the first takes the second sees",      [9, 4, 5], vec![(1, "a", 3, none()), (2, "a", 3, none())],                        plain(), "1>c 2>b"),
        ("the larger is placed first",                [9, 4, 5], vec![(1, "a", 3, none()), (2, "a", 5, none())],                        plain(), "1>b 2>c"),
        ("no memory for the last",                    [9, 4, 5], vec![(1, "a", 3, none()), (2, "a", 3, none()), (3, "a", 3, none())],   plain(), "1>c 2>b 3!memory"),
        ("guests there count",                        [9, 4, 5], vec![(1, "a", 3, none()), (2, "c", 3, none())],                        plain(), "1>b"),
        ("those that don't run there do not",         [9, 4, 5], vec![(1, "a", 3, none()), (2, "c", 3, json!({"status": "stopped"}))],  plain(), "1>c"),
        ("the ratio",                                 [9, 4, 5], vec![(1, "a", 7, none())],                                             one(|p| p.ram_ratio = 1.4), "1>c"),
        ("and no more",                               [9, 4, 5], vec![(1, "a", 7, none())],                                             one(|p| p.ram_ratio = 1.3), "1!memory"),
        ("a stopped guest needs no memory",           [9, 1, 1], vec![(1, "a", 7, json!({"status": "stopped"}))],                       one(|p| p.move_stopped = true), "1>b"),
        ("space is taken by the first",               [9, 1, 9], vec![(1, "a", 1, big()), (2, "a", 2, big())],                          plain(), "1>b 2>c"),
        ("no space for the third",                    [9, 9, 9], vec![(1, "a", 1, big()), (2, "a", 2, big()), (3, "a", 3, big())],      plain(), "2>c 3>b 1!space"),
        ("members apart",                             [9, 4, 5], vec![(1, "a", 1, none()), (2, "c", 1, none())],                        one(|p| p.pairs = together(&[1, 2])), "1>b"),
        ("members that leave together go apart",      [9, 4, 9], vec![(1, "a", 1, none()), (2, "a", 1, none())],                        one(|p| p.pairs = together(&[1, 2])), "1>c 2>b"),
        ("three members and two nodes",               [9, 9, 9], vec![(1, "a", 1, none()), (2, "a", 1, none()), (3, "a", 1, none())],   one(|p| p.pairs = together(&[1, 2, 3])), "1>b 2>c 3!pair"),
        // 1 takes c, where 2 alone could be as 3 of its pair is on b; so 1 must give way.
        ("one gives way to another",                  [9, 6, 7], vec![(1, "a", 6, none()), (2, "a", 6, none()), (3, "b", 0, none())],   one(|p| p.pairs = together(&[2, 3])), "1>b 2>c"),
    ];
    let mut wrong = Vec::new();
    for (name, memory, guests, policy, want) in rows {
        let state = state(memory, &guests, no_ha());
        let got = short(&drain(&state, &policy, "a"));
        if got != want {
            wrong.push(format!("{name}: {want}, not {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn order_and_what_waits() {
    let policy = Policy::default();
    let none = || json!({});
    let first = |order: u32| json!({"startup": format!("order={order}")});
    let size = |size: &str| json!({"size": size});
    let vm = |size: &str| json!({"type": "qemu", "size": size});
    #[rustfmt::skip]
    let rows: Vec<(&str, Vec<(u32, &str, u64, Value)>, Policy, bool, &str, &str)> = vec![
        ("little downtime first",             vec![(1, "a", 1, size("9G")), (2, "a", 1, size("1G")), (3, "a", 1, size("5G"))], policy.clone(), false, "2 3 1", ""),
        ("start-up order from its end",       vec![(1, "a", 1, first(1)), (2, "a", 1, first(2)), (3, "a", 1, none())],         policy.clone(), false, "3 2 1", "2:[3] 1:[2]"),
        ("and home from its beginning",       vec![(1, "a", 1, first(1)), (2, "a", 1, first(2)), (3, "a", 1, none())],         policy.clone(), true,  "1 2 3", "2:[1] 3:[2]"),
        ("one class needs no waiting",        vec![(1, "a", 1, first(5)), (2, "a", 1, first(5))],                              policy.clone(), false, "1 2", ""),
        ("live moves wait for nothing, the longest first", vec![(1, "a", 1, vm("1G")), (2, "a", 1, vm("9G")), (3, "a", 1, first(1)), (4, "a", 1, none())], policy.clone(), false, "4 3 2 1", "3:[4]"),
        ("never two of a pair",               vec![(1, "a", 1, none()), (2, "a", 1, none())],                                  Policy { pairs: together(&[1, 2]), ..policy.clone() }, false, "1 2", "2:[1]"),
        ("the guest this runs in is the last", vec![(1, "a", 1, vm("9G")), (2, "a", 1, vm("1G"))],                             Policy { own: Some(1), ..policy.clone() }, false, "2 1", ""),
        ("who stays comes last",              vec![(1, "a", 1, json!({"status": "stopped"})), (2, "a", 99, none()), (3, "a", 1, none())], policy, false, "3 1 2", ""),
    ];
    for (name, guests, policy, home, want, after) in rows {
        let state = state([9, 9, 9], &guests, no_ha());
        let wants: Vec<Want> = guests
            .iter()
            .map(|guest| Want {
                vmid: guest.0,
                ..Want::default()
            })
            .collect();
        let plan = plan(&Cluster::new(&state), &policy, &wants, home);
        let order: Vec<String> = plan
            .steps
            .iter()
            .map(|step| step.vmid.to_string())
            .collect();
        assert_eq!(
            (&order.join(" ")[..], &waits(&plan)[..]),
            (want, after),
            "{name}"
        );
    }
}

#[test]
fn what_ha_keeps_together() {
    let ha = |vmids: &[u32], negative: bool| {
        let sids: Vec<String> = vmids.iter().map(|vmid| format!("ct:{vmid}")).collect();
        let resources: Vec<Value> = sids
            .iter()
            .map(|sid| json!({"sid": sid, "state": "started"}))
            .collect();
        json!({"resources": resources, "rules":
            [{"type": "resource-affinity", "rule": "r", "resources": sids, "negative": negative}]})
    };
    let none = || json!({});
    let off = || json!({"status": "stopped"});
    let first = |order: u32| json!({"startup": format!("order={order}")});
    #[rustfmt::skip]
    let rows: Vec<(&str, [u64; 3], Vec<(u32, &str, u64, Value)>, Value, &str, &str)> = vec![
        ("together to one node",                  [9, 4, 6], vec![(1, "a", 3, none()), (2, "a", 3, none())],              ha(&[1, 2], false),    "1>c 2>c", "2:[1]"),
        ("no node has room for both",             [9, 5, 5], vec![(1, "a", 3, none()), (2, "a", 3, none())],              ha(&[1, 2], false),    "1!bundle 2!bundle", ""),
        ("one can't move, so neither does",       [9, 4, 6], vec![(1, "a", 9, none()), (2, "a", 3, json!({"status": "unknown"}))], ha(&[1, 2], false), "1!bundle 2!unseen", ""),
        ("one that is off is taken along",        [9, 4, 6], vec![(1, "a", 3, none()), (2, "a", 3, off())],               ha(&[1, 2], false),    "1>c 2>c", "2:[1]"),
        ("with one that is elsewhere",            [9, 4, 6], vec![(1, "a", 3, none()), (2, "b", 1, none())],              ha(&[1, 2], false),    "1>b", ""),
        ("of two orders (each waited for the other)", [9, 9, 9], vec![(1, "a", 1, first(1)), (2, "a", 1, first(3))],          ha(&[1, 2], false),    "1>b 2>b", "2:[1]"),
        ("a third one between them",              [9, 9, 9], vec![(1, "a", 1, first(2)), (2, "a", 1, first(9)), (3, "a", 1, first(5))], ha(&[1, 2], false), "3>c 1>b 2>b", "1:[3] 2:[1]"),
        ("the leader starts last",                [9, 9, 9], vec![(1, "a", 1, first(9)), (2, "a", 1, first(2)), (3, "a", 1, first(1))], ha(&[1, 2], false), "1>b 2>b 3>c", "2:[1] 3:[1, 2]"),
        ("the leader is off, another is not",     [9, 9, 9], vec![(1, "a", 1, off()), (2, "a", 1, first(2)), (3, "a", 1, first(1))],    ha(&[1, 2], false), "1>b 2>b 3>c", "2:[1] 3:[1, 2]"),
        ("apart, also from one that moves, too",  [9, 9, 9], vec![(1, "a", 3, none()), (2, "a", 3, none())],              ha(&[1, 2], true),     "1>b 2>c", ""),
        ("apart, no third node",                  [9, 9, 9], vec![(1, "a", 3, none()), (2, "b", 3, none()), (3, "c", 1, none())], ha(&[1, 2, 3], true), "1!ha-rule", ""),
    ];
    let policy = Policy {
        ram_ratio: 1.0,
        ..Policy::default()
    };
    let mut wrong = Vec::new();
    for (name, memory, guests, ha, want, after) in rows {
        let state = state(memory, &guests, ha);
        let plan = drain(&state, &policy, "a");
        if (short(&plan).as_str(), waits(&plan).as_str()) != (want, after) {
            wrong.push(format!(
                "{name}: {want}, not {}; {}",
                short(&plan),
                waits(&plan)
            ));
        }
        let along: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| step.along.is_some())
            .collect();
        assert!(along.iter().all(|step| step.action == Action::Ha), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // On the way home the first comes first.
    let guests = [
        (1, "a", 1, first(9)),
        (2, "a", 1, first(2)),
        (3, "a", 1, first(5)),
    ];
    let home = state([9, 9, 9], &guests, ha(&[1, 2], false));
    let wants = [1, 2, 3].map(|vmid| Want {
        vmid,
        ..Want::default()
    });
    let home = plan(&Cluster::new(&home), &policy, &wants, true);
    assert_eq!(waits(&home), "2:[1] 3:[1, 2]");

    let state = state(
        [9, 9, 9],
        &[(1, "a", 1, none()), (2, "a", 1, none())],
        ha(&[1, 2], false),
    );
    let wants = [Want {
        vmid: 1,
        move_stopped: true,
        ..Want::default()
    }];
    let plan = plan(&Cluster::new(&state), &policy, &wants, false);
    assert_eq!(short(&plan), "1!bundle", "the other was not named");
}

#[test]
fn estimates() {
    let none = || json!({});
    let mut state = state(
        [9, 9, 9],
        &[
            (1, "a", 1, json!({"type": "qemu", "size": "1G"})),
            (2, "a", 1, none()),
        ],
        no_ha(),
    );
    let numbers = |state: &State| -> Vec<(u64, u64, u64)> {
        let plan = drain(state, &Policy::default(), "a");
        let mut steps = plan.steps;
        steps.sort_by_key(|step| step.vmid);
        steps
            .iter()
            .map(|step| (step.downtime_s, step.duration_s, step.bytes))
            .collect()
    };
    // 2 GiB and 1 GiB at 110 MB/s, rounded up; 3 s besides; a container 15 s to stop and start.
    assert_eq!(numbers(&state), [(1, 23, 2 * GIB), (25, 28, GIB)]);
    state.options.bwlimit_migration = Some(10 << 10);
    assert_eq!(
        numbers(&state),
        [(1, 208, 2 * GIB), (118, 121, GIB)],
        "10 MiB/s"
    );
}
