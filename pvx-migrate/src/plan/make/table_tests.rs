//! One row for each code: the least that makes it come, and what must not.

use serde_json::{Value, json};

use super::{Work, code::Code, wanted::Wanted};
use crate::{
    cluster::Cluster,
    plan::{
        creation::{Creation, Making},
        policy::Policy,
        table_fixture::{GIB, document, space},
    },
    state::State,
};

const CT_TEMPLATE: &str = "local:vztmpl/debian-13.tar.zst";
const VM_IMAGE: &str = "local:import/debian-13.qcow2";
const SUBVOL: &str = "zdata:subvol-30050-disk-0";

/// A cluster in which all is seen and the guests below can be made.
fn cluster(changes: &[(&str, Value)]) -> State {
    let files = json!([{"volid": CT_TEMPLATE, "content": "vztmpl", "size": 130 << 20},
        {"volid": VM_IMAGE, "content": "import", "size": 400 << 20}]);
    let nodes = ["node2", "node3", "node5", "node6"];
    let mut content: Vec<Value> = nodes
        .iter()
        .map(|node| json!({"storage": "local", "node": node, "volumes": files}))
        .collect();
    content.push(json!({"storage": "zdata", "node": "node3", "volumes": []}));
    content.push(json!({"storage": "backups", "node": "node2", "volumes": []}));
    for (storage, node) in [
        ("zdata", "node6"),
        ("ssd-data", "node2"),
        ("ssd-data", "node5"),
        ("share", "node2"),
    ] {
        content.push(json!({"storage": storage, "node": node, "volumes": []}));
    }
    let plain = json!({"eth": ["eth1"], "lonely": []});
    let bridges = json!(["vmbr0", "eth", "lonely"]);
    let mut all: Vec<(&str, Value)> = vec![
        ("/hidden", json!([])),
        ("/backup_jobs", json!([])),
        ("/pools", json!(["made"])),
        ("/content", json!(content)),
        ("/nodes/1/bridges", bridges),
        ("/nodes/1/plain_bridges", plain),
        ("/nodes/3/plain_bridges", json!({})),
        ("/permissions/~1vms/VM.Backup", json!(true)),
        ("/permissions/~1pool", json!({"Pool.Audit": true})),
        ("/storages/3/content", json!(["iso", "vztmpl", "import"])),
    ];
    all.extend(changes.iter().cloned());
    document(&json!({}), &all)
}

fn ct(changes: &[(&str, Value)]) -> Value {
    let record = json!({"vmid": 30050, "name": "paperless", "shape": "lxc", "node": "node3", "address": "192.168.30.50/24",
        "reasons": {"node": "asked for", "storage": "zdata is zfspool"},
        "params": {"vmid": 30050, "ostemplate": CT_TEMPLATE, "hostname": "paperless", "cores": 1, "memory": 1024, "swap": 512,
            "rootfs": "zdata:8", "net0": "name=eth0,bridge=vmbr0,tag=30,ip=192.168.30.50/24,gw=192.168.30.1,type=veth",
            "unprivileged": 1, "features": "nesting=1", "onboot": 1, "ssh-public-keys": "ssh-ed25519 AAAA a@b"}});
    changed(record, changes)
}

fn vm(changes: &[(&str, Value)]) -> Value {
    let record = json!({"vmid": 30050, "name": "paperless", "shape": "vm", "node": "node3",
        "params": {"name": "paperless", "cores": 1, "memory": 1024, "scsihw": "virtio-scsi-single", "boot": "order=scsi0",
            "scsi0": format!("zdata:0,import-from={VM_IMAGE},discard=on"), "ide2": "zdata:cloudinit",
            "net0": "virtio,bridge=vmbr0,tag=30", "ipconfig0": "ip=192.168.30.50/24", "sshkeys": "ssh-ed25519%20AAAA"},
        "resize": {"scsi0": "32G"}});
    changed(record, changes)
}

fn changed(mut record: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = record.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(key);
        } else {
            parent.insert(key.to_owned(), value.clone());
        }
    }
    record
}

fn wanted(record: &Value) -> Result<Wanted, String> {
    let text = record.to_string();
    let kept = vmid::stream::parse(text.as_bytes()).unwrap();
    Wanted::of(&kept[0].record())
}

fn policy(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::default();
    change(&mut policy);
    policy
}

fn made(records: &[Value], changes: &[(&str, Value)], policy: &Policy) -> Vec<Creation> {
    let state = cluster(changes);
    let cluster = Cluster::new(&state);
    let mut work = Work::new(&cluster, policy);
    let each = records.iter().map(|record| wanted(record).unwrap());
    each.map(|wanted| work.one(wanted)).collect()
}

/// `create`, `exists`, `blocked space`; warnings behind a `+`.
fn outcome(step: &Creation) -> String {
    let mut words = vec![match (step.action, step.exists) {
        (Making::Blocked, _) => "blocked".to_owned(),
        (Making::Create, true) => "exists".to_owned(),
        (Making::Create, false) => "create".to_owned(),
    }];
    words.extend(step.blockers.iter().map(|blocker| blocker.code.clone()));
    let warnings = step.warnings.iter();
    words.extend(warnings.map(|warning| format!("+{}", warning.code)));
    words.join(" ")
}

fn alive(vmid: u32, kind: &str, name: &str, more: &Value) -> Value {
    let mut guest = json!({"vmid": vmid, "type": kind, "name": name, "node": "node3", "status": "running", "maxmem": GIB});
    for (key, value) in more.as_object().unwrap() {
        guest[key] = value.clone();
    }
    guest
}

fn volume(volid: &str, content: &str, vmid: u32) -> Value {
    json!([{"volid": volid, "content": content, "vmid": vmid}])
}

#[test]
fn each_code_where_it_comes() {
    let zdata = |volumes: Value| ("/content/4/volumes", volumes);
    let guest = |guest: Value| ("/guests/-", guest);
    let none = json!({});
    #[rustfmt::skip]
    let cases: Vec<(&str, Value, Vec<(&str, Value)>, &str)> = vec![
        ("a container",            ct(&[]), vec![], "create"),
        ("a VM",                   vm(&[]), vec![], "create"),
        ("not started",            ct(&[("/start", json!(false)), ("/params/memory", json!(1 << 20))]), vec![], "create"),

        ("another of its ID",      ct(&[]), vec![guest(alive(30050, "lxc", "other", &none))],                "blocked vmid-taken"),
        ("the name, another type", ct(&[]), vec![guest(alive(30050, "qemu", "paperless", &none))],           "blocked vmid-taken"),
        ("a template of its name", ct(&[]), vec![guest(alive(30050, "lxc", "paperless", &json!({"template": true})))], "blocked vmid-taken"),
        ("being made",             ct(&[]), vec![guest(alive(30050, "lxc", "", &json!({"lock": "create"})))], "blocked vmid-taken"),
        ("one nobody sees",        ct(&[]), vec![("/hidden", json!([{"vmid": 30050, "by": "the pool p"}]))], "blocked vmid-taken +unseen"),
        ("of an earlier's name",   ct(&[]), vec![guest(alive(30050, "lxc", "paperless", &json!({"config": {"lock": "create"}})))], "blocked vmid-taken"),
        ("its name, being made",   ct(&[]), vec![guest(alive(30050, "lxc", "paperless", &json!({"lock": "create"})))], "blocked vmid-taken"),
        ("no name, not read so",   ct(&[]), vec![guest(alive(30050, "lxc", "paperless", &json!({"config": {}})))], "blocked vmid-taken"),
        ("of an old name",         ct(&[]), vec![guest(alive(30050, "lxc", "paperless", &json!({"config": {"hostname": "fresh"}})))], "blocked vmid-taken"),
        ("its name elsewhere",     ct(&[]), vec![guest(alive(777, "qemu", "Paperless", &none))],             "blocked name-taken"),
        ("a longer name",          ct(&[]), vec![guest(alive(777, "qemu", "paperless2", &none))],            "create"),

        ("HA knows the ID",        ct(&[]), vec![("/ha/resources", json!([{"sid": "vm:30050", "state": "ignored"}]))], "blocked remembered"),
        ("HA knows another",       ct(&[]), vec![("/ha/resources", json!([{"sid": "vm:3005", "state": "started"}]))], "create"),
        ("HA is not seen",         ct(&[]), vec![("/ha", Value::Null)],                                      "create +unseen"),
        ("replicated",             ct(&[]), vec![("/replication", json!([{"id": "30050-0", "vmid": 30050, "target": "node6"}]))], "blocked remembered"),
        ("jobs are not seen",      ct(&[]), vec![("/replication", Value::Null)],                             "create +unseen"),
        ("a disk is left",         ct(&[]), vec![zdata(volume(SUBVOL, "images", 30050))],                    "blocked remembered"),
        ("another's disk",         ct(&[]), vec![zdata(volume("zdata:subvol-30051-disk-0", "rootdir", 30051))], "create"),
        ("no list of a storage",   ct(&[]), vec![zdata(Value::Null)],                                        "create +unseen"),
        ("disks are left out",     ct(&[]), vec![("/permissions/~1vms/VM.Config.Disk", json!(false)), ("/permissions/~1vms", json!({"VM.Audit": true, "VM.Backup": true}))], "create +unseen"),
        ("no lists at all",        ct(&[("/params/ostemplate", Value::Null)]), vec![("/content", json!([]))], "create +unseen"),
        ("a storage unseen",       ct(&[]), vec![("/permissions/~1storage", json!({})), ("/permissions/~1storage~1zdata", json!({"Datastore.Audit": true}))], "create +unseen"),
        ("one of them unseen",     ct(&[]), vec![("/permissions/~1storage~1tank", json!({}))], "create +unseen"),
        ("another node is off",    ct(&[]), vec![("/nodes/3/online", json!(false))], "create +unseen"),
        ("a storage is disabled",  ct(&[]), vec![("/storages/0/nodes", json!({}))], "create +unseen"),
        ("a storage is unknown",   ct(&[]), vec![("/storages/0/unknown", json!(["node3"]))], "create +unseen"),
        ("nothing of storages",    ct(&[]), vec![("/content", Value::Null)],                                 "create +unseen +unseen"),
        ("not all guests seen",    ct(&[]), vec![("/permissions/~1vms~199", json!({}))],                      "create +unseen +unseen"),
        ("one is hidden",          ct(&[]), vec![("/hidden", json!([{"vmid": 9, "by": "the pool p"}]))],     "create +unseen"),
        ("the pool's guests seen", ct(&[]), vec![("/permissions/~1vms", json!({})), ("/permissions/~1pool~1made", json!({"VM.Audit": true, "VM.Backup": true, "VM.Config.Disk": true}))], "create +unseen +unseen +unseen +unseen"),
        ("old backups",            ct(&[]), vec![("/content/5/volumes", volume("backups:backup/ct/30050/x", "backup", 30050))], "create +old-backups"),
        ("a job names it",         ct(&[]), vec![("/backup_jobs", json!([{"id": "b", "vmids": [30050]}]))],  "create +backup-job"),
        ("a job leaves it out",    ct(&[]), vec![("/backup_jobs", json!([{"id": "b", "exclude": [30050]}]))], "create +backup-job"),
        ("a job names others",     ct(&[]), vec![("/backup_jobs", json!([{"id": "b", "vmids": [30051]}]))],  "create"),
        ("backup jobs not seen",   ct(&[]), vec![("/backup_jobs", Value::Null)],                             "create +unseen"),

        ("no quorum",              ct(&[]), vec![("/cluster/quorate", json!(false))],                        "blocked no-quorum"),
        ("quorum not seen",        ct(&[]), vec![("/cluster/quorate", Value::Null)],                         "create +unseen"),
        ("no such node",           ct(&[("/node", json!("node9"))]), vec![],                                 "blocked node"),
        ("the node is off",        ct(&[]), vec![("/nodes/1/online", json!(false))],                         "blocked offline +unseen"),
        ("in maintenance",         ct(&[]), vec![("/nodes/1/maintenance", json!(true))],                     "blocked maintenance"),
        ("no such storage",        ct(&[("/params/rootfs", json!("tank:8"))]), vec![],                       "blocked storage"),
        ("storage elsewhere",      ct(&[("/params/rootfs", json!("ssd-data:8"))]), vec![],                   "blocked storage"),
        ("storage disabled",       ct(&[]), vec![("/storages/1/nodes", json!({}))],                          "blocked storage +unseen"),
        ("template's storage off", ct(&[]), vec![("/storages/3/nodes", json!({}))],                          "blocked storage"),
        ("cloud-init's storage",   vm(&[("/params/ide2", json!("ssd-data:cloudinit"))]), vec![],             "blocked storage"),
        ("takes no containers",    ct(&[]), vec![("/storages/1/content", json!(["images"]))],                "blocked storage-content"),
        ("takes no VMs",           vm(&[]), vec![("/storages/1/content", json!(["rootdir"]))],               "blocked storage-content blocked"),
        ("takes no templates",     ct(&[]), vec![("/storages/3/content", json!(["iso"]))],                   "blocked storage-content"),
        ("full",                   ct(&[("/params/rootfs", json!("zdata:101"))]), vec![],                    "blocked space"),
        ("just not full",          ct(&[("/params/rootfs", json!("zdata:100"))]), vec![],                    "create"),
        ("full by two",            ct(&[("/params/rootfs", json!("zdata:60")), ("/params/mp0", json!("zdata:41,mp=/srv"))]), vec![], "blocked space"),
        ("full after it grew",     vm(&[("/resize/scsi0", json!("101G"))]), vec![],                          "blocked space"),
        ("full by the image",      vm(&[("/resize", Value::Null)]), vec![("/storages/1/nodes", space(&["node3"], 0))], "blocked space +unseen"),
        ("how large is not seen",  vm(&[("/resize", Value::Null)]), vec![], "create +unseen"),
        ("a raw image is as large", vm(&[("/resize", Value::Null), ("/params/scsi0", json!("zdata:0,import-from=local:import/a.raw"))]),
            vec![("/content/1/volumes", json!([{"volid": "local:import/a.raw", "content": "import", "size": 400 << 20}]))], "create"),
        ("the image is not seen",  vm(&[("/resize", Value::Null)]), vec![("/content/1/volumes", Value::Null)], "create +unseen +unseen"),
        ("no template there",      ct(&[]), vec![("/content/1/volumes", json!([]))],                         "blocked template"),
        ("no image there",         vm(&[]), vec![("/content/1/volumes", json!([]))],                         "blocked template"),
        ("template only there",    ct(&[]), vec![("/content/0/volumes", json!([]))],                         "create"),
        ("no such bridge",         ct(&[("/params/net0", json!("name=eth0,bridge=vmbr7"))]), vec![],         "blocked bridge"),
        ("bridges not seen",       ct(&[]), vec![("/nodes/1/bridges", Value::Null)],                         "create +unseen"),
        ("that bridge not seen",   ct(&[("/params/net0", json!("name=eth0,bridge=vmbr7"))]), vec![("/permissions/~1sdn", json!({}))], "create +unseen"),
        ("not VLAN-aware",         ct(&[("/params/net0", json!("name=eth0,bridge=eth,tag=30"))]), vec![],    "create +vlan-unaware"),
        ("and no port",            ct(&[("/params/net0", json!("name=eth0,bridge=lonely,tag=30"))]), vec![], "blocked vlan-unaware"),
        ("an SDN network",         ct(&[("/params/net0", json!("name=eth0,bridge=eth,tag=30"))]), vec![("/nodes/1/plain_vnets", json!(["eth"]))], "blocked vlan-unaware"),
        ("and no tag on it",       ct(&[("/params/net0", json!("name=eth0,bridge=eth"))]), vec![("/nodes/1/plain_vnets", json!(["eth"]))], "create"),
        ("and no tag",             ct(&[("/params/net0", json!("name=eth0,bridge=lonely"))]), vec![],        "create"),
        ("VLANs not seen",         ct(&[]), vec![("/nodes/1/plain_bridges", Value::Null)],                   "create +unseen"),
        ("too much memory",        ct(&[("/params/memory", json!(49 * 1024))]), vec![],                      "blocked memory"),

        ("keys of Docker",         ct(&[("/params/features", json!("nesting=1,keyctl=1"))]), vec![],         "blocked root-only"),
        ("and its name is taken",  ct(&[("/params/dev0", json!("/dev/dri"))]), vec![guest(alive(777, "qemu", "paperless", &none))], "blocked name-taken root-only"),
        ("privileged and nesting", ct(&[("/params/unprivileged", json!(0))]), vec![],                        "blocked root-only +privileged"),
        ("privileged",             ct(&[("/params/unprivileged", json!(0)), ("/params/features", Value::Null)]), vec![], "create +privileged"),
        ("a bind mount",           ct(&[("/params/mp0", json!("/srv,mp=/srv"))]), vec![],                    "blocked root-only"),
        ("a device",               ct(&[("/params/dev0", json!("/dev/dri"))]), vec![],                       "blocked root-only"),
        ("a hook script",          vm(&[("/params/hookscript", json!("local:snippets/x"))]), vec![],         "blocked root-only"),
        ("arguments",              vm(&[("/params/args", json!("-device x"))]), vec![],                      "blocked root-only"),
        ("a PCI device",           vm(&[("/params/hostpci0", json!("01:00.0"))]), vec![],                    "blocked root-only"),
        ("a node's image",         vm(&[("/params/scsi0", json!("zdata:0,import-from=/var/x.qcow2"))]), vec![], "blocked root-only"),
        ("a node's disk",          vm(&[("/params/scsi1", json!("/dev/sda"))]), vec![],                      "blocked root-only"),
        ("force",                  ct(&[("/params/force", json!(1))]), vec![],                               "blocked parameter"),
        ("force and keys",         ct(&[("/params/force", json!(1)), ("/params/dev0", json!("/dev/dri"))]), vec![], "blocked parameter"),
        ("another name",           ct(&[("/params/hostname", json!("other"))]), vec![],                      "blocked parameter"),
        ("no disk",                ct(&[("/params/rootfs", Value::Null)]), vec![],                           "blocked parameter"),
        ("the size of nothing",    ct(&[("/resize", json!({"rootfs": "9G"}))]), vec![],                      "blocked parameter"),
        ("no keys",                ct(&[("/params/ssh-public-keys", Value::Null)]), vec![],                  "create +no-keys"),
        ("nothing was asked",      ct(&[("/params", Value::Null)]), vec![],                                  "blocked not-made"),
        ("no pool",                ct(&[("/params/pool", json!("web"))]), vec![],                            "blocked pool"),
        ("pools not seen",         ct(&[("/params/pool", json!("web"))]), vec![("/permissions/~1pool", json!({}))], "create +unseen"),
    ];
    let mut wrong: Vec<String> = Vec::new();
    let mut came: Vec<String> = Vec::new();
    for (name, record, changes, want) in cases {
        let steps = made(&[record], &changes, &Policy::default());
        let got = outcome(&steps[0]);
        let want = want.replace("storage-content blocked", "storage-content storage-content");
        if got != want {
            wrong.push(format!(
                "{name}: {got}, and not {want}: {:?}",
                steps[0].warnings
            ));
        }
        let all = steps[0].blockers.iter().chain(&steps[0].warnings);
        for blocker in all {
            came.push(blocker.code.clone());
            assert!(
                !blocker.message.contains('\n'),
                "{name}: {}",
                blocker.message
            );
        }
        // Root's commands would pass by whatever else is in the way.
        let is_root = got.starts_with("blocked root-only") && steps[0].blockers.len() == 1;
        assert_eq!(!steps[0].root_only.is_empty(), is_root, "{name}");
        if steps[0].action == Making::Create {
            assert_eq!(steps[0].fault(), None, "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    came.push("pair".to_owned()); // with two of a call, below
    for code in Code::ALL {
        assert!(
            came.contains(&code.as_str().to_owned()),
            "{code:?} never came"
        );
    }
}

#[test]
fn those_of_one_call_see_each_other() {
    let other = |more: &[(&str, Value)]| {
        let own = [
            ("/vmid", json!(30051)),
            ("/params/vmid", Value::Null),
            ("/name", json!("second")),
            ("/params/hostname", json!("second")),
        ];
        changed(ct(&own), more)
    };
    let pair: vmid::site::Pair = serde_json::from_value(json!({"name": "p", "members": [
        {"name": "paperless", "addresses": [], "preferred": false}, {"name": "second", "addresses": [], "preferred": false}],
        "vips": [], "unicast": true, "excluded": false, "vrrp": true, "by": "vrrp", "expect": {"preferred": true}, "probes": [], "same": [], "files": []}))
    .unwrap();
    let paired = policy(|policy| policy.pairs = vec![pair]);
    let free = Policy::default();
    let large = |mut record: Value| {
        record["params"]["rootfs"] = json!("zdata:51");
        record
    };
    let much = |mut record: Value| {
        record["params"]["memory"] = json!(30 * 1024);
        record
    };
    let off = ("/node", json!("node9"));
    let named = [
        ("/name", json!("paperless")),
        ("/params/hostname", json!("paperless")),
    ];
    #[rustfmt::skip]
    let cases: Vec<(&str, [Value; 2], &Policy, [&str; 2])> = vec![
        ("apart",                  [ct(&[]), other(&[])],                       &free,   ["create", "create"]),
        ("one name",               [ct(&[]), other(&named)],                    &free,   ["create", "blocked name-taken"]),
        ("space",                  [large(ct(&[])), large(other(&[]))],         &free,   ["create", "blocked space"]),
        ("memory",                 [much(ct(&[])), much(other(&[]))],           &free,   ["create", "blocked memory"]),
        ("of one that is blocked", [large(ct(&[off])), large(other(&[]))],      &free,   ["blocked node", "create"]),
        ("of a pair",              [ct(&[]), other(&[])],                       &paired, ["create +unseen", "blocked pair"]),
    ];
    for (name, records, policy, want) in cases {
        let steps = made(&records, &[], policy);
        let got: Vec<String> = steps.iter().map(outcome).collect();
        assert_eq!(got, want, "{name}: {:#?}", steps[1].blockers);
    }
    let lives = alive(30051, "lxc", "second", &json!({}));
    let steps = made(&[ct(&[])], &[("/guests/-", lives)], &paired);
    assert_eq!(outcome(&steps[0]), "blocked pair");
    let image = json!([{"volid": VM_IMAGE, "content": "import", "size": 60 * GIB}]);
    let second = [
        ("/vmid", json!(30051)),
        ("/name", json!("second")),
        ("/params/name", json!("second")),
        ("/resize", Value::Null),
    ];
    let both = [vm(&[("/resize", Value::Null)]), vm(&second)];
    let steps = made(&both, &[("/content/1/volumes", image)], &free);
    let got: Vec<String> = steps.iter().map(outcome).collect();
    assert_eq!(got, ["create +unseen", "blocked space +unseen"]);
    // The other member is no guest of the state.
    assert_eq!(
        outcome(&made(&[ct(&[])], &[], &paired)[0]),
        "create +unseen"
    );
    let mut site = paired.clone();
    site.site.domain = Some("home.example".to_owned());
    let config = json!({"config": {"hostname": "second.home.example"}});
    let lives = alive(30051, "lxc", "second.home.example", &config);
    let steps = made(&[ct(&[])], &[("/guests/-", lives)], &site);
    assert_eq!(outcome(&steps[0]), "blocked pair");
}

#[test]
fn who_lives_already_is_not_made() {
    let config = json!({"hostname": "paperless", "cores": 1, "memory": 1024, "swap": 512, "rootfs": "zdata:subvol-30050-disk-0,size=8G",
        "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.168.30.50/24,gw=192.168.30.1,tag=30,type=veth",
        "unprivileged": 1, "features": "nesting=1", "onboot": 1, "digest": "x"});
    let with = |key: &str, value: Value| {
        let mut config = config.clone();
        config[key] = value;
        config
    };
    #[rustfmt::skip]
    let cases: Vec<(&str, Value, Value, &str, &[&str])> = vec![
        ("as asked",         config.clone(),                          ct(&[]), "exists", &[]),
        ("grown",            with("rootfs", json!("zdata:subvol-30050-disk-0,size=16G")), ct(&[]), "exists", &[]),
        ("smaller",          with("rootfs", json!("zdata:subvol-30050-disk-0,size=4G")), ct(&[]), "exists", &["rootfs is zdata:subvol-30050-disk-0,size=4G, and zdata:8 is asked for"]),
        ("less memory",      with("memory", json!(512)),              ct(&[]), "exists", &["memory is 512, and 1024 is asked for"]),
        ("default memory",   with("memory", Value::Null),             ct(&[("/params/memory", json!(512))]), "exists", &["memory is , and 512 is asked for"]),
        ("another bridge",   with("net0", json!("name=eth0,bridge=vmbr1,tag=30")), ct(&[("/params/net0", json!("name=eth0,bridge=vmbr0,tag=30"))]), "exists", &["net0 is name=eth0,bridge=vmbr1,tag=30, and name=eth0,bridge=vmbr0,tag=30 is asked for"]),
        ("another node",     config.clone(),                          ct(&[("/node", json!("node6"))]), "exists", &["it is on node3, and node6 is asked for"]),
        ("with a domain",    with("hostname", json!("paperless.home.example")), ct(&[]), "exists", &[]),
        ("not asked again",  config.clone(),                          ct(&[("/params", Value::Null)]), "exists", &[]),
        ("not read",         Value::Null,                             ct(&[]), "exists +unseen", &[]),
        ("what root has set", with("features", json!("nesting=1,keyctl=1")), ct(&[("/params/features", json!("nesting=1,keyctl=1"))]), "exists", &[]),
        ("a secret",         with("password", json!("old")),          ct(&[("/params/password", json!("new"))]), "exists", &[]),
    ];
    let site = policy(|policy| policy.site.domain = Some("home.example".to_owned()));
    for (name, config, record, want, differs) in cases {
        let guest = alive(30050, "lxc", "paperless", &json!({"config": config}));
        let steps = made(&[record], &[("/guests/-", guest)], &site);
        assert_eq!(outcome(&steps[0]), want, "{name}");
        assert_eq!(steps[0].differs, differs, "{name}");
        assert_eq!(steps[0].node, "node3", "{name}");
        assert_eq!(steps[0].fault(), None, "{name}");
        // What no plan has is not in this one either.
        assert!(!steps[0].params.contains_key("password"), "{name}");
    }
}

#[test]
fn commands_for_root() {
    let features = json!("nesting=1,keyctl=1");
    let keys = json!("ssh-ed25519 AAAA a'b\nssh-rsa BBBB");
    let record = ct(&[
        ("/params/features", features),
        ("/params/ssh-public-keys", keys),
    ]);
    let site = policy(|policy| policy.site.pool = Some("made".to_owned()));
    let steps = made(&[record], &[], &site);
    assert_eq!(
        steps[0].root_only,
        [
            "pct create 30050 local:vztmpl/debian-13.tar.zst --cores 1 --features nesting=1,keyctl=1 --hostname paperless \
             --memory 1024 --net0 name=eth0,bridge=vmbr0,tag=30,ip=192.168.30.50/24,gw=192.168.30.1,type=veth --onboot 1 \
             --pool made --rootfs zdata:8 --ssh-public-keys <(echo 'ssh-ed25519 AAAA a'\\''b\nssh-rsa BBBB') --swap 512 \
             --unprivileged 1",
            "pct start 30050"
        ]
    );
    let steps = made(
        &[vm(&[("/params/args", json!("-x $(id)"))])],
        &[],
        &Policy::default(),
    );
    assert!(steps[0].root_only[0].contains("--args '-x $(id)'"));
    assert!(steps[0].root_only[0].contains("--sshkeys <(echo 'ssh-ed25519 AAAA')"));
    assert_eq!(
        steps[0].root_only[1..],
        ["qm disk resize 30050 scsi0 32G", "qm start 30050"]
    );
}

#[test]
fn records_that_are_none() {
    #[rustfmt::skip]
    let cases: &[(&str, Value, &str)] = &[
        ("no name",              ct(&[("/name", Value::Null)]),                  "it has no name, which a guest needs"),
        ("a name with a line",   ct(&[("/name", json!("a\nb"))]),                "name is \"a\\nb\", and should be letters, digits and hyphens"),
        ("no ID",                ct(&[("/vmid", Value::Null)]),                  "it has no vmid"),
        ("an ID of the system",  ct(&[("/vmid", json!(99))]),                    "vmid is 99, and should be from 100 to 999999999"),
        ("no node",              ct(&[("/node", Value::Null)]),                  "it has no node"),
        ("a path as node",       ct(&[("/node", json!("a/../b"))]),              "\"a/../b\" is no name of a node: letters, digits and hyphens, no hyphen at an end"),
        ("another shape",        ct(&[("/shape", json!("jail"))]),               "type is missing, and should be qemu or lxc"),
        ("no shape",             ct(&[("/shape", Value::Null)]),                 "type is missing, and should be qemu or lxc"),
        ("two IDs",              ct(&[("/params/vmid", json!(30051))]),          "params.vmid is 30051, and vmid 30050"),
        ("a list",               ct(&[("/params/net0", json!(["a"]))]),          "params is no object of texts and whole numbers"),
        ("no object",            ct(&[("/params", json!("x"))]),                 "params is no object of texts and whole numbers"),
        ("sizes as numbers",     ct(&[("/resize", json!({"scsi0": 32}))]),       "resize is no object of sizes, such as {\"scsi0\":\"32G\"}"),
    ];
    for (name, record, want) in cases {
        assert_eq!(wanted(record).unwrap_err(), *want, "{name}");
    }
}
