//! A folder with a site, an IPAM and documents, and scripts run on them.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::tools::search_path;

/// The two sites that are samples.
pub const SITES: [&str; 2] = ["scripts/site.json", "tests/data/site-b.json"];

/// The folder; it goes with all that is in it.
pub struct Bed {
    folder: TempDir,
}

impl Bed {
    pub fn new() -> Self {
        let bed = Self {
            folder: TempDir::new().unwrap(),
        };
        for name in ["home", "tmp", "documents"] {
            fs::create_dir(bed.path(name)).unwrap();
        }
        bed
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of the documents from which a page is made.
    pub fn document(&self, name: &str, content: &Value) {
        let path = self.path("documents").join(format!("{name}.json"));
        fs::write(path, content.to_string()).unwrap();
    }

    /// Records of a part.
    pub fn records(&self, name: &str, records: &[Value]) {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let path = self.path("documents").join(format!("{name}.jsonl"));
        fs::write(path, lines).unwrap();
    }

    /// A command with the tools and the scripts in its path.
    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut path = search_path(&root().join("scripts"));
        path.push(":/usr/sbin:/sbin");
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// What a command prints that ends well.
    pub fn prints(&self, program: &str, words: &[&str]) -> String {
        let output = self.command(program, words).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The page of the documents.
    pub fn page(&self) -> String {
        self.prints("site-page", &["--from", "documents"])
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Says what was left out, which under CI=true is a failure.
pub fn not_run(what: &str, why: &str) {
    assert!(
        env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{what}: {why}"
    );
    let _ = writeln!(
        io::stdout(),
        "NOT RUN: tests/audit: {what}: {}",
        why.trim_end()
    );
}
