//! Calendar events against systemd's own reckoning of them, around changes of the clock.
//!
//! systemd-analyze (Debian: systemd) is the second opinion. Where it isn't installed this says so, and fails
//! only where CI is "true". What Proxmox reads differently (a bare number is a minute) has no part in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::{env, process::Command};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use pbsprune::calendar_event::CalendarEvent;

const EVENTS: [&str; 14] = [
    "daily",
    "weekly",
    "monthly",
    "hourly",
    "02:30",
    "mon..fri 02:30",
    "sat,sun 3:00",
    "fri,mon 1:30:15",
    "*:0/30",
    "3/7:10",
    "*-*-28..31 2:00",
    "*-3,10,11-* 02:15",
    "sun *-*-1..7 04:00",
    "*-2-28 00:00 UTC",
];

/// A zone each, and days before its clock changes (or none does).
const STARTS: [(&str, &str); 7] = [
    ("Europe/Berlin", "2027-03-26"),
    ("Europe/Berlin", "2026-10-24"),
    ("America/Los_Angeles", "2027-03-12"),
    ("America/Los_Angeles", "2026-10-31"),
    ("Australia/Lord_Howe", "2027-04-02"),
    ("Asia/Kathmandu", "2027-12-30"),
    ("UTC", "2026-11-26"),
];

/// So many runs are compared.
const RUNS: usize = 12;

#[test]
fn systemd_says_the_same() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        let ci = env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "systemd-analyze is missing: apt-get install systemd");
        eprintln!("skipped: systemd-analyze is missing: apt-get install systemd");
        return;
    }
    for (name, start) in STARTS {
        let zone = TimeZone::get(name).unwrap();
        let start: Timestamp = format!("{start}T12:00:00Z").parse().unwrap();
        let start = start.as_second();
        for event in EVENTS {
            let parsed: CalendarEvent = event.parse().unwrap();
            let days = |days: i64| parsed.times(&zone, start, start + days * 86_400, 20_000);
            let near = days(13).filter(|times| times.len() >= RUNS);
            let ours = near.or_else(|| days(400)).unwrap();
            let ours = &ours[..RUNS.min(ours.len())];
            let theirs = theirs(event, name, start);
            let compared = RUNS.min(ours.len());
            assert_eq!(Some(ours), theirs.get(..compared), "{event} in {name}");
            assert!(!ours.is_empty(), "{event} in {name}");
        }
    }
}

/// The next runs, as systemd-analyze prints them.
fn theirs(event: &str, zone: &str, start: i64) -> Vec<i64> {
    let output = Command::new("systemd-analyze")
        .env("TZ", zone)
        .env("LC_ALL", "C")
        .args([
            "calendar",
            &format!("--iterations={RUNS}"),
            &format!("--base-time=@{start}"),
            event,
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let marks = if zone == "UTC" {
        &["Next elapse: ", "Iter. #"][..]
    } else {
        &["(in UTC): "]
    };
    let runs = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = marks.iter().find_map(|mark| line.strip_prefix(mark))?;
        let rest = rest.split_once(": ").map_or(rest, |(_, rest)| rest);
        let (_, time) = rest.trim_end_matches(" UTC").split_once(' ')?; // the day of the week
        let time: DateTime = time.parse().ok()?;
        Some(TimeZone::UTC.to_timestamp(time).unwrap().as_second())
    });
    runs.collect()
}
