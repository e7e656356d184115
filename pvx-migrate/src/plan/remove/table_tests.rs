//! One row for each code: the least that makes it come, and what must not.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Terms, WayBack, backup::Backup, code::Code, remove};
use crate::{
    cluster::Cluster,
    plan::{
        policy::Policy,
        removal::{Effect, Removal, Removing},
        table_fixture::{document, space},
    },
};

const DIGEST: &str = "0123456789abcdef0123456789abcdef01234567";
const MAC: &str = "bc:24:11:00:00:01";

/// The guest 101: a stopped container on node2 with its root on the node's storage.
fn guest(changes: &[(&str, Value)]) -> Value {
    let mut guest = json!({"status": "stopped", "name": "paperless", "config": {"hostname": "paperless", "digest": DIGEST,
        "rootfs": "ssd-data:vm-101-disk-0,size=8G", "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01"}});
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        guest.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    guest
}

/// A VM with a disk, made at that time, and what its second drive is.
fn machine(made: i64, second: Option<&str>) -> Value {
    let meta = format!("creation-qemu=10.0.2,ctime={made}");
    json!({"type": "qemu", "status": "stopped", "name": "paperless", "config": {"name": "paperless", "digest": DIGEST,
        "scsi0": "ssd-data:vm-101-disk-0,size=8G", "scsi1": second.unwrap_or("none,media=cdrom"), "meta": meta}})
}

/// The content of the storage with the container's root.
fn rooted(ctime: i64) -> Value {
    held(
        json!([{"volid": "ssd-data:vm-101-disk-0", "content": "rootdir", "vmid": 101, "ctime": ctime}]),
    )
}

/// What the storages of its node hold that take disks: these on its own, and nothing on the shared one.
fn held(volumes: Value) -> Value {
    json!([{"storage": "ssd-data", "node": "node2", "volumes": volumes},
        {"storage": "share", "node": "node5", "volumes": []}])
}

fn terms(change: impl FnOnce(&mut Terms)) -> Terms {
    let mut terms = Terms {
        name: None,
        purge: false,
        stop: false,
        whole_pair: false,
        way_back: WayBack::NotNeeded,
        now: "2026-11-22T00:05:00Z".parse().unwrap(),
    };
    change(&mut terms);
    terms
}

fn backups(comment: &str) -> WayBack {
    backups_of("ct", comment)
}

fn backups_of(kind: &str, comment: &str) -> WayBack {
    let backup = Backup {
        ns: String::new(),
        kind: kind.to_owned(),
        id: "101".to_owned(),
        time: "2026-11-21T20:00:00Z".parse().unwrap(),
        finished: true,
        failed: false,
        comment: comment.to_owned(),
        files: vec!["drive-scsi0.img.fidx".to_owned()],
    };
    WayBack::Backup(vec![backup], Duration::from_secs(86_400))
}

fn removed(
    vmids: &[u32],
    guest: &Value,
    changes: &[(&str, Value)],
    policy: &Policy,
    terms: &Terms,
) -> Vec<Removal> {
    let mut all = vec![("/hidden", json!([])), ("/backup_jobs", json!([]))];
    all.extend(changes.iter().cloned());
    let state = document(guest, &all);
    let cluster = Cluster::new(&state);
    remove(&cluster, policy, vmids, terms)
}

/// `destroy`, `blocked running`; warnings behind a `+`.
fn outcome(step: &Removal) -> String {
    let action = match step.action {
        Removing::Destroy => "destroy",
        Removing::Blocked => "blocked",
    };
    let blockers = step.blockers.iter().map(|blocker| blocker.code.clone());
    let warnings = step
        .warnings
        .iter()
        .map(|warning| format!("+{}", warning.code));
    let words: Vec<String> = [action.to_owned()]
        .into_iter()
        .chain(blockers)
        .chain(warnings)
        .collect();
    words.join(" ")
}

fn paired() -> Policy {
    let pair = json!({"name": "p", "members": [
        {"name": "paperless", "vmid": 101, "addresses": [], "preferred": false}, {"name": "other", "vmid": 102, "addresses": [], "preferred": false}],
        "vips": [], "unicast": true, "excluded": false, "vrrp": true, "by": "vrrp", "expect": {"preferred": true}, "probes": [], "same": [], "files": []});
    Policy {
        pairs: vec![serde_json::from_value(pair).unwrap()],
        ..Policy::default()
    }
}

/// The same pair, its members without IDs.
fn by_name() -> Policy {
    let mut policy = paired();
    for member in &mut policy.pairs[0].members {
        member.vmid = None;
    }
    policy
}

fn domained(mut policy: Policy) -> Policy {
    policy.site.domain = Some("home.example".to_owned());
    policy
}

#[test]
fn each_code_where_it_comes() {
    let none = || terms(|_| ());
    let purge = || terms(|terms| terms.purge = true);
    let stop = || terms(|terms| terms.stop = true);
    let named = |name: &str| terms(|terms| terms.name = Some(name.to_owned()));
    let with = |way: WayBack| terms(|terms| terms.way_back = way);
    let ha = |state: &str| vec![("/ha/resources", json!([{"sid": "ct:101", "state": state}]))];
    let replicated = || {
        vec![(
            "/replication",
            json!([{"id": "101-0", "vmid": 101, "target": "node5"}]),
        )]
    };
    let job = |job: Value| vec![("/backup_jobs", json!([job]))];
    let template = || guest(&[("/template", json!(true))]);
    let other = |name: &str| ("/guests/1/config", json!({"rootfs": name}));
    let clone = other("ssd-data:basevol-101-disk-0/subvol-102-disk-0");
    let read = other("ssd-data:vm-102-disk-0");
    #[rustfmt::skip]
    let cases: Vec<(&str, Value, Vec<(&str, Value)>, Policy, Terms, &str)> = vec![
        ("stopped",                guest(&[]), vec![], Policy::default(), none(), "destroy"),
        ("its name",               guest(&[]), vec![], Policy::default(), named("Paperless"), "destroy"),
        ("with a backup",          guest(&[]), vec![], Policy::default(), with(backups("paperless")), "destroy +backup-unsure"),
        ("older than the backup",  guest(&[]), vec![("/content", rooted(1_795_291_200))], Policy::default(), with(backups("paperless")), "destroy"),
        ("moved, or made, later",  guest(&[]), vec![("/content", rooted(1_795_291_201))], Policy::default(), with(backups("paperless")), "destroy +backup-unsure"),
        ("has run since",          guest(&[("/status", json!("running")), ("/uptime", json!(14_460))]), vec![], Policy::default(), terms(|terms| { terms.stop = true; terms.way_back = backups("paperless"); }), "destroy"),
        ("may have run since",     guest(&[("/status", json!("running")), ("/uptime", json!(14_459))]), vec![], Policy::default(), terms(|terms| { terms.stop = true; terms.way_back = backups("paperless"); }), "destroy +backup-unsure"),
        ("has run, the list says", guest(&[("/uptime", json!(14_460))]), vec![], Policy::default(), with(backups("paperless")), "destroy +backup-unsure"),
        ("a snapshot of before",   guest(&[("/snapshots", json!({"new": {"snaptime": 1_795_291_201}, "old": {"snaptime": "1795291200"}}))]), vec![], Policy::default(), with(backups("paperless")), "destroy +snapshots"),
        ("a snapshot of after",    guest(&[("/snapshots", json!({"new": {"snaptime": 1_795_291_201}}))]), vec![], Policy::default(), with(backups("paperless")), "destroy +snapshots +backup-unsure"),
        ("a VM before its backup", machine(1_795_291_200, None), vec![], Policy::default(), with(backups_of("vm", "paperless")), "destroy"),
        ("a VM after its backup",  machine(1_795_294_800, None), vec![], Policy::default(), with(backups_of("vm", "paperless")), "blocked no-backup-seen"),
        ("a disk since added",     machine(1_795_291_200, Some("ssd-data:vm-101-disk-1")), vec![], Policy::default(), with(backups_of("vm", "paperless")), "blocked volume-not-in-backup"),
        ("an image since put in",  machine(1_795_291_200, Some("local:iso/a.iso,media=cdrom")), vec![], Policy::default(), with(backups_of("vm", "paperless")), "destroy"),
        ("the cluster's name",     guest(&[("/config/hostname", json!("homelab"))]), vec![], Policy::default(), with(backups("homelab node2 101 web")), "blocked backup-unsure"),
        ("another guest's, too",   guest(&[]), vec![], Policy::default(), with(backups("other, for paperless")), "blocked backup-unsure"),

        ("another name",           guest(&[]), vec![], Policy::default(), named("nextcloud"), "blocked name"),
        ("renamed just now",       guest(&[("/config/hostname", json!("fresh"))]), vec![], Policy::default(), named("paperless"), "blocked name"),
        ("an earlier one's name",  guest(&[("/config", json!({"digest": DIGEST}))]), vec![], Policy::default(), named("paperless"), "blocked name"),
        ("no name",                guest(&[("/config/hostname", json!(""))]), vec![], Policy::default(), none(), "blocked name"),
        ("a name with a line",     guest(&[("/config/hostname", json!("a\nb"))]), vec![], Policy::default(), none(), "blocked name"),
        ("protected",              guest(&[("/config/protection", json!(1))]), vec![], Policy::default(), none(), "blocked protection"),
        ("not protected",          guest(&[("/config/protection", json!(0))]), vec![], Policy::default(), none(), "destroy"),
        ("locked",                 guest(&[("/lock", json!("backup"))]), vec![], Policy::default(), none(), "blocked locked"),
        ("locked just now",        guest(&[("/config/lock", json!("backup"))]), vec![], Policy::default(), none(), "blocked locked"),
        ("running",                guest(&[("/status", json!("running"))]), vec![], Policy::default(), none(), "blocked running"),
        ("running, to stop",       guest(&[("/status", json!("running"))]), vec![], Policy::default(), stop(), "destroy"),
        ("paused",                 guest(&[("/status", json!("paused")), ("/type", json!("qemu")), ("/config/name", json!("paperless"))]), vec![], Policy::default(), stop(), "blocked running"),
        ("nobody says",            guest(&[("/status", json!("unknown"))]), vec![], Policy::default(), stop(), "blocked unseen"),

        ("HA",                     guest(&[]), ha("started"), Policy::default(), none(), "blocked ha"),
        ("HA ignores it",          guest(&[]), ha("ignored"), Policy::default(), none(), "blocked ha"),
        ("HA, purged",             guest(&[]), ha("started"), Policy::default(), purge(), "destroy"),
        ("HA and its rules, purged", guest(&[]), [ha("started"), vec![("/ha/rules", json!([
            {"type": "node-affinity", "rule": "alone", "resources": ["ct:101"], "nodes": {"node2": 1}},
            {"type": "resource-affinity", "rule": "both", "resources": ["ct:101", "vm:102"], "negative": true},
            {"type": "node-affinity", "rule": "group g", "resources": ["ct:101"], "nodes": {"node2": 1}},
            {"type": "node-affinity", "rule": "others", "resources": ["ct:1010"], "nodes": {"node2": 1}}]))]].concat(), Policy::default(), purge(), "destroy +ha +ha"),
        ("HA of a VM of that ID",  guest(&[]), vec![("/ha/resources", json!([{"sid": "vm:101", "state": "started"}]))], Policy::default(), none(), "destroy"),
        ("HA not seen",            guest(&[]), vec![("/ha", Value::Null)], Policy::default(), none(), "destroy +unseen"),
        ("HA not seen, to purge",  guest(&[]), vec![("/ha", Value::Null)], Policy::default(), purge(), "blocked unseen"),
        ("replicated",             guest(&[]), replicated(), Policy::default(), none(), "blocked replication +left"),
        ("replicated, purged",     guest(&[]), replicated(), Policy::default(), purge(), "destroy +left"),
        ("a job of an old document", guest(&[]), vec![("/replication", json!([{"vmid": 101, "target": "node5"}]))], Policy::default(), purge(), "blocked unseen +left"),
        ("replication not seen",   guest(&[]), vec![("/replication", Value::Null)], Policy::default(), purge(), "blocked unseen"),
        ("a backup job",           guest(&[]), job(json!({"id": "b", "vmids": [101, 102]})), Policy::default(), none(), "blocked backup-job"),
        ("a job that leaves it out", guest(&[]), job(json!({"id": "b", "exclude": [101]})), Policy::default(), none(), "blocked backup-job"),
        ("a job, purged",          guest(&[]), job(json!({"id": "b", "vmids": [101, 102]})), Policy::default(), purge(), "destroy"),
        ("a job of others",        guest(&[]), job(json!({"id": "b", "vmids": [1010]})), Policy::default(), none(), "destroy"),
        ("jobs not seen",          guest(&[]), vec![("/backup_jobs", Value::Null)], Policy::default(), none(), "destroy +unseen"),
        ("jobs not seen, to purge", guest(&[]), vec![("/backup_jobs", Value::Null)], Policy::default(), purge(), "blocked unseen"),

        ("a template",             template(), vec![read.clone()], Policy::default(), none(), "destroy"),
        ("with a linked clone",    template(), vec![clone.clone()], Policy::default(), none(), "blocked linked-clone"),
        ("and not all are read",   template(), vec![], Policy::default(), none(), "blocked unseen"),
        ("and not all are seen",   template(), vec![read.clone(), ("/permissions/~1vms~199", json!({}))], Policy::default(), none(), "blocked unseen"),
        ("and one is hidden",      template(), vec![read.clone(), ("/hidden", json!([{"vmid": 9, "by": "x"}]))], Policy::default(), none(), "blocked unseen"),
        ("a clone on the storage", template(), vec![read, ("/content", json!([{"storage": "ssd-data", "node": "node2", "volumes": []}, {"storage": "share", "node": "node5", "volumes": [
            {"volid": "share:920/vm-9-disk-0.qcow2", "content": "images", "vmid": 9, "parent": "../101/base-101-disk-0.qcow2"}]}]))], Policy::default(), none(), "blocked linked-clone"),
        ("its own linked clone",   guest(&[("/config/rootfs", json!("ssd-data:basevol-9-disk-0/subvol-101-disk-0"))]), vec![], Policy::default(), none(), "destroy"),

        ("of a pair",              guest(&[]), vec![], paired(), none(), "destroy +pair"),
        ("the last of a pair",     guest(&[]), vec![("/guests/1/vmid", json!(103)), ("/guests/1/name", json!("stranger"))], paired(), none(), "blocked pair"),
        ("the other's ID is reused", guest(&[]), vec![("/guests/1/name", json!("stranger"))], paired(), none(), "blocked pair"),
        ("the other is stopped",   guest(&[]), vec![("/guests/1/status", json!("stopped"))], paired(), none(), "blocked pair"),
        ("the other's node is off", guest(&[]), vec![("/nodes/2/online", json!(false))], paired(), none(), "blocked pair"),
        ("the other is a template", guest(&[]), vec![("/guests/1/template", json!(true))], paired(), none(), "blocked pair"),
        ("the other with a domain", guest(&[]), vec![("/guests/1/config", json!({"hostname": "other.home.example"}))], domained(paired()), none(), "destroy +pair"),
        ("itself with a domain",   guest(&[("/config/hostname", json!("paperless.home.example"))]), vec![("/guests/1/status", json!("stopped"))], domained(by_name()), none(), "blocked pair"),
        ("and that is wanted",     guest(&[]), vec![("/guests/1/vmid", json!(103)), ("/guests/1/name", json!("stranger"))], paired(), terms(|terms| terms.whole_pair = true), "destroy"),

        ("nothing of backups",     guest(&[]), vec![], Policy::default(), with(WayBack::Unsaid), "blocked no-backup-seen"),
        ("no backup",              guest(&[]), vec![], Policy::default(), with(WayBack::Backup(Vec::new(), Duration::MAX)), "blocked no-backup-seen"),
        ("a backup of nobody",     guest(&[]), vec![], Policy::default(), with(backups("")), "blocked backup-unsure"),
        ("a volume left out",      guest(&[("/config/mp0", json!("ssd-data:vm-101-disk-1,mp=/srv"))]), vec![], Policy::default(), with(backups("paperless")), "blocked volume-not-in-backup +backup-unsure"),
        ("and none is needed",     guest(&[("/config/mp0", json!("ssd-data:vm-101-disk-1,mp=/srv"))]), vec![], Policy::default(), none(), "destroy"),

        ("no quorum",              guest(&[]), vec![("/cluster/quorate", json!(false))], Policy::default(), none(), "blocked no-quorum"),
        ("quorum not seen",        guest(&[]), vec![("/cluster/quorate", Value::Null)], Policy::default(), none(), "blocked unseen"),
        ("its node is off",        guest(&[]), vec![("/nodes/0/online", json!(false))], Policy::default(), none(), "blocked offline"),
        ("a storage is off",       guest(&[]), vec![("/storages/0/nodes", space(&["node5"], 1))], Policy::default(), none(), "blocked storage"),
        ("this runs in it",        guest(&[]), vec![("/self_macs", json!([MAC]))], Policy::default(), none(), "blocked self"),
        ("this runs elsewhere",    guest(&[]), vec![("/self_macs", json!(["bc:24:11:00:00:02"]))], Policy::default(), none(), "destroy"),
        ("not read",               guest(&[("/config", Value::Null)]), vec![], Policy::default(), none(), "blocked unseen"),
        ("no digest",              guest(&[("/config/digest", Value::Null)]), vec![], Policy::default(), none(), "blocked unseen"),
        ("its snapshots",          guest(&[("/snapshots", json!(["before"]))]), vec![], Policy::default(), none(), "destroy +snapshots"),
        ("a disk it doesn't name", guest(&[]), vec![("/content", held(json!([
            {"volid": "ssd-data:vm-101-disk-0", "content": "images", "vmid": 101}, {"volid": "ssd-data:vm-101-disk-7", "content": "images", "vmid": 101}])))], Policy::default(), none(), "destroy +left"),
        ("and one that may be there", guest(&[]), vec![("/content", rooted(1)), ("/permissions/~1vms/VM.Config.Disk", json!(false))], Policy::default(), none(), "destroy +unseen"),
        ("a list that wasn't read", guest(&[]), vec![("/content", held(Value::Null))], Policy::default(), none(), "destroy +unseen"),
        ("a storage without one",  guest(&[]), vec![("/content", json!([{"storage": "ssd-data", "node": "node2", "volumes": []}]))], Policy::default(), none(), "destroy +unseen"),
    ];
    let mut came: Vec<String> = Vec::new();
    for (name, guest, changes, policy, terms, want) in cases {
        let steps = removed(&[101], &guest, &changes, &policy, &terms);
        let step = &steps[0];
        assert_eq!(outcome(step), want, "{name}: {:#?}", step.blockers);
        for blocker in step.blockers.iter().chain(&step.warnings) {
            came.push(blocker.code.clone());
            assert!(!blocker.message.contains('\n'), "{name}");
        }
        assert_eq!(step.fault(), None, "{name}");
    }
    for code in Code::ALL {
        assert!(
            came.contains(&code.as_str().to_owned()),
            "{code:?} never came"
        );
    }
}

#[test]
fn what_a_step_says() {
    let changes = [
        (
            "/ha/resources",
            json!([{"sid": "ct:101", "state": "started"}]),
        ),
        (
            "/replication",
            json!([{"id": "101-1", "vmid": 101, "target": "node6"}, {"id": "101-0", "vmid": 101, "target": "node5"}]),
        ),
        (
            "/backup_jobs",
            json!([{"id": "nightly", "vmids": [101, 102]}, {"id": "all", "exclude": [101]}, {"id": "own", "vmids": [101]}]),
        ),
    ];
    let terms = terms(|terms| {
        terms.purge = true;
        terms.stop = true;
        terms.way_back = backups("c paperless");
    });
    let guest = guest(&[
        ("/status", json!("running")),
        ("/config/startup", json!("order=2,down=60")),
    ]);
    let steps = removed(&[101], &guest, &changes, &Policy::default(), &terms);
    let step = &steps[0];
    let purge = step.purge.as_ref().unwrap();
    assert_eq!(purge.ha.as_deref(), Some("ct:101"));
    assert_eq!(purge.replication, ["101-0", "101-1"]);
    let jobs: Vec<(&str, Effect)> = purge
        .jobs
        .iter()
        .map(|job| (&job.id[..], job.effect))
        .collect();
    assert_eq!(
        jobs,
        [
            ("all", Effect::Trimmed),
            ("nightly", Effect::Trimmed),
            ("own", Effect::Deleted)
        ]
    );
    assert_eq!((step.stop, step.timeout_s), (true, 60));
    assert_eq!(step.digest.as_deref(), Some(DIGEST));
    assert_eq!(
        step.snapshot.as_deref(),
        Some("ct/101/2026-11-21T20:00:00Z")
    );
    assert_eq!(
        step.reason,
        "its backup is ct/101/2026-11-21T20:00:00Z; the HA resource ct:101 goes; the replication job 101-0 goes; \
         the replication job 101-1 goes; the backup job all loses it; the backup job nightly loses it; the backup job own is deleted"
    );
    let nothing: Timestamp = step.state_at;
    assert_eq!(nothing.to_string(), "2026-11-22T00:00:00Z");
}

#[test]
fn what_becomes_of_a_job_that_names_several() {
    let read = json!({"hostname": "other", "digest": DIGEST});
    let protected = json!({"hostname": "other", "digest": DIGEST, "protection": 1});
    let job = |ids: &[u32]| json!([{"id": "nightly", "vmids": ids}]);
    let (trimmed, deleted) = (Some(Effect::Trimmed), Some(Effect::Deleted));
    #[rustfmt::skip]
    let cases: Vec<(&str, &[u32], &[u32], &Value, [Option<Effect>; 2])> = vec![
        ("the last takes it along", &[101, 102], &[101, 102],      &read,      [trimmed, deleted]),
        ("in the call's order",     &[102, 101], &[101, 102],      &read,      [trimmed, deleted]),
        ("another is left",         &[101, 102], &[101, 102, 103], &read,      [trimmed, trimmed]),
        ("the first stays",         &[102, 101], &[101, 102],      &protected, [trimmed, trimmed]),
    ];
    let terms = terms(|terms| terms.purge = true);
    for (name, vmids, ids, config, want) in cases {
        let changes = [
            ("/guests/1/config", config.clone()),
            ("/guests/1/status", json!("stopped")),
            ("/backup_jobs", job(ids)),
        ];
        let steps = removed(vmids, &guest(&[]), &changes, &Policy::default(), &terms);
        let effect = |step: &Removal| Some(step.purge.as_ref()?.jobs[0].effect);
        let got: Vec<Option<Effect>> = steps.iter().map(effect).collect();
        assert_eq!(got, want, "{name}");
        let warned = steps[1].warnings.iter().any(|w| w.code == "backup-job");
        assert_eq!(warned, want[1] == deleted, "{name}");
    }
}

#[test]
fn all_of_one_call_are_counted_as_gone() {
    let other = (
        "/guests/1/config",
        json!({"hostname": "other", "digest": DIGEST}),
    );
    let stopped = ("/guests/1/status", json!("stopped"));
    let changes = [other, stopped];
    let both = removed(
        &[101, 102],
        &guest(&[]),
        &changes,
        &paired(),
        &terms(|_| ()),
    );
    let got: Vec<String> = both.iter().map(outcome).collect();
    assert_eq!(got, ["blocked pair", "blocked pair"]);
    let wanted = terms(|terms| terms.whole_pair = true);
    let both = removed(&[101, 102], &guest(&[]), &changes, &paired(), &wanted);
    assert_eq!(
        both.iter().map(outcome).collect::<Vec<_>>(),
        ["destroy", "destroy"]
    );
}
