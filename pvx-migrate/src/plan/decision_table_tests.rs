//! The decision table (one row of it, one row here), and what may be wrong with a target.

use std::time::Duration;

use serde_json::{Value, json};
use vmid::site::{Member, Pair, Site};

use super::{
    policy::Policy,
    table_fixture::{
        GIB, SSD, allow, ct, decide, managed, outcome, snap, space, stopped, subject, vm, with,
    },
};

#[test]
fn decision_table() {
    let ssd_vm = || vm(json!({"scsi0": SSD}));
    let ssd_ct = || ct(json!({"rootfs": SSD}));
    let shared_vm = || vm(json!({"scsi0": "share:101/vm-101-disk-0.qcow2,size=8G"}));
    let zfs = |key: &str, kind: &str| {
        let volume = format!("zdata:{kind}-101-disk-0,size=8G");
        json!({key: volume})
    };
    let plain = Policy::default;
    let shutdown = || allow(|policy| policy.allow_shutdown = true);
    let take = || allow(|policy| policy.move_stopped = true);
    let map = || allow(|policy| drop(policy.storage_map.insert("ssd-data".into(), "zdata".into())));
    // The subject on node3, where ZFS is: node2 gets ZFS instead.
    let zfs_here = || {
        vec![
            ("/storages/1/nodes", space(&["node2", "node6"], 100)),
            ("/storages/0/nodes", space(&["node3", "node5"], 100)),
        ]
    };
    let mapped = |info: Value| {
        with(
            vm(json!({"scsi0": SSD, "hostpci0": "mapping=gpu"})),
            json!({"precondition": {"local_resources": ["hostpci0"], "mapped-resource-info": info,
                "not_allowed_nodes": {"node3": {"unavailable-resources": ["gpu"]}}}}),
        )
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str)> = vec![
        ("any: locked by a backup",             with(ssd_ct(), json!({"lock": "backup"})), vec![],                               plain(),    "blocked locked"),
        ("any: lock in the config alone",       ct(json!({"rootfs": SSD, "lock": "snapshot"})), vec![],                          plain(),    "blocked locked"),
        ("any: node offline",                   ssd_ct(), vec![("/nodes/0/online", json!(false))],                               plain(),    "blocked offline"),
        ("any: no quorum",                      ssd_ct(), vec![("/cluster/quorate", json!(false))],                              plain(),    "blocked no-quorum"),
        ("any: quorum not seen",                ssd_ct(), vec![("/cluster/quorate", Value::Null)],                               plain(),    "blocked unseen"),
        ("any: HA not seen",                    ssd_ct(), vec![("/ha", Value::Null)],                                            plain(),    "blocked unseen"),
        ("any: no VM.Migrate",                  ssd_ct(), vec![("/permissions/~1vms", json!({"VM.Audit": true}))],               plain(),    "blocked permission"),
        ("any: config not read",                json!({}), vec![],                                                               plain(),    "blocked unseen"),
        ("any: HA error state",                 ssd_vm(), vec![("/ha/resources", json!([{"sid": "vm:101", "state": "started", "crm_state": "error"}]))], plain(), "blocked ha-error"),
        ("any: HA is at work on it",            ssd_vm(), vec![("/ha/resources", json!([{"sid": "vm:101", "state": "started", "crm_state": "relocate"}]))], plain(), "blocked ha-busy"),
        ("VM: shared disks, no local resource", shared_vm(), vec![],                                                             plain(),    "live node3"),
        ("VM: local disks, storage there (the real 8.4 mirrors them)",      ssd_vm(), vec![],                                                                plain(),    "live node5"),
        ("VM: local disks, storage missing",    ssd_vm(), vec![("/storages/0/nodes", space(&["node2"], 100))],                   plain(),    "blocked storage"),
        ("VM: ... and a map",                   ssd_vm(), vec![("/storages/0/nodes", space(&["node2"], 100))],                   map(),      "live node3"),
        ("VM: ... map, no VM.Config.Disk",      ssd_vm(), vec![("/storages/0/nodes", space(&["node2"], 100)), ("/permissions/~1vms", json!({"VM.Audit": true, "VM.Migrate": true}))], map(), "blocked no-target"),
        ("VM: ... map, no AllocateSpace",       ssd_vm(), vec![("/storages/0/nodes", space(&["node2"], 100)), ("/permissions/~1storage", json!({"Datastore.Audit": true}))], map(), "blocked no-target"),
        ("VM: ... map, no space",               ssd_vm(), vec![("/storages/0/nodes", space(&["node2"], 100)), ("/storages/1/nodes", space(&["node3", "node6"], 7))], map(), "blocked no-target"),
        ("VM: local disks, snapshots",          with(ssd_vm(), snap()), vec![],                                                  plain(),    "blocked snapshots"),
        ("VM: ... shutdown doesn't help LVM",   with(ssd_vm(), snap()), vec![],                                                  shutdown(), "blocked snapshots"),
        ("VM: ... on ZFS",                      with(vm(zfs("scsi0", "vm")), snap()), zfs_here(),                                plain(),    "blocked snapshots"),
        ("VM: ... on ZFS, shutdown allowed",    with(vm(zfs("scsi0", "vm")), snap()), zfs_here(),                                shutdown(), "shutdown node6"),
        ("VM: ... qcow2 in a dir (the real 8.4: shut down, moved, started)",              with(vm(json!({"scsi0": "local:101/vm-101-disk-0.qcow2,size=8G"})), snap()), vec![("/storages/3/content", json!(["images"]))], shutdown(), "shutdown node3"),
        ("VM: ... on the share",                with(shared_vm(), snap()), vec![],                                               plain(),    "live node3"),
        ("VM: ISO on local storage",            vm(json!({"scsi0": SSD, "ide2": "local:iso/debian.iso,media=cdrom,size=700M"})), vec![], plain(), "blocked local-image"),
        ("VM: ISO on the share",                vm(json!({"scsi0": SSD, "ide2": "share:iso/debian.iso,media=cdrom"})), vec![],   plain(),    "live node5"),
        ("VM: the node's own drive",            vm(json!({"scsi0": SSD, "ide2": "cdrom,media=cdrom"})), vec![],                  plain(),    "blocked local-image"),
        ("VM: an empty drive",                  vm(json!({"scsi0": SSD, "ide2": "none,media=cdrom"})), vec![],                   plain(),    "live node5"),
        ("VM: mapped PCI, check not read",      with(mapped(json!({})), json!({"precondition": null})), vec![],                  shutdown(), "blocked unseen"),
        ("VM: mapped PCI",                      mapped(json!({})), vec![],                                                       plain(),    "blocked mapped-device"),
        ("VM: ... shutdown allowed",            mapped(json!({})), vec![],                                                       shutdown(), "shutdown node5"),
        ("VM: ... capable of live migration",   mapped(json!({"hostpci0": {"live-migration": 1}})), vec![],                      plain(),    "live node5"),
        ("VM: ... no PowerMgmt to shut down",   mapped(json!({})), vec![("/permissions/~1vms", json!({"VM.Audit": true, "VM.Migrate": true}))], shutdown(), "blocked permission"),
        ("VM: unmapped hostpci",                vm(json!({"scsi0": SSD, "hostpci0": "0000:01:00.0,pcie=1"})), vec![],            shutdown(), "blocked local-device"),
        ("VM: unmapped usb",                    vm(json!({"scsi0": SSD, "usb0": "host=1234:5678"})), vec![],                     shutdown(), "blocked local-device"),
        ("VM: unmapped hostpci, stopped",       stopped(vm(json!({"scsi0": SSD, "hostpci0": "0000:01:00.0"}))), vec![],          take(),     "blocked local-device"),
        ("VM: usb of spice",                    vm(json!({"scsi0": SSD, "usb0": "spice"})), vec![],                              plain(),    "live node5"),
        ("VM: serial device",                   vm(json!({"scsi0": SSD, "serial0": "/dev/ttyS0"})), vec![],                      plain(),    "blocked local-device"),
        ("VM: serial socket",                   vm(json!({"scsi0": SSD, "serial0": "socket"})), vec![],                          plain(),    "live node5"),
        ("VM: what only PVE's check knows",     with(ssd_vm(), json!({"precondition": {"local_resources": ["ivshmem"]}})), vec![], plain(), "blocked local-device"),
        ("VM: virtiofs, PVE's word for it",     with(vm(json!({"scsi0": SSD, "virtiofs0": "dirid=media"})), json!({"precondition": {"local_resources": ["virtiofs", "virtiofs0"], "mapped-resource-info": {"virtiofs0": {"name": "media"}}}})), vec![], plain(), "blocked only-stopped"),
        ("VM: ... shutdown allowed (PVE moves it stopped)", with(vm(json!({"scsi0": SSD, "virtiofs0": "dirid=media"})), json!({"precondition": {"local_resources": ["virtiofs", "virtiofs0"]}})), vec![], shutdown(), "shutdown node5"),
        ("VM: AMD SEV, PVE's word for it",      with(vm(json!({"scsi0": SSD, "amd-sev": "type=std"})), json!({"precondition": {"local_resources": ["amd-sev"]}})), vec![], shutdown(), "shutdown node5"),
        ("VM: clipboard, PVE's word alone",     with(ssd_vm(), json!({"precondition": {"local_resources": ["clipboard=vnc"]}})), vec![], plain(), "blocked only-stopped"),
        ("VM: Intel TDX, PVE's word alone",     with(ssd_vm(), json!({"precondition": {"local_resources": ["intel-tdx"]}})), vec![], shutdown(), "shutdown node5"),
        ("VM: AMD SEV",                         vm(json!({"scsi0": SSD, "amd-sev": "type=std"})), vec![],                        plain(),    "blocked only-stopped"),
        ("VM: clipboard=vnc, old machine",      vm(json!({"scsi0": SSD, "vga": "std,clipboard=vnc", "machine": "pc-q35-10.0+pve0"})), vec![], plain(), "blocked only-stopped"),
        ("VM: clipboard=vnc, new machine",      vm(json!({"scsi0": SSD, "vga": "std,clipboard=vnc", "machine": "pc-q35-10.1"})), vec![], plain(), "live node5"),
        ("VM: replicated",                      vm(zfs("scsi0", "vm")), [zfs_here(), vec![("/replication", json!([{"vmid": 101, "target": "node6"}]))]].concat(), plain(), "live node6"),
        ("VM: replicated, with snapshots",      with(vm(zfs("scsi0", "vm")), snap()), [zfs_here(), vec![("/replication", json!([{"vmid": 101, "target": "node6"}]))]].concat(), plain(), "live node6"),
        ("VM: replicated elsewhere (the real 9.2: 500, not a replication target)",            shared_vm(), vec![("/replication", json!([{"vmid": 101, "target": "node9"}]))],  plain(),    "blocked replication"),
        ("VM: replication being removed",       shared_vm(), vec![("/replication", json!([{"vmid": 101, "target": "node3", "removed": true}]))], plain(), "blocked replication-removed"),
        ("VM: ... to another node, too (PVE: 500, not a replication target)", ssd_vm(), vec![("/replication", json!([{"vmid": 101, "target": "node3", "removed": true}]))], plain(), "blocked replication-removed"),
        ("VM: replicated, another job being removed", vm(zfs("scsi0", "vm")), [zfs_here(), vec![("/storages/1/nodes", space(&["node2", "node6", "node5"], 100)), ("/replication", json!([{"vmid": 101, "target": "node5", "removed": true}, {"vmid": 101, "target": "node6"}]))]].concat(), plain(), "live node6"),
        ("VM stopped: replication being removed (refused towards that job's target)", stopped(shared_vm()), vec![("/replication", json!([{"vmid": 101, "target": "node3", "removed": true}]))], take(), "offline node6"),
        ("CT: replication being removed (the real 9.2: removed on the way, moved)", ssd_ct(), vec![("/replication", json!([{"vmid": 101, "target": "node5", "removed": true}]))], plain(), "restart node5"),
        ("CT: the same volume twice (the real 9.2 moves it)", ct(json!({"rootfs": SSD, "mp0": "ssd-data:vm-101-disk-1,mp=/a,size=1G", "mp1": "ssd-data:vm-101-disk-1,mp=/b,size=1G"})), vec![], plain(), "restart node5"),
        ("VM HA: same storage, no rule (the real CRM moves it live)",        ssd_vm(), vec![managed("vm:101")],                                               plain(),    "ha node5"),
        ("VM HA: needs a storage map",          ssd_vm(), vec![managed("vm:101"), ("/storages/0/nodes", space(&["node2"], 100))], map(),     "blocked storage"),
        ("VM HA: strict rule elsewhere",        ssd_vm(), vec![managed("vm:101"), ("/ha/rules", json!([{"type": "node-affinity", "rule": "r", "resources": ["vm:101"], "nodes": {"node3": 0}, "strict": true}]))], plain(), "blocked no-target"),
        ("VM HA: mapped PCI",                   mapped(json!({})), vec![managed("vm:101")],                                      shutdown(), "blocked mapped-device"),
        ("VM HA: state ignored",                ssd_vm(), vec![("/ha/resources", json!([{"sid": "vm:101", "state": "ignored"}]))], plain(),  "live node5"),
        ("VM stopped: left by default",         stopped(ssd_vm()), vec![],                                                       plain(),    "leave"),
        ("VM stopped: same storage type",       stopped(ssd_vm()), vec![],                                                       take(),     "offline node5"),
        ("VM stopped: LVM-thin to ZFS",         stopped(ssd_vm()), vec![("/storages/0/nodes", space(&["node2"], 100))],          allow(|policy| { policy.move_stopped = true; policy.storage_map.insert("ssd-data".into(), "zdata".into()); }), "blocked no-target"),
        ("VM stopped: shared",                  stopped(shared_vm()), vec![],                                                    take(),     "offline node3"),
        ("VM stopped, HA: left by default",     stopped(ssd_vm()), vec![managed("vm:101")],                                      plain(),    "leave"),
        ("VM stopped, HA",                      stopped(ssd_vm()), vec![managed("vm:101")],                                      take(),     "ha node5"),
        ("CT: movable (the real 9.2 and 8.4 restart it there)",                         ssd_ct(), vec![],                                                                plain(),    "restart node5"),
        ("CT: ZFS with snapshots",              with(ct(zfs("rootfs", "subvol")), json!({"snapshots": {"before": zfs("rootfs", "subvol")}})), zfs_here(),                           plain(),    "restart node6"),
        ("CT: shared=1 bind mount",             ct(json!({"rootfs": SSD, "mp0": "/mnt/media,mp=/media,shared=1"})), vec![],      plain(),    "restart node5"),
        ("CT: bridge missing",                  ct(json!({"rootfs": SSD, "net0": "name=eth0,bridge=vmbr9"})), vec![],            plain(),    "blocked no-target"),
        ("CT: devN, target not known to have it", ct(json!({"rootfs": SSD, "dev0": "/dev/dri/renderD128,gid=104"})), vec![],     plain(),    "blocked no-target"),
        ("CT: devN that every node has",        ct(json!({"rootfs": SSD, "dev0": "path=/dev/net/tun"})), vec![],                 plain(),    "restart node5"),
        ("CT: raw mount entry",                 ct(json!({"rootfs": SSD, "lxc": [["lxc.mount.entry", "/dev/dri dev/dri none bind"]]})), vec![], plain(), "blocked no-target"),
        ("CT: raw mount entry, optional",       ct(json!({"rootfs": SSD, "lxc": [["lxc.mount.entry", "/dev/dri dev/dri none bind,optional"]]})), vec![], plain(), "restart node5"),
        ("CT: replicated ZFS",                  ct(zfs("rootfs", "subvol")), vec![("/storages/1/nodes", space(&["node2", "node3", "node6"], 100)), ("/replication", json!([{"vmid": 101, "target": "node6"}]))], plain(), "restart node6"),
        ("CT: replicated, the replica is off",  ct(zfs("rootfs", "subvol")), vec![("/storages/1/nodes", space(&["node2", "node3", "node6"], 100)), ("/replication", json!([{"vmid": 101, "target": "node6"}])), ("/nodes/3/online", json!(false))], plain(), "restart node3"),
        ("CT: large, longer than --max-downtime", ct(json!({"rootfs": "ssd-data:vm-101-disk-0,size=50G"})), vec![],              allow(|policy| policy.max_downtime = Some(Duration::from_secs(300))), "blocked no-target"),
        ("CT: within --max-downtime",           ct(json!({"rootfs": "ssd-data:vm-101-disk-0,size=30G"})), vec![],                allow(|policy| policy.max_downtime = Some(Duration::from_secs(310))), "restart node5"),
        ("CT HA: rules allow",                  ssd_ct(), vec![managed("ct:101")],                                               plain(),    "ha node5"),
        ("CT: bind mount",                      ct(json!({"rootfs": SSD, "mp0": "/mnt/media,mp=/media"})), vec![],               plain(),    "blocked local-path"),
        ("CT: device mount",                    ct(json!({"rootfs": SSD, "mp0": "/dev/sdb1,mp=/media"})), vec![],                plain(),    "blocked local-path"),
        ("CT stopped: bind mount",              stopped(ct(json!({"rootfs": SSD, "mp0": "/mnt/media,mp=/media"}))), vec![],      take(),     "blocked local-path"),
        ("CT: snapshots on LVM-thin",           with(ssd_ct(), snap()), vec![],                                                  plain(),    "blocked snapshots"),
        ("CT: snapshots not read",              with(ssd_ct(), json!({"snapshots": null})), vec![],                              plain(),    "blocked unseen"),
        ("CT: LVM-thin to ZFS",                 ssd_ct(), vec![("/storages/0/nodes", space(&["node2"], 100))],                   map(),      "blocked no-target"),
        ("CT: linked clone",                    ct(json!({"rootfs": "zdata:basevol-100-disk-0/subvol-101-disk-0,size=8G"})), zfs_here(), plain(), "blocked linked-clone"),
        ("CT: another guest's volume",          ct(json!({"rootfs": SSD, "mp0": "ssd-data:vm-102-disk-0,mp=/x,size=1G"})), vec![], plain(),   "blocked foreign-volume"),
        ("CT stopped: left by default",         stopped(ssd_ct()), vec![],                                                       plain(),    "leave"),
        ("CT stopped: movable",                 stopped(ssd_ct()), vec![],                                                       take(),     "offline node5"),
        ("template: left",                      with(stopped(ssd_vm()), json!({"template": true})), vec![],                      take(),     "leave"),
    ];
    let mut wrong = Vec::new();
    for (name, guest, changes, policy, want) in rows {
        let plan = decide(&guest, &changes, &policy);
        let step = subject(&plan);
        if outcome(step) != want {
            wrong.push(format!("{name}: {want}, not {}", outcome(step)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn targets_that_are_refused() {
    let ssd_vm = |more: Value| with(vm(with(json!({"scsi0": SSD}), more)), json!({}));
    let ssd_ct = || ct(json!({"rootfs": SSD}));
    let pair = || Pair {
        name: "dns".to_owned(),
        members: [("subject", None), ("", Some(102))]
            .map(|(name, vmid)| Member {
                vmid,
                name: name.to_owned(),
                node: None,
                ..Member::default()
            })
            .to_vec(),
        ..Pair::default()
    };
    let rule = |more: Value| {
        json!([with(
            json!({"rule": "r", "resources": ["ct:101", "ct:102"]}),
            more
        )])
    };
    let map = || allow(|policy| drop(policy.storage_map.insert("ssd-data".into(), "zdata".into())));
    let both = || {
        (
            "/ha/resources",
            json!([{"sid": "ct:101", "state": "started"}, {"sid": "ct:102", "state": "started"}]),
        )
    };
    let plain = Policy::default;
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str, &str)> = vec![
        ("offline, though PVE's check lists it as allowed", with(ssd_ct(), json!({"precondition": {"allowed-nodes": ["node3", "node5"]}})), vec![("/nodes/2/online", json!(false))], plain(), "node5", "offline"),
        ("offline",                    ssd_ct(), vec![("/nodes/2/online", json!(false))],                        plain(), "node5", "offline"),
        ("in maintenance",             ssd_ct(), vec![("/nodes/2/maintenance", json!(true))],                    plain(), "node5", "maintenance"),
        ("storage not there",          ssd_ct(), vec![],                                                         plain(), "node3", "storage"),
        ("storage takes no rootdir",   ssd_ct(), vec![("/storages/0/content", json!(["images"]))],               plain(), "node5", "storage-content"),
        ("mapped to what guests may not use", ssd_vm(json!({})), vec![("/storages/3/content", json!(["images"]))], allow(|policy| drop(policy.storage_map.insert("ssd-data".into(), "local".into()))), "node3", "storage-content"),
        ("CT from LVM-thin to ZFS",    ssd_ct(), vec![],                                                         map(),   "node3", "storage-type"),
        ("VM stopped, LVM-thin to ZFS", stopped(ssd_vm(json!({}))), vec![],                                      allow(|policy| { policy.move_stopped = true; policy.storage_map.insert("ssd-data".into(), "zdata".into()); }), "node3", "storage-type"),
        ("VM shut down, LVM-thin to ZFS", ssd_vm(json!({"amd-sev": "type=std"})), vec![],                        allow(|policy| { policy.allow_shutdown = true; policy.storage_map.insert("ssd-data".into(), "zdata".into()); }), "node3", "storage-type"),
        ("VM live, but cloud-init is copied", ssd_vm(json!({"ide2": "ssd-data:vm-101-cloudinit,media=cdrom"})), vec![], map(), "node3", "storage-type"),
        ("VM live, but the TPM is copied", ssd_vm(json!({"tpmstate0": "ssd-data:vm-101-disk-1,size=4M"})), vec![], map(), "node3", "storage-type"),
        ("VM live, but an unused volume is copied", ssd_vm(json!({"unused0": "ssd-data:vm-101-disk-1"})), vec![], map(), "node3", "storage-type"),
        ("mapped without VM.Config.Disk", ssd_vm(json!({})), vec![("/permissions/~1vms", json!({"VM.Audit": true, "VM.Migrate": true}))], map(), "node3", "permission"),
        ("mapped without AllocateSpace", ssd_vm(json!({})), vec![("/permissions/~1storage", json!({"Datastore.Audit": true}))], map(), "node3", "permission"),
        ("mapped, too little space",   ssd_vm(json!({})), vec![("/storages/1/nodes", space(&["node3", "node6"], 7))], map(), "node3", "space"),
        ("too little space",           ssd_ct(), vec![("/storages/0/nodes/node5/free", json!(8 * GIB - 1))],     plain(), "node5", "space"),
        ("memory",                     with(ssd_ct(), json!({"maxmem": 23 * GIB + 1})), vec![],                  plain(), "node5", "memory"),
        ("processor model, cpu=host",  ssd_vm(json!({"cpu": "host,flags=+aes"})), vec![("/nodes/2/cpu_model", json!("N305"))], plain(), "node5", "cpu"),
        ("processor not seen",         ssd_vm(json!({"cpu": "cputype=host"})), vec![("/nodes/2/cpu_model", Value::Null)], plain(), "node5", "unseen"),
        ("x86-64-v4 on v3",            ssd_vm(json!({"cpu": "x86-64-v4"})), vec![("/nodes/0/cpu_level", json!(4))],                              plain(), "node5", "cpu"),
        ("a named model of a level above", ssd_vm(json!({"cpu": "Skylake-Server-v4"})), vec![("/nodes/0/cpu_level", json!(4))],                     plain(), "node5", "cpu"),
        ("AMD's model on Intel (QEMU refuses to start it)", ssd_vm(json!({"cpu": "EPYC-Rome"})), vec![("/nodes/0/cpu_model", json!("AMD EPYC 7302P")), ("/nodes/2/cpu_model", json!("Intel(R) N100"))], plain(), "node5", "cpu"),
        ("bound to processors of which none is there", ssd_vm(json!({"affinity": "4-7"})), vec![],            plain(), "node5", "cpu"),
        ("more vCPUs than processors", ssd_vm(json!({"cores": 3, "sockets": "2"})), vec![],                      plain(), "node5", "cpu"),
        ("older PVE, live",            ssd_vm(json!({})), vec![("/nodes/2/pve", json!("9.0.9"))],                plain(), "node5", "version"),
        ("older major, container",     ssd_ct(), vec![("/nodes/2/pve", json!("8.4.14"))],                        plain(), "node5", "version"),
        ("version not seen, live",     ssd_vm(json!({})), vec![("/nodes/2/pve", Value::Null)],                   plain(), "node5", "unseen"),
        ("bridge missing",             ssd_vm(json!({"net0": "virtio=BC:24:11:00:27:7F,bridge=vmbr1"})), vec![], plain(), "node5", "bridge"),
        ("bridge not the token's to see", ssd_vm(json!({"net0": "virtio,bridge=vmbr1"})), vec![("/permissions/~1sdn", json!({}))], plain(), "node5", "unseen"),
        ("bridges not seen",           ssd_vm(json!({"net0": "virtio,bridge=vmbr0"})), vec![("/nodes/2/bridges", Value::Null)], plain(), "node5", "unseen"),
        ("no mapping there",           with(ssd_vm(json!({"usb0": "mapping=key"})), json!({"precondition": {"not_allowed_nodes": {"node5": {"unavailable-resources": ["key"]}}}})), vec![], allow(|policy| policy.allow_shutdown = true), "node5", "mapping"),
        ("a pair's member is there",   ssd_ct(), vec![],                                                         allow(|policy| policy.pairs = vec![pair()]), "node5", "pair"),
        ("HA: apart from one there",   ssd_ct(), vec![both(), ("/ha/rules", rule(json!({"type": "resource-affinity", "negative": true})))], plain(), "node5", "ha-rule"),
        ("HA: together with one elsewhere", ct(json!({"rootfs": "share:101/vm-101-disk-0.raw,size=8G"})), vec![both(), ("/ha/rules", rule(json!({"type": "resource-affinity", "negative": false})))], plain(), "node3", "ha-rule"),
        ("HA: never on that node",     ssd_ct(), vec![both(), ("/ha/rules", rule(json!({"type": "node-affinity", "nodes": {"node5": 0}, "negative": true})))], plain(), "node5", "ha-rule"),
        ("HA: would come back",        ssd_ct(), vec![both(), ("/ha/rules", rule(json!({"type": "node-affinity", "nodes": {"node2": 2, "node5": 1}})))], plain(), "node5", "ha-failback"),
        ("HA: would go on to another", ssd_ct(), vec![both(), ("/ha/rules", rule(json!({"type": "node-affinity", "nodes": {"node3": 1}})))], plain(), "node5", "ha-failback"),
        ("HA: what PVE's check says",  with(ssd_ct(), json!({"precondition": {"not-allowed-nodes": {"node5": {"blocking-ha-resources": [{"sid": "ct:9", "cause": "x"}]}}}})), vec![both()], plain(), "node5", "ha-rule"),
    ];
    for (name, guest, changes, policy, target, want) in rows {
        let plan = decide(&guest, &changes, &policy);
        let step = subject(&plan);
        let refused = step.refused.iter().find(|refused| refused.node == target);
        let got = refused.map_or("", |refused| &refused.code);
        assert_eq!(got, want, "{name}: {step:#?}");
        assert_ne!(step.to.as_deref(), Some(target), "{name}");
    }
}

/// The same guest is let through when what was refused is mended.
#[test]
fn targets_that_are_not_refused() {
    let failback = |extra: Value| {
        let resource = with(json!({"sid": "ct:101", "state": "started"}), extra);
        vec![
            ("/ha/resources", json!([resource])),
            (
                "/ha/rules",
                json!([{"type": "node-affinity", "rule": "r", "resources": ["ct:101"], "nodes": {"node2": 2, "node5": 1}}]),
            ),
        ]
    };
    let site = |text: &str| Site::parse(text.as_bytes()).unwrap();
    let ssd_ct = || ct(json!({"rootfs": SSD}));
    let plain = Policy::default;
    let gpu = || ct(json!({"rootfs": SSD, "dev0": "/dev/dri/renderD128"}));
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Vec<(&str, Value)>, Policy, &str)> = vec![
        ("exactly enough space",            ssd_ct(), vec![("/storages/0/nodes/node5/free", json!(8 * GIB))], plain(), "restart node5"),
        ("exactly enough memory",           with(ssd_ct(), json!({"maxmem": 23 * GIB})), vec![],              plain(), "restart node5"),
        ("failback is off",                 ssd_ct(), failback(json!({"failback": false})),                   plain(), "ha node5"),
        ("the preferred node is in maintenance", ssd_ct(), [failback(json!({})), vec![("/nodes/0/maintenance", json!(true))]].concat(), plain(), "ha node5"),
        ("the site knows the device there", gpu(), vec![],                                                    allow(|policy| policy.site = site(r#"{"nodes":[{"name":"node5","devices":["/dev/dri/renderD128"]}]}"#)), "restart node5"),
        ("newer PVE",                       vm(json!({"scsi0": SSD})), vec![("/nodes/2/pve", json!("9.1.10"))], plain(), "live node5"),
        ("older minor, container",          ssd_ct(), vec![("/nodes/2/pve", json!("9.0.1"))],                 plain(), "restart node5"),
        ("cpu=host on the same model",      vm(json!({"scsi0": SSD, "cpu": "host"})), vec![],                 plain(), "live node5"),
        ("x86-64-v3 on v3",                 vm(json!({"scsi0": SSD, "cpu": "x86-64-v3"})), vec![],            plain(), "live node5"),
        ("x86-64-v4 runs here on v3, too",  vm(json!({"scsi0": SSD, "cpu": "x86-64-v4"})), vec![],            plain(), "live node5"),
        ("map used only where it is needed", vm(json!({"scsi0": SSD})), vec![("/nodes/1/online", json!(false)), ("/nodes/3/online", json!(false))], allow(|policy| drop(policy.storage_map.insert("share".into(), "zdata".into()))), "live node5"),
    ];
    for (name, guest, changes, policy, want) in rows {
        let plan = decide(&guest, &changes, &policy);
        let step = subject(&plan);
        assert_eq!(outcome(step), want, "{name}: {step:#?}");
    }
}

/// Rows that need more than one guest, or none of the standing ones.
#[test]
fn guests_that_only_run_here() {
    let own = || {
        let config = json!({"scsi0": SSD, "net0": "virtio=BC:24:11:00:27:7F,bridge=vmbr0"});
        (
            vm(config),
            vec![("/self_macs", json!(["bc:24:11:00:27:7f"]))],
        )
    };
    let own_ct = || {
        let config =
            json!({"rootfs": SSD, "net0": "name=eth0,hwaddr=BC:24:11:00:27:7F,bridge=vmbr0"});
        (
            ct(config),
            vec![("/self_macs", json!(["bc:24:11:00:27:7f"]))],
        )
    };
    let backup = |config: Value, tasks: Value| (ct(config), vec![("/tasks", tasks)]);
    let by_address =
        || json!({"rootfs": SSD, "net0": "name=eth0,bridge=vmbr0,ip=192.168.10.250/24"});
    let vzdump = || json!([{"upid": "U", "node": "node6", "type": "vzdump", "id": "102"}]);
    let other_task = || json!([{"upid": "U", "node": "node6", "type": "qmstart", "id": "102"}]);
    let named = allow(|policy| policy.own = Some(101));
    let plain = Policy::default();
    let ((vm, of_vm), (lxc, of_ct)) = (own(), own_ct());
    #[rustfmt::skip]
    let rows: Vec<(&str, (Value, Vec<(&str, Value)>), &Policy, &str)> = vec![
        ("this runs in a container",            (lxc.clone(), of_ct),                        &plain, "blocked self"),
        ("this runs in a VM that moves live",   (vm.clone(), of_vm),                         &plain, "live node5"),
        ("by --self",                           (lxc, vec![]),                               &named, "blocked self"),
        ("another machine's addresses",         (vm, vec![("/self_macs", json!(["bc:24:11:00:27:80"]))]), &plain, "live node5"),
        ("backup server, a backup runs",        backup(by_address(), vzdump()),              &plain, "blocked backup-running"),
        ("backup server, another task runs",    backup(by_address(), other_task()),          &plain, "restart node5"),
        ("backup server, tasks not seen",       backup(by_address(), Value::Null),           &plain, "blocked unseen"),
        ("a backup runs, but elsewhere",        backup(json!({"rootfs": SSD}), vzdump()),    &plain, "restart node5"),
    ];
    for (name, (guest, changes), policy, want) in rows {
        let plan = decide(&guest, &changes, policy);
        assert_eq!(outcome(subject(&plan)), want, "{name}");
    }
    let mut by_name = decide(
        &backup(json!({"rootfs": SSD}), vzdump()).0,
        &[
            ("/storages/4/server", json!("subject.home.example")),
            ("/tasks", vzdump()),
        ],
        &plain,
    );
    assert_eq!(
        outcome(&by_name.steps.remove(0)),
        "blocked backup-running",
        "known by its name"
    );
}

/// `run` begins no plan in which a guest that may run would stay, without --partial.
#[test]
fn of_what_is_not_known_it_is_taken_that_it_runs() {
    let plan = decide(
        &with(ct(json!({"rootfs": SSD})), json!({"status": "unknown"})),
        &[],
        &Policy::default(),
    );
    let step = subject(&plan);
    assert_eq!(
        (outcome(step).as_str(), step.was_running),
        ("blocked unseen", true)
    );
}
