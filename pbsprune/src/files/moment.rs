//! From what a name spells to the moment that it means, in the zone of `--tz`.

use jiff::{
    civil,
    tz::{AmbiguousOffset, TimeZone},
};

use super::{
    clock::Time,
    date::{Stamp, shown},
};
use crate::{
    calendar::{DAY_S, Date, utc},
    zone::Zone,
};

/// Why there is no moment, or not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoMoment {
    /// The hour that a clock skips in spring.
    Skipped(String),
    /// The hour that a clock shows twice in autumn: both readings.
    Twice(String),
}

/// The moment of `stamp`, in seconds; a day alone is its beginning. A time that a clock shows twice
/// is the first one if the file was written (`mtime`, seconds) before the second.
///
/// # Errors
///
/// [`NoMoment`]
pub fn moment(stamp: Stamp, zone: &Zone, mtime: i64) -> Result<i64, NoMoment> {
    let (day, time) = match stamp {
        Stamp::Epoch(time) => return Ok(time),
        Stamp::Civil(day, time) => (day, time),
    };
    let second = time.map_or(0, |time| time.second);
    let local = day * DAY_S + second;
    if let Some(Time {
        offset: Some(offset),
        ..
    }) = time
    {
        return Ok(local - offset);
    }
    // A zone may skip midnight: then its day begins with the offset from before, an hour later.
    match offset(zone.time_zone(), day, second) {
        AmbiguousOffset::Unambiguous { offset } => Ok(local - i64::from(offset.seconds())),
        AmbiguousOffset::Gap { before, .. } if time.is_none() => {
            Ok(local - i64::from(before.seconds()))
        }
        AmbiguousOffset::Gap { .. } => Err(NoMoment::Skipped(format!(
            "{}, which no clock shows in {}",
            shown(stamp),
            zone.name()
        ))),
        AmbiguousOffset::Fold { before, after } => {
            let [first, second] = [before, after].map(|offset| local - i64::from(offset.seconds()));
            if time.is_none() || mtime < second {
                return Ok(first);
            }
            let (first, second) = (utc(first), utc(second));
            Err(NoMoment::Twice(format!("{first} or {second}")))
        }
    }
}

fn offset(zone: &TimeZone, day: i64, second: i64) -> AmbiguousOffset {
    let Date { year, month, day } = Date::of_day(day);
    let [hour, minute, second] = [second / 3_600, second / 60 % 60, second % 60];
    let small = |number: i64| number as i8; // at most 59
    let date = civil::date(year as i16, small(month), small(day)); // a year is 1970 to 2099
    let local = date.at(small(hour), small(minute), small(second), 0);
    zone.to_ambiguous_timestamp(local).offset()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::date::{Found, read};

    #[test]
    fn moments() {
        let late = i64::MAX;
        #[rustfmt::skip]
        let cases = [
            ("a day",                     "2026-08-10",           "Europe/Berlin",    late,          Ok("2026-08-09T22:00:00Z")),
            ("a time",                    "2026-08-10_0200",      "Europe/Berlin",    late,          Ok("2026-08-10T00:00:00Z")),
            ("of UTC",                    "2026-08-10T02:00:00Z", "Europe/Berlin",    late,          Ok("2026-08-10T02:00:00Z")),
            ("of another zone",           "2026-08-10_0200+0530", "Europe/Berlin",    late,          Ok("2026-08-09T20:30:00Z")),
            ("seconds",                   "1786320000",           "Europe/Berlin",    late,          Ok("2026-08-10T00:00:00Z")),
            ("a day without midnight",    "2026-09-06",           "America/Santiago", late,          Ok("2026-09-06T04:00:00Z")),
            ("a day with two",            "2026-11-01",           "America/Havana",   late,          Ok("2026-11-01T04:00:00Z")),
            ("skipped",                   "2026-03-29_0230",      "Europe/Berlin",    late,          Err("2026-03-29T02:30:00, which no clock shows in Europe/Berlin")),
            ("twice, written before",     "2026-10-25_0230",      "Europe/Berlin",    1_792_890_000, Ok("2026-10-25T00:30:00Z")),
            ("twice, written after",      "2026-10-25_0230",      "Europe/Berlin",    late,          Err("2026-10-25T00:30:00Z or 2026-10-25T01:30:00Z")),
            ("twice, but UTC",            "2026-10-25_0230",      "UTC",              late,          Ok("2026-10-25T02:30:00Z")),
        ];
        for (name, text, zone, mtime, want) in cases {
            let Found::One(stamp, _) = read(text).found else {
                panic!("{name}");
            };
            let got = moment(stamp, &Zone::parse(zone).unwrap(), mtime).map(utc);
            let got = got.map_err(|(NoMoment::Skipped(text) | NoMoment::Twice(text))| text);
            assert_eq!(
                got,
                want.map(str::to_owned).map_err(str::to_owned),
                "{name}"
            );
        }
    }
}
