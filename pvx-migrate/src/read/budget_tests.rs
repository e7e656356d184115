//! How much is asked, of whom, and what of the overview is asked once more.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::test_server::{Answers, nine, state};

/// The requests that a state document may cost.
struct Budget {
    nodes: usize,
    guests: usize,
    /// Guests that the overview has as stopped or unknown.
    doubtful: usize,
    snapshots: usize,
    snippets: usize,
}

impl Budget {
    fn requests(&self) -> usize {
        16 + 4 * self.nodes + 3 * self.guests + self.doubtful + self.snapshots + self.snippets
    }
}

/// The overview with some of its entries changed: `("qemu", 101, {...})`.
fn changed(answers: &mut Answers, key: &str, id: &Value, more: &Value) {
    let overview = &mut answers.get_mut("/cluster/resources").unwrap().1;
    for entry in overview.as_array_mut().unwrap() {
        if entry[key] == *id && (key != "node" || entry["type"] == "node") {
            let more = more.as_object().unwrap().clone();
            entry.as_object_mut().unwrap().extend(more);
        }
    }
}

/// pvestatd of node a is dead: the overview has it, its guests and its storages as unknown.
fn silent_a() -> Answers {
    let mut answers = nine();
    let overview = json!([
        {"type": "node", "node": "a", "status": "unknown"},
        {"type": "node", "node": "b", "status": "online", "maxmem": 1_u64 << 34, "maxcpu": 4},
        {"type": "storage", "storage": "s", "node": "a", "status": "unknown", "plugintype": "zfspool", "content": "images"},
        {"type": "qemu", "vmid": 101, "node": "a", "status": "unknown"},
        {"type": "lxc", "vmid": 102, "node": "a", "status": "unknown"},
        {"type": "lxc", "vmid": 103, "name": "d", "node": "a", "status": "stopped"}, // came later, and runs
        {"type": "lxc", "vmid": 201, "name": "e", "node": "b", "status": "stopped"},
    ]);
    answers.insert("/cluster/resources".to_owned(), (200, overview));
    let status = json!({"memory": {"total": 1_u64 << 34, "used": 7}, "cpuinfo": {"cpus": 4}});
    answers.insert("/nodes/a/status".to_owned(), (200, status));
    let storage = json!([{"storage": "s", "active": 1, "avail": 5, "total": 9}, {"storage": "t", "active": 0}]);
    answers.insert("/nodes/a/storage".to_owned(), (200, storage));
    for (path, answer) in [
        (
            "qemu/101",
            json!({"status": "running", "qmpstatus": "paused", "name": "v", "maxmem": 5, "mem": 3}),
        ),
        (
            "lxc/102",
            json!({"status": "running", "name": "c", "maxmem": 6}),
        ),
        (
            "lxc/103",
            json!({"status": "running", "name": "d", "maxmem": 7}),
        ),
    ] {
        answers.insert(format!("/nodes/a/{path}/status/current"), (200, answer));
    }
    answers
}

#[test]
fn within_the_budget() {
    let mut paused = nine();
    changed(
        &mut paused,
        "vmid",
        &json!(101),
        &json!({"status": "paused"}),
    );
    let mut scripts = nine();
    let script = json!({"digest": "d", "hookscript": "s:snippets/x.pl"});
    scripts.insert(
        "/nodes/b/lxc/201/config?current=1".to_owned(),
        (200, script),
    );
    let table = json!({"/": {"Sys.Audit": 1}, "/storage/s": {"Datastore.Allocate": 1}});
    scripts.insert("/access/permissions".to_owned(), (200, table));
    let mut eight = nine();
    eight.remove("/cluster/ha/rules");
    eight.retain(|path, _| !(path.contains("/lxc/") && path.ends_with("/migrate")));
    // name, answers, words, guests in full, doubtful, containers' snapshots, nodes with snippets
    #[rustfmt::skip]
    let cases: Vec<(&str, Answers, &[&str], usize, usize, usize, usize)> = vec![
        ("all of PVE 9",              nine(),     &[],              4, 1, 3, 0),
        ("all of PVE 8",              eight,      &[],              4, 1, 3, 0),
        ("one node",                  nine(),     &["--node", "b"], 1, 1, 1, 0),
        ("another",                   nine(),     &["--node", "a"], 3, 0, 2, 0),
        ("paused is told at once",    paused,     &["--node", "a"], 3, 0, 2, 0),
        ("pvestatd is dead",          silent_a(), &["--node", "a"], 3, 3, 2, 0),
        ("... and the other drained", silent_a(), &["--node", "b"], 1, 4, 1, 0),
        ("a script on node storage",  scripts,    &[],              4, 1, 3, 1),
    ];
    for (name, answers, words, guests, doubtful, snapshots, snippets) in cases {
        let (state, seen) = state(answers, words);
        state.unwrap();
        let asked = seen.asked.lock().unwrap();
        let budget = Budget {
            nodes: 2,
            guests,
            doubtful,
            snapshots,
            snippets,
        };
        let most = budget.requests();
        assert!(
            asked.len() <= most,
            "{name}: {} requests, at most {most}: {asked:#?}",
            asked.len()
        );
        let count = |end: &str| asked.iter().filter(|path| path.ends_with(end)).count();
        assert_eq!(count("/status/current") - 1, doubtful, "{name}: {asked:#?}"); // one is HA's
        assert_eq!(
            count("/snapshot/s1/config"),
            snapshots,
            "{name}: {asked:#?}"
        );
        assert_eq!(
            count("/content?content=snippets"),
            snippets,
            "{name}: {asked:#?}"
        );
        let connections = seen.connections.load(Ordering::Relaxed);
        assert!(connections <= 4, "{name}: {connections} connections");
    }
}

#[test]
fn a_node_that_reports_nothing_is_online_all_the_same() {
    let state = state(silent_a(), &["--node", "b"]).0.unwrap();
    let a = &state.nodes[0];
    assert_eq!((a.online, a.maxmem, a.mem), (true, 1 << 34, 7));
    assert_eq!(state.storages[0].nodes["a"].free, 5);
    let told: Vec<_> = state
        .guests
        .iter()
        .map(|guest| (guest.vmid, &guest.name[..], guest.activity(), guest.maxmem))
        .collect();
    assert_eq!(
        told,
        [
            (101, "v", "paused", 5),
            (102, "c", "running", 6),
            (103, "d", "running", 7),
            (201, "e", "stopped", 0)
        ]
    );
}

#[test]
fn what_stays_unknown() {
    let mut answers = silent_a();
    answers.remove("/nodes/a/qemu/101/status/current"); // 501
    answers.insert(
        "/nodes/b/lxc/201/status/current".to_owned(),
        (200, json!({"status": "stopped"})),
    );
    answers.insert(
        "/nodes/a/lxc/102/snapshot/s1/config".to_owned(),
        (500, json!("CT is locked (backup)")),
    );
    let state = state(answers, &[]).0.unwrap();
    let is = |at: usize| {
        (
            state.guests[at].is_unknown(),
            state.guests[at].is_surely_stopped(),
        )
    };
    assert_eq!(
        [is(0), is(1), is(3)],
        [(true, false), (false, false), (false, true)]
    );
    let snapshots = state.guests[1].snapshots.as_ref().unwrap();
    assert_eq!(
        snapshots.config("s1"),
        Err("status 500: CT is locked (backup)")
    );
}

#[test]
fn snippets_are_seen_with_the_right_to_see_them_only() {
    for (privilege, want) in [
        (
            "Datastore.Allocate",
            Some(vec!["s:snippets/x.pl".to_owned()]),
        ),
        ("Datastore.Audit", None),
    ] {
        let mut answers = nine();
        let script = json!({"hookscript": "s:snippets/x.pl"});
        answers.insert(
            "/nodes/b/lxc/201/config?current=1".to_owned(),
            (200, script),
        );
        answers.insert(
            "/access/permissions".to_owned(),
            (200, json!({"/storage": {privilege: 1}})),
        );
        let content = json!([{"volid": "s:snippets/x.pl", "content": "snippets"}]);
        answers.insert(
            "/nodes/a/storage/s/content?content=snippets".to_owned(),
            (200, content),
        );
        let state = state(answers, &[]).0.unwrap();
        assert_eq!(state.storages[0].nodes["a"].snippets, want, "{privilege}");
    }
}

#[test]
fn a_guest_that_is_in_no_list() {
    let taken = || (400, json!("Parameter verification failed."));
    let free = || (200, json!("301"));
    let mut answers = nine();
    let status = json!([
        {"type": "service", "sid": "ct:301", "node": "a", "state": "started"},
        {"type": "service", "sid": "ct:302", "node": "a", "state": "started"},
    ]);
    answers.insert("/cluster/ha/status/current".to_owned(), (200, status));
    answers.insert("/cluster/nextid?vmid=301".to_owned(), taken());
    answers.insert("/cluster/nextid?vmid=302".to_owned(), free());
    let jobs = json!([{"id": "backup-1", "vmid": "101,303"}]);
    answers.insert("/cluster/backup".to_owned(), (200, jobs));
    let overview = &mut answers.get_mut("/cluster/resources").unwrap().1;
    for pool in ["p1", "../x"] {
        let entry = json!({"type": "pool", "pool": pool, "id": "/pool/p"});
        overview.as_array_mut().unwrap().push(entry);
    }
    let members = json!({"members": [{"vmid": 102, "node": "a"}, {"vmid": 304, "node": "b"}]});
    answers.insert("/pools/p1".to_owned(), (200, members));
    answers.insert("/cluster/nextid?vmid=304".to_owned(), taken());
    let (state, seen) = state(answers, &[]);
    let hidden = state.unwrap().hidden.unwrap();
    let told: Vec<_> = hidden
        .iter()
        .map(|h| (h.vmid, h.node.as_deref(), &h.by[..]))
        .collect();
    // 302 is gone; of 303 PVE said nothing (501), so it may be there.
    assert_eq!(
        told,
        [
            (301, Some("a"), "the HA resource ct:301"),
            (303, None, "the backup job backup-1"),
            (304, Some("b"), "the pool p1"),
        ]
    );
    let asked = seen.asked.lock().unwrap();
    assert!(!asked.iter().any(|path| path.contains("..")), "{asked:#?}");
}

/// One node hangs, and whatever is passed on to it gets no answer: the rest is known all the same.
#[test]
fn a_node_that_gives_no_answer_is_asked_no_more() {
    let mut answers = silent_a();
    for (path, answer) in &mut answers {
        if path.starts_with("/nodes/a/") {
            answer.0 = 1;
        }
    }
    let (state, seen) = state(answers, &["--node", "b"]);
    let state = state.unwrap();
    let asked = seen.asked.lock().unwrap();
    let asked = asked.iter().filter(|path| path.starts_with("/nodes/a/"));
    // Each connection may be at a question when it becomes known, and asks it once more.
    assert!(
        asked.clone().count() <= 8,
        "{:?}",
        asked.collect::<Vec<_>>()
    );
    let known = state
        .guests
        .iter()
        .map(|guest| (guest.vmid, guest.is_unknown()));
    assert!(known.clone().any(|known| known == (101, true)));
    assert!(known.clone().any(|known| known == (201, false)));
    let node = |name: &str| state.nodes.iter().find(|node| node.node == name).unwrap();
    assert_eq!((node("a").maxmem, node("b").maxmem), (0, 1 << 34));
}

#[test]
fn old_jobs_name_hundreds_of_guests() {
    let mut answers = nine();
    let ids: Vec<String> = (500..540).map(|vmid| vmid.to_string()).collect();
    let job = json!([{"id": "backup-1", "vmid": ids.join(",")}]);
    answers.insert("/cluster/backup".to_owned(), (200, job));
    for vmid in 500..540 {
        let free = (200, json!(vmid.to_string()));
        answers.insert(format!("/cluster/nextid?vmid={vmid}"), free);
    }
    let (state, seen) = state(answers, &["--node", "b"]);
    let asked = seen.asked.lock().unwrap();
    let asked = asked
        .iter()
        .filter(|path| path.starts_with("/cluster/nextid"));
    assert_eq!(asked.count(), 16);
    // Of those that were not asked for it is not known.
    assert_eq!(state.unwrap().hidden.unwrap().len(), 24);
}
