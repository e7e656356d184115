//! What earlier checks saw: a file with a line whenever a holder or a counter changed.
//!
//! A change between two checks and back again leaves no trace but in keepalived's own
//! counters, so both are kept, and a finding says on which it rests.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Write as _},
    net::IpAddr,
    path::Path,
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vmid::plain_file::{self, Mode};

mod past;

pub use past::{MOST_AN_HOUR, Past};

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// The pair.
    pub pair: String,
    /// The VIP, if the pair has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<IpAddr>,
    /// Its holder; a check that could not name one leaves no line.
    pub holder: String,
    /// How often each member became master, by its own count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub become_master: BTreeMap<String, u64>,
    /// When a member that is master became so, by its daemon: Unix time in milliseconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub master_since_ms: BTreeMap<String, i64>,
}

impl Line {
    /// It is of the same pair, and of the same one of several VIPs.
    fn is_of(&self, other: &Self) -> bool {
        (&self.pair, self.vip) == (&other.pair, other.vip)
    }

    /// It says the same of the pair as another one.
    fn agrees(&self, other: &Self) -> bool {
        let told = |line: &Self| {
            (
                line.holder.clone(),
                line.become_master.clone(),
                line.master_since_ms.clone(),
            )
        };
        told(self) == told(other)
    }
}

/// How every line begins, and what a full disk or a lost power leaves of one.
const BEGIN: &[u8] = br#"{"at_ms":"#;

/// The largest history: a line has about a hundred bytes, and there is one for each change.
const LARGEST: u64 = 64 << 20;

/// The lines of a history; none if there is no file yet.
///
/// # Errors
///
/// It is no plain file, or can't be read, or is another file: each of its lines must be one of a
/// history or the stump of one. A stump is passed over, since checks that end there for ever would
/// cost more than the change of the holder that it told.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    match plain_file::read(path, LARGEST) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse(text: &[u8]) -> io::Result<Vec<Line>> {
    let mut read = Vec::new();
    for (place, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let is_json = serde_json::from_slice::<Value>(line).is_ok();
        match serde_json::from_slice(line) {
            Ok(line) => read.push(line),
            Err(_) if !is_json && is_stump(line) => {}
            Err(_) => {
                let what = format!(
                    "line {} is none of a history, so this is another file, and nothing is added to it",
                    place + 1
                );
                return Err(io::Error::new(ErrorKind::InvalidData, what));
            }
        }
    }
    Ok(read)
}

/// What may be left of one of our lines: its beginning, NULs, or both; or nothing.
fn is_stump(line: &[u8]) -> bool {
    let nuls = line.iter().take_while(|byte| **byte == 0).count();
    let left = line[nuls..].trim_ascii_end();
    left.is_empty() || left.starts_with(BEGIN) || (left.len() > 1 && BEGIN.starts_with(left))
}

/// Adds a line, if it says something that the last one of its pair doesn't. A file that isn't there
/// is made, for its owner alone.
///
/// # Errors
///
/// Those of the file; or it has become another one.
pub fn add(path: &Path, lines: &[Line], line: &Line) -> io::Result<()> {
    let last = lines.iter().rfind(|known| known.is_of(line));
    if last.is_some_and(|last| last.agrees(line)) {
        return Ok(());
    }
    let mut file = plain_file::open(path, Mode::ChangeOrMake)?;
    // What stands there now is what this line is added to.
    let text = plain_file::read_all(&mut file, LARGEST)?;
    parse(&text)?;
    let begin = if text.last().is_none_or(|byte| *byte == b'\n') {
        ""
    } else {
        "\n"
    };
    let text = format!("{begin}{}\n", serde_json::to_string(line)?);
    // One write at the end, so that two checks at one time don't mix their lines.
    fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(minute: i64, holder: &str, count: Option<u64>) -> Line {
        Line {
            at_ms: minute * 60_000,
            pair: "dns".to_owned(),
            vip: None,
            holder: holder.to_owned(),
            become_master: count
                .map(|count| ("a".to_owned(), count))
                .into_iter()
                .collect(),
            master_since_ms: BTreeMap::new(),
        }
    }

    #[test]
    fn a_line_for_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        for next in [line(0, "a", None), line(1, "a", None), line(2, "b", None)] {
            let lines = read(&path).unwrap();
            add(&path, &lines, &next).unwrap();
        }
        assert_eq!(
            read(&path).unwrap(),
            [line(0, "a", None), line(2, "b", None)]
        );
    }

    #[test]
    fn a_stump_costs_its_own_line_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let whole = serde_json::to_string(&line(0, "a", None)).unwrap();
        let stumps = [
            ("nothing", ""),
            ("after two bytes", "{\""),
            ("within a name", "{\"at_ms"),
            ("within a character", "{\"at_ms\":1,\"pair\":\"d\u{fc}"),
            ("before the newline", &whole),
            ("what a lost power leaves", "\0\0\0"),
            (
                "NULs before a line",
                "\0\0{\"at_ms\":1,\"pair\":\"dns\",\"holder\":\"a\"}",
            ),
            (
                "glued to the next",
                "{\"at_ms\":{\"at_ms\":1,\"pair\":\"dns\"}",
            ),
        ];
        for (name, stump) in stumps {
            let path = folder.path().join(name);
            let mut bytes = format!("{whole}\n{stump}").into_bytes();
            if name == "within a character" {
                bytes.pop();
            }
            std::fs::write(&path, bytes).unwrap();
            let before = read(&path).expect(name);
            assert_eq!(before[0], line(0, "a", None), "{name}");
            add(&path, &before, &line(1, "b", None)).unwrap();
            let after = read(&path).expect(name);
            assert_eq!(after[..before.len()], before, "{name}");
            assert_eq!(after[before.len()..], [line(1, "b", None)], "{name}");
        }
    }

    #[test]
    fn what_is_no_history_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other");
        let whole = serde_json::to_string(&line(0, "a", None)).unwrap();
        #[rustfmt::skip]
        let cases = [
            ("half a line",         "{\"at_ms\":1}\n".to_owned()),
            ("pairs",               "{\"name\":\"dns\"}".to_owned()),
            ("an array",            "[]\n{}".to_owned()),
            ("pretty JSON",         "{\n  \"name\": 1\n}\n".to_owned()),
            ("a host's name",       "dns-1\n".to_owned()),
            ("no newline",          "PermitRootLogin no".to_owned()),
            ("a page",              "<!DOCTYPE html><html></html>\n".to_owned()),
            ("a brace",             "{".to_owned()),
            ("a line of ours, too", format!("{whole}\nPermitRootLogin no\n")),
            ("NULs before others",  "\0\0root:x:0:0".to_owned()),
        ];
        for (name, other) in cases {
            std::fs::write(&path, &other).unwrap();
            assert!(read(&path).is_err(), "{name}");
            assert!(add(&path, &[], &line(1, "b", None)).is_err(), "{name}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other, "{name}");
        }
    }

    #[test]
    fn no_links_and_no_fifos() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("history"), "").unwrap();
        std::os::unix::fs::symlink(path("history"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["link", "dangling", "fifo"] {
            assert!(read(&path(name)).is_err(), "{name}");
            assert!(
                add(&path(name), &[], &line(1, "b", None)).is_err(),
                "{name}"
            );
        }
        assert!(!path("nowhere").exists());
        assert_eq!(std::fs::read(path("history")).unwrap(), b"");
    }

    #[test]
    fn a_new_one_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        add(&path, &[], &line(1, "b", None)).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
