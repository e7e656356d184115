//! When an event runs next, and how far apart two of its runs are at most.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{CalendarEvent, Numbers, shifts::change};

/// For so many days a run is looked for. No date that there is at all is rarer: after 400 years the
/// calendar repeats, days of the week included. What has no run by then (`2-30`) never has one; so
/// Proxmox says, which gives up after 1000 steps of its own.
const NEVER_AFTER_DAYS: usize = 146_097;

/// Over so long from the first time on the distances are measured, in seconds: two years and a day hold
/// each change of a zone's clock.
const MEASURED_S: i64 = 732 * 86_400;

impl CalendarEvent {
    /// Its scheduler's habits, where it isn't Proxmox's.
    #[must_use]
    pub fn with(self, shifts: super::Shifts) -> Self {
        Self { shifts, ..self }
    }

    /// It says UTC itself.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        self.utc
    }

    /// How many times a day it runs, on the days that it names.
    #[must_use]
    pub fn times_a_day(&self) -> usize {
        self.of_day(Date::constant(1970, 1, 1)).count()
    }

    /// Hour and minute, if it runs once a day.
    #[must_use]
    pub fn time_of_day(&self) -> Option<(u8, u8)> {
        let mut times = self.of_day(Date::constant(1970, 1, 1));
        let (Some(at), None) = (times.next(), times.next()) else {
            return None;
        };
        let [hour, minute] = [at.hour(), at.minute()].map(|number| number.unsigned_abs());
        Some((hour, minute))
    }

    /// The same days at another time.
    #[must_use]
    pub fn at(&self, hour: u8, minute: u8) -> Self {
        let one = |number: u8| vec![Numbers::one(number.into())];
        Self {
            hours: one(hour),
            minutes: one(minute),
            seconds: one(0),
            ..self.clone()
        }
    }

    /// The first run after `after` (seconds), in `zone` unless the event says UTC; nothing if it never runs.
    #[must_use]
    pub fn next(&self, zone: &TimeZone, after: i64) -> Option<i64> {
        let zone = &self.zone(zone);
        let mut days = self.days(zone, after);
        days.find_map(|day| self.runs(zone, day).into_iter().find(|&time| time > after))
    }

    /// How many seconds two runs that follow each other are apart at most, of those of two years after
    /// `from`; of rarer ones the first two. Nothing if there aren't two.
    ///
    /// What the clock skips counts: a daily job of 02:00 has a longest gap of 47 hours where it does.
    #[must_use]
    pub fn longest_gap(&self, zone: &TimeZone, from: i64) -> Option<i64> {
        let zone = &self.zone(zone);
        let mut day_runs = DayRuns::of(self);
        let (mut last, mut longest): (Option<i64>, Option<i64>) = (None, None);
        for day in self.days(zone, from) {
            let Some(runs) = day_runs.on(zone, day) else {
                continue;
            };
            longest = longest.max(last.map(|last| runs.first - last));
            longest = longest.max(runs.apart);
            last = Some(runs.last);
            if longest.is_some() && runs.last > from.saturating_add(MEASURED_S) {
                break;
            }
        }
        longest
    }

    /// The zone that it goes by, where others go by `zone`.
    pub(super) fn zone(&self, zone: &TimeZone) -> TimeZone {
        match self.utc {
            true => TimeZone::UTC,
            false => zone.clone(),
        }
    }

    /// The days that it names, from the one before that of `from` on: what a zone's clock shows may be of
    /// another day.
    fn days(&self, zone: &TimeZone, from: i64) -> impl Iterator<Item = Date> + '_ {
        let first = Timestamp::from_second(from).ok();
        let first = first.and_then(|time| zone.to_datetime(time).date().yesterday().ok());
        std::iter::successors(first, |day| day.tomorrow().ok())
            .take(NEVER_AFTER_DAYS)
            .filter(|&day| self.is_on(day))
    }

    /// Its runs of a day, oldest first.
    fn runs(&self, zone: &TimeZone, day: Date) -> Vec<i64> {
        let times = self.of_day(day);
        let times = times.flat_map(|at| self.shifts.times(zone, at));
        let mut times: Vec<i64> = times.flatten().collect();
        times.sort_unstable();
        times.dedup(); // what a skipped hour had, cron does once
        times
    }
}

/// The runs of one day.
#[derive(Clone, Copy, Debug)]
struct OfDay {
    first: i64,
    last: i64,
    /// How many seconds they are apart at most.
    apart: Option<i64>,
}

impl OfDay {
    fn of(times: &[i64]) -> Option<Self> {
        Some(Self {
            first: *times.first()?,
            last: *times.last()?,
            apart: times.windows(2).map(|pair| pair[1] - pair[0]).max(),
        })
    }
}

/// The runs of days, reckoned once for all days on which a zone's clock doesn't change.
struct DayRuns<'a> {
    event: &'a CalendarEvent,
    /// As if the day began at 0.
    usual: Option<OfDay>,
    /// The zone's clock doesn't change between these.
    steady: Option<(i64, i64)>,
}

impl<'a> DayRuns<'a> {
    fn of(event: &'a CalendarEvent) -> Self {
        let times = event.of_day(Date::constant(1970, 1, 1));
        let times: Vec<i64> = times
            .map(|at| {
                i64::from(at.hour()) * 3_600 + i64::from(at.minute()) * 60 + i64::from(at.second())
            })
            .collect();
        Self {
            event,
            usual: OfDay::of(&times),
            steady: None,
        }
    }

    fn on(&mut self, zone: &TimeZone, day: Date) -> Option<OfDay> {
        match self.midnight(zone, day) {
            Some(midnight) => self.usual.map(|usual| OfDay {
                first: usual.first + midnight,
                last: usual.last + midnight,
                apart: usual.apart,
            }),
            None => OfDay::of(&self.event.runs(zone, day)),
        }
    }

    /// When the day begins, if the clock doesn't change on it.
    fn midnight(&mut self, zone: &TimeZone, day: Date) -> Option<i64> {
        let start = zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0));
        let start = start.unambiguous().ok()?.as_second();
        let within = |(from, to): (i64, i64)| from <= start && start + 86_400 < to; // at `to` itself the day may go on: 24:00 is 23:00
        if !self.steady.is_some_and(within) {
            self.steady = Some((start, change(zone, start).unwrap_or(i64::MAX)));
        }
        self.steady.is_some_and(within).then_some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thursday, 2026-11-26, 12:00:00 UTC.
    const NOW: i64 = 1_795_694_400;
    const HOUR: i64 = 3_600;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn how_far_apart_two_runs_are_at_most() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<i64>)] = &[
            ("daily, no changes",        "UTC",                 "daily",          Some(24 * HOUR)),
            ("skipped in spring",        "America/Los_Angeles", "02:00",          Some(47 * HOUR)),
            ("not skipped: autumn's day", "America/Los_Angeles", "03:00",         Some(25 * HOUR)),
            ("UTC says the event",       "America/Los_Angeles", "02:00 UTC",      Some(24 * HOUR)),
            ("over the weekend",         "UTC",                 "mon..fri 02:30", Some(72 * HOUR)),
            ("that weekend in autumn",   "Europe/Berlin",       "mon..fri 02:30", Some(73 * HOUR)),
            ("weekly",                   "Asia/Tokyo",          "sun 03:00",      Some(168 * HOUR)),
            ("monthly",                  "UTC",                 "monthly",        Some(31 * 24 * HOUR)),
            ("yearly, with a leap day",  "UTC",                 "yearly",         Some(366 * 24 * HOUR)),
            ("every 15 minutes",         "UTC",                 "*/15",           Some(900)),
            ("the hour shown twice",     "Europe/Berlin",       "*/15",           Some(HOUR + 900)),
            ("over midnight",            "UTC",                 "8..18:0/30",     Some(13 * HOUR + 1_800)),
            ("every second",             "UTC",                 "*:*:*",          Some(1)),
            ("leap days",                "UTC",                 "2-29",           Some(1461 * 24 * HOUR)),
            ("once",                     "UTC",                 "2027-1-1",       None),
            ("over",                     "UTC",                 "2020-*-*",       None),
            ("never",                    "UTC",                 "2-30",           None),
        ];
        for (name, tz, event, want) in cases {
            let event: CalendarEvent = event.parse().unwrap();
            assert_eq!(event.longest_gap(&zone(tz), NOW), *want, "{name}");
        }
    }

    /// Proxmox gives up on a date that never comes after 1000 steps; what comes late it finds.
    #[test]
    fn dates_that_never_come_and_such_that_come_late() {
        #[rustfmt::skip]
        let cases: &[(&str, Option<&str>)] = &[
            ("2-30",           None),
            ("2-31 12:00",     None),
            ("4,6,9,11-31",    None),
            ("2026-1-1",       None),
            ("2027-2-29",      None),
            ("fri 2027-1-2",   None),
            ("2-29",           Some("2028-02-29T00:00:00Z")),
            ("mon 2-29",       Some("2044-02-29T00:00:00Z")),
            ("2199-12-31 23:59:59", Some("2199-12-31T23:59:59Z")),
            ("thu 12:00",      Some("2026-12-03T12:00:00Z")), // not the one of now
            ("thu 12:00:1",    Some("2026-11-26T12:00:01Z")),
        ];
        for (event, want) in cases {
            let parsed: CalendarEvent = event.parse().unwrap();
            let next = parsed.next(&TimeZone::UTC, NOW);
            let next = next.map(|time| Timestamp::from_second(time).unwrap().to_string());
            assert_eq!(next.as_deref(), *want, "{event}");
        }
    }

    /// The short way over days without a change says what all runs, one by one, say.
    #[test]
    fn the_longest_gap_is_that_of_all_runs() {
        let events = [
            "02:00",
            "02:30",
            "00:00",
            "1,2,3:30",
            "*/30",
            "mon..fri 02:30",
            "sun 1..3:0/20",
            "0/2:00",
        ];
        let zones = [
            "UTC",
            "America/Los_Angeles",
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "Africa/Cairo",
            "Antarctica/Troll",
        ];
        let habits = [
            super::super::Shifts::SkipsOnce,
            super::super::Shifts::CatchesUp,
            super::super::Shifts::SkipsTwice,
        ];
        for name in zones {
            let zone = zone(name);
            for (text, habit) in events
                .iter()
                .flat_map(|text| habits.map(|habit| (text, habit)))
            {
                let event = text.parse::<CalendarEvent>().unwrap().with(habit);
                let gap = event.longest_gap(&zone, NOW).unwrap();
                let mut times = event
                    .times(&zone, NOW - 86_400, NOW + MEASURED_S, 2_000_000)
                    .unwrap();
                times.sort_unstable();
                let all = times
                    .windows(2)
                    .map(|pair| pair[1] - pair[0])
                    .max()
                    .unwrap();
                assert_eq!(gap, all, "{name} {text} {habit:?}");
            }
        }
    }

    #[test]
    fn what_each_scheduler_does_with_a_change() {
        use super::super::Shifts::{self, CatchesUp, SkipsOnce, SkipsTwice};
        let zone = zone("America/Los_Angeles");
        #[rustfmt::skip]
        let cases: &[(&str, &str, Shifts, &[&str])] = &[
            ("spring",            "2027-3-13..15 02:30", SkipsOnce,  &["13T10:30", "15T09:30"]),
            ("spring, cron",      "2027-3-13..15 02:30", CatchesUp,  &["13T10:30", "14T10:00", "15T09:30"]),
            ("spring, semaphore", "2027-3-13..15 02:30", SkipsTwice, &["13T10:30", "15T09:30"]),
            ("autumn",            "2027-11-6..8 01:30",  SkipsOnce,  &["06T08:30", "07T08:30", "08T09:30"]),
            ("autumn, cron",      "2027-11-6..8 01:30",  CatchesUp,  &["06T08:30", "07T08:30", "08T09:30"]),
            ("autumn, semaphore", "2027-11-6..8 01:30",  SkipsTwice, &["06T08:30", "07T08:30", "07T09:30", "08T09:30"]),
        ];
        for (name, event, habit, want) in cases {
            let event = event.parse::<CalendarEvent>().unwrap().with(*habit);
            let mut got = Vec::new();
            let mut at = NOW;
            while let Some(next) = event.next(&zone, at) {
                got.push(
                    Timestamp::from_second(next)
                        .unwrap()
                        .strftime("%dT%H:%M")
                        .to_string(),
                );
                at = next;
            }
            assert_eq!(got, *want, "{name}");
        }
    }
}
