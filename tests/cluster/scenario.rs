//! A cluster from its JSON file; the format is that of `data/pve/sample.json`.
//!
//! For guests that are made: `files` (templates and images by volume ID: `nodes`, `bytes`, `unpacked`,
//! `seconds`, `junk`, `debian`), `pools` (their guests), `rights` (by token and path), `acl` (entries of the access tree), `backup_jobs` and
//! `backups`, `leftovers` (volumes in no config), `agents` (guest agents: `agent.rs`); of a storage `disable`, of a node `vlan_aware`,
//! of a guest `uptime` (the seconds for which it has run). `tasks` are those of earlier days, a node's `timezone` is its clock's.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    agent::Agent,
    fault::Fault,
    ha::Ha,
    task::{Job, Task, Wait},
    world::{File, Guest, Leftover, Node, Storage, World},
};

/// The part of a gigabit that is there for data, in MiB/s.
const BANDWIDTH: f64 = 112.0;

/// # Panics
///
/// If the scenario is none: that is a mistake in a test.
pub fn parse(scenario: &Value, epoch: i64) -> World {
    let object = |name: &str| scenario[name].as_object().cloned().unwrap_or_default();
    let list = |name: &str| scenario[name].as_array().cloned().unwrap_or_default();
    let bandwidth = scenario["bandwidth_mib_s"].as_f64().unwrap_or(BANDWIDTH) * 1_048_576.0;
    let node = |node: &Value| Node {
        online: node["online"] != false,
        maintenance: node["maintenance"] == true,
        maxmem: node["maxmem"].as_u64().unwrap_or(16 << 30),
        maxcpu: node["maxcpu"].as_u64().unwrap_or(4),
        bridges: strings(&node["bridges"]).unwrap_or_else(|| vec!["vmbr0".into()]),
        vlan_aware: strings(&node["vlan_aware"]).unwrap_or_default(),
        files: strings(&node["files"]).unwrap_or_default(),
        bandwidth,
        timezone: node["timezone"].as_str().unwrap_or("Etc/UTC").to_owned(),
    };
    let storage = |entry: &Value| Storage {
        kind: word(entry, "type"),
        content: word(entry, "content"),
        shared: entry["shared"] == 1
            || ["nfs", "cifs", "rbd", "cephfs", "pbs"]
                .contains(&entry["type"].as_str().unwrap_or_default()),
        nodes: entry["nodes"]
            .as_str()
            .map(|nodes| nodes.split(',').map(str::to_owned).collect()),
        total: entry["total"].as_u64().unwrap_or(1 << 40),
        used: entry["used"].as_u64().unwrap_or(100 << 30),
        fields: entry
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !["total", "used"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    let guests = scenario["guests"]
        .as_array()
        .into_iter()
        .flatten()
        .map(guest);
    let mut world = World {
        now: 0.0,
        epoch,
        stream: scenario["stream_mib_s"]
            .as_f64()
            .map_or(f64::INFINITY, |rate| rate * 1_048_576.0),
        name: scenario["cluster"]
            .as_str()
            .unwrap_or("simulated")
            .to_owned(),
        api: scenario["api"]
            .as_u64()
            .or_else(|| scenario["ha"]["api"].as_u64())
            .unwrap_or(9),
        quorate: scenario["quorate"] != false,
        nodes: object("nodes")
            .iter()
            .map(|(name, n)| (name.clone(), node(n)))
            .collect(),
        storages: object("storages")
            .iter()
            .map(|(name, s)| (name.clone(), storage(s)))
            .collect(),
        guests: guests.map(|guest| (guest.vmid, guest)).collect(),
        tasks: Vec::new(),
        ha: Ha::parse(&scenario["ha"]),
        replication: scenario["replication"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
        options: scenario["options"].clone(),
        mappings: scenario["mappings"].clone(),
        tokens: object("tokens")
            .iter()
            .map(|(id, secret)| (id.clone(), secret.as_str().unwrap_or_default().to_owned()))
            .collect(),
        rights: rights(&scenario["rights"]),
        pools: object("pools")
            .into_iter()
            .map(|(name, ids)| (name, serde_json::from_value(ids).unwrap_or_default()))
            .collect(),
        faults: scenario["faults"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Fault::parse)
            .collect(),
        no_worker: false,
        silences: BTreeMap::new(),
        leftovers: leftovers(&scenario["leftovers"]),
        files: object("files")
            .iter()
            .map(|(volid, entry)| (volid.clone(), file(entry, epoch)))
            .collect(),
        backup_jobs: list("backup_jobs"),
        acl: list("acl"),
        backups: list("backups"),
        agents: object("agents")
            .iter()
            .filter_map(|(vmid, entry)| Some((vmid.parse().ok()?, Agent::parse(entry))))
            .collect(),
        listener: None,
        history: Vec::new(),
        requests: Vec::new(),
    };
    if world.tokens.is_empty() {
        world.tokens.insert(
            "pvx@pve!drain".into(),
            "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".into(),
        );
    }
    world.tasks = list("tasks")
        .iter()
        .map(|entry| past_task(entry, epoch))
        .collect();
    let offline = world.nodes.iter().filter(|(_, node)| !node.online);
    let offline = offline.map(|(name, _)| (name.clone(), vec![(f64::NEG_INFINITY, None)]));
    world.silences = offline.collect();
    if world.options.is_null() {
        world.options = json!({});
    }
    let first = world.guests.values();
    let first = first.map(|g| g.now(g.started_at, "scenario"));
    world.history = first.collect();
    world
}

fn guest(entry: &Value) -> Guest {
    let ct = entry["type"] == "lxc";
    Guest {
        vmid: entry["vmid"]
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .expect("a guest has a vmid"),
        ct,
        name: word(entry, "name"),
        node: word(entry, "node"),
        running: entry["status"] == "running",
        qmp: entry["qmpstatus"].as_str().map(str::to_owned),
        lock: entry["lock"].as_str().map(str::to_owned),
        template: entry["template"] == true,
        config: entry["config"].as_object().cloned().unwrap_or_default(),
        pending: entry["pending"].as_object().cloned().unwrap_or_default(),
        snapshots: snapshots(&entry["snapshots"]),
        shutdown_s: entry["shutdown_secs"].as_f64().unwrap_or(5.0),
        boot_s: entry["boot_secs"].as_f64().unwrap_or(3.0),
        stops_at: None,
        started_at: -entry["uptime"].as_f64().unwrap_or_default(),
        deaf: entry["deaf"] == true,
        damaged: false,
    }
}

/// What each token may, by path.
pub fn rights(tokens: &Value) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let of = |(token, paths): (&String, &Value)| {
        let paths = paths.as_object().into_iter().flatten();
        let paths = paths.filter(|(_, list)| list.is_array());
        let paths = paths.map(|(path, list)| (path.clone(), strings(list).unwrap_or_default()));
        (token.clone(), paths.collect())
    };
    tokens.as_object().into_iter().flatten().map(of).collect()
}

/// Changes the cluster as root on a node could: `{"replication"?, "backup_jobs"?, "rules"?, "disabled"?,
/// "enabled"?}`, the last two a storage each.
pub fn set(world: &mut World, change: &Value) {
    let list = |name: &str| change[name].as_array().cloned();
    if let Some(jobs) = list("replication") {
        world.replication = jobs;
    }
    if let Some(jobs) = list("backup_jobs") {
        world.backup_jobs = jobs;
    }
    if let Some(rules) = change["rules"].as_object() {
        world.ha.rules = rules.clone();
    }
    for (name, value) in [("disabled", 1), ("enabled", 0)] {
        let storage = change[name].as_str().unwrap_or_default();
        if let Some(storage) = world.storages.get_mut(storage) {
            storage.fields.insert("disable".into(), value.into());
        }
    }
}

/// What can be said of a file; an empty object is a template as one expects it.
/// A task of earlier days: `{"node", "kind", "starttime", "endtime", "exit"?, "user"?}`.
fn past_task(entry: &Value, epoch: i64) -> Task {
    let (node, kind) = (word(entry, "node"), word(entry, "kind"));
    let time = |name: &str| entry[name].as_i64().unwrap_or(epoch);
    let user = entry["user"].as_str().unwrap_or("root@pam").to_owned();
    let since = |time: i64| (time - epoch) as f64;
    Task {
        upid: format!(
            "UPID:{node}:000003E8:00001B58:{:08X}:{kind}::{user}:",
            time("starttime")
        ),
        node,
        kind,
        vmid: 0,
        user,
        start: since(time("starttime")),
        end: Some(since(time("endtime"))),
        exit: Some(entry["exit"].as_str().unwrap_or("OK").to_owned()),
        log: Vec::new(),
        job: Job::Other,
        wait: Wait::Forever,
    }
}

fn file(entry: &Value, epoch: i64) -> File {
    let usual = File::ordinary();
    File {
        nodes: strings(&entry["nodes"]),
        bytes: entry["bytes"].as_u64().unwrap_or(usual.bytes),
        unpacked: entry["unpacked"].as_u64().unwrap_or(usual.unpacked),
        seconds: entry["seconds"].as_f64().unwrap_or(usual.seconds),
        junk: entry["junk"] == true,
        debian: entry["debian"].as_u64(),
        ctime: epoch - 86_400,
    }
}

/// Volumes that no config names: `{"node", "storage", "volid", "bytes"}` each.
fn leftovers(list: &Value) -> Vec<Leftover> {
    let left = |entry: &Value| Leftover {
        node: word(entry, "node"),
        storage: word(entry, "storage"),
        volid: word(entry, "volid"),
        bytes: entry["bytes"].as_u64().unwrap_or(1 << 30),
    };
    list.as_array().into_iter().flatten().map(left).collect()
}

/// A list of names, or an object of configs.
fn snapshots(entry: &Value) -> BTreeMap<String, Option<Map<String, Value>>> {
    let names = strings(entry).unwrap_or_default();
    let configs = entry.as_object().into_iter().flatten();
    let configs = configs.map(|(name, config)| (name.clone(), config.as_object().cloned()));
    let names = names.into_iter().map(|name| (name, None));
    names.chain(configs).collect()
}

fn word(entry: &Value, name: &str) -> String {
    entry[name].as_str().unwrap_or_default().to_owned()
}

fn strings(list: &Value) -> Option<Vec<String>> {
    let list = list.as_array()?;
    Some(
        list.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    )
}
