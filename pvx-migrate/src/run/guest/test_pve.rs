//! A cluster of one node in memory, for the tests of what makes and removes
//! guests: answers may be lost, the run may be cut off at any request, and tasks may fail.
//!
//! Its answers are those of Proxmox VE 9.2 as they were recorded. Times play no part: a task ends when
//! it was asked for often enough.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Map, Value, json};

/// Whose requests these are.
pub const USER: &str = "t@pve!x";

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fault {
    /// The request, counted from 0.
    pub at: usize,
    /// It has its effect all the same.
    pub acts: bool,
    /// The run is killed there: nothing is heard of it any more.
    pub kills: bool,
}

/// The cluster.
#[derive(Default)]
pub struct World {
    /// Configurations by ID.
    pub guests: BTreeMap<u32, Guest>,
    /// Requests as they came: method and path.
    pub asked: Vec<String>,
    /// The body of the last request of each path.
    pub bodies: BTreeMap<String, String>,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// The run that talks was killed.
    pub dead: bool,
    /// How tasks of a type end, if not well.
    pub fails: BTreeMap<String, String>,
    /// A worker is killed: its lock stays.
    pub worker_dies: bool,
    /// Answers that are other than usual: by method and path a status and data or words.
    pub says: BTreeMap<String, (u16, Value)>,
    /// So many of the next logs can't be read.
    pub unread_logs: u32,
    /// So many requests to guest agents find none that runs.
    pub no_agent: u32,
    /// What files guests have, by path.
    pub files: BTreeMap<String, String>,
    /// After so many requests nobody listens for a moment: the next one can't be sent.
    pub away_after: Option<usize>,
    /// What is done right before this request, once.
    pub meanwhile: Option<(String, fn(&mut World))>,
    /// The same right before the request of that number.
    pub meanwhile_at: Option<(usize, fn(&mut World))>,
    /// The run is told to stop right before this request.
    pub stop_before: Option<String>,
    /// How often the run was told so.
    pub interrupts: Option<Arc<AtomicUsize>>,
    /// Tasks of this type go on without an end.
    pub endless: Option<String>,
    /// Tasks, oldest first.
    pub tasks: Vec<Task>,
    /// How many configurations were written.
    pub digests: u64,
}

/// A container, or a VM.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// It is a VM.
    pub vm: bool,
    /// Its configuration without its digest.
    pub config: Map<String, Value>,
    /// It runs.
    pub running: bool,
    digest: u64,
}

/// A task.
pub struct Task {
    upid: String,
    kind: String,
    vmid: u32,
    /// For how many questions it goes on.
    left: u32,
    end: String,
    log: Vec<String>,
    /// Of a resize: the disk and its size.
    grows: Option<(String, String)>,
}

type Said = (u16, Value);

fn no(words: impl Into<String>) -> Said {
    (500, words.into().into())
}

impl World {
    /// A container that is there.
    pub fn with(mut self, vmid: u32, config: Value, running: bool) -> Self {
        let config = config.as_object().unwrap().clone();
        self.digests += 1;
        let digest = self.digests;
        self.guests.insert(
            vmid,
            Guest {
                vm: false,
                config,
                running,
                digest,
            },
        );
        self
    }

    /// How often something was asked for.
    pub fn count(&self, beginning: &str) -> usize {
        let asked = self.asked.iter();
        asked.filter(|line| line.starts_with(beginning)).count()
    }

    /// The answer to a request; none if none comes.
    pub fn hear(&mut self, method: &str, path: &str, body: &str) -> Option<Said> {
        if self.dead {
            return None;
        }
        let at = self.asked.len();
        let line = format!("{method} {path}");
        self.asked.push(line.clone());
        self.bodies.insert(line.clone(), body.to_owned());
        if self.stop_before.take_if(|before| *before == line).is_some() {
            let interrupts = self.interrupts.as_ref().unwrap();
            interrupts.fetch_max(1, Ordering::Relaxed);
        }
        if let Some((_, act)) = self.meanwhile_at.take_if(|(before, _)| *before == at) {
            act(self);
        }
        if let Some((_, act)) = self.meanwhile.take_if(|(before, _)| *before == line) {
            act(self);
        }
        if let Some(fault) = self.fault.filter(|fault| fault.at == at) {
            if fault.acts {
                self.answer(method, path, body);
            }
            self.dead = fault.kills;
            return None;
        }
        if let Some(said) = self.says.get(&line) {
            return Some(said.clone());
        }
        Some(self.answer(method, path, body))
    }

    fn answer(&mut self, method: &str, path: &str, body: &str) -> Said {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let form = form(body);
        match (method, &parts[..]) {
            ("GET", ["cluster", "status"]) => (
                200,
                json!([{"type": "cluster", "name": "c", "quorate": 1}, {"type": "node", "name": "a", "online": 1}]),
            ),
            ("GET", ["cluster", "nextid"]) => {
                let vmid: u32 = query.trim_start_matches("vmid=").parse().unwrap();
                match self.guests.contains_key(&vmid) {
                    true => (400, json!({"vmid": format!("VM {vmid} already exists")})),
                    false => (200, vmid.to_string().into()),
                }
            }
            ("GET", ["cluster", "resources"]) => {
                let row = |(vmid, guest): (&u32, &Guest)| {
                    let kind = if guest.vm { "qemu" } else { "lxc" };
                    json!({"type": kind, "vmid": vmid, "node": "a", "name": "stale"})
                };
                (200, self.guests.iter().map(row).collect())
            }
            ("GET", ["cluster", ..]) => (200, json!([])),
            ("GET", ["nodes", "a", "tasks"]) => self.list(),
            ("GET", ["nodes", "a", "tasks", upid, "status"]) => self.status(upid),
            ("GET", ["nodes", "a", "tasks", upid, "log"]) => self.log(upid),
            ("POST", ["nodes", "a", "lxc"]) => self.create(&form, false),
            ("POST", ["nodes", "a", "qemu"]) => self.create(&form, true),
            (_, ["nodes", "a", kind @ ("lxc" | "qemu"), vmid, rest @ ..]) => {
                let vmid: u32 = vmid.parse().unwrap();
                let guest = self.guests.get(&vmid);
                if guest.is_none_or(|guest| guest.vm != (*kind == "qemu")) {
                    let folder = kind.replace("qemu", "qemu-server");
                    return no(format!(
                        "Configuration file 'nodes/a/{folder}/{vmid}.conf' does not exist"
                    ));
                }
                self.of_guest(method, vmid, rest, &form, query)
            }
            _ => (
                501,
                format!("Method '{method} {path}' not implemented").into(),
            ),
        }
    }

    fn of_guest(
        &mut self,
        method: &str,
        vmid: u32,
        rest: &[&str],
        form: &BTreeMap<String, String>,
        query: &str,
    ) -> Said {
        let guest = self.guests[&vmid].clone();
        let type_of = |what: &str| format!("{}{what}", if guest.vm { "qm" } else { "vz" });
        let lock = guest.config.get("lock").and_then(Value::as_str);
        match (method, rest) {
            ("GET", ["config"]) => {
                let mut config = guest.config;
                config.insert("digest".into(), format!("{:040x}", guest.digest).into());
                (200, config.into())
            }
            ("GET", ["agent", "file-read"]) => self.file(vmid, query.trim_start_matches("file=")),
            ("GET", ["status", "current"]) => {
                let status = if guest.running { "running" } else { "stopped" };
                (200, json!({"status": status, "ha": {"managed": 0}}))
            }
            ("PUT", ["config"]) => self.put(vmid, form),
            ("POST" | "PUT" | "DELETE", _) if lock.is_some() => no("CT is locked (create)"),
            ("POST", ["status", "start"]) => self.begin(&type_of("start"), vmid),
            ("POST", ["status", "shutdown"]) => self.begin(&type_of("shutdown"), vmid),
            ("PUT", ["resize"]) => {
                let said = self.begin("resize", vmid);
                let grows = (form["disk"].clone(), form["size"].clone());
                self.tasks.iter_mut().for_each(|task| {
                    if said.1 == *task.upid {
                        task.grows = Some(grows.clone());
                    }
                });
                said
            }
            ("DELETE", []) if guest.running => no(format!(
                "unable to destroy CT {vmid} - container is running"
            )),
            ("DELETE", []) if guest.config.contains_key("protection") => {
                no(format!("can't remove CT {vmid} - protection mode enabled"))
            }
            ("DELETE", []) => {
                assert!(["", "purge=1"].contains(&query), "{query}");
                self.begin(&type_of("destroy"), vmid)
            }
            _ => (501, "not implemented".into()),
        }
    }

    /// A file of a VM, as its agent tells it.
    fn file(&mut self, vmid: u32, path: &str) -> Said {
        let guest = &self.guests[&vmid];
        if !guest.config.contains_key("agent") {
            return no("No QEMU guest agent configured");
        }
        if !guest.running {
            return no(format!("VM {vmid} is not running"));
        }
        if self.no_agent > 0 {
            self.no_agent -= 1;
            return no("QEMU guest agent is not running");
        }
        match self.files.get(path) {
            Some(content) => (
                200,
                json!({"content": content, "bytes-read": content.len()}),
            ),
            None => no(format!(
                "Agent error: failed to open file '{path}' (mode: 'r'): No such file or directory"
            )),
        }
    }

    fn create(&mut self, form: &BTreeMap<String, String>, vm: bool) -> Said {
        let vmid: u32 = form["vmid"].parse().unwrap();
        if self.guests.contains_key(&vmid) {
            return no(format!("CT {vmid} already exists on node 'a'"));
        }
        let config = Map::from_iter([("lock".to_owned(), json!("create"))]);
        self.digests += 1;
        let digest = self.digests;
        self.guests.insert(
            vmid,
            Guest {
                vm,
                config,
                running: false,
                digest,
            },
        );
        let said = self.begin(if vm { "qmcreate" } else { "vzcreate" }, vmid);
        let mut config: Map<String, Value> = form
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        config.remove("vmid");
        self.bodies
            .insert(format!("made {vmid}"), Value::Object(config).to_string());
        said
    }

    fn put(&mut self, vmid: u32, form: &BTreeMap<String, String>) -> Said {
        self.digests += 1;
        let digest = self.digests;
        let guest = self.guests.get_mut(&vmid).unwrap();
        if form["digest"] != format!("{:040x}", guest.digest) {
            return no("detected modified configuration - file changed by other user? Try again.");
        }
        if form.get("delete").is_some() {
            guest.config.remove("description");
        } else {
            // As Proxmox VE gives it back.
            guest.config.insert(
                "description".into(),
                format!("{}\n", form["description"]).into(),
            );
        }
        guest.digest = digest;
        (200, Value::Null)
    }

    /// Begins a task of this token's.
    pub fn begin(&mut self, kind: &str, vmid: u32) -> Said {
        let number = self.tasks.len() + 1;
        let upid = format!("UPID:a:{number:08X}:00000001:6B07DB06:{kind}:{vmid}:{USER}:");
        let (mut end, mut log) = ("OK".to_owned(), Vec::new());
        if let Some(words) = self.fails.get(kind) {
            end.clone_from(words);
        }
        if end.starts_with("WARNINGS: ") {
            log.push("WARN: it is newer than tested".to_owned());
        }
        if kind == "vzcreate" && (end == "OK" || end.starts_with("WARNINGS: ")) {
            log.push(
                "Creating SSH host key 'ssh_host_ed25519_key' - this may take some time ..."
                    .to_owned(),
            );
            log.push("done: SHA256:VsaJwR5HcO0qy0oYTM4Pxy+QFgnYBOLDW8DNodakjIk root@g".to_owned());
        }
        log.push(format!("TASK {end}"));
        let left = 2;
        self.tasks.push(Task {
            upid: upid.clone(),
            kind: kind.to_owned(),
            vmid,
            left,
            end,
            log,
            grows: None,
        });
        (200, upid.into())
    }

    /// All tasks come to their end.
    pub fn end_tasks(&mut self) {
        for at in 0..self.tasks.len() {
            while self.tasks[at].left > 0 {
                self.go_on(at);
            }
        }
    }

    /// A task goes on by one question; at its end it has its effect.
    fn go_on(&mut self, at: usize) {
        let task = &mut self.tasks[at];
        if task.left == 0 || self.endless.as_ref() == Some(&task.kind) {
            return;
        }
        task.left -= 1;
        if task.left > 0 {
            return;
        }
        let ok = task.end == "OK" || task.end.starts_with("WARNINGS: ");
        let (kind, vmid) = (task.kind.clone(), task.vmid);
        let grows = task.grows.clone();
        if self.worker_dies {
            "unexpected status".clone_into(&mut task.end);
            return;
        }
        self.digests += 1;
        match (&kind[..], ok) {
            ("vzcreate" | "qmcreate", true) => {
                let made = &self.bodies[&format!("made {vmid}")];
                let guest = self.guests.get_mut(&vmid).unwrap();
                guest.config = serde_json::from_str(made).unwrap();
                guest.digest = self.digests;
            }
            ("vzcreate" | "qmcreate", false) | ("vzdestroy" | "qmdestroy", true) => {
                self.guests.remove(&vmid);
            }
            ("resize", true) => {
                let (disk, size) = grows.unwrap();
                let guest = self.guests.get_mut(&vmid).unwrap();
                let value = guest.config[&disk].as_str().unwrap();
                let volume = value.split(',').next().unwrap();
                let value = format!("{volume},size={size}");
                guest.config.insert(disk, value.into());
            }
            ("vzstart" | "qmstart", true) => self.guests.get_mut(&vmid).unwrap().running = true,
            ("vzshutdown" | "qmshutdown", true) => {
                self.guests.get_mut(&vmid).unwrap().running = false
            }
            _ => {}
        }
    }

    fn list(&mut self) -> Said {
        for at in 0..self.tasks.len() {
            self.go_on(at);
        }
        let row = |task: &Task| match task.left {
            0 => json!({"upid": task.upid, "status": task.end, "endtime": 1}),
            _ => json!({"upid": task.upid, "status": "RUNNING"}),
        };
        (200, self.tasks.iter().rev().map(row).collect())
    }

    fn status(&mut self, upid: &str) -> Said {
        let Some(at) = self.tasks.iter().position(|task| task.upid == upid) else {
            return (400, json!({"upid": "no such task"}));
        };
        self.go_on(at);
        let task = &self.tasks[at];
        (
            200,
            match task.left {
                0 => json!({"status": "stopped", "exitstatus": task.end}),
                _ => json!({"status": "running"}),
            },
        )
    }

    fn log(&mut self, upid: &str) -> Said {
        if self.unread_logs > 0 {
            self.unread_logs -= 1;
            return (596, "Connection timed out".into());
        }
        let task = self.tasks.iter().find(|task| task.upid == upid).unwrap();
        let rows = task.log.iter().enumerate();
        (
            200,
            rows.map(|(at, text)| json!({"n": at + 1, "t": text}))
                .collect(),
        )
    }
}

fn form(body: &str) -> BTreeMap<String, String> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next().unwrap(), rest.next().unwrap()];
            let hex = std::str::from_utf8(&hex).unwrap().to_owned();
            bytes.push(u8::from_str_radix(&hex, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}
