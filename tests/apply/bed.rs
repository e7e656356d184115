//! The bed: a simulated cluster inside of the namespaces that its guests are in, a site, and an IPAM.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    ops::Deref,
    path::Path,
    process::{ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub use crate::script::Answer;
use crate::{
    namespaces::{Namespaces, root},
    tools::tools,
};

/// Simulated seconds in one.
const SPEED: &str = "100";

/// A wait for something that must happen; it is long so that a slow machine doesn't fail.
const PATIENCE: Duration = Duration::from_secs(40);

/// The namespaces, and the cluster in them.
pub struct Bed {
    namespaces: Namespaces,
    address: String,
    token: String,
    // The cluster ends when this does.
    _input: Option<ChildStdin>,
}

impl Drop for Bed {
    fn drop(&mut self) {
        if thread::panicking() {
            let said = fs::read_to_string(self.path("cluster.log")).unwrap_or_default();
            let _ = writeln!(io::stdout(), "the cluster said: {said}");
        }
    }
}

impl Deref for Bed {
    type Target = Namespaces;

    fn deref(&self) -> &Namespaces {
        &self.namespaces
    }
}

impl Bed {
    /// None where such namespaces or the root file system aren't to be had; then it was said.
    pub fn new(test: &str) -> Option<Self> {
        Self::of(test, json!({}))
    }

    /// With a cluster that is changed in this.
    pub fn of(test: &str, change: Value) -> Option<Self> {
        let namespaces = Namespaces::new("apply", test)?;
        let scenario = namespaces.path("scenario.json");
        fs::write(&scenario, with(cluster(), change).to_string()).unwrap();
        let cluster = namespaces
            .command(tools()["pve-cluster"].to_str().unwrap())
            .args(["--speed", SPEED, "--hook"])
            .arg(root().join("tests/lab/guest-hook"))
            .arg(scenario)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(namespaces.path("cluster.log")).unwrap())
            .spawn();
        let mut cluster = cluster.unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(cluster.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let (url, token) = line.trim().split_once(' ').expect("address and token");
        let bed = Self {
            address: url.to_owned(),
            token: token.to_owned(),
            _input: cluster.stdin.take(),
            namespaces,
        };
        thread::spawn(move || cluster.wait());
        fs::create_dir(bed.path("ipam")).unwrap();
        let prefixes = "prefix,vlan,status\n192.168.30.0/24,30,active\n";
        fs::write(bed.path("ipam/prefixes.csv"), prefixes).unwrap();
        bed.site(json!({}));
        Some(bed)
    }

    /// The site, changed in this.
    pub fn site(&self, change: Value) {
        fs::write(self.path("site.json"), with(site(), change).to_string()).unwrap();
    }

    /// A command in the namespaces that knows the cluster.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.namespaces.command(program);
        command
            .env("PROXMOX_VE_ENDPOINT", &self.address)
            .env("PROXMOX_VE_API_TOKEN", &self.token)
            .env("PVX_SPEED", SPEED);
        command
    }

    /// What a script or tool says of records on its standard input.
    pub fn run(&self, program: &str, words: &[&str], records: &[Value]) -> Answer {
        Answer::of(&self.given(program, words, records).output().unwrap())
    }

    /// `provision` with the bed's IPAM and key.
    pub fn provision(&self, words: &[&str], records: &[Value]) -> Answer {
        let ipam = self.word("ipam");
        let all = [&["--ipam", &ipam, "--identity", "/mnt/lab/id"], words].concat();
        self.run("provision", &all, records)
    }

    /// The command that `run` runs.
    pub fn given(&self, program: &str, words: &[&str], records: &[Value]) -> Command {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let input = tempfile::NamedTempFile::new_in(self.path("")).unwrap();
        fs::write(input.path(), lines).unwrap();
        let mut command = self.command(program);
        command.args(words).stdin(input.reopen().unwrap());
        command
    }

    /// A path of the folder as a word.
    pub fn word(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// What the cluster says of itself.
    pub fn truth(&self) -> Value {
        let url = format!("{}/control/truth", self.address);
        let text = self.bash(&format!("curl -sf '{url}'"));
        serde_json::from_str::<Value>(&text).unwrap()["data"].take()
    }

    /// The token that commands have.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What the simulation alone has: `fault`, `rights`, `set`.
    pub fn control(&self, what: &str, value: &Value) {
        let body = self.path("control.json");
        fs::write(&body, value.to_string()).unwrap();
        let url = format!("{}/control/{what}", self.address);
        self.bash(&format!(
            "curl -sf -H 'Content-Type: application/json' --data-binary @{} '{url}'",
            body.display()
        ));
    }

    /// A request of root's, who stands behind the simulation's own token.
    pub fn post(&self, path: &str, body: &Value) {
        self.request("POST", path, body);
    }

    pub fn put(&self, path: &str, body: &Value) {
        self.request("PUT", path, body);
    }

    fn request(&self, method: &str, path: &str, body: &Value) {
        let file = self.path("request.json");
        fs::write(&file, body.to_string()).unwrap();
        let url = format!("{}/api2/json{path}", self.address);
        let token = &self.token;
        self.bash(&format!(
            "curl -sSf -X {method} -H 'Authorization: PVEAPIToken={token}' -H 'Content-Type: application/json' --data-binary @{} '{url}'",
            file.display()
        ));
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
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// IDs and names of the cluster's guests.
    pub fn guests(&self) -> Vec<(u64, String)> {
        let truth = self.truth();
        let guests = truth["guests"].as_object().unwrap().iter();
        let mut all: Vec<(u64, String)> = guests
            .map(|(vmid, guest)| {
                let name = guest["name"].as_str().unwrap_or_default();
                (vmid.parse().unwrap(), name.to_owned())
            })
            .collect();
        all.sort();
        all
    }

    /// Addresses and their owners' names, as the IPAM has them.
    pub fn addresses(&self) -> Vec<(String, String)> {
        let answer = self.run("ipalloc", &["list", "--ipam", &self.word("ipam")], &[]);
        let word =
            |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let pairs = answer.records.iter();
        pairs
            .map(|record| (word(record, "address"), word(record, "name")))
            .collect()
    }

    /// What a command says in a guest that is logged in to as the scripts do.
    pub fn ssh(&self, address: &str, command: &str) -> String {
        let known = self.path(".local/state/pvx/known_hosts");
        self.bash(&format!("ssh -F none -i /mnt/lab/id -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null root@{address} '{command}'", known.display()))
    }
}

/// Three nodes with LVM-thin and a template, and on `a` a container that nobody here has made.
fn cluster() -> Value {
    let node = || json!({"maxmem": 34_359_738_368_u64, "maxcpu": 8, "bridges": ["vmbr0"], "vlan_aware": ["vmbr0"]});
    json!({
        "cluster": "lab",
        "nodes": {"a": node(), "b": node(), "c": node()},
        "storages": {
            "thin": {"type": "lvmthin", "content": "images,rootdir"},
            "local": {"type": "dir", "path": "/var/lib/vz", "content": "vztmpl,iso,import"}
        },
        "files": {"local:vztmpl/debian-13.tar.zst": {"seconds": 8}, "local:import/debian-13.qcow2": {"seconds": 8}},
        "guests": [{"type": "lxc", "vmid": 30200, "name": "old", "node": "a", "status": "running",
            "config": {"memory": 512, "rootfs": "thin:vm-30200-disk-0,size=2G", "onboot": 1,
                "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.168.30.200/24,tag=30,type=veth"}}],
    })
}

fn site() -> Value {
    let node = |name: &str| json!({"name": name, "cores": 8, "memory_mib": 32768, "storages": ["thin"], "bridges": ["vmbr0"]});
    json!({
        "name": "lab", "domain": "lab.example", "timezone": "Europe/Berlin", "ssh_keys_file": "/mnt/lab/id.pub",
        "nodes": [node("a"), node("b"), node("c")],
        "storages": [{"storage": "thin", "type": "lvmthin"}, {"storage": "local", "type": "dir", "guests": false}],
        "vlans": [{"vlan": 30, "name": "services", "prefix": "192.168.30.0/24", "bridge": "vmbr0"}],
        "roles": {"app": {}, "db": {}},
        "templates": {
            "base": {"lxc": "local:vztmpl/debian-13.tar.zst", "memory_mib": 512, "packages": ["lab-tool"]},
            "docker": {"lxc": "local:vztmpl/debian-13.tar.zst", "vm": "local:import/debian-13.qcow2", "packages": ["lab-tool"]}
        }
    })
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

/// A plan's lines or records in a file.
pub fn lines(path: &Path, records: &[Value]) {
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(path, text).unwrap();
}
