//! What schedulers do with a time of day that a zone's clock skips in spring, or shows twice in autumn.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// The habits of a scheduler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shifts {
    /// Skipped times don't run, double ones run at the first: Proxmox VE, Proxmox Backup Server, systemd.
    #[default]
    SkipsOnce,
    /// Skipped times run right after the change, double ones at the first: Debian's cron, for jobs of a
    /// fixed time (cron(8)).
    CatchesUp,
    /// Skipped times don't run, double ones run twice: Semaphore's, robfig/cron (its `TestNext`).
    SkipsTwice,
}

impl Shifts {
    /// When a job of the time of day `at` runs in `zone`: not at all, once, or twice, in order.
    #[must_use]
    pub fn times(self, zone: &TimeZone, at: DateTime) -> [Option<i64>; 2] {
        match (zone.to_ambiguous_timestamp(at).offset(), self) {
            (AmbiguousOffset::Unambiguous { offset }, _) => [seconds(offset, at), None],
            (AmbiguousOffset::Fold { before, after }, Self::SkipsTwice) => {
                [seconds(before, at), seconds(after, at)]
            }
            (AmbiguousOffset::Fold { before, .. }, _) => [seconds(before, at), None],
            (AmbiguousOffset::Gap { after, .. }, Self::CatchesUp) => {
                [seconds(after, at).and_then(|time| change(zone, time)), None]
            }
            (AmbiguousOffset::Gap { .. }, _) => [None, None],
        }
    }
}

fn seconds(offset: Offset, at: DateTime) -> Option<i64> {
    offset.to_timestamp(at).ok().map(Timestamp::as_second)
}

/// The first change of a zone's clock after `time`.
pub(super) fn change(zone: &TimeZone, time: i64) -> Option<i64> {
    let time = Timestamp::from_second(time).ok()?;
    let change = zone.following(time).next()?;
    Some(change.timestamp().as_second())
}
