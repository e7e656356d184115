//! A server on loopback with answers as PVE 8 and 9 give them, for the tests of the reader.

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
pub type Answers = HashMap<String, (u16, Value)>;

/// What was asked, in order, and how many connections were made.
#[derive(Default)]
pub struct Seen {
    pub asked: Mutex<Vec<String>>,
    pub connections: AtomicUsize,
}

/// Serves `answers`; a path with the status 0 gets none the first time, its connection is cut,
/// and one with the status 1 never gets any.
pub fn serve(answers: Answers) -> (String, Arc<Seen>) {
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
                        Some((1, _)) => return,
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
pub fn nine() -> Answers {
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
        answers.insert(
            format!("{path}/snapshot/s1/config"),
            (200, json!({"rootfs": "s:x"})),
        );
    }
    answers
}

pub fn state(answers: Answers, words: &[&str]) -> (Result<State, Stop>, Arc<Seen>) {
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
        netbox: None,
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
