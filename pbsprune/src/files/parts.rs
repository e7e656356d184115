//! The sets of parts of a series, and which of them look whole only as long as no other is looked at.
//!
//! A gap shows in a set itself; that its first part, or its last, is gone may only show beside others.
//! Such a set is left alone: it displaces none, and if it is whole after all it isn't lost.

use std::collections::{BTreeMap, HashMap};

use super::{
    file::File,
    series::{Member, Place},
};
use crate::calendar::utc;

/// Which parts are counted together, [`super::suffix::Part::of`].
type Counted = (u8, usize);

/// The files of one archive: one, or its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<'a> {
    /// Seconds since 1970.
    pub time: i64,
    /// By their places in the input, the first part first.
    pub finished: Vec<usize>,
    /// Those that are still written.
    pub unfinished: Vec<usize>,
    /// Nothing shows that a part is missing, or isn't finished.
    pub is_whole: bool,
    suffix: &'a str,
    counted: Option<Counted>,
    /// Of the parts that are there.
    numbers: Vec<u32>,
}

/// The sets of the files of one series and one time, by their places in the input.
#[must_use]
pub fn sets<'a>(
    files: &[File],
    places: &[Place<'a>],
    time: i64,
    members: &[usize],
) -> Vec<Set<'a>> {
    let mut archives: BTreeMap<_, Vec<(u32, usize, &Member<'a>)>> = BTreeMap::new();
    for &index in members {
        if let Place::Member(member) = &places[index] {
            let archive = &member.archive;
            let part = archive.part.map(|part| part.of());
            let key = (
                archive.stem,
                archive.suffix,
                part.map(|(counted, _)| counted),
            );
            let number = part.map_or(0, |(_, number)| number);
            archives
                .entry(key)
                .or_default()
                .push((number, index, member));
        }
    }
    let sets = archives
        .into_iter()
        .map(|((_, suffix, counted), mut parts)| {
            parts.sort_by_key(|(number, index, _)| (*number, *index));
            let (finished, unfinished): (Vec<_>, Vec<_>) = parts
                .into_iter()
                .partition(|(_, _, member)| !member.archive.unfinished);
            let mut numbers: Vec<u32> = finished.iter().map(|(number, ..)| *number).collect();
            numbers.dedup();
            let coming = unfinished
                .iter()
                .all(|(number, ..)| numbers.contains(number));
            let places = |parts: Vec<(u32, usize, _)>| parts.into_iter().map(|(_, index, _)| index);
            let (finished, unfinished): (Vec<_>, Vec<_>) =
                (places(finished).collect(), places(unfinished).collect());
            let is_whole = follow_each_other(&numbers)
                && (coming || counted.is_none())
                && finished.iter().all(|&index| files[index].size > 0);
            Set {
                time,
                finished,
                unfinished,
                is_whole,
                suffix,
                counted,
                numbers,
            }
        });
    sets.collect()
}

/// Parts from the first, 0 or 1, without a gap.
fn follow_each_other(numbers: &[u32]) -> bool {
    numbers.first().is_none_or(|&first| first < 2) && numbers.windows(2).all(|w| w[0] + 1 == w[1])
}

/// The files of sets that others of their series (`sets`, oldest first) show to have lost a part, and how.
#[must_use]
pub fn lost(files: &[File], sets: &[Set<'_>]) -> Vec<(usize, String)> {
    let mut firsts: HashMap<Counted, u32> = HashMap::new();
    for set in sets {
        if let (Some(counted), Some(&first)) = (set.counted, set.numbers.first()) {
            let known = firsts.entry(counted).or_insert(first);
            *known = first.min(*known);
        }
    }
    let mut whole: HashMap<(&str, Counted), &Set<'_>> = HashMap::new();
    let mut lost = Vec::new();
    for set in sets.iter().filter(|set| set.is_whole) {
        let (Some(counted), Some(&first)) = (set.counted, set.numbers.first()) else {
            continue;
        };
        let older = whole.get(&(set.suffix, counted));
        let why = if firsts.get(&counted) < Some(&first) {
            Some("it begins with part 1, others of its series with 0".to_owned())
        } else {
            let older = older.filter(|older| set.has_fewer(older, files));
            older.map(|older| {
                let (here, there) = (set.numbers.len(), older.numbers.len());
                format!("{here} of them, that of {} has {there}", utc(older.time))
            })
        };
        match why {
            None => {
                whole.insert((set.suffix, counted), set);
            }
            Some(why) => {
                let all = set.finished.iter().chain(&set.unfinished);
                lost.extend(all.map(|&index| (index, why.clone())));
            }
        }
    }
    lost
}

impl Set<'_> {
    /// It has fewer parts, and its last one isn't shorter than they are cut, as a last one mostly is.
    fn has_fewer(&self, older: &Self, files: &[File]) -> bool {
        let size = |index: Option<&usize>| index.map(|&index| files[index].size);
        let cut = match self.finished.len() {
            1 => older,
            _ => self,
        };
        self.numbers.len() < older.numbers.len()
            && size(self.finished.last()) >= size(cut.finished.first())
    }
}
