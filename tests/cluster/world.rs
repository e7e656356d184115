//! The truth about the simulated cluster, and its whole past.
//!
//! Times are simulated seconds since the start. Nothing happens but in
//! [`World::advance`](crate::time), which goes from event to event, so what a run
//! sees does not depend on how often it looks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub use crate::volume::{Volume, volumes};
use crate::{agent::Agent, fault::Fault, ha::Ha, pvestatd::Silences, task::Task, volume::keys};

pub struct Node {
    pub online: bool,
    /// The HA manager's maintenance mode.
    pub maintenance: bool,
    pub maxmem: u64,
    pub maxcpu: u64,
    pub bridges: Vec<String>,
    /// Those of them that are VLAN-aware.
    pub vlan_aware: Vec<String>,
    /// Files that are only here, by volume ID (`local:snippets/hook.pl`).
    pub files: Vec<String>,
    /// What its network carries, each way, in bytes per second.
    pub bandwidth: f64,
    /// The zone of its clock.
    pub timezone: String,
}

pub struct Storage {
    pub kind: String,
    pub content: String,
    pub shared: bool,
    /// None: on all nodes.
    pub nodes: Option<Vec<String>>,
    pub total: u64,
    pub used: u64,
    /// The entry of the scenario, as `GET /storage` shows it.
    pub fields: Map<String, Value>,
}

impl Storage {
    pub fn disabled(&self) -> bool {
        self.fields.get("disable") == Some(&1.into())
    }
}

impl File {
    /// One of which the scenario says only that it is there.
    pub fn ordinary() -> Self {
        Self {
            nodes: None,
            bytes: 2_593,
            unpacked: 40_960,
            seconds: 2.0,
            junk: false,
            debian: None,
            ctime: 0,
        }
    }
}

pub struct Guest {
    pub vmid: u32,
    pub ct: bool,
    pub name: String,
    pub node: String,
    pub running: bool,
    /// What QEMU says of a VM that runs, if that isn't `running`: `paused`, `io-error`, ...
    pub qmp: Option<String>,
    pub lock: Option<String>,
    pub template: bool,
    pub config: Map<String, Value>,
    /// Changes that wait for a restart.
    pub pending: Map<String, Value>,
    /// Snapshots by name, with their config where it isn't the guest's own.
    pub snapshots: BTreeMap<String, Option<Map<String, Value>>>,
    pub shutdown_s: f64,
    pub boot_s: f64,
    /// When it will have shut down, if it was told to; nobody can take that back.
    pub stops_at: Option<f64>,
    pub started_at: f64,
    /// It answers no shutdown.
    pub deaf: bool,
    /// Its data was written to a disk that had no room for it, and nobody was told.
    pub damaged: bool,
}

/// A file that guests are made from, or another that a storage has beside volumes.
#[derive(Clone, Debug)]
pub struct File {
    /// None: on every node that has the storage.
    pub nodes: Option<Vec<String>>,
    pub bytes: u64,
    /// What comes out of it, in bytes.
    pub unpacked: u64,
    /// How long unpacking takes, in seconds.
    pub seconds: f64,
    /// It can't be read.
    pub junk: bool,
    /// The version of its Debian; one that Proxmox VE doesn't know yet is warned of.
    pub debian: Option<u64>,
    pub ctime: i64,
}

/// One thing that became true of a guest.
#[derive(Clone)]
pub struct Change {
    pub at: f64,
    pub vmid: u32,
    pub node: String,
    pub running: bool,
    pub qmp: Option<String>,
    pub lock: Option<String>,
    pub cause: String,
    pub name: Option<String>,
    pub memory: u64,
    pub disk: u64,
    /// From here on there is no such guest.
    pub gone: bool,
}

pub struct World {
    pub now: f64,
    /// What `now` 0 is in the calendar.
    pub epoch: i64,
    /// What one migration can carry by itself, in bytes per second.
    pub stream: f64,
    pub name: String,
    /// 8 or 9.
    pub api: u64,
    pub quorate: bool,
    pub nodes: BTreeMap<String, Node>,
    pub storages: BTreeMap<String, Storage>,
    pub guests: BTreeMap<u32, Guest>,
    pub tasks: Vec<Task>,
    pub ha: Ha,
    pub replication: Vec<Value>,
    pub options: Value,
    pub mappings: Value,
    /// Secrets by token, and rights by token and path; a token without an entry may all.
    pub tokens: BTreeMap<String, String>,
    pub rights: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The guests of each pool.
    pub pools: BTreeMap<String, Vec<u32>>,
    pub faults: Vec<Fault>,
    /// The worker that the request at hand would start doesn't begin.
    pub no_worker: bool,
    pub silences: Silences,
    pub leftovers: Vec<Leftover>,
    /// Templates and images, by volume ID.
    pub files: BTreeMap<String, File>,
    /// As `GET /cluster/backup` has them.
    pub backup_jobs: Vec<Value>,
    /// Entries of the access tree, as `/access/acl` has them.
    pub acl: Vec<Value>,
    /// The scenario's: storage, vmid, type, time (epoch), notes, protected.
    pub backups: Vec<Value>,
    /// Guest agents, by the IDs of VMs.
    pub agents: BTreeMap<u32, Agent>,
    /// What is told of guests that are made, started, stopped or destroyed.
    pub listener: Option<String>,
    pub history: Vec<Change>,
    pub requests: Vec<Value>,
}

impl World {
    pub fn guest(&self, vmid: u32) -> &Guest {
        &self.guests[&vmid]
    }

    /// Changes a guest and notes what became of it.
    pub fn change(&mut self, vmid: u32, cause: &str, change: impl FnOnce(&mut Guest)) {
        let now = self.now;
        let Some(guest) = self.guests.get_mut(&vmid) else {
            return;
        };
        let (before, ran) = (guest.now(now, cause), guest.running);
        change(guest);
        if guest.running && !ran {
            guest.started_at = now;
        }
        let after = guest.now(now, cause);
        let same = (&before.node, before.running, &before.qmp, &before.lock)
            == (&after.node, after.running, &after.qmp, &after.lock)
            && (&before.name, before.memory, before.disk)
                == (&after.name, after.memory, after.disk);
        if same {
            return;
        }
        let running = after.running;
        self.history.push(after);
        if running != ran {
            self.tell(if running { "start" } else { "stop" }, vmid);
        }
    }

    /// A guest that wasn't there.
    pub fn appear(&mut self, guest: Guest, cause: &str) {
        self.history.push(guest.now(self.now, cause));
        self.guests.insert(guest.vmid, guest);
    }

    /// A guest that is no more.
    pub fn vanish(&mut self, vmid: u32, cause: &str) {
        if let Some(guest) = self.guests.remove(&vmid) {
            let mut last = guest.now(self.now, cause);
            last.gone = true;
            last.running = false;
            self.history.push(last);
        }
    }

    pub fn has_storage(&self, storage: &str, node: &str) -> bool {
        self.storages.get(storage).is_some_and(|s| {
            s.nodes
                .as_ref()
                .is_none_or(|nodes| nodes.iter().any(|n| n == node))
        })
    }

    /// The epoch second of now.
    pub fn clock(&self) -> i64 {
        self.epoch + self.now as i64
    }

    /// Everything there is to know, for assertions.
    pub fn truth(&self) -> Value {
        let guests = self.guests.values().map(|g| {
            let moves: Vec<Value> = self
                .history
                .iter()
                .filter(|c| c.vmid == g.vmid)
                .scan(None, |last: &mut Option<String>, c| {
                    let moved = last.as_ref().is_some_and(|node| *node != c.node);
                    *last = Some(c.node.clone());
                    Some(moved.then(|| json!({"at": c.at, "to": c.node, "cause": c.cause})))
                })
                .flatten()
                .collect();
            let value = json!({"vmid": g.vmid, "type": kind(g.ct), "name": g.name, "node": g.node,
                "status": if g.running {"running"} else {"stopped"}, "paused": g.qmp.is_some(), "lock": g.lock,
                "moves": moves, "downtime_s": self.downtime(g.vmid), "config": g.config, "damaged": g.damaged});
            (g.vmid.to_string(), value)
        });
        let history = self.history.iter().map(|c| {
            json!({"at": c.at, "vmid": c.vmid, "node": c.node, "running": c.running, "paused": c.qmp.is_some(),
                "lock": c.lock, "cause": c.cause, "gone": c.gone})
        });
        let tasks = self.tasks.iter().map(Task::truth);
        json!({"now": self.now, "guests": guests.collect::<Map<_, _>>(), "history": history.collect::<Vec<_>>(),
            "tasks": tasks.collect::<Vec<_>>(), "requests": self.requests,
            "backup_jobs": self.backup_jobs, "pools": self.pools, "ha": self.ha.services.keys().collect::<Vec<_>>(),
            "files": self.files.keys().collect::<Vec<_>>(),
            "leftovers": self.leftovers.iter().map(|l| json!({"node": l.node, "volid": l.volid})).collect::<Vec<_>>()})
    }

    /// For how long a guest that ran at first did not, up to now.
    fn downtime(&self, vmid: u32) -> f64 {
        let mut changes = self.history.iter().filter(|c| c.vmid == vmid);
        let Some(first) = changes.next().filter(|first| first.running) else {
            return 0.0;
        };
        let (mut down, mut since, mut up) = (0.0, first.at, true);
        for change in changes {
            if !up {
                down += change.at - since;
            }
            (since, up) = (change.at, change.running);
        }
        if up { down } else { down + self.now - since }
    }
}

pub fn kind(ct: bool) -> &'static str {
    if ct { "lxc" } else { "qemu" }
}

/// What a copy that came to no end has left on a storage of a node.
#[derive(Clone, Debug)]
pub struct Leftover {
    pub node: String,
    pub storage: String,
    pub volid: String,
    pub bytes: u64,
}

impl Guest {
    /// One that is being made: what is there at first, and for ever if its worker dies.
    pub fn blank(vmid: u32, ct: bool, node: &str, lock: &str) -> Self {
        Self {
            vmid,
            ct,
            name: String::new(),
            node: node.to_owned(),
            running: false,
            qmp: None,
            lock: Some(lock.to_owned()),
            template: false,
            config: Map::new(),
            pending: Map::new(),
            snapshots: BTreeMap::new(),
            shutdown_s: 5.0,
            boot_s: 3.0,
            stops_at: None,
            started_at: 0.0,
            deaf: false,
            damaged: false,
        }
    }

    /// What is true of it now.
    pub fn now(&self, at: f64, cause: &str) -> Change {
        Change {
            at,
            vmid: self.vmid,
            node: self.node.clone(),
            running: self.running,
            qmp: self.qmp.clone(),
            lock: self.lock.clone(),
            cause: cause.to_owned(),
            name: Some(self.shown_name()),
            memory: self.memory(),
            disk: self.disk_bytes(),
            gone: false,
        }
    }

    /// A guest without a name is called by its ID (LXC.pm and QemuServer.pm, `vmstatus`).
    pub fn shown_name(&self) -> String {
        match (self.name.as_str(), self.ct) {
            ("", true) => format!("CT{}", self.vmid),
            ("", false) => format!("VM {}", self.vmid),
            (name, _) => name.to_owned(),
        }
    }

    pub fn disk_bytes(&self) -> u64 {
        let volumes = self.volumes();
        let first = ["rootfs", "scsi0", "virtio0"];
        let first = volumes.iter().filter(|v| first.contains(&v.key.as_str()));
        first.map(|v| v.bytes).sum()
    }

    /// Its status as QEMU has it.
    pub fn qmp(&self) -> &str {
        match &self.qmp {
            _ if !self.running => "stopped",
            Some(qmp) => qmp,
            None => "running",
        }
    }

    pub fn memory(&self) -> u64 {
        let memory = self.config.get("memory").map_or(512, |value| match value {
            Value::String(text) => text.parse().unwrap_or(512),
            other => other.as_u64().unwrap_or(512),
        });
        memory << 20
    }

    /// It changes when the config does (FNV-1a; PVE's is a SHA-1 of the file).
    pub fn digest(&self) -> String {
        let text = format!("{}{:?}{:?}", self.name, self.config, self.lock);
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:040x}")
    }

    pub fn text(&self, key: &str) -> String {
        match self.config.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    pub fn keys(&self, prefix: &str) -> impl Iterator<Item = &str> {
        keys(&self.config, prefix)
    }

    pub fn volumes(&self) -> Vec<Volume> {
        volumes(&self.config, self.ct)
    }

    pub fn bridges(&self) -> Vec<String> {
        let of = |key: &str| {
            let text = self.text(key);
            let bridge = text
                .split(',')
                .find_map(|part| part.strip_prefix("bridge="));
            bridge.map(str::to_owned)
        };
        self.keys("net").filter_map(of).collect()
    }
}
