//! The date in a name, as people and tools write it, or why it can't be said what it is.
//!
//! The grammar: digits that begin a run are an epoch (with GitLab's date and version behind it), a
//! date with the year first, or with the year last, compact or with separators; then a time of day,
//! [`super::clock`], and a weekday. What has two readings gets both, and never one.

use std::ops::Range;

use super::{
    clock::{Clock, Time, behind_date, compact, is_any, number, run},
    weekday,
};
use crate::calendar::{DAY_S, Date, days_of};

/// A moment as a name spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Seconds since 1970, UTC.
    Epoch(i64),
    /// A day (from 1970-01-01), and a time of it.
    Civil(i64, Option<Time>),
}

/// Which number of `10-08-2026` is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// 10 August, as in most of the world.
    DayFirst,
    /// October 8, as in the United States.
    MonthFirst,
}

/// What a name says of the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no date in it.
    Nothing,
    /// One moment; and, if day and month could have been exchanged, how it shows that they aren't.
    One(Stamp, Option<Order>),
    /// Day and month may be exchanged: the first is with the day first.
    Either(Stamp, Stamp),
    /// A date or time of day that never was.
    Never(String),
    /// Two readings.
    Unclear(String),
}

/// What a name says of the time, and where: all else of the name is the series'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub found: Found,
    /// The bytes that are part of the date, in their order.
    pub ranges: Vec<Range<usize>>,
}

/// A place in the name that looks like a date.
struct Candidate {
    found: Found,
    range: Range<usize>,
    /// It may be a version, such as 2026.8.1: it counts only if there is no other.
    weak: bool,
}

/// Reads a name without its suffix.
#[must_use]
pub fn read(stem: &str) -> Reading {
    let mut candidates = Vec::new();
    let mut at = 0;
    while at < stem.len() {
        let digits = run(stem.as_bytes(), at);
        let mut candidate = (digits > 0).then(|| candidate(stem, at, digits)).flatten();
        if let Some(candidate) = &mut candidate {
            candidate.weak |= is_version(stem, at);
        }
        at = candidate
            .as_ref()
            .map_or(at + digits.max(1), |c| c.range.end);
        candidates.extend(candidate);
    }
    let strong = |c: &Candidate| !c.weak && !matches!(c.found, Found::Never(_));
    if candidates.iter().any(strong) {
        candidates.retain(strong); // so none is left in a version
        for candidate in &mut candidates {
            candidate.range.end = discourse(stem, candidate.range.end);
        }
    }
    let ranges = candidates.iter().map(|c| c.range.clone()).collect();
    let mut candidates = candidates.into_iter();
    let mut found = candidates
        .next()
        .map_or(Found::Nothing, |first| first.found);
    for next in candidates {
        found = both(found, next.found);
    }
    Reading { found, ranges }
}

/// The word that begins there is a v and digits.
fn is_version(stem: &str, at: usize) -> bool {
    let before = stem[..at].strip_suffix(['v', 'V']);
    before.is_some_and(|before| !before.ends_with(char::is_alphanumeric))
}

/// The end of Discourse's version behind a date that ends at `at`, `-v20260701120000`: as for GitLab's it
/// changes with every update, but the series doesn't.
fn discourse(stem: &str, at: usize) -> usize {
    let is_one = stem[at..].starts_with("-v") && run(stem.as_bytes(), at + 2) == 14;
    if is_one { at + 16 } else { at }
}

/// One moment of two places in a name, if they say the same.
fn both(first: Found, second: Found) -> Found {
    match (first, second) {
        (first @ (Found::Unclear(_) | Found::Never(_)), _) => first,
        (_, second @ (Found::Unclear(_) | Found::Never(_))) => second,
        (Found::One(Stamp::Civil(a, time), _), Found::One(Stamp::Civil(b, None), _))
        | (Found::One(Stamp::Civil(a, None), _), Found::One(Stamp::Civil(b, time), _))
            if a == b =>
        {
            Found::One(Stamp::Civil(a, time), None)
        }
        (Found::One(Stamp::Epoch(time), _), Found::One(Stamp::Civil(day, None), _))
        | (Found::One(Stamp::Civil(day, None), _), Found::One(Stamp::Epoch(time), _))
            if is_near(time, day) =>
        {
            Found::One(Stamp::Epoch(time), None)
        }
        (first, second) if first == second => first,
        (first, second) => Found::Unclear(format!("{} or {}", told(&first), told(&second))),
    }
}

/// The day of a moment in some zone of the world.
fn is_near(time: i64, day: i64) -> bool {
    (time.div_euclid(DAY_S) - day).abs() <= 1
}

fn candidate(stem: &str, at: usize, digits: usize) -> Option<Candidate> {
    let bytes = stem.as_bytes();
    match digits {
        4 => year_first(stem, at),
        1 | 2 => year_last(stem, at),
        13 if bytes[at] == b'1' => Some(Candidate {
            found: Found::One(Stamp::Epoch(number(bytes, at..at + 10)), None),
            range: at..at + 13,
            weak: false,
        }),
        10 if bytes[at] == b'1' => Some(epoch(stem, at)),
        8 | 10 | 12 | 14 | 17 | 20 => in_one_run(stem, at, digits),
        _ => None,
    }
}

/// `1795226400`, or GitLab's `1795226400_2026_11_21_18.5.1`.
fn epoch(stem: &str, at: usize) -> Candidate {
    let bytes = stem.as_bytes();
    let time = number(bytes, at..at + 10);
    let mut found = Found::One(Stamp::Epoch(time), None);
    let mut end = at + 10;
    if is_any(bytes, end, b"_") && run(bytes, end + 1) == 4 && year(bytes, end + 1).is_some() {
        let parts = separated(bytes, end + 1, [4, 2, 2]);
        if let Some((parts, date_end)) = parts.filter(|_| bytes.get(end + 5) == Some(&b'_')) {
            match day(parts) {
                Some(day) if is_near(time, day) => {}
                Some(day) => {
                    found = Found::Unclear(format!(
                        "{} or {}",
                        shown(Stamp::Epoch(time)),
                        shown(Stamp::Civil(day, None))
                    ))
                }
                None => found = never(&stem[end + 1..date_end]),
            }
            end = version(stem, date_end).unwrap_or(date_end);
        }
    }
    Candidate {
        found,
        range: at..end,
        weak: false,
    }
}

/// The end of `_18.5.1`, `_18.5.1-ee`, if `_gitlab_backup` follows: it changes with every update, but the series doesn't.
fn version(stem: &str, at: usize) -> Option<usize> {
    let end = at + stem[at..].find("_gitlab_backup")?;
    let inner = stem[at..end].strip_prefix('_')?;
    let fits = inner.starts_with(|c: char| c.is_ascii_digit())
        && inner
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    fits.then_some(end)
}

/// `2026-08-10`, with -, _ or . between.
fn year_first(stem: &str, at: usize) -> Option<Candidate> {
    let bytes = stem.as_bytes();
    year(bytes, at)?;
    let padded = separated(bytes, at, [4, 2, 2]);
    let short = || (separated(bytes, at, [4, 0, 0]), true);
    let (read, short) = padded.map_or_else(short, |read| (Some(read), false));
    let (parts, end) = read?;
    let weak = short && bytes[at + 4] == b'.';
    let found = match day(parts) {
        _ if weak => {
            return Some(Candidate {
                found: Found::Unclear(format!("a date, or a version {}", &stem[at..end])),
                range: at..end,
                weak,
            });
        }
        Some(day) => Found::One(Stamp::Civil(day, None), None),
        None if short => return None,
        None => never(&stem[at..end]),
    };
    Some(with_clock(stem, at..end, found))
}

/// `21-11-2026`, and what else it may be.
fn year_last(stem: &str, at: usize) -> Option<Candidate> {
    let bytes = stem.as_bytes();
    let (parts, end) = separated(bytes, at, [0, 0, 4])?;
    year(bytes, end - 4)?;
    let [first, second, year] = parts;
    let found = either(first, second, year);
    if found == Found::Nothing {
        // No month and day: numbers before a date with the year first, or nothing.
        return None;
    }
    let ours = with_clock(stem, at..end, found);
    let theirs = year_first(stem, end - 4);
    if let Some(Found::One(other, _)) = theirs.map(|other| other.found) {
        let found = Found::Unclear(format!("{} or {}", told(&ours.found), shown(other)));
        return Some(Candidate { found, ..ours });
    }
    Some(ours)
}

/// Day and month in either order.
fn either(first: i64, second: i64, year: i64) -> Found {
    let stamp = |day: i64| Stamp::Civil(day, None);
    match (day([year, second, first]), day([year, first, second])) {
        (Some(a), Some(b)) if a == b => Found::One(stamp(a), None),
        (Some(a), Some(b)) => Found::Either(stamp(a), stamp(b)),
        (Some(a), None) => Found::One(stamp(a), Some(Order::DayFirst)),
        (None, Some(b)) => Found::One(stamp(b), Some(Order::MonthFirst)),
        (None, None) => Found::Nothing,
    }
}

/// `20260810`, `20260810020000`, `10082026`.
fn in_one_run(stem: &str, at: usize, digits: usize) -> Option<Candidate> {
    let bytes = stem.as_bytes();
    let two = |from: usize| number(bytes, at + from..at + from + 2);
    let end = at + 8;
    let last =
        || (digits == 8 && year(bytes, at + 4).is_some()).then(|| number(bytes, at + 4..end));
    // 20082026 is no day of 2008.
    let is_last = |year| {
        let reversed = [number(bytes, at..at + 4), two(4), two(6)];
        day(reversed).is_none() && either(two(0), two(2), year) != Found::Nothing
    };
    if year(bytes, at).is_some() && !last().is_some_and(is_last) {
        let text = &stem[at..at + digits];
        let found = match day([number(bytes, at..at + 4), two(4), two(6)]) {
            Some(day) => Found::One(Stamp::Civil(day, None), None),
            None => never(text),
        };
        return Some(match digits {
            8 => with_clock(stem, at..end, found),
            10 => {
                let hour = [two(8), 0, 0];
                let time = Time {
                    second: hour[0] * 3_600,
                    offset: None,
                    bare: None,
                };
                let clock = if hour[0] < 24 {
                    Clock::Time(time, at + 10)
                } else {
                    Clock::Never(at + 10)
                };
                with(stem, at..end, found, clock)
            }
            _ => with(stem, at..end, found, compact(stem, end, digits - 8, true)),
        });
    }
    if let Some(year) = last() {
        let found = either(two(0), two(2), year);
        return (found != Found::Nothing).then(|| with_clock(stem, at..end, found));
    }
    None
}

/// A date with what follows it.
fn with_clock(stem: &str, range: Range<usize>, found: Found) -> Candidate {
    let clock = behind_date(stem, range.end);
    with(stem, range, found, clock)
}

fn with(stem: &str, range: Range<usize>, found: Found, clock: Clock) -> Candidate {
    let text = |end: usize| never(&stem[range.start..end]);
    let (found, mut end) = match clock {
        Clock::None => (found, range.end),
        Clock::Time(time, end) => (at_time(found, time, stem, range.start..end), end),
        Clock::Never(end) => (text(end), end),
        Clock::Unclear(_) if matches!(found, Found::Never(_)) => (found, range.end),
        Clock::Unclear(what) => (
            Found::Unclear(format!("{}, and {what}", told(&found))),
            range.end,
        ),
    };
    let mut start = range.start;
    if let Found::One(Stamp::Civil(day, _), _) = found {
        end = weekday::behind(stem, end, day).unwrap_or(end);
        start = weekday::before(stem, start, day).unwrap_or(start);
    }
    Candidate {
        found,
        range: start..end,
        weak: false,
    }
}

fn at_time(found: Found, time: Time, stem: &str, range: Range<usize>) -> Found {
    let at = |stamp: Stamp| match stamp {
        Stamp::Civil(day, _) => Stamp::Civil(day, Some(time)),
        epoch @ Stamp::Epoch(_) => epoch,
    };
    match found {
        Found::One(stamp, order) => Found::One(at(stamp), order),
        Found::Either(a, b) => Found::Either(at(a), at(b)),
        Found::Never(_) => never(&stem[range]),
        other => other,
    }
}

/// Three numbers with the same separator between, as many digits each (0: one or two), and their end.
fn separated(bytes: &[u8], at: usize, widths: [usize; 3]) -> Option<([i64; 3], usize)> {
    let mut numbers = [0; 3];
    let mut from = at;
    for (place, width) in widths.into_iter().enumerate() {
        let digits = run(bytes, from);
        let fits = if width == 0 {
            (1..=2).contains(&digits)
        } else {
            digits == width
        };
        if !fits {
            return None;
        }
        numbers[place] = number(bytes, from..from + digits);
        from += digits;
        if place < 2 {
            let separator = *bytes.get(from).filter(|byte| b"-_.".contains(byte))?;
            if place == 1 && separator != bytes[at + run(bytes, at)] {
                return None;
            }
            from += 1;
        }
    }
    Some((numbers, from))
}

/// A year that a backup may be of, 1970 to 2099, at `at`.
fn year(bytes: &[u8], at: usize) -> Option<i64> {
    let year = number(bytes, at..at + 4);
    (1970..2100).contains(&year).then_some(year)
}

/// The day (from 1970-01-01) of year, month and day, if there was one.
fn day([year, month, day]: [i64; 3]) -> Option<i64> {
    let fits = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    fits.then(|| Date { year, month, day }.to_day())
}

fn never(text: &str) -> Found {
    Found::Never(text.to_owned())
}

/// What was found, for a message.
fn told(found: &Found) -> String {
    match found {
        Found::One(stamp, _) => shown(*stamp),
        Found::Either(a, b) => format!("{} or {}", shown(*a), shown(*b)),
        Found::Never(text) | Found::Unclear(text) => text.clone(),
        Found::Nothing => String::new(),
    }
}

/// A moment as a message shows it: `2026-08-10`, `2026-08-10T02:00:00`.
#[must_use]
pub fn shown(stamp: Stamp) -> String {
    let text = |day: i64, second: i64| crate::calendar::utc(day * DAY_S + second);
    match stamp {
        Stamp::Epoch(time) => crate::calendar::utc(time),
        Stamp::Civil(day, None) => text(day, 0)[..10].to_owned(),
        Stamp::Civil(day, Some(time)) => text(day, time.second)[..19].to_owned(),
    }
}
