//! The time of day behind a date in a name, and its zone: `_0200`, `T02:00:00Z`, `_01h00m`, ` 02-05 pm`.
//!
//! A number that may be a time or something else is neither taken nor passed over: it is
//! [`Clock::Unclear`], and the file is left alone.

use std::ops::Range;

/// A time of day that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Seconds since midnight, as a clock without changes has them.
    pub second: i64,
    /// Seconds east of Greenwich; none if the name doesn't say, so it is the zone of `--tz`.
    pub offset: Option<i64>,
    /// Nothing but digits behind a separator say it, so it may be a number: how many.
    pub bare: Option<usize>,
}

/// What is behind a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Nothing that is part of it.
    None,
    /// A time of day, up to this byte.
    Time(Time, usize),
    /// Digits where a time of day is expected, which no clock shows; up to this byte.
    Never(usize),
    /// The second reading, beside that as a time.
    Unclear(String),
}

/// Reads what follows a date that ends before byte `at`.
#[must_use]
pub fn behind_date(text: &str, at: usize) -> Clock {
    let bytes = text.as_bytes();
    let mut from = at;
    if text.get(at..).is_some_and(|rest| rest.starts_with(" at ")) {
        from += 3; // as macOS writes it
    }
    let at = from;
    while from < at + 3 && is_any(bytes, from, b"-_. @Tt") {
        from += 1;
    }
    let t = from > at && is_any(bytes, from - 1, b"Tt");
    let length = run(bytes, from);
    if from == at || length == 0 || is_date(bytes, from) {
        return Clock::None;
    }
    let unclear = |what: &str| Clock::Unclear(what.to_owned());
    match length {
        1 if is_any(bytes, from + 1, b"hH:.-_") && run(bytes, from + 2) == 2 => {
            unclear("the time of day in it, or a number")
        }
        2 => of_hour(text, from, t),
        4 | 6 | 9 | 12 => match compact(text, from, length, t) {
            Clock::Time(time, end) if !t && end == from + length => {
                let bare = Some(length);
                Clock::Time(Time { bare, ..time }, end)
            }
            clock => clock,
        },
        _ => Clock::None,
    }
}

/// Another date begins there, whose year is no time of day: `2026-08-10`.
fn is_date(bytes: &[u8], at: usize) -> bool {
    let separators = [4, 7].map(|place| bytes.get(at + place).copied());
    run(bytes, at) == 4
        && separators[0] == separators[1]
        && is_any(bytes, at + 4, b"-_.")
        && [5, 8].iter().all(|place| run(bytes, at + place) == 2)
        && matches!(number(bytes, at..at + 2), 19 | 20)
}

/// `020000` and what follows it; `length` digits, of which those behind six are parts of a second.
#[must_use]
pub fn compact(text: &str, from: usize, length: usize, t: bool) -> Clock {
    let bytes = text.as_bytes();
    let two = |at: usize| number(bytes, at..at + 2);
    let second = if length >= 6 { two(from + 4) } else { 0 };
    let mut end = from + length;
    if is_any(bytes, end, b".,") && length == 6 && run(bytes, end + 1) >= 3 {
        end += 1 + run(bytes, end + 1);
    }
    zoned(text, [two(from), two(from + 2), second], end, t)
}

/// `02`, and what follows it.
fn of_hour(text: &str, from: usize, t: bool) -> Clock {
    let bytes = text.as_bytes();
    let hour = number(bytes, from..from + 2);
    let mut at = from + 2;
    if is_any(bytes, at, b"hH") {
        return of_units(text, hour, at + 1);
    }
    if is_any(bytes, at, b":.-_") && run(bytes, at + 1) == 2 {
        let separator = bytes[at];
        let minute = number(bytes, at + 1..at + 3);
        let mut second = 0;
        at += 3;
        if is_any(bytes, at, &[separator]) && run(bytes, at + 1) == 2 {
            second = number(bytes, at + 1..at + 3);
            at += 3;
            if is_any(bytes, at, b".,") && run(bytes, at + 1) >= 3 {
                at += 1 + run(bytes, at + 1);
            }
        }
        if is_any(bytes, at, &[separator]) && run(bytes, at + 1) > 0 {
            return Clock::Unclear(format!(
                "the time of day {hour:02}:{minute:02}, or a number such as a version"
            ));
        }
        return zoned(text, [hour, minute, second], at, t);
    }
    match (t, hour < 24) {
        (true, _) => zoned(text, [hour, 0, 0], at, t),
        (false, true) => Clock::Unclear(format!("{hour:02} o'clock, or the number {hour:02}")),
        (false, false) => Clock::None,
    }
}

/// What follows `02h`: `05`, `05m`, `05m06s`, or nothing. A letter behind a unit makes it the beginning of a
/// word (`01host`).
fn of_units(text: &str, hour: i64, mut at: usize) -> Clock {
    let bytes = text.as_bytes();
    let mut numbers = [hour, 0, 0];
    for (place, units) in [(1, b"mM"), (2, b"sS")] {
        if run(bytes, at) != 2 {
            break;
        }
        numbers[place] = number(bytes, at..at + 2);
        at += 2;
        if !is_any(bytes, at, units) {
            break;
        }
        at += 1;
    }
    let is_unit = !is_any(bytes, at - 1, b"0123456789");
    if is_unit && text[at..].starts_with(char::is_alphanumeric) {
        if hour > 23 {
            return Clock::None;
        }
        return Clock::Unclear(format!(
            "{hour:02} o'clock, or the number {hour:02} of a word"
        ));
    }
    zoned(text, numbers, at, false)
}

/// Hour, minute and second, with am or pm and zone behind them.
fn zoned(text: &str, [mut hour, minute, second]: [i64; 3], mut at: usize, t: bool) -> Clock {
    let bytes = text.as_bytes();
    if let Some((end, afternoon)) = half_of_day(text, at) {
        if !(1..=12).contains(&hour) {
            return Clock::Never(end);
        }
        hour = hour % 12 + if afternoon { 12 } else { 0 };
        at = end;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Clock::Never(at);
    }
    let second = hour * 3_600 + minute * 60 + second;
    let with = |offset: Option<i64>, end: usize| {
        let bare = None;
        Clock::Time(
            Time {
                second,
                offset,
                bare,
            },
            end,
        )
    };
    if is_any(bytes, at, b"zZ") && ends(bytes, at + 1) {
        return with(Some(0), at + 1);
    }
    if let Some(end) = word(text, at, &["utc", "gmt"]) {
        let more = is_any(bytes, end, b"+-") && run(bytes, end + 1) > 0;
        return match more {
            true => Clock::Unclear("a time of UTC, or of the zone behind it".to_owned()),
            false => with(Some(0), end),
        };
    }
    if is_any(bytes, at, b":") && run(bytes, at + 1) > 0 {
        return Clock::Unclear("a time of day, or a number that goes on".to_owned());
    }
    if let Some(zone) = zone_name(text, at) {
        return Clock::Unclear(format!("a time of {zone}, or of the zone of --tz"));
    }
    // As %F_%T_%z has it.
    let apart = is_any(bytes, at, b"_ ") && is_any(bytes, at + 1, b"+-") && run(bytes, at + 2) == 4;
    at += usize::from(apart);
    let Some(sign) = bytes.get(at).filter(|byte| b"+-".contains(byte)) else {
        return with(None, at);
    };
    let digits = run(bytes, at + 1);
    let hours = (digits >= 2).then(|| number(bytes, at + 1..at + 3));
    let (minutes, end, colon) = match digits {
        2 if is_any(bytes, at + 3, if t { b":_" } else { b"::" }) && run(bytes, at + 4) == 2 => {
            (number(bytes, at + 4..at + 6), at + 6, true)
        }
        2 => (0, at + 3, false),
        4 => (number(bytes, at + 3..at + 5), at + 5, false),
        _ => return with(None, at),
    };
    let hours = hours.unwrap_or(99);
    if hours > 14 || minutes % 15 != 0 || minutes > 45 {
        return if *sign == b'+' {
            Clock::Never(end)
        } else {
            with(None, at)
        };
    }
    let offset = hours * 3_600 + minutes * 60;
    match sign {
        b'+' => with(Some(offset), end),
        _ if t || colon || apart => with(Some(-offset), end),
        _ => Clock::Unclear(format!(
            "a time {hours} h behind UTC, or the number {}",
            &text[at + 1..end]
        )),
    }
}

/// The name of a zone as `date +%Z` writes it: which offset that is isn't the same everywhere.
fn zone_name(text: &str, at: usize) -> Option<&'static str> {
    const NAMES: [&str; 20] = [
        "CET", "CEST", "WET", "WEST", "EET", "EEST", "BST", "MSK", "EST", "EDT", "CST", "CDT",
        "MST", "MDT", "PST", "PDT", "IST", "JST", "AEST", "AEDT",
    ];
    let from = at + usize::from(is_any(text.as_bytes(), at, b" _-.,"));
    let rest = text.get(from..)?;
    let named = |name: &&&str| rest.starts_with(**name) && ends(text.as_bytes(), from + name.len());
    NAMES.iter().find(named).copied()
}

/// The end of am or pm at `at`, and whether it is the latter.
fn half_of_day(text: &str, at: usize) -> Option<(usize, bool)> {
    let morning = word(text, at, &["am"]).map(|end| (end, false));
    morning.or_else(|| word(text, at, &["pm"]).map(|end| (end, true)))
}

/// The end of one of `words` (lower case) at `at`, or behind a separator there.
#[must_use]
pub fn word(text: &str, at: usize, words: &[&str]) -> Option<usize> {
    let bytes = text.as_bytes();
    let from = at + usize::from(is_any(bytes, at, b" _-.,"));
    words.iter().find_map(|word| {
        let end = from + word.len();
        let found = bytes.get(from..end)?;
        (found.eq_ignore_ascii_case(word.as_bytes()) && ends(bytes, end)).then_some(end)
    })
}

/// No letter or digit is at `at`.
fn ends(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// How many digits begin at `at`.
#[must_use]
pub fn run(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// One of `set` is at `at`.
#[must_use]
pub fn is_any(bytes: &[u8], at: usize, set: &[u8]) -> bool {
    bytes.get(at).is_some_and(|byte| set.contains(byte))
}

/// The number that these digits are; at most 18 of them.
#[must_use]
pub fn number(bytes: &[u8], digits: Range<usize>) -> i64 {
    let digits = bytes.get(digits).unwrap_or_default();
    digits
        .iter()
        .fold(0, |n, digit| n * 10 + i64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        const DATE: &str = "2026-08-10";
        let time = |hour: i64, minute: i64, second: i64, offset: Option<i64>| {
            Some((hour * 3_600 + minute * 60 + second, offset.map(|o| o * 60)))
        };
        #[rustfmt::skip]
        let cases = [
            ("compact",               "_0200",            time(2, 0, 0, None),        ""),
            ("with seconds",          "-020304",          time(2, 3, 4, None),        ""),
            ("milliseconds",          "_020304567",       time(2, 3, 4, None),        ""),
            ("a rest",                "_0200-db",         time(2, 0, 0, None),        "-db"),
            ("a rest of digits",      "_0200-1011",       time(2, 0, 0, None),        "-1011"),
            ("dashes",                "_02-05",           time(2, 5, 0, None),        ""),
            ("underscores",           "-02_05_06",        time(2, 5, 6, None),        ""),
            ("ISO",                   "T02:05:06",        time(2, 5, 6, None),        ""),
            ("a fraction",            "T02-00-00.123",    time(2, 0, 0, None),        ""),
            ("hour alone",            "T02",              time(2, 0, 0, None),        ""),
            ("UTC",                   "T22:00:00Z",       time(22, 0, 0, Some(0)),    ""),
            ("UTC, said so",          "_0200_UTC",        time(2, 0, 0, Some(0)),     ""),
            ("Z of another word",     "_0200zip",         time(2, 0, 0, None),        "zip"),
            ("east",                  "T02:00:00+02:00",  time(2, 0, 0, Some(120)),   ""),
            ("east, compact",         "_0200+0530",       time(2, 0, 0, Some(330)),   ""),
            ("west",                  "T020000-0500",     time(2, 0, 0, Some(-300)),  ""),
            ("west, colon",           "_02-00-03:30",     None,                       "unclear"),
            ("units",                 "_01h00m",          time(1, 0, 0, None),        ""),
            ("three units",           "_01h40m18s",       time(1, 40, 18, None),      ""),
            ("units, no last",        "_13h05",           time(13, 5, 0, None),       ""),
            ("hours alone",           "_13h",             time(13, 0, 0, None),       ""),
            ("afternoon",             "_02-05-PM",        time(14, 5, 0, None),       ""),
            ("midnight",              " 12.30 am",        time(0, 30, 0, None),       ""),
            ("13 pm",                 "_1305pm",          None,                       "never"),
            ("24 hours",              "_2400",            None,                       "never"),
            ("second 60",             "_235960",          None,                       "never"),
            ("minute 60",             "T02:60",           None,                       "never"),
            ("an impossible zone",    "_0200+9900",       None,                       "never"),
            ("hour or number",        "_02",              None,                       "unclear"),
            ("no hour",               "_24",              None,                       "none"),
            ("a digit",               "_2",               None,                       "none"),
            ("a short hour",          "_2:05",            None,                       "unclear"),
            ("a version",             "_18.10.1",         None,                       "unclear"),
            ("a longer one",          "-02-05-06-07",     None,                       "unclear"),
            ("a guest's ID",          "-101",             None,                       "none"),
            ("zone or number",        "_0200-0500",       None,                       "unclear"),
            ("UTC+2",                 "_0200UTC+2",       None,                       "unclear"),
            ("no digits",             "_db",              None,                       "none"),
            ("nothing",               "",                 None,                       "none"),
        ];
        for (name, behind, want, rest) in cases {
            let text = format!("{DATE}{behind}");
            let got = behind_date(&text, DATE.len());
            let told = match &got {
                Clock::Time(time, end) => {
                    assert_eq!(Some((time.second, time.offset)), want, "{name}");
                    &text[*end..]
                }
                Clock::None => "none",
                Clock::Never(_) => "never",
                Clock::Unclear(_) => "unclear",
            };
            assert_eq!(told, rest, "{name}: {got:?}");
        }
    }
}
