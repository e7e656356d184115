//! `scripts/build-template`: templates that are really built, by debootstrap from this machine's package sources, and their
//! upload to the simulated cluster.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod build;
mod refused;
mod upload;

#[path = "../tools.rs"]
#[allow(dead_code)] // of which only a part is needed here
mod tools;

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// What a run said.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    records: Vec<Value>,
    said: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        Self {
            code: output.status.code(),
            records: text
                .lines()
                .map(|line| serde_json::from_str(line).expect(line))
                .collect(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The one record of a run that went well.
    fn good(&self) -> &Value {
        let [record] = &self.records[..] else {
            panic!("{self:?}")
        };
        assert_eq!(
            (self.code, &record["error"]),
            (Some(0), &Value::Null),
            "{self:?}"
        );
        record
    }
}

/// build-template with these words, in the folder of its results.
fn build_template(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/build-template"));
    command
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", search_path())
        .envs(env::vars_os().filter(|(name, _)| name.to_string_lossy().ends_with("_proxy")))
        .stdin(Stdio::null());
    command
}

fn search_path() -> std::ffi::OsString {
    let mut path = tools::search_path(&root().join("scripts"));
    path.push(":/usr/sbin:/sbin");
    path
}

/// A site with templates of such packages and commands, as --site.
fn site(folder: &Path, templates: &Value) -> String {
    let file = folder.join("site.json");
    fs::write(
        &file,
        serde_json::json!({ "templates": templates }).to_string(),
    )
    .unwrap();
    format!("--site={}", file.display())
}

/// Whether templates can be built here; else it was said.
fn builds(test: &str) -> bool {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let why = if !root {
        "not root"
    } else if !["debootstrap", "zstd", "gpgv", "unshare", "setpriv"]
        .iter()
        .all(|name| there(name))
    {
        "debootstrap, zstd, gpgv or util-linux isn't installed"
    } else {
        return true;
    };
    not_run(test, why);
    false
}

fn not_run(test: &str, why: &str) {
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "{test}: {why}");
    let _ = writeln!(io::stdout(), "NOT RUN: tests/template, {test}: {why}");
}

fn there(name: &str) -> bool {
    env::split_paths(&search_path()).any(|folder| folder.join(name).is_file())
}

/// The packages that were fetched, for all who build here.
fn cache() -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    format!("--cache={}", target.join("template-cache").display())
}

fn templates_in(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_string_lossy().ends_with(".tar.zst"))
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}
