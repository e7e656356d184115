//! Volumes that snapshots and pending changes name, and what types of storage send of them.
//!
//! The outcomes in brackets are what Proxmox's own code did (QemuMigrate.pm,
//! scan_local_volumes; LXC/Migrate.pm, phase1).

use serde_json::{Value, json};

use super::{
    policy::Policy,
    table_fixture::{SSD, allow, ct, decide, managed, outcome, space, stopped, subject, vm, with},
};

/// What PVE's check lists of a VM.
fn check(disks: Value) -> Value {
    json!({"snapshots": ["before"], "precondition": {"local_disks": disks}})
}

fn disk(volid: &str, more: Value) -> Value {
    with(
        json!({"volid": volid, "size": 1 << 30, "cdrom": 0, "shared": 0}),
        more,
    )
}

#[test]
fn volumes_of_snapshots_and_pending_changes() {
    let in_snapshot = || json!({"referenced_in_snapshot": {"before": 1}});
    let shared = || vm(json!({"scsi0": "share:101/vm-101-disk-0.qcow2,size=8G"}));
    let seen = |guest: Value, disks: Value| with(guest, check(disks));
    let plain = Policy::default;
    let take = || allow(|policy| policy.move_stopped = true);
    let shutdown = || allow(|policy| policy.allow_shutdown = true);
    let map = || allow(|policy| drop(policy.storage_map.insert("ssd-data".into(), "zdata".into())));
    let tpm = || {
        vm(
            json!({"scsi0": "share:101/vm-101-disk-0.qcow2,size=64G", "tpmstate0": "ssd-data:vm-101-disk-1,size=4M"}),
        )
    };
    let later = || {
        vm(
            json!({"scsi0": "share:101/vm-101-disk-0.qcow2,size=32G", "scsi1": "ssd-data:vm-101-disk-1,size=8G"}),
        )
    };
    let iso = |more: Value| json!([disk("local:iso/x.iso", with(json!({"cdrom": 1}), more))]);
    let gone = || ("/storages/0/nodes", space(&["node2"], 100));
    let zfs_here = || ("/storages/1/nodes", space(&["node2", "node6"], 100));
    let zfs_ct = || ct(json!({"rootfs": "zdata:subvol-101-disk-0,size=8G"}));
    let nas_ct = || ct(json!({"rootfs": "share:101/vm-101-disk-0.raw,size=8G"}));
    let held = |more: Value| json!({"snapshots": {"before": more}});
    let here = || json!({"rootfs": "zdata:subvol-101-disk-0,size=8G"});
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str)> = vec![
        ("VM: ISO in a snapshot (the real 8.4: aborted, local cdrom image)", seen(shared(), iso(in_snapshot())), vec![], plain(), "blocked local-image"),
        ("VM stopped: ISO in a snapshot (the real 9.2: aborted)", stopped(seen(shared(), iso(in_snapshot()))), vec![], take(), "blocked local-image"),
        ("VM stopped: ISO in a pending change (the real 9.2: aborted)", stopped(seen(shared(), iso(json!({"referenced_in_pending": 1})))), vec![], take(), "blocked local-image"),
        ("VM: the node's drive in a snapshot",      seen(shared(), json!([disk("cdrom", with(json!({"cdrom": 1}), in_snapshot()))])), vec![], plain(), "blocked local-image"),
        ("VM: cloud-init drive in a snapshot",      seen(shared(), json!([disk("ssd-data:vm-101-cloudinit", with(json!({"cdrom": 1, "is_cloudinit": 1}), in_snapshot()))])), vec![], plain(), "live node5"),
        ("VM: memory of a snapshot, storage there", seen(shared(), json!([disk("ssd-data:vm-101-state-before", with(json!({"is_vmstate": 1}), in_snapshot()))])), vec![], plain(), "live node5"),
        ("VM: ... not there (the real 9.2: storage is not available)", seen(shared(), json!([disk("ssd-data:vm-101-state-before", with(json!({"is_vmstate": 1}), in_snapshot()))])), vec![gone()], plain(), "blocked storage"),
        ("VM: ... and a map to another type",       seen(shared(), json!([disk("ssd-data:vm-101-state-before", with(json!({"is_vmstate": 1}), in_snapshot()))])), vec![gone()], map(), "blocked no-target"),
        ("VM: a disk that a snapshot alone has",    seen(shared(), json!([disk("ssd-data:vm-101-disk-3", in_snapshot())])), vec![], plain(), "blocked snapshots"),
        ("VM stopped: ... on LVM-thin",             stopped(seen(shared(), json!([disk("ssd-data:vm-101-disk-3", in_snapshot())]))), vec![], take(), "blocked snapshots"),
        ("VM stopped: ... on ZFS",                  stopped(seen(shared(), json!([disk("zdata:vm-101-disk-3", in_snapshot())]))), vec![zfs_here()], take(), "offline node6"),
        ("VM: pending disk, storage there",         seen(shared(), json!([disk("ssd-data:vm-101-disk-3", json!({"referenced_in_pending": 1}))])), vec![], plain(), "live node5"),
        ("VM: ... not there (the real 9.2: aborted)", seen(shared(), json!([disk("ssd-data:vm-101-disk-3", json!({"referenced_in_pending": 1}))])), vec![gone()], plain(), "blocked storage"),
        ("VM: another's disk in a snapshot",        seen(shared(), json!([disk("zdata:vm-102-disk-3", in_snapshot())])), vec![zfs_here()], shutdown(), "blocked foreign-volume"),
        ("VM: a path of the node in a snapshot",    seen(shared(), json!([disk("/dev/sdb", in_snapshot())])), vec![], plain(), "blocked local-path"),
        ("VM: added after the snapshot (PVE moves it)", seen(later(), json!([disk("ssd-data:vm-101-disk-1", json!({"is_attached": 1}))])), vec![], plain(), "live node5"),
        ("VM: it was there before",                 seen(later(), json!([disk("ssd-data:vm-101-disk-1", in_snapshot())])), vec![], plain(), "blocked snapshots"),
        ("VM: TPM with a snapshot (PVE: online storage migration not possible)", seen(tpm(), json!([disk("ssd-data:vm-101-disk-1", with(json!({"is_tpmstate": 1}), in_snapshot()))])), vec![], plain(), "blocked snapshots"),
        ("VM: TPM with a snapshot, check not read", with(tpm(), json!({"snapshots": ["before"], "precondition": null})), vec![], plain(), "blocked snapshots"),
        ("VM: TPM without",                         with(tpm(), json!({"precondition": {"local_disks": [disk("ssd-data:vm-101-disk-1", json!({"is_tpmstate": 1}))]}})), vec![], plain(), "live node5"),
        ("VM: snapshots, the check was not read",   with(shared(), json!({"snapshots": ["before"], "precondition": null})), vec![], plain(), "blocked unseen"),
        ("VM: no snapshots (but a pending ISO?), nor was it", with(shared(), json!({"precondition": null})), vec![], plain(), "blocked unseen"),
        ("VM: ... the check in another form",       with(shared(), json!({"precondition": {"local_disks": 5}})), vec![], plain(), "blocked unseen"),
        ("VM stopped: ... not read",                stopped(with(shared(), json!({"precondition": null}))), vec![], take(), "blocked unseen"),
        ("CT: ... of which older PVE has none",     with(nas_ct(), json!({"precondition": null})), vec![], plain(), "restart node3"),
        ("VM: unused volume that a snapshot has",   seen(vm(json!({"scsi0": SSD, "unused0": "ssd-data:vm-101-disk-1"})), json!([disk("ssd-data:vm-101-disk-0", json!({})), disk("ssd-data:vm-101-disk-1", in_snapshot())])), vec![], plain(), "blocked snapshots"),
        ("VM HA: memory of a snapshot, storage gone", seen(shared(), json!([disk("ssd-data:vm-101-state-before", with(json!({"is_vmstate": 1}), in_snapshot()))])), vec![managed("vm:101"), gone()], map(), "blocked storage"),
        ("CT: mount point in a snapshot alone, on the node's LVM (the real 9.2: down for nothing)", with(nas_ct(), held(json!({"rootfs": "share:101/vm-101-disk-0.raw", "mp0": "ssd-data:vm-101-disk-1,mp=/a"}))), vec![], plain(), "blocked snapshots"),
        ("CT: ... on ZFS that the target lacks (the real 9.2: shut down, aborted, started)", with(nas_ct(), held(json!({"mp0": "zdata:subvol-101-disk-1,mp=/a,size=1G"}))), vec![("/storages/1/nodes", space(&["node2"], 100))], plain(), "blocked storage"),
        ("CT: ... on ZFS that it has",              with(zfs_ct(), held(with(here(), json!({"mp0": "zdata:subvol-101-disk-1,mp=/a,size=1G"})))), vec![zfs_here()], plain(), "restart node6"),
        ("CT: ... another's",                       with(zfs_ct(), held(json!({"mp0": "zdata:subvol-102-disk-1,mp=/a,size=1G"}))), vec![zfs_here()], plain(), "blocked foreign-volume"),
        ("CT: a volume that no snapshot has",       with(ct(json!({"rootfs": "share:101/vm-101-disk-0.raw,size=8G", "mp0": "ssd-data:vm-101-disk-1,mp=/a,size=1G"})), held(json!({"rootfs": "share:101/vm-101-disk-0.raw"}))), vec![], plain(), "restart node5"),
        ("CT: a snapshot on the share alone",       with(nas_ct(), held(json!({"rootfs": "share:101/vm-101-disk-0.raw"}))), vec![], plain(), "restart node3"),
        ("CT: a snapshot that was not read",        with(nas_ct(), held(json!({"unseen": "status 500"}))), vec![], plain(), "blocked unseen"),
        ("CT: names alone (version 1)",             with(nas_ct(), json!({"snapshots": ["before"]})), vec![], plain(), "blocked unseen"),
        ("CT: names alone, on LVM-thin",            with(ct(json!({"rootfs": SSD})), json!({"snapshots": ["before"]})), vec![], plain(), "blocked snapshots"),
    ];
    fails(rows);
}

#[test]
fn what_types_of_storage_send() {
    let zdata = |kind: &str| {
        let nodes = space(&["node2", "node6"], 100);
        vec![
            ("/storages/1/type", json!(kind)),
            ("/storages/1/nodes", nodes),
            ("/nodes/1/online", json!(false)),
        ]
    };
    let lvm = || vec![("/storages/0/nodes", space(&["node5"], 100))];
    let map = || allow(|policy| drop(policy.storage_map.insert("zdata".into(), "ssd-data".into())));
    let shutdown = || allow(|policy| policy.allow_shutdown = true);
    let chain = |is: Value| vec![("/storages/1/volume_chain", is)];
    let take = || allow(|policy| policy.move_stopped = true);
    let root = |name: &str| ct(json!({"rootfs": format!("zdata:101/{name},size=8G")}));
    let held =
        |name: &str| json!({"snapshots": {"before": {"rootfs": format!("zdata:101/{name}")}}});
    let qcow2 = || vm(json!({"scsi0": "zdata:101/vm-101-disk-0.qcow2,size=8G"}));
    let snapshot = || {
        check(json!([disk(
            "zdata:101/vm-101-disk-0.qcow2",
            json!({"referenced_in_snapshot": {"before": 1}})
        )]))
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str)> = vec![
        ("btrfs to btrfs",                         root("vm-101-disk-0.raw"), zdata("btrfs"), Policy::default(), "restart node6"),
        ("btrfs to btrfs, snapshots",              with(root("vm-101-disk-0.subvol"), held("vm-101-disk-0.subvol")), zdata("btrfs"), Policy::default(), "restart node6"),
        ("btrfs to LVM-thin, no snapshots (PVE sends raw)", root("vm-101-disk-0.raw"), [zdata("btrfs"), lvm(), vec![("/nodes/3/online", json!(false)), ("/storages/1/nodes", space(&["node2"], 100))]].concat(), map(), "restart node5"),
        ("btrfs to LVM-thin, snapshots",           with(root("vm-101-disk-0.raw"), held("vm-101-disk-0.raw")), [zdata("btrfs"), lvm(), vec![("/nodes/3/online", json!(false)), ("/storages/1/nodes", space(&["node2"], 100))]].concat(), map(), "blocked storage-type"),
        ("qcow2 in a dir, a snapshot",             with(qcow2(), snapshot()), [zdata("dir"), chain(json!(false))].concat(), shutdown(), "shutdown node6"),
        ("... as a chain of volumes (PVE aborts after the shutdown)", with(qcow2(), snapshot()), [zdata("dir"), chain(json!(true))].concat(), shutdown(), "blocked snapshots"),
        ("... a chain or not was not seen (version 1)", with(qcow2(), snapshot()), zdata("dir"), shutdown(), "blocked unseen"),
        ("... stopped",                            stopped(with(qcow2(), snapshot())), zdata("dir"), take(), "blocked unseen"),
        ("... no snapshots",                       stopped(qcow2()), zdata("dir"), take(), "offline node6"),
        ("... of a file that can't have any",      with(vm(json!({"scsi0": "zdata:101/vm-101-disk-0.raw,size=8G"})), json!({"snapshots": ["before"]})), zdata("dir"), shutdown(), "blocked snapshots"),
        ("a chain of volumes, no snapshots",       qcow2(), [zdata("dir"), chain(json!(true))].concat(), shutdown(), "live node6"),
    ];
    fails(rows);
}

fn fails(rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str)>) {
    let mut wrong = Vec::new();
    for (name, guest, changes, policy, want) in rows {
        let plan = decide(&guest, &changes, &policy);
        let got = outcome(subject(&plan));
        if got != want {
            wrong.push(format!("{name}: {want}, not {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
