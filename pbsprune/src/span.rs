//! A span of time as it is written on the command line: `14d`, `36h`.

use std::{fmt, str::FromStr};

/// A span in whole seconds, more than none, at most 10,000 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

/// As much time as [`crate::calendar::TIMES`] spans: more makes no difference.
const LONGEST_S: i64 = 10_000 * 31_556_952;

impl Span {
    /// Its seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = UNITS
            .iter()
            .find(|(_, seconds)| self.0 % seconds == 0)
            .map_or((self.0, "s"), |(unit, seconds)| (self.0 / seconds, unit));
        write!(f, "{number}{unit}")
    }
}

/// The greatest first; weeks are read, too.
const UNITS: [(&str, i64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no span: a number and w, d, h, m (minutes) or s, such as 14d");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let seconds = match unit {
            "w" => 7 * 86_400,
            unit => {
                UNITS
                    .iter()
                    .find(|(name, _)| *name == unit)
                    .ok_or_else(wrong)?
                    .1
            }
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let span = number.saturating_mul(seconds);
        match span {
            0 => Err(format!("{text:?} is no time at all")),
            _ => Ok(Self(span.min(LONGEST_S))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown() {
        #[rustfmt::skip]
        let cases = [
            ("days",        "14d",  Some((1_209_600, "14d"))),
            ("weeks",       "2w",   Some((1_209_600, "14d"))),
            ("hours",       "36h",  Some((129_600,   "36h"))),
            ("minutes",     "90m",  Some((5_400,     "90m"))),
            ("seconds",     "61s",  Some((61,        "61s"))),
            ("no unit",     "14",   None),
            ("no number",   "d",    None),
            ("nothing",     "",     None),
            ("none at all", "0d",   None),
            ("negative",    "-1d",  None),
            ("fraction",    "1.5d", None),
            ("too much",    "9999999999999999999d", None),
        ];
        for (name, text, want) in cases {
            let span = text.parse::<Span>().ok();
            let got = span.map(|span| (span.seconds(), span.to_string()));
            let want = want.map(|(seconds, text)| (seconds, text.to_owned()));
            assert_eq!(got, want, "{name}");
        }
    }
}
