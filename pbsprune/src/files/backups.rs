//! The backups of each series: which files make one, whether it is complete, and what belongs to it.
//!
//! Files of one series and one time stay or go together. An archive that is incomplete (empty, still
//! written, a part missing) counts nothing, and takes none of the others with it.

use std::collections::{BTreeMap, HashMap};

use super::{
    file::File,
    left::Left,
    series::{DatedBy, Member, Place},
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
    for (place, (name, times)) in by_series.into_iter().enumerate() {
        let mut backups = Vec::with_capacity(times.len());
        for (time, members) in times.into_iter().rev() {
            for &index in &members {
                roles[index] = Role::Archive(place, backups.len());
            }
            backups.push(backup(files, places, time, members));
        }
        let name = name.to_owned();
        series.push(Series { name, backups });
    }
    let owners = Owners::of(files, places);
    for (index, place) in places.iter().enumerate() {
        match place {
            Place::Member(_) => {}
            Place::Left(left) => roles[index] = Role::Left(left.clone()),
            Place::Companion(of) => {
                let found = owners.find(files[index].folder(), of);
                roles[index] = found.map_or(Role::Left(Left::Orphan), Role::Companion);
            }
        }
    }
    Backups { series, roles }
}

/// One backup of the files of one series and time.
fn backup(files: &[File], places: &[Place<'_>], time: i64, members: Vec<usize>) -> Backup {
    let mut archives: BTreeMap<_, Vec<(usize, &Member<'_>)>> = BTreeMap::new();
    let mut by = DatedBy::Name;
    for index in members {
        if let Place::Member(member) = &places[index] {
            let archive = &member.archive;
            let counted = archive.part.map(|part| part.of().0);
            by = member.by;
            let key = (archive.stem, archive.suffix, counted);
            archives.entry(key).or_default().push((index, member));
        }
    }
    let (mut complete, mut incomplete) = (Vec::new(), Vec::new());
    for parts in archives.into_values() {
        let (finished, unfinished): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|(_, member)| !member.archive.unfinished);
        let numbers = |parts: &[(usize, &Member<'_>)]| {
            let numbers = parts.iter().filter_map(|(_, member)| member.archive.part);
            let mut numbers: Vec<u32> = numbers.map(|part| part.of().1).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let (there, coming) = (numbers(&finished), numbers(&unfinished));
        let is_whole = follow_each_other(&there)
            && coming.iter().all(|number| there.contains(number))
            && finished.iter().all(|(index, _)| files[*index].size > 0);
        let places = |parts: Vec<(usize, _)>| parts.into_iter().map(|(index, _)| index);
        incomplete.extend(places(unfinished));
        match is_whole {
            true => complete.extend(places(finished)),
            false => incomplete.extend(places(finished)),
        }
    }
    Backup {
        time,
        by,
        complete,
        incomplete,
    }
}

/// Parts from the first, 0 or 1, without a gap; no numbers at all are those of a whole archive.
fn follow_each_other(numbers: &[u32]) -> bool {
    numbers.first().is_none_or(|&first| first < 2) && numbers.windows(2).all(|w| w[0] + 1 == w[1])
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
