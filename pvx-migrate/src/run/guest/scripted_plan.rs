//! What the tests that run plans over the scripted cluster share.

use std::{path::Path, sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use vmid::exit::{Answer, Stop};

use super::{test_pve::World, test_server::Server};
use crate::run::{
    self, Options,
    clock::{Clock, Interrupts},
    queue::Limits,
};

/// What a run left.
pub struct Ran {
    pub answer: Result<Answer, String>,
    pub records: Vec<Value>,
}

impl Ran {
    pub fn code(&self) -> &str {
        self.records[0]["error"]["code"].as_str().unwrap_or("")
    }
}

pub fn options(journal: Option<&Path>) -> Options {
    Options {
        journal: journal.map(Path::to_owned),
        limits: Limits {
            jobs: 4,
            per_node: 2,
        },
        partial: false,
        quorum_wait: Duration::from_secs(600),
        agent_wait: Duration::from_secs(60),
        max_age: Duration::from_secs(600),
        now: "2020-01-01T00:05:00Z".parse().unwrap(),
        terminal: false,
    }
}

pub fn run_with(server: &Server, options: &Options, plan: &[Value], interrupted: usize) -> Ran {
    let clock = Clock {
        interrupts: Interrupts::default(),
        // A task without an end is followed for two hours.
        speed: match server.world().endless {
            Some(_) => 20_000.0,
            None => 1000.0,
        },
    };
    clock.interrupts.0.store(interrupted, Ordering::Relaxed);
    server.world().interrupts = Some(clock.interrupts.0.clone());
    let text: String = plan.iter().map(|line| format!("{line}\n")).collect();
    let mut output = Vec::new();
    // A run that was killed waits for nothing any more.
    let watched = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while clock.interrupts.count() < 9 {
                if server.world().dead {
                    clock.interrupts.0.fetch_max(2, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let answer = run::run(&server.pve, options, &clock, text.as_bytes(), &mut output);
        clock.interrupts.0.store(9, Ordering::Relaxed);
        watcher.join().unwrap();
        answer
    });
    let text = String::from_utf8(output).unwrap();
    Ran {
        answer: watched.map_err(|stop: Stop| stop.to_string()),
        records: text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    }
}

pub fn run(server: &Server, journal: &Path, plan: &[Value]) -> Ran {
    run_with(server, &options(Some(journal)), plan, 0)
}

pub fn create() -> Value {
    json!({"vmid": 100, "type": "lxc", "name": "g", "node": "a", "action": "create", "reason": "",
        "params": {"hostname": "g", "ostemplate": "local:vztmpl/x.tar.zst", "rootfs": "zdata:8", "memory": 512,
            "features": "nesting=1", "net0": "name=eth0,bridge=vmbr0,type=veth"},
        "start": true, "blockers": [], "cluster": "c", "state_at": "2020-01-01T00:00:00Z"})
}

/// A VM, two of whose disks grow.
pub fn create_vm() -> Value {
    let mut line = create();
    line["type"] = "qemu".into();
    line["params"] = json!({"name": "g", "memory": 512, "agent": "enabled=1",
        "scsi0": "zdata:0,import-from=local:import/x.qcow2", "scsi1": "zdata:4", "net0": "virtio,bridge=vmbr0"});
    line["resize"] = json!({"scsi0": "12G", "scsi1": "9G"});
    line
}

/// The digest that the scripted cluster gives its first guest.
pub const DIGEST: &str = "0000000000000000000000000000000000000001";

pub fn destroy() -> Value {
    json!({"vmid": 100, "type": "lxc", "name": "g", "node": "a", "action": "destroy", "stop": true, "timeout_s": 60,
        "purge": null, "digest": DIGEST, "snapshot": null, "blockers": [], "cluster": "c", "state_at": "2020-01-01T00:00:00Z"})
}

pub fn there() -> World {
    World::default().with(
        100,
        json!({"hostname": "g", "description": "notes\n", "rootfs": "zdata:v,size=8G"}),
        true,
    )
}

pub fn journal(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("journal.jsonl")
}

pub const POST: &str = "POST /nodes/a/lxc";
pub const DELETE: &str = "DELETE /nodes/a/lxc/100";

/// How a request goes wrong: whether it has its effect, and whether the run is killed there. One that
/// changes nothing is worth less of the tests' time.
pub fn ways(at: usize, request: Option<&String>) -> &'static [(bool, bool)] {
    const ALL: [(bool, bool); 4] = [(false, true), (true, true), (true, false), (false, false)];
    let reads = request.is_none_or(|line| line.starts_with("GET"));
    match (reads, at % 4) {
        (false, _) => &ALL,
        (true, 0) => &[(false, false)],
        (true, _) => &ALL[..1],
    }
}
