//! A cluster of two nodes as its documents have it, and the page that they make.

use std::fs;

use serde_json::{Value, json};

use crate::{bed::Bed, sim::with};

pub fn site() -> Value {
    json!({"name": "lab", "limits": {"ram_ratio": 1.5}, "pairs": [
        {"name": "dns", "vip": "192.168.10.110", "rto_s": 15, "members": [
            {"name": "dns-1", "address": "192.168.10.111", "vmid": 10111, "preferred": true},
            {"name": "dns-2", "address": "192.168.10.112", "vmid": 10112, "preferred": false}]}],
        "services": [{"name": "resolver", "type": "lxc", "pair": "dns", "sla_s": 15, "why": "keepalived moves it"}]})
}

pub fn guest(vmid: u64, name: &str, node: &str) -> Value {
    json!({"vmid": vmid, "name": name, "node": node, "type": "lxc", "status": "running", "maxmem": 2_147_483_648_u64,
        "config": {"hostname": name, "onboot": 1, "tags": "dns", "net0": "name=eth0,bridge=vmbr0,tag=10,ip=192.168.10.7/24,type=veth"}})
}

pub fn state(guests: &[Value]) -> Value {
    let node = |name: &str, memory: u64| {
        json!({"node": name, "online": true, "votes": 1, "maxmem": memory, "mem": memory / 2, "maxcpu": 4, "pve": "9.2.6",
        "replication": [{"id": "10111-0", "guest": 10111, "source": "a", "target": "b", "last_sync": 1_795_777_800, "duration": 2.5, "fail_count": 0}]})
    };
    json!({"version": 3, "at": "2026-11-27T12:00:00Z", "cluster": {"name": "lab", "pve": "9.2.6", "quorate": true, "qdevice_votes": 0},
        "nodes": [node("a", 2_147_483_648), with(node("b", 8_589_934_592), json!({"replication": []}))],
        "storages": [{"storage": "tank", "type": "zfspool", "content": ["rootdir", "images"], "shared": false,
            "nodes": {"a": {"free": 5_368_709_120_u64, "total": 10_737_418_240_u64}, "b": {"free": 4_294_967_296_u64, "total": 10_737_418_240_u64}}}],
        "guests": guests,
        "ha": {"resources": [{"sid": "ct:10111", "state": "started", "crm_state": "started"}],
            "rules": [{"type": "node-affinity", "rule": "prefer-a", "resources": ["ct:10111"], "nodes": {"a": 1}, "strict": true}]}})
}

pub fn finding(code: &str, severity: &str, message: &str) -> Value {
    json!({"code": code, "severity": severity, "message": message, "evidence": {}, "seen_by": ["state"], "part": "pvx-migrate audit"})
}

/// A part that has looked at all and found nothing.
pub fn looked() -> Value {
    json!({"part": "vmid check", "ran": true, "records": 0, "status": "ok", "findings": []})
}

/// What is left of the cluster without one of its nodes.
fn votes() -> Value {
    json!({"votes": {"expected": 2, "needed": 2, "remaining": 1}, "quorate": false, "ha_can_act": false,
        "memory": [{"node": "c", "now": 1, "after_ha": 1, "after_all": 3, "limit": 2, "maxmem": 2}]})
}

/// All documents, with what an ordinary night has found.
pub fn ordinary(bed: &Bed) {
    bed.document("site", &site());
    bed.document(
        "state",
        &state(&[guest(10112, "dns-2", "b"), guest(10111, "dns-1", "a")]),
    );
    bed.records("findings", &[
        json!({"part": "schedule-lint", "ran": false, "records": 0, "status": "unknown",
            "findings": [finding("not-run", "unknown", "PBS_REPOSITORY is not set")]}),
        json!({"vmid": 10111, "name": "dns-1", "status": "warning", "findings": [
            finding("replica-stale", "warning", "the replica on b is 7h30m old, and 15m would be right"),
            with(finding("privileged", "info", "it is privileged"), json!({"exempt": "a tape drive"}))]}),
        json!({"node": "b", "status": "critical", "findings": [finding("quorum", "critical", "no majority without it")]}),
        json!({"pair": "dns", "status": "warning", "findings": [finding("flapping", "warning", "it moved 5 times")]}),
    ]);
    bed.records(
        "vmid",
        &[json!({"vmid": 10111, "address": "192.168.10.111/24"})],
    );
    bed.records("lost", &[
        json!({"node": "a", "cluster": votes(), "pairs": [], "status": "critical",
            "findings": [finding("no-quorum", "critical", "1 of 2 votes")]}),
        json!({"node": "a", "vmid": 10111, "name": "dns-1", "comes_back": "restore", "on": "b", "rpo_s": 36_000, "rto_s": 300, "rests_on": "the snapshot of 02:00",
            "depends_on_it": ["dns"], "status": "warning", "findings": []}),
        json!({"node": "b", "cluster": votes(), "pairs": [], "status": "critical", "findings": []}),
        json!({"node": "b", "vmid": 10112, "name": "dns-2", "comes_back": "gone", "on": null, "rpo_s": null, "rto_s": null, "rests_on": "",
            "depends_on_it": [], "status": "critical", "findings": [finding("no-backup", "critical", "it has none")]}),
    ]);
    bed.records("cover", &[
        json!({"vmid": 10111, "name": "dns-1", "newest": "2026-11-27T02:00:04Z", "age_s": 36_000, "complete": true, "verified": true, "verified_age_s": 30_000,
            "count": 9, "jobs": ["backup-1"], "volumes_left_out": ["mp0"], "status": "warning", "findings": [finding("volume-left-out", "warning", "mp0")]}),
        json!({"vmid": 10112, "name": "dns-2", "newest": null, "age_s": null, "jobs": [], "volumes_left_out": [], "count": 0, "status": "warning",
            "findings": [finding("no-job", "warning", "no job has it")]}),
    ]);
    let bar = "..######..........#.....";
    bed.records("schedule", &[
        json!({"job": "backup-1", "on": "lab", "schedule": "02:00", "tz": "Europe/Berlin", "next": [], "runs_skipped": ["2027-03-28"], "duration_s": 3600, "bar": bar,
            "status": "warning", "findings": [finding("dst-skipped", "warning", "no run on 2027-03-28")]}),
        json!({"job": "title", "on": "store1", "schedule": "sun 03:00", "tz": "UTC", "next": [], "runs_skipped": [], "bar": "...##...................",
            "status": "ok", "findings": []}),
    ]);
    let drill = |at: &str, most: u64| json!({"at": at, "site": "lab", "name": "dns", "status": "ok", "outage_ms": [40, most], "recovered": true});
    bed.records(
        "drills",
        &[
            drill("2026-11-01T10:00:00Z", 3100),
            drill("2026-11-20T10:00:00Z", 1900),
        ],
    );
}

#[test]
fn each_section_says_what_is_true() {
    let bed = Bed::new();
    ordinary(&bed);
    let page = bed.page();
    #[rustfmt::skip]
    let lines = [
        "# lab",
        "3 findings, the gravest first.",
        "| critical | node b | quorum | no majority without it |",
        "| warning | 10111 dns-1 | replica-stale | the replica on b is … old, and … would be right |",
        "| schedule-lint | PBS\\_REPOSITORY is not set |",
        "| 10111 dns-1 | privileged | a tape drive |",
        "2 nodes, 2 online; 2 containers. Rounded is a VM.",
        "    n0g0[\"10111 dns-1\"]",
        "| a | yes | 4 | 2 GiB | 1 | 9.2.6 | tank | 1 container |",
        "| 10111 | dns-1 | container | a | 192.168.10.111/24, 192.168.10.7/24 | vmbr0 | 10 | dns | yes | yes | running | replica-stale |",
        "| tank | zfspool | no | images, rootdir | a, b |",
        "| a | 2 GiB | 2 GiB | 1.00 |",
        "| b | 8 GiB | 2 GiB | 0.25 |",
        "The cluster has a majority; 2 votes of nodes.",
        "| ct:10111 | dns-1 | started | started |",
        "| prefer-a | node-affinity, strict | ct:10111 | a |",
        "| resolver | container | the pair dns | the pair | 15 s | keepalived moves it |",
        "| a | 1 of 2, 2 needed | no | no | 0 | 0 | 1 | 0 | 0 | c 1.50 **over** | no-quorum |",
        "| 10111 dns-1 | restored from a backup | b | dns |   |",
        "| 10112 dns-2 | **gone** |   |   | no-backup |",
        "  p0 --- p0m0[\"dns-1 on a\"]",
        "  p0 -.- p0m1[\"dns-2 on b\"]",
        "| dns | 192.168.10.110 | dns-1 (a), dns-2 (b) | 15 s | 2026-11-20 | 1.9 s | 3.1 s | flapping |",
        "2 guests, 0 of them with nothing to say about their backups.",
        "| 10111 dns-1 | backup-1 | mp0 | volume-left-out |",
        "| 10112 dns-2 |   |   | no-job |",
        "  section #108;ab",
        "  #98;ackup-1 :t0s0, 2000-01-01 02, 6h",
        "  #98;ackup-1 :t0s1, 2000-01-01 18, 1h",
        "| backup-1 | lab | 02:00 | Europe/Berlin | 2027-03-28 | dst-skipped |",
        "As of 2026-11-27T12:00:00Z, Proxmox VE 9.2.6.",
        "| tank | b | 4 GiB of 10 GiB |",
        "| 10111-0 | a | b | 50 min ago | 2.5 s | 0 |",
        "| 10111 dns-1 | 2026-11-27T02:00:04Z | 10 h | 8 h ago | 9 |",
        "| a | 10111 dns-1 | 10 h | 5 min | the snapshot of 02:00 |",
        "| 10111 dns-1 | replica-stale | the replica on b is 7h30m old, and 15m would be right |",
    ];
    for line in lines {
        let count = page.lines().filter(|own| *own == line).count();
        assert_eq!(count, 1, "{line}\n{page}");
    }
    let drift = page.find("## Drift").unwrap();
    let order = [
        "## Cluster",
        "## Guests",
        "## Memory",
        "## If a node is lost",
        "## Pairs",
        "## Backups",
        "## Schedules",
        "## Figures",
    ];
    let places: Vec<usize> = order.iter().map(|head| page.find(head).unwrap()).collect();
    assert!(
        drift < places[0] && places.is_sorted(),
        "{drift} {places:?}"
    );
    assert!(!page.contains('<'), "no HTML of ours: {page}");
}

/// What was not looked at is said, and never looks like what is fine.
#[test]
fn what_is_not_there_is_said() {
    let bed = Bed::new();
    bed.document("site", &json!({"name": "lab"}));
    bed.document(
        "state",
        &with(state(&[]), json!({"ha": null, "storages": []})),
    );
    bed.records("findings", &[looked()]);
    let page = bed.page();
    for line in [
        "What the HA manager keeps could not be seen.",
        "Not worked out.",
        "The site names no pairs.",
    ] {
        assert!(page.lines().any(|own| own == line), "{line}\n{page}");
    }
    assert_eq!(page.matches("Not looked at.").count(), 2, "{page}");
}

#[test]
fn documents_that_are_none_are_refused() {
    let bed = Bed::new();
    let refused = |words: &[&str]| {
        let output = bed.command("site-page", words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        crate::bed::said(&output)
    };
    let text = refused(&["--from", "documents"]);
    assert!(text.contains("no folder of audit --keep"), "{text}");
    #[rustfmt::skip]
    let cases = [
        ("findings.jsonl", "",                                               "no part has looked at anything"),
        ("findings.jsonl", "{\"vmid\": 1, \"findings\": []}\n",               "no part has looked at anything"),
        ("findings.jsonl", "{\"part\": \"a\", \"ran\": true}\n{\"vmid\"",     "cut off"),
        ("state.json",     "",                                               "no such document"),
        ("state.json",     "[]",                                             "no such document"),
        ("state.json",     "{\"version\": 3, \"guests\": null}",             "no such document"),
        ("state.json",     "{\"version\": 3, \"gue",                          ""),
        ("site.json",      "",                                               "no such document"),
        ("site.json",      "{} {}",                                          "no such document"),
    ];
    for (name, content, why) in cases {
        ordinary(&bed);
        fs::write(bed.path("documents").join(name), content).unwrap();
        let text = refused(&["--from", "documents"]);
        let text = text.trim_end();
        assert!(
            text.contains(name) && text.contains(why) && !text.ends_with(": "),
            "{name} {content}: {text}"
        );
        assert!(text.lines().count() == 1, "{text}");
    }
    ordinary(&bed);
    for name in ["state.json", "site.json"] {
        fs::remove_file(bed.path("documents").join(name)).unwrap();
        let text = refused(&["--from", "documents"]);
        assert!(text.contains("can't be read"), "{text}");
        ordinary(&bed);
    }
}

/// The records that are whole are shown, and that there were others is told.
#[test]
fn records_that_are_cut_off_are_told() {
    for name in ["vmid", "cover", "schedule", "lost"] {
        let bed = Bed::new();
        ordinary(&bed);
        let path = bed.path("documents").join(format!("{name}.jsonl"));
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"vmid\": 1, \"findings\"");
        fs::write(&path, text).unwrap();
        let page = bed.page();
        let told = if name == "lost" {
            "| pvx-migrate plan lost | 1 lines of lost.jsonl are no records |".to_owned()
        } else {
            format!("| {name}.jsonl | 1 line of it can't be read |")
        };
        assert!(page.contains(&told), "{name}: {page}");
        let section = "Not looked at to the end: 1 line of it can't be read.";
        assert_eq!(
            page.contains(section),
            ["cover", "schedule"].contains(&name),
            "{name}: {page}"
        );
        assert!(page.contains("quorum | no majority without it"), "{page}");
        assert!(
            !page.contains("Nothing that was looked at differs"),
            "{page}"
        );
    }
}

/// A page that can't be written leaves the one before as it was.
#[test]
fn the_old_page_stays_until_the_new_one_is_whole() {
    let bed = Bed::new();
    ordinary(&bed);
    let write = || {
        bed.command("site-page", &["--from", "documents", "--out", "page.md"])
            .output()
            .unwrap()
    };
    fs::write(bed.path("page.md"), "old").unwrap();
    assert!(write().status.success());
    assert_eq!(fs::read_to_string(bed.path("page.md")).unwrap(), bed.page());

    fs::write(bed.path("page.md"), "old").unwrap();
    let limited = "ulimit -f 3; trap '' XFSZ; exec site-page --from documents --out page.md";
    let output = bed.command("bash", &["-c", limited]).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(fs::read_to_string(bed.path("page.md")).unwrap(), "old");
    let left: Vec<_> = fs::read_dir(bed.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("page.md."))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
