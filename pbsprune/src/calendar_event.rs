//! Proxmox's calendar events, `mon..fri 02:30`: what a job's schedule says, and when it runs.
//!
//! The grammar and its odd corners (a bare number is a minute, `UTC` at the end, ranges of weekdays that
//! wrap) are those of proxmox-time's calendar_event.rs, a subset of systemd.time(7). A time of day that the
//! clock skips doesn't run, one that it shows twice runs at the first, as a real server and systemd do it.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use crate::calendar::WEEKDAYS;

mod changes;
mod cron;
mod runs;
mod shifts;

pub use changes::Suffered;
pub use shifts::Shifts;

/// An event: which numbers match in each place. An empty list matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarEvent {
    utc: bool,
    /// Monday is the lowest bit; 0 matches all.
    weekdays: u8,
    years: Vec<Numbers>,
    months: Vec<Numbers>,
    days: Vec<Numbers>,
    hours: Vec<Numbers>,
    minutes: Vec<Numbers>,
    seconds: Vec<Numbers>,
    shifts: Shifts,
    /// One of the day and the day of the week is enough, where both are named: cron's.
    either_day: bool,
    /// Its hours or minutes begin with a star: cron's.
    starred: bool,
}

/// `first`, `first..last`, `first..last/step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    first: i16,
    last: i16,
    step: i16,
}

/// What is wrong with an event, and what part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    event: String,
    part: String,
    why: &'static str,
    example: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, part, why, example) = (&self.event, &self.part, self.why, self.example);
        write!(
            f,
            "{event:?} is no calendar event, such as {example}: {part:?} {why}"
        )
    }
}

impl std::error::Error for Wrong {}

/// The words that stand for an event, in its own grammar.
const WORDS: [(&str, &str); 10] = [
    ("minutely", "*:*:00"),
    ("hourly", "*:00"),
    ("daily", "00:00"),
    ("weekly", "mon 00:00"),
    ("monthly", "*-*-1 00:00"),
    ("yearly", "*-1-1 00:00"),
    ("annually", "*-1-1 00:00"),
    ("quarterly", "*-1,4,7,10-1 00:00"),
    ("semiannually", "*-1,7-1 00:00"),
    ("semi-annually", "*-1,7-1 00:00"),
];

impl FromStr for CalendarEvent {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        parse(text.trim()).map_err(|(part, why)| Wrong {
            event: text.to_owned(),
            part: part.to_owned(),
            why,
            example: "'mon..fri 02:30' or '*:0/30'",
        })
    }
}

/// The part that is wrong, and why.
type Fault<'a> = (&'a str, &'static str);

fn parse(text: &str) -> Result<CalendarEvent, Fault<'_>> {
    let mut event = CalendarEvent::default();
    let mut rest = text;
    if let Some(before) = rest.strip_suffix("UTC") {
        event.utc = true;
        rest = before.trim_end();
    }
    if let Some((_, spelled)) = WORDS.iter().find(|(word, _)| *word == rest) {
        let utc = event.utc;
        return parse(spelled).map(|event| CalendarEvent { utc, ..event });
    }
    let mut parts = rest.split_whitespace().peekable();
    if parts.peek().is_none() {
        return Err((text, "has neither a day nor a time"));
    }
    if let Some(days) = parts.next_if(|part| part.starts_with(|c: char| c.is_ascii_alphabetic())) {
        event.weekdays = weekdays(days)?;
    }
    if let Some(date) = parts.next_if(|part| part.contains('-')) {
        let mut fields = date.rsplitn(3, '-');
        event.days = numbers(fields.next().unwrap_or_default(), 1, 31)?;
        event.months = numbers(fields.next().unwrap_or_default(), 1, 12)?;
        event.years = fields
            .next()
            .map_or(Ok(Vec::new()), |year| numbers(year, 0, 2199))?;
    }
    let (hours, minutes, seconds) = match parts.next() {
        None => ("0", "0", "0"),
        Some(time) => match time.split(':').collect::<Vec<_>>()[..] {
            [minutes] => ("*", minutes, "0"),
            [hours, minutes] => (hours, minutes, "0"),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err((time, "has more than hours, minutes and seconds")),
        },
    };
    event.hours = numbers(hours, 0, 23)?;
    event.minutes = numbers(minutes, 0, 59)?;
    event.seconds = numbers(seconds, 0, 59)?;
    match parts.next() {
        None => Ok(event),
        Some(part) => Err((part, "is one part too many")),
    }
}

/// `mon`, `mon,wed`, `fri..mon`: the bits of these days.
fn weekdays(text: &str) -> Result<u8, Fault<'_>> {
    let day = |name| {
        let lower = str::to_ascii_lowercase(name);
        let known = WEEKDAYS
            .iter()
            .position(|day| *day == lower || day[..3] == lower);
        known.ok_or((name, "is no day of the week"))
    };
    let mut bits = 0;
    for range in text.split(',') {
        let (first, last) = range.split_once("..").unwrap_or((range, range));
        let (mut at, last) = (day(first)?, day(last)?);
        bits |= 1 << at;
        while at != last {
            at = (at + 1) % WEEKDAYS.len();
            bits |= 1 << at;
        }
    }
    Ok(bits)
}

/// `*`, `*/5`, `1,3,7..9,10..30/5`, `5/10`, all of `least..=most`.
fn numbers(text: &str, least: i16, most: i16) -> Result<Vec<Numbers>, Fault<'_>> {
    let number = |text| number(text, most);
    if text == "*" {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => (range, Some(number(step)?)),
        };
        let (first, last) = match range.split_once("..") {
            Some((first, last)) => (number(first)?, Some(number(last)?)),
            None if range == "*" && text == part && step != Some(0) => (least, Some(most)),
            None => (number(range)?, step.map(|_| most)),
        };
        let last = last.unwrap_or(first);
        if first > last {
            return Err((part, "ends before it begins"));
        }
        let step = step.unwrap_or(1);
        let last = if step == 0 { first } else { last };
        all.push(Numbers {
            first,
            last,
            step: step.max(1),
        });
    }
    Ok(all)
}

fn number(text: &str, most: i16) -> Result<i16, Fault<'_>> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number
        .filter(|number| *number <= most)
        .ok_or((text, "is no number that fits there"))
}

impl Numbers {
    fn one(number: i16) -> Self {
        Self {
            first: number,
            last: number,
            step: 1,
        }
    }

    fn has(&self, number: i16) -> bool {
        (self.first..=self.last).contains(&number) && (number - self.first) % self.step == 0
    }
}

fn matches(all: &[Numbers], number: i16) -> bool {
    all.is_empty() || all.iter().any(|numbers| numbers.has(number))
}

impl CalendarEvent {
    /// The times after `from` and at or before `to` (seconds), oldest first, in `zone` unless the event
    /// says UTC; nothing if there are more than `most`.
    #[must_use]
    pub fn times(&self, zone: &TimeZone, from: i64, to: i64, most: usize) -> Option<Vec<i64>> {
        let zone = &self.zone(zone);
        let [first, last] = [from, to].map(|time| Timestamp::from_second(time).ok());
        let [first, last] = [first?, last?].map(|time| zone.to_datetime(time).date());
        let mut times = Vec::new();
        // A day more on both sides: what a zone's clock shows may be of another day.
        let clock: Vec<Time> = self.of_day(first).map(DateTime::time).collect();
        let mut day = first.yesterday().ok()?;
        let end = last.tomorrow().ok()?;
        while day <= end {
            if self.is_on(day) {
                for time in &clock {
                    let time = self
                        .shifts
                        .times(zone, day.to_datetime(*time))
                        .into_iter()
                        .flatten();
                    times.extend(time.filter(|&time| from < time && time <= to));
                }
                if times.len() > most {
                    return None;
                }
            }
            day = day.tomorrow().ok()?;
        }
        Some(times)
    }

    fn is_on(&self, day: Date) -> bool {
        let weekday = 1 << day.weekday().to_monday_zero_offset();
        let weekday = self.weekdays == 0 || self.weekdays & weekday != 0;
        let of_month = matches(&self.days, day.day().into());
        let days = match self.either_day {
            true => weekday || of_month,
            false => weekday && of_month,
        };
        days && matches(&self.years, day.year()) && matches(&self.months, day.month().into())
    }

    fn of_day(&self, day: Date) -> impl Iterator<Item = DateTime> + '_ {
        let hours = (0..24).filter(|&hour| matches(&self.hours, hour.into()));
        hours.flat_map(move |hour| {
            let minutes = (0..60).filter(|&minute| matches(&self.minutes, minute.into()));
            minutes.flat_map(move |minute| {
                let seconds = (0..60).filter(|&second| matches(&self.seconds, second.into()));
                seconds.map(move |second| day.at(hour, minute, second, 0))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thursday, 2026-11-26, 12:00:00 UTC.
    const NOW: i64 = 1_795_694_400;

    fn shown(event: &str, zone: &str, days: i64) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let event: CalendarEvent = event.parse().unwrap();
        let times = event.times(&zone, NOW - days * 86_400, NOW, 100).unwrap();
        let spelled = |time: &i64| {
            let zoned = Timestamp::from_second(*time)
                .unwrap()
                .to_zoned(zone.clone());
            zoned.strftime("%a %d %H:%M:%S").to_string()
        };
        times.iter().map(spelled).collect()
    }

    #[test]
    fn schedules_of_real_jobs() {
        #[rustfmt::skip]
        let cases: &[(&str, i64, &[&str])] = &[
            ("daily",            2, &["Wed 25 00:00:00", "Thu 26 00:00:00"]),
            ("mon..fri 02:30",   5, &["Mon 23 02:30:00", "Tue 24 02:30:00", "Wed 25 02:30:00", "Thu 26 02:30:00"]),
            ("sat,sun 3:00",     6, &["Sat 21 03:00:00", "Sun 22 03:00:00"]),
            ("Sun..Tue",         5, &["Sun 22 00:00:00", "Mon 23 00:00:00", "Tue 24 00:00:00"]),
            ("weekly",           7, &["Mon 23 00:00:00"]),
            ("0/6:15",           1, &["Wed 25 12:15:00", "Wed 25 18:15:00", "Thu 26 00:15:00", "Thu 26 06:15:00"]),
            ("8..10/2:0",        1, &["Thu 26 08:00:00", "Thu 26 10:00:00"]),
            ("*-*-25",           9, &["Wed 25 00:00:00"]),
            ("11-20..22 4",      9, &[]), // a bare number is a minute, of each hour: see below
            ("2026-11-24 1:2:3", 9, &["Tue 24 01:02:03"]),
            ("thu 11:*/20",      1, &["Thu 26 11:00:00", "Thu 26 11:20:00", "Thu 26 11:40:00"]),
            ("thu 11:59:*/30",   1, &["Thu 26 11:59:00", "Thu 26 11:59:30"]),
            ("12:0",             1, &["Thu 26 12:00:00"]), // `to` itself, and not `from`
            ("monthly",          9, &[]),
            ("02:00/0",          1, &["Thu 26 02:00:00"]),
        ];
        for (event, days, want) in cases {
            let got = shown(event, "UTC", *days);
            if *event == "11-20..22 4" {
                assert_eq!(
                    (got.len(), got[0].as_str()),
                    (72, "Fri 20 00:04:00"),
                    "{event}"
                );
            } else {
                assert_eq!(got, *want, "{event}");
            }
        }
        assert_eq!(shown("02:30 UTC", "Europe/Berlin", 1), ["Thu 26 03:30:00"]);
        assert_eq!(shown("02:30", "Asia/Tokyo", 1), ["Thu 26 02:30:00"]);
    }

    /// As a real server does it: 47 hours between two runs in spring, one run in autumn.
    #[test]
    fn what_the_clock_skips_does_not_run() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let times = |event: &str, from: i64, to: i64| {
            let event: CalendarEvent = event.parse().unwrap();
            event.times(&zone, from, to, 100).unwrap()
        };
        let spring = 1_804_932_000; // 2027-03-13 10:00 UTC, 02:00 PST
        let two = times("02:00", spring - 1, spring + 3 * 86_400);
        assert_eq!(two[1] - two[0], 47 * 3_600);
        let autumn = 1_793_521_800; // 2026-11-01 08:30 UTC, 01:30 PDT, and an hour later 01:30 PST
        assert_eq!(times("01:30", autumn - 7_200, autumn + 7_200), [autumn]);
    }

    #[test]
    fn what_is_no_event() {
        for (event, part) in [
            ("", ""),
            ("UTC", "UTC"),
            ("dayly", "dayly"),
            ("mon..frx 2:00", "frx"),
            ("24:00", "24"),
            ("2:60", "60"),
            ("2:5..3", "5..3"),
            ("*/0", "*"),
            ("2:00 3:00", "3:00"),
            ("1:2:3:4", "1:2:3:4"),
            ("13-1", "13"),
            ("1,*:0", "*"),
            ("+2:00", "+2"),
            ("2:00,", ""),
        ] {
            let wrong = event.parse::<CalendarEvent>().unwrap_err();
            assert_eq!(wrong.part, part, "{event}: {wrong}");
        }
    }

    #[test]
    fn too_many_are_not_listed() {
        let event: CalendarEvent = "*:*:*".parse().unwrap();
        assert_eq!(event.times(&TimeZone::UTC, 0, 1_000, 999), None);
        assert_eq!(
            event.times(&TimeZone::UTC, 0, 1_000, 1_000).unwrap().len(),
            1_000
        );
    }
}
