//! Lengths of time on the command line: `10ms`, `5s`, `2m`, `1h`.

use std::{str::FromStr, time::Duration};

/// A length of time from 1 ms to 24 h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no length of time, such as 10ms, 5s, 1.5s, 2m");
        let digits = text
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let unit_ms = match unit {
            "ms" => 1.0,
            "s" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let ms = number * unit_ms;
        if !(1.0..=86_400_000.0).contains(&ms) {
            return Err(format!("{text} is outside 1ms..=24h"));
        }
        Ok(Self(Duration::from_micros((ms * 1000.0).round() as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, ms) in [
            ("10ms", 10.0),
            ("5s", 5000.0),
            ("1.5s", 1500.0),
            ("2m", 120_000.0),
            ("24h", 86_400_000.0),
            ("0.5s", 500.0),
        ] {
            let want = Duration::from_secs_f64(ms / 1000.0);
            assert_eq!(text.parse(), Ok(Span(want)), "{text}");
        }
        for text in [
            "", "5", "s", "-5s", "5 s", "5d", "0s", "0.1ms", "25h", "1e3s", "1..5s", "nans",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
