//! A healthy guest, one fault planted at a time: each is found once, and nothing else is.

use proptest::prelude::*;
use serde_json::{Value, json};
use vmid::site::Site;

use super::*;
use crate::zone::Zone;

/// Thursday, 2026-11-26, 12:00:00 UTC.
const NOW: i64 = 1_795_694_400;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// The scene of a healthy container and a healthy VM, with a job at 02:00 each night.
struct Scene {
    state: Value,
    rows: Vec<Value>,
    site: Value,
    /// Nobody said which zone it is.
    guessed: bool,
}

fn row(kind: &str, vmid: u32, ago: i64, name: &str) -> Value {
    json!({"backup-type": kind, "backup-id": vmid.to_string(), "backup-time": NOW - ago, "comment": name, "datastore": "s1",
        "files": [{"filename": "index.json.blob", "size": 5}], "verification": {"state": "ok", "upid": "U"}})
}

/// A file of vzdump on nas, of so many days ago.
fn file(vmid: &str, days: i64) -> Value {
    let volid = format!("nas:backup/vzdump-lxc-{vmid}-2026_01_01-02_00_00.tar.zst");
    json!({"volid": volid, "content": "backup", "size": 5, "ctime": NOW - days * DAY, "notes": "web"})
}

impl Scene {
    fn healthy() -> Self {
        let rows = (0..3).flat_map(|day| {
            let ago = 10 * HOUR + day * DAY - 300;
            [row("ct", 101, ago, "web"), row("vm", 102, ago, "db")]
        });
        Self {
            state: json!({"version": 3, "at": "2026-11-26T12:00:00Z", "cluster": {"name": "home"}, "nodes": [],
                "guests": [
                    {"vmid": 101, "type": "lxc", "name": "web", "node": "a", "status": "running", "config": {"rootfs": "ssd:x", "memory": 1}},
                    {"vmid": 102, "type": "qemu", "name": "db", "node": "a", "status": "running",
                        "config": {"scsi0": "ssd:y", "agent": "1", "meta": "creation-qemu=9,ctime=1700000000"}}],
                "backup_jobs": [{"id": "nightly", "enabled": true, "schedule": "02:00", "all": true, "repeat-missed": false,
                    "notes-template": "{{guestname}}"}],
                "pools": [], "permissions": {"/": {"Sys.Audit": true}, "/vms": {"VM.Audit": true}}}),
            rows: rows.collect(),
            site: json!({}),
            guessed: false,
        }
    }

    /// Its job writes to `storage`, and the cluster has this one.
    fn writes_to(&mut self, storage: &str, known: Value) {
        self.state["backup_jobs"][0]["storage"] = json!(storage);
        self.state["storages"] = json!([known]);
    }

    /// A job for 101 beside the other one, each week to a storage of its own, which has these.
    fn second_job(&mut self, rows: &[Value]) {
        self.writes_to(
            "pbs",
            json!({"storage": "pbs", "type": "pbs", "datastore": "s1"}),
        );
        let storages = self.state["storages"].as_array_mut().unwrap();
        storages.push(json!({"storage": "nas", "type": "nfs"}));
        let job = json!({"id": "weekly", "enabled": true, "schedule": "sun 02:00", "vmids": [101], "storage": "nas"});
        self.state["backup_jobs"].as_array_mut().unwrap().push(job);
        self.rows.extend_from_slice(rows);
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let mut file = tempfile();
        Write::write_all(&mut file.1, self.state.to_string().as_bytes()).unwrap();
        let documents = Documents::read(&file.0, None).unwrap();
        std::fs::remove_file(&file.0).unwrap();
        let text: Vec<String> = self.rows.iter().map(Value::to_string).collect();
        let backups = Backups::read(text.join("\n").as_bytes(), "").unwrap();
        let site = Site::parse(self.site.to_string().as_bytes()).unwrap();
        let hours = |hours: u64| std::time::Duration::from_secs(hours * 3_600);
        let rules = Rules {
            now: NOW,
            max_age: hours(36),
            grace: hours(6),
            verify_age: hours(8 * 24),
            zone: "UTC".to_owned(),
            guessed: self.guessed,
        };
        verdicts(
            documents,
            &backups,
            &site,
            &Zone::parse("UTC").unwrap(),
            rules,
        )
    }

    /// `who: code severity` of each finding.
    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for verdict in self.verdicts() {
            for found in &verdict.findings {
                assert!(
                    code::CODES.iter().any(|(code, _)| *code == found.code),
                    "{}",
                    found.code
                );
                assert!(found.evidence.is_object(), "{found:?}");
                let exempt = if found.exempt.is_some() {
                    " exempt"
                } else {
                    ""
                };
                told.push(format!(
                    "{}: {} {}{exempt}",
                    verdict.called(),
                    found.code,
                    found.severity.name()
                ));
            }
        }
        told
    }
}

fn tempfile() -> (std::path::PathBuf, std::fs::File) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("pbsprune-cover-{}-{number}", std::process::id()));
    let file = std::fs::File::create_new(&path).unwrap();
    (path, file)
}

/// What is done to the healthy scene.
type Plant = fn(&mut Scene);

fn no_rows_of(scene: &mut Scene, vmid: &str) {
    scene.rows.retain(|row| row["backup-id"] != vmid);
}

/// All of the guest's rows, changed.
fn each_of(scene: &mut Scene, vmid: &str, change: fn(&mut Value)) {
    let rows = scene.rows.iter_mut();
    rows.filter(|row| row["backup-id"] == vmid).for_each(change);
}

#[test]
fn each_fault_is_found_once() {
    #[rustfmt::skip]
    let cases: &[(&str, Plant, &[&str])] = &[
        ("healthy", |_| {}, &[]),
        ("no job at all", |s| s.state["backup_jobs"] = json!([]),
            &["101 web: no-job warning", "102 db: no-job warning"]),
        ("left out by its job", |s| s.state["backup_jobs"][0]["exclude"] = json!([101]), &["101 web: no-job warning"]),
        ("its job is of another node", |s| s.state["backup_jobs"][0]["node"] = json!("b"),
            &["101 web: no-job warning", "102 db: no-job warning"]),
        ("its job is off", |s| s.state["backup_jobs"][0]["enabled"] = json!(false),
            &["101 web: job-disabled warning", "102 db: job-disabled warning"]),
        ("another job is off", |s| {
            let off = json!({"id": "off", "enabled": false, "schedule": "monthly", "all": true});
            s.state["backup_jobs"].as_array_mut().unwrap().push(off);
        }, &[]),
        ("never", |s| no_rows_of(s, "101"), &["101 web: never critical"]),
        ("never, made long ago", |s| no_rows_of(s, "102"), &["102 db: never critical"]),
        ("new", |s| {
            no_rows_of(s, "102");
            s.state["guests"][1]["config"]["meta"] = json!("creation-qemu=9,ctime=1795690000");
        }, &["102 db: new info"]),
        ("made before the last run", |s| {
            no_rows_of(s, "102");
            s.state["guests"][1]["config"]["meta"] = json!("ctime=1795658000");
        }, &["102 db: never critical"]),
        ("made in the future", |s| {
            no_rows_of(s, "102");
            s.state["guests"][1]["config"]["meta"] = json!("ctime=4102444800");
        }, &["102 db: never critical"]),
        ("made at the end of time", |s| {
            no_rows_of(s, "102");
            s.state["guests"][1]["config"]["meta"] = json!("ctime=9223372036854775807");
        }, &["102 db: never critical"]),
        ("another's name, made in the future", |s| {
            each_of(s, "102", |row| row["comment"] = json!("paperless"));
            s.state["guests"][1]["config"]["meta"] = json!("ctime=4102444800");
        }, &["102 db: other-name warning"]),
        ("made by a clock that is ahead a little", |s| {
            no_rows_of(s, "102");
            s.state["guests"][1]["config"]["meta"] = json!(format!("ctime={}", NOW + 1_800));
        }, &["102 db: new info"]),
        ("one run missed", |s| { s.rows.remove(0); }, &["101 web: stale warning"]),
        ("three runs missed", |s| {
            no_rows_of(s, "101");
            s.rows.push(row("ct", 101, 4 * DAY, "web"));
        }, &["101 web: stale critical"]),
        ("its run may still be going on", |s| {
            no_rows_of(s, "101");
            s.rows.push(row("ct", 101, 29 * HOUR - 300, "web"));
            s.state["backup_jobs"][0]["schedule"] = json!("07:00");
        }, &[]),
        ("its run is over", |s| {
            no_rows_of(s, "101");
            s.rows.push(row("ct", 101, 30 * HOUR - 300, "web"));
            s.state["backup_jobs"][0]["schedule"] = json!("06:00");
        }, &["101 web: stale warning", "102 db: stale warning"]),
        ("two days old by a weekly job", |s| {
            no_rows_of(s, "101");
            s.rows.push(row("ct", 101, 4 * DAY, "web"));
            s.state["backup_jobs"][0]["schedule"] = json!("sat 03:00");
            s.state["guests"].as_array_mut().unwrap().remove(1);
            no_rows_of(s, "102");
        }, &[]),
        ("dated in the future", |s| {
            no_rows_of(s, "101");
            s.rows.push(row("ct", 101, 4 * DAY, "web"));
            s.rows.push(row("ct", 101, -2 * DAY, "web"));
        }, &["101 web: stale critical"]),
        ("all failed", |s| each_of(s, "101", |row| row["verification"]["state"] = json!("failed")),
            &["101 web: only-failed critical"]),
        ("the newest failed", |s| s.rows[0]["verification"]["state"] = json!("failed"),
            &["101 web: only-failed warning"]),
        ("the newest failed, and is old", |s| {
            s.rows.remove(0);
            s.rows[1]["verification"]["state"] = json!("failed");
        }, &["101 web: stale warning", "101 web: only-failed warning"]),
        ("the newest failed, and all of some days", |s| {
            each_of(s, "101", |row| row["verification"]["state"] = json!("failed"));
            s.rows.push(row("ct", 101, 5 * DAY, "web"));
        }, &["101 web: only-failed critical"]),
        ("the newest has no index that can be read", |s| s.rows[0]["files"] = json!([{"filename": "index.json.blob"}]),
            &["101 web: only-failed warning"]),
        ("the newest failed, a copy of it is good", |s| {
            let mut copy = s.rows[0].clone();
            copy["datastore"] = json!("offsite");
            s.rows.push(copy);
            s.rows[0]["verification"]["state"] = json!("failed");
        }, &[]),
        ("not verified, as others are", |s| each_of(s, "101", |row| row["verification"] = json!(null)), &[]),
        ("not verified, as nothing is", |s| s.rows.iter_mut().for_each(|row| row["verification"] = json!(null)),
            &["101 web: unverified warning", "102 db: unverified warning"]),
        ("not verified for long", |s| {
            each_of(s, "101", |row| row["verification"] = json!(null));
            s.rows.push(row("ct", 101, 9 * DAY, "web"));
        }, &["101 web: unverified warning"]),
        ("each month, and verified", |s| {
            s.state["backup_jobs"][0]["schedule"] = json!("*-1 02:00");
            s.rows = [("ct", 101, "web"), ("vm", 102, "db")].map(|(kind, vmid, name)| row(kind, vmid, 25 * DAY + 10 * HOUR - 300, name)).into();
        }, &[]),
        ("each month, and the newest waits for its verification", |s| {
            s.state["backup_jobs"][0]["schedule"] = json!("*-26 02:00");
            each_of(s, "101", |row| row["verification"] = json!(null));
            s.rows.retain(|row| row["backup-id"] != "101" || row["backup-time"].as_i64() > Some(NOW - DAY));
            s.rows.push(row("ct", 101, 31 * DAY, "web"));
        }, &[]),
        ("its storage was not looked at", |s| {
            no_rows_of(s, "101");
            s.writes_to("nas", json!({"storage": "nas", "type": "nfs"}));
        }, &["storage nas: unseen unknown", "101 web: unseen unknown"]),
        ("its storage, of which nothing is known", |s| {
            no_rows_of(s, "101");
            s.writes_to("nas", json!({"storage": "local", "type": "dir"}));
        }, &["storage nas: unseen unknown", "101 web: unseen unknown"]),
        ("another datastore was looked at", |s| {
            no_rows_of(s, "101");
            s.writes_to("pbs", json!({"storage": "pbs", "type": "pbs", "datastore": "s2"}));
        }, &["storage pbs: unseen unknown", "101 web: unseen unknown"]),
        ("its datastore was looked at", |s| {
            no_rows_of(s, "101");
            s.writes_to("pbs", json!({"storage": "pbs", "type": "pbs", "datastore": "s1"}));
        }, &["101 web: never critical"]),
        ("some datastore was looked at", |s| {
            no_rows_of(s, "101");
            s.writes_to("pbs", json!({"storage": "pbs", "type": "pbs"}));
        }, &["101 web: never critical"]),
        ("its storage is empty", |s| {
            s.rows = vec![json!({"looked": {"storage": "nas"}})];
            s.writes_to("nas", json!({"storage": "nas", "type": "nfs"}));
        }, &["101 web: never critical", "102 db: never critical"]),
        ("its datastore is empty", |s| {
            s.rows = vec![json!({"looked": {"datastore": "s1"}})];
            s.writes_to("pbs", json!({"storage": "pbs", "type": "pbs", "datastore": "s1"}));
        }, &["101 web: never critical", "102 db: never critical"]),
        ("a job that is off writes elsewhere", |s| {
            let off = json!({"id": "off", "enabled": false, "schedule": "monthly", "all": true, "storage": "nas"});
            s.state["backup_jobs"].as_array_mut().unwrap().push(off);
            s.state["storages"] = json!([]);
        }, &[]),
        ("a second job of one guest that nobody looked after", |s| s.second_job(&[]),
            &["storage nas: unseen unknown"]),
        ("a second job that left nothing", |s| s.second_job(&[json!({"looked": {"storage": "nas"}})]),
            &["101 web: stale-job warning"]),
        ("a second job that died", |s| s.second_job(&[file("101", 200)]), &["101 web: stale-job warning"]),
        ("a second job that works", |s| s.second_job(&[file("101", 4)]), &[]),
        ("a second job, of which it isn't seen", |s| {
            s.second_job(&[json!({"unseen": {"list": "the backups on nas", "storage": "nas", "vmids": [101]}})]);
        }, &["storage nas: unseen unknown"]),
        ("both are dead", |s| {
            no_rows_of(s, "101");
            s.second_job(&[file("101", 200)]);
        }, &["101 web: stale critical"]),
        ("a zone that is guessed", |s| s.guessed = true, &["cluster home: zone-assumed info"]),
        ("a night later elsewhere", |s| {
            s.guessed = true;
            s.rows.remove(0);
        }, &["cluster home: zone-assumed info", "101 web: unseen unknown"]),
        ("late everywhere", |s| {
            s.guessed = true;
            s.rows.retain(|row| row["backup-id"] != "101" || row["backup-time"].as_i64() < Some(NOW - 2 * DAY));
        }, &["cluster home: zone-assumed info", "101 web: stale warning"]),
        ("made about its run", |s| {
            s.guessed = true;
            no_rows_of(s, "102");
            s.state["guests"][1]["config"]["meta"] = json!("ctime=1795690000");
        }, &["cluster home: zone-assumed info", "102 db: unseen unknown"]),
        ("made long before, in each zone", |s| {
            s.guessed = true;
            no_rows_of(s, "102");
        }, &["cluster home: zone-assumed info", "102 db: never critical"]),
        ("a zone that nothing goes by", |s| {
            s.guessed = true;
            s.state["backup_jobs"] = json!([]);
        }, &["101 web: no-job warning", "102 db: no-job warning"]),
        ("a mount point left out", |s| s.state["guests"][0]["config"]["mp0"] = json!("ssd:z,mp=/srv"),
            &["101 web: volume-left-out warning"]),
        ("broken off", |s| {
            s.rows[0]["files"] = json!([]);
            s.rows.push(row("ct", 101, 9 * HOUR, "web"));
            s.rows.last_mut().unwrap()["files"] = json!([]);
            let whole = row("ct", 101, 10 * HOUR - 400, "web");
            s.rows.push(whole);
        }, &["101 web: incomplete-newest warning"]),
        ("being written", |s| {
            s.rows.push(row("ct", 101, HOUR, "web"));
            s.rows.last_mut().unwrap()["files"] = json!([]);
        }, &["101 web: incomplete-newest info"]),
        ("another's name", |s| each_of(s, "101", |row| row["comment"] = json!("paperless")),
            &["101 web: other-name warning"]),
        ("the backups of who had its ID", |s| {
            each_of(s, "102", |row| row["comment"] = json!("paperless"));
            s.state["guests"][1]["config"]["meta"] = json!("ctime=1795690000");
        }, &["102 db: new info", "102 db: other-name warning"]),
        ("an older one of another's name", |s| s.rows[2]["comment"] = json!("paperless"), &[]),
        ("no agent", |s| s.state["guests"][1]["config"]["agent"] = json!("0"), &["102 db: no-agent info"]),
        ("no agent, and off", |s| {
            s.state["guests"][1]["config"]["agent"] = json!("0");
            s.state["guests"][1]["status"] = json!("stopped");
        }, &[]),
        ("off on purpose", |s| {
            s.state["guests"][0]["status"] = json!("stopped");
            s.rows.remove(0);
        }, &["101 web: stale warning"]),
        ("a group without a guest", |s| s.rows.push(row("vm", 7, DAY, "old")), &["7 old: orphan-group info"]),
        ("a group of another kind", |s| s.rows.push(row("vm", 101, DAY, "old")), &["101 web: orphan-group info"]),
        ("a host", |s| s.rows.push(json!({"backup-type": "host", "backup-id": "7", "backup-time": 1, "files": []})), &[]),
        ("a template that has none", |s| {
            no_rows_of(s, "101");
            s.state["guests"][0]["template"] = json!(true);
        }, &["101 web: never info"]),
        ("a template of long ago", |s| {
            no_rows_of(s, "101");
            s.rows.push(row("ct", 101, 400 * DAY, "web"));
            s.state["guests"][0]["template"] = json!(true);
            s.state["backup_jobs"][0]["exclude"] = json!([101]);
        }, &["101 web: no-job info"]),
        ("by pool", |s| {
            s.state["guests"][0]["pool"] = json!("prod");
            s.state["backup_jobs"][0] = json!({"id": "p", "enabled": true, "schedule": "02:00", "pool": "prod"});
        }, &["102 db: no-job warning"]),
        ("by a pool that nobody saw", |s| {
            s.state["backup_jobs"][0] = json!({"id": "p", "enabled": true, "schedule": "02:00", "pool": "prod"});
        }, &["cluster home: unseen unknown", "101 web: unseen unknown", "102 db: unseen unknown"]),
        ("a schedule that is none", |s| s.state["backup_jobs"][0]["schedule"] = json!("nightly"),
            &["job nightly: unseen unknown"]),
        ("jobs not seen", |s| s.state["backup_jobs"] = json!(null), &["cluster home: unseen unknown"]),
        ("jobs of an older state", |s| s.state["backup_jobs"] = json!([{"id": "nightly", "vmids": [101]}]),
            &["cluster home: unseen unknown"]),
        ("jobs not seen, and old", |s| {
            s.state["backup_jobs"] = json!(null);
            no_rows_of(s, "101");
            s.rows.push(row("ct", 101, 37 * HOUR, "web"));
        }, &["cluster home: unseen unknown", "101 web: stale warning"]),
        ("guests not seen", |s| {
            s.state["permissions"] = json!({"/": {"Sys.Audit": true}});
            s.rows.push(row("vm", 7, DAY, "old"));
        }, &["cluster home: unseen unknown", "cluster home: unseen unknown"]),
        ("guests below not seen", |s| {
            s.state["permissions"]["/vms"] = json!({"VM.Audit": false});
            s.rows.push(row("vm", 7, DAY, "old"));
        }, &["cluster home: unseen unknown", "cluster home: unseen unknown"]),
        ("no guest seen", |s| {
            s.state["permissions"]["/vms"] = json!({"VM.Audit": false});
            s.state["guests"] = json!([]);
        }, &["cluster home: unseen unknown", "cluster home: unseen unknown"]),
        ("no guest, though all are seen", |s| {
            s.state["guests"] = json!([]);
            s.rows.clear();
        }, &["cluster home: unseen unknown"]),
        ("a guest that is hidden", |s| {
            s.state["hidden"] = json!([{"vmid": 7, "by": "the HA resource vm:7"}]);
        }, &["7: unseen unknown"]),
        ("a configuration not seen", |s| s.state["guests"][0]["config"] = json!(null), &["101 web: unseen unknown"]),
        ("no configuration seen", |s| {
            s.state["guests"][0]["config"] = json!(null);
            s.state["guests"][1]["config"] = json!(null);
        }, &["cluster home: unseen unknown"]),
        ("snapshots not seen", |s| {
            s.rows.push(json!({"unseen": {"list": "the snapshots of s2", "right": "Datastore.Audit", "storage": "s2"}}));
        }, &["storage s2: unseen unknown"]),
        ("snapshots not seen, and none there", |s| {
            no_rows_of(s, "101");
            s.rows.push(json!({"unseen": {"list": "the snapshots of s2", "right": "Datastore.Audit", "storage": "s2"}}));
        }, &["storage s2: unseen unknown", "101 web: unseen unknown"]),
        ("snapshots of another not seen", |s| {
            no_rows_of(s, "101");
            s.rows.push(json!({"unseen": {"list": "the backups on nas", "storage": "nas", "vmids": [102]}}));
        }, &["storage nas: unseen unknown", "101 web: never critical"]),
        ("a row that failed", |s| {
            no_rows_of(s, "101");
            s.rows.push(json!({"backup-type": "ct", "backup-id": "101", "error": {"code": "x", "message": "locked"}}));
        }, &["101 web: unseen unknown", "101 web: unseen unknown"]),
        ("two lists of a storage", |s| {
            s.rows.push(json!({"unseen": {"list": "the snapshots of s2 in 'a'", "storage": "s2"}}));
            s.rows.push(json!({"unseen": {"list": "the snapshots of s2 in 'b'", "storage": "s2"}}));
        }, &["storage s2: unseen unknown", "storage s2: unseen unknown"]),
        ("a second cluster's guest of its ID", |s| {
            s.rows.remove(0);
            let mut other = row("ct", 101, 9 * HOUR, "mail");
            other["ns"] = json!("b");
            s.rows.push(other);
        }, &["101 web: stale warning"]),
        ("not verified, by a storage that doesn't tell", |s| {
            no_rows_of(s, "101");
            for day in 24..27 {
                let volid = format!("pbs:backup/ct/101/2026-11-{day}T02:05:00Z");
                s.rows.push(json!({"volid": volid, "content": "backup", "size": 5}));
            }
        }, &[]),
    ];
    let mut others = Vec::new();
    for (name, plant, want) in cases {
        let mut scene = Scene::healthy();
        plant(&mut scene);
        let told = scene.told();
        if told != *want {
            others.push(format!("{name}: {told:?}, not {want:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn every_code_of_the_table_is_planted() {
    let text = include_str!("tests.rs");
    for (code, _) in code::CODES {
        let planted = [" info", " warning", " unknown", " critical"];
        let planted = planted
            .iter()
            .any(|severity| text.contains(&format!(": {code}{severity}")));
        assert!(planted, "{code}");
    }
}

#[test]
fn exemptions_of_all_subjects() {
    let site = |exempt: Value| {
        json!({"exempt": exempt,
            "vlans": [{"vlan": 30, "prefix": "192.168.30.0/24"}],
            "pairs": [{"name": "front", "members": [
                {"name": "web", "address": "192.168.30.1", "vmid": 101}, {"name": "w2", "address": "192.168.30.2", "vmid": 109}]}],
            "services": [{"name": "shop", "pair": "front"}]})
    };
    #[rustfmt::skip]
    let cases: &[(&str, Value, &[&str])] = &[
        ("none",            json!([]),                                                        &["101 web: stale warning"]),
        ("itself",          json!([{"code": "stale", "why": "w", "vmid": 101}]),              &["101 web: stale info exempt"]),
        ("its node",        json!([{"code": "stale", "why": "w", "node": "a"}]),              &["101 web: stale info exempt"]),
        ("its pair",        json!([{"code": "stale", "why": "w", "pair": "front"}]),          &["101 web: stale info exempt"]),
        ("its service",     json!([{"code": "stale", "why": "w", "service": "shop"}]),        &["101 web: stale info exempt"]),
        ("its job",         json!([{"code": "stale", "why": "w", "job": "nightly"}]),         &["101 web: stale info exempt"]),
        ("its datastore",   json!([{"code": "stale", "why": "w", "storage": "s1"}]),          &["101 web: stale info exempt"]),
        ("another's",       json!([{"code": "stale", "why": "w", "vmid": 102}]),
            &["101 web: stale warning", "102 db: exemption-unused warning"]),
        ("over",            json!([{"code": "stale", "why": "w", "vmid": 101, "until": "2026-11-25"}]),
            &["101 web: stale warning", "101 web: exemption-expired warning"]),
        ("until today",     json!([{"code": "stale", "why": "w", "vmid": 101, "until": "2026-11-26"}]),
            &["101 web: stale info exempt"]),
        ("of another verb", json!([{"code": "lock", "why": "w", "vmid": 101}]),               &["101 web: stale warning"]),
    ];
    for (name, exempt, want) in cases {
        let mut scene = Scene::healthy();
        scene.rows.remove(0);
        scene.site = site(exempt.clone());
        assert_eq!(scene.told(), *want, "{name}");
    }
}

#[test]
fn a_record_has_what_was_promised() {
    let scene = Scene::healthy();
    let record = scene.verdicts()[0].json();
    let mut want = json!({"vmid": 101, "name": "web", "type": "lxc", "node": "a", "newest": "2026-11-26T02:05:00Z", "where": "s1:ct/101",
        "age_s": 35_700, "complete": true, "verified": true, "verified_age_s": 35_700, "count": 3, "jobs": ["nightly"],
        "volumes_left_out": [], "status": "ok", "findings": []});
    assert_eq!(record.to_string(), want.to_string());
    let mut scene = Scene::healthy();
    let mut copy = scene.rows[0].clone();
    copy["datastore"] = json!("offsite");
    scene.rows.push(copy);
    let record = scene.verdicts()[0].json();
    want["places"] = json!([{"where": "s1:ct/101", "newest": "2026-11-26T02:05:00Z", "count": 3},
        {"where": "offsite:ct/101", "newest": "2026-11-26T02:05:00Z", "count": 1}]);
    assert_eq!(record, want); // a copy is no second backup
    let mut other = scene.rows[0].clone();
    other["ns"] = json!("b");
    other["comment"] = json!("mail");
    scene.rows.push(other);
    let record = scene.verdicts()[0].json();
    want["places"].as_array_mut().unwrap().push(
        json!({"where": "s1:b:ct/101", "newest": "2026-11-26T02:05:00Z", "count": 1, "of": "mail"}),
    );
    assert_eq!(record, want); // another guest's are none of its
}

/// There are no two records of one subject, whatever is wrong.
#[test]
fn a_record_for_each_subject() {
    let mut scene = Scene::healthy();
    scene.state["hidden"] =
        json!([{"vmid": 107, "by": "a"}, {"vmid": 107, "by": "b"}, {"vmid": 101, "by": "c"}]);
    scene.rows.push(row("vm", 101, DAY, "old"));
    scene
        .rows
        .push(json!({"unseen": {"list": "x", "storage": "s2", "vmids": [101]}}));
    scene
        .rows
        .push(json!({"unseen": {"list": "y", "storage": "s2"}}));
    scene.site = json!({"exempt": [{"code": "stale", "why": "w", "storage": "s2"}, {"code": "stale", "why": "w", "vmid": 107}]});
    let verdicts = scene.verdicts();
    let subjects: HashSet<String> = verdicts.iter().map(Verdict::subject).collect();
    assert_eq!(subjects.len(), verdicts.len());
}

#[test]
fn rules_are_said() {
    let mut scene = Scene::healthy();
    scene.rows.remove(0);
    let message = scene.verdicts()[0].findings[0].message.clone();
    let want = "its newest backup that can be restored is of 2026-11-25T02:05:00Z, 1d 9h old: nightly (02:00, UTC) ran at 2026-11-26T02:00:00Z, and has 6h to make one";
    assert_eq!(message, want);
    scene.state["backup_jobs"][0]["exclude"] = json!([101]);
    scene.rows.remove(1);
    let message = scene.verdicts()[0].findings[1].message.clone();
    let want = "its newest backup that can be restored is of 2026-11-24T02:05:00Z, 2d 9h old, and it may be 36h old (--max-age, as no job that is on is about it)";
    assert_eq!(message, want.replace("36h", "1d12h"));
}

proptest! {
    /// The rows of a list have no order, and may come twice. (Of two places the first is named, so it is one here.)
    #[test]
    fn order_is_nothing(
        rows in proptest::collection::vec((0..3_u32, -2..12_i64, 0..3_usize, 0..4_usize), 0..12),
        seed in proptest::collection::vec(0..1_000_usize, 12),
    ) {
        let rows: Vec<Value> = rows.iter().map(|&(guest, days, state, flaw)| {
            let (kind, vmid, name) = [("ct", 101, "web"), ("vm", 102, "db"), ("vm", 107, "old")][guest as usize];
            let mut row = row(kind, vmid, days * DAY + i64::from(guest), name);
            row["verification"] = [json!({"state": "ok"}), json!({"state": "failed"}), Value::Null][state].clone();
            if flaw == 0 {
                row["files"] = json!([]);
            }
            row
        }).collect();
        let mut scene = Scene::healthy();
        scene.rows = rows;
        let records = |scene: &Scene| -> Vec<String> {
            scene.verdicts().iter().map(|verdict| verdict.json()["findings"].to_string()).collect()
        };
        let told = records(&scene);
        let mut order: Vec<usize> = (0..scene.rows.len()).collect();
        order.sort_by_key(|&at| seed[at]);
        let shuffled: Vec<Value> = order.iter().map(|&at| scene.rows[at].clone()).collect();
        scene.rows = shuffled.iter().chain(&shuffled).cloned().collect();
        let mut again = records(&scene);
        let mut told = told;
        told.sort();
        again.sort();
        prop_assert_eq!(again, told);
    }

    /// A good backup of just now makes nothing worse.
    #[test]
    fn a_good_backup_makes_nothing_worse(
        rows in proptest::collection::vec((-2..12_i64, 0..3_usize, proptest::bool::ANY), 0..8),
    ) {
        let mut scene = Scene::healthy();
        no_rows_of(&mut scene, "101");
        for (days, state, finished) in rows {
            let mut row = row("ct", 101, days * DAY + HOUR, "web");
            row["verification"] = [json!({"state": "ok"}), json!({"state": "failed"}), Value::Null][state].clone();
            if !finished {
                row["files"] = json!([]);
            }
            scene.rows.push(row);
        }
        let severity = |scene: &Scene| scene.verdicts()[0].severity();
        let before = severity(&scene);
        scene.rows.push(row("ct", 101, 60, "web"));
        prop_assert!(severity(&scene) <= before);
        prop_assert_eq!(severity(&scene), Severity::Info);
    }
}
