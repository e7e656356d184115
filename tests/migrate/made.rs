//! The simulated cluster against recordings of the real one that makes guests: each file is a series of
//! requests, asked one after the other of one cluster, task by task.
//!
//! `recorded-made.json` has the cluster of the recordings and for each file what is otherwise: the
//! `rights` of a token from a title on, what root `does` before a title, and titles that are left out (`skip`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Mutex,
};

use serde_json::{Map, Value, json};

use crate::{
    recordings::{lacks, shape},
    sim::{Sim, four_at_once, with},
    wire::{self, Message},
};

const WORLDS: &str = "data/pve/recorded-made.json";
const BOUNDARY: &str = "------------------------0123456789abcdef";
const FOLDER: &str = "data/pve/real-make";

fn at(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// A request and what the real cluster said, with the task that it started.
struct Exchange {
    title: String,
    method: String,
    path: String,
    /// `application/x-www-form-urlencoded`, or JSON.
    body: String,
    json: bool,
    status: u16,
    reason: String,
    answer: String,
    /// Exit status and log.
    task: Option<(String, Vec<String>)>,
}

/// The parts of a file, as far as they are requests.
fn exchanges(text: &str) -> Vec<Exchange> {
    let mut all: Vec<Exchange> = Vec::new();
    let mut title = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("# ") {
            title = words.trim().to_owned();
        } else if line.starts_with("task UPID:") && title == "its task" {
            let status: Value = serde_json::from_str(lines.next().unwrap_or_default()).unwrap();
            let mut log = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.is_empty()) {
                log.push(line.to_owned());
            }
            let exit = status["data"]["exitstatus"].as_str().unwrap().to_owned();
            all.last_mut().unwrap().task = Some((exit, log));
        } else if let Some(request) = line.strip_prefix("> ") {
            let mut request = request.to_owned();
            let mut head = String::new();
            for line in lines.by_ref() {
                if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                    head = rest.to_owned();
                    break;
                }
                request.push('\n');
                request.push_str(line);
            }
            let answer = lines.next_if(|line| !line.is_empty());
            all.push(exchange(
                &title,
                &request,
                &head,
                answer.unwrap_or_default(),
            ));
        }
    }
    all
}

fn exchange(title: &str, request: &str, head: &str, answer: &str) -> Exchange {
    let (status, reason) = head.split_once(' ').unwrap_or((head, ""));
    let line = request.split(" -").next().unwrap_or_default();
    let (method, path) = line.split_once(' ').unwrap_or(("GET", line));
    let rest = &request[line.len()..];
    let mut words = Vec::new();
    let (mut json, mut parts) = (false, String::new());
    // " --data-urlencode a=b c -d d=e -F f=@file"
    for word in format!("{rest} ")
        .replace(" --data-urlencode ", "\u{0}u")
        .replace(" -d ", "\u{0}d")
        .replace(" -H ", "\u{0}h")
        .replace(" -F ", "\u{0}f")
        .split('\u{0}')
    {
        let word = word.trim_end_matches(' ');
        match word.split_at_checked(1) {
            Some(("u", pair)) => {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                words.push(format!("{name}={}", escape(value)));
            }
            Some(("d", pair)) => words.push(pair.to_owned()),
            Some(("f", pair)) => parts += &part(pair),
            Some(("h", header)) => json |= header.contains("json"),
            _ => {}
        }
    }
    if !parts.is_empty() {
        words.push(format!("{parts}--{BOUNDARY}--\r\n"));
    }
    Exchange {
        title: title.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        body: words.join("&"),
        json,
        status: status.parse().unwrap(),
        reason: reason.trim().to_owned(),
        answer: answer.to_owned(),
        task: None,
    }
}

/// A part of a form: `content=vztmpl`, or `filename=@./NAME;filename=OTHER`.
fn part(pair: &str) -> String {
    let (name, value) = pair.split_once('=').unwrap();
    let Some(file) = value.strip_prefix("@./") else {
        return format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    };
    let (file, other) = file.split_once(";filename=").unwrap_or((file, file));
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{other}\"\r\n\r\n{file}\r\n"
    )
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let one = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(one).collect()
}

/// What a file of recordings wants to be different.
struct Setting<'a>(&'a Value);

impl Setting<'_> {
    fn skips(&self, title: &str, nth: usize) -> bool {
        let list = self.0["skip"].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).any(|skip| {
            let skip = skip.split(" | ").next().unwrap_or_default();
            skip == title
                || skip == format!("{title}#{nth}")
                || skip
                    .strip_suffix('*')
                    .is_some_and(|start| title.starts_with(start))
        })
    }

    /// The token of a request, and what is done before it.
    fn before(&self, sim: &Sim, title: &str, nth: usize) -> Option<String> {
        if self.0["settle"] == true {
            sim.until("quiet", quiet);
        }
        let mut token = self.0["token"].as_str().map(str::to_owned);
        for step in self.0["steps"].as_array().into_iter().flatten() {
            let of = step["of"].as_str().unwrap_or_default();
            if of != title && of != format!("{title}#{nth}") {
                continue;
            }
            for control in ["rights", "set", "fault"] {
                if !step[control].is_null() {
                    sim.control(control, &step[control]);
                }
            }
            if step["settle"] == true {
                sim.until("quiet", |truth| {
                    let down = |guest: &Value| {
                        guest["vmid"] != step["down"] || guest["status"] == "stopped"
                    };
                    quiet(truth) && truth["guests"].as_object().unwrap().values().all(down)
                });
            }
            for request in step["requests"].as_array().into_iter().flatten() {
                sim.until("quiet", quiet);
                let (method, path) = (request[0].as_str().unwrap(), request[1].as_str().unwrap());
                let path = format!("/api2/json{path}");
                let token = format!("PVEAPIToken={}", token.as_deref().unwrap());
                let answer = sim.raw(method, &path, &token, request.get(2));
                assert_eq!(answer.status(), 200, "{title}: {path}: {answer:?}");
                sim.until("quiet", quiet);
            }
            if let Some(other) = step["token"].as_str() {
                token = Some(other.to_owned());
            }
        }
        token
    }
}

fn quiet(truth: &Value) -> bool {
    let tasks = truth["tasks"].as_array().unwrap();
    tasks.iter().all(|task| !task["end"].is_null())
}

fn ask(sim: &Sim, one: &Exchange, token: &str) -> Message {
    let mut request =
        Message::request(&one.method, &format!("/api2/json{}", one.path), token, None);
    if !one.json {
        request.headers.retain(|(name, _)| name != "Content-Type");
        let kind = if one.body.starts_with("--") {
            format!("multipart/form-data; boundary={BOUNDARY}")
        } else {
            "application/x-www-form-urlencoded".to_owned()
        };
        request.headers.push(("Content-Type".into(), kind));
    }
    request.body = one.body.clone().into_bytes();
    wire::ask(sim.address(), &request).unwrap()
}

/// What the simulation answers otherwise; the tasks that both have started, as they are called.
fn differences(
    sim: &Sim,
    one: &Exchange,
    token: &str,
    tasks: &mut Vec<(String, String)>,
) -> Vec<String> {
    let answer = ask(sim, one, token);
    if answer.status() != one.status {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        return vec![format!("-{} +{} {body}", one.status, answer.status())];
    }
    let mut found = Vec::new();
    let reason = answer
        .start
        .splitn(3, ' ')
        .nth(2)
        .unwrap_or_default()
        .trim();
    if reason != one.reason {
        found.push(format!("-\"{}\" +\"{reason}\"", one.reason));
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (real, simulated) = (parse(&one.answer), answer.json());
    for member in ["message", "errors"] {
        if real[member] != simulated[member] {
            found.push(format!("-{} +{}", real[member], simulated[member]));
        }
    }
    let upid = simulated["data"]
        .as_str()
        .filter(|text| text.starts_with("UPID:"));
    let Some(upid) = upid else {
        let (real, simulated) = (shape(&real), shape(&simulated));
        found.extend(lacks(&real, &simulated).map(|what| format!("-{what}")));
        found.extend(lacks(&simulated, &real).map(|what| format!("+{what}")));
        return found;
    };
    let words = |upid: &str| {
        let parts: Vec<&str> = upid.split(':').collect();
        [parts[1], parts[5], parts[6], parts[7]].join(":")
    };
    let recorded = real["data"].as_str().unwrap_or(":::::::");
    tasks.push((recorded.to_owned(), upid.to_owned()));
    if words(recorded) != words(upid) {
        found.push(format!("-{} +{}", words(recorded), words(upid)));
    }
    let ended = |truth: &Value| {
        let tasks = truth["tasks"].as_array().unwrap().clone();
        tasks
            .into_iter()
            .find(|task| task["upid"] == upid && !task["end"].is_null())
    };
    if let Some((exit, log)) = &one.task {
        let truth = sim.until("ended", |truth| ended(truth).is_some());
        let task = ended(&truth).unwrap();
        if task["exitstatus"] != *exit {
            found.push(format!("-{exit} +{}", task["exitstatus"]));
        }
        let said = task["log"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str);
        let (real, said) = (spoken(log.iter().map(String::as_str)), spoken(said));
        if real != said {
            found.push(format!("-{real:#?} +{said:#?}"));
        }
    }
    found
}

/// A log without what is never the same twice, and without the words of a tiny template that has no shell.
fn spoken<'a>(log: impl Iterator<Item = &'a str>) -> Vec<String> {
    let stand_ins = [
        "open '/bin/sh' failed",
        "Architecture detection failed",
        "Falling back to",
        "Use `pct set",
        "Detected container architecture",
        "for my (...) is experimental",
        "failed to connect to monitor",
        "sent 1 bytes",
        "cannot remove directory for",
    ];
    let mut lines: Vec<String> = log
        .filter(|line| !stand_ins.iter().any(|start| line.starts_with(start)))
        .map(|line| {
            let cut = [
                "done: SHA256:",
                "Filesystem UUID: ",
                "Total bytes read: ",
                "file size is: ",
            ];
            let start = cut.iter().find(|start| line.starts_with(**start));
            start.map_or_else(|| plain(line), |start| (*start).to_owned())
        })
        .collect();
    // The order of the key types varies.
    if let Some(first) = lines
        .iter()
        .position(|line| line.starts_with("Creating SSH host key"))
    {
        let last = (first + 6).min(lines.len());
        lines[first..last].sort();
    }
    lines
}

/// Without the names of uploads on their way, and without addresses.
fn plain(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for word in &mut words {
        if word.starts_with("/var/tmp/pveupload-") {
            *word = "UPLOAD";
        } else if let Some((_, path)) = word.split_once("]:") {
            *word = path;
        }
    }
    words.join(" ")
}

#[test]
fn making_guests_is_answered_as_recorded() {
    let worlds: Value = serde_json::from_str(&fs::read_to_string(at(WORLDS)).unwrap()).unwrap();
    let files: Vec<(&String, &Value)> = worlds["files"].as_object().unwrap().iter().collect();
    let found: Mutex<BTreeMap<String, Vec<String>>> = Mutex::default();
    let ignored: BTreeSet<String> = strings(&worlds["differences"]);
    four_at_once(
        &files,
        |(name, _)| (*name).clone(),
        |(name, setting)| {
            let text = fs::read_to_string(at(FOLDER).join(format!("{name}.txt"))).unwrap();
            let change = setting["with"].as_object().cloned().unwrap_or_default();
            let sim = Sim::start(&with(worlds["cluster"].clone(), Value::from(change)));
            let setting = Setting(setting);
            let all = exchanges(&text);
            assert!(!all.is_empty(), "{name}");
            let (mut asked, mut tasks) = (0, Vec::<(String, String)>::new());
            let mut titles: BTreeMap<String, usize> = BTreeMap::new();
            for mut one in all {
                let nth = titles.entry(one.title.clone()).or_default();
                *nth += 1;
                let nth = *nth;
                let token = setting.before(&sim, &one.title, nth);
                for (recorded, simulated) in &tasks {
                    one.path = one.path.replace(recorded, simulated);
                }
                if setting.skips(&one.title, nth) {
                    continue;
                }
                asked += 1;
                let token =
                    token.map_or(sim.authorization(), |token| format!("PVEAPIToken={token}"));
                let differences = differences(&sim, &one, &token, &mut tasks);
                let differences: Vec<String> = differences
                    .into_iter()
                    .filter(|what| !ignored.contains(what))
                    .collect();
                if !differences.is_empty() {
                    let mut found = found.lock().unwrap();
                    found.insert(
                        format!("{name}: {}: {} {}", one.title, one.method, one.path),
                        differences,
                    );
                }
            }
            assert!(asked > 0, "{name}");
        },
    );
    let found = found.into_inner().unwrap();
    let found = json!(found);
    assert!(found == Value::Object(Map::new()), "{found:#}");
}

fn strings(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|line| Some(line.as_str()?.split(" | ").next()?.to_owned()))
        .collect()
}

/// With each right by itself, and with PVEAuditor's: what is refused, and what is empty without a word.
#[test]
fn what_is_seen_with_what_is_as_measured() {
    let worlds: Value = serde_json::from_str(&fs::read_to_string(at(WORLDS)).unwrap()).unwrap();
    let matrix = fs::read_to_string(at(FOLDER).join("4-matrix.tsv")).unwrap();
    let change = json!({"pools": {"rmpool": [102]}, "backup_jobs": [{"id": "rmjob", "vmid": "102"}],
        "guests": [{"type": "lxc", "vmid": 900, "name": "ct900", "node": "pve1", "config": {}},
            {"type": "lxc", "vmid": 102, "name": "ct102", "node": "pve2", "config": {}}],
        "ha": {"resources": {"ct:102": {}}, "rules": {"r": {"type": "node-affinity", "resources": "ct:102", "nodes": "pve2"}}},
        "replication": [{"id": "102-0", "type": "local", "guest": 102, "target": "pve1"}]});
    let sim = Sim::start(&with(worlds["cluster"].clone(), change));
    let auditor = [
        "Datastore.Audit",
        "Mapping.Audit",
        "Pool.Audit",
        "SDN.Audit",
        "Sys.Audit",
        "VM.Audit",
        "VM.GuestAgent.Audit",
    ];
    let mut wrong = Vec::new();
    for line in matrix.lines() {
        let [role, path, said] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let rights = if role == "PVEAuditor" {
            json!(auditor)
        } else {
            json!([role])
        };
        sim.control("rights", &json!({"mk@pve!make": {"/": rights}}));
        let answer = sim.raw(
            "GET",
            &format!("/api2/json{path}"),
            "PVEAPIToken=mk@pve!make=s",
            None,
        );
        let (status, rest) = said.split_once(' ').unwrap();
        let message = answer.json()["message"].take();
        let same = match rest
            .strip_prefix("\"array of ")
            .and_then(|rest| rest.strip_suffix('"'))
        {
            Some(count) => (count == "0") == (answer.json()["data"] == json!([])),
            None if status == "200" => true,
            None => serde_json::from_str::<Value>(rest).is_ok_and(|said| said == message),
        };
        if answer.status().to_string() != status || !same {
            wrong.push(format!(
                "{line} | {}",
                String::from_utf8_lossy(&answer.body)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
