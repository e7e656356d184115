//! The simulated cluster against recordings of the real one: for the same request the same status,
//! the same body by its keys and types, and the same words of a refusal.
//!
//! What differs is in `recorded-differences.txt`, each with its reason; one that is no more fails, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::Duration,
};

use serde_json::{Map, Value, json};

use crate::sim::{SPEED, Sim, four_at_once, with};

/// A line each: `ENDPOINT: -WHAT` is recorded and not simulated, `+WHAT` the other way round;
/// then ` | ` and the reason.
const DIFFERENCES: &str = "data/pve/recorded-differences.txt";

/// The clusters that the recordings were made on: a scenario for each version, and for some
/// recordings (`of`) members of their own, requests that came `before`, and seconds to wait.
const WORLDS: &str = "data/pve/recorded-worlds.json";

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

struct Recording {
    name: String,
    method: String,
    path: String,
    parameters: Map<String, Value>,
    token: Option<String>,
    status: u16,
    reason: String,
    body: String,
}

impl Recording {
    /// None for the log of a task.
    fn read(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).unwrap();
        let mut lines = text.lines();
        let request = lines.nth(1)?.strip_prefix("# request: ")?.to_owned();
        let head = lines.nth(1)?.strip_prefix("# HTTP/1.1 ")?.to_owned();
        let (request, token) = match request.split_once(" -H Authorization: ") {
            Some((request, token)) => (request.to_owned(), Some(token.to_owned())),
            None => (request, None),
        };
        let mut parts = request.split(" -d ");
        let line = parts.next()?;
        let (method, path) = line.split_once(' ').unwrap_or(("GET", line));
        let parameters = parts.filter_map(|part| part.split_once('='));
        let (status, reason) = head.split_once(' ')?;
        Some(Self {
            name: file.file_stem()?.to_str()?.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            parameters: parameters
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
            token,
            status: status.parse().ok()?,
            reason: reason.trim().to_owned(),
            body: lines.next().unwrap_or_default().to_owned(),
        })
    }

    /// The path with its variables, as the API's schema has it.
    fn endpoint(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        let name = |(at, part): (usize, &&str)| match at {
            2 if parts[1] == "nodes" => "{node}".to_owned(),
            4 if parts[1] == "nodes" => "{vmid}".to_owned(),
            _ => (*part).to_owned(),
        };
        let parts: Vec<String> = parts.iter().enumerate().map(name).collect();
        format!("{} {}", self.method, parts.join("/"))
    }

    /// The cluster as it was, with the guest of the path where the path says.
    fn world(&self, worlds: &Value) -> Sim {
        let version = if self.name.starts_with("pve8-") {
            "8"
        } else {
            "9"
        };
        let mut scenario = worlds[version].clone();
        let mine = worlds["worlds"].as_array().unwrap().iter();
        let mine: Vec<&Value> = mine
            .filter(|w| w["of"].as_array().unwrap().contains(&json!(self.name)))
            .collect();
        for world in &mine {
            scenario = with(
                scenario,
                world["with"]
                    .clone()
                    .as_object()
                    .map_or(json!({}), |w| w.clone().into()),
            );
        }
        let mut parts = self.path.split('/').skip(2);
        let (node, _, vmid) = (parts.next(), parts.next(), parts.next());
        for guest in scenario["guests"].as_array_mut().unwrap() {
            let id = guest["vmid"].to_string();
            if vmid == Some(&id) && !self.name.starts_with("err-wrong") {
                guest["node"] = node.into();
            }
            if mine.iter().any(|w| w["paused"] == guest["vmid"]) {
                guest["qmpstatus"] = "paused".into();
            }
        }
        let sim = Sim::start(&scenario);
        for world in mine {
            for request in world["before"].as_array().into_iter().flatten() {
                let (method, path) = (request[0].as_str().unwrap(), request[1].as_str().unwrap());
                let path = format!("/api2/json{path}");
                let answer = sim.raw(method, &path, &sim.authorization(), Some(&request[2]));
                assert_eq!(answer.status(), 200, "{}: {path}", self.name);
            }
            let wait = world["wait_s"].as_f64().unwrap_or(0.0) / SPEED;
            thread::sleep(Duration::from_secs_f64(wait));
        }
        sim
    }

    fn differences(&self, worlds: &Value) -> Vec<String> {
        let sim = self.world(worlds);
        let path = format!("/api2/json{}", self.path);
        let body = (!self.parameters.is_empty()).then(|| self.parameters.clone().into());
        let token = match &self.token {
            Some(token) => token.clone(),
            None if self.status == 401 => "PVEAPIToken=nobody@pve!x=s".to_owned(),
            None => sim.authorization(),
        };
        let answer = sim.raw(&self.method, &path, &token, body.as_ref());
        let mut found = Vec::new();
        if answer.status() != self.status {
            found.push(format!("-{} +{}", self.status, answer.status()));
            return found;
        }
        let reason = answer.start.splitn(3, ' ').nth(2).unwrap_or_default();
        if reason.trim() != self.reason {
            found.push(format!("-\"{}\" +\"{}\"", self.reason, reason.trim()));
        }
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or("no JSON".into());
        if said.is_empty() != self.body.is_empty() {
            found.push(format!("-\"{}\" +\"{said}\"", self.body));
        } else if !said.is_empty() {
            let (real, simulated) = (parse(&self.body), parse(&said));
            for member in ["message", "errors"] {
                if real[member] != simulated[member] {
                    found.push(format!("-{} +{}", real[member], simulated[member]));
                }
            }
            let (real, simulated) = (shape(&real), shape(&simulated));
            found.extend(lacks(&real, &simulated).map(|what| format!("-{what}")));
            found.extend(lacks(&simulated, &real).map(|what| format!("+{what}")));
        }
        found
    }
}

/// Every key of a value with its type, such as `data[lxc] > vmid: number`.
pub fn shape(value: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    walk(value, "", &mut all);
    all
}

/// What `all` has and `other` lacks; of an object that is missing as a whole, only itself.
pub fn lacks<'a>(
    all: &'a BTreeSet<String>,
    other: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a String> {
    let parent = |what: &str| {
        let path = what.split(": ").next().unwrap_or_default();
        let path = path
            .rsplit_once(" > ")
            .map(|(parent, _)| parent.to_owned())?;
        (!path.is_empty()).then(|| format!("{path}: object"))
    };
    all.difference(other)
        .filter(move |what| parent(what).is_none_or(|parent| other.contains(&parent)))
}

fn walk(value: &Value, path: &str, all: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(list) => {
            for element in list {
                walk(element, &format!("{path}[{}]", label(element)), all);
            }
            "array"
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { " > " };
                walk(field, &format!("{path}{dot}{name}"), all);
            }
            "object"
        }
    };
    all.insert(format!("{path}: {kind}"));
}

/// What sort of element of a list this is: rows of different sorts have different keys.
fn label(element: &Value) -> String {
    let word = |name: &str| element[name].as_str().unwrap_or_default();
    let status = match word("status") {
        status @ ("unknown" | "offline" | "RUNNING" | "paused") => status,
        _ => "",
    };
    let kind = match word("type") {
        _ if element.get("upid").is_none() => word("type"),
        _ if element.get("endtime").is_some() => "ended",
        _ => "running",
    };
    format!("{kind} {status}").trim().to_owned()
}

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/pve/real");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn the_simulation_answers_as_recorded() {
    let recordings: Vec<Recording> = files().iter().filter_map(|f| Recording::read(f)).collect();
    assert!(recordings.len() > 60, "{}", recordings.len());
    let worlds: Value = serde_json::from_str(&read(WORLDS)).unwrap();
    let found: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::default();
    four_at_once(
        &recordings,
        |one| one.name.clone(),
        |one| {
            for difference in one.differences(&worlds) {
                let difference = format!("{}: {difference}", one.endpoint());
                let mut found = found.lock().unwrap();
                let names = found.entry(difference).or_default();
                names.insert(one.name.clone());
            }
        },
    );
    let found = found.into_inner().unwrap();
    let table = read(DIFFERENCES);
    let known: BTreeSet<&str> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(" | ").expect("a reason").0)
        .collect();
    let new = found
        .iter()
        .filter(|(what, _)| !known.contains(what.as_str()));
    let new: String = new.map(|(what, of)| format!("{what} | {of:?}\n")).collect();
    let gone: Vec<_> = known
        .iter()
        .filter(|what| !found.contains_key(**what))
        .collect();
    assert!(new.is_empty(), "the simulation differs:\n{new}");
    assert!(gone.is_empty(), "these differences are no more: {gone:#?}");
}
