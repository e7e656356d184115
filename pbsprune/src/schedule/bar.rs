//! A day in 24 letters: in which hours a job begins, and in which it still runs.

use jiff::Timestamp;

use super::timeline::{OFTEN, Runs};
use crate::zone::Zone;

/// The heading over bars: every sixth hour.
pub const HEADING: &str = "0     6     12    18    ";

/// `..##==......`: `#` for an hour of `zone` in which it begins on some day, `=` for one in which it runs on.
#[must_use]
pub fn bar(runs: &Runs, times_a_day: usize, zone: &Zone) -> String {
    if times_a_day >= OFTEN {
        return "#".repeat(24);
    }
    let hour = |time: i64| {
        let time = Timestamp::from_second(time).unwrap_or_default();
        usize::from(zone.time_zone().to_datetime(time).hour().unsigned_abs()) % 24
    };
    let mut letters = ['.'; 24];
    for start in &runs.starts {
        let end = start + runs.most_s.min(86_400);
        // From its hour on in steps of an hour, and the last second.
        let mut at = start + 3_600 - start.rem_euclid(3_600);
        while at < end {
            let letter = &mut letters[hour(at)];
            *letter = if *letter == '#' { '#' } else { '=' };
            at += 3_600;
        }
        if end > *start {
            let letter = &mut letters[hour(end - 1)];
            *letter = if *letter == '#' { '#' } else { '=' };
        }
        letters[hour(*start)] = '#';
    }
    letters.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_a_day() {
        #[rustfmt::skip]
        let cases: &[(&str, &[i64], i64, &str)] = &[
            ("none",            &[],                0,      "........................"),
            ("an instant",      &[7_200],           0,      "..#....................."),
            ("an hour",         &[7_200],           3_600,  "..#....................."),
            ("a second more",   &[7_200],           3_601,  "..#=...................."),
            ("over midnight",   &[23 * 3_600 + 60], 7_200,  "==.....................#"),
            ("from the middle", &[9_000],           5_400,  "..#=...................."),
            ("two",             &[0, 3_600],        9_000,  "##==...................."),
            ("a day",           &[0],               90_000, "#======================="),
        ];
        for (name, starts, most_s, want) in cases {
            let runs = Runs {
                starts: starts.to_vec(),
                most_s: *most_s,
                ..Runs::default()
            };
            assert_eq!(bar(&runs, 1, &Zone::utc()), *want, "{name}");
        }
        let runs = Runs {
            starts: vec![7_200],
            ..Runs::default()
        };
        let zone = Zone::parse("Asia/Tokyo").unwrap();
        assert_eq!(bar(&runs, 1, &zone), "...........#............");
        assert_eq!(bar(&runs, 96, &zone), "#".repeat(24));
    }
}
