//! How a guest of a lost node comes back, one thing changed at a time.

use serde_json::{Value, json};

use super::{Given, Outcome, backups::Backups, lost};
use crate::plan::{
    policy::Policy,
    remove::backup::Backup,
    table_fixture::{GIB, SSD, ct, document, space, stopped, vm, with},
};

/// The document's time.
const AT: i64 = 1_795_305_600;

const SHARED: &str = "share:101/vm-101-disk-0.raw,size=8G";

type Changes = Vec<(&'static str, Value)>;

fn backup(more: Value) -> Value {
    let row = json!({"backup-type": "ct", "backup-id": "101", "backup-time": AT - 3600, "comment": "subject",
        "files": [{"filename": "index.json.blob", "size": 5}]});
    with(row, more)
}

fn read(rows: &[Value]) -> Backups {
    let text: String = rows.iter().map(Value::to_string).collect();
    let kept = vmid::stream::parse(text.as_bytes()).unwrap();
    let list = kept.iter().map(|kept| Backup::of(&kept.record()).unwrap());
    Backups::new(list.collect())
}

fn lose(
    guest: &Value,
    changes: &[(&str, Value)],
    rows: Option<&[Value]>,
    nodes: &[usize],
) -> Outcome {
    let mut state = document(guest, changes);
    let backups = rows.map(read);
    let given = Given {
        backups: backups.as_ref(),
        ipam: None,
        before: None,
    };
    let before = serde_json::to_string(&state).unwrap();
    let outcome = lost(&mut state, &Policy::default(), given, nodes);
    assert_eq!(serde_json::to_string(&state).unwrap(), before);
    outcome
}

/// `ha-restart node3 rpo=0 rto=145: codes`
fn told(outcome: &Outcome) -> String {
    let fate = outcome.fates.iter().find(|fate| fate.vmid == 101).unwrap();
    let number = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
    let codes: Vec<&str> = fate.findings.iter().map(|finding| finding.code).collect();
    let on = fate.on.as_deref().unwrap_or("-");
    let (rpo, rto) = (number(fate.rpo_s), number(fate.rto_s));
    format!(
        "{} {on} {rpo} {rto}: {}",
        fate.comes_back.as_str(),
        codes.join(" ")
    )
}

/// Managed, with more of its resource.
fn ha(more: Value) -> (&'static str, Value) {
    let own = with(
        json!({"sid": "ct:101", "state": "started", "crm_state": "started"}),
        more,
    );
    ("/ha/resources", json!([own]))
}

fn rules(rules: Value) -> (&'static str, Value) {
    ("/ha/rules", rules)
}

fn keep(nodes: Value, strict: bool) -> (&'static str, Value) {
    rules(
        json!([{"type": "node-affinity", "rule": "r", "resources": ["ct:101"], "nodes": nodes, "strict": strict}]),
    )
}

/// On node3's ZFS, replicated to node6.
fn replicated() -> Value {
    with(
        ct(json!({"rootfs": "zdata:subvol-101-disk-0,size=8G"})),
        json!({"node": "node3"}),
    )
}

fn job(last_sync: i64) -> Changes {
    vec![
        (
            "/replication",
            json!([{"id": "101-0", "vmid": 101, "target": "node6"}]),
        ),
        (
            "/nodes/1/replication",
            json!([{"id": "101-0", "guest": 101, "target": "node6", "last_sync": last_sync}]),
        ),
    ]
}

fn and(mut changes: Changes, more: &[(&'static str, Value)]) -> Changes {
    changes.extend(more.iter().cloned());
    changes
}

#[test]
fn how_it_comes_back() {
    let shared = || ct(json!({"rootfs": SHARED}));
    let local = || ct(json!({"rootfs": SSD}));
    let ok = || Some(vec![backup(json!({}))]);
    let zfs = |more: Value| with(replicated(), more);
    let votes = || ("/nodes/2/online", json!(false));
    let off = || ("/nodes/0/online", json!(false));
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Changes, Option<Vec<Value>>, &str)> = vec![
        // Shared disks.
        ("shared, HA",                  shared(), vec![ha(json!({}))], None,                      "ha-restart node3 0 145: "),
        ("a VM",                        vm(json!({"scsi0": SHARED})), vec![("/ha/resources", json!([{"sid": "vm:101", "state": "started"}]))], None, "ha-restart node3 0 170: "),
        ("shared, no HA",               shared(), vec![], None,                                   "by-hand node3 0 65: by-hand"),
        ("HA has it off",               shared(), vec![ha(json!({"state": "stopped"}))], None,    "by-hand node3 0 65: by-hand"),
        ("HA ignores it",               shared(), vec![ha(json!({"state": "ignored"}))], None,    "by-hand node3 0 65: by-hand"),
        ("HA has it in error",          shared(), vec![ha(json!({"crm_state": "error"}))], None,  "by-hand node3 0 65: by-hand ha-error"),
        ("off: nobody misses it",       stopped(shared()), vec![], None,                          "by-hand node3 0 -: by-hand"),
        ("no majority",                 shared(), vec![ha(json!({})), votes()], None,             "by-hand node3 0 65: by-hand"),
        ("disarmed",                    shared(), vec![ha(json!({})), ("/ha/status", json!({"armed": "disarmed"}))], None, "by-hand node3 0 65: by-hand"),
        ("the master is lost",          shared(), vec![ha(json!({})), ("/ha/status", json!({"master": {"node": "node2"}}))], None, "ha-restart node3 0 205: "),
        ("a lock that HA takes off",    with(shared(), json!({"lock": "backup"})), vec![ha(json!({}))], None, "ha-restart node3 0 145: "),
        ("a lock that it does not",     with(shared(), json!({"lock": "migrate"})), vec![ha(json!({})), off()], None, "by-hand node3 0 65: locked by-hand"),
        ("its work is going on",        with(shared(), json!({"lock": "migrate"})), vec![ha(json!({}))], None, "ha-restart node3 0 145: locked"),
        ("a lock for good",             with(shared(), json!({"lock": "suspended"})), vec![ha(json!({}))], None, "by-hand node3 0 65: locked by-hand"),
        ("HA wants it, and it is off",  stopped(shared()), vec![ha(json!({}))], None,             "ha-restart node3 0 145: "),
        ("... and cannot",              stopped(shared()), vec![ha(json!({"crm_state": "error"}))], None, "by-hand node3 0 65: by-hand ha-error"),
        // Who would do it.
        ("the master is silent",        shared(), vec![ha(json!({})), silent("node3 (old timestamp - dead?, now)", &[])], None, "by-hand node3 0 65: by-hand"),
        ("it is lost, and is silent",   shared(), vec![ha(json!({})), silent("node2 (old timestamp - dead?, now)", &[])], None, "ha-restart node3 0 205: "),
        ("a local one is silent",       shared(), vec![ha(json!({})), silent("node3 (active, now)", &["node3"])], None, "ha-restart node5 0 145: "),
        ("all of them",                 shared(), vec![ha(json!({})), silent("node2 (active, now)", &["node3", "node5", "node6"])], None, "by-hand node3 0 65: by-hand"),
        ("that of the lost node",       shared(), vec![ha(json!({})), silent("node3 (active, now)", &["node2"])], None, "ha-restart node3 0 145: "),
        // What only snapshots name.
        ("the memory in a snapshot",    checked(json!({"volid": "ssd-data:vm-101-state-s1", "is_vmstate": 1, "referenced_in_snapshot": {"s1": 1}})), vec![ha_vm()], None, "ha-restart node3 0 170: "),
        ("a disk in a snapshot",        checked(json!({"volid": "ssd-data:vm-101-disk-3", "referenced_in_snapshot": {"s1": 1}})), vec![ha_vm()], None, "ha-restart node3 0 170: "),
        ("an image in a snapshot",      checked(json!({"volid": "local:iso/x.iso", "cdrom": 1, "referenced_in_snapshot": {"s1": 1}})), vec![ha_vm()], None, "ha-restart node3 0 170: "),
        ("a disk that a start adds",    checked(json!({"volid": "ssd-data:vm-101-disk-3", "referenced_in_pending": 1})), vec![ha_vm()], None, "unknown - - -: unseen ha-nowhere"),
        ("a container's snapshot",      with(shared(), json!({"snapshots": {"s1": {"rootfs": SHARED, "mp0": "ssd-data:vm-101-disk-1,mp=/x,size=1G"}}})), vec![ha(json!({}))], None, "ha-restart node3 0 145: "),
        ("snapshots that were not read", with(shared(), json!({"snapshots": null})), vec![ha(json!({}))], None, "ha-restart node3 0 145: "),
        // The rules of HA.
        ("kept on one node",            shared(), vec![ha(json!({})), keep(json!({"node2": 1, "node6": 1}), true)], None, "ha-restart node6 0 145: "),
        ("kept where it was",           shared(), vec![ha(json!({})), keep(json!({"node2": 1}), true)], None,  "by-hand - 0 65: nowhere by-hand ha-nowhere"),
        ("it only prefers that",        shared(), vec![ha(json!({})), keep(json!({"node2": 1}), false)], None, "ha-restart node3 0 145: "),
        ("by priority",                 shared(), vec![ha(json!({})), keep(json!({"node2": 3, "node5": 1, "node6": 2}), false)], None, "ha-restart node6 0 145: "),
        ("a node in maintenance",       shared(), vec![ha(json!({})), ("/nodes/1/maintenance", json!(true))], None, "ha-restart node5 0 145: "),
        ("the first lacks the bridge",  shared_on("vmbr9"), vec![ha(json!({})), ("/nodes/2/bridges", json!(["vmbr9"]))], None, "ha-restart node5 0 145: "),
        ("the first two do",            shared_on("vmbr9"), vec![ha(json!({})), ("/nodes/3/bridges", json!(["vmbr9"]))], None, "by-hand node6 0 65: by-hand ha-nowhere"),
        ("more tries",                  shared_on("vmbr9"), vec![ha(json!({"max_relocate": 2})), ("/nodes/3/bridges", json!(["vmbr9"]))], None, "ha-restart node6 0 145: "),
        ("none has it",                 shared_on("vmbr9"), vec![], None,                         "by-hand - 0 65: nowhere by-hand"),
        // Replicas.
        ("a replica, no HA",            replicated(), job(AT - 420), None,                        "by-hand node6 420 65: by-hand"),
        ("HA may start it elsewhere",   replicated(), and(job(AT - 420), &[ha(json!({}))]), None, "by-hand node6 420 65: by-hand ha-elsewhere"),
        ("HA kept to the replica",      replicated(), and(job(AT - 420), &[ha(json!({})), keep(json!({"node3": 1, "node6": 1}), true)]), None, "ha-restart node6 420 145: "),
        ("a clock is wrong",            replicated(), job(AT + 50), None,                         "by-hand node6 0 65: by-hand"),
        ("it never ran",                replicated(), job(0), ok(),                               "restore node6 3600 144: restore"),
        ("it is a year old",            replicated(), job(AT - 31_536_000), None,                 "by-hand node6 31536000 65: by-hand replica-stale"),
        ("the job fails",               replicated(), runs(json!({"fail_count": 99, "error": "x"})), None, "by-hand node6 420 65: by-hand replica-stale"),
        ("the job is off",              replicated(), runs(json!({"disable": true})), None,       "by-hand node6 420 65: by-hand replica-stale"),
        ("it is overdue",               replicated(), runs(json!({"next_sync": AT - 400})), None, "by-hand node6 420 65: by-hand replica-stale"),
        ("its run takes long",          replicated(), runs(json!({"next_sync": AT - 400, "duration": 60.0})), None, "by-hand node6 420 65: by-hand"),
        ("a weekly job",                replicated(), runs(json!({"last_sync": AT - 500_000, "schedule": "sun 01:00"})), None, "by-hand node6 500000 65: by-hand"),
        ("HA, and it is overdue",       replicated(), and(runs(json!({"next_sync": AT - 400})), &[ha(json!({})), keep(json!({"node3": 1, "node6": 1}), true)]), None, "ha-restart node6 420 145: replica-stale"),
        ("the job is gone",             replicated(), vec![job(AT - 420)[1].clone()], ok(),       "restore node6 3600 144: restore"),
        ("how old was not seen",        replicated(), job(AT)[..1].to_vec(), None,                "by-hand node6 - 65: by-hand unseen"),
        ("one disk left out of it",     zfs(json!({"config": {"rootfs": "zdata:subvol-101-disk-0,size=8G", "mp0": "zdata:subvol-101-disk-1,mp=/x,replicate=0,backup=1,size=1G"}})), job(AT - 420), ok(), "restore node6 3600 153: restore"),
        ("the job goes",                replicated(), vec![("/replication", json!([{"id": "101-0", "vmid": 101, "target": "node6", "removed": true}]))], ok(), "restore node6 3600 144: restore"),
        // Backups.
        ("a backup",                    local(), vec![], ok(),                                    "restore node3 3600 144: restore"),
        ("no list",                     local(), vec![], None,                                    "unknown - - -: unseen"),
        ("nothing in it",               local(), vec![], Some(vec![]),                            "gone - - -: gone"),
        ("of another's ID",             local(), vec![], Some(vec![backup(json!({"backup-id": "1010"}))]), "gone - - -: gone"),
        ("of a VM with the ID",         local(), vec![], Some(vec![backup(json!({"backup-type": "vm"}))]), "gone - - -: gone"),
        ("it failed its verification",  local(), vec![], Some(vec![backup(json!({"verification": {"state": "failed"}}))]), "gone - - -: gone"),
        ("it is not finished",          local(), vec![], Some(vec![backup(json!({"files": []}))]), "gone - - -: gone"),
        ("an older one is",             local(), vec![], Some(vec![backup(json!({"files": []})), backup(json!({"backup-time": AT - 90_000}))]), "restore node3 90000 144: restore"),
        ("another guest's",             local(), vec![], Some(vec![backup(json!({"comment": "nextcloud"}))]), "gone - - -: gone"),
        ("no comment",                  local(), vec![], Some(vec![backup(json!({"comment": ""}))]), "restore node3 3600 144: restore backup-unsure"),
        ("of two namespaces",           local(), vec![], Some(vec![backup(json!({})), backup(json!({"ns": "x"}))]), "restore node3 3600 144: restore backup-unsure"),
        ("of tomorrow",                 local(), vec![], Some(vec![backup(json!({"backup-time": AT + 90_000}))]), "restore node3 0 144: restore backup-unsure"),
        ("HA has it, and no disk",      local(), vec![ha(json!({}))], ok(),                       "restore node3 3600 144: restore ha-nowhere"),
        ("off, and a backup",           stopped(local()), vec![], ok(),                           "restore node3 3600 -: restore"),
        ("off, and none",               stopped(local()), vec![], Some(vec![]),                   "gone - - -: gone"),
        ("a volume in no backup",       ct(json!({"rootfs": SSD, "mp0": "ssd-data:vm-101-disk-1,mp=/x,size=1G"})), vec![], ok(), "restore node3 3600 153: restore volume-lost"),
        ("that volume is shared",       ct(json!({"rootfs": SSD, "mp0": "share:101/vm-101-disk-1.raw,mp=/x,size=1G"})), vec![], ok(), "restore node3 3600 153: restore"),
        // What ties it.
        ("a device",                    vm(json!({"scsi0": SHARED, "hostpci0": "01:00.0"})), vec![], None, "by-hand node3 0 90: tied by-hand"),
        ("a bind mount, HA",            ct(json!({"rootfs": SHARED, "mp0": "/srv,mp=/srv"})), vec![ha(json!({}))], None, "by-hand node3 0 65: tied by-hand ha-nowhere"),
        // What was not seen.
        // The node's own address.
        ("the node is the server",      shared(), vec![ha(json!({})), ("/storages/2/server", json!("192.168.10.12"))], ok(), "restore node3 3600 144: storage-lost restore"),
        ("another node is",             shared(), vec![ha(json!({})), ("/storages/2/server", json!("192.168.10.13"))], ok(), "ha-restart node3 0 145: "),
        ("no configuration",            json!({}), vec![ha(json!({}))], ok(),                     "unknown - - -: unseen"),
        ("a storage that is unknown",   ct(json!({"rootfs": "gone:101/x"})), vec![], ok(),        "restore node3 3600 65: restore"),
        ("... and may be hidden",       ct(json!({"rootfs": "gone:101/x"})), vec![hides()], ok(), "unknown - - -: unseen"),
        ("... with HA",                 ct(json!({"rootfs": "gone:101/x"})), vec![hides(), ha(json!({}))], ok(), "unknown - - -: unseen"),
        ("... and a disk is local",     ct(json!({"rootfs": SSD, "mp0": "gone:101/x,mp=/x,size=1G"})), vec![hides()], ok(), "restore node3 3600 153: restore"),
        ("no node tells of it",         shared(), vec![at_nodes(&["node2"]), not_told(&["node3", "node5", "node6"])], ok(), "unknown - - -: unseen"),
        ("one doesn't",                 shared(), vec![at_nodes(&["node2", "node5", "node6"]), not_told(&["node3"])], ok(), "by-hand node6 0 65: by-hand"),
        ("HA may take that one",        shared(), vec![at_nodes(&["node2", "node5", "node6"]), not_told(&["node3"]), ha(json!({}))], ok(), "unknown - - -: unseen"),
        ("HA takes another",            shared(), vec![at_nodes(&["node2", "node3", "node5"]), not_told(&["node6"]), ha(json!({}))], ok(), "ha-restart node3 0 145: "),
        // Room.
        ("too large for any",           with(shared(), json!({"maxmem": 100 * GIB})), vec![], None, "by-hand - 0 65: no-room by-hand"),
        ("HA starts it all the same",   with(shared(), json!({"maxmem": 100 * GIB})), vec![ha(json!({}))], None, "ha-restart node3 0 145: "),
        ("no space to restore it",      ct(json!({"rootfs": "ssd-data:vm-101-disk-0,size=200G"})), vec![], ok(), "restore - 3600 2018: restore no-room"),
        // Servers that are lost with it.
        ("its image's server",          vm(json!({"scsi0": CEPH, "ide2": "share:iso/x.iso,media=cdrom"})), vec![ha_vm(), ceph(), server("share"), ("/guests/-", serving())], ok(), "by-hand node3 0 90: tied by-hand ha-nowhere"),
        ("... and another's",           vm(json!({"scsi0": CEPH, "ide2": "none,media=cdrom"})), vec![ha_vm(), ceph(), server("share"), ("/guests/-", serving())], ok(), "ha-restart node3 0 170: "),
        ("its backups' server, gone",   local(), vec![server("backups"), ("/guests/-", serving())], ok(), "unknown - - -: backup-server-lost"),
        ("... off, and the same",       stopped(local()), vec![server("backups"), ("/guests/-", serving())], ok(), "unknown - - -: backup-server-lost"),
        ("... that HA restarts",        local(), vec![server("backups"), ("/guests/-", on_share()), ("/ha/resources", json!([{"sid": "ct:103", "state": "started"}]))], ok(), "restore node6 3600 144: backup-server-lost restore"),
        ("... with the node's folder",  local(), vec![server("backups"), ("/guests/-", with_folder())], ok(), "unknown - - -: backup-server-lost"),
        ("... or the node is it",       local(), vec![("/storages/4/server", json!("node2.example"))], ok(), "unknown - - -: backup-server-lost"),
        ("one server is left",          local(), vec![server("backups"), ("/guests/-", serving()), ("/storages/-", json!({"storage": "b2", "type": "pbs", "shared": true}))], ok(), "restore node3 3600 144: restore"),
        ("the server of its storage",   shared(), vec![ha(json!({})), server("share"), ("/guests/-", serving())], ok(), "restore node3 3600 144: storage-lost restore"),
    ];
    let mut wrong = Vec::new();
    for (name, guest, changes, backups, want) in rows {
        let at = usize::from(guest["node"] == "node3");
        let outcome = lose(&guest, &changes, backups.as_deref(), &[at]);
        if told(&outcome) != want {
            wrong.push(format!("{name}: {}, and not {want}", told(&outcome)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What HA says of its manager at a node, and the nodes whose local manager is not heard of.
fn silent(master: &str, locals: &[&str]) -> (&'static str, Value) {
    let (node, _) = master.split_once(' ').unwrap();
    let all = ["node2", "node3", "node5", "node6"].map(|node| {
        let how = match locals.contains(&node) {
            true => "old timestamp - dead?",
            false => "idle",
        };
        json!({"node": node, "status": format!("{node} ({how}, watchdog standby, now)")})
    });
    (
        "/ha/status",
        json!({"armed": "armed", "master": {"node": node, "status": master}, "nodes": all}),
    )
}

fn ha_vm() -> (&'static str, Value) {
    (
        "/ha/resources",
        json!([{"sid": "vm:101", "state": "started"}]),
    )
}

/// A VM of which Proxmox's own check names one more volume.
fn checked(disk: Value) -> Value {
    with(
        vm(json!({"scsi0": SHARED})),
        json!({"snapshots": ["s1"], "precondition": {"local_disks": [disk]}}),
    )
}

/// A replica of 7 minutes ago, and more of its job.
fn runs(more: Value) -> Changes {
    let run = json!({"id": "101-0", "guest": 101, "target": "node6", "last_sync": AT - 420});
    let mut changes = job(0);
    changes[1].1 = json!([with(run, more)]);
    changes
}

/// The token doesn't see all storages.
fn hides() -> (&'static str, Value) {
    ("/permissions/~1storage", json!({}))
}

/// The nodes at which the share is, as far as they tell.
fn at_nodes(nodes: &[&str]) -> (&'static str, Value) {
    ("/storages/2/nodes", space(nodes, 100))
}

/// Those that don't tell.
fn not_told(nodes: &[&str]) -> (&'static str, Value) {
    ("/storages/2/unknown", json!(nodes))
}

const CEPH: &str = "ceph:vm-101-disk-0,size=8G";

fn ceph() -> (&'static str, Value) {
    let all = space(&["node2", "node3", "node5", "node6"], 100);
    (
        "/storages/-",
        json!({"storage": "ceph", "type": "rbd", "shared": true, "content": ["images"], "nodes": all}),
    )
}

fn on_share() -> Value {
    let mut guest = serving();
    guest["config"]["rootfs"] = json!("share:103/vm-103-disk-0.raw,size=4G");
    guest
}

/// It comes back, and what it served was in a folder of its node.
fn with_folder() -> Value {
    let mut guest = on_share();
    guest["config"]["mp0"] = json!("/mnt/datastore,mp=/mnt/datastore");
    guest
}

fn shared_on(bridge: &str) -> Value {
    ct(json!({"rootfs": SHARED, "net0": format!("name=eth0,bridge={bridge}")}))
}

fn server(storage: &str) -> (&'static str, Value) {
    let at = match storage {
        "share" => "/storages/2/server",
        _ => "/storages/4/server",
    };
    (at, json!("192.168.10.77"))
}

fn serving() -> Value {
    json!({"vmid": 103, "type": "lxc", "name": "nas", "node": "node2", "status": "running", "maxmem": GIB, "snapshots": [],
        "config": {"rootfs": "ssd-data:vm-103-disk-0,size=4G", "net0": "name=eth0,bridge=vmbr0,ip=192.168.10.77/24"}})
}

/// A pair of 101 with 102 on node5.
fn paired(vip: &str) -> Policy {
    let site = format!(
        r#"{{"nodes": [{{"name": "node2", "address": "10.0.0.2"}}], "vlans": [{{"vlan": 1, "name": "l", "prefix": "10.0.0.0/24", "gateway": "first"}}],
        "pairs": [{{"name": "p", "vip": "{vip}", "vrid": 5, "members": [{{"name": "subject", "vmid": 101}}, {{"name": "other", "vmid": 102}}]}}],
        "services": [{{"name": "wiki", "vmid": 101, "sla_s": 120}}, {{"name": "shop", "addresses": ["10.0.0.9"], "sla_s": 150}}]}}"#
    );
    let site = vmid::site::Site::parse(site.as_bytes()).unwrap();
    Policy {
        pairs: site.pairs.clone(),
        site,
        ..Policy::default()
    }
}

#[test]
fn what_stands_still() {
    let on = |net: &str, more: Changes| {
        let config =
            json!({"rootfs": SHARED, "net0": format!("name=eth0,bridge=vmbr0,ip={net}/24")});
        (ct(config), more)
    };
    let nfs = |server: &str| ("/storages/2/server", json!(server));
    let pbs = |server: &str| ("/storages/4/server", json!(server));
    let off = || ("/guests/1/status", json!("stopped"));
    // name, the guest and changes, lost nodes, what depends on it, codes of the whole
    #[rustfmt::skip]
    let rows: Vec<(&str, (Value, Changes), &[usize], &[&str], &str)> = vec![
        ("its pair and its service",      on("10.0.0.7", vec![]), &[0], &["pair p: left is other on node5", "service wiki, promised within 120s"], "pair-single"),
        ("a service by its address",      on("10.0.0.9", vec![]), &[0], &["pair p: left is other on node5", "service wiki, promised within 120s", "service shop, promised within 150s"], "pair-single"),
        ("both members",                  on("10.0.0.7", vec![]), &[0, 2], &["pair p: no member is left", "service wiki, promised within 120s"], "no-majority pair-lost"),
        ("the other is not seen",         on("10.0.0.7", vec![("/guests/1/status", json!("unknown"))]), &[0], &["pair p: whether another member runs is not known", "service wiki, promised within 120s"], "unseen"),
        ("the other doesn't run",         on("10.0.0.7", vec![off()]), &[0], &["pair p: no member is left", "service wiki, promised within 120s"], "pair-lost"),
        ("the server of a storage",       on("10.0.0.7", vec![nfs("10.0.0.7")]), &[0], &["pair p: left is other on node5", "storage share, with volumes of 1 guest", "service wiki, promised within 120s"], "pair-single"),
        ("by the pair's address",         on("10.0.0.7", vec![nfs("10.0.0.50")]), &[0], &["pair p: left is other on node5", "storage share, with volumes of 1 guest", "service wiki, promised within 120s"], "pair-single"),
        ("the backup server",             on("10.0.0.7", vec![pbs("10.0.0.7")]), &[0], &["pair p: left is other on node5", "backups: it is the server of backups", "service wiki, promised within 120s"], "pair-single backup-server-lost"),
        ("the other takes its address",   on("10.0.0.7", vec![pbs("10.0.0.50")]), &[0], &["pair p: left is other on node5", "backups: it is the server of backups", "service wiki, promised within 120s"], "pair-single"),
        ("... but doesn't run",           on("10.0.0.7", vec![pbs("10.0.0.50"), off()]), &[0], &["pair p: no member is left", "backups: it is the server of backups", "service wiki, promised within 120s"], "pair-lost backup-server-lost"),
        ("the node itself is, by name",   on("10.0.0.7", vec![pbs("node2.example")]), &[0], &["pair p: left is other on node5", "service wiki, promised within 120s"], "pair-single backup-server-lost"),
        ("... by its address",            on("10.0.0.7", vec![pbs("10.0.0.2")]), &[0], &["pair p: left is other on node5", "service wiki, promised within 120s"], "pair-single backup-server-lost"),
    ];
    let mut wrong = Vec::new();
    for (name, (guest, changes), nodes, depends, codes) in rows {
        let mut state = document(&guest, &changes);
        let outcome = lost(&mut state, &paired("10.0.0.50"), Given::default(), nodes);
        let fate = outcome.fates.iter().find(|fate| fate.vmid == 101).unwrap();
        let all = outcome.header.findings.iter();
        let all: Vec<&str> = all
            .map(|(_, finding)| finding.code)
            .filter(|code| *code != "last-vote")
            .collect();
        if fate.depends_on_it != depends || all.join(" ") != codes {
            wrong.push(format!("{name}: {:?} {all:?}", fate.depends_on_it));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_server_of_its_disks_is_lost_with_it() {
    let server = |disk: &str| {
        json!({"vmid": 103, "type": "lxc", "name": "nas", "node": "node2", "status": "running", "maxmem": GIB, "snapshots": [],
            "config": {"rootfs": disk, "net0": "name=eth0,bridge=vmbr0,ip=192.168.10.77/24"}})
    };
    let other = json!({"storage": "ceph", "type": "rbd", "shared": true, "content": ["rootdir"],
        "nodes": {"node2": {"free": 0, "total": 0}, "node3": {"free": 0, "total": 0}}});
    #[rustfmt::skip]
    let rows: Vec<(&str, &str, bool, &str)> = vec![
        ("it is lost for good",   "ssd-data:vm-103-disk-0,size=4G", true,  "gone - - -: storage-lost gone"),
        ("it comes back by hand", "ceph:vm-103-disk-0,size=4G",     true,  "by-hand node6 0 65: storage-lost by-hand"),
        ("another storage's",     "ssd-data:vm-103-disk-0,size=4G", false, "ha-restart node3 0 145: "),
    ];
    for (name, disk, is_its, want) in rows {
        let address = if is_its {
            "192.168.10.77"
        } else {
            "192.168.10.78"
        };
        let changes = vec![
            ha(json!({})),
            ("/guests/-", server(disk)),
            ("/storages/-", other.clone()),
            ("/storages/2/server", json!(address)),
        ];
        let outcome = lose(&ct(json!({"rootfs": SHARED})), &changes, Some(&[]), &[0]);
        assert_eq!(told(&outcome), want, "{name}");
    }
}

#[test]
fn what_a_document_of_before_tells() {
    let now = || {
        vec![
            ("/nodes/0/online", json!(false)),
            (
                "/replication",
                json!([{"id": "101-0", "vmid": 101, "target": "node6"}]),
            ),
        ]
    };
    let config = json!({"rootfs": SHARED});
    let gone = json!({"status": "unknown", "maxmem": 0, "name": ""});
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, &str)> = vec![
        ("it ran then",              ct(config.clone()),                                         "by-hand node3 0 65: by-hand"),
        ("it was off",               stopped(ct(config.clone())),                                "by-hand node3 0 -: by-hand"),
        ("it was elsewhere",         with(ct(config.clone()), json!({"node": "node5"})),         "unknown - - -: unseen"),
        ("the ID was another's",     with(vm(config), json!({})),                                "unknown - - -: unseen"),
        ("it was not read then",     json!({}),                                                  "unknown - - -: unseen"),
    ];
    for (name, was, want) in rows {
        let mut state = document(&gone, &now());
        super::before::take(&mut state, &document(&was, &[]), &[0]);
        let outcome = lost(&mut state, &Policy::default(), Given::default(), &[0]);
        assert_eq!(told(&outcome), want, "{name}");
    }
}

#[test]
fn when_commands_are_given() {
    let shared = || ct(json!({"rootfs": SHARED}));
    let off = || ("/nodes/0/online", json!(false));
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Changes, usize)> = vec![
        ("it is off, with quorum",    shared(), vec![off()], 2),
        ("it is on",                  shared(), vec![], 0),
        ("no quorum is seen",         shared(), vec![off(), ("/cluster/quorate", Value::Null)], 0),
        ("no quorum",                 shared(), vec![off(), ("/cluster/quorate", json!(false))], 0),
        ("HA was not seen",           shared(), vec![off(), ("/ha", Value::Null)], 0),
        ("HA has it, in error",       shared(), vec![off(), ha(json!({"crm_state": "error"}))], 3),
        ("HA restarts it",            shared(), vec![off(), ha(json!({}))], 0),
        ("it was off",                stopped(shared()), vec![off()], 1),
        ("it needs a device",         vm(json!({"scsi0": SHARED, "hostpci0": "01:00.0"})), vec![off()], 0),
        ("it is locked",              with(shared(), json!({"lock": "migrate"})), vec![off()], 0),
        ("its work was cut off",      with(shared(), json!({"lock": "backup"})), vec![off()], 0),
        ("a backup",                  ct(json!({"rootfs": SSD})), vec![off()], 4),
        ("it isn't seen there",       ct(json!({"rootfs": SSD})), vec![off(), ("/storages/4/nodes", space(&["node2", "node5", "node6"], 1))], 0),
        ("its server has to be back", ct(json!({"rootfs": SSD})), vec![off(), server("backups"), ("/guests/-", on_share())], 0),
        ("an old replica",            replicated(), and(runs(json!({"fail_count": 1})), &[("/nodes/1/online", json!(false))]), 0),
        ("a replica",                 replicated(), and(job(AT - 420), &[("/nodes/1/online", json!(false))]), 2),
        ("an image that is gone",     vm(json!({"scsi0": CEPH, "ide2": "share:iso/x.iso,media=cdrom"})), vec![off(), ceph(), server("share"), ("/guests/-", serving())], 0),
        ("two servers of backups",    ct(json!({"rootfs": SSD})), vec![off(), ("/storages/-", json!({"storage": "b2", "type": "pbs", "shared": true}))], 0),
    ];
    for (name, guest, changes, want) in rows {
        let at = usize::from(guest["node"] == "node3");
        let outcome = lose(&guest, &changes, Some(&[backup(json!({}))]), &[at]);
        let fate = outcome.fates.iter().find(|fate| fate.vmid == 101).unwrap();
        let commands: Vec<&String> = fate
            .runbook
            .iter()
            .filter_map(|act| act.command.as_ref())
            .collect();
        assert_eq!(commands.len(), want, "{name}: {commands:?}");
        assert!(
            commands.iter().all(|command| !command.contains("force")),
            "{name}"
        );
        // Where there are commands at all, each step that changes something has its own.
        let words = fate
            .runbook
            .iter()
            .filter(|act| act.command.is_none())
            .count();
        assert!(want == 0 || words == 0, "{name}: {:?}", fate.runbook);
    }
}

#[test]
fn what_the_token_could_not_see() {
    let hidden = |node: Value| json!([{"vmid": 500, "node": node, "by": "the HA resource ct:500"}]);
    let job = || {
        (
            "/replication",
            json!([{"id": "101-0", "vmid": 101, "target": "node6"}]),
        )
    };
    let (all, nothing) = (
        ("/nodes/0/replication", json!([])),
        ("/replication", json!([])),
    );
    #[rustfmt::skip]
    let rows: Vec<(&str, Changes, &[&str])> = vec![
        ("all is seen",                   vec![nothing.clone()], &[]),
        ("not whether HA lives",          vec![nothing.clone(), ha(json!({}))], &["a state of version 3, and Sys.Audit on /"]),
        ("not the node's address",        vec![nothing.clone(), ("/nodes/0/ip", Value::Null), ("/storages/2/server", json!("192.168.10.13"))], &["the nodes' addresses: read the state anew, or nodes[].address of the site"]),
        ("not all storages",              vec![nothing.clone(), hides()], &["Datastore.Audit on /storage"]),
        ("no HA",                         vec![nothing.clone(), ("/ha", Value::Null)], &["Sys.Audit on /"]),
        ("no jobs, nor how they went",    vec![("/replication", Value::Null)], &["Sys.Audit on /", "a state of version 3, and VM.Audit on /vms"]),
        ("no jobs, but how they went",    vec![("/replication", Value::Null), all.clone()], &["Sys.Audit on /"]),
        ("not how they went",             vec![job()], &["a state of version 3, and VM.Audit on /vms"]),
        ("how they went",                 vec![job(), all], &[]),
        ("not all guests",                vec![nothing.clone(), ("/permissions/~1vms", json!({"VM.Audit": false}))], &["VM.Audit on /vms"]),
        ("rights that were not asked",    vec![nothing.clone(), ("/permissions", Value::Null)], &["VM.Audit on /vms", "Datastore.Audit on /storage"]),
        ("a guest that is hidden there",  vec![nothing.clone(), ("/hidden", hidden(json!("node2")))], &["VM.Audit on /vms/500"]),
        ("a hidden one somewhere",        vec![nothing.clone(), ("/hidden", hidden(Value::Null))], &["VM.Audit on /vms/500"]),
        ("a hidden one elsewhere",        vec![nothing, ("/hidden", hidden(json!("node3")))], &[]),
    ];
    for (name, changes, want) in rows {
        let outcome = lose(&ct(json!({"rootfs": SHARED})), &changes, None, &[0]);
        let unseen = outcome
            .header
            .findings
            .iter()
            .filter(|(_, finding)| finding.code == "unseen");
        let rights: Vec<&str> = unseen
            .map(|(_, finding)| {
                assert_eq!(finding.severity.name(), "unknown", "{name}");
                finding.evidence["right"].as_str().unwrap()
            })
            .collect();
        assert_eq!(rights, want, "{name}");
    }
}

#[test]
fn what_is_said_of_the_whole() {
    let shared = || ct(json!({"rootfs": SHARED}));
    let large = || with(shared(), json!({"maxmem": 100 * GIB}));
    #[rustfmt::skip]
    let rows: Vec<(&str, Value, Changes, &str)> = vec![
        ("disarmed",                 shared(), vec![ha(json!({})), ("/ha/status", json!({"armed": "disarmed"}))], "ha-off"),
        ("nobody decides",           shared(), vec![ha(json!({})), silent("node3 (old timestamp - dead?, now)", &[])], "ha-off"),
        ("no local one lives",       shared(), vec![ha(json!({})), silent("node2 (active, now)", &["node3", "node5", "node6"])], "ha-off"),
        ("one local one lives",      shared(), vec![ha(json!({})), silent("node2 (active, now)", &["node3", "node5"])], ""),
        ("HA gives too much away",   large(), vec![ha(json!({}))], "memory-after-loss"),
        ("a person does not",        large(), vec![], ""),
        ("votes to spare",           shared(), vec![("/cluster/qdevice_votes", json!(3))], ""),
        ("beside the other member",  shared(), vec![ha(json!({})), keep(json!({"node5": 1}), true)], "pair-together"),
        ("apart from it",            shared(), vec![ha(json!({})), keep(json!({"node3": 1}), true)], ""),
    ];
    for (name, guest, changes, want) in rows {
        let mut state = document(&guest, &changes);
        let outcome = lost(&mut state, &paired("10.0.0.50"), Given::default(), &[0]);
        let all = outcome.header.findings.iter().map(|(_, finding)| finding);
        let all = all.chain(outcome.fates.iter().flat_map(|fate| &fate.findings));
        let told = ["ha-off", "memory-after-loss", "pair-together"];
        let codes = all
            .map(|finding| finding.code)
            .filter(|code| told.contains(code));
        assert_eq!(codes.collect::<Vec<_>>().join(" "), want, "{name}");
        let last = outcome
            .header
            .findings
            .iter()
            .any(|(_, finding)| finding.code == "last-vote");
        assert_eq!(last, name != "votes to spare", "{name}");
    }
}

#[test]
fn how_old_a_document_of_before_may_be() {
    #[rustfmt::skip]
    let rows: &[(&str, i64, usize, usize)] = &[
        ("of the night before",  86_400,      2, 0),
        ("of three nights ago",  3 * 86_400,  0, 1),
    ];
    for (name, age, commands, unseen) in rows {
        let mut state = document(
            &ct(json!({"rootfs": SHARED})),
            &[("/nodes/0/online", json!(false))],
        );
        let given = Given {
            before: Some(jiff::Timestamp::from_second(AT - age).unwrap()),
            ..Given::default()
        };
        let outcome = lost(&mut state, &Policy::default(), given, &[0]);
        let acts = outcome.fates.iter().flat_map(|fate| &fate.runbook);
        assert_eq!(
            acts.filter(|act| act.command.is_some()).count(),
            *commands,
            "{name}"
        );
        let whole = outcome.header.findings.iter();
        let told = whole.filter(|(_, finding)| finding.code == "unseen");
        assert_eq!(told.count(), *unseen, "{name}");
    }
}

#[test]
fn a_lock_of_each_night_is_no_fault() {
    let local = with(ct(json!({"rootfs": SHARED})), json!({"lock": "backup"}));
    for (online, want) in [(true, "info"), (false, "warning")] {
        let outcome = lose(&local, &[("/nodes/0/online", json!(online))], None, &[0]);
        let findings = &outcome.fates[0].findings;
        let lock = findings.iter().find(|finding| finding.code == "locked");
        let lock = lock.unwrap();
        assert_eq!(lock.severity.name(), want, "{online}");
        assert_eq!(lock.message.contains("unlock"), !online, "{}", lock.message);
    }
}
