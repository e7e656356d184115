//! A cluster with the container paperless, an IPAM that has its address, a list with its backup, and
//! deprovision run on them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::script::Answer;
use crate::{
    sim::{Sim, cluster, container, with},
    tools::search_path,
};

pub const PAPERLESS: u64 = 30050;

/// The bed; it goes with all that is in it.
pub struct Bed {
    pub sim: Sim,
    folder: TempDir,
}

impl Bed {
    pub fn new() -> Self {
        Self::of(&[paperless(json!({}))], json!({}))
    }

    /// With these guests, and a cluster that is changed in this.
    pub fn of(guests: &[Value], change: Value) -> Self {
        let bed = Self {
            sim: Sim::start(&with(cluster(guests), change)),
            folder: TempDir::new().unwrap(),
        };
        for name in ["bin", "home", "tmp", "ipam"] {
            fs::create_dir(bed.path(name)).unwrap();
        }
        let prefixes = "prefix,vlan,status\n192.168.30.0/24,30,active\n";
        fs::write(bed.path("ipam/prefixes.csv"), prefixes).unwrap();
        fs::write(bed.addresses(), ADDRESSES).unwrap();
        bed.site(json!({}));
        bed.backups(&[backup(json!({}))]);
        bed
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn addresses(&self) -> PathBuf {
        self.path("ipam/ip-addresses.csv")
    }

    /// The site, with more keys.
    pub fn site(&self, more: Value) {
        let nodes = ["a", "b", "c"].map(|name| json!({"name": name}));
        let vlan = json!({"vlan": 30, "prefix": "192.168.30.0/24", "bridge": "vmbr0", "tagged": true, "gateway": "first"});
        let site =
            json!({"name": "lab", "domain": "home.example", "nodes": nodes, "vlans": [vlan]});
        fs::write(self.path("site.json"), with(site, more).to_string()).unwrap();
    }

    /// PBS's list.
    pub fn backups(&self, list: &[Value]) {
        fs::write(self.path("list.json"), json!(list).to_string()).unwrap();
        fs::write(
            self.path("pbs.json"),
            json!({"snapshots": list}).to_string(),
        )
        .unwrap();
    }

    /// A command with the tools, the scripts and the bed's own `bin` in its path.
    pub fn command(&self, program: &str) -> Command {
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(search_path(&root().join("scripts")));
        path.push(":/usr/sbin:/sbin");
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("PVX_SITE", self.path("site.json"))
            .envs(self.sim.environment())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// `deprovision --apply --ipam ipam --snapshots list.json --stop WORDS`.
    pub fn apply(&self, words: &[&str]) -> Answer {
        let mut all = vec!["--snapshots", "list.json", "--stop"];
        all.extend(words);
        self.bare(&all)
    }

    /// `deprovision --apply --ipam ipam WORDS`.
    pub fn bare(&self, words: &[&str]) -> Answer {
        let mut command = self.command("deprovision");
        command.args(["--apply", "--ipam", "ipam"]).args(words);
        Answer::of(&command.output().unwrap())
    }

    /// A program of the bed's own, in the place of another; in it `program` is that one, and `folder` the bed's.
    pub fn shim(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        let own = self.path("bin");
        let own = own.display();
        let head = format!(
            "#!/bin/bash\nfolder={own}/..\nPATH=${{PATH#*:}}\nprogram=$(command -v {name})\n"
        );
        fs::write(&path, format!("{head}{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn unshim(&self, name: &str) {
        fs::remove_file(self.path("bin").join(name)).unwrap();
    }

    /// What the IPAM says of an address: `active`, `deprecated`, or that it has none.
    pub fn status(&self, address: &str) -> String {
        let text = fs::read_to_string(self.addresses()).unwrap();
        let mut rows = text.lines().map(|row| row.split(',').collect::<Vec<_>>());
        let head = rows.next().unwrap();
        let at = head.iter().position(|name| *name == "status").unwrap();
        let row = rows.find(|row| row[0] == format!("{address}/24"));
        row.map_or("none".to_owned(), |row| row[at].to_owned())
    }

    /// Nothing was asked of the cluster that changes it, and the IPAM is as it was.
    pub fn is_untouched(&self, name: &str) {
        let truth = self.sim.truth();
        let requests = truth["requests"].as_array().unwrap().iter();
        let changing = requests.filter(|request| request["method"] != "GET");
        assert_eq!(changing.count(), 0, "{name}: {:#}", truth["requests"]);
        let text = fs::read_to_string(self.addresses()).unwrap();
        assert_eq!(text, ADDRESSES, "{name}");
    }

    /// Paperless is gone, once, and its address is retired.
    pub fn is_done(&self, name: &str) {
        let truth = self.sim.truth();
        assert_eq!(
            truth["guests"][PAPERLESS.to_string()],
            json!(null),
            "{name}"
        );
        assert_eq!(destroyed(&truth, PAPERLESS), 1, "{name}");
        assert_eq!(self.status("192.168.30.50"), "deprecated", "{name}");
    }
}

const ADDRESSES: &str = "address,status,dns_name,description,cf_ipalloc_key
192.168.30.50/24,active,paperless.home.example,,paperless
192.168.30.51/24,active,web.home.example,,web
192.168.30.60/24,active,byhand.home.example,printer,
";

/// Tasks that destroyed a guest.
pub fn destroyed(truth: &Value, vmid: u64) -> usize {
    let tasks = truth["tasks"].as_array().unwrap().iter();
    let kinds = ["vzdestroy", "qmdestroy"].map(Value::from);
    let own = tasks.filter(|task| task["vmid"] == vmid && kinds.contains(&task["type"]));
    own.filter(|task| task["exitstatus"] == "OK").count()
}

/// The container, with what else is said of it.
pub fn paperless(more: Value) -> Value {
    let own = json!({"name": "paperless", "config": {"hostname": "paperless",
        "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.168.30.50/24,type=veth"}});
    with(with(container(PAPERLESS, "a"), own), more)
}

/// A second one.
pub fn web(more: Value) -> Value {
    let own = json!({"name": "web", "config": {"hostname": "web"}});
    with(with(container(30051, "b"), own), more)
}

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

/// Its backup, made after the container was there (the server's clock may be a minute ahead).
pub fn backup(more: Value) -> Value {
    let own = json!({"ns": "", "backup-type": "ct", "backup-id": PAPERLESS.to_string(), "backup-time": now() + 30,
        "comment": "paperless", "owner": "backup@pbs", "protected": false,
        "files": [{"filename": "root.pxar.didx", "size": 5}, {"filename": "index.json.blob", "size": 5}]});
    with(own, more)
}

impl Answer {
    /// The codes of the records' errors.
    pub fn codes(&self) -> Vec<&str> {
        let codes = self.records.iter();
        codes
            .map(|record| record["error"]["code"].as_str().unwrap_or(""))
            .collect()
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
