//! A folder of an application, a target and a site, in a temporary folder; and app-backup run on them.

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::script::Answer;
use crate::tools::search_path;

/// The lab; it goes with all that is in it.
pub struct Lab {
    folder: TempDir,
}

impl Lab {
    /// The application `app` with a file, and a target that is ready.
    pub fn new() -> Self {
        let lab = Self {
            folder: TempDir::new().unwrap(),
        };
        for name in ["data", "target", "state", "tmp", "home", "bin"] {
            fs::create_dir(lab.path(name)).unwrap();
        }
        fs::write(lab.path("data/config.json"), "{}\n").unwrap();
        fs::write(lab.path("target/.pvx-target"), "lab\n").unwrap();
        lab.site(&json!({}), &json!({}));
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The site, with more keys for the application and for the target.
    pub fn site(&self, app: &Value, target: &Value) {
        let mut app = app.clone();
        app["name"] = json!("app");
        if app["path"].is_null() {
            app["path"] = json!(self.path("data"));
        }
        let mut target = target.clone();
        if target["path"].is_null() {
            target["path"] = json!(self.path("target"));
        }
        if target["mount"].is_null() {
            target["mount"] = json!(false);
        }
        let site = json!({"name": "lab", "apps": [app], "backup_target": target});
        fs::write(self.path("site.json"), site.to_string()).unwrap();
    }

    /// The commands that stop and start the application: whether it runs is the file `running`, and
    /// each of them adds its letter to `log`.
    pub fn switch(&self) -> (String, String) {
        let folder = self.folder.path().display();
        fs::write(self.path("running"), "").unwrap();
        (
            format!("rm -f {folder}/running; printf b >>{folder}/log"),
            format!("touch {folder}/running; printf a >>{folder}/log"),
        )
    }

    pub fn runs(&self) -> bool {
        self.path("running").exists()
    }

    /// A command with the tools, the scripts and the lab's own `bin` in its path.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(search_path(&root().join("scripts")));
        path.push(":/usr/sbin:/sbin");
        command
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("STATE_DIRECTORY", self.path("state"))
            .env("PVX_SITE", self.path("site.json"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub fn app_backup(&self, words: &[&str]) -> Answer {
        Answer::of(&self.command("app-backup").args(words).output().unwrap())
    }

    /// A run that is begun and not waited for; its process is that of app-backup itself.
    pub fn begin(&self, words: &[&str]) -> Child {
        let mut run = self.command("app-backup");
        run.args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        run.spawn().unwrap()
    }

    /// A program of the lab's own, in the place of the system's.
    pub fn shim(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What bash says of a script; it must succeed.
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

    /// The names of what is in the application's folder of the target.
    pub fn files(&self) -> Vec<String> {
        names(&self.path("target/BK_app"))
    }

    /// The complete ones.
    pub fn archives(&self) -> Vec<String> {
        let complete = |name: &String| name.ends_with(".tar.gz") || name.ends_with(".tar.zst");
        self.files().into_iter().filter(complete).collect()
    }

    /// Unpacks an archive into a new folder.
    pub fn unpack(&self, name: &str) -> PathBuf {
        let folder = self.path("unpacked");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let file = self.path("target/BK_app").join(name);
        let status = Command::new("tar")
            .arg("-xf")
            .arg(file)
            .arg("-C")
            .arg(&folder)
            .status();
        assert!(status.unwrap().success(), "{name}");
        folder
    }
}

impl Drop for Lab {
    /// What a failed test left mounted.
    fn drop(&mut self) {
        let target = self.path("target");
        let mut umount = Command::new("umount");
        let _ = umount.arg("-lq").arg(target).stderr(Stdio::null()).status();
    }
}

/// The names in a folder, sorted; none where there is no folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

impl Answer {
    /// That the one record has this error, and the run this exit code.
    pub fn is(&self, exit: i32, code: &str) {
        let error = self.records.first().map(|record| &record["error"]["code"]);
        assert_eq!(
            (self.code, error.and_then(Value::as_str)),
            (Some(exit), Some(code)),
            "{:?} {}",
            self.records,
            self.said
        );
    }
}

/// Whether this is the project's own check, which tries everything.
pub fn ci() -> bool {
    env::var("CI").is_ok_and(|ci| ci == "true")
}

/// Whether the programs are there; else it is told past the test's capture, and fails under CI=true.
pub fn have(test: &str, programs: &[&str]) -> bool {
    let folders = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let missing: Vec<&&str> = programs
        .iter()
        .filter(|name| !env::split_paths(&folders).any(|folder| folder.join(name).exists()))
        .collect();
    missing.is_empty() || not_run(test, &format!("not installed: {missing:?}"))
}

/// Says that a test is not run, and why; false.
pub fn not_run(test: &str, why: &str) -> bool {
    assert!(!ci(), "{test}: {why}");
    let _ = writeln!(io::stdout(), "NOT RUN: tests/backup, {test}: {why}");
    false
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}
