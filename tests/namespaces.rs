//! Namespaces in which guests can be logged in to (tests/lab/guest), with a mirror of packages of our own.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::tools::search_path;

/// The namespaces; they go with all that is in them.
pub struct Namespaces {
    process: Child,
    folder: TempDir,
}

impl Namespaces {
    /// None where such namespaces or the root file system aren't to be had; then it was said, of this test of this target.
    pub fn new(target: &str, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(root().join("tests/lab/guest"))
            .args(["with", "bash", "-c", "echo ready; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = process.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let namespaces = Self { process, folder };
        if line != "ready\n" {
            let said = fs::read_to_string(namespaces.path("said")).unwrap();
            not_run(
                target,
                test,
                &format!("needs root and a guest's file system: {}", said.trim()),
            );
            return None;
        }
        namespaces.bash("guest-mirror up");
        Some(namespaces)
    }

    /// A file of the folder that is HOME and TMPDIR in there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command in the namespaces.
    pub fn command(&self, program: &str) -> Command {
        let own = self.process.id();
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

    /// What is in the file of a guest, or what a command says there.
    pub fn inside(&self, name: &str, command: &str) -> String {
        let output = self
            .command("guest")
            .args(["exec", name, "sh", "-c", command])
            .output();
        let output = output.unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What the scripts know of host keys.
    pub fn known_hosts(&self) -> String {
        fs::read_to_string(self.path(".local/state/pvx/known_hosts")).unwrap_or_default()
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        let _ = self.process.kill(); // and all in there, as `unshare --kill-child` has it
        let _ = self.process.wait();
    }
}

/// Says past the test's capture that it was not run, which is a failure under CI=true.
pub fn not_run(target: &str, test: &str, why: &str) {
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "{test}: {why}");
    let _ = writeln!(io::stdout(), "NOT RUN: tests/{target}, {test}: {why}");
}

/// Where tests/lab/guest has it.
fn rootfs() -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map(|folder| Path::new(&folder).join("guest-rootfs"));
    let named = env::var_os("GUEST_ROOTFS").map(PathBuf::from).or(target);
    std::path::absolute(named.unwrap_or_else(|| root().join("target/guest-rootfs"))).unwrap()
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}
