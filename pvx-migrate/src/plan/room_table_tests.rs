//! Space and memory that several guests of one plan take from the same place.

use serde_json::{Value, json};

use super::{
    policy::Policy,
    table_fixture::{GIB, SSD, allow, decide, outcome, space, subject, vm, warnings, with},
};

/// Four VMs of 90 GiB on node2, of which only node3 and node6 have another storage.
fn four(shared: bool, free: u64) -> (Value, Vec<(&'static str, Value)>) {
    let disk = |vmid: u32| json!({"scsi0": format!("ssd-data:vm-{vmid}-disk-0,size=90G")});
    let guest = |vmid: u32| {
        json!({"vmid": vmid, "type": "qemu", "name": "g", "node": "node2", "precondition": {}, "status": "running",
            "maxmem": GIB, "snapshots": [], "config": disk(vmid)})
    };
    let target = json!({"storage": "roomy", "type": "dir", "shared": shared, "content": ["images"], "nodes": space(&["node3", "node6"], free)});
    let changes = vec![
        ("/storages/0/nodes", space(&["node2"], 100)),
        ("/storages/-", target),
        ("/guests/-", guest(103)),
        ("/guests/-", guest(104)),
        ("/guests/-", guest(105)),
    ];
    (vm(disk(101)), changes)
}

#[test]
fn space_of_what_all_nodes_share_is_there_once() {
    let policy = || allow(|p| drop(p.storage_map.insert("ssd-data".into(), "roomy".into())));
    // name, shared, GiB free (at each node, or in all), how many of the four VMs go
    #[rustfmt::skip]
    let cases = [
        ("each node's own",  false, 200, 4),
        ("shared: two fit",  true,  200, 2),
        ("shared: all fit",  true,  360, 4),
        ("shared: none",     true,  89,  0),
    ];
    for (name, shared, free, want) in cases {
        let (guest, changes) = four(shared, free);
        let plan = decide(&guest, &changes, &policy());
        let went = plan.steps.iter().filter(|step| step.to.is_some());
        assert_eq!(went.count(), want, "{name}");
        let blocked = plan.steps.iter().filter(|step| step.to.is_none());
        for step in blocked {
            let codes: Vec<_> = step.refused.iter().map(|node| &node.code[..]).collect();
            assert!(codes.contains(&"space"), "{name}: {codes:?}");
        }
    }
}

#[test]
fn memory_that_is_in_use() {
    let running = |mem: u64, maxmem: u64| {
        let guest = json!({"mem": mem * GIB, "maxmem": maxmem * GIB});
        with(vm(json!({"scsi0": "share:101/vm-101-disk-0.raw"})), guest)
    };
    let stopped = || with(running(0, 8), json!({"status": "stopped"}));
    // Only node3 (32 GiB) is up.
    let of = |mem: Value| {
        vec![
            ("/nodes/1/mem", mem),
            ("/nodes/2/online", json!(false)),
            ("/nodes/3/online", json!(false)),
        ]
    };
    let plain = || allow(|p| p.ram_ratio = 9.0);
    let strict = || {
        allow(|p| {
            p.ram_ratio = 9.0;
            p.min_free_mem = Some(10);
        })
    };
    let moves = || {
        allow(|p| {
            p.move_stopped = true;
            p.min_free_mem = Some(10);
        })
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Value, Policy, &str, &str)> = vec![
        ("much is free",                    running(4, 8),  json!(20 * GIB), plain(),  "live node3",     ""),
        ("less than 10 % would be",         running(4, 8),  json!(25 * GIB), plain(),  "live node3",     "memory"),
        ("... and that is too little",      running(4, 8),  json!(25 * GIB), strict(), "blocked memory", ""),
        ("exactly enough",                  running(4, 8),  json!(24 * GIB), strict(), "live node3",     ""),
        ("nobody says what the guest uses", running(0, 20), json!(20 * GIB), strict(), "blocked memory", ""),
        ("in use was not seen",             running(4, 8),  json!(0),        strict(), "blocked unseen", ""),
        ("... which warns of nothing",      running(4, 8),  json!(0),        plain(),  "live node3",     ""),
        ("a stopped one uses none",         stopped(),      json!(31 * GIB), moves(),  "offline node3",  ""),
    ];
    for (name, guest, mem, policy, want, told) in rows {
        let plan = decide(&guest, &of(mem), &policy);
        let step = subject(&plan);
        let got = (outcome(step), warnings(step));
        assert_eq!(got, (want.to_owned(), told.to_owned()), "{name}");
    }
}

#[test]
fn memory_of_a_paused_vm_counts() {
    let guest = with(
        vm(json!({"scsi0": "share:101/vm-101-disk-0.raw"})),
        json!({"maxmem": 30 * GIB}),
    );
    let paused = json!({"vmid": 200, "type": "qemu", "name": "paused", "node": "node3", "status": "paused", "maxmem": 30 * GIB});
    let changes = vec![
        ("/guests/-", paused),
        ("/nodes/2/online", json!(false)),
        ("/nodes/3/online", json!(false)),
    ];
    let plan = decide(&guest, &changes, &allow(|p| p.ram_ratio = 1.0));
    assert_eq!(outcome(subject(&plan)), "blocked memory");
}

#[test]
fn a_vm_that_stands_still_moves_live_and_is_said_to() {
    for (status, paused) in [
        ("paused", true),
        ("suspended", true),
        ("io-error", false),
        ("running", false),
    ] {
        let guest = with(
            vm(json!({"scsi0": "share:101/vm-101-disk-0.raw"})),
            json!({"status": status}),
        );
        let plan = decide(&guest, &[], &Policy::default());
        let step = subject(&plan);
        assert!(
            outcome(step).starts_with("live "),
            "{status}: {}",
            outcome(step)
        );
        assert_eq!(
            (step.was_running, step.was_paused),
            (true, paused),
            "{status}"
        );
    }
}

/// PVE refuses to shut down a paused VM ("VM is paused - cannot shutdown", API2/Qemu.pm), and
/// one whose system does nothing wouldn't obey.
#[test]
fn only_what_plainly_runs_is_shut_down() {
    let asked = |qmp: &str| json!({"status": "running", "qmpstatus": qmp});
    let yes = || allow(|policy| policy.allow_shutdown = true);
    let no = Policy::default;
    let refused = "blocked only-stopped";
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Policy, &str)> = vec![
        // overview, its node's own word, policy, outcome
        ("running",        Value::Null,       yes(), "shutdown node5"),
        ("paused",         Value::Null,       yes(), refused),
        ("suspended",      Value::Null,       yes(), refused),
        ("prelaunch",      Value::Null,       yes(), refused),
        ("io-error",       Value::Null,       yes(), refused),
        ("running",        asked("paused"),   yes(), refused),
        ("paused",         asked("running"),  yes(), "shutdown node5"),
        ("paused",         Value::Null,       no(),  refused),
    ];
    for (status, current, policy, want) in rows {
        let sev = vm(json!({"scsi0": SSD, "amd-sev": "type=std"}));
        let guest = with(sev, json!({"status": status, "current": current}));
        let plan = decide(&guest, &[], &policy);
        let step = subject(&plan);
        assert_eq!(outcome(step), want, "{status} {current}");
        if want == refused {
            let message = &step.blockers[0].message;
            assert!(
                message.contains("resume it first ('qm resume 101')"),
                "{message}"
            );
        }
    }
}
