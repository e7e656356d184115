//! When a job must have made a backup: its last runs, by its calendar event.

use jiff::tz::TimeZone;

use crate::{calendar::DAY_S, calendar_event::CalendarEvent};

/// A run that can't be found in so many days is none that a backup is waited for.
const DAYS: [i64; 5] = [1, 8, 40, 400, 2_200];

/// More runs in one of these spans are not counted: a job each second for a day.
const MOST: usize = 100_000;

/// So many runs are looked back upon: that many missed are worse than one.
pub const RUNS: usize = 3;

/// The last runs at or before `before`, the newest first, [`RUNS`] at most.
#[must_use]
pub fn runs(event: &CalendarEvent, zone: &TimeZone, before: i64) -> Vec<i64> {
    let mut found = Vec::new();
    for days in DAYS {
        let Some(times) = event.times(zone, before - days * DAY_S, before, MOST) else {
            break; // so often that what was found before is enough
        };
        found = times.into_iter().rev().take(RUNS).collect();
        if found.len() == RUNS {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thursday, 2026-11-26, 12:00:00 UTC.
    const NOW: i64 = 1_795_694_400;

    #[test]
    fn of_real_schedules() {
        let hours = |event: &str, zone: &str, before: i64| -> Vec<i64> {
            let zone = TimeZone::get(zone).unwrap();
            let runs = runs(&event.parse().unwrap(), &zone, before);
            runs.iter().map(|run| (before - run) / 3_600).collect()
        };
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[i64])] = &[
            ("each night",          "02:00",         &[10, 34, 58]),
            ("at this very time",   "12:00",         &[0, 24, 48]),
            ("each week",           "sat 03:00",     &[129, 297, 465]),
            ("on working days",     "mon..fri 2:00", &[10, 34, 58]),
            ("each quarter",        "quarterly",     &[1_356, 3_564, 5_748]),
            ("each year",           "yearly",        &[7_908, 16_668, 25_452]),
            ("each minute",         "*:*",           &[0, 0, 0]),
            ("each second",         "*:*:*",         &[0, 0, 0]),
            ("never",               "*-2-30 02:00",  &[]),
            ("once",                "2026-11-1 2:0", &[610]),
        ];
        for (name, event, want) in cases {
            assert_eq!(hours(event, "UTC", NOW), *want, "{name}");
        }
        assert_eq!(hours("02:00", "Asia/Tokyo", NOW), [19, 43, 67]);
        // 2027-03-14 has no 02:00 in Los Angeles: Monday's run has one of Saturday before it.
        let monday = 1_805_101_200; // 2027-03-15 09:00 UTC, 02:00 PDT
        assert_eq!(hours("02:00", "America/Los_Angeles", monday), [0, 47, 71]);
    }
}
