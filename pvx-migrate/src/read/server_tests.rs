//! The reader against a server on loopback, with answers as PVE 8 and 9 give them.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use clap::Parser as _;
use serde_json::{Value, json};
use vmid::exit::{Answer, Stop};

use crate::{Surroundings, cli::Cli, pve::Environment, state::State};

/// What is asked, without `/api2/json`, and the answer: a status, and data or a message.
type Answers = HashMap<String, (u16, Value)>;

/// What was asked, in order, and how many connections were made.
#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

/// Serves `answers`; a path with the status 0 gets none the first time, its connection is cut.
fn serve(answers: Answers) -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (seen, answers) = (Arc::new(Seen::default()), Arc::new(answers));
    let shared = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            shared.connections.fetch_add(1, Ordering::Relaxed);
            let (seen, answers) = (Arc::clone(&shared), Arc::clone(&answers));
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                loop {
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        if reader.read_line(&mut head).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let lower = head.to_lowercase();
                    assert!(
                        lower.contains("authorization: pveapitoken=t@pve!x=s\r\n"),
                        "{head}"
                    );
                    let path = head.split(' ').nth(1).unwrap();
                    let path = path.strip_prefix("/api2/json").unwrap().to_owned();
                    let mut asked = seen.asked.lock().unwrap();
                    let before = asked.iter().filter(|known| **known == path).count();
                    asked.push(path.clone());
                    drop(asked);
                    let (status, data) = match answers.get(&path) {
                        Some((0, _)) if before == 0 => return,
                        Some((0, data)) => (200, data.clone()),
                        Some((status, data)) => (*status, data.clone()),
                        None => (501, json!("not implemented")),
                    };
                    let body = match status {
                        200 => json!({"data": data}),
                        _ => json!({"data": null, "message": data}),
                    };
                    let body = body.to_string();
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n\r\n{body}");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, seen)
}

/// Two nodes, a VM and a container on each, as PVE 9 tells it.
fn nine() -> Answers {
    let resources = json!([
        {"type": "node", "node": "a", "status": "online", "maxmem": 1_u64 << 34, "maxcpu": 4},
        {"type": "node", "node": "b", "status": "online", "maxmem": 1_u64 << 34, "maxcpu": 4},
        {"type": "storage", "storage": "s", "node": "a", "status": "available", "plugintype": "zfspool", "content": "images", "maxdisk": 9, "disk": 4},
        {"type": "qemu", "vmid": 101, "name": "v", "node": "a", "status": "running", "maxmem": 1 << 30},
        {"type": "lxc", "vmid": 102, "name": "c", "node": "a", "status": "running", "maxmem": 1 << 30},
        {"type": "lxc", "vmid": 103, "name": "d", "node": "a", "status": "stopped", "template": 1},
        {"type": "lxc", "vmid": 201, "name": "e", "node": "b", "status": "stopped"},
    ]);
    let permissions = json!({"/": {"Sys.Audit": 1}, "/vms": {"VM.Audit": 1, "VM.Migrate": 1, "VM.PowerMgmt": 1}, "/storage": {"Datastore.Audit": 1}});
    let mut answers: Answers = [
        ("/version", json!({"version": "9.1.3"})),
        ("/cluster/resources", resources),
        ("/cluster/status", json!([{"type": "cluster", "name": "lab", "quorate": 1}, {"type": "node", "name": "a", "online": 1}, {"type": "node", "name": "b", "online": 1}])),
        ("/storage", json!([{"storage": "s", "type": "zfspool", "content": "images,rootdir"}])),
        ("/access/permissions", permissions),
        ("/cluster/ha/status/current", json!([{"type": "lrm", "node": "b", "status": "b (maintenance mode, now)"}])),
        ("/cluster/ha/resources", json!([{"sid": "vm:101", "state": "started"}])),
        ("/cluster/ha/rules", json!([{"rule": "r", "type": "node-affinity", "resources": "vm:101", "nodes": "a:2,b", "strict": 1}])),
        ("/cluster/replication", json!([])),
        ("/cluster/tasks", json!([])),
        ("/cluster/options", json!({"max_workers": 4})),
        ("/cluster/config/nodes", json!([{"node": "a", "quorum_votes": "2"}, {"node": "b", "quorum_votes": 1}])),
        ("/cluster/config/qdevice", json!({})),
    ]
    .into_iter()
    .map(|(path, data)| (path.to_owned(), (200, data)))
    .collect();
    answers.insert(
        "/cluster/ha/groups".to_owned(),
        (500, json!("ha groups have been migrated to rules")),
    );
    for node in ["a", "b"] {
        answers.insert(format!("/nodes/{node}/status"), (200, json!({"pveversion": "pve-manager/9.1.3/abc", "cpuinfo": {"model": "N100", "cpus": 4}})));
        answers.insert(
            format!("/nodes/{node}/network?type=any_bridge"),
            (200, json!([{"iface": "vmbr0", "type": "bridge"}])),
        );
    }
    for (node, kind, vmid) in [
        ("a", "qemu", 101),
        ("a", "lxc", 102),
        ("a", "lxc", 103),
        ("b", "lxc", 201),
    ] {
        let path = format!("/nodes/{node}/{kind}/{vmid}");
        answers.insert(
            format!("{path}/config?current=1"),
            (200, json!({"digest": "d"})),
        );
        answers.insert(
            format!("{path}/snapshot"),
            (200, json!([{"name": "s1"}, {"name": "current"}])),
        );
        answers.insert(format!("{path}/migrate"), (200, json!({"running": 1})));
    }
    answers
}

fn state(answers: Answers, words: &[&str]) -> (Result<State, Stop>, Arc<Seen>) {
    let (address, seen) = serve(answers);
    let environment = Environment {
        endpoint: Some(address),
        token: Some("t@pve!x=s".to_owned()),
        ..Environment::default()
    };
    let surroundings = Surroundings {
        environment,
        now: "2026-11-22T00:00:00Z".parse().unwrap(),
        macs: vec!["02:00:00:00:00:01".to_owned()],
        interrupts: crate::run::clock::Interrupts::default(),
        speed: None,
        stderr_terminal: false,
    };
    let words = [&["pvx-migrate", "state"], words].concat();
    let command = Cli::try_parse_from(words).unwrap().command;
    let mut output = Vec::new();
    let result = crate::run(&command, &surroundings, &b""[..], &mut output, false);
    let state = result.map(|answer| {
        assert_eq!(answer, Answer::Yes);
        serde_json::from_slice(&output).unwrap()
    });
    (state, seen)
}

#[test]
fn an_answer_without_data_is_never_an_empty_state() {
    #[rustfmt::skip]
    let paths = ["/version", "/cluster/resources", "/cluster/status", "/storage", "/access/permissions",
        "/cluster/ha/resources", "/cluster/ha/rules", "/cluster/replication", "/cluster/tasks", "/nodes/a/status",
        "/nodes/a/qemu/101/config?current=1"];
    for path in paths {
        let mut answers = nine();
        answers.insert(path.to_owned(), (200, Value::Null));
        let stop = state(answers, &[]).0.expect_err(path).to_string();
        assert!(stop.contains("the answer has no data"), "{path}: {stop}");
        assert_eq!(
            stop.matches(path).count(),
            1,
            "{path} is named once: {stop}"
        );
    }
    let none = nine().into_keys().map(|path| (path, (200, Value::Null)));
    assert!(state(none.collect(), &[]).0.is_err(), "all of them");
    let mut answers = nine();
    for path in ["/cluster/resources", "/cluster/status"] {
        answers.insert(path.to_owned(), (200, json!([])));
    }
    let stop = state(answers, &[]).0.unwrap_err().to_string();
    assert!(stop.contains("it shows no node"), "{stop}");
}

#[test]
fn names_that_would_leave_the_path_are_refused() {
    for name in ["..", "a/../b", "a\r\nX: y", "a?x=", "a%2fb", ""] {
        let mut answers = nine();
        let resources = json!([{"type": "node", "node": "a", "status": "online"}, {"type": "lxc", "vmid": 102, "name": "c", "node": name}]);
        answers.insert("/cluster/resources".to_owned(), (200, resources));
        let (result, seen) = state(answers, &[]);
        let stop = result.expect_err(name).to_string();
        assert!(stop.contains("is no name of a node"), "{name:?}: {stop}");
        let asked = seen.asked.lock().unwrap();
        assert!(
            !asked.iter().any(|path| path.starts_with("/nodes/")),
            "{name:?}"
        );
    }
}

#[test]
fn nine_within_the_budget() {
    let (state, seen) = state(nine(), &[]);
    let state = state.unwrap();
    assert_eq!(
        (&state.cluster.name[..], state.cluster.quorate),
        ("lab", Some(true))
    );
    assert_eq!(
        state
            .nodes
            .iter()
            .map(|node| node.votes)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(
        state
            .nodes
            .iter()
            .map(|node| node.maintenance)
            .collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(
        state.nodes[0].bridges.as_deref(),
        Some(&["vmbr0".to_owned()][..])
    );
    assert_eq!(state.nodes[0].pve.as_deref(), Some("9.1.3"));
    assert_eq!(state.storages[0].nodes["a"].free, 5);
    assert!(
        state
            .guests
            .iter()
            .all(|guest| guest.config.is_some() && guest.precondition.is_some())
    );
    assert_eq!(
        state.guests[0].snapshots.as_deref(),
        Some(&["s1".to_owned()][..])
    );
    assert_eq!(state.ha.unwrap().rules.len(), 1);
    assert_eq!((state.missing.len(), state.self_macs.len()), (0, 1));
    let asked = seen.asked.lock().unwrap().len();
    assert!(asked <= 16 + 2 * 2 + 3 * 4, "{asked} requests");
    let connections = seen.connections.load(Ordering::Relaxed);
    assert!(connections <= 4, "{connections} connections");
}

#[test]
fn one_node_in_full() {
    let (state, seen) = state(nine(), &["--node", "b"]);
    let read = state
        .unwrap()
        .guests
        .iter()
        .filter(|guest| guest.config.is_some())
        .map(|guest| guest.vmid)
        .collect::<Vec<_>>();
    assert_eq!(read, [201]);
    assert!(seen.asked.lock().unwrap().len() <= 16 + 2 * 2 + 3);
    let refused = self::state(nine(), &["--node", "c"]).0.unwrap_err();
    assert_eq!(refused.to_string(), "--node c: the cluster has a, b");
}

#[test]
fn eight_has_groups_and_no_check_of_containers() {
    let mut answers = nine();
    answers.remove("/cluster/ha/rules");
    answers.insert(
        "/cluster/ha/groups".to_owned(),
        (
            200,
            json!([{"group": "g", "nodes": "a:2,b:1", "nofailback": 1}]),
        ),
    );
    answers.insert(
        "/cluster/ha/resources".to_owned(),
        (
            200,
            json!([{"sid": "vm:101", "state": "started", "group": "g"}]),
        ),
    );
    answers.retain(|path, _| !(path.contains("/lxc/") && path.ends_with("/migrate")));
    let (state, _) = state(answers, &[]);
    let state = state.unwrap();
    let ha = state.ha.unwrap();
    assert_eq!((ha.rules.len(), ha.resources[0].failback), (1, false));
    assert!(state.guests[0].precondition.is_some());
    assert!(state.guests[1].precondition.is_none() && state.guests[1].config.is_some());
}

#[test]
fn what_may_not_be_seen_is_unknown() {
    let refused = || (403, json!("Permission check failed (/, Sys.Audit)"));
    let mut answers = nine();
    for path in [
        "/cluster/status",
        "/cluster/ha/resources",
        "/cluster/ha/status/current",
        "/cluster/replication",
        "/cluster/tasks",
        "/nodes/a/status",
        "/nodes/a/qemu/101/migrate",
    ] {
        answers.insert(path.to_owned(), refused());
    }
    answers.insert(
        "/access/permissions".to_owned(),
        (200, json!({"/vms": {"VM.Audit": 1}})),
    );
    // A locked guest has no answer to PVE's check, an unreachable node none to anything.
    answers.insert(
        "/nodes/a/lxc/102/migrate".to_owned(),
        (500, json!("CT is locked (backup)")),
    );
    answers.insert(
        "/nodes/a/network?type=any_bridge".to_owned(),
        (200, json!([])),
    );
    answers.insert(
        "/nodes/b/status".to_owned(),
        (595, json!("No route to host")),
    );
    answers.insert(
        "/nodes/b/network?type=any_bridge".to_owned(),
        (595, json!("No route to host")),
    );
    let state = state(answers, &[]).0.unwrap();
    assert_eq!(state.cluster.quorate, None);
    assert!(state.ha.is_none() && state.replication.is_none() && state.tasks.is_none());
    assert_eq!(
        (
            state.nodes[0].pve.as_deref(),
            state.nodes[1].bridges.as_ref()
        ),
        (None, None)
    );
    assert!(state.guests[0].precondition.is_none() && state.guests[0].config.is_some());
    assert!(state.guests[1].precondition.is_none() && state.guests[1].config.is_some());
    let missing: Vec<&str> = state
        .missing
        .iter()
        .map(|missing| &missing.privilege[..])
        .collect();
    assert_eq!(
        missing,
        [
            "Sys.Audit",
            "VM.Migrate",
            "VM.PowerMgmt",
            "Datastore.Audit",
            "Sys.Audit",
            "SDN.Audit"
        ]
    );
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let mut answers = nine();
    for path in ["/cluster/resources", "/nodes/a/qemu/101/config?current=1"] {
        answers.get_mut(path).unwrap().0 = 0;
    }
    let (state, seen) = state(answers, &[]);
    assert!(state.unwrap().guests[0].config.is_some());
    let asked = seen.asked.lock().unwrap();
    assert_eq!(
        asked
            .iter()
            .filter(|path| *path == "/cluster/resources")
            .count(),
        2
    );
}

#[test]
fn what_stops_the_reading() {
    #[rustfmt::skip]
    let cases = [
        ("an unknown token",    "/version",           (401, json!("authentication failure")), "/version: status 401: authentication failure"),
        ("not PVE",             "/version",           (404, Value::Null),                     "/version: status 404"),
        ("no overview",         "/cluster/resources", (500, json!("no quorum?")),             "/cluster/resources: status 500: no quorum?"),
        ("a guest without ID",  "/cluster/resources", (200, json!([{"type": "lxc", "node": "a"}])), r#"/cluster/resources: not a guest: {"type":"lxc","node":"a"}"#),
    ];
    for (name, path, answer, want) in cases {
        let mut answers = nine();
        answers.insert(path.to_owned(), answer);
        let stop = state(answers, &[]).0.unwrap_err().to_string();
        assert!(stop.ends_with(want), "{name}: {stop}");
    }
}
