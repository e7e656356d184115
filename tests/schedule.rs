//! When jobs run: `pbsprune schedule` against systemd's own reckoning, over made-up calendar events in zones whose
//! clocks change in all sorts of ways.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod tools;

use std::{
    env,
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use tools::search_path;

/// Thursday, 2027-03-11, 00:00 UTC: three days before the clocks of America change.
const NOW: i64 = 1_804_723_200;

/// So many runs of each event are compared.
const RUNS: usize = 12;

/// Zones, each with a time shortly before a change of its clock, in seconds: in spring, and in autumn.
const ZONES: [(&str, [i64; 2]); 8] = [
    ("UTC", [NOW, 1_825_200_000]),
    ("America/Los_Angeles", [NOW, 1_825_400_000]),
    ("Europe/Berlin", [1_805_900_000, 1_824_600_000]),
    ("Africa/Cairo", [1_808_800_000, 1_824_400_000]),
    ("Australia/Lord_Howe", [1_822_200_000, 1_806_500_000]),
    ("America/St_Johns", [NOW, 1_825_400_000]),
    ("Asia/Kathmandu", [NOW, 1_825_200_000]),
    ("America/Santiago", [1_819_900_000, 1_806_600_000]),
];

/// Parts of events that Proxmox and systemd have in common.
const DAYS: [&str; 7] = [
    "",
    "",
    "sun ",
    "mon..fri ",
    "sat,sun ",
    "sun,wed ",
    "fri..sun ",
];
const DATES: [&str; 7] = ["", "", "", "*-1 ", "*-28..31 ", "3,10-* ", "*-*-14,28 "];
const TIMES: [&str; 14] = [
    "02:00",
    "02:30",
    "01:30",
    "00:00",
    "03:00",
    "0/6:15",
    "1,2,3:00",
    "2..4:0/30",
    "*:00",
    "*:0/20",
    "23:59:59",
    "0:30",
    "2:15,45",
    "0/2:30",
];

struct Random(u64);

impl Random {
    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        all[usize::try_from(self.0 >> 33).unwrap() % all.len()]
    }
}

#[test]
fn events_run_when_systemd_says() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        assert_ne!(
            env::var("CI").as_deref(),
            Ok("true"),
            "systemd-analyze is not installed"
        );
        let _ = writeln!(
            io::stdout(),
            "NOT RUN: tests/schedule: systemd-analyze is not installed"
        );
        return;
    }
    let mut random = Random(17);
    let (mut compared, mut given_up) = (0, 0);
    for (zone, times) in ZONES {
        for now in times {
            let event = || {
                format!(
                    "{}{}{}",
                    random.of(&DAYS),
                    random.of(&DATES),
                    random.of(&TIMES)
                )
            };
            let mut events: Vec<String> = std::iter::repeat_with(event).take(24).collect();
            events.extend(TIMES.map(str::to_owned));
            for (event, ours) in events.iter().zip(ours(&events, zone, now)) {
                let Some(theirs) = theirs(event, zone, now) else {
                    given_up += 1;
                    continue;
                };
                assert_eq!(ours, theirs, "{event} in {zone}, after {now}");
                compared += ours.len();
            }
        }
    }
    assert!(compared > 5_000 && given_up < 20, "{compared}, {given_up}");
}

/// The next runs of events, in seconds.
fn ours(events: &[String], zone: &str, now: i64) -> Vec<Vec<i64>> {
    let records = events.iter().enumerate();
    let records = records.map(|(place, event)| json!({"name": place.to_string(), "schedule": event, "scheduler": "systemd"}));
    let input: String = records.map(|record| format!("{record}\n")).collect();
    let now = text(Command::new("date").args(["-u", "+%FT%TZ", "-d", &format!("@{now}")]));
    let mut command = Command::new("pbsprune");
    command.args([
        "schedule",
        "--tz",
        zone,
        "--now",
        now.trim(),
        "--next",
        &RUNS.to_string(),
    ]);
    command
        .env("PATH", search_path(&root().join("scripts")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let records = String::from_utf8(out.stdout).unwrap();
    let records = records
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let next = |record: Value| {
        let next = record["next"]
            .as_array()
            .unwrap_or_else(|| panic!("{record}"))
            .clone();
        let next: Vec<&str> = next.iter().map(|time| time.as_str().unwrap()).collect();
        seconds(&next)
    };
    records.map(next).collect()
}

/// The same by systemd; what it shows is the zone's time, and UTC below. None where it says itself that it is caught
/// in a loop, as version 252 is by a midnight that a zone skips.
fn theirs(event: &str, zone: &str, now: i64) -> Option<Vec<i64>> {
    let mut command = Command::new("systemd-analyze");
    command.args([
        "calendar",
        &format!("--iterations={RUNS}"),
        &format!("--base-time=@{now}"),
        event,
    ]);
    let out = command.env("TZ", zone).env("LC_ALL", "C").output().unwrap();
    let (shown, said) = (
        String::from_utf8(out.stdout).unwrap(),
        String::from_utf8(out.stderr).unwrap(),
    );
    if said.contains("Infinite loop in calendar calculation") {
        return None;
    }
    assert!(out.status.success(), "{event}: {said}");
    let label = if zone == "UTC" {
        ["Next elapse: ", "Iter. #"]
    } else {
        ["(in UTC): ", "(in UTC): "]
    };
    let times = shown.lines().filter_map(|line| {
        let line = line.trim_start();
        let time = label.iter().find_map(|label| line.strip_prefix(label))?;
        // "Iter. #2: Sat 2027-..."; a day of the week first.
        let time = time.split_once(": ").map_or(time, |(_, time)| time);
        Some(time.split_once(' ')?.1.to_owned())
    });
    let times: Vec<String> = times.collect();
    Some(seconds(
        &times.iter().map(String::as_str).collect::<Vec<_>>(),
    ))
}

fn seconds(times: &[&str]) -> Vec<i64> {
    let mut command = Command::new("date");
    command
        .args(["-u", "+%s", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(times.join("\n").as_bytes())
        .unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{times:?}");
    let out = String::from_utf8(out.stdout).unwrap();
    out.lines().map(|line| line.parse().unwrap()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}

fn text(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}
