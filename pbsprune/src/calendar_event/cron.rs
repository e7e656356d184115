//! Events as cron has them, `30 2 * * 1-5`: five fields, `@daily`, names of months and days.
//!
//! Read are what crontab(5) and robfig/cron, Semaphore's, have in common, and that a field may be `?`.
//! If neither the day of the month nor the day of the week begins with a star, one of both is enough.

use super::{CalendarEvent, Numbers, Shifts, Wrong, number};

const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Sunday is 0, and 7.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl CalendarEvent {
    /// The event of a crontab line's five fields.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn of_cron(text: &str) -> Result<Self, Wrong> {
        parse(text.trim()).map_err(|(part, why)| Wrong {
            event: text.to_owned(),
            part: part.to_owned(),
            why,
            example: "'30 2 * * 1-5' or '@daily'",
        })
    }

    /// With the habits of Debian's cron: what runs at a fixed time is made up for, and never runs twice; what
    /// has a star for its hours or minutes goes by the clock alone (cron(8)).
    #[must_use]
    pub fn as_debian_has_it(self) -> Self {
        let by_the_clock = self.hours.is_empty() || self.minutes.is_empty() || self.starred;
        self.with(match by_the_clock {
            true => Shifts::SkipsTwice,
            false => Shifts::CatchesUp,
        })
    }
}

type Fault<'a> = (&'a str, &'static str);

fn parse(text: &str) -> Result<CalendarEvent, Fault<'_>> {
    if let Some((_, spelled)) = WORDS.iter().find(|(word, _)| *word == text) {
        return parse(spelled);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = fields[..] else {
        return Err((text, "has not five fields"));
    };
    let star = |field: &str| field.starts_with(['*', '?']);
    Ok(CalendarEvent {
        minutes: field(minutes, 0, 59, &[])?,
        hours: field(hours, 0, 23, &[])?,
        days: field(days, 1, 31, &[])?,
        months: field(months, 1, 12, &MONTHS)?,
        weekdays: bits(&field(weekdays, 0, 7, &DAYS)?),
        seconds: vec![Numbers::one(0)],
        either_day: !star(days) && !star(weekdays),
        starred: star(minutes) || star(hours),
        ..CalendarEvent::default()
    })
}

/// `*`, `*/5`, `1,3,7-9`, `mon-fri`; names stand for numbers from `least` on.
fn field<'a>(
    text: &'a str,
    least: i16,
    most: i16,
    names: &[&str],
) -> Result<Vec<Numbers>, Fault<'a>> {
    let named = |word: &'a str| {
        let lower = word.to_ascii_lowercase();
        let place = names.iter().position(|name| *name == lower);
        match place.and_then(|place| i16::try_from(place).ok()) {
            Some(place) => Ok(place + least),
            None => number(word, most).and_then(|number| match number < least {
                true => Err((word, "is no number that fits there")),
                false => Ok(number),
            }),
        }
    };
    if text == "*" || text == "?" {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => (range, Some(number(step, most)?)),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (named(first)?, named(last)?),
            None if range == "*" => (least, most),
            None => {
                let first = named(range)?;
                (first, if step.is_some() { most } else { first })
            }
        };
        if first > last {
            return Err((part, "ends before it begins"));
        }
        let step = match step {
            Some(0) => return Err((part, "has a step of 0")),
            step => step.unwrap_or(1),
        };
        all.push(Numbers { first, last, step });
    }
    Ok(all)
}

/// The days of the week as bits, Monday the lowest; none matches all.
fn bits(days: &[Numbers]) -> u8 {
    let on = |day: &i16| days.iter().any(|numbers| numbers.has(*day));
    let bit = |day: i16| 1 << ((day + 6) % 7);
    (0..=7)
        .filter(on)
        .map(bit)
        .fold(0, |all, bit: u8| all | bit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{Timestamp, tz::TimeZone};

    /// Thursday, 2026-11-26, 12:00:00 UTC.
    const NOW: i64 = 1_795_694_400;

    #[test]
    fn lines_of_a_crontab() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str])] = &[
            ("30 2 * * *",      &["27T02:30", "28T02:30", "29T02:30"]),
            ("@daily",          &["27T00:00", "28T00:00", "29T00:00"]),
            ("@weekly",         &["29T00:00", "06T00:00", "13T00:00"]),
            ("0 3 * * 0",       &["29T03:00", "06T03:00", "13T03:00"]),
            ("0 3 * * 7",       &["29T03:00", "06T03:00", "13T03:00"]),
            ("0 3 * * sat-7",   &["28T03:00", "29T03:00", "05T03:00"]),
            ("*/30 13 * * *",   &["26T13:00", "26T13:30", "27T13:00"]),
            ("5/20 12 ? * MON", &["30T12:05", "30T12:25", "30T12:45"]),
            ("0 0 13 * 5",      &["27T00:00", "04T00:00", "11T00:00"]), // Fridays, and each 13th
            ("0 0 13 * *",      &["13T00:00", "13T00:00", "13T00:00"]),
            ("0 0 */2 * 5",     &["27T00:00", "11T00:00", "25T00:00"]), // a star: both must match
            ("0 0 1 feb,Apr *", &["01T00:00", "01T00:00", "01T00:00"]),
        ];
        for (line, want) in cases {
            let event = CalendarEvent::of_cron(line).unwrap();
            let mut at = NOW;
            let mut got = Vec::new();
            for _ in 0..3 {
                at = event.next(&TimeZone::UTC, at).unwrap();
                let time = Timestamp::from_second(at).unwrap();
                got.push(time.strftime("%dT%H:%M").to_string());
            }
            assert_eq!(got, *want, "{line}");
        }
    }

    #[test]
    fn what_is_no_line() {
        for (line, part) in [
            ("", ""),
            ("02:00", "02:00"),
            ("@reboot", "@reboot"),
            ("@every 1h", "@every 1h"),
            ("60 2 * * *", "60"),
            ("0 24 * * *", "24"),
            ("0 2 0 * *", "0"),
            ("0 2 * 13 *", "13"),
            ("0 2 * * 8", "8"),
            ("0 2 * * fri-mon", "fri-mon"),
            ("*/0 2 * * *", "*/0"),
            ("0 0 2 * * *", "0 0 2 * * *"),
            ("0 2 L * *", "L"),
        ] {
            let wrong = CalendarEvent::of_cron(line).unwrap_err();
            assert_eq!(wrong.part, part, "{line}: {wrong}");
        }
    }

    #[test]
    fn what_goes_by_the_clock_alone() {
        for (line, want) in [
            ("30 2 * * *", Shifts::CatchesUp),
            ("0 * * * *", Shifts::SkipsTwice),
            ("*/15 2 * * *", Shifts::SkipsTwice),
            ("* 2 * * *", Shifts::SkipsTwice),
        ] {
            let event = CalendarEvent::of_cron(line).unwrap().as_debian_has_it();
            assert_eq!(event.shifts, want, "{line}");
        }
    }
}
