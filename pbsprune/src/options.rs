//! Options that several commands of `pbsprune` have: the counts, the zone and the time.

use std::{str::FromStr as _, time::Duration};

use clap::Args;
use jiff::Timestamp;
use vmid::span;

use crate::{policy, retention::Keep, zone::Zone};

/// How many periods to keep.
#[derive(Clone, Debug, Args)]
pub struct Counts {
    /// The newest N snapshots
    #[arg(long, value_name = "N", value_parser = policy::count, allow_negative_numbers = true)]
    pub keep_last: Option<u64>,
    /// The newest of each of the last N hours that have one
    #[arg(long, value_name = "N", value_parser = policy::count, allow_negative_numbers = true)]
    pub keep_hourly: Option<u64>,
    /// The newest of each of the last N days that have one
    #[arg(long, value_name = "N", value_parser = policy::count, allow_negative_numbers = true)]
    pub keep_daily: Option<u64>,
    /// The newest of each of the last N ISO weeks that have one
    #[arg(long, value_name = "N", value_parser = policy::count, allow_negative_numbers = true)]
    pub keep_weekly: Option<u64>,
    /// The newest of each of the last N months that have one
    #[arg(long, value_name = "N", value_parser = policy::count, allow_negative_numbers = true)]
    pub keep_monthly: Option<u64>,
    /// The newest of each of the last N years that have one
    #[arg(long, value_name = "N", value_parser = policy::count, allow_negative_numbers = true)]
    pub keep_yearly: Option<u64>,
}

impl Counts {
    /// The counts; what is absent is 0.
    #[must_use]
    pub fn keep(&self) -> Keep {
        let counts = [
            self.keep_last,
            self.keep_hourly,
            self.keep_daily,
            self.keep_weekly,
            self.keep_monthly,
            self.keep_yearly,
        ];
        Keep(counts.map(Option::unwrap_or_default))
    }
}

/// When a list is looked at.
#[derive(Clone, Debug, Args)]
pub struct Clock {
    /// Days begin at midnight in ZONE: IANA name or POSIX TZ string, in which UTC+1 is west of Greenwich [default: the system's]
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse)]
    pub tz: Option<Zone>,
    /// Guards and simulation reckon from TIME (RFC 3339) instead of the clock
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub now: Option<Timestamp>,
    /// Say on stderr which zone is used
    #[arg(long, short)]
    pub verbose: bool,
}

/// A length of time in whole seconds, from one second.
///
/// # Errors
///
/// It is something else.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let span = span::parse(text)?;
    match (span.as_secs(), span.subsec_nanos()) {
        (0, _) => Err(format!("{text} is less than a second")),
        (_, 0) => Ok(span),
        _ => Err(format!("{text} is no whole number of seconds")),
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let time = Timestamp::from_str(text);
    time.map_err(|_| "expected a time such as 2026-11-21T02:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<u64>)] = &[
            ("days",             "14d",   Some(1_209_600)),
            ("weeks",            "2w",    Some(1_209_600)),
            ("two parts",        "1d12h", Some(129_600)),
            ("a second",         "1s",    Some(1)),
            ("half a minute",    "0.5m",  Some(30)),
            ("no unit",          "14",    None),
            ("none at all",      "0d",    None),
            ("milliseconds",     "500ms", None),
            ("and a half",       "1.5s",  None),
            ("more than a life", "200000d", None),
        ];
        for (name, text, want) in cases {
            let got = seconds(text).ok().map(|span| span.as_secs());
            assert_eq!(got, *want, "{name}");
        }
    }
}
