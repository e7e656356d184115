//! The weekday beside a date in a name, as AutoMySQLBackup writes it: of another one it is no part.

use super::clock::word;
use crate::calendar::WEEKDAYS;

/// The English name of a day, which says nothing that the date doesn't.
fn name(day: i64) -> &'static str {
    WEEKDAYS[(day + 3).rem_euclid(7) as usize] // 1970-01-01 was a Thursday
}

/// The end of its day's name behind a date that ends at `at`.
#[must_use]
pub fn behind(stem: &str, at: usize, day: i64) -> Option<usize> {
    let name = name(day);
    word(stem, at, &[name, &name[..3]])
}

/// The start of its day's name before a date that starts at `at`.
#[must_use]
pub fn before(stem: &str, at: usize, day: i64) -> Option<usize> {
    let before = stem[..at].strip_suffix(['-', '_', '.', ' ', ','])?;
    let name = name(day);
    [name, &name[..3]].iter().find_map(|name| {
        let start = before.len().checked_sub(name.len())?;
        let same = before.get(start..)?.eq_ignore_ascii_case(name);
        let begins = !before[..start].ends_with(|c: char| c.is_ascii_alphanumeric());
        (same && begins).then_some(start)
    })
}
