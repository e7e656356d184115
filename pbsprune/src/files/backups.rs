//! The backups of each series: which files make one, whether it is complete, and what belongs to it.
//!
//! Files of one series and one time stay or go together. An archive that is incomplete (empty, still
//! written, a part missing) counts nothing, and takes none of the others with it.

use std::collections::{BTreeMap, HashMap};

use super::{
    file::File,
    left::Left,
    parts::{Set, lost, sets},
    series::{DatedBy, Place},
    suffix::{Kind, kind},
};

/// The backups of one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Seconds since 1970.
    pub time: i64,
    /// What says so.
    pub by: DatedBy,
    /// The files of its complete archives, by their place in the input.
    pub complete: Vec<usize>,
    /// The files of its incomplete archives.
    pub incomplete: Vec<usize>,
}

/// A series, newest first, no time twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The folder, and the name with `*` for its date.
    pub name: String,
    /// Its backups.
    pub backups: Vec<Backup>,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Of an archive: the places of its series and of the backup in it.
    Archive(usize, usize),
    /// It goes if all of these (places in the input) go.
    Companion(Vec<usize>),
    /// Left alone.
    Left(Left),
}

/// All series of a list of files, and what each file is.
#[derive(Clone, Debug, Default)]
pub struct Backups {
    /// The series, by name.
    pub series: Vec<Series>,
    /// By file.
    pub roles: Vec<Role>,
}

/// Puts files together that were placed.
#[must_use]
pub fn backups(files: &[File], places: &[Place<'_>]) -> Backups {
    let mut by_series: BTreeMap<&str, BTreeMap<i64, Vec<usize>>> = BTreeMap::new();
    for (index, place) in places.iter().enumerate() {
        if let Place::Member(member) = place {
            let times = by_series.entry(&member.series).or_default();
            times.entry(member.time).or_default().push(index);
        }
    }
    let mut roles = vec![Role::Left(Left::Other); files.len()];
    let mut series = Vec::with_capacity(by_series.len());
    for (name, times) in by_series {
        let all = times.iter();
        let all: Vec<_> = all
            .flat_map(|(time, members)| sets(files, places, *time, members))
            .collect();
        let mut lost: BTreeMap<usize, String> = lost(files, &all).into_iter().collect();
        let mut by_time: BTreeMap<i64, Vec<Set<'_>>> = BTreeMap::new();
        for set in all {
            let first = set.finished.first();
            match first.and_then(|first| lost.get(first)) {
                Some(_) => {
                    for index in set.finished.iter().chain(&set.unfinished) {
                        let why = lost.remove(index).unwrap_or_default();
                        roles[*index] = Role::Left(Left::Parts(why));
                    }
                }
                None => by_time.entry(set.time).or_default().push(set),
            }
        }
        let mut backups = Vec::with_capacity(by_time.len());
        for (time, sets) in by_time.into_iter().rev() {
            let members = sets
                .iter()
                .flat_map(|set| set.finished.iter().chain(&set.unfinished));
            for &index in members {
                roles[index] = Role::Archive(series.len(), backups.len());
            }
            backups.push(backup(places, time, sets));
        }
        if !backups.is_empty() {
            let name = name.to_owned();
            series.push(Series { name, backups });
        }
    }
    let owners = Owners::of(files, places);
    for (index, place) in places.iter().enumerate() {
        match place {
            Place::Member(_) => {}
            Place::Left(left) => roles[index] = Role::Left(left.clone()),
            Place::Companion(of) => {
                let found = owners.find(files[index].folder(), of);
                let orphan = || match kind(of) {
                    Kind::Archive(_) => Role::Left(Left::OrphanOfArchive),
                    _ => Role::Left(Left::Orphan),
                };
                roles[index] = found.map_or_else(orphan, Role::Companion);
            }
        }
    }
    Backups { series, roles }
}

/// One backup of the archives of one series and time.
fn backup(places: &[Place<'_>], time: i64, sets: Vec<Set<'_>>) -> Backup {
    let (mut complete, mut incomplete) = (Vec::new(), Vec::new());
    let mut by = DatedBy::Name;
    for set in sets {
        let first = set.finished.first().or(set.unfinished.first());
        if let Some(Place::Member(member)) = first.map(|&index| &places[index]) {
            by = member.by;
        }
        incomplete.extend(set.unfinished);
        match set.is_whole {
            true => complete.extend(set.finished),
            false => incomplete.extend(set.finished),
        }
    }
    Backup {
        time,
        by,
        complete,
        incomplete,
    }
}

/// By folder and name: the files that something of that name would belong to.
struct Owners<'a> {
    exact: HashMap<(&'a str, &'a str), usize>,
    archives: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> Owners<'a> {
    fn of(files: &'a [File], places: &'a [Place<'a>]) -> Self {
        let mut exact = HashMap::new();
        let mut archives: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, (file, place)) in files.iter().zip(places).enumerate() {
            let (folder, name) = (file.folder(), file.name());
            match place {
                Place::Companion(_) | Place::Left(Left::Other | Left::Orphan) => {}
                Place::Left(_) => {
                    exact.insert((folder, name), index);
                }
                Place::Member(member) => {
                    exact.insert((folder, name), index);
                    let archive = &member.archive;
                    let whole = archive.stem.len() + archive.suffix.len();
                    archives
                        .entry((folder, archive.stem))
                        .or_default()
                        .push(index);
                    // The checksum of a whole that was split afterwards.
                    if archive.part.is_some()
                        && name.get(archive.stem.len()..whole) == Some(archive.suffix)
                    {
                        archives
                            .entry((folder, &name[..whole]))
                            .or_default()
                            .push(index);
                    }
                }
            }
        }
        Self { exact, archives }
    }

    /// The owners of what is called `of` beside its own suffix: that file, or all archives of that stem. A
    /// signature of a checksum belongs to the checksum's owners.
    fn find(&self, folder: &'a str, mut of: &'a str) -> Option<Vec<usize>> {
        loop {
            if let Some(&index) = self.exact.get(&(folder, of)) {
                return Some(vec![index]);
            }
            if let Some(archives) = self.archives.get(&(folder, of)) {
                return Some(archives.clone());
            }
            let Kind::Companion(rest) = kind(of) else {
                return None;
            };
            of = rest;
        }
    }
}
