//! A lab of `tests/lab/vrrp`, up for one section.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{self, Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{tools::tools, verdict::Verdict};

/// How long anything may take that the lab has been made to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// The namespaces and what runs in them, until this is dropped.
pub struct Lab {
    prefix: String,
    options: &'static [(&'static str, &'static str)],
    /// Readable by everybody, as the facts and the pairs in it must be.
    folder: TempDir,
    files: AtomicU32,
}

/// Why there is no lab.
pub enum NoLab {
    /// It can't be here.
    Absent(String),
    /// It should be.
    Broken(String),
}

/// Who runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    Root,
    /// No capabilities at all.
    Nobody,
    /// Only CAP_NET_RAW.
    NetRaw,
}

/// From where a pair is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eyes {
    /// Another host of the segment, without privileges.
    Client,
    /// The same with CAP_NET_RAW.
    Raw,
    /// Another host, with what both members said to `hacheck member` without privileges.
    Facts,
    /// The same with CAP_NET_RAW.
    Both,
    /// The same, and the members were asked as root: with keepalived's own dumps.
    RootFacts,
    /// A member itself, with CAP_NET_RAW.
    Member(&'static str),
    /// A host behind a router.
    Far,
}

impl Lab {
    /// Whether a lab can be brought up here at all.
    pub fn possible() -> Result<(), NoLab> {
        let prefix = format!("hx{}p", process::id());
        let up = script(
            &prefix,
            &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1")],
            &["up"],
        );
        let _ = script(&prefix, &[], &["down"]);
        let said = String::from_utf8_lossy(&up.stderr).trim().to_owned();
        match up.status.code() {
            Some(0) => Ok(()),
            Some(77) => Err(NoLab::Absent(said)),
            _ => Err(NoLab::Broken(said)),
        }
    }

    pub fn up(worker: usize, options: &'static [(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // The one that was built may be in a folder that nobody else may enter.
        for tool in ["hacheck", "vmid"] {
            fs::copy(&tools()[tool], folder.path().join(tool)).unwrap();
        }
        let lab = Self {
            prefix: format!("hx{}w{worker}", process::id()),
            options,
            folder,
            files: AtomicU32::new(0),
        };
        fs::write(lab.path("pairs.json"), pairs().to_string()).unwrap();
        let up = script(&lab.prefix, options, &["up"]);
        assert!(
            up.status.success(),
            "{}",
            String::from_utf8_lossy(&up.stderr)
        );
        lab
    }

    /// The name of the folder below /run with what runs in it.
    pub fn folder_name(&self) -> String {
        format!("{}-lab", self.prefix)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A verb of the lab; what it prints.
    pub fn run(&self, words: &[&str]) -> String {
        let output = script(&self.prefix, &[], words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Which nodes have the VIP of a service.
    pub fn holders(&self, service: &str) -> String {
        self.run(&["master", service]).replace('\n', " ")
    }

    /// Waits until something is so.
    pub fn until(&self, what: &str, is: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is() {
            assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn until_held(&self, service: &str, nodes: &str) {
        self.until(&format!("{service} held by {nodes}"), || {
            self.holders(service) == nodes
        });
    }

    /// A program on a node. Its output goes where the caller says.
    pub fn on(&self, node: &str, user: User, program: &str) -> Command {
        let mut command = script_command(&self.prefix, &[]);
        command.args(["exec", node]);
        let caps = |which: &str| {
            ["inh", "ambient", "bounding"].map(|set| match set {
                "bounding" => format!("--bounding-set={which}"),
                set => format!("--{set}-caps={which}"),
            })
        };
        let which = match user {
            User::Root => None,
            User::Nobody => Some("-all"),
            User::NetRaw => Some("-all,+net_raw"),
        };
        if let Some(which) = which {
            command.args([
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ]);
            command.args(caps(which));
        }
        command.arg(program).stdin(Stdio::null());
        command
    }

    /// `hacheck` on a node.
    pub fn hacheck(&self, node: &str, user: User) -> Command {
        self.on(node, user, self.path("hacheck").to_str().unwrap())
    }

    /// What the members say of themselves: the files with their facts.
    pub fn facts(&self, user: User, nodes: &[&str]) -> Vec<PathBuf> {
        let ask = |node: &&str| {
            let output = self.hacheck(node, user).arg("member").output().unwrap();
            assert!(output.status.success(), "{output:?}");
            self.keep("facts", &output.stdout)
        };
        nodes.iter().map(ask).collect()
    }

    /// A new file.
    pub fn keep(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(&format!(
            "{name}-{}",
            self.files.fetch_add(1, Ordering::Relaxed)
        ));
        fs::write(&path, content).unwrap();
        path
    }

    /// `hacheck check` of one of the lab's pairs.
    pub fn check(&self, pair: &str, eyes: Eyes) -> Verdict {
        self.check_of(&self.path("pairs.json"), pair, eyes, &[])
    }

    /// The same, of a pair that is changed before.
    pub fn check_changed(&self, pair: &str, eyes: Eyes, change: impl Fn(&mut Value)) -> Verdict {
        let mut pairs = pairs();
        let list = pairs["pairs"].as_array_mut().unwrap();
        change(list.iter_mut().find(|one| one["name"] == pair).unwrap());
        self.check_of(
            &self.keep("pairs", pairs.to_string().as_bytes()),
            pair,
            eyes,
            &[],
        )
    }

    pub fn check_of(&self, pairs: &Path, pair: &str, eyes: Eyes, more: &[&str]) -> Verdict {
        let facts = match eyes {
            Eyes::Facts | Eyes::Both => self.facts(User::Nobody, &["n1", "n2"]),
            Eyes::RootFacts => self.facts(User::Root, &["n1", "n2"]),
            _ => Vec::new(),
        };
        let (node, user) = match eyes {
            Eyes::Client | Eyes::Facts => ("client", User::Nobody),
            Eyes::Raw | Eyes::Both | Eyes::RootFacts => ("client", User::NetRaw),
            Eyes::Member(node) => (node, User::NetRaw),
            Eyes::Far => ("far", User::Nobody),
        };
        let mut command = self.hacheck(node, user);
        command
            .args(["check", "--pair", pair, "--pairs"])
            .arg(pairs)
            .args(more);
        if user == User::NetRaw {
            command.arg("--raw");
        }
        if !facts.is_empty() {
            command.arg("--facts").args(facts);
        }
        let output = command.output().unwrap();
        Verdict::of(&output)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        script(&self.prefix, self.options, &["down"]);
    }
}

/// The system's own Python, if there is one: a version manager's takes its time to start.
pub fn python() -> &'static str {
    let own = "/usr/bin/python3";
    if Path::new(own).exists() {
        own
    } else {
        "python3"
    }
}

/// A program that is ended with what it is for.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn script_command(prefix: &str, options: &[(&str, &str)]) -> Command {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/vrrp");
    let mut command = Command::new(lab);
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("LAB_")) {
        command.env_remove(name);
    }
    command
        .env("LAB_PREFIX", prefix)
        .env("LAB_WATCH", process::id().to_string());
    command.envs(options.iter().copied()).stdin(Stdio::null());
    command
}

fn script(prefix: &str, options: &[(&str, &str)], words: &[&str]) -> Output {
    script_command(prefix, options)
        .args(words)
        .output()
        .unwrap()
}

/// The lab's pairs.
pub fn pairs() -> Value {
    let members = |net: u32| {
        json!([
            {"name": "n1", "address": format!("192.168.{net}.11"), "vmid": net * 1000 + 11, "preferred": true},
            {"name": "n2", "address": format!("192.168.{net}.12"), "vmid": net * 1000 + 12},
        ])
    };
    json!({"pairs": [
        {"name": "dns", "vip": "192.168.10.110", "vrid": 55, "interface": "eth0", "rto_s": 5, "members": members(10),
         "probes": [{"dns": {"name": "ha.test", "type": "A", "expect": "192.0.2.1", "identity": {"txt": "whoami.ha.test"}}, "rebinds": true}]},
        {"name": "caddy", "vip": "192.168.30.161", "vrid": 61, "rto_s": 5, "members": members(30),
         "probes": [{"http": {"url": "http://{address}/", "status": 200, "identity": {"header": "X-Node"}}},
                    {"tls": {"port": 443, "name": "caddy.ha.test", "same": false}}]},
        {"name": "nfs", "vip": "192.168.30.165", "vrid": 65, "rto_s": 5, "members": members(30),
         "probes": [{"nfs": {"version": 4}}]},
        {"name": "dns6", "vip": "fd10::110", "rto_s": 5, "members": [
            {"name": "n1", "address": "fd10::11", "preferred": true}, {"name": "n2", "address": "fd10::12"}],
         "probes": [{"dns": {"name": "ha.test", "type": "AAAA", "expect": "2001:db8::1", "identity": {"txt": "whoami.ha.test"}}, "rebinds": true}]},
    ]})
}

/// The lab's pairs and one more, as text.
pub fn with(pair: Value) -> String {
    let mut all = pairs();
    all["pairs"].as_array_mut().unwrap().push(pair);
    all.to_string()
}

/// Runs a line of sh on a node.
pub fn sh(lab: &Lab, node: &str, line: &str) {
    let status = lab.on(node, User::Root, "sh").args(["-c", line]).status();
    assert!(status.unwrap().success(), "{node}: {line}");
}

/// Whether a program is there, by its name or path. What a section can't do for the want of one is told, past the test's
/// own words, and is a failure under CI=true.
pub fn has(program: &str, package: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&folders).chain(["/usr/sbin".into(), "/sbin".into()]);
    if folders
        .map(|folder| folder.join(program))
        .any(|path| path.exists())
    {
        return true;
    }
    let ci = env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!ci, "{program} is missing: apt-get install {package}");
    println!("NOT RUN: tests/hacheck: {program} is missing: apt-get install {package}");
    false
}
