//! A job: what runs when, by whose clock, where and for how long.

use std::collections::BTreeSet;

use super::place::Place;
use crate::{calendar_event::CalendarEvent, zone::Zone};

/// What a job does. The order is that of a night in which nothing is in the way of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Proxmox VE's backups, vzdump.
    Backup,
    /// Proxmox VE's storage replication.
    Replication,
    /// Anything else, of a plain record.
    Other,
    /// Copies between datastores.
    Sync,
    /// Pruning.
    Prune,
    /// Garbage collection.
    Gc,
    /// Verification.
    Verify,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Backup,
        Self::Replication,
        Self::Other,
        Self::Sync,
        Self::Prune,
        Self::Gc,
        Self::Verify,
    ];

    /// As in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Replication => "replication",
            Self::Other => "other",
            Self::Sync => "sync",
            Self::Prune => "prune",
            Self::Gc => "gc",
            Self::Verify => "verify",
        }
    }
}

/// How long the runs of a job last, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Half of them no longer.
    pub median_s: i64,
    /// None longer.
    pub most_s: i64,
    /// Of so many runs; 0 if a record says it.
    pub runs: usize,
}

impl Length {
    /// No run is longer, in seconds: a leap year.
    pub const LONGEST_S: i64 = 366 * 86_400;

    /// Of the lengths of some runs; what can't be the length of one is left out.
    #[must_use]
    pub fn of(mut lengths: Vec<i64>) -> Option<Self> {
        lengths.retain(|length| (0..=Self::LONGEST_S).contains(length));
        lengths.sort_unstable();
        Some(Self {
            median_s: *lengths.get(lengths.len().checked_sub(1)? / 2)?,
            most_s: *lengths.last()?,
            runs: lengths.len(),
        })
    }
}

/// How its schedule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As a calendar event.
    Event,
    /// As five fields of cron.
    Cron,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its ID, or what it is called.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// Its schedule as it is written; none if it has none.
    pub schedule: Option<String>,
    /// The same, understood.
    pub event: Option<CalendarEvent>,
    /// The grammar of the schedule.
    pub spelling: Spelling,
    /// The clock that it goes by.
    pub zone: Zone,
    /// Whose clock that is was said, of a server's job: else it is taken for what plain records go by.
    pub zone_said: bool,
    /// Where it works.
    pub places: BTreeSet<Place>,
    /// Of these the ones where it may have nothing to do.
    pub possible: BTreeSet<Place>,
    /// The guests that a backup job names.
    pub guests: BTreeSet<i64>,
    /// It isn't switched off.
    pub enabled: bool,
    /// How long it runs; none if that isn't known.
    pub length: Option<Length>,
    /// A run that was missed is made up for; none where that isn't said.
    pub repeat_missed: Option<bool>,
    /// How long a backup waits for another on its node, in seconds.
    pub lockwait_s: i64,
    /// After so many days a verification counts as outdated; none: never.
    pub outdated_after_days: Option<i64>,
    /// The storage of backups that could not be seen.
    pub unseen_storage: Option<String>,
    /// In which document it was seen.
    pub seen_by: &'static str,
}

impl Job {
    /// How long it may run, in seconds; 0 if that isn't known.
    #[must_use]
    pub fn most_s(&self) -> i64 {
        self.length.map_or(0, |length| length.most_s)
    }

    /// The zone by whose clock it runs: UTC if its schedule says so.
    #[must_use]
    pub fn clock(&self) -> Zone {
        match self.event.as_ref().is_some_and(CalendarEvent::is_utc) {
            true => Zone::utc(),
            false => self.zone.clone(),
        }
    }

    /// Its runs depend on a zone that nothing has said.
    #[must_use]
    pub fn is_of_no_zone(&self) -> bool {
        let is_utc = self.event.as_ref().is_some_and(CalendarEvent::is_utc);
        self.event.is_some() && !is_utc && !self.zone_said
    }

    /// Its datastore, if it is a job of one.
    #[must_use]
    pub fn store(&self) -> Option<&str> {
        self.places.iter().find_map(|place| match place {
            Place::Store(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(Length::of(vec![]), None);
        #[rustfmt::skip]
        let cases: &[(&[i64], i64, i64)] = &[
            (&[5], 5, 5), (&[9, 1], 1, 9), (&[9, 1, 4], 4, 9), (&[1, 2, 3, 100], 2, 100), (&[0, i64::MAX], 0, 0),
        ];
        for (lengths, median_s, most_s) in cases {
            let want = Length {
                median_s: *median_s,
                most_s: *most_s,
                runs: lengths.iter().filter(|length| **length < i64::MAX).count(),
            };
            assert_eq!(Length::of(lengths.to_vec()), Some(want), "{lengths:?}");
        }
    }
}
