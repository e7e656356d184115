//! Which series a file belongs to, and which moment it is of; or why it is left alone.
//!
//! A series is the folder and the name without its date, part and suffix: all other characters, digits
//! included, belong to it. What one name leaves open is decided by the others only where they prove it.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
};

use super::{
    clock::run,
    date::{Found, Order, Reading, Stamp, read, shown},
    file::File,
    left::Left,
    moment::{NoMoment, moment},
    numbers::{NEAR_S, Numbered, doubtful},
    suffix::{Archive, Kind, Part, kind},
    words::is_pinned,
};
use crate::zone::Zone;

/// How far the time of writing may be from ten digits that are read as seconds: 400 days.
const YEAR_S: i64 = 400 * 86_400;

/// What says when a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatedBy {
    /// Its name.
    Name,
    /// When its file was written.
    Mtime,
}

/// An archive, or a part of one, that is a backup of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The folder and the name with `*` for its date.
    pub series: String,
    /// Seconds since 1970.
    pub time: i64,
    /// What says so.
    pub by: DatedBy,
    /// Its name, taken apart.
    pub archive: Archive<'a>,
}

/// What a file is to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A backup, or a part of one.
    Member(Member<'a>),
    /// It belongs to the file, or files, of that name without its own suffix.
    Companion(&'a str),
    /// Neither.
    Left(Left),
}

/// An archive whose name was read, before the others were looked at.
struct Named<'a> {
    archive: Archive<'a>,
    found: Found,
    /// The name with `*` for its date.
    pattern: String,
    /// The separators of its date: one program writes them always alike.
    spelling: String,
    /// Its date is nothing but ten digits, or more: seconds, or a number of somebody.
    bare_seconds: bool,
}

/// Places every file. `by_mtime` makes series of undated files, too, in folders where none has a date.
#[must_use]
pub fn places<'a>(files: &'a [File], zone: &Zone, by_mtime: bool) -> Vec<Place<'a>> {
    let kinds: Vec<Kind<'a>> = files.iter().map(|file| kind(file.name())).collect();
    let mut firsts = HashSet::new();
    for (file, kind) in files.iter().zip(&kinds) {
        if let Kind::Archive(archive) = kind
            && let Some(part) = archive.part.filter(|part| part.is_first())
        {
            firsts.insert((file.folder(), archive.stem, archive.suffix, part.of().0));
        }
    }
    let mut named: Vec<Result<Named<'a>, Place<'a>>> = Vec::with_capacity(files.len());
    for (file, kind) in files.iter().zip(kinds) {
        named.push(match kind {
            _ if file.path.contains('\u{FFFD}') => Err(Place::Left(Left::NotUtf8)),
            Kind::Other => Err(Place::Left(Left::Other)),
            Kind::Companion(of) => Err(Place::Companion(of)),
            Kind::Archive(archive) => {
                let has_first = |part: Part| {
                    firsts.contains(&(file.folder(), archive.stem, archive.suffix, part.of().0))
                };
                match archive.part {
                    Some(Part::Digits(..)) if !archive.part.is_some_and(has_first) => {
                        Err(Place::Left(Left::Numbered))
                    }
                    Some(part @ Part::Letters(..)) if !has_first(part) => {
                        // As .py ends other names, too; .ab and .ac are parts.
                        let left = match part.of().1 {
                            ..26 => Left::NoFirstPart,
                            _ => Left::Other,
                        };
                        Err(Place::Left(left))
                    }
                    _ => Ok(Named::of(archive)),
                }
            }
        });
    }
    let mut dated = HashSet::new();
    let mut orders: HashMap<(&str, &str, &str), BTreeSet<Order>> = HashMap::new();
    for (file, named) in files.iter().zip(&named) {
        let Ok(named) = named else { continue };
        if named.found != Found::Nothing {
            dated.insert(file.folder());
        }
        if let Found::One(_, Some(order)) = named.found {
            let key = (file.folder(), &*named.pattern, &*named.spelling);
            orders.entry(key).or_default().insert(order);
        }
    }
    let decided = files.iter().zip(&named).map(|(file, named)| {
        let named = named.as_ref().map_err(Clone::clone);
        named.and_then(|named| {
            let key = (file.folder(), &*named.pattern, &*named.spelling);
            let order = orders.get(&key).filter(|orders| orders.len() == 1);
            let order = order.and_then(|orders| orders.first()).copied();
            let stamp = named.stamp(order).map_err(Place::Left)?;
            if let Some(Stamp::Epoch(time)) = stamp
                && named.bare_seconds
                && (file.mtime - time).abs() > YEAR_S
            {
                let time = shown(Stamp::Epoch(time));
                let what = format!("{time}, which is far from when it was written, or a number");
                return Err(Place::Left(Left::Ambiguous(what)));
            }
            match stamp {
                Some(_) => Ok((named, stamp)),
                None if dated.contains(file.folder()) => Err(Place::Left(Left::Undated)),
                None if by_mtime => Ok((named, None)),
                None => Err(Place::Left(Left::UndatedFolder)),
            }
        })
    });
    let decided: Vec<_> = decided.collect();
    let timed = days_with_times(files, &decided);
    let doubtful = doubtful(&numbered(files, &decided, zone));
    let members = files
        .iter()
        .zip(&decided)
        .map(|(file, decided)| match decided {
            Err(place) => place.clone(),
            Ok((named, Some(stamp))) if is_bare(*stamp) && doubtful.contains(&named.key(file)) => {
                let what = format!("{}, or a number behind the day", shown(*stamp));
                Place::Left(Left::Ambiguous(what))
            }
            Ok((named, stamp)) => named.member(file, *stamp, zone, &timed),
        });
    members.collect()
}

/// Its time of day is nothing but digits.
fn is_bare(stamp: Stamp) -> bool {
    matches!(stamp, Stamp::Civil(_, Some(time)) if time.bare.is_some())
}

/// The names whose time of day is nothing but digits.
fn numbered<'a>(
    files: &'a [File],
    decided: &'a [Result<(&Named<'_>, Option<Stamp>), Place<'_>>],
    zone: &Zone,
) -> Vec<Numbered<'a>> {
    let numbered = files.iter().zip(decided).filter_map(|(file, decided)| {
        let (named, stamp) = decided.as_ref().ok()?;
        let stamp = (*stamp)?;
        let Stamp::Civil(day, Some(time)) = stamp else {
            return None;
        };
        let digits = time.bare?;
        // What has no moment is left alone anyway.
        let moment = moment(stamp, zone, file.mtime).ok()?;
        Some(Numbered {
            pattern: named.key(file),
            day,
            second: time.second,
            has_seconds: digits > 4,
            is_near: (file.mtime - moment).abs() <= NEAR_S,
        })
    });
    numbered.collect()
}

/// Folder, pattern and day of the names that have a time of day.
type TimedDays<'a> = HashSet<(&'a str, &'a str, i64)>;

/// On such a day a name of the same series that has none is of no known time: before or after that?
fn days_with_times<'a>(
    files: &'a [File],
    decided: &'a [Result<(&Named<'_>, Option<Stamp>), Place<'_>>],
) -> TimedDays<'a> {
    let timed = files.iter().zip(decided).filter_map(|(file, decided)| {
        let (named, stamp) = decided.as_ref().ok()?;
        match stamp {
            Some(Stamp::Civil(day, Some(_))) => Some((file.folder(), &*named.pattern, *day)),
            _ => None,
        }
    });
    timed.collect()
}

impl<'a> Named<'a> {
    fn of(archive: Archive<'a>) -> Self {
        let Reading { found, ranges } = read(archive.stem);
        let is_digits =
            |range: &Range<usize>| run(archive.stem.as_bytes(), range.start) >= range.len();
        let is_seconds = matches!(found, Found::One(Stamp::Epoch(_), _));
        Self {
            bare_seconds: is_seconds && ranges.iter().all(is_digits),
            pattern: pattern(archive.stem, &ranges),
            spelling: spelling(archive.stem, &ranges),
            archive,
            found,
        }
    }

    /// What its series is told by.
    fn key<'b>(&'b self, file: &'b File) -> (&'b str, &'b str) {
        (file.folder(), &self.pattern)
    }

    /// The moment as it is spelled; none if there is no date.
    fn stamp(&self, proved: Option<Order>) -> Result<Option<Stamp>, Left> {
        if self.archive.marked || is_pinned(&self.pattern) {
            return Err(Left::Pinned);
        }
        match (&self.found, proved) {
            (Found::Nothing, _) => Ok(None),
            (Found::One(stamp, _), _) | (Found::Either(stamp, _), Some(Order::DayFirst)) => {
                Ok(Some(*stamp))
            }
            (Found::Either(_, stamp), Some(Order::MonthFirst)) => Ok(Some(*stamp)),
            (Found::Either(a, b), None) => {
                Err(Left::Ambiguous(format!("{} or {}", shown(*a), shown(*b))))
            }
            (Found::Never(what), _) => Err(Left::NoSuchTime(what.clone())),
            (Found::Unclear(what), _) => Err(Left::Ambiguous(what.clone())),
        }
    }

    fn member(
        &self,
        file: &File,
        stamp: Option<Stamp>,
        zone: &Zone,
        timed: &TimedDays<'_>,
    ) -> Place<'a> {
        let Some(stamp) = stamp else {
            let pattern = without_number(self.archive.stem);
            return self.placed(file, &pattern, file.mtime, DatedBy::Mtime);
        };
        if let Stamp::Civil(day, None) = stamp
            && timed.contains(&(file.folder(), &self.pattern, day))
        {
            let day = shown(stamp);
            let what = format!("{day}, before or after those of that day that have a time");
            return Place::Left(Left::Ambiguous(what));
        }
        match moment(stamp, zone, file.mtime) {
            Ok(time) => self.placed(file, &self.pattern, time, DatedBy::Name),
            Err(NoMoment::Skipped(what)) => Place::Left(Left::NoSuchTime(what)),
            Err(NoMoment::Twice(what)) => Place::Left(Left::Ambiguous(what)),
        }
    }

    fn placed(&self, file: &File, pattern: &str, time: i64, by: DatedBy) -> Place<'a> {
        let before = &file.path[..file.path.len() - file.name().len()];
        Place::Member(Member {
            series: format!("{before}{pattern}"),
            time,
            by,
            archive: self.archive.clone(),
        })
    }
}

/// The name with `*` for its date.
#[must_use]
pub fn pattern(stem: &str, ranges: &[Range<usize>]) -> String {
    let mut pattern = stem.to_owned();
    for range in ranges.iter().rev() {
        pattern.replace_range(range.clone(), "*");
    }
    pattern
}

/// The separators of a date.
fn spelling(stem: &str, ranges: &[Range<usize>]) -> String {
    let dates = ranges.iter().map(|range| &stem[range.clone()]);
    dates
        .flat_map(|date| date.chars().filter(|c| !c.is_alphanumeric()))
        .collect()
}

/// The name with `*` for its last number: what `--by mtime` takes for a series.
fn without_number(stem: &str) -> String {
    let digit = |c: char| c.is_ascii_digit();
    let Some(end) = stem.rfind(digit).map(|last| last + 1) else {
        return stem.to_owned();
    };
    let start = stem[..end].trim_end_matches(digit).len();
    format!("{}*{}", &stem[..start], &stem[end..])
}
