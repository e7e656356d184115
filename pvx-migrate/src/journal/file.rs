//! The journal as a file: read and known as ours before anything in it is changed, locked, and
//! every line on the disk before the request it tells of.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::anyhow;
use serde::Serialize;
use vmid::{
    exit::{Stop, reason},
    plain_file::{self, Mode},
};

use super::{
    guest_line::GuestLine,
    line::{self, Line, Lines},
};

/// More than any journal has: a guest that is moved takes some 2 KiB.
const MOST_BYTES: u64 = 256 << 20;

/// A journal that was read, or that is yet to be made; nothing is changed so far.
#[derive(Debug)]
pub struct Found {
    path: PathBuf,
    /// Open and locked; none if there is none yet.
    file: Option<File>,
    lines: Lines,
}

/// A journal that is written to, and nobody else's meanwhile.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    place: Mutex<Place>,
}

impl Found {
    /// Looks for a journal, locks it and reads it. It is left as it is.
    ///
    /// # Errors
    ///
    /// It is no journal, or cannot become one (the caller's fault); it is in use or can't be read.
    pub fn read(path: &Path) -> Result<Self, Stop> {
        let mut file = match plain_file::open(path, Mode::Change) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = folder(path);
                if !folder.is_dir() {
                    let what = format!("there is no folder {}", folder.display());
                    return Err(Stop::input(named(path, &what)));
                }
                return Ok(Self {
                    path: path.to_owned(),
                    file: None,
                    lines: Lines::default(),
                });
            }
            Err(error) => return Err(not_opened(path, &error)),
        };
        lock(path, &file)?;
        let text = plain_file::read_all(&mut file, MOST_BYTES);
        let text = text.map_err(|error| not_opened(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            file: Some(file),
            lines: parsed(path, &text)?,
        })
    }

    /// The last line of each guest.
    #[must_use]
    pub fn last(&self) -> BTreeMap<u32, Line> {
        self.lines.last()
    }

    /// The last line of each guest that was made or removed.
    #[must_use]
    pub fn last_guests(&self) -> BTreeMap<u32, GuestLine> {
        self.lines.last_guests()
    }

    /// The journal's own ID: that of its first line that has one, else a new one.
    ///
    /// # Errors
    ///
    /// The system gives no random bytes.
    pub fn run_id(&self) -> Result<String, Stop> {
        if let Some(line) = self.lines.guests.first() {
            return Ok(line.run.clone());
        }
        let mut bytes = [0; 8];
        let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
        read.map_err(|error| Stop::outside(named(Path::new("/dev/urandom"), &reason(&error))))?;
        Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
    }

    /// Makes it ready to be written to: it is made (0600) if it is new, and a line that was cut off
    /// is removed.
    ///
    /// # Errors
    ///
    /// It can't be written, or another run has made it meanwhile.
    pub fn begin(self) -> Result<Journal, Stop> {
        let path = self.path;
        let outside = |error: io::Error| Stop::outside(named(&path, &reason(&error)));
        let file = match self.file {
            Some(mut file) => {
                let whole = self.lines.whole as u64;
                if file.metadata().map_err(outside)?.len() > whole {
                    file.set_len(whole).map_err(outside)?;
                }
                file.seek(io::SeekFrom::Start(whole)).map_err(outside)?;
                file
            }
            None => {
                let file = plain_file::open(&path, Mode::MakeNew).map_err(outside)?;
                lock(&path, &file)?;
                let folder = File::open(folder(&path)).map_err(outside)?;
                folder.sync_all().map_err(outside)?;
                file
            }
        };
        Ok(Journal {
            path,
            place: Mutex::new(Place { file, torn: false }),
        })
    }
}

impl Journal {
    /// Adds a line; when this returns it is on the disk.
    ///
    /// # Errors
    ///
    /// It could not be written: what it tells of must not be done.
    pub fn append(&self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.torn {
            let what = "a line was cut off, and nothing is written behind it";
            return Err(named(&self.path, what));
        }
        place
            .append(&text)
            .map_err(|error| named(&self.path, &reason(&error)))
    }
}

/// The end of a journal.
#[derive(Debug)]
struct Place {
    file: File,
    /// A part of a line is there: another one behind it would make both unreadable.
    torn: bool,
}

impl Place {
    /// Adds a whole line or nothing: what a full disk took of it is removed again.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let before = self.file.stream_position()?;
        let written = self
            .file
            .write_all(line)
            .and_then(|()| self.file.sync_data());
        if written.is_err() {
            let back = self.file.set_len(before);
            let back = back.and_then(|()| self.file.seek(io::SeekFrom::Start(before)));
            self.torn = back.is_err();
        }
        written
    }
}

/// The lines of a journal that is only read; it may be in use.
///
/// # Errors
///
/// It can't be read or is no journal: it was named by the caller.
pub fn lines(path: &Path) -> Result<Vec<Line>, Stop> {
    let text = plain_file::read(path, MOST_BYTES);
    let text = text.map_err(|error| Stop::input(named(path, &reason(&error))))?;
    parsed(path, &text).map(|parsed| parsed.lines)
}

fn parsed(path: &Path, text: &[u8]) -> Result<Lines, Stop> {
    line::parse(text).map_err(|what| {
        Stop::input(named(path, &what))
            .hint("a journal is what an earlier run wrote, or a new file")
    })
}

fn lock(path: &Path, file: &File) -> Result<(), Stop> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Stop::outside(named(path, "another run has it open"))),
        Err(TryLockError::Error(error)) => Err(Stop::outside(named(path, &reason(&error)))),
    }
}

/// What is no plain file is the caller's fault, what can't be read the disk's.
fn not_opened(path: &Path, error: &io::Error) -> Stop {
    let what = named(path, &reason(error));
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => Stop::input(what),
        _ => Stop::outside(what),
    }
}

fn named(path: &Path, what: &str) -> anyhow::Error {
    anyhow!("{}: {what}", path.display())
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    const LINE: &str = r#"{"at":"2026-01-01T00:00:00Z","cluster":"c","vmid":1,"type":"lxc","name":"","from":"a","to":"b","was_running":true,"phase":"requested"}
"#;

    #[test]
    fn a_line_cut_off_is_removed_when_the_run_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let torn = format!("{LINE}{}", &LINE[..40]);
        fs::write(&path, &torn).unwrap();
        let found = Found::read(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), torn, "only read");
        let last = found.last();
        let journal = found.begin().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), LINE);
        journal.append(&last[&1]).unwrap();
        drop(journal);
        assert_eq!(fs::read_to_string(&path).unwrap(), LINE.repeat(2));
        assert_eq!(Found::read(&path).unwrap().last(), last);
    }

    /// A disk that is full, and has room again a moment later: no line begins behind a part of another.
    #[test]
    fn nothing_is_written_behind_a_part_of_a_line() {
        let full = File::options().append(true).open("/dev/full").unwrap();
        let journal = Journal {
            path: PathBuf::from("journal"),
            place: Mutex::new(Place {
                file: full,
                torn: false,
            }),
        };
        let said = |journal: &Journal| journal.append(&1).unwrap_err().to_string();
        let why = said(&journal).to_lowercase();
        assert!(why.contains("no space left"), "{why}");
        let folder = tempfile::tempdir().unwrap();
        let room = File::create(folder.path().join("journal")).unwrap();
        journal.place.lock().unwrap().file = room;
        assert!(said(&journal).contains("a line was cut off"));
    }

    #[test]
    fn what_is_no_journal_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let one = format!("{LINE}password");
        #[rustfmt::skip]
        let cases = [
            ("a secret",          "user@pve!t=SECRET",     "it has no whole line"),
            ("two lines of text", "line one\nlast line",   "line 1 is no event"),
            ("one JSON line",     "{\"a\":1}",             "it has no whole line"),
            ("a foreign end",     &one,                    "does not begin like one of ours"),
        ];
        for (name, text, want) in cases {
            fs::write(path("file"), text).unwrap();
            let stop = Found::read(&path("file")).unwrap_err().to_string();
            assert!(stop.contains(want), "{name}: {stop}");
            assert_eq!(fs::read_to_string(path("file")).unwrap(), text, "{name}");
        }
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        for name in ["link", "dangling"] {
            let stop = Found::read(&path(name)).unwrap_err().to_string();
            assert!(stop.contains("a symbolic link"), "{name}: {stop}");
            assert!(lines(&path(name)).is_err(), "{name}");
        }
        assert!(!path("nowhere").exists());
        let stop = Found::read(&path("no-folder/journal")).unwrap_err();
        assert!(stop.to_string().contains("there is no folder"), "{stop}");
    }

    #[test]
    fn a_new_one_is_made_when_the_run_begins_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let found = Found::read(&path).unwrap();
        assert!(!path.exists());
        let late = Found::read(&path).unwrap();
        let _journal = found.begin().unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(late.begin().is_err(), "two runs at once");
    }

    #[test]
    fn a_second_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let _held = Found::read(&path).unwrap().begin().unwrap();
        let refusal = Found::read(&path).unwrap_err().to_string();
        assert!(refusal.contains("another run has it open"), "{refusal}");
    }
}
