//! What is told of a step though nothing is against it.

use serde_json::{Value, json};
use vmid::site::Site;

use super::{
    policy::Policy,
    table_fixture::{SSD, allow, ct, decide, outcome, stopped, subject, vm, warnings, with},
};

#[test]
fn what_is_told() {
    let ssd_vm = |more: Value| vm(with(json!({"scsi0": SSD}), more));
    let dri = || {
        let entry = json!([[
            "lxc.mount.entry",
            "/dev/dri dev/dri none bind,optional,create=dir"
        ]]);
        ct(json!({"rootfs": SSD, "lxc": entry}))
    };
    let plain = Policy::default;
    let take = || allow(|policy| policy.move_stopped = true);
    let with_gpu = || {
        let site = r#"{"nodes":[{"name":"node5","devices":["/dev/dri"]}]}"#;
        allow(|policy| policy.site = Site::parse(site.as_bytes()).unwrap())
    };
    let processor = |node: usize, model: &str| {
        (
            ["/nodes/0/cpu_model", "", "/nodes/2/cpu_model"][node],
            json!(model),
        )
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str, &str)> = vec![
        ("nothing",                       ssd_vm(json!({})), vec![],                                  plain(), "live node5", ""),
        ("a patch level older: PVE moves it", ssd_vm(json!({})), vec![("/nodes/2/pve", json!("9.1.2"))], plain(), "live node5", "version"),
        ("newer",                         ssd_vm(json!({})), vec![("/nodes/2/pve", json!("9.1.10"))], plain(), "live node5", ""),
        ("a node in maintenance, and HA has no part in it", ssd_vm(json!({})), vec![("/nodes/1/maintenance", json!(true))], plain(), "live node5", ""),
        ("HA's, and a node in maintenance", ssd_vm(json!({})), vec![("/ha/resources/-", json!({"sid": "vm:101", "state": "started"})), ("/nodes/1/maintenance", json!(true))], plain(), "ha node5", "maintenance"),
        ("HA's, and none in maintenance",  ssd_vm(json!({})), vec![("/ha/resources/-", json!({"sid": "vm:101", "state": "started"}))], plain(), "ha node5", ""),
        ("args",                          ssd_vm(json!({"args": "-device x"})), vec![],               plain(), "live node5", "args"),
        ("huge pages",                    ssd_vm(json!({"hugepages": "2"})), vec![],                  plain(), "live node5", "topology"),
        ("the first NUMA node",           ssd_vm(json!({"numa": 1, "numa0": "cpus=0,hostnodes=0"})), vec![], plain(), "live node5", ""),
        ("a second NUMA node",            ssd_vm(json!({"numa": 1, "numa0": "cpus=0,hostnodes=0-1"})), vec![], plain(), "live node5", "topology"),
        ("bound to some that are missing", ssd_vm(json!({"affinity": "2-5"})), vec![],                plain(), "live node5", "cpu"),
        ("bound to what is there",        ssd_vm(json!({"affinity": "0,3"})), vec![],                 plain(), "live node5", ""),
        ("a model on the same processor", ssd_vm(json!({"cpu": "Haswell"})), vec![],                  plain(), "live node5", ""),
        ("a model on another",            ssd_vm(json!({"cpu": "Haswell"})), vec![processor(2, "N305")], plain(), "live node5", "cpu"),
        ("a model of the cluster's own",  ssd_vm(json!({"cpu": "custom-lab"})), vec![processor(2, "N305")], plain(), "live node5", "cpu"),
        ("a model on a level that it doesn't name here, either", ssd_vm(json!({"cpu": "Icelake-Server"})), vec![processor(2, "N305")], plain(), "live node5", "cpu"),
        ("optional: it would run without", dri(), vec![],                                             plain(), "restart node5", "device"),
        ("optional, and the site knows it there", dri(), vec![],                                      with_gpu(), "restart node5", ""),
        ("stopped: moves though the bridge is missing", stopped(ssd_vm(json!({"net0": "virtio,bridge=vmbr9"}))), vec![], take(), "offline node5", "bridge"),
        ("stopped CT, the same",          stopped(ct(json!({"rootfs": SSD, "net0": "name=eth0,bridge=vmbr9"}))), vec![], take(), "offline node5", "bridge"),
        ("stopped: all that it lacks",    stopped(ct(json!({"rootfs": SSD, "net0": "name=eth0,bridge=vmbr9", "dev0": "/dev/dri/card0", "hookscript": "local:snippets/a"}))), vec![], take(), "offline node5", "bridge device local-file"),
    ];
    for (name, guest, changes, policy, want, told) in rows {
        let plan = decide(&guest, &changes, &policy);
        let step = subject(&plan);
        assert_eq!(
            (&outcome(step)[..], &warnings(step)[..]),
            (want, told),
            "{name}"
        );
    }
}

/// A guest that doesn't run goes where it could be started, though another node has more room.
#[test]
fn where_it_could_start() {
    let guest = stopped(vm(
        json!({"scsi0": "share:101/vm-101-disk-0.qcow2,size=8G", "net0": "virtio,bridge=vmbr9"}),
    ));
    let take = allow(|policy| policy.move_stopped = true);
    let plan = decide(
        &guest,
        &[("/nodes/2/bridges", json!(["vmbr0", "vmbr9"]))],
        &take,
    );
    let step = subject(&plan);
    assert_eq!(
        (&outcome(step)[..], &warnings(step)[..]),
        ("offline node5", "")
    );
}
