//! Name servers that can be logged in to (tests/lab/guest), an IPAM of files, and publish-names run beside them.
//!
//! The servers' programs are this host's own, shown to each guest below /host; their names are those of the tests.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::search_path;

/// How a guest has the programs of this host. `dns restart` is what `systemctl restart` would be, `dns reload` a SIGHUP.
const SERVER: &str = r#"
root=/mnt/$1/root
mkdir -p "$root/host/usr" "$root/etc/dnsmasq.d" "$root/etc/hosts.d" "$root/etc/zones"
mount --bind /usr "$root/host/usr"
libraries=/host/usr/lib/$(uname -m)-linux-gnu
loader=$(ls -d /usr/lib*/ld-linux-*.so.* | head -n 1)
for program in dnsmasq named named-checkzone rndc; do
    path=$(PATH=$PATH:/usr/sbin command -v $program) || continue
    printf '#!/bin/sh\nexec /host%s --library-path %s %s "$@"\n' "$loader" "$libraries:$libraries/bind" "/host$path" >"$root/usr/local/sbin/$program"
    chmod +x "$root/usr/local/sbin/$program"
done
cat >"$root/usr/local/sbin/dns" <<'DNS'
#!/bin/sh
echo "$1" >>/run/dns.log
case $1 in
reload) exec kill -HUP "$(cat /run/dns.pid)" ;;
stop | restart)
    pid=$(cat /run/dns.pid 2>/dev/null) && kill "$pid" 2>/dev/null
    while [ "$pid" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    ;;
esac
[ "$1" != stop ] || exit 0
exec dnsmasq --no-resolv --no-hosts --user=root --pid-file=/run/dns.pid --conf-dir=/etc/dnsmasq.d --addn-hosts=/etc/hosts.d/names --hostsdir=/etc/hosts.seen
DNS
chmod +x "$root/usr/local/sbin/dns"
mkdir "$root/etc/hosts.seen"
: >"$root/etc/hosts.d/names"
"#;

/// The namespaces; they go with all that is in them.
pub struct Bed {
    namespaces: Child,
    folder: TempDir,
}

impl Bed {
    /// None where such namespaces or the programs aren't to be had; then it was said.
    pub fn new(test: &str, programs: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let folders = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let there = |program: &&&str| !env::split_paths(&folders).any(|f| f.join(program).exists());
        let missing = programs.iter().find(there);
        let mut namespaces = Command::new(root().join("tests/lab/guest"))
            .args(["with", "bash", "-c", "echo ready; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = namespaces.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let bed = Self { namespaces, folder };
        if line != "ready\n" || missing.is_some() {
            let said = fs::read_to_string(bed.path("said")).unwrap();
            let why =
                missing.map_or_else(|| said.trim().to_owned(), |program| format!("no {program}"));
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "{test}: {why}");
            let _ = writeln!(
                io::stdout(),
                "NOT RUN: tests/publish, {test}: needs root, a guest's file system and name servers: {why}"
            );
            return None;
        }
        bed.ipam(&[("web", 70), ("db", 71), ("mail", 72)]);
        Some(bed)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The IPAM: a name in lab.example and the last number of its address each.
    pub fn ipam(&self, hosts: &[(&str, u8)]) {
        let folder = self.path("ipam");
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("prefixes.csv"),
            "prefix,vlan,status\n192.168.30.0/24,30,active\n",
        )
        .unwrap();
        let mut rows = "address,status,dns_name,cf_ipalloc_key\n".to_owned();
        for (name, last) in hosts {
            rows += &format!("192.168.30.{last}/24,active,{name}.lab.example,{name}\n");
        }
        let new = folder.join("new.csv");
        fs::write(&new, rows).unwrap();
        fs::rename(new, folder.join("ip-addresses.csv")).unwrap();
    }

    /// The site, with these name servers.
    pub fn site(&self, servers: &[Value]) {
        let site = json!({"domain": "lab.example", "vlans": [{"vlan": 30, "prefix": "192.168.30.0/24"}], "dns": {"servers": servers}});
        fs::write(self.path("site.json"), site.to_string()).unwrap();
    }

    /// A name server, whose dnsmasq runs.
    pub fn server(&self, name: &str, address: &str) {
        self.bash(&format!("guest up {name} {address}"));
        self.bash(&format!("set -- {name}\n{SERVER}"));
        self.inside(name, "dns start");
    }

    /// Two of them, of dnsmasq's configuration, as the site has them.
    pub fn two(&self) -> [Value; 2] {
        let servers = [("ns-1", 51), ("ns-2", 52)].map(|(name, last)| {
            let address = format!("192.168.30.{last}");
            self.server(name, &address);
            dnsmasq(name, &address)
        });
        self.site(&servers);
        servers
    }

    /// A command in the namespaces.
    pub fn command(&self, program: &str) -> Command {
        let own = self.namespaces.id();
        let children = format!("/proc/{own}/task/{own}/children");
        let init = fs::read_to_string(children).unwrap();
        let mut path = root().join("tests/lab").into_os_string();
        path.push(":");
        path.push(search_path(&root().join("scripts")));
        path.push(":/usr/sbin:/sbin");
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--net", "--pid", "--target", init.trim()])
            .args(["--", program])
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("PVX_SITE", self.path("site.json"))
            .env("GUEST_ROOTFS", rootfs())
            .stdin(Stdio::null());
        command
    }

    /// What bash says of a script in the namespaces; it must succeed.
    pub fn bash(&self, script: &str) -> String {
        let output = self
            .command("bash")
            .args(["-euc", script])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What a command says in a server.
    pub fn inside(&self, name: &str, command: &str) -> String {
        let output = self
            .command("guest")
            .args(["exec", name, "sh", "-c", command])
            .output();
        let output = output.unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// publish-names, not yet begun.
    pub fn publishing(&self, words: &[&str]) -> Command {
        let mut command = self.command("publish-names");
        command
            .args(["--identity", "/mnt/lab/id", "--ipam"])
            .arg(self.path("ipam"))
            .args(words);
        command
    }

    pub fn publish(&self, words: &[&str]) -> Answer {
        Answer::of(&self.publishing(words).output().unwrap())
    }

    /// The first time, when no host key is known.
    pub fn first(&self) -> Answer {
        let site: Value =
            serde_json::from_slice(&fs::read(self.path("site.json")).unwrap()).unwrap();
        let servers = site["dns"]["servers"].as_array().unwrap();
        let names: Vec<&str> = servers
            .iter()
            .map(|server| server["name"].as_str().unwrap())
            .collect();
        self.publish(&["--apply", "--accept-new", &names.join(",")])
    }

    /// What a server answers to a name: the addresses.
    pub fn ask(&self, address: &str, name: &str) -> String {
        self.bash(&format!(
            "hacheck ask {address} {name}.lab.example </dev/null | jq -r '.answers | join(\" \")'"
        ))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.namespaces.kill(); // and all in there, as `unshare --kill-child` has it
        let _ = self.namespaces.wait();
    }
}

/// A server with a file of dnsmasq's configuration.
pub fn dnsmasq(name: &str, address: &str) -> Value {
    json!({"name": name, "address": address, "format": "dnsmasq", "file": "/etc/dnsmasq.d/names.conf",
        "check": "dnsmasq --test --conf-dir=/etc/dnsmasq.d", "reload": "dns restart"})
}

/// What publish-names answered.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub records: Vec<Value>,
    pub said: String,
}

impl Answer {
    pub fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
        Self {
            code: output.status.code(),
            records: records.collect(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The records of a run in which every server answers from its names.
    pub fn good(&self, changed: bool) -> &[Value] {
        assert_eq!(self.code, Some(0), "{self:#?}");
        for record in &self.records {
            let got = (&record["verified"], &record["changed"], &record["error"]);
            assert_eq!(
                got,
                (&json!(true), &json!(changed), &Value::Null),
                "{self:#?}"
            );
        }
        &self.records
    }

    /// The codes of all servers, in their order; an empty one is none.
    pub fn codes(&self) -> Vec<&str> {
        self.records
            .iter()
            .map(|record| record["error"]["code"].as_str().unwrap_or_default())
            .collect()
    }

    pub fn message(&self, place: usize) -> &str {
        self.records[place]["error"]["message"]
            .as_str()
            .unwrap_or_default()
    }
}

/// Where tests/lab/guest has it.
fn rootfs() -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map(|folder| Path::new(&folder).join("guest-rootfs"));
    let named = env::var_os("GUEST_ROOTFS").map(PathBuf::from).or(target);
    std::path::absolute(named.unwrap_or_else(|| root().join("target/guest-rootfs"))).unwrap()
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}
