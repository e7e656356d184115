//! When not to act on what the rules say, because the data look wrong.
//!
//! A group that a guard refuses gets an error and no mark: nothing that reads the
//! rows can take one of them for a removal.

use std::{fmt, str::FromStr, time::Duration};

use vmid::span;

use crate::{
    calendar::utc,
    retention::{Fate, Snapshot},
};

/// How far a clock may be ahead, in seconds, before a backup counts as dated in the future.
pub const AHEAD_S: i64 = 3_600;

/// What is guarded against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// A row that came with an error: what it would keep is not known.
    pub failed_rows: bool,
    /// Rows of several owners, so of several groups.
    pub mixed_owners: bool,
    /// A backup of the future, which pushes all others out.
    pub future: bool,
    /// More removals than this in one group.
    pub max_remove: Option<Limit>,
    /// More removals than this in the whole list.
    pub max_remove_total: Option<Limit>,
    /// No finished backup for so long.
    pub stale_after: Option<Duration>,
}

/// A number of snapshots, or a percentage of those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Count(u64),
    /// So many of a hundred, at most 100.
    Percent(u64),
}

impl Limit {
    fn is_exceeded(self, removed: u64, all: u64) -> bool {
        match self {
            Self::Count(limit) => removed > limit,
            Self::Percent(limit) => u128::from(removed) * 100 > u128::from(all) * u128::from(limit),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, percent) = match text.strip_suffix('%') {
            Some(number) => (number, true),
            None => (text, false),
        };
        match (crate::policy::count(number), percent) {
            (Ok(count), false) => Ok(Self::Count(count)),
            (Ok(percent @ 0..=100), true) => Ok(Self::Percent(percent)),
            _ => Err(format!(
                "{text:?} is neither a number, such as 20, nor a percentage from 0% to 100%"
            )),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// What is wrong with the rows of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// A record of it came with an error.
    pub failed: bool,
    /// They have different owners.
    pub mixed: bool,
}

/// Why a group is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A record of the group came with an error.
    FailedRow,
    /// Its rows have different owners.
    MixedOwners,
    /// The newest is later than `now` plus [`AHEAD_S`].
    FutureDated {
        /// Its time.
        newest: i64,
        /// What the clock says.
        now: i64,
    },
    /// The newest (finished) one is too old.
    Stale {
        /// Its time.
        newest: i64,
        /// What the clock says.
        now: i64,
        /// How old it may be.
        after: Duration,
    },
    /// Too many of the group, or of the whole list, would go.
    TooMany {
        /// So many.
        removed: u64,
        /// Of so many.
        all: u64,
        /// More than this.
        limit: Limit,
        /// Counted over the whole list.
        total: bool,
    },
    /// Increments, of which nobody sees what they stand on.
    NoFull,
}

impl Refusal {
    /// The error's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FailedRow => "failed-row",
            Self::MixedOwners => "mixed-owners",
            Self::FutureDated { .. } => "future-dated",
            Self::Stale { .. } => "stale",
            Self::TooMany { .. } => "too-many",
            Self::NoFull => "no-full",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailedRow => f.write_str(
                "a record of the group came with an error: what else it would keep is not known",
            ),
            Self::MixedOwners => f.write_str(
                "rows of the group have different owners, and a group of PBS has one: lists of several namespaces are mixed (give each its --ns)",
            ),
            Self::FutureDated { newest, now } => write!(
                f,
                "the newest of the group is of {}, {} after now, {} (1h is allowed): it would push real backups out, and PBS takes no new backup of the group until then",
                utc(*newest),
                apart(*now, *newest),
                utc(*now)
            ),
            Self::NoFull => f.write_str(
                "its name says that these are increments, and no complete full backup of the chain is there: what they stand on is not known (if they stand alone, their names must not say inc, incr, diff or level)",
            ),
            Self::Stale { newest, now, after } => write!(
                f,
                "the newest backup of the group is of {}, {} before now, {}; --stale-after is {}: backups have stopped",
                utc(*newest),
                apart(*newest, *now),
                utc(*now),
                span::written(*after)
            ),
            Self::TooMany {
                removed,
                all,
                limit,
                total,
            } => {
                let (of, option) = if *total {
                    ("the whole list", "--max-remove-total")
                } else {
                    ("the group", "--max-remove")
                };
                write!(
                    f,
                    "{removed} of the {all} snapshots of {of} would be removed, more than {option} {limit}"
                )
            }
        }
    }
}

/// The time from one to another, for a message.
fn apart(from: i64, to: i64) -> String {
    span::shown(Duration::from_secs(to.abs_diff(from)))
}

impl Guards {
    /// Whether a group (newest first, not empty) is to be left alone.
    #[must_use]
    pub fn refuse(
        &self,
        snapshots: &[Snapshot],
        fates: &[Fate],
        flaws: Flaws,
        now: i64,
    ) -> Option<Refusal> {
        if self.failed_rows && flaws.failed {
            return Some(Refusal::FailedRow);
        }
        if self.mixed_owners && flaws.mixed {
            return Some(Refusal::MixedOwners);
        }
        let newest = snapshots.first()?.time;
        if self.future && newest > now.saturating_add(AHEAD_S) {
            return Some(Refusal::FutureDated { newest, now });
        }
        // Backups that start and never end have stopped, too.
        let finished = snapshots.iter().find(|snapshot| snapshot.finished);
        let newest = finished.map_or(newest, |snapshot| snapshot.time);
        if let Some(after) = self.stale_after
            && newest < now.saturating_sub(after.as_secs().cast_signed())
        {
            return Some(Refusal::Stale { newest, now, after });
        }
        let removed = fates.iter().filter(|fate| fate.is_removed()).count() as u64;
        too_many(self.max_remove, removed, snapshots.len() as u64, false)
    }

    /// Whether every group that has removals is to be left alone: `removed` are those
    /// of the groups not refused yet, `all` the snapshots of the list.
    #[must_use]
    pub fn refuse_all(&self, removed: u64, all: u64) -> Option<Refusal> {
        too_many(self.max_remove_total, removed, all, true)
    }
}

fn too_many(limit: Option<Limit>, removed: u64, all: u64, total: bool) -> Option<Refusal> {
    let limit = limit.filter(|limit| limit.is_exceeded(removed, all))?;
    Some(Refusal::TooMany {
        removed,
        all,
        limit,
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::Verification;

    fn group(times: &[(i64, bool)]) -> Vec<Snapshot> {
        let snapshot = |&(time, finished): &(i64, bool)| Snapshot {
            time,
            local: time,
            finished,
            protected: false,
            verification: Verification::Unknown,
        };
        times.iter().map(snapshot).collect()
    }

    #[test]
    fn groups_are_refused_at_the_border() {
        let now = 1_000_000;
        let gone = [Fate::Incomplete; 2];
        let stay = [Fate::KeepAll; 2];
        let future = Guards {
            future: true,
            ..Guards::default()
        };
        let stale = Guards {
            stale_after: Some(Duration::from_secs(86_400)),
            ..Guards::default()
        };
        let limit = |text: &str| Guards {
            max_remove: text.parse().ok(),
            ..Guards::default()
        };
        #[rustfmt::skip]
        let cases: &[(&str, Guards, &[(i64, bool)], &[Fate], Option<&str>)] = &[
            ("an hour ahead",        future,        &[(now + 3_600, true), (1, true)],  &stay, None),
            ("a second more",        future,        &[(now + 3_601, true), (1, true)],  &stay, Some("future-dated")),
            ("unguarded",            stale,         &[(now + 3_601, true), (now, true)], &stay, None),
            ("a day old",            stale,         &[(now - 86_400, true), (1, true)], &gone, None),
            ("a second more",        stale,         &[(now - 86_401, true), (1, true)], &gone, Some("stale")),
            ("new, but unfinished",  stale,         &[(now, false), (1, true)],         &gone, Some("stale")),
            ("never one finished",   stale,         &[(now, false), (1, false)],        &gone, None),
            ("as many as allowed",   limit("2"),    &[(2, true), (1, true)],            &gone, None),
            ("one more",             limit("1"),    &[(2, true), (1, true)],            &gone, Some("too-many")),
            ("none at all",          limit("0"),    &[(2, true), (1, true)],            &gone, Some("too-many")),
            ("none to remove",       limit("0"),    &[(2, true), (1, true)],            &stay, None),
            ("just the share",       limit("100%"), &[(2, true), (1, true)],            &gone, None),
            ("more than the share",  limit("99%"),  &[(2, true), (1, true)],            &gone, Some("too-many")),
        ];
        for (name, guards, times, fates, want) in cases {
            let refusal = guards.refuse(&group(times), fates, Flaws::default(), now);
            assert_eq!(refusal.map(|refusal| refusal.code()), *want, "{name}");
        }
    }

    #[test]
    fn flaws_are_refused_only_where_guarded() {
        let all = Guards {
            failed_rows: true,
            mixed_owners: true,
            ..Guards::default()
        };
        let flaws = |failed, mixed| Flaws { failed, mixed };
        #[rustfmt::skip]
        let cases = [
            ("none",              all,               flaws(false, false), None),
            ("a failed row",      all,               flaws(true, false),  Some(Refusal::FailedRow)),
            ("two owners",        all,               flaws(false, true),  Some(Refusal::MixedOwners)),
            ("both",              all,               flaws(true, true),   Some(Refusal::FailedRow)),
            ("both, not guarded", Guards::default(), flaws(true, true),   None),
        ];
        for (name, guards, flaws, want) in cases {
            let fates = [Fate::Incomplete];
            let refusal = guards.refuse(&group(&[(1, true)]), &fates, flaws, 1);
            assert_eq!(refusal, want, "{name}");
        }
    }

    #[test]
    fn limits_are_read() {
        for wrong in ["", "%", "-1", "101%", "5.5%", "x", "5 %"] {
            assert!(wrong.parse::<Limit>().is_err(), "{wrong}");
        }
        assert_eq!("20".parse(), Ok(Limit::Count(20)));
        assert_eq!("100%".parse(), Ok(Limit::Percent(100)));
    }
}
