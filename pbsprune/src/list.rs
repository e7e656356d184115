//! The whole snapshot list: the rows in their order, and their groups.
//!
//! Nothing can be said of a group before its last row was read, so the list is read
//! to its end; each row's raw text once, and two dozen bytes beside it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    io::Read,
};

use vmid::{
    exit::Stop,
    stream::{self, Pile, Record},
};

use crate::{
    field::Fault,
    retention::{Snapshot, Verification},
    row,
    snapshot::{self, IndexSize},
    zone::{Offsets, Zone},
};

/// A group: nothing that is decided crosses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// Namespace; empty is the root.
    pub ns: String,
    /// `backup-type`
    pub kind: String,
    /// `backup-id`
    pub id: String,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ns, kind, id } = self;
        if ns.is_empty() {
            return write!(f, "{kind}/{id}");
        }
        write!(f, "{ns}:{kind}/{id}")
    }
}

/// What is known of a row beside its text.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// `backup-time`, seconds.
    pub time: i64,
    group: u32,
    finished: bool,
    protected: bool,
    verification: Verification,
    index_size: IndexSize,
    /// Its text can't just be extended: it isn't compact, or has a field named as ours.
    pub clashes: bool,
}

/// The group of a record that carries an error: no group. There are less groups than rows.
const NO_GROUP: u32 = u32::MAX;

impl Row {
    /// Its group's place in [`List::groups`]; none for a record that carries an error.
    #[must_use]
    pub fn group(&self) -> Option<usize> {
        (self.group != NO_GROUP).then_some(self.group as usize)
    }
}

/// A snapshot list.
#[derive(Debug, Default)]
pub struct List {
    /// The rows' texts.
    pub pile: Pile,
    /// The rows, in the order they came.
    pub rows: Vec<Row>,
    /// The groups, in the order they came.
    pub groups: Vec<Group>,
    /// By group: a record that came with an error is of it, so that not all is known of it.
    pub failed: Vec<bool>,
    /// By group: its rows have different owners.
    pub mixed: Vec<bool>,
    /// Some row says how long its index is, so one that doesn't has none that can be read.
    sizes: bool,
}

/// Why a row can't be taken.
#[derive(Debug)]
enum Refused {
    Fault(Fault),
    TooMany,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::TooMany => write!(f, "more than {} rows", u32::MAX),
        }
    }
}

/// What is said of something else than a snapshot list.
pub const WANTED: &str =
    "proxmox-backup-client snapshot list --output-format json prints a snapshot list";

/// A record that has no field of a snapshot, such as a guest's.
fn is_foreign(record: &Record<'_>) -> bool {
    let ours = ["backup-type", "backup-id", "backup-time", "volid", "error"];
    ours.iter().all(|name| record.raw(name).is_none())
}

/// Namespace, type and id as one key.
fn key_of(parts: [&str; 3], key: &mut String) {
    key.clear();
    for part in parts {
        key.push_str(part);
        key.push('\0'); // no part of a name in PBS
    }
}

impl List {
    /// Reads `input` to its end; rows without a namespace are in `ns`.
    ///
    /// # Errors
    ///
    /// The input is no stream of records, or a row breaks a rule: the message names it.
    pub fn read(input: impl Read, ns: &str) -> Result<Self, Stop> {
        let mut list = Self::default();
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut failed: HashSet<String> = HashSet::new();
        let mut key = String::new();
        let mut owners: Vec<Option<String>> = Vec::new();
        let mut hint = None; // of the fault, if it has one
        let mut foreign = true; // nothing has come that a snapshot list has
        let mut other_records = false; // they were records, but no snapshots
        let read = stream::read_each(input, |record| {
            foreign = foreign && is_foreign(&record);
            if list.rows.len() == u32::MAX as usize {
                return Err(Refused::TooMany);
            }
            let error = record.has_error();
            let row = if error {
                if let Some((of, kind, id)) = snapshot::identity(&record) {
                    key_of([of.as_deref().unwrap_or(ns), &kind, &id], &mut key);
                    failed.insert(key.clone());
                }
                Row {
                    time: 0,
                    group: NO_GROUP,
                    finished: false,
                    protected: false,
                    verification: Verification::Unknown,
                    index_size: IndexSize::Untold,
                    clashes: true,
                }
            } else {
                let item = row::item(&record).map_err(|fault| {
                    other_records = foreign;
                    hint = fault.hint();
                    Refused::Fault(fault)
                })?;
                let ns = item.ns.as_deref().unwrap_or(ns);
                key_of([ns, &item.kind, &item.id], &mut key);
                let group = known.get(&key).copied().unwrap_or_else(|| {
                    let group = list.groups.len() as u32; // no more than rows
                    known.insert(key.clone(), group);
                    list.groups.push(Group {
                        ns: ns.to_owned(),
                        kind: item.kind.clone().into_owned(),
                        id: item.id.clone().into_owned(),
                    });
                    owners.push(None);
                    list.mixed.push(false);
                    group
                });
                if let Some(owner) = &item.owner {
                    let known = &mut owners[group as usize];
                    let known = known.get_or_insert_with(|| owner.clone().into_owned());
                    list.mixed[group as usize] |= known != owner;
                }
                list.sizes |= item.index_size == IndexSize::Told;
                Row {
                    time: item.time,
                    group,
                    finished: item.finished,
                    protected: item.protected,
                    verification: item.verification,
                    index_size: item.index_size,
                    clashes: item.clashes || !record.is_compact(),
                }
            };
            list.rows.push(row);
            list.pile.push(record);
            Ok(())
        });
        read.map_err(|stop| match hint.or(other_records.then_some(WANTED)) {
            Some(hint) => stop.hint(hint),
            None => stop,
        })?;
        list.failed = vec![false; list.groups.len()];
        for group in failed.iter().filter_map(|key| known.get(key)) {
            list.failed[*group as usize] = true;
        }
        Ok(list)
    }

    /// The index of a finished row can't be read: PBS counts it as good, and can't restore it.
    ///
    /// Seen at a real server: such a snapshot is listed with the bare names of its files,
    /// where each other one has the size of its index.
    #[must_use]
    pub fn is_broken(&self, row: usize) -> bool {
        self.sizes && self.rows[row].index_size == IndexSize::Missing
    }

    /// The row's backup came to its end.
    #[must_use]
    pub fn is_finished(&self, row: usize) -> bool {
        self.rows[row].finished
    }

    /// What is known of whether a row can be restored.
    #[must_use]
    pub fn verification(&self, row: usize) -> Verification {
        match self.is_broken(row) {
            true => Verification::Failed,
            false => self.rows[row].verification,
        }
    }

    /// The rows of each group, newest first.
    #[must_use]
    pub fn grouped(&self) -> Grouped {
        let mut starts = vec![0_u32; self.groups.len() + 1];
        for group in self.rows.iter().filter_map(Row::group) {
            starts[group + 1] += 1;
        }
        for group in 1..starts.len() {
            starts[group] += starts[group - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0_u32; starts.last().map_or(0, |&end| end as usize)];
        for (index, row) in self.rows.iter().enumerate() {
            if let Some(group) = row.group() {
                let place = &mut next[group];
                rows[*place as usize] = index as u32;
                *place += 1;
            }
        }
        let mut grouped = Grouped { rows, starts };
        for group in 0..self.groups.len() {
            let (from, to) = grouped.range(group);
            // by row, too, so that the first of two of one time comes first
            let newest_first = |&row: &u32| (std::cmp::Reverse(self.rows[row as usize].time), row);
            grouped.rows[from..to].sort_unstable_by_key(newest_first);
        }
        grouped
    }

    /// The first and last time of the list, if there is a snapshot in it.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        let mut rows = self.rows.iter().filter(|row| row.group().is_some());
        let first = rows.next()?.time;
        let widen = |(from, to): (i64, i64), row: &Row| (from.min(row.time), to.max(row.time));
        Some(rows.fold((first, first), widen))
    }
}

/// The rows by group.
#[derive(Clone, Debug)]
pub struct Grouped {
    rows: Vec<u32>,
    starts: Vec<u32>,
}

impl Grouped {
    /// The rows of a group, newest first.
    #[must_use]
    pub fn rows(&self, group: usize) -> &[u32] {
        let (from, to) = self.range(group);
        &self.rows[from..to]
    }

    fn range(&self, group: usize) -> (usize, usize) {
        (self.starts[group] as usize, self.starts[group + 1] as usize)
    }
}

/// The snapshots of one group at a time, with the place of each row; the memory is used again.
#[derive(Debug)]
pub struct Snapshots<'a> {
    list: &'a List,
    offsets: Offsets,
    /// The snapshots, newest first, each once.
    pub snapshots: Vec<Snapshot>,
    /// The first row of each snapshot.
    pub firsts: Vec<u32>,
    /// Rows that repeat an earlier one, over all groups so far.
    pub repeated: u64,
}

impl<'a> Snapshots<'a> {
    /// For a list, with days in `zone`.
    #[must_use]
    pub fn of(list: &'a List, zone: &Zone) -> Self {
        let (from, to) = list.span().unwrap_or_default();
        Self {
            list,
            offsets: zone.offsets(from, to),
            snapshots: Vec::new(),
            firsts: Vec::new(),
            repeated: 0,
        }
    }

    /// Takes the rows of a group, newest first. A snapshot that is listed twice is
    /// one: finished or protected if either says so.
    pub fn take(&mut self, rows: &[u32]) {
        self.snapshots.clear();
        self.firsts.clear();
        for &index in rows {
            let row = &self.list.rows[index as usize];
            match self.snapshots.last_mut() {
                Some(last) if last.time == row.time => {
                    last.finished |= row.finished;
                    last.protected |= row.protected;
                    let said = self.list.verification(index as usize);
                    let failed = last.verification == Verification::Failed;
                    if !failed && said != Verification::Unknown {
                        last.verification = said;
                    }
                    self.repeated += 1;
                }
                _ => {
                    self.firsts.push(index);
                    self.snapshots.push(Snapshot {
                        time: row.time,
                        local: self.offsets.local(row.time),
                        finished: row.finished,
                        protected: row.protected,
                        verification: self.list.verification(index as usize),
                    });
                }
            }
        }
    }

    /// What the local times were made with.
    #[must_use]
    pub fn into_offsets(self) -> Offsets {
        self.offsets
    }
}
