//! The tool under test, called as a person would, and its answers in short.

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::tools::{search_path, tools};

/// The token of the admin in the dump.
pub const ADMIN: &str = "0123456789abcdef0123456789abcdef01234567";

/// How `ipalloc` is called.
#[derive(Clone)]
pub struct Ours {
    url: String,
    token: String,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

fn empty_site() -> &'static Path {
    static SITE: OnceLock<NamedTempFile> = OnceLock::new();
    let site = SITE.get_or_init(|| {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(b"{}").unwrap();
        file
    });
    site.path()
}

impl Ours {
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            token: ADMIN.to_owned(),
        }
    }

    pub fn token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The command, with nothing of the caller's environment.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", search_path(&scripts));
        command.envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("USER", "tester")]);
        command.envs([("NETBOX_URL", &self.url), ("NETBOX_TOKEN", &self.token)]);
        // A site that says nothing, so that no call says that none was named.
        command.env("PVX_SITE", empty_site());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts `ipalloc` with the words of `line`.
    pub fn start(&self, line: &str) -> Child {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.command(&tools()["ipalloc"], &words).spawn().unwrap()
    }

    /// Runs `ipalloc` with the words of `line`.
    pub fn run(&self, line: &str) -> Ran {
        Ran::of(self.start(line))
    }

    /// Runs it with records on standard input.
    pub fn fed(&self, line: &str, input: &str) -> Ran {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = self.command(&tools()["ipalloc"], &words);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // It may end without having read everything.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(child)
    }

    /// Runs all of these at the same time.
    pub fn at_once(&self, lines: impl IntoIterator<Item = String>) -> Vec<Ran> {
        let children: Vec<Child> = lines.into_iter().map(|line| self.start(&line)).collect();
        let waiting: Vec<_> = children
            .into_iter()
            .map(|child| thread::spawn(|| Ran::of(child)))
            .collect();
        waiting.into_iter().map(|ran| ran.join().unwrap()).collect()
    }

    /// Calls as a table: what is special, the words, the input, and what comes of it
    /// (see [`Ran::short`]) with nothing on stderr. All that differ are told.
    pub fn table(&self, rows: &[(&str, &str, &str, &str)]) {
        let mut wrong = String::new();
        for (name, line, input, want) in rows {
            let ran = if input.is_empty() {
                self.run(line)
            } else {
                self.fed(line, input)
            };
            let got = ran.short();
            if got != *want || !ran.err.is_empty() {
                wrong += &format!(
                    "{name}: ipalloc {line} {input}\n  want {want}\n  got  {got}\n{}{}",
                    ran.out, ran.err
                );
            }
        }
        assert!(wrong.is_empty(), "\n{wrong}");
    }
}

impl Ran {
    pub fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn records(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The only record.
    pub fn record(&self) -> Value {
        let records = self.records();
        assert_eq!(records.len(), 1, "{self:?}");
        records[0].clone()
    }

    /// `0: web 192.168.30.2/24 new, db 192.168.30.3/24` or `1: web !exhausted`
    pub fn short(&self) -> String {
        let one = |record: &Value| {
            let mut words = vec![record["name"].as_str().unwrap_or("?").to_owned()];
            words.extend(record["address"].as_str().map(str::to_owned));
            if record["changed"] == true {
                words.push("new".into());
            }
            words.extend(
                record["error"]["code"]
                    .as_str()
                    .map(|code| format!("!{code}")),
            );
            words.join(" ")
        };
        let all: Vec<String> = self.records().iter().map(one).collect();
        format!("{}: {}", self.code, all.join(", "))
    }

    /// Requests, as `-v` tells them.
    pub fn requests(&self) -> usize {
        let methods = ["GET", "POST", "PATCH", "DELETE", "OPTIONS"];
        let is = |line: &&str| {
            methods
                .iter()
                .any(|m| line.starts_with(&format!("ipalloc: {m} ")))
        };
        self.err.lines().filter(is).count()
    }

    /// It ended so, and stderr tells all of `words`.
    pub fn ends(&self, short: &str, words: &[&str]) {
        assert_eq!(self.short(), short, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "stderr lacks {word:?}: {self:?}");
        }
        assert!(!self.err.contains(ADMIN), "a secret is shown: {self:?}");
    }
}
