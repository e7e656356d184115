//! The time zone in which days begin: its name, and the offsets of a span of time.
//!
//! The zone data are the system's, or the copy in this binary where the system has none.
//! A zone that isn't known is an error, never UTC.

use std::{fmt, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use vmid::span;

/// A zone with the name to show for it.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// No such zone, or none can be found out.
#[derive(Clone, Debug)]
pub struct UnknownZone(String);

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownZone {}

impl Zone {
    /// An IANA name (`Europe/Berlin`) or a POSIX TZ string (`CET-1CEST,M3.5.0,M10.5.0/3`).
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, UnknownZone> {
        let name = text.strip_prefix(':').unwrap_or(text);
        let zone = TimeZone::get(name).or_else(|_| TimeZone::posix(name));
        let zone = zone.map_err(|_| {
            let what = "is neither an IANA time zone (Europe/Berlin) nor a POSIX TZ string";
            UnknownZone(format!("{text:?} {what}"))
        })?;
        let name = zone.iana_name().unwrap_or(name).to_owned();
        Ok(Self { name, zone })
    }

    /// The system's: `TZ`, else `/etc/localtime`. A zone without a name is shown as
    /// `variable`, what `TZ` holds.
    ///
    /// # Errors
    ///
    /// There is neither, or what is there can't be understood.
    pub fn system(variable: Option<&str>) -> Result<Self, UnknownZone> {
        let zone = TimeZone::try_system().map_err(|_| {
            UnknownZone(match variable {
                Some(text) => {
                    format!("the time zone of the environment, TZ={text:?}, is not known")
                }
                None => {
                    "the system's time zone is not known: neither TZ nor /etc/localtime says it"
                        .to_owned()
                }
            })
        })?;
        let unnamed = variable.unwrap_or("the system's zone, /etc/localtime");
        let name = zone.iana_name().unwrap_or(unnamed);
        let name = name.to_owned();
        Ok(Self { name, zone })
    }

    /// That without a summer.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What to warn of, if the zone was given as `UTC+1` or `GMT-5`: POSIX counts such hours
    /// to the west (POSIX.1-2024, 8.3), where everybody else counts them to the east.
    #[must_use]
    pub fn sign_warning(&self) -> Option<String> {
        let name = self.name.get(..3)?.to_uppercase();
        let offset = self.name[3..].strip_prefix(['+', '-'])?;
        let digits = |c: char| c.is_ascii_digit() || c == ':';
        if !["UTC", "GMT"].contains(&name.as_str()) || !offset.chars().all(digits) {
            return None;
        }
        let seconds = self.zone.to_offset(Timestamp::UNIX_EPOCH).seconds();
        let length = span::shown(Duration::from_secs(seconds.unsigned_abs().into()));
        let (is, meant) = match seconds {
            0 => return None, // the same either way
            1.. => ("ahead of", "behind"),
            _ => ("behind", "ahead of"),
        };
        // Whole hours have a name, of which the sign is POSIX's, too; others are spelled out.
        let (hours, minutes) = (-seconds / 3_600, seconds.abs() / 60 % 60);
        let zone = match (hours, minutes) {
            (-12..=14, 0) => format!("Etc/GMT{:+}", -hours),
            _ => format!("<{hours:+03}{minutes:02}>{:+}:{minutes:02}", -hours),
        };
        let name = &self.name;
        Some(format!(
            "{name} is {length} {is} UTC, as the sign is POSIX's; {length} {meant} UTC is {zone}, and a name such as Europe/Berlin knows summer time, too"
        ))
    }

    /// `time` (seconds) as RFC 3339 with the zone's offset: `2027-03-13T02:00:00-08:00`.
    #[must_use]
    pub fn rfc3339(&self, time: i64) -> String {
        let time = Timestamp::from_second(time).unwrap_or_default();
        let zoned = time.to_zoned(self.zone.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// The zone itself.
    #[must_use]
    pub fn time_zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The offsets from `from` to `to`, times in seconds within [`crate::calendar::TIMES`].
    #[must_use]
    pub fn offsets(&self, from: i64, to: i64) -> Offsets {
        let first = Timestamp::from_second(from.min(LAST)).unwrap_or_default();
        let mut starts = vec![i64::MIN];
        let mut seconds = vec![i64::from(self.zone.to_offset(first).seconds())];
        for change in self.zone.following(first) {
            let start = change.timestamp().as_second();
            if start > to {
                break;
            }
            starts.push(start);
            seconds.push(change.offset().seconds().into());
        }
        let past_last = (to > LAST).then(|| self.zone.clone());
        Offsets {
            starts,
            seconds,
            past_last,
        }
    }
}

/// The last second that jiff knows ends 26 hours before the year 9999 does.
const LAST: i64 = 253_402_207_199; // before 9999-12-30T22:00:00Z, Timestamp::MAX

/// The calendar repeats after 400 years to the day of the week, and so do the rules of a zone.
const CYCLE_S: i64 = 146_097 * crate::calendar::DAY_S;

/// Which offset from UTC applies when.
#[derive(Clone, Debug)]
pub struct Offsets {
    starts: Vec<i64>,
    seconds: Vec<i64>,
    past_last: Option<TimeZone>,
}

impl Offsets {
    /// The local time of `time`, in seconds on the wall clock.
    #[must_use]
    pub fn local(&self, time: i64) -> i64 {
        if let (Some(zone), true) = (&self.past_last, time > LAST) {
            let same = Timestamp::from_second(time - CYCLE_S).unwrap_or_default();
            return time + i64::from(zone.to_offset(same).seconds());
        }
        let after = self.starts.partition_point(|&start| start <= time);
        time + self.seconds[after - 1] // the first start is before any time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::TIMES;

    #[test]
    fn names_and_strings() {
        #[rustfmt::skip]
        let cases = [
            ("IANA",            "Europe/Berlin",  Some("Europe/Berlin")),
            ("with a colon",    ":Europe/Berlin", Some("Europe/Berlin")),
            ("POSIX",           "XXX-5:30",       Some("XXX-5:30")),
            ("UTC",             "UTC",            Some("UTC")),
            ("a typo",          "Europe/Berlim",  None),
            ("nothing",         "",               None),
            ("a way out",       "../../etc/passwd", None),
        ];
        for (name, text, want) in cases {
            let zone = Zone::parse(text).ok();
            assert_eq!(zone.as_ref().map(Zone::name), want, "{name}");
        }
    }

    #[test]
    fn a_sign_that_is_meant_the_other_way_round() {
        #[rustfmt::skip]
        let cases = [
            ("an hour west",        "UTC+1",         Some("UTC+1 is 1h behind UTC, as the sign is POSIX's; 1h ahead of UTC is Etc/GMT-1, ")),
            ("five hours east",     "GMT-5",         Some("GMT-5 is 5h ahead of UTC, as the sign is POSIX's; 5h behind UTC is Etc/GMT+5, ")),
            ("in lower case",       "utc+02",        Some("utc+02 is 2h behind UTC, as the sign is POSIX's; 2h ahead of UTC is Etc/GMT-2, ")),
            ("minutes",             "UTC+5:30",      Some("UTC+5:30 is 5h 30m behind UTC, as the sign is POSIX's; 5h 30m ahead of UTC is <+0530>-5:30, ")),
            ("minutes to the east", "UTC-3:30",      Some("UTC-3:30 is 3h 30m ahead of UTC, as the sign is POSIX's; 3h 30m behind UTC is <-0330>+3:30, ")),
            ("no difference",       "UTC+0",         None),
            ("a name",              "Etc/GMT+5",     None),
            ("with summer time",    "CET-1CEST,M3.5.0,M10.5.0/3", None),
            ("of one's own",        "XXX-5:30",      None),
            ("signed both ways",    "<+0530>-5:30",  None),
        ];
        for (name, text, want) in cases {
            let zone = Zone::parse(text).unwrap();
            let got = zone.sign_warning();
            assert_eq!(got.is_some(), want.is_some(), "{name}: {got:?}");
            if let (Some(got), Some(want)) = (got, want) {
                assert!(got.starts_with(want), "{name}: {got}");
                let other = got
                    .split(" UTC is ")
                    .nth(1)
                    .and_then(|text| text.split(',').next());
                let other = Zone::parse(other.unwrap()).unwrap();
                let [a, b] = [&zone, &other].map(|zone| zone.zone.to_offset(Timestamp::UNIX_EPOCH));
                assert_eq!(a, -b, "{name}");
            }
        }
    }

    #[test]
    fn the_table_agrees_with_jiff_everywhere() {
        for name in [
            "Europe/Berlin",
            "America/St_Johns",
            "Antarctica/Troll",
            "Pacific/Apia",
            "UTC",
        ] {
            let zone = Zone::parse(name).unwrap();
            let offsets = zone.offsets(*TIMES.start(), *TIMES.end());
            let part = zone.offsets(1_289_000_000, 1_331_000_000);
            let mut time = *TIMES.start();
            while time < LAST {
                let theirs = zone.zone.to_offset(Timestamp::from_second(time).unwrap());
                let want = time + i64::from(theirs.seconds());
                assert_eq!(offsets.local(time), want, "{name} {time}");
                time += 12_345_678;
            }
            for time in (1_289_000_000..1_331_000_000).step_by(1_800) {
                assert_eq!(offsets.local(time), part.local(time), "{name} {time}");
            }
        }
    }

    #[test]
    fn the_last_second_has_its_offset() {
        for (name, hours) in [
            ("Asia/Tokyo", 9),
            ("America/Los_Angeles", -8),
            ("Australia/Sydney", 11),
        ] {
            let zone = Zone::parse(name).unwrap();
            let offsets = zone.offsets(*TIMES.end(), *TIMES.end());
            assert_eq!(
                offsets.local(*TIMES.end()),
                TIMES.end() + hours * 3_600,
                "{name}"
            );
        }
    }
}
