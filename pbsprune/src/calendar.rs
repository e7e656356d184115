//! The Gregorian calendar as integer arithmetic: days, months and ISO weeks for any year.
//!
//! A day is counted from 1970-01-01; a local time is in seconds on the wall clock,
//! as if it were UTC. No zone, no clock: what adds the offset is [`crate::zone`].

/// Seconds of a day without a change of the clock.
pub const DAY_S: i64 = 86_400;

/// The times that a backup can have: years 0 to 9999 UTC, as PBS has it.
pub const TIMES: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// The days of a week, as events and names of files have them.
pub const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// A date: year (0 is 1 BC), month 1..=12, day 1..=31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Year, astronomical.
    pub year: i64,
    /// Month from 1.
    pub month: i64,
    /// Day from 1.
    pub day: i64,
}

impl Date {
    /// The date of a day.
    ///
    /// The year is taken to begin in March, so that the leap day is its last, and
    /// months follow a line (153 days in 5 months).
    #[must_use]
    pub fn of_day(day: i64) -> Self {
        let from_march = day + 719_468; // 0000-03-01
        let era = from_march.div_euclid(146_097); // 400 years
        let in_era = from_march.rem_euclid(146_097);
        let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year + year / 4 - year / 100);
        let month = (5 * in_year + 2) / 153;
        let january = i64::from(month >= 10);
        Self {
            year: year + era * 400 + january,
            month: month + 3 - 12 * january,
            day: in_year - (153 * month + 2) / 5 + 1,
        }
    }

    /// The day of the date.
    #[must_use]
    pub fn to_day(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let month = (self.month + 9) % 12;
        let in_year = (153 * month + 2) / 5 + self.day - 1;
        let in_era = year.rem_euclid(400);
        let in_era = in_era * 365 + in_era / 4 - in_era / 100 + in_year;
        year.div_euclid(400) * 146_097 + in_era - 719_468
    }
}

/// Days of a month.
#[must_use]
pub fn days_of(year: i64, month: i64) -> i64 {
    let next = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    let first = |(year, month)| {
        let day = 1;
        Date { year, month, day }.to_day()
    };
    first(next) - first((year, month))
}

/// The ISO year and week (ISO 8601: the week is its Thursday's year's) of a Monday.
#[must_use]
pub fn iso_week(monday: i64) -> (i64, i64) {
    let thursday = monday + 3;
    let year = Date::of_day(thursday).year;
    let (month, day) = (1, 1);
    let first = Date { year, month, day }.to_day();
    (year, (thursday - first) / 7 + 1)
}

/// Appends a number with leading zeros to `width` (a sign comes before them).
pub fn put(text: &mut String, number: i64, width: usize) {
    let mut digits = [b'0'; 20];
    let (mut at, mut rest) = (digits.len(), number.unsigned_abs());
    while rest > 0 || digits.len() - at < width {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if number < 0 {
        text.push('-');
    }
    push(text, &digits[at..]);
}

/// Appends `2026-11-21`.
pub fn put_date(text: &mut String, day: i64) {
    let Date { year, month, day } = Date::of_day(day);
    let mut date = *b"0000-00-00";
    if (0..10_000).contains(&year) {
        date[..2].copy_from_slice(&two(year / 100));
        date[2..4].copy_from_slice(&two(year % 100));
    } else {
        put(text, year, 4);
    }
    date[5..7].copy_from_slice(&two(month));
    date[8..].copy_from_slice(&two(day));
    let from = if (0..10_000).contains(&year) { 0 } else { 4 };
    push(text, &date[from..]);
}

/// Appends a time as PBS names its snapshots: `2026-11-21T02:00:11Z`.
pub fn put_utc(text: &mut String, time: i64) {
    let (day, second) = (time.div_euclid(DAY_S), time.rem_euclid(DAY_S));
    put_date(text, day);
    let mut clock = *b"T00:00:00Z";
    for (at, number) in [(1, second / 3_600), (4, second / 60 % 60), (7, second % 60)] {
        clock[at..at + 2].copy_from_slice(&two(number));
    }
    push(text, &clock);
}

/// Two digits of a number below 100.
fn two(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

fn push(text: &mut String, ascii: &[u8]) {
    text.push_str(std::str::from_utf8(ascii).unwrap_or_default()); // cannot fail: digits and signs
}

/// A time as PBS names its snapshots: `2026-11-21T02:00:11Z`.
#[must_use]
pub fn utc(time: i64) -> String {
    let mut text = String::new();
    put_utc(&mut text, time);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_jiff_and_back() {
        let first = jiff::civil::date(-1, 12, 25);
        let mut day = -719_535;
        assert_eq!(Date::of_day(day).year, -1);
        // a step that meets every day of a week and of a month sooner or later
        for step in 0..40_000 {
            let date = Date::of_day(day);
            assert_eq!(date.to_day(), day);
            let span = jiff::Span::new().days(step * 91);
            if let Ok(theirs) = first.checked_add(span) {
                let ours = (date.year, date.month, date.day);
                let (y, m, d) = (theirs.year(), theirs.month(), theirs.day());
                assert_eq!(ours, (i64::from(y), i64::from(m), i64::from(d)));
                let week = theirs.iso_week_date();
                let monday = (day + 3).div_euclid(7) * 7 - 3;
                let (year, number) = iso_week(monday);
                assert_eq!((year, number), (week.year().into(), week.week().into()));
                let days = days_of(date.year, date.month);
                assert_eq!(days, i64::from(theirs.days_in_month()));
            }
            day += 91;
        }
    }

    #[test]
    fn times_are_spelled_as_pbs_does() {
        #[rustfmt::skip]
        let cases = [
            ("epoch",           0,                "1970-01-01T00:00:00Z"),
            ("before it",       -1,               "1969-12-31T23:59:59Z"),
            ("shape",           1_718_000_702,    "2024-06-10T06:25:02Z"),
            ("first of PBS",    *TIMES.start(),   "0000-01-01T00:00:00Z"),
            ("last of PBS",     *TIMES.end(),     "9999-12-31T23:59:59Z"),
        ];
        for (name, time, want) in cases {
            assert_eq!(utc(time), want, "{name}");
        }
    }
}
