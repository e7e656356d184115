//! What a policy leaves after years: a backup, a pruning, a backup, a pruning.
//!
//! Pruning once what has piled up keeps other snapshots than pruning each time,
//! because what is gone can't become a month's last one later. Only this shows the
//! depth that a policy has in the end.

use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
    time::Duration,
};

use jiff::{Timestamp, civil::Time};
use vmid::{
    span,
    stream::{Lines, quote},
};

use crate::{
    calendar::{DAY_S, TIMES},
    calendar_event::CalendarEvent,
    list::{List, Snapshots},
    retention::{Keep, Snapshot, Verification, decide},
    zone::{Offsets, Zone},
};

/// More backups than this are not simulated: hourly ones for more than a century.
const MOST: i64 = 1_000_000;

/// The time of day of a backup, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// On the wall clock of the zone.
    Local(i64),
    /// UTC.
    Utc(i64),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (clock, utc) = match text.strip_suffix('Z') {
            Some(clock) => (clock, true),
            None => (text, false),
        };
        let wrong = || format!("{text:?} is no time of day, such as 02:00 or 02:00Z");
        let two = |part: &str, below: i64| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| part.parse().ok()).flatten();
            number
                .filter(|number: &i64| *number < below)
                .ok_or_else(wrong)
        };
        let (hour, minute) = clock.split_once(':').ok_or_else(wrong)?;
        let second = two(hour, 24)? * 3_600 + two(minute, 60)? * 60;
        Ok(if utc {
            Self::Utc(second)
        } else {
            Self::Local(second)
        })
    }
}

/// When backups are made.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// One each.
    pub every: Duration,
    /// At this time of day; else at that of now.
    pub at: Option<At>,
    /// For so long, up to now.
    pub duration: Duration,
}

/// A schedule that can't be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Not even one backup.
    TooShort(Duration, Duration),
    /// So many backups.
    TooMany(i64),
    /// More backups of a calendar event than are simulated.
    TooOften(Duration),
    /// A calendar event that makes not even one backup.
    Never(Duration),
    /// They would begin before, or end after, what PBS knows.
    OutOfRange,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(every, duration) => {
                let (every, duration) = (span::written(*every), span::written(*duration));
                write!(f, "a backup every {every} makes none in --for {duration}")
            }
            Self::TooMany(count) => write!(f, "{count} backups are more than {MOST}"),
            Self::TooOften(duration) => {
                let duration = span::written(*duration);
                write!(
                    f,
                    "--schedule makes more than {MOST} backups in --for {duration}"
                )
            }
            Self::Never(duration) => {
                let duration = span::written(*duration);
                write!(
                    f,
                    "--schedule makes no backup in --for {duration}, which ends at --now"
                )
            }
            Self::OutOfRange => f.write_str("the backups would not all be in the years 0 to 9999"),
        }
    }
}

impl std::error::Error for Wrong {}

impl Schedule {
    /// The times of the backups, oldest first; the last is the last at or before `now`.
    ///
    /// Whole days keep to the clock of the zone, across its changes; a time that the
    /// clock skips is taken as much later.
    ///
    /// # Errors
    ///
    /// [`Wrong`]
    pub fn times(&self, zone: &Zone, now: i64) -> Result<Vec<i64>, Wrong> {
        let every = self.every.as_secs().cast_signed();
        let count = self.duration.as_secs().cast_signed() / every;
        match count {
            0 => return Err(Wrong::TooShort(self.every, self.duration)),
            1..=MOST => {}
            _ => return Err(Wrong::TooMany(count)),
        }
        let last = match self.at {
            None => now,
            Some(At::Utc(second)) => last_of_grid(now, second, every.min(DAY_S)),
            Some(At::Local(second)) if every % DAY_S == 0 => {
                return local_days(zone, now, second, every / DAY_S, count);
            }
            Some(At::Local(second)) => {
                let days = local_days(zone, now, second, 1, 1)?;
                last_of_grid(now, days[0], every)
            }
        };
        let times: Vec<i64> = (0..count).rev().map(|back| last - back * every).collect();
        let inside = times.first().zip(times.last());
        let inside = inside.is_some_and(|(a, b)| TIMES.contains(a) && TIMES.contains(b));
        inside.then_some(times).ok_or(Wrong::OutOfRange)
    }
}

/// The times of the backups of `event` in the `duration` that ends at `now`, oldest first.
///
/// # Errors
///
/// [`Wrong`]
pub fn event_times(
    event: &CalendarEvent,
    duration: Duration,
    zone: &Zone,
    now: i64,
) -> Result<Vec<i64>, Wrong> {
    let from = now.saturating_sub(duration.as_secs().cast_signed());
    if !TIMES.contains(&from) {
        return Err(Wrong::OutOfRange);
    }
    let times = event.times(zone.time_zone(), from, now, MOST as usize);
    let times = times.ok_or(Wrong::TooOften(duration))?;
    match times.is_empty() {
        true => Err(Wrong::Never(duration)),
        false => Ok(times),
    }
}

/// The last of `anchor`, `anchor + step`, ... (and before) that is at or before `now`.
fn last_of_grid(now: i64, anchor: i64, step: i64) -> i64 {
    now - (now - anchor).rem_euclid(step)
}

/// `count` times, each `days` days after the one before, at `second` of the zone's clock.
fn local_days(
    zone: &Zone,
    now: i64,
    second: i64,
    days: i64,
    count: i64,
) -> Result<Vec<i64>, Wrong> {
    let zone = zone.time_zone();
    let today = Timestamp::from_second(now).map_err(|_| Wrong::OutOfRange)?;
    let today = zone.to_datetime(today).date();
    let at = Time::midnight() + jiff::SignedDuration::from_secs(second);
    let time = |back: i64| {
        let date = today
            .checked_sub(jiff::Span::new().try_days(back).ok()?)
            .ok()?;
        let time = zone.to_timestamp(date.to_datetime(at)).ok()?.as_second();
        Some(time).filter(|time| TIMES.contains(time))
    };
    let later = i64::from(time(0).ok_or(Wrong::OutOfRange)? > now);
    let times = (0..count).rev().map(|back| time(later + back * days));
    times.collect::<Option<_>>().ok_or(Wrong::OutOfRange)
}

/// What is left after the last pruning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Snapshots.
    pub kept: usize,
    /// Days between the oldest and the newest, on the zone's calendar.
    pub depth_days: i64,
    /// The longest time between two that follow each other, in seconds.
    pub largest_gap_s: i64,
    /// The most snapshots that any pruning left.
    pub most: usize,
}

/// Adds a backup at each of `times` later than the newest of `snapshots` (newest first),
/// and prunes after each.
#[must_use]
pub fn run(snapshots: &[Snapshot], keep: &Keep, times: &[i64], offsets: &Offsets) -> Outcome {
    let newest = snapshots.first().map_or(i64::MIN, |snapshot| snapshot.time);
    let later = times.iter().filter(|&&time| time > newest);
    let backup = |&time: &i64| Snapshot {
        time,
        local: offsets.local(time),
        finished: true,
        protected: false,
        verification: Verification::Unknown,
    };
    let (mut left, mut most) = (snapshots.to_vec(), 0);
    if keep.is_empty() {
        left = later.rev().map(backup).chain(left).collect();
    } else {
        let (mut next, mut fates) = (Vec::new(), Vec::new());
        for time in later {
            next.clear();
            next.push(backup(time));
            next.append(&mut left);
            decide(&next, keep, &mut fates);
            let kept = next
                .iter()
                .zip(&fates)
                .filter(|(_, fate)| !fate.is_removed());
            left.extend(kept.map(|(snapshot, _)| *snapshot));
            most = most.max(left.len());
        }
    }
    let gaps = left.windows(2).map(|pair| pair[0].time - pair[1].time);
    let day = |snapshot: &Snapshot| snapshot.local.div_euclid(DAY_S);
    let depth = left.first().zip(left.last());
    Outcome {
        kept: left.len(),
        depth_days: depth.map_or(0, |(newest, oldest)| day(newest) - day(oldest)),
        largest_gap_s: gaps.max().unwrap_or(0),
        most: most.max(left.len()),
    }
}

/// Writes a record for each group of `list`; for one group of nothing, if it has none.
///
/// # Errors
///
/// Those of `lines`.
pub fn write<W: Write>(
    list: &List,
    zone: &Zone,
    keep: &Keep,
    times: &[i64],
    lines: &mut Lines<W>,
) -> io::Result<()> {
    let first = times.first().copied().unwrap_or_default();
    let last = times.last().copied().unwrap_or_default();
    let (from, to) = list.span().unwrap_or((first, last));
    let offsets = zone.offsets(from.min(first), to.max(last));
    if list.groups.is_empty() {
        return record(&[], run(&[], keep, times, &offsets), lines);
    }
    let grouped = list.grouped();
    let mut group = Snapshots::of(list, zone);
    for (place, name) in list.groups.iter().enumerate() {
        group.take(grouped.rows(place));
        let outcome = run(&group.snapshots, keep, times, &offsets);
        let fields = [
            ("ns", quote(&name.ns)),
            ("backup-type", quote(&name.kind)),
            ("backup-id", quote(&name.id)),
        ];
        record(&fields, outcome, lines)?;
    }
    Ok(())
}

fn record<W: Write>(
    group: &[(&str, String)],
    outcome: Outcome,
    lines: &mut Lines<W>,
) -> io::Result<()> {
    let numbers = [
        ("kept", outcome.kept.to_string()),
        ("depth_days", outcome.depth_days.to_string()),
        ("largest_gap_s", outcome.largest_gap_s.to_string()),
        ("most", outcome.most.to_string()),
    ];
    let fields = group.iter().chain(&numbers);
    let fields: Vec<_> = fields
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    lines.own(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: i64 = 1_795_226_400; // 2026-11-21T02:00:00Z

    fn schedule(every: &str, at: Option<&str>, duration: &str) -> Schedule {
        Schedule {
            every: span::parse(every).unwrap(),
            at: at.map(|at| at.parse().unwrap()),
            duration: span::parse(duration).unwrap(),
        }
    }

    /// Daily at 02:00Z for 800 days: what issue 4 gives, and what one run keeps.
    #[test]
    fn pruning_each_time_reaches_deeper_than_pruning_once() {
        let keep: Keep = "keep-daily=7,keep-weekly=4,keep-monthly=12"
            .parse()
            .unwrap();
        for (name, once, each) in [("UTC", 386, 391), ("America/Los_Angeles", 385, 390)] {
            let zone = Zone::parse(name).unwrap();
            let times = schedule("1d", Some("02:00Z"), "800d")
                .times(&zone, NOW)
                .unwrap();
            assert_eq!((times.len(), times[799]), (800, NOW));
            let offsets = zone.offsets(times[0], NOW);
            let outcome = run(&[], &keep, &times, &offsets);
            assert_eq!((outcome.kept, outcome.depth_days), (23, each), "{name}");
            let all = run(&[], &Keep::default(), &times, &offsets);
            assert_eq!(
                (all.kept, all.depth_days, all.largest_gap_s),
                (800, 799, DAY_S)
            );
            let mut snapshots: Vec<_> = times
                .iter()
                .map(|&time| Snapshot {
                    time,
                    local: offsets.local(time),
                    finished: true,
                    protected: false,
                    verification: Verification::Unknown,
                })
                .collect();
            snapshots.reverse();
            let mut fates = Vec::new();
            decide(&snapshots, &keep, &mut fates);
            let kept: Vec<_> = (0..800)
                .filter(|&place| !fates[place].is_removed())
                .collect();
            assert_eq!((kept.len(), kept[22]), (23, once), "{name}");
        }
    }

    #[test]
    fn schedules() {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let (hour, day) = (3_600, DAY_S);
        #[rustfmt::skip]
        let cases = [
            ("now itself",            schedule("1d", None, "2d"),            NOW,        Ok(vec![NOW - day, NOW])),
            ("UTC, just now",         schedule("1d", Some("02:00Z"), "1d"),  NOW,        Ok(vec![NOW])),
            ("UTC, a second before",  schedule("1d", Some("02:00Z"), "1d"),  NOW - 1,    Ok(vec![NOW - day])),
            ("local",                 schedule("1d", Some("03:00"), "1d"),   NOW,        Ok(vec![NOW])),
            ("local, yesterday",      schedule("1d", Some("03:01"), "1d"),   NOW,        Ok(vec![NOW + 60 - day])),
            ("twice a day",           schedule("12h", Some("15:00"), "1d"),  NOW,        Ok(vec![NOW - 12 * hour, NOW])),
            ("weekly, UTC",           schedule("7d", Some("01:00Z"), "14d"), NOW,        Ok(vec![NOW - hour - 7 * day, NOW - hour])),
            ("over the change back",  schedule("1d", Some("02:00"), "2d"),   1_792_900_000, Ok(vec![1_792_800_000, 1_792_886_400])),
            ("none",                  schedule("2d", None, "1d"),            NOW,        Err(Wrong::TooShort(2 * DAY, DAY))),
            ("too many",              schedule("1s", None, "2000000s"),      NOW,        Err(Wrong::TooMany(2_000_000))),
            ("before year 0",         schedule("1d", None, "800d"), -62_167_219_200 + 86_400,       Err(Wrong::OutOfRange)),
        ];
        for (name, schedule, now, want) in cases {
            let got = schedule.times(&zone, now);
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn times_of_day_are_read() {
        for wrong in ["", "2:00", "24:00", "02:60", "02:00z", "0200", "+2:00"] {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
        assert_eq!("23:59Z".parse(), Ok(At::Utc(86_340)));
        assert_eq!("02:00".parse(), Ok(At::Local(7_200)));
    }
}
