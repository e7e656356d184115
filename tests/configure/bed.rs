//! Guests that can be logged in to (tests/lab/guest), a mirror with packages of our own, and configure run beside them.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::search_path;

/// The packages of the mirror, which is mirror.test, 192.168.30.1, to each guest.
const MIRROR: &str = r#"mkdir -p /mnt/www /mnt/deb/DEBIAN
for name in lab-tool unattended-upgrades qemu-guest-agent; do
    printf 'Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: lab <lab@lab.example>\nDescription: of the lab\n' "$name" >/mnt/deb/DEBIAN/control
    dpkg-deb --build /mnt/deb "/mnt/www/$name.deb" >/dev/null
    { dpkg-deb --field "/mnt/www/$name.deb"; echo "Filename: ./$name.deb"; echo "Size: $(stat -c %s "/mnt/www/$name.deb")"
      echo "SHA256: $(sha256sum "/mnt/www/$name.deb" | cut -d ' ' -f 1)"; echo; } >>/mnt/www/Packages
done
setsid -f python3 -m http.server --directory /mnt/www 80 >/dev/null 2>&1 </dev/null
until timeout 5 bash -c '</dev/tcp/192.168.30.1/80' 2>/dev/null; do sleep 0.05; done"#;

/// The namespaces; they go with all that is in them.
pub struct Bed {
    namespaces: Child,
    folder: TempDir,
}

impl Bed {
    /// None where such namespaces or the root file system aren't to be had; then it was said.
    pub fn new(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
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
        if line != "ready\n" {
            let said = fs::read_to_string(bed.path("said")).unwrap();
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "{test}: {said}");
            let said = said.trim();
            let _ = writeln!(
                io::stdout(),
                "NOT RUN: tests/configure, {test}: needs root and a guest's file system: {said}"
            );
            return None;
        }
        bed.bash(MIRROR);
        bed.site(&json!({}));
        Some(bed)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The site, whose template base has two packages; `more` replaces its keys.
    pub fn site(&self, more: &Value) {
        let mut site = json!({"timezone": "Europe/Berlin", "templates": {"base": {"packages": ["lab-tool", "unattended-upgrades"]}}});
        for (name, value) in more.as_object().unwrap() {
            site[name] = value.clone();
        }
        fs::write(self.path("site.json"), site.to_string()).unwrap();
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

    /// A new guest, as the record that pvx-migrate run has of a container that it made.
    pub fn made(&self, name: &str, address: &str) -> Value {
        let script = format!(
            "guest up {name} {address}; cd /mnt/{name}/root/etc; echo 'deb [trusted=yes] http://mirror.test/ ./' >apt/sources.list; rm -f apt/sources.list.d/*; echo '192.168.30.1 mirror.test' >>hosts; guest keys {name}"
        );
        let keys: Value = serde_json::from_str(&self.bash(&script)).unwrap();
        json!({"name": name, "vmid": 30000, "type": "lxc", "shape": "lxc", "address": format!("{address}/24"), "changed": true, "host_keys": keys})
    }

    /// What is in the file of a guest, or what a command says there.
    pub fn inside(&self, name: &str, command: &str) -> String {
        let output = self
            .command("guest")
            .args(["exec", name, "sh", "-c", command])
            .output();
        let output = output.unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn configure(&self, words: &[&str], records: &[Value]) -> Answer {
        let mut command = self.command("configure");
        let input = self.path("records");
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        fs::write(&input, lines).unwrap();
        command
            .args(["--identity", "/mnt/lab/id"])
            .args(words)
            .stdin(fs::File::open(input).unwrap());
        Answer::of(&command.output().unwrap())
    }

    pub fn known_hosts(&self) -> String {
        fs::read_to_string(self.path(".local/state/pvx/known_hosts")).unwrap_or_default()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.namespaces.kill(); // and all in there, as `unshare --kill-child` has it
        let _ = self.namespaces.wait();
    }
}

/// What configure answered.
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

    /// The one record of a run that went well.
    pub fn good(&self) -> &Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        let [record] = &self.records[..] else {
            panic!("{self:?}")
        };
        assert!(
            record["error"].is_null() && record["ready_ms"].is_u64(),
            "{record}"
        );
        record
    }

    /// That the one record is refused with this code, and says this.
    pub fn refused(&self, code: &str, part: &str, what: &str) {
        let error = &self.records.first().expect(what)["error"];
        assert_eq!(
            (self.code, error["code"].as_str()),
            (Some(1), Some(code)),
            "{what}: {self:?}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{what}: {message}");
        assert!(
            self.said.contains(part) && self.said.lines().count() == 1,
            "{what}: {}",
            self.said
        );
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
