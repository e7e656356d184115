//! The embedded IPAM: a folder with NetBox's three CSV files.
//!
//! One process at a time may change it (a lock on `.ipalloc.lock`); readers need
//! no lock, because a file is only ever replaced as a whole.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::File,
    io::{self, ErrorKind},
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use csv::ByteRecord;
use vmid::{
    exit::{self, Stop},
    plain_file,
};

use crate::{
    among::Belonging,
    interest::Interest,
    ipam::{Applied, Ask, Change, Entry, EntryId, Ipam, Made, Networks, View},
    labels::Kinds,
};

mod belongs;
mod cell;
mod columns;
mod file;
mod form;
mod header;
mod lock;
mod row;
mod rows;

use belongs::{has_columns, namesakes};
use file::Edit;
use form::{Column, Layout};
use lock::lock;
use row::{created, edit, missing};
use rows::{data_rows, each_entry, repeated, view};

const PREFIXES: &str = "prefixes.csv";
const RANGES: &str = "ip-ranges.csv";
const ADDRESSES: &str = "ip-addresses.csv";

/// The largest file that is read, in bytes: several million addresses.
const LARGEST: u64 = 1 << 30;

/// What a command is going to do with the IPAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Look at it only.
    Read,
    /// Change it; others have to wait until the [`CsvIpam`] is dropped.
    Write,
}

/// The folder, opened.
#[derive(Debug)]
pub struct CsvIpam {
    folder: PathBuf,
    /// The addresses, as [`Ipam::look`] has read them.
    text: Vec<u8>,
    _lock: Option<File>,
}

/// What a file must tell of its rows.
struct Wants<'a> {
    /// Which they are.
    identity: Column,
    /// What keeps their addresses back.
    kept_back: &'a [Column],
    /// Whether they belong to these.
    belongings: &'a BTreeSet<&'a Belonging>,
}

impl CsvIpam {
    /// Opens the IPAM in `folder`.
    ///
    /// # Errors
    ///
    /// It is no folder with a `prefixes.csv` (the caller's fault), or the lock
    /// cannot be had.
    pub fn open(folder: &Path, access: Access) -> Result<Self, Stop> {
        let prefixes = folder.join(PREFIXES);
        if !Self::is_in(folder) {
            let what = anyhow!("{}: no such file", prefixes.display());
            let hint = "an IPAM folder holds prefixes.csv, and ip-addresses.csv and ip-ranges.csv if there are any, in NetBox's import or export form";
            return Err(Stop::input(what).hint(hint));
        }
        let lock = match access {
            Access::Read => None,
            Access::Write => Some(lock(&folder.join(".ipalloc.lock"))?),
        };
        Ok(Self {
            folder: folder.to_owned(),
            text: Vec::new(),
            _lock: lock,
        })
    }

    /// There is an IPAM in `folder`.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        exists(&folder.join(PREFIXES))
    }

    /// The rows of one of the smaller files, each made into a value.
    fn rows<T>(
        &self,
        name: &str,
        wants: &Wants<'_>,
        make: impl Fn(&Layout, &ByteRecord) -> Result<T, String>,
    ) -> Result<Vec<T>, Stop> {
        let path = self.folder.join(name);
        let text = read(&path)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let bad = |what: String| wrong(&path, what);
        let layout = Layout::of(&text, wants.identity).map_err(bad)?;
        has_columns(&layout, wants.belongings).map_err(bad)?;
        if let Some(what) = layout.looks_open(wants.kept_back) {
            exit::say("ipalloc", &format!("warning: {}: {what}", path.display()));
        }
        let mut values = Vec::new();
        data_rows(&text, &layout, |_, row, _| {
            values.push(make(&layout, row)?);
            Ok(())
        })
        .map_err(bad)?;
        Ok(values)
    }

    /// Reads the addresses' file; a new one gets the columns that these labels need.
    fn load(&mut self, labels: &Kinds) -> Result<(), Stop> {
        self.text = read(&self.addresses())?;
        if self.text.iter().all(u8::is_ascii_whitespace) {
            self.text = columns::new_file(labels).into_bytes();
        }
        Ok(())
    }

    fn addresses(&self) -> PathBuf {
        self.folder.join(ADDRESSES)
    }

    /// The edits that the changes of existing rows need.
    fn edits(&self, layout: &Layout, changes: &[Change]) -> Result<Vec<Edit>, String> {
        let changed: HashMap<EntryId, &Change> = changes
            .iter()
            .filter_map(|change| Some((row_of(change)?, change)))
            .collect();
        let mut edits = Vec::new();
        if changed.is_empty() {
            return Ok(edits);
        }
        data_rows(&self.text, layout, |id, row, span| {
            if let Some(change) = changed.get(&id) {
                let (content, end) = file::row_at(&self.text, span.start, span.end);
                edits.push(edit(layout, change, row, content, end));
            }
            Ok(())
        })?;
        Ok(edits)
    }
}

impl Ipam for CsvIpam {
    fn networks(&mut self, interest: &Interest) -> Result<Networks, Stop> {
        let asked = interest.belongings();
        let of_prefixes = Wants {
            identity: Column::Prefix,
            kept_back: form::OF_PREFIXES,
            belongings: &asked,
        };
        let of_ranges = Wants {
            identity: Column::Start,
            kept_back: form::OF_RANGES,
            belongings: &BTreeSet::new(),
        };
        let prefix = |layout: &Layout, row: &ByteRecord| row::prefix(layout, row, &asked);
        let prefixes = self.rows(PREFIXES, &of_prefixes, prefix)?;
        Ok(Networks {
            namesakes: namesakes(&prefixes),
            prefixes,
            ranges: self.rows(RANGES, &of_ranges, row::range)?,
        })
    }

    fn look(&mut self, ask: &Ask) -> Result<View, Stop> {
        self.load(&ask.labels)?;
        let bad = |what: String| wrong(&self.addresses(), what);
        let layout = Layout::of(&self.text, Column::Address).map_err(bad)?;
        columns::all_there(&layout, &ask.labels, &self.addresses())?;
        view(&self.text, &layout, ask).map_err(bad)
    }

    fn survey(&mut self, mut addresses: HashSet<IpAddr>) -> Result<View, Stop> {
        self.load(&Kinds::default())?;
        let bad = |what: String| wrong(&self.addresses(), what);
        let layout = Layout::of(&self.text, Column::Address).map_err(bad)?;
        addresses.extend(repeated(&self.text, &layout).map_err(bad)?);
        let ask = Ask {
            addresses,
            ..Ask::default()
        };
        view(&self.text, &layout, &ask).map_err(bad)
    }

    fn each(
        &mut self,
        _: &View,
        handle: &mut dyn FnMut(&Entry) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let bad = |what: String| wrong(&self.addresses(), what);
        let layout = Layout::of(&self.text, Column::Address).map_err(bad)?;
        let mut stopped = Ok(());
        let read = each_entry(&self.text, &layout, |entry| {
            stopped = handle(&entry);
            match stopped {
                Ok(()) => Ok(()),
                Err(_) => Err(String::new()), // the reading stops, and `stopped` says why
            }
        });
        stopped?;
        read.map_err(bad)
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Applied, Stop> {
        let path = self.addresses();
        let bad = |what: String| wrong(&path, what);
        let mut layout = Layout::of(&self.text, Column::Address).map_err(bad)?;
        let missing = missing(&layout, changes);
        if !missing.is_empty() {
            self.text = file::widen(&self.text, &layout, &missing).map_err(bad)?;
            layout = Layout::of(&self.text, Column::Address).map_err(bad)?;
        }
        let edits = self.edits(&layout, changes).map_err(bad)?;
        let new = changes.iter().filter_map(|change| match change {
            Change::Create(new) => Some(created(&layout, new)),
            _ => None,
        });
        let added: Vec<u8> = new.flatten().collect();
        let replaced = file::replace(&path, &self.text, &edits, &added, layout.line_end());
        replaced.map_err(|error| {
            let what = anyhow!("{}: not changed: {}", path.display(), exit::reason(&error));
            Stop::outside(what)
        })?;
        // Rows have no IDs to show, and the lock saw to it that each got what was decided.
        let made = |change: &Change| match change {
            Change::Create(new) => Made {
                address: Some(new.address),
                ..Made::default()
            },
            _ => Made::default(),
        };
        Ok(Applied::Done(changes.iter().map(made).collect()))
    }

    fn has_ids(&self) -> bool {
        false
    }
}

/// The file's text; empty if there is none.
fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    match plain_file::read(path, LARGEST) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        result => result.map_err(|error| unread(path, &error)),
    }
}

/// Something is there, be it a link to nothing.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// A link, FIFO or folder in a file's place is the caller's to put right, the rest the operator's.
fn unread(path: &Path, error: &io::Error) -> Stop {
    let what = anyhow!("{}: {}", path.display(), exit::reason(error));
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => Stop::input(what),
        _ => Stop::outside(what),
    }
}

/// A file that does not hold what it should: to be put right by whoever keeps it.
fn wrong(path: &Path, what: String) -> Stop {
    Stop::input(anyhow!("{}: {what}", path.display()))
}

/// The row that a change is about; none if it makes a new one.
fn row_of(change: &Change) -> Option<EntryId> {
    match change {
        Change::Create(_) => None,
        Change::Adopt(id, _)
        | Change::Mark(id, ..)
        | Change::Move(id, ..)
        | Change::Complete(id, ..)
        | Change::Delete(id) => Some(*id),
    }
}
