//! What the changes of a zone's clock do to an event: times that don't come, times that come twice.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

use super::{CalendarEvent, Shifts};

/// So far back the run before a change is looked for, in seconds.
const BEFORE_S: i64 = 40 * 86_400;

/// So many runs of that time are looked at.
const MOST: usize = 60_000;

/// A change of a zone's clock that an event suffers from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suffered {
    /// What the clock shows when it ought to run.
    pub at: DateTime,
    /// The last run before it, in seconds; none within 40 days.
    pub before: Option<i64>,
    /// The first run from the change on, in seconds; none if it doesn't run again.
    pub after: Option<i64>,
}

/// One change of a zone's clock.
struct Change {
    time: i64,
    before: Offset,
    after: Offset,
}

impl Change {
    /// The times of day that are skipped (`forward`) or shown twice: from, and up to.
    fn affected(&self) -> Option<(DateTime, DateTime)> {
        let time = Timestamp::from_second(self.time).ok()?;
        let (a, b) = (self.before, self.after);
        Some((a.min(b).to_datetime(time), a.max(b).to_datetime(time)))
    }

    fn forward(&self) -> bool {
        self.after > self.before
    }

    fn length_s(&self) -> i64 {
        i64::from(self.after.seconds() - self.before.seconds()).abs()
    }
}

impl CalendarEvent {
    /// The runs that don't take place as the clock skips them, of the changes after `from` up to `to` (seconds).
    /// What runs again before the skipped time would have been over (each hour, each quarter) loses nothing.
    #[must_use]
    pub fn skipped(&self, zone: &TimeZone, from: i64, to: i64) -> Vec<Suffered> {
        let zone = &self.zone(zone);
        if self.shifts == Shifts::CatchesUp {
            return Vec::new();
        }
        let forward = changes(zone, from, to).filter(Change::forward);
        let lost = forward.flat_map(|change| {
            let after = self.next(zone, change.time - 1);
            let made_up = after.is_some_and(|after| after - change.time < change.length_s());
            let times = if made_up {
                Vec::new()
            } else {
                self.within(&change)
            };
            let before = (!times.is_empty())
                .then(|| self.last(zone, change.time - 1))
                .flatten();
            times
                .into_iter()
                .map(move |at| Suffered { at, before, after })
        });
        lost.collect()
    }

    /// The runs that take place twice as the clock shows their time twice, where the scheduler does so.
    /// What runs at least as often anyway isn't meant.
    #[must_use]
    pub fn doubled(&self, zone: &TimeZone, from: i64, to: i64) -> Vec<Suffered> {
        let zone = &self.zone(zone);
        if self.shifts != Shifts::SkipsTwice {
            return Vec::new();
        }
        let back = changes(zone, from, to).filter(|change| !change.forward());
        let double = back.flat_map(|change| {
            let times = self.within(&change);
            let of = |at: &DateTime, offset: Offset| {
                offset.to_timestamp(*at).ok().map(Timestamp::as_second)
            };
            let first = times.first().and_then(|at| of(at, change.before));
            let usual = first.and_then(|first| self.last(zone, first - 1).map(|last| first - last));
            let often = usual.is_some_and(|usual| usual <= change.length_s());
            let times = if often { Vec::new() } else { times };
            times.into_iter().map(move |at| Suffered {
                at,
                before: of(&at, change.before),
                after: of(&at, change.after),
            })
        });
        double.collect()
    }

    /// The last run at or before `time`, of forty days.
    fn last(&self, zone: &TimeZone, time: i64) -> Option<i64> {
        let times = self.times(zone, time - BEFORE_S, time, MOST)?;
        times.into_iter().max()
    }

    /// Its times of day among those that a change affects.
    fn within(&self, change: &Change) -> Vec<DateTime> {
        let Some((first, end)) = change.affected() else {
            return Vec::new();
        };
        let days = std::iter::successors(Some(first.date()), |day: &Date| day.tomorrow().ok());
        let days = days.take_while(|day| *day <= end.date());
        let days = days.filter(|day| self.is_on(*day));
        let times = days.flat_map(|day| self.of_day(day));
        times.filter(|at| (first..end).contains(at)).collect()
    }
}

fn changes(zone: &TimeZone, from: i64, to: i64) -> impl Iterator<Item = Change> {
    let start = Timestamp::from_second(from).unwrap_or(Timestamp::MAX);
    let changes = zone.following(start).map(|change| change.timestamp());
    let changes = changes.take_while(move |time| time.as_second() <= to);
    let changes = changes.filter_map(|time| {
        let just_before = time.checked_sub(SignedDuration::from_secs(1)).ok()?;
        Some(Change {
            time: time.as_second(),
            before: zone.to_offset(just_before),
            after: zone.to_offset(time),
        })
    });
    changes.filter(|change| change.before != change.after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thursday, 2026-11-26, 12:00:00 UTC, and a year and a day.
    const NOW: i64 = 1_795_694_400;
    const YEAR: i64 = 366 * 86_400;

    #[test]
    fn what_is_lost_and_what_comes_twice() {
        use Shifts::{CatchesUp, SkipsOnce, SkipsTwice};
        let la = "America/Los_Angeles";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Shifts, &[&str], &[&str])] = &[
            ("daily at two",      la, "02:00",            SkipsOnce,  &["2027-03-14T02:00:00"], &[]),
            ("daily at one",      la, "01:30",            SkipsOnce,  &[], &[]),
            ("daily at three",    la, "03:00",            SkipsOnce,  &[], &[]),
            ("twice a night",     la, "02:15,45",         SkipsOnce,  &["2027-03-14T02:15:00", "2027-03-14T02:45:00"], &[]),
            ("not on Sundays",    la, "mon..sat 02:00",   SkipsOnce,  &[], &[]),
            ("each hour",         la, "*:00",             SkipsOnce,  &[], &[]),
            ("each quarter",      la, "*/15",             SkipsOnce,  &[], &[]),
            ("each second hour",  la, "0/2:00",           SkipsOnce,  &["2027-03-14T02:00:00"], &[]),
            ("event in UTC",      la, "10:00 UTC",        SkipsOnce,  &[], &[]),
            ("cron's",            la, "02:00",            CatchesUp,  &[], &[]),
            ("semaphore's",       la, "02:00",            SkipsTwice, &["2027-03-14T02:00:00"], &[]),
            ("semaphore's at one", la, "01:30",           SkipsTwice, &[], &["2027-11-07T01:30:00"]),
            ("semaphore's hourly", la, "*:30",            SkipsTwice, &[], &[]),
            ("Berlin",  "Europe/Berlin", "02:00",         SkipsOnce,  &["2027-03-28T02:00:00"], &[]),
            ("midnight", "Africa/Cairo", "daily",         SkipsOnce,  &["2027-04-30T00:00:00"], &[]),
            ("half an hour", "Australia/Lord_Howe", "2:15", SkipsOnce, &["2027-10-03T02:15:00"], &[]),
            ("no changes", "UTC", "02:00",                SkipsOnce,  &[], &[]),
        ];
        let shown =
            |all: Vec<Suffered>| all.iter().map(|one| one.at.to_string()).collect::<Vec<_>>();
        for (name, tz, event, habit, skipped, doubled) in cases {
            let zone = TimeZone::get(tz).unwrap();
            let event = event.parse::<CalendarEvent>().unwrap().with(*habit);
            assert_eq!(
                shown(event.skipped(&zone, NOW, NOW + YEAR)),
                *skipped,
                "{name}"
            );
            assert_eq!(
                shown(event.doubled(&zone, NOW, NOW + YEAR)),
                *doubled,
                "{name}"
            );
        }
    }

    #[test]
    fn between_which_runs() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let event: CalendarEvent = "02:00".parse().unwrap();
        let lost = event.skipped(&zone, NOW, NOW + YEAR).remove(0);
        assert_eq!(lost.after.unwrap() - lost.before.unwrap(), 47 * 3_600);
    }
}
