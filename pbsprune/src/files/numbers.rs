//! Whether the digits behind a date (`_1001`) are a time of day, or somebody's number: a guest's, a port.
//!
//! Read as times, numbers make one series of several guests. So where a clock wouldn't have made them
//! they have two readings, unless the files were written at these times.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::calendar::DAY_S;

/// How far the time of writing may be from the one in the name, in seconds, to confirm it.
pub const NEAR_S: i64 = 3_600;

/// A name with nothing but digits behind its date, that are read as a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered<'a> {
    /// The folder, and the name with `*` for its date.
    pub pattern: (&'a str, &'a str),
    /// From 1970-01-01.
    pub day: i64,
    /// Of that day, as they are read.
    pub second: i64,
    /// There are more than four digits: times with seconds.
    pub has_seconds: bool,
    /// The file was written within [`NEAR_S`] of that.
    pub is_near: bool,
}

/// The patterns of which the digits may be no times.
#[must_use]
pub fn doubtful<'a>(names: &[Numbered<'a>]) -> HashSet<(&'a str, &'a str)> {
    let mut patterns: HashMap<_, Vec<Numbered<'a>>> = HashMap::new();
    for name in names {
        patterns.entry(name.pattern).or_default().push(*name);
    }
    patterns.retain(|_, names| is_doubtful(names));
    patterns.into_keys().collect()
}

fn is_doubtful(names: &[Numbered<'_>]) -> bool {
    let mut days: BTreeMap<i64, HashSet<i64>> = BTreeMap::new(); // by second
    let mut seconds: HashMap<i64, HashSet<i64>> = HashMap::new(); // by day
    for name in names {
        days.entry(name.second).or_default().insert(name.day);
        seconds.entry(name.day).or_default().insert(name.second);
    }
    let recurring = days.iter().filter(|(_, days)| days.len() > 1);
    let recurring: Vec<i64> = recurring.map(|(second, _)| *second).collect();
    let are_near = names.iter().all(|name| name.is_near);
    if recurring.len() > 1 {
        // Two that are no hour apart can't be told from each other by when their files were written.
        let round = [recurring[0] + DAY_S];
        let next = recurring[1..].iter().chain(&round);
        let apart = recurring.iter().zip(next).all(|(a, b)| b - a >= NEAR_S);
        return !(are_near && apart);
    }
    let several = seconds.values().any(|seconds| seconds.len() > 1);
    // Numbers come back every day; a clock with seconds shows others.
    let differ = names.iter().all(|name| name.has_seconds) && recurring.is_empty();
    several && !are_near && !(differ && seconds.len() > 1)
}
