//! A sound cluster has no finding; one change gives one finding, of that code and at that place.

use serde_json::{Value, json};
use vmid::site::Site;

use super::{
    audit,
    code::CODES,
    context::{Ages, Context},
    record::Record,
};
use crate::{cluster::Cluster, plan::policy::Policy, state::State};

const NOW: i64 = 1_795_784_400; // 2026-11-27T13:00:00Z

/// Three nodes, shared storage and each node's own; a VM under HA, a database, a pair.
fn sound() -> Value {
    let node = |name: &str, replication: Value| {
        json!({"node": name, "online": true, "votes": 1, "maxmem": 16_u64 << 30, "mem": 1_u64 << 30, "maxcpu": 4, "pve": "9.2.6",
            "cpu_model": "N100", "cpu_level": 3, "bridges": ["vmbr0"], "plain_bridges": {}, "replication": replication})
    };
    let everywhere = json!({"a": {"free": 9_u64 << 40, "total": 9_u64 << 40}, "b": {"free": 9_u64 << 40, "total": 9_u64 << 40}, "c": {"free": 9_u64 << 40, "total": 9_u64 << 40}});
    let storage = |name: &str, kind: &str, content: Value, shared: bool| json!({"storage": name, "type": kind, "content": content, "shared": shared, "nodes": everywhere});
    let guest = |vmid: u32, kind: &str, name: &str, node: &str, config: Value| {
        json!({"vmid": vmid, "type": kind, "name": name, "node": node, "status": "running", "maxmem": 1_u64 << 30, "mem": 1_u64 << 29,
            "config": config, "snapshots": match kind { "lxc" => json!({"s1": {"snaptime": NOW - 86_400}}), _ => json!(["s1"]) },
            "snapshot_times": {"s1": NOW - 86_400}, "precondition": {"running": 1, "local_disks": [], "local_resources": []}})
    };
    let container = |disk: &str| json!({"cores": 1, "memory": 1024, "unprivileged": 1, "onboot": 1, "rootfs": disk, "net0": "name=eth0,bridge=vmbr0,tag=30,type=veth"});
    let mut db = container("pool:subvol-201-disk-0,size=8G");
    db["tags"] = json!("db");
    let mut dns = container("nfs:202/vm-202-disk-0.raw,size=8G");
    let peer = container("nfs:203/vm-203-disk-0.raw,size=8G");
    dns["description"] = json!("the first");
    let vm = json!({"cores": "2", "memory": "1024", "agent": "enabled=1", "onboot": 1, "scsi0": "nfs:101/vm-101-disk-0.qcow2,size=32G", "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=30"});
    json!({
        "version": 3, "at": "2026-11-27T13:00:00Z",
        "cluster": {"name": "lab", "pve": "9.2.6", "quorate": true, "qdevice_votes": 0},
        "nodes": [node("a", json!([{"id": "201-0", "guest": 201, "source": "a", "target": "b", "schedule": "*/15", "last_sync": NOW - 300, "last_try": NOW - 300, "next_sync": NOW + 600, "duration": 4.0}])),
            node("b", json!([])), node("c", json!([]))],
        "storages": [storage("nfs", "nfs", json!(["images", "rootdir"]), true), storage("pool", "zfspool", json!(["images", "rootdir"]), false),
            storage("thin", "lvmthin", json!(["images", "rootdir"]), false), storage("local", "dir", json!(["iso", "vztmpl"]), false)],
        "guests": [guest(101, "qemu", "web", "a", vm), guest(201, "lxc", "db", "a", db), guest(202, "lxc", "ns1", "a", dns), guest(203, "lxc", "ns2", "b", peer)],
        "hidden": [],
        "ha": {"resources": [{"sid": "vm:101", "state": "started", "crm_state": "started"}], "rules": [], "status": {"quorate": true, "armed": "armed",
            "master": {"node": "a", "status": "a (active, Fri Nov 27 13:59:58 2026)"},
            "nodes": [{"node": "a", "status": "a (active, watchdog active, Fri Nov 27 13:59:57 2026)"}, {"node": "b", "status": "b (idle, watchdog standby, Fri Nov 27 13:59:56 2026)"}, {"node": "c", "status": "c (idle, watchdog standby, Fri Nov 27 13:59:58 2026)"}]}},
        "replication": [{"id": "201-0", "vmid": 201, "target": "b"}],
        "backup_jobs": [], "pools": [], "tasks": [], "options": {},
        "content": [{"storage": "local", "node": "a", "volumes": [{"volid": "local:vztmpl/x.tar.zst", "content": "vztmpl"}]},
            {"storage": "local", "node": "b", "volumes": [{"volid": "local:vztmpl/x.tar.zst", "content": "vztmpl"}]},
            {"storage": "local", "node": "c", "volumes": [{"volid": "local:vztmpl/x.tar.zst", "content": "vztmpl"}]}],
        "permissions": {"/": {"Sys.Audit": true}, "/vms": {"VM.Audit": true}, "/storage": {"Datastore.Audit": true}, "/sdn": {"SDN.Audit": true}},
    })
}

fn site() -> Value {
    json!({
        "name": "lab", "timezone": "Europe/Berlin",
        "nodes": [{"name": "a", "storages": ["nfs", "pool"], "bridges": ["vmbr0"]}, {"name": "b", "storages": ["nfs", "pool"], "bridges": ["vmbr0"]}, {"name": "c", "storages": ["nfs", "pool"], "bridges": ["vmbr0"]}],
        "storages": [{"storage": "nfs"}, {"storage": "pool"}, {"storage": "thin"}, {"storage": "local", "guests": false}],
        "database_storage_types": ["zfspool"],
        "vlans": [{"vlan": 30, "prefix": "192.168.30.0/24", "bridge": "vmbr0", "gateway": "first"}],
        "pairs": [{"name": "dns", "vip": "192.168.30.53", "vrid": 53, "interface": "eth0", "rto_s": 10,
            "members": [{"name": "ns1", "vmid": 202, "node": "a"}, {"name": "ns2", "vmid": 203, "node": "b"}]}],
        "services": [{"name": "web", "type": "qemu", "vmid": 101, "addresses": ["192.168.30.80"], "role": "app", "ha": "failover-live", "sla_s": 300, "maintenance_s": 0},
            {"name": "dns", "type": "lxc", "pair": "dns", "role": "app", "sla_s": 15, "maintenance_s": 0}],
        "ha": {"name": "ha", "nodes": ["a", "b", "c"], "resources": [{"sid": "vm:101"}]},
        "roles": {"db": {"database": true}, "app": {}, "host": {"privileged": true, "why": "cgroups"}},
        "templates": {"base": {"lxc": "local:vztmpl/x.tar.zst"}},
    })
}

fn records(state: &Value, site: &Value) -> Vec<Record> {
    let state: State = serde_json::from_str(&state.to_string()).unwrap();
    let site = Site::parse(site.to_string().as_bytes()).unwrap();
    let cluster = Cluster::new(&state);
    let policy = Policy {
        ram_ratio: site.limits.ram_ratio,
        pairs: site.pairs.clone(),
        site,
        ..Policy::default()
    };
    let ages = Ages {
        snapshot: std::time::Duration::from_secs(30 * 86_400),
        replica: None,
    };
    let context = Context::new(&cluster, &policy, ages);
    audit(&context)
}

/// `code at`, each finding.
fn found(state: &Value, site: &Value) -> Vec<String> {
    let records = records(state, site);
    let all = records.iter().flat_map(|record| {
        let findings = record.findings.iter();
        findings.map(|finding| {
            let known = CODES.iter().any(|(code, _)| *code == finding.code);
            assert!(known, "{} is in no table", finding.code);
            assert!(
                finding.evidence.is_object() && !finding.message.contains("  "),
                "{finding:?}"
            );
            format!(
                "{} {} {}",
                finding.severity.name(),
                finding.code,
                record.called()
            )
        })
    });
    all.collect()
}

/// `value` at the pointer `path` (an object's new member, too); none takes it away.
fn plant(document: &mut Value, path: &str, value: Option<Value>) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let name = &name.replace("~1", "/")[..];
    let parent = document
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("{path}"));
    match (parent, value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(name.to_owned(), value)),
        (Value::Object(fields), None) => drop(fields.shift_remove(name).unwrap()),
        (Value::Array(list), Some(value)) if name == "-" => list.push(value),
        (Value::Array(list), Some(value)) => list[name.parse::<usize>().unwrap()] = value,
        (Value::Array(list), None) => drop(list.remove(name.parse().unwrap())),
        _ => panic!("{path}"),
    }
}

#[test]
fn a_sound_cluster() {
    assert_eq!(found(&sound(), &site()), [""; 0]);
}

#[test]
fn each_fault_once_and_where_it_is() {
    let text = |text: &str| Some(json!(text));
    let exempt = |more: Value| {
        let mut one = json!({"code": "lock", "why": "w"});
        one.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Some(json!([one]))
    };
    // What it is, the changes (`s` of the state, `p` of the site's policy), what is found.
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<(&str, Option<Value>)>, Vec<&str>)> = vec![
        ("a disk on local",       vec![("s/guests/3/config/mp0", text("local:203/vm-203-disk-1.raw,mp=/x"))], vec!["warning local-storage vmid 203"]),
        ("cloud-init on local",   vec![("s/guests/0/config/ide2", text("local:101/vm-101-cloudinit.qcow2,media=cdrom"))], vec!["warning live-impossible service web", "warning local-storage vmid 101"]),
        ("an ISO in the drive",   vec![("s/guests/0/config/ide2", text("local:iso/x.iso,media=cdrom"))], vec!["warning live-impossible service web", "warning local-storage vmid 101", "warning ha-cannot-start vmid 101"]),
        ("another pool",          vec![("s/guests/3/config/rootfs", text("thin:vm-203-disk-0,size=8G"))], vec!["warning wrong-pool vmid 203"]),
        ("storages that differ",  vec![("s/guests/3/config/rootfs", text("thin:vm-203-disk-0,size=8G")), ("p/nodes/1/storages/-", text("thin")), ("s/storages/2/nodes", Some(json!({"b": {"free": 1, "total": 1}}))), ("s/storages/1/nodes", Some(json!({"a": {"free": 1, "total": 1}, "c": {"free": 1, "total": 1}})))],
            vec!["info no-exchange storage pool", "info no-exchange storage thin"]),
        ("a database on thin",    vec![("s/guests/1/config/mp0", text("nfs:201/vm-201-disk-1.raw,mp=/x"))], vec!["warning database-storage vmid 201"]),
        ("a volume left over",    vec![("s/guests/1/config/unused0", text("pool:subvol-201-disk-9"))], vec!["warning unused-volume vmid 201"]),
        ("privileged",            vec![("s/guests/1/config/unprivileged", None)], vec!["warning privileged vmid 201"]),
        ("privileged, no role",   vec![("s/guests/1/config/unprivileged", None), ("s/guests/1/config/tags", text("x"))], vec!["info role-unknown vmid 201"]),
        ("for nothing",           vec![("s/guests/1/config/unprivileged", None), ("s/guests/1/config/tags", text("x;host"))], vec!["info privileged-unneeded vmid 201"]),
        ("for a mount",           vec![("s/guests/1/config/unprivileged", None), ("s/guests/1/config/tags", text("host")), ("s/guests/1/config/mp0", text("/mnt/x,mp=/x"))], vec![]),
        ("for a feature",         vec![("s/guests/1/config/unprivileged", None), ("s/guests/1/config/tags", text("host")), ("s/guests/1/config/features", text("mount=nfs"))], vec![]),
        ("a role by its tag",     vec![("s/guests/1/config/tags", text("data")), ("p/roles/db", Some(json!({"database": true, "tag": "data"})))], vec![]),
        ("raw keys",              vec![("s/guests/1/config/lxc", Some(json!([["lxc.cap.drop", ""], ["lxc.cap.drop", "x"]])))], vec!["warning raw-keys vmid 201"]),
        ("arguments",             vec![("s/guests/0/config/args", text("-device x"))], vec!["warning raw-keys vmid 101"]),
        ("no limit",              vec![("s/guests/1/config/cores", None)], vec!["warning no-limit vmid 201"]),
        ("a limit of another kind", vec![("s/guests/1/config/cores", None), ("s/guests/1/config/cpulimit", text("1.5"))], vec![]),
        ("another bridge",        vec![("s/guests/1/config/net1", text("name=eth1,bridge=vmbr9"))], vec!["warning foreign-bridge vmid 201"]),
        ("another VLAN's bridge", vec![("p/vlans/0/bridge", text("vmbr1")), ("p/nodes/0/bridges", Some(json!(["vmbr0", "vmbr1"]))), ("s/guests/0/config/net0", text("virtio=x,bridge=vmbr1,tag=30")), ("s/nodes/1/bridges", Some(json!(["vmbr0", "vmbr1"]))),
            ("s/guests/2/config/net0", text("name=eth0,bridge=vmbr0")), ("s/guests/3/config/net0", text("name=eth0,bridge=vmbr0"))], vec!["warning foreign-bridge vmid 201"]),
        ("macvlan",               vec![("s/guests/1/config/lxc", Some(json!([["lxc.net.1.type", "macvlan"], ["lxc.net.1.link", "eno1"]])))], vec!["warning raw-keys vmid 201", "warning foreign-bridge vmid 201"]),
        ("a pair together",       vec![("s/guests/3/node", text("a")), ("p/pairs/0/members/1/node", text("a"))], vec!["warning pair-together pair dns"]),
        ("a member elsewhere",    vec![("s/guests/3/node", text("c"))], vec!["info misplaced pair dns"]),
        ("a member is gone",      vec![("s/guests/3", None)], vec!["warning member-missing pair dns"]),
        ("a service is gone",     vec![("p/services/0/vmid", Some(json!(109))), ("p/services/0/name", text("shop"))], vec!["warning service-missing service shop", "info role-unknown vmid 101"]),
        ("of the other type",     vec![("p/services/1/type", text("qemu"))], vec!["warning type-drift service dns", "warning type-drift service dns"]),
        ("not under HA",          vec![("s/ha/resources", Some(json!([]))), ("p/services/0/sla_s", None)], vec!["warning ha-missing vmid 101"]),
        ("... and promised",      vec![("s/ha/resources", Some(json!([])))], vec!["warning sla service web", "warning ha-missing vmid 101"]),
        ("HA of nobody",          vec![("p/ha/resources/-", Some(json!({"sid": "ct:900", "name": "gone"})))], vec!["warning ha-missing vmid 900"]),
        ("HA of another cluster", vec![("p/ha/resources/-", Some(json!({"sid": "ct:900"}))), ("p/ha/nodes", Some(json!(["x"])))], vec![]),
        ("all down, nobody acts", vec![("p/services/1/ha", text("active-active"))], vec!["info ha-missing pair dns"]),
        ("HA unasked for",        vec![("s/ha/resources/-", Some(json!({"sid": "ct:202", "state": "started"})))], vec!["warning ha-unwanted vmid 202"]),
        ("HA is off for it",      vec![("s/ha/resources/0/state", text("stopped"))], vec!["warning ha-style vmid 101"]),
        ("told to ignore it",     vec![("s/ha/resources/0/state", text("ignored")), ("p/services/0/sla_s", None)], vec!["warning ha-style vmid 101"]),
        ("a rule keeps it",       vec![("s/ha/rules/-", Some(json!({"type": "node-affinity", "rule": "r", "resources": ["vm:101"], "nodes": {"a": 0}, "strict": true}))), ("p/services/0/ha", text("failover")), ("p/services/0/maintenance_s", None)], vec!["warning ha-style vmid 101"]),
        ("HA has given up",       vec![("s/ha/resources/0/crm_state", text("error")), ("p/services/0/ha", text("failover")), ("p/services/0/maintenance_s", None)], vec!["critical ha-error vmid 101"]),
        ("HA is disarmed",        vec![("s/ha/status/armed", text("disarmed"))], vec!["critical ha-off cluster lab"]),
        ("it is being disarmed",  vec![("s/ha/status/armed", text("disarming"))], vec!["critical ha-off cluster lab"]),
        ("HA has no master",      vec![("s/ha/status/master", None)], vec!["critical ha-off cluster lab"]),
        ("... nor a resource",    vec![("s/ha/status/master", None), ("s/ha/resources", Some(json!([]))), ("p/ha/resources", Some(json!([]))), ("p/services/0", None)], vec!["info role-unknown vmid 101"]),
        ("its master is silent",  vec![("s/ha/status/master/status", text("a (old timestamp - dead?, Fri Nov 27 12:00:00 2026)"))], vec!["critical ha-off cluster lab"]),
        ("HA without quorum",     vec![("s/ha/status/quorate", Some(json!(false)))], vec!["critical ha-off cluster lab"]),
        ("a node's HA is dead",   vec![("s/ha/status/nodes/0/status", text("a (old timestamp - dead?, watchdog active, Fri Nov 27 12:00:00 2026)"))], vec!["warning ha-node node a"]),
        ("... or was never there", vec![("s/ha/status/nodes/2/status", text("c (unable to read lrm status)"))], vec!["warning ha-node node c"]),
        ("... or is not told",    vec![("s/ha/status/nodes/2", None)], vec!["unknown unseen node c"]),
        ("in maintenance",        vec![("s/ha/status/nodes/0/status", text("a (maintenance mode, watchdog active, Fri Nov 27 12:00:00 2026)"))], vec![]),
        ("it is being recovered", vec![("s/ha/resources/0/crm_state", text("recovery"))], vec!["warning ha-state vmid 101"]),
        ("its node is fenced",    vec![("s/ha/resources/0/crm_state", text("fence"))], vec!["warning ha-state vmid 101"]),
        ("HA has it stopped",     vec![("s/ha/resources/0/crm_state", text("stopped")), ("s/guests/0/status", text("stopped"))], vec!["warning ha-state vmid 101"]),
        ("HA takes it for started", vec![("s/guests/0/status", text("stopped"))], vec!["warning ha-state vmid 101"]),
        ("on its way",            vec![("s/ha/resources/0/crm_state", text("relocate")), ("s/guests/0/status", text("stopped"))], vec![]),
        ("a rule is dropped",     vec![("s/ha/dropped", Some(json!([{"rule": "r", "why": "w"}])))], vec!["warning ha-rule-dropped cluster lab"]),
        ("a resource of nobody",  vec![("s/ha/resources/-", Some(json!({"sid": "ct:999", "state": "started"})))], vec!["warning ha-stray vmid 999"]),
        ("... which the site has", vec![("s/ha/resources/-", Some(json!({"sid": "ct:999", "state": "started"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:999"})))], vec!["warning ha-missing vmid 999", "warning ha-stray vmid 999"]),
        ("apart, and no third node", vec![("s/ha/resources/-", Some(json!({"sid": "ct:202", "state": "started"}))), ("s/ha/resources/-", Some(json!({"sid": "ct:203", "state": "started"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:202"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:203"}))),
            ("s/ha/rules/-", Some(json!({"type": "resource-affinity", "rule": "apart", "resources": ["ct:202", "ct:203"], "negative": true}))), ("s/ha/rules/-", Some(json!({"type": "node-affinity", "rule": "r", "resources": ["ct:202", "ct:203"], "nodes": {"c": 0}, "negative": true})))],
            vec!["warning ha-style vmid 202", "warning ha-style vmid 203"]),
        ("apart, and a third node", vec![("s/ha/resources/-", Some(json!({"sid": "ct:202", "state": "started"}))), ("s/ha/resources/-", Some(json!({"sid": "ct:203", "state": "started"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:202"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:203"}))),
            ("s/ha/rules/-", Some(json!({"type": "resource-affinity", "rule": "apart", "resources": ["ct:202", "ct:203"], "negative": true})))], vec![]),
        ("it is being cloned",    vec![("s/guests/1/lock", text("clone")), ("s/tasks/-", Some(json!({"upid": "u", "node": "c", "type": "qmclone", "id": "101"})))], vec![]),
        ("... as a container",    vec![("s/guests/1/lock", text("create")), ("s/tasks/-", Some(json!({"upid": "u", "node": "a", "type": "vzclone", "id": "203"})))], vec![]),
        ("a clone, another lock", vec![("s/guests/1/lock", text("backup")), ("s/tasks/-", Some(json!({"upid": "u", "node": "a", "type": "vzclone", "id": "203"})))], vec!["warning lock vmid 201"]),
        ("a job that no node has", vec![("s/nodes/0/replication", Some(json!([])))], vec!["unknown unseen vmid 201"]),
        ("... and that is removed", vec![("s/nodes/0/replication", Some(json!([]))), ("s/replication/0/removed", Some(json!(true)))], vec![]),
        ("another job is there",  vec![("s/replication/-", Some(json!({"id": "201-1", "vmid": 201, "target": "c"})))], vec!["unknown unseen vmid 201"]),
        ("no due time",           vec![("s/nodes/0/replication/0/next_sync", None), ("s/nodes/0/replication/0/last_sync", Some(json!(NOW - 100 * 86_400)))], vec!["unknown unseen vmid 201"]),
        ("due in no time",        vec![("s/nodes/0/replication/0/next_sync", Some(json!(i64::MIN)))], vec!["warning replica-stale vmid 201"]),
        ("its guests, too",       vec![("s/nodes/0/online", Some(json!(false))), ("s/guests/0/config", None), ("s/guests/1/config", None), ("s/guests/2/config", None), ("s/ha/status/master", Some(json!({"node": "b", "status": "b (active, now)"})))],
            vec!["warning quorum cluster lab", "warning node-offline node a", "unknown unseen vmid 101", "unknown unseen vmid 201", "unknown unseen vmid 202"]),
        ("a node that is not told", vec![("s/guests/1/node", text("z")), ("s/guests/1/config", None)], vec!["unknown unseen vmid 201"]),
        ("unused, of a silent node", vec![("s/nodes/2/online", Some(json!(false))), ("s/guests/3/node", text("c")), ("p/pairs/0/members/1/node", text("c")), ("p/exempt", Some(json!([{"code": "lock", "why": "w", "vmid": 203}, {"code": "lock", "why": "w", "node": "c"}, {"code": "wrong-pool", "why": "w", "pair": "dns"}, {"code": "template-missing", "why": "w", "storage": "local"}, {"code": "lock", "why": "w", "vmid": 900}, {"code": "lock", "why": "w", "vmid": 201}])))],
            vec!["warning quorum cluster lab", "warning node-offline node c", "warning exemption-unused vmid 201", "unknown unseen vmid 203", "warning exemption-unused vmid 900"]),
        ("unused, HA unseen",     vec![("s/ha", Some(Value::Null)), ("p/exempt", Some(json!([{"code": "ha-unwanted", "why": "w", "vmid": 101}, {"code": "lock", "why": "w", "vmid": 900}])))], vec!["unknown unseen cluster lab", "warning exemption-unused vmid 900"]),
        ("unused, guests unseen", vec![("s/permissions/~1vms", Some(json!({}))), ("p/exempt", Some(json!([{"code": "lock", "why": "w", "vmid": 900}])))], vec!["unknown unseen cluster lab"]),
        ("unused, its node's memory", vec![("s/nodes/0/maxmem", Some(json!(0))), ("p/exempt", Some(json!([{"code": "lock", "why": "w", "vmid": 201}, {"code": "replica-stale", "why": "w", "job": "201-0"}, {"code": "lock", "why": "w", "vmid": 203}])))], vec!["unknown unseen node a", "warning exemption-unused vmid 203"]),
        ("no onboot, HA unseen",  vec![("s/ha", Some(Value::Null)), ("s/guests/0/config/onboot", None)], vec!["unknown unseen cluster lab"]),
        ("memory of one unseen",  vec![("s/nodes/1/maxmem", Some(json!(0))), ("s/nodes/2/maxmem", Some(json!(1_u64 << 30)))], vec!["unknown unseen node b"]),
        ("a template's storage on one node", vec![("s/storages/3/nodes", Some(json!({"a": {"free": 1, "total": 1}})))], vec!["warning template-missing storage local"]),
        ("... and on none",       vec![("s/storages/3/nodes", Some(json!({})))], vec!["warning template-missing storage local"]),
        ("... or it is not known", vec![("s/storages/3/nodes", Some(json!({"a": {"free": 1, "total": 1}, "b": {"free": 1, "total": 1}}))), ("s/storages/3/unknown", Some(json!(["c"])))], vec!["unknown unseen storage local"]),
        ("... and the site has no node", vec![("s/storages/3/nodes", Some(json!({}))), ("p/nodes", Some(json!([]))), ("p/vlans", Some(json!([])))], vec!["warning template-missing storage local"]),
        ("a snapshot of tomorrow", vec![("s/guests/0/snapshot_times/s1", Some(json!(NOW + 86_400)))], vec!["unknown unseen vmid 101"]),
        ("a snapshot of no time", vec![("s/guests/0/snapshot_times/s1", Some(json!(i64::MIN)))], vec!["warning snapshot-old vmid 101"]),
        ("memory without end",    vec![("s/guests/1/maxmem", Some(json!(u64::MAX))), ("s/guests/3/maxmem", Some(json!(u64::MAX)))], vec!["warning overprovisioned node a", "warning overprovisioned-after-loss node a", "warning overprovisioned node b", "warning overprovisioned-after-loss node b", "warning overprovisioned-after-loss node c"]),
        ("two and two",           vec![("s/guests/-", Some(json!({"vmid": 204, "type": "lxc", "name": "ns3", "node": "a", "status": "stopped", "maxmem": 1, "config": {"cores": 1, "unprivileged": 1}, "snapshots": {}}))), ("s/guests/-", Some(json!({"vmid": 205, "type": "lxc", "name": "ns4", "node": "b", "status": "stopped", "maxmem": 1, "config": {"cores": 1, "unprivileged": 1}, "snapshots": {}}))),
            ("p/pairs/0/members/-", Some(json!({"name": "ns3", "vmid": 204}))), ("p/pairs/0/members/-", Some(json!({"name": "ns4", "vmid": 205})))], vec!["warning pair-together pair dns", "warning pair-together pair dns"]),
        ("a pair of no rto",      vec![("p/pairs/0/rto_s", None)], vec!["info sla service dns"]),
        ("no rule for the site's nodes", vec![("p/ha/nodes", Some(json!(["a", "b"])))], vec!["warning ha-style vmid 101"]),
        ("a rule for them",       vec![("p/ha/nodes", Some(json!(["a", "b"]))), ("s/ha/rules/-", Some(json!({"type": "node-affinity", "rule": "r", "resources": ["vm:101"], "nodes": {"a": 0, "b": 0}})))], vec![]),
        ("other nodes than the site's", vec![("s/ha/rules/-", Some(json!({"type": "node-affinity", "rule": "r", "resources": ["vm:101"], "nodes": {"a": 0, "b": 0}})))], vec!["warning ha-style vmid 101"]),
        ("HA cannot start it",    vec![("s/guests/0/config/scsi0", text("thin:vm-101-disk-0,size=8G")), ("p/nodes/0/storages/-", text("thin")), ("s/guests/0/snapshots", Some(json!([])))], vec!["warning ha-cannot-start vmid 101"]),
        ("a bridge is not there", vec![("s/guests/0/config/net0", text("virtio=x,bridge=vmbr1")), ("p/nodes/0/bridges/-", text("vmbr1")), ("p/services/0/ha", text("failover")), ("p/services/0/maintenance_s", None)], vec!["warning ha-cannot-start vmid 101"]),
        ("a replica elsewhere",   vec![("s/ha/resources/-", Some(json!({"sid": "ct:201", "state": "started"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:201"}))), ("s/ha/rules/-", Some(json!({"type": "node-affinity", "rule": "r", "resources": ["ct:201"], "nodes": {"a": 0, "c": 0}, "strict": true})))],
            vec!["info not-shared storage pool", "warning ha-cannot-start vmid 201"]),
        ("HA, and a replica",     vec![("s/ha/resources/-", Some(json!({"sid": "ct:201", "state": "started"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:201"})))], vec!["info not-shared storage pool"]),
        ("HA, and none",          vec![("s/ha/resources/-", Some(json!({"sid": "ct:201", "state": "started"}))), ("p/ha/resources/-", Some(json!({"sid": "ct:201"}))), ("s/replication", Some(json!([]))), ("s/nodes/0/replication", Some(json!([])))], vec!["warning no-replica vmid 201"]),
        ("a container, live",     vec![("p/services/-", Some(json!({"name": "db", "vmid": 201, "maintenance_s": 0, "addresses": ["192.168.30.81"]})))], vec!["warning live-impossible service db"]),
        ("a device of the node",  vec![("s/guests/0/config/hostpci0", text("0000:01:00.0"))], vec!["warning live-impossible service web", "warning ha-cannot-start vmid 101"]),
        ("a move that takes long", vec![("p/services/-", Some(json!({"name": "db", "vmid": 201, "maintenance_s": 5, "addresses": ["192.168.30.81"]}))), ("s/guests/1/snapshots", Some(json!({})))], vec!["warning sla service db"]),
        ("long enough",           vec![("p/services/-", Some(json!({"name": "db", "vmid": 201, "maintenance_s": 3600, "addresses": ["192.168.30.81"]}))), ("s/guests/1/snapshots", Some(json!({})))], vec![]),
        ("it can't be moved",     vec![("p/services/-", Some(json!({"name": "db", "vmid": 201, "maintenance_s": 3600, "addresses": ["192.168.30.81"]}))), ("s/guests/1/config/mp0", Some(json!("/x,mp=/x")))], vec!["warning sla service db"]),
        ("faster than HA",        vec![("p/services/0/sla_s", Some(json!(119)))], vec!["warning sla service web"]),
        ("slower than promised",  vec![("p/pairs/0/rto_s", Some(json!(20)))], vec!["warning sla service dns"]),
        ("too much memory",       vec![("s/guests/3/maxmem", Some(json!(25_u64 << 30)))], vec!["warning overprovisioned node b"]),
        ("... with a node lost",  vec![("s/nodes/2/maxmem", Some(json!(8_u64 << 30))), ("s/guests/0/maxmem", Some(json!(23_u64 << 30))), ("s/guests/3/maxmem", Some(json!(12_u64 << 30)))], vec!["warning overprovisioned node a", "warning overprovisioned-after-loss node a", "warning overprovisioned-after-loss node b"]),
        ("no quorum",             vec![("s/cluster/quorate", Some(json!(false)))], vec!["critical quorum cluster lab"]),
        ("quorum by one node",    vec![("s/nodes/0/votes", Some(json!(3)))], vec!["warning quorum cluster lab"]),
        ("a node is off",         vec![("s/nodes/2/online", Some(json!(false))), ("s/nodes/2/replication", None)], vec!["warning quorum cluster lab", "warning node-offline node c"]),
        ("overdue",               vec![("s/nodes/0/replication/0/next_sync", Some(json!(NOW - 309)))], vec!["warning replica-stale vmid 201"]),
        ("late, but within reason", vec![("s/nodes/0/replication/0/next_sync", Some(json!(NOW - 308)))], vec![]),
        ("failing",               vec![("s/nodes/0/replication/0/fail_count", Some(json!(2))), ("s/nodes/0/replication/0/error", text("no route\nto host")), ("s/nodes/0/replication/0/next_sync", Some(json!(NOW - 9999)))], vec!["warning replica-failing vmid 201"]),
        ("never",                 vec![("s/nodes/0/replication/0/last_sync", Some(json!(0)))], vec!["warning replica-never vmid 201"]),
        ("not yet",               vec![("s/nodes/0/replication/0/last_sync", Some(json!(0))), ("s/nodes/0/replication/0/last_try", Some(json!(0)))], vec!["info replica-never vmid 201"]),
        ("switched off",          vec![("s/nodes/0/replication/0/disable", Some(json!(true)))], vec!["warning replica-disabled vmid 201"]),
        ("a wrong clock",         vec![("s/nodes/0/replication/0/last_sync", Some(json!(NOW + 61)))], vec!["unknown unseen vmid 201"]),
        ("not started at boot",   vec![("s/guests/2/config/onboot", None)], vec!["warning onboot-missing vmid 202"]),
        ("... of no service",     vec![("s/guests/1/config/onboot", None)], vec!["info onboot-missing vmid 201"]),
        ("... but HA does it",    vec![("s/guests/0/config/onboot", None)], vec![]),
        ("no agent",              vec![("s/guests/0/config/agent", text("enabled=0"))], vec!["warning agent-missing vmid 101"]),
        ("an old snapshot",       vec![("s/guests/0/snapshot_times/s1", Some(json!(NOW - 31 * 86_400)))], vec!["warning snapshot-old vmid 101"]),
        ("an old one, of a container", vec![("s/guests/1/snapshot_times", None), ("s/guests/1/snapshots/s1/snaptime", Some(json!(NOW - 31 * 86_400)))], vec!["warning snapshot-old vmid 201"]),
        ("a snapshot without age", vec![("s/guests/0/snapshot_times", None)], vec!["unknown unseen vmid 101"]),
        ("a lock",                vec![("s/guests/1/lock", text("snapshot"))], vec!["warning lock vmid 201"]),
        ("in the configuration",  vec![("s/guests/1/config/lock", text("migrate"))], vec!["warning lock vmid 201"]),
        ("hibernated",            vec![("s/guests/0/lock", text("suspended"))], vec!["info lock vmid 101"]),
        ("its task runs",         vec![("s/guests/1/lock", text("backup")), ("s/tasks/-", Some(json!({"upid": "u", "node": "a", "type": "vzdump", "id": "201"})))], vec![]),
        ("one of several",        vec![("s/guests/1/lock", text("backup")), ("s/tasks/-", Some(json!({"upid": "u", "node": "a", "type": "vzdump", "id": ""})))], vec![]),
        ("of another node",       vec![("s/guests/1/lock", text("backup")), ("s/tasks/-", Some(json!({"upid": "u", "node": "b", "type": "vzdump", "id": ""})))], vec!["warning lock vmid 201"]),
        ("a template is missing", vec![("s/content/1/volumes", Some(json!([])))], vec!["warning template-missing storage local"]),
        ("an exemption",          vec![("s/guests/1/lock", text("backup")), ("p/exempt", exempt(json!({"vmid": 201})))], vec!["info lock vmid 201"]),
        ("by the node",           vec![("s/guests/1/lock", text("backup")), ("p/exempt", exempt(json!({"node": "a"})))], vec!["info lock vmid 201"]),
        ("by the pair",           vec![("s/guests/2/lock", text("backup")), ("p/exempt", exempt(json!({"pair": "dns"})))], vec!["info lock vmid 202"]),
        ("by the job",            vec![("s/nodes/0/replication/0/disable", Some(json!(true))), ("p/exempt", Some(json!([{"code": "replica-disabled", "why": "w", "job": "201-0"}])))], vec!["info replica-disabled vmid 201"]),
        ("of nothing",            vec![("p/exempt", exempt(json!({"vmid": 201})))], vec!["warning exemption-unused vmid 201"]),
        ("of nobody",             vec![("p/exempt", exempt(json!({"storage": "pool"})))], vec!["warning exemption-unused storage pool"]),
        ("over",                  vec![("s/guests/1/lock", text("backup")), ("p/exempt", exempt(json!({"vmid": 201, "until": "2026-11-26"})))], vec!["warning lock vmid 201", "warning exemption-expired vmid 201"]),
    ];
    let mut planted: Vec<String> = Vec::new();
    let mut wrong: Vec<String> = Vec::new();
    for (name, changes, want) in &cases {
        let mut document = json!({"s": sound(), "p": site()});
        for (path, value) in changes {
            plant(&mut document, &format!("/{path}"), value.clone());
        }
        let got = std::panic::catch_unwind(|| found(&document["s"], &document["p"]));
        let got = got.unwrap_or_else(|_| vec!["a panic".to_owned()]);
        if got != *want {
            wrong.push(format!("{name}: {got:?}, not {want:?}"));
        }
        planted.extend(got);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (code, _) in CODES {
        let is_code = |found: &String| found.split(' ').nth(1) == Some(code);
        assert!(planted.iter().any(is_code), "{code} was never found");
    }
}

#[test]
fn what_the_token_may_not_see_is_never_fine() {
    let cluster = "unknown unseen cluster lab";
    // What is missing, the changes, what is found at the least.
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<(&str, Option<Value>)>, Vec<&str>)> = vec![
        ("permissions",       vec![("permissions", Some(Value::Null)), ("content", Some(json!([])))], vec![cluster]),
        ("VM.Audit",          vec![("permissions/~1vms", Some(json!({}))), ("guests", Some(json!([])))], vec![cluster]),
        ("VM.Audit of one",   vec![("permissions/~1vms~1900", Some(json!({})))], vec![cluster]),
        ("a hidden guest",    vec![("hidden", Some(json!([{"vmid": 900, "by": "the HA resource ct:900"}])))], vec![cluster]),
        ("version 1: hidden", vec![("hidden", None)], vec![cluster]),
        ("Datastore.Audit",   vec![("permissions/~1storage", Some(json!({})))], vec![cluster, "unknown unseen storage local"]),
        ("Sys.Audit: HA",     vec![("ha", Some(Value::Null))], vec![cluster]),
        ("Sys.Audit: quorum", vec![("cluster/quorate", Some(Value::Null))], vec![cluster]),
        ("Sys.Audit: tasks",  vec![("permissions/~1", Some(json!({}))), ("guests/1/lock", Some(json!("backup")))], vec!["unknown unseen vmid 201"]),
        ("Sys.Audit: memory", vec![("nodes/1/maxmem", Some(json!(0)))], vec!["unknown unseen node b"]),
        ("SDN.Audit",         vec![("permissions/~1sdn", Some(json!({}))), ("nodes/0/bridges", Some(Value::Null)), ("nodes/1/bridges", Some(Value::Null)), ("nodes/2/bridges", Some(Value::Null))],
            vec!["unknown unseen node a", "unknown unseen node b", "unknown unseen node c", "unknown unseen vmid 101"]),
        ("replication",       vec![("nodes/0/replication", None)], vec!["unknown unseen node a"]),
        ("its list",          vec![("replication", Some(Value::Null))], vec![cluster]),
        ("what HA says",      vec![("ha/status", Some(Value::Null))], vec![cluster]),
        ("its list, under HA", vec![("replication", Some(Value::Null)), ("guests/0/config/scsi0", Some(json!("pool:vm-101-disk-0,size=8G"))), ("guests/0/snapshots", Some(json!([])))], vec![cluster, "unknown unseen vmid 101"]),
        ("a configuration",   vec![("guests/1/config", None)], vec!["unknown unseen vmid 201"]),
        ("its snapshots",     vec![("guests/1/snapshots", None)], vec!["unknown unseen vmid 201"]),
        ("whether it runs",   vec![("guests/1/status", Some(json!("unknown")))], vec!["unknown unseen vmid 201"]),
        ("no content",        vec![("content", None)], vec!["unknown unseen storage local"]),
        ("a list refused",    vec![("content/2/volumes", Some(Value::Null))], vec!["unknown unseen storage local"]),
    ];
    let mut wrong: Vec<String> = Vec::new();
    for (name, changes, want) in cases {
        let mut state = sound();
        for (path, value) in changes {
            plant(&mut state, &format!("/{path}"), value);
        }
        let got = found(&state, &site());
        let is_found = |want: &&str| got.iter().any(|found| found == want);
        if !want.iter().all(is_found) {
            wrong.push(format!("{name}: {want:?} is not in {got:?}"));
        }
        // A guest that may be hidden is no missing one.
        let is_fine = |found: &String| {
            found.starts_with("unknown unseen") || found.contains(" role-unknown ")
        };
        if !got.iter().all(is_fine) {
            wrong.push(format!("{name}: more than unseen: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut older = sound();
    older["version"] = json!(2);
    for node in 0..3 {
        plant(&mut older, &format!("/nodes/{node}/replication"), None);
    }
    let codes = found(&older, &site());
    assert_eq!(
        codes,
        ["a", "b", "c"].map(|node| format!("unknown unseen node {node}"))
    );
}
