//! The journal as a file: read once, locked, and every line on the disk before the request it tells of.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use vmid::exit::Stop;

use super::event::Event;

/// What is about to be asked of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// A migration to `to`.
    Migrate,
    /// A start on `on`.
    Start,
    /// A clean shutdown on `on`.
    Shutdown,
    /// A VM's processors go on.
    Resume,
    /// The end of a task that makes no progress.
    EndTask,
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which.
    pub call: Call,
    /// The node that is asked.
    pub on: String,
    /// Where the guest is to go, if it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The guest's newest tasks on that node before the request. Whatever is newer is its
    /// doing, or somebody else's; clocks are not needed to tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}

/// A line: how far a guest has come, and the request that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// How far.
    #[serde(flatten)]
    pub event: Event,
    /// The request that follows, or followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The request that moves it, if `request` is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Request>,
    /// It did not start on the target and is being brought back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
}

/// A journal that is open, and nobody else's meanwhile.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens a journal, or begins one, and reads the last line of each guest.
    ///
    /// A last line without its end was cut off while it was written: the request it was to
    /// tell of was not made, and it is removed.
    ///
    /// # Errors
    ///
    /// It is no journal (the caller's fault), is in use, or can't be read or written.
    pub fn open(path: &Path) -> Result<(Self, BTreeMap<u32, Line>), Stop> {
        let outside = |error: io::Error| {
            Stop::outside(anyhow::Error::new(error).context(path.display().to_string()))
        };
        let new = !path.exists();
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path);
        let mut file = file.map_err(outside)?;
        if !file.metadata().map_err(outside)?.is_file() {
            let what = anyhow!("{}: a journal is a file, to be read again", path.display());
            return Err(Stop::input(what));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = anyhow!("{}: another run has it open", path.display());
                return Err(Stop::outside(what));
            }
            Err(TryLockError::Error(error)) => return Err(outside(error)),
        }
        if new {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(outside)?;
            folder.sync_all().map_err(outside)?;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(outside)?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(outside)?;
            file.seek(io::SeekFrom::End(0)).map_err(outside)?;
        }
        let last = parse(&text[..whole])
            .with_context(|| path.display().to_string())
            .map_err(Stop::input)?;
        let journal = Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        };
        Ok((journal, last))
    }

    /// Adds a line; when this returns it is on the disk.
    ///
    /// # Errors
    ///
    /// It could not be written: what it tells of must not be done.
    pub fn append(&self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&text)
            .and_then(|()| file.sync_data())
            .with_context(|| self.path.display().to_string())
    }
}

/// The last line of each guest.
fn parse(text: &[u8]) -> anyhow::Result<BTreeMap<u32, Line>> {
    let mut last = BTreeMap::new();
    for (number, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if text.is_empty() {
            continue;
        }
        let line: Line =
            serde_json::from_slice(text).with_context(|| format!("line {number} is no event"))?;
        last.insert(line.event.vmid, line);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(vmid: u32, phase: &str) -> String {
        format!(
            r#"{{"at":"2026-01-01T00:00:00Z","cluster":"c","vmid":{vmid},"type":"lxc","from":"a","to":"b","was_running":true,"phase":"{phase}"}}"#
        )
    }

    #[test]
    fn the_last_line_of_each_guest_counts() {
        let text = [line(1, "planned"), line(2, "planned"), line(1, "verified")].join("\n") + "\n";
        let last = parse(text.as_bytes()).unwrap();
        let phases: Vec<_> = last.values().map(|line| line.event.phase).collect();
        use super::super::event::Phase::{Planned, Verified};
        assert_eq!(phases, [Verified, Planned]);
    }

    #[test]
    fn a_line_cut_off_is_removed_and_a_wrong_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let whole = line(1, "requested") + "\n";
        std::fs::write(&path, format!("{whole}{}", &line(2, "planned")[..40])).unwrap();
        let (journal, last) = Journal::open(&path).unwrap();
        assert_eq!(last.len(), 1);
        journal.append(&last[&1]).unwrap();
        let (_, again) = {
            drop(journal);
            Journal::open(&path).unwrap()
        };
        assert_eq!(again, last);
        std::fs::write(&path, format!("{{}}\n{whole}")).unwrap();
        let refusal = Journal::open(&path).unwrap_err().to_string();
        assert!(refusal.contains("line 1 is no event"), "{refusal}");
    }

    #[test]
    fn a_second_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let _held = Journal::open(&path).unwrap();
        let refusal = Journal::open(&path).unwrap_err().to_string();
        assert!(refusal.contains("another run has it open"), "{refusal}");
    }
}
