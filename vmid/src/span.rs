//! Lengths of time as people write them: `10ms`, `1.5s`, `90s`, `10m`, `1h30m`, `30d`, `2w`.
//!
//! One form for the options, the site file and the messages of all tools. A bare number is
//! refused: whether 500 are seconds or milliseconds is for the caller to say.

use std::time::Duration;

/// The units, the longest first, in milliseconds. A day has 24 hours here, a week 7 days.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The longest length that is read: a hundred years, in milliseconds.
const LONGEST_MS: u64 = 36_600 * 86_400_000;

/// The length of time that `text` says, to the millisecond, at most a hundred years.
///
/// Parts follow each other from the longest unit to the shortest, with or without a space
/// between them; a part may have a fraction (`1.5s`).
///
/// # Errors
///
/// It is none; the message says which form was meant.
pub fn parse(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if is_number(trimmed) {
        return Err(format!(
            "{trimmed} has no unit: {trimmed}s are seconds, {trimmed}m minutes, {trimmed}d days"
        ));
    }
    let wrong = || format!("{text:?} is no length of time, such as 1.5s, 10m, 1h30m, 30d");
    let (mut rest, mut whole_ms, mut longest) = (trimmed, 0.0, UNITS.len() + 1);
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, behind) = split(rest, |c| c == '.' || c.is_ascii_digit());
        let (unit, behind) = split(behind, |c| c.is_ascii_alphabetic());
        let place = UNITS.iter().position(|(name, _)| *name == unit);
        let place = place.ok_or_else(wrong)?;
        let shorter = UNITS.len() - place;
        if !is_number(number) || shorter >= longest {
            return Err(wrong());
        }
        longest = shorter;
        let number: f64 = number.parse().map_err(|_| wrong())?;
        #[allow(clippy::cast_precision_loss)] // units are far below 2^53
        let part_ms = number * UNITS[place].1 as f64;
        whole_ms += part_ms;
        rest = behind.trim_start();
    }
    #[allow(clippy::cast_precision_loss)]
    if whole_ms > LONGEST_MS as f64 {
        return Err(format!("{text} is longer than a hundred years"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in 0..=LONGEST_MS
    Ok(Duration::from_millis(whole_ms.round() as u64))
}

/// A parser for an option that takes a length of time from `least` to `most`.
pub fn between(
    least: Duration,
    most: Duration,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let span = parse(text)?;
        if (least..=most).contains(&span) {
            return Ok(span);
        }
        Err(format!(
            "it must be {} to {}",
            written(least),
            written(most)
        ))
    }
}

/// A length of time in a message: its two largest units, `329d 6h`, `1m 30s`, `250ms`, `1.5s`.
///
/// What is shorter is cut off, so that nothing looks older or longer than it is.
#[must_use]
pub fn shown(span: Duration) -> String {
    parts(span, 2).join(" ")
}

/// A length of time as the options take it, whole to the millisecond: `1h30m`, `90d`, `0s`.
#[must_use]
pub fn written(span: Duration) -> String {
    parts(span, UNITS.len()).concat()
}

/// The first `most` parts of a length of time that aren't zero, of neighbouring units. Weeks are
/// told as days, and seconds below a minute with their tenths where there are such.
fn parts(span: Duration, most: usize) -> Vec<String> {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if (1_000..60_000).contains(&rest) && rest % 1_000 != 0 && (most == 2 || rest % 100 == 0) {
        return vec![match rest % 1_000 / 100 {
            0 => format!("{}s", rest / 1_000),
            tenths => format!("{}.{tenths}s", rest / 1_000),
        }];
    }
    let mut parts = Vec::new();
    let mut units_left = most;
    for (unit, length) in &UNITS[1..] {
        if units_left == 0 {
            break;
        }
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
        units_left -= usize::from(!parts.is_empty());
    }
    if parts.is_empty() {
        parts.push("0s".to_owned());
    }
    parts
}

fn split(text: &str, of: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !of(c)).unwrap_or(text.len()))
}

fn is_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let dots = text.bytes().filter(|byte| *byte == b'.').count();
    digits > 0 && dots <= 1 && digits + dots == text.len() && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_time() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, u64)] = &[
            ("milliseconds",      "10ms",      10),
            ("a fraction",        "1.5s",      1_500),
            ("more than a minute", "90s",      90_000),
            ("minutes",           "10m",       600_000),
            ("two parts",         "1h30m",     5_400_000),
            ("as messages have it", "329d 6h", 28_447_200_000),
            ("days",              "30d",       2_592_000_000),
            ("weeks",             "2w",        1_209_600_000),
            ("all units",         "1w1d1h1m1s1ms", 694_861_001),
            ("nothing",           "0s",        0),
            ("spaces around",     " 5s ",      5_000),
        ];
        for (name, text, ms) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(*ms)), "{name}");
        }
    }

    #[test]
    fn what_is_none() {
        let unit = "500 has no unit: 500s are seconds, 500m minutes, 500d days";
        assert_eq!(parse("500"), Err(unit.to_owned()));
        #[rustfmt::skip]
        let cases = [
            "", "s", "-5s", "+5s", "5 s", "1e3s", "1..5s", ".5s", "nans", "5y", "5S", "1m1h", "1m1m", "1s5",
            "36601d", "99999999999999999999d",
        ];
        for text in cases {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn bounds() {
        let parse = between(Duration::from_millis(10), Duration::from_secs(3600));
        assert_eq!(parse("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(parse("60m"), Ok(Duration::from_secs(3600)));
        let outside = Err("it must be 10ms to 1h".to_owned());
        assert_eq!(parse("61m"), outside);
        assert_eq!(parse("0s"), outside);
    }

    #[test]
    fn messages() {
        #[rustfmt::skip]
        let cases: &[(u64, &str, &str)] = &[
            (0,              "0s",      "0s"),
            (250,            "250ms",   "250ms"),
            (1_500,          "1.5s",    "1.5s"),
            (1_025,          "1s",      "1s25ms"),
            (90_000,         "1m 30s",  "1m30s"),
            (600_000,        "10m",     "10m"),
            (3_605_000,      "1h",      "1h5s"),
            (28_448_441_000, "329d 6h", "329d6h20m41s"),
            (1_209_600_000,  "14d",     "14d"),
        ];
        for (ms, message, option) in cases {
            let span = Duration::from_millis(*ms);
            assert_eq!(shown(span), *message, "{ms}");
            assert_eq!(written(span), *option, "{ms}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ms in 0..=LONGEST_MS) {
            let span = Duration::from_millis(ms);
            prop_assert_eq!(parse(&written(span)), Ok(span));
            prop_assert!(parse(&shown(span)).unwrap() <= span);
        }

        #[test]
        fn nothing_is_too_strange_to_be_refused(text in "[0-9a-z. ]{0,12}") {
            let _ = parse(&text);
        }
    }
}
