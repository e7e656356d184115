//! A simulated cluster as a process of its own, and `pvx-migrate run` on it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    tools::tools,
    wire::{self, Message},
};

/// Simulated seconds in one.
pub const SPEED: f64 = 400.0;

/// A wait for something that must happen; it is long so that a slow machine doesn't fail.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Sim {
    pub folder: TempDir,
    speed: f64,
    address: String,
    token: String,
    process: Child,
    // It ends when this does.
    _input: Option<ChildStdin>,
}

impl Sim {
    pub fn start(scenario: &Value) -> Self {
        Self::at_speed(scenario, SPEED)
    }

    /// With so many simulated seconds in one.
    pub fn at_speed(scenario: &Value, speed: f64) -> Self {
        Self::launch(scenario, speed, &[])
    }

    /// With a command that is told of guests.
    pub fn with_hook(scenario: &Value, hook: &Path) -> Self {
        Self::launch(scenario, SPEED, &["--hook", hook.to_str().unwrap()])
    }

    fn launch(scenario: &Value, speed: f64, words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scenario.json");
        fs::write(&path, scenario.to_string()).unwrap();
        let mut process = Command::new(&tools()["pve-cluster"])
            .args(["--speed", &speed.to_string()])
            .args(words)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let (url, token) = line.trim().split_once(' ').expect("address and token");
        Self {
            address: url.trim_start_matches("http://").to_owned(),
            token: token.to_owned(),
            speed,
            _input: process.stdin.take(),
            process,
            folder,
        }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let request = Message::request(method, path, "", body);
        wire::ask(&self.address, &request).unwrap().json()["data"].take()
    }

    /// The header of its token.
    pub fn authorization(&self) -> String {
        format!("PVEAPIToken={}", self.token)
    }

    /// An answer as it comes.
    pub fn raw(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Message {
        let request = Message::request(method, path, token, body);
        wire::ask(&self.address, &request).unwrap()
    }

    pub fn truth(&self) -> Value {
        self.ask("GET", "/control/truth", None)
    }

    /// Lets something go wrong, or right again.
    pub fn fault(&self, fault: &Value) {
        self.ask("POST", "/control/fault", Some(fault));
    }

    /// Tells a control path of the simulation something.
    pub fn control(&self, path: &str, body: &Value) {
        self.ask("POST", &format!("/control/{path}"), Some(body));
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the truth is so.
    pub fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let truth = self.truth();
            if is(&truth) {
                return truth;
            }
            assert!(started.elapsed() < PATIENCE, "never {what}: {truth:#}");
            thread::sleep(Duration::from_millis(3));
        }
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    /// By which the tools find it.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("PROXMOX_VE_ENDPOINT", format!("http://{}", self.address)),
            ("PROXMOX_VE_API_TOKEN", self.token.clone()),
            ("PVX_SPEED", self.speed.to_string()),
        ]
    }

    /// `pvx-migrate` with these words, on this cluster.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&tools()["pvx-migrate"]);
        command
            .args(words)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Begins to run a plan.
    pub fn begin(&self, plan: &[Value], words: &[&str]) -> Child {
        let journal = self.journal();
        let mut all = vec!["run", "--journal", journal.to_str().unwrap()];
        all.extend(words);
        let mut child = self.command(&all).spawn().unwrap();
        let text: String = plan.iter().map(|step| format!("{step}\n")).collect();
        // A run that refuses its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        child
    }

    /// Runs a plan to its end.
    pub fn run(&self, plan: &[Value]) -> Ran {
        Ran::of(self.begin(plan, &[]).wait_with_output().unwrap())
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a run left on its outputs.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub records: Vec<Value>,
    pub said: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = String::from_utf8(output.stdout).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            records: text
                .lines()
                .map(|line| serde_json::from_str(line).expect("a record is JSON"))
                .collect(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The record of a guest.
    pub fn record(&self, vmid: u64) -> &Value {
        let found = self.records.iter().find(|record| record["vmid"] == vmid);
        found.unwrap_or_else(|| panic!("no record of {vmid}: {self:?}"))
    }
}

/// Three nodes with the same storages: LVM-thin on all of them.
pub fn cluster(guests: &[Value]) -> Value {
    let node = || json!({"maxmem": 34_359_738_368_u64, "maxcpu": 8});
    json!({
        "cluster": "lab",
        "nodes": {"a": node(), "b": node(), "c": node()},
        "storages": {
            "thin": {"type": "lvmthin", "content": "images,rootdir"},
            "nas": {"type": "nfs", "content": "images,rootdir,iso", "server": "192.0.2.9", "export": "/pve"}
        },
        "guests": guests,
    })
}

pub fn container(vmid: u64, node: &str) -> Value {
    json!({"type": "lxc", "vmid": vmid, "name": format!("ct{vmid}"), "node": node, "status": "running",
        "config": {"memory": 512, "rootfs": format!("thin:vm-{vmid}-disk-0,size=2G"), "onboot": 1,
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,type=veth"}})
}

pub fn machine(vmid: u64, node: &str) -> Value {
    json!({"type": "qemu", "vmid": vmid, "name": format!("vm{vmid}"), "node": node, "status": "running",
        "config": {"memory": "1024", "scsi0": format!("thin:vm-{vmid}-disk-0,size=2G"), "onboot": 1,
            "net0": "virtio=BC:24:11:00:00:02,bridge=vmbr0"}})
}

/// `base` with these members of an object put into it, at any depth.
pub fn with(mut base: Value, change: Value) -> Value {
    if let (Value::Object(base), Value::Object(change)) = (&mut base, &change) {
        for (name, value) in change {
            let old = base.remove(name).unwrap_or_default();
            base.insert(name.clone(), with(old, value.clone()));
        }
        return Value::Object(std::mem::take(base));
    }
    change
}

/// The step of a plan that moves a guest of a scenario to `to`.
pub fn step(guest: &Value, to: &str) -> Value {
    let running = guest["status"] == "running";
    let action = match (running, guest["type"] == "lxc") {
        (false, _) => "offline",
        (true, true) => "restart",
        (true, false) => "live",
    };
    json!({"vmid": guest["vmid"], "type": guest["type"], "name": guest["name"], "from": guest["node"], "to": to, "after": [],
        "action": action, "reason": "test", "refused": [], "blockers": [], "downtime_s": 10, "duration_s": 60, "estimate": "test",
        "bytes": 2_147_483_648_u64, "was_running": running, "ha": null, "local_disks": true, "timeout_s": 60, "cluster": "lab",
        "state_at": now()})
}

/// The time as the tools write it.
pub fn now() -> String {
    let output = Command::new("date")
        .args(["-u", "+%FT%TZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs a test for each of `all`; four at once, because most of it is waiting.
pub fn four_at_once<T: Sync>(
    all: &[T],
    name: impl Fn(&T) -> String + Sync,
    test: impl Fn(&T) + Sync,
) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    tools(); // built once, and not on anybody's time
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if panic::catch_unwind(AssertUnwindSafe(|| test(one))).is_err() {
                        failed.lock().unwrap().push(name(one));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} of {} failed: {failed:#?}",
        failed.len(),
        all.len()
    );
}
