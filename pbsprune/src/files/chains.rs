//! Chains: backups whose names say that others stand on them (full), or they on others (incr, diff).
//!
//! Whatever keeps an increment keeps its chain: the rules, a guard, or a name that leaves it alone. Of a
//! chain in which no full one is there nothing goes: it may be somewhere else, or "inc" is no increment.

use std::collections::BTreeMap;

use super::{
    backups::{Role, Series},
    date::{Found, read},
    file::File,
    left::Left,
    moment::moment,
    series::pattern,
    suffix::{Kind, kind},
    verdict::{Judged, Verdict},
    words::{Link, link},
};
use crate::zone::Zone;

/// An archive of a chain that is left alone: it stays, so it needs what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The folder, and what the chain is called.
    chain: (String, String),
    link: Link,
    /// Seconds since 1970, if its name says one moment.
    time: Option<i64>,
}

/// Those of `files` that are left alone, by `roles`, and whose names say full or incr.
#[must_use]
pub fn held(files: &[File], roles: &[Role], zone: &Zone) -> Vec<Held> {
    let left = files.iter().zip(roles).filter_map(|(file, role)| {
        if !matches!(role, Role::Left(left) if !matches!(left, Left::Other | Left::Orphan | Left::OrphanOfArchive)) {
            return None;
        }
        let Kind::Archive(archive) = kind(file.name()) else {
            return None;
        };
        let reading = read(archive.stem);
        let (link, name) = link(&pattern(archive.stem, &reading.ranges))?;
        let time = match reading.found {
            // A number may be no time of day: then only what stays on the safe side is of use.
            Found::One(stamp, _) if !matches!(role, Role::Left(Left::Ambiguous(_))) => {
                moment(stamp, zone, file.mtime).ok()
            }
            _ => None,
        };
        let chain = (file.folder().to_owned(), name);
        Some(Held { chain, link, time })
    });
    left.collect()
}

/// A complete backup of a chain.
#[derive(Clone, Copy, Debug)]
struct Linked {
    time: i64,
    link: Link,
    /// The places of its series and of the backup in it; none for one that is left alone.
    place: Option<(usize, usize)>,
}

/// The backups that stand on each other: those of names that differ in full and incr alone.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Oldest first; of one moment the full one comes first.
    links: Vec<Linked>,
    /// The places of its series.
    series: Vec<usize>,
    has_full: bool,
    has_increment: bool,
    /// An increment is left alone of which nobody knows the time: it may stand on any.
    all_needed: bool,
}

/// All chains.
#[must_use]
pub fn chains(series: &[Series], held: &[Held]) -> Vec<Chain> {
    let mut chains: BTreeMap<(String, String), Chain> = BTreeMap::new();
    for (place, series) in series.iter().enumerate() {
        let (folder, name) = series.name.rsplit_once('/').unwrap_or(("", &series.name));
        let Some((link, name)) = link(name) else {
            continue;
        };
        let chain = chains.entry((folder.to_owned(), name)).or_default();
        chain.series.push(place);
        for (at, backup) in series.backups.iter().enumerate() {
            if !backup.complete.is_empty() {
                chain.push(link, Some(backup.time), Some((place, at)));
            }
        }
    }
    for held in held {
        let chain = chains.entry(held.chain.clone()).or_default();
        chain.push(held.link, held.time, None);
    }
    let mut chains: Vec<_> = chains.into_values().collect();
    for chain in &mut chains {
        let links = &mut chain.links;
        links.sort_by_key(|linked| (linked.time, linked.link != Link::Full));
    }
    chains
}

impl Chain {
    fn push(&mut self, link: Link, time: Option<i64>, place: Option<(usize, usize)>) {
        let is_full = link == Link::Full;
        self.has_full |= is_full;
        self.has_increment |= !is_full;
        match time {
            Some(time) => self.links.push(Linked { time, link, place }),
            None => self.all_needed |= !is_full,
        }
    }

    /// The places of its series, if it has increments and no full one.
    #[must_use]
    pub fn baseless(&self) -> &[usize] {
        match self.has_increment && !self.has_full {
            true => &self.series,
            false => &[],
        }
    }

    /// What a backup that stays stands on is kept. Whether that was anything.
    fn keep_needed(&self, judged: &mut [Judged]) -> bool {
        let mut more = false;
        let mut needed_by: Option<(i64, Link)> = None;
        for linked in self.links.iter().rev() {
            let Linked { time, link, place } = *linked;
            let is_needed =
                needed_by.filter(|(_, needs)| link == Link::Full || *needs == Link::Increment);
            if let Some((series, backup)) = place
                && (is_needed.is_some() || self.all_needed)
                && !judged[series].stays(backup)
            {
                judged[series].verdicts[backup] = Verdict::Needed(is_needed.map(|(by, _)| by));
                more = true;
            }
            let stays = place.is_none_or(|(series, backup)| judged[series].stays(backup));
            match link {
                Link::Full => needed_by = None,
                _ if !stays => {}
                // An increment needs more than a differential does.
                _ if needed_by.is_some_and(|(_, needs)| needs == Link::Increment) => {}
                _ => needed_by = Some((time, link)),
            }
        }
        more
    }
}

/// What a backup that stays stands on is kept, in all chains. Whether that was anything.
pub fn keep_needed(chains: &[Chain], judged: &mut [Judged]) -> bool {
    let keep = |more, chain: &Chain| chain.keep_needed(judged) | more;
    chains.iter().fold(false, keep)
}
