//! A request that nobody could hear was not made: it is made again, and not told as refused.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    guests::{create_vm, scenario},
    sim::{Ran, Sim, container, step},
};

/// Slow enough for the run to get to its first request while nobody listens.
const SPEED: f64 = 250.0;
/// For how long nobody listens; the patience of a run is 300 s of its own time, so 1.2 s at least.
const AWAY: Duration = Duration::from_millis(800);

/// An address that leads to the cluster, at which nobody listens for a while once the first connection
/// has come. Reads go on over that one; what changes something gets a connection of its own.
fn away_for_a_while(cluster: &str) -> String {
    let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let cluster = cluster.to_owned();
    thread::spawn(move || {
        let mut is_first = true;
        loop {
            let (there, _) = listener.accept().unwrap();
            let here = TcpStream::connect(&cluster).unwrap();
            pump(&there, &here);
            pump(&here, &there);
            if std::mem::take(&mut is_first) {
                drop(listener);
                thread::sleep(AWAY);
                listener = TcpListener::bind(at).unwrap();
            }
        }
    });
    at.to_string()
}

fn pump(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn it_is_made_again_when_somebody_listens() {
    let guest = container(100, "a");
    for (name, plan) in [("a move", step(&guest, "b")), ("a creation", create_vm())] {
        let sim = Sim::at_speed(&scenario(std::slice::from_ref(&guest), json!({})), SPEED);
        let journal = sim.journal();
        let input = sim.folder.path().join("plan");
        std::fs::write(&input, format!("{plan}\n")).unwrap();
        let mut command = sim.command(&["run", "--journal", journal.to_str().unwrap()]);
        let endpoint = format!("http://{}", away_for_a_while(sim.address()));
        let ran = command
            .env("PROXMOX_VE_ENDPOINT", endpoint)
            .stdin(std::fs::File::open(&input).unwrap())
            .output();
        let ran = Ran::of(ran.unwrap());
        assert_eq!(ran.code, 0, "{name}: {ran:#?}");
        let text = std::fs::read_to_string(&journal).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let first = lines
            .filter(|line| line["phase"] == "requested")
            .filter(|line| {
                ["migrate", "create"]
                    .iter()
                    .any(|call| line["request"]["call"] == *call)
            });
        assert!(first.count() > 1, "{name}: it was sent at once: {text}");
        let truth = sim.truth();
        let posts = truth["requests"].as_array().unwrap().iter();
        let posts = posts.filter(|request| {
            let path = request["path"].as_str().unwrap();
            request["method"] == "POST" && (path.ends_with("/migrate") || path.ends_with("/qemu"))
        });
        assert_eq!(posts.count(), 1, "{name}");
    }
}
