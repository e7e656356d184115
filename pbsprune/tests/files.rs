//! Folders of files in all spellings of their dates: what goes is what the rules let go on the true
//! times, for each series by itself; what can't be read goes nowhere, and says why.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan as _, Unit, Zoned, tz::TimeZone};
use pbsprune::{
    extra::Extras,
    files::{
        backups::{Backups, Role, backups},
        chains::held,
        date::{Found, read},
        file::File,
        judgement::{Rules, judge},
        outcome::{Outcome, outcomes},
        series::places,
    },
    guard::Guards,
    policy::Policy,
    retention::{Keep, Snapshot, Verification, decide},
    zone::Zone,
};
use proptest::{collection::vec, prelude::*, sample::select};

/// How a date is spelled, and the unit behind which the name says nothing more.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    Format(&'static str, Unit),
    /// Of UTC.
    Utc(&'static str),
    Epoch,
    GitLab(&'static str),
}

use Spelling::{Epoch, Format, GitLab, Utc};

#[rustfmt::skip]
const SPELLINGS: &[Spelling] = &[
    Format("%Y-%m-%d", Unit::Day), Format("%Y%m%d", Unit::Day), Format("%Y.%m.%d", Unit::Day),
    Format("%Y_%m_%d", Unit::Day), Format("%d-%m-%Y", Unit::Day), Format("%d.%m.%Y", Unit::Day),
    Format("%m-%d-%Y", Unit::Day), Format("%d%m%Y", Unit::Day), Format("%Y-%m-%d_%Hh", Unit::Hour),
    Format("%a-%Y-%m-%d", Unit::Day), Format("%Y%m%d%H", Unit::Hour),
    Format("%Y-%m-%d_%H%M", Unit::Minute), Format("%Y-%m-%dT%H:%M", Unit::Minute),
    Format("%Y-%m-%d_%Hh%Mm", Unit::Minute), Format("%Y-%m-%d_%Hh%Mm.%A", Unit::Minute),
    Format("%d.%m.%Y_%Hh%Mm", Unit::Minute), Format("%d-%m-%Y-%H-%M", Unit::Minute),
    Format("%Y%m%d%H%M", Unit::Minute), Format("%Y-%m-%d_%I-%M-%p", Unit::Minute),
    Format("%Y_%m_%d-%H_%M_%S", Unit::Second), Format("%Y%m%d_%H%M%S", Unit::Second),
    Format("%Y%m%d%H%M%S", Unit::Second), Format("%Y-%m-%dT%H:%M:%S%:z", Unit::Second),
    Format("%Y-%m-%d_%H.%M.%S", Unit::Second), Format("%d.%m.%Y_%Hh%Mm%Ss", Unit::Second),
    Utc("%Y-%m-%dT%H%M%SZ"), Utc("%Y-%m-%dT%H:%M:%SZ"), Utc("%Y%m%dT%H%M%SZ"), Epoch,
    GitLab("18.10.1"), GitLab("9.5.0-ee"),
];

/// What people call their series: digits and words that are no dates, and some that look like parts of one.
#[rustfmt::skip]
const SERIES: &[(&str, &str)] = &[
    ("app", ""), ("vm-101", ""), ("vm-102", ""), ("cloud-data", ""), ("cloud-db", ""), ("vm-10-11", ""), ("ha-2026.8.1", ""),
    ("x.1", ""), ("café", ""), ("web01", ""), ("10.0.0.7", ""), ("app", "_host1"), ("app", "-101"), ("db", ".data"), ("x", "-é"),
    ("guest", "_vm10017"), ("x", "_host"), ("x", "-halt"), ("cam", "-h1"),
];

const SUFFIXES: &[&str] = &[
    ".tar.gz",
    ".tar.zst",
    ".tgz",
    ".TAR.XZ",
    ".tar.gz.gpg",
    ".tbz2",
    ".tar.lzo",
    ".tar.zst.age",
];

impl Spelling {
    /// Its time of day is nothing but digits behind a separator.
    fn is_bare(self) -> bool {
        matches!(self, Format(format, _) if format.ends_with("_%H%M") || format.ends_with("_%H%M%S"))
    }

    fn name(self, (series, behind): (&str, &str), time: &Zoned) -> String {
        match self {
            Format(format, _) => format!("{series}_{}{behind}", time.strftime(format)),
            Utc(format) => {
                let time = time.with_time_zone(TimeZone::UTC);
                format!("{series}_{}{behind}", time.strftime(format))
            }
            Epoch => format!("{series}_{}{behind}", time.timestamp().as_second()),
            GitLab(version) => {
                let date = time.strftime("%Y_%m_%d");
                format!(
                    "{}_{date}_{version}_gitlab_backup",
                    time.timestamp().as_second()
                )
            }
        }
    }

    /// The moment that the name tells of a backup of `time`.
    fn told(self, time: &Zoned) -> Zoned {
        match self {
            Format(_, Unit::Day) => time.start_of_day().unwrap(),
            Format(_, unit) => {
                // Not by rounding, which jiff does on the clock: to the whole unit before.
                let seconds = match unit {
                    Unit::Hour => i64::from(time.minute()) * 60 + i64::from(time.second()),
                    Unit::Minute => time.second().into(),
                    _ => 0,
                };
                time.checked_sub(seconds.seconds()).unwrap()
            }
            _ => time.clone(),
        }
    }
}

/// One file that is made, and what is true of it.
#[derive(Clone, Debug)]
struct Made {
    file: File,
    series: usize,
    spelling: Spelling,
    time: i64,
    complete: bool,
}

/// A series: its name, spelling and suffix, and its backups: days after the first, seconds, and how it ended.
type Plan = (
    (&'static str, &'static str),
    Spelling,
    &'static str,
    Vec<(i64, i64, u8)>,
);

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let backups = vec((0..70_i64, 0..86_400_i64, 0..10_u8), 1..14);
    vec(
        (select(SERIES), select(SPELLINGS), select(SUFFIXES), backups),
        1..4,
    )
}

/// The files of the plans, all in one folder, each name once.
fn made(plans: &[Plan], start: i64, zone: &TimeZone, copied: bool) -> Vec<Made> {
    let mut made: BTreeMap<String, Made> = BTreeMap::new();
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (name, spelling, suffix, backups) in plans {
        let series = match spelling {
            GitLab(_) => ("gitlab_backup", ""),
            _ => *name,
        };
        let next = known.len();
        let series = *known.entry(series).or_insert(next);
        for (days, seconds, end) in backups {
            let time = Timestamp::from_second(start + days * 86_400 + seconds).unwrap();
            let time = time.to_zoned(zone.clone());
            let stem = spelling.name(*name, &time);
            let (end, size) = match end {
                0 => (".part", 5),
                1 => ("", 0),
                _ => ("", 5),
            };
            let path = format!("b/BK_x/{stem}{suffix}{end}");
            // A copy without -p: all are of one day, the newest first.
            let mtime = if copied {
                1_900_000_000 - days
            } else {
                time.timestamp().as_second() + 60
            };
            let file = File {
                path: path.clone(),
                size,
                mtime,
            };
            let time = spelling.told(&time).timestamp().as_second();
            let complete = end.is_empty() && size > 0;
            made.entry(path).or_insert(Made {
                file,
                series,
                spelling: *spelling,
                time,
                complete,
            });
        }
    }
    made.into_values().collect()
}

impl Made {
    /// Its name has two readings, by itself or beside the others of its series, of these spellings.
    fn may_be_left(&self, zone: &Zone, copied: bool, spelled: &[Spelling]) -> bool {
        let is_timed = |spelling: &Spelling| !matches!(spelling, Format(_, Unit::Day));
        let bare = spelled.iter().filter(|spelling| spelling.is_bare()).count();
        match self.spelling {
            // Day or month.
            Format(format, _)
                if !format.contains("%Y-%m")
                    && format.contains("%d")
                    && !format.starts_with("%Y") =>
            {
                true
            }
            // Before or after those of its day?
            Format(_, Unit::Day) => spelled.iter().any(is_timed),
            // A number of somebody; with so many of them two may come back by chance.
            spelling if spelling.is_bare() && (copied || bare > 3) => true,
            Epoch => copied,
            // An hour that is twice, or was skipped once the minutes are left away.
            Format(..) => {
                let local = Timestamp::from_second(self.time)
                    .unwrap()
                    .to_zoned(zone.time_zone().clone());
                zone.time_zone()
                    .to_ambiguous_timestamp(local.datetime())
                    .is_ambiguous()
            }
            Utc(_) | GitLab(_) => false,
        }
    }
}

fn rules(keep: Keep, extras: Extras, joins: &[&str]) -> Rules {
    Rules {
        policy: Policy::One(keep),
        extras,
        guards: Guards::default(),
        joins: joins.iter().map(|&join| join.to_owned()).collect(),
        now: 0,
    }
}

fn run(files: &[File], zone: &Zone, rules: &Rules) -> (Backups, Vec<Outcome>) {
    let backups = backups(files, &places(files, zone, false));
    let held = held(files, &backups.roles, zone);
    let judged = judge(&backups.series, &held, |_| false, zone, rules);
    let outcomes = outcomes(files, &backups, &judged, rules.extras.within);
    (backups, outcomes)
}

/// What the rules let go of backups with these true times: time, and whether it is complete.
fn let_go(backups: &BTreeMap<i64, bool>, zone: &Zone, rules: &Rules) -> BTreeSet<i64> {
    let (Some(first), Some(last)) = (backups.keys().next(), backups.keys().next_back()) else {
        return BTreeSet::new();
    };
    let offsets = zone.offsets(*first, *last);
    let snapshots = backups.iter().rev().map(|(&time, &finished)| Snapshot {
        time,
        local: offsets.local(time),
        finished,
        protected: false,
        verification: Verification::Unknown,
    });
    let snapshots: Vec<_> = snapshots.collect();
    let Policy::One(keep) = rules.policy else {
        unreachable!("only such are made")
    };
    let (mut fates, mut spare) = (Vec::new(), Vec::new());
    decide(&snapshots, &keep, &mut fates);
    rules.extras.add(&snapshots, &keep, &mut fates, &mut spare);
    let gone = snapshots
        .iter()
        .zip(&fates)
        .filter(|(_, fate)| fate.is_removed());
    gone.map(|(snapshot, _)| snapshot.time).collect()
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Santiago",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_is_what_the_rules_let_go_on_the_true_times(
        plans in plans(),
        start in 1_700_000_000..1_800_000_000_i64,
        zone in select(ZONES),
        copied: bool,
        keep in [0..4_u64, 0..3_u64, 0..8_u64, 0..3_u64, 0..3_u64, 0..2_u64],
        within in proptest::option::of(1..10_u64),
        oldest: bool,
        join: bool,
    ) {
        let zone = Zone::parse(zone).unwrap();
        let made = made(&plans, start, zone.time_zone(), copied);
        let mut files: Vec<File> = made.iter().map(|made| made.file.clone()).collect();
        // What belongs to archives, and what is to be left alone.
        files.extend(made.iter().map(|made| File { path: format!("{}.sha256", made.file.path), ..made.file.clone() }));
        let others = ["latest.tar.gz", "KEEP_app_2026-08-01.tar", "app_2026-08-01 (1).tar", "app.tar.gz.1", "app.txt", "app_2026-02-30.tar"];
        files.extend(others.map(|name| File { path: format!("b/BK_x/{name}"), size: 5, mtime: 2_000_000_000 }));
        let within = within.map(|days| std::time::Duration::from_secs(days * 86_400));
        let extras = Extras { verified: false, within, oldest };
        let joins: &[&str] = if join { &["data", "db"] } else { &[] };
        let rules = rules(Keep(keep), extras, joins);
        let (backups, outcomes) = run(&files, &zone, &rules);

        let mut spelled: BTreeMap<usize, Vec<Spelling>> = BTreeMap::new();
        for made in &made {
            spelled.entry(made.series).or_default().push(made.spelling);
        }
        // Who was read was read rightly, and the series are those that were made.
        let mut names: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        let mut read: BTreeMap<usize, BTreeMap<i64, bool>> = BTreeMap::new();
        for (made, role) in made.iter().zip(&backups.roles) {
            match role {
                Role::Archive(series, backup) => {
                    let series = &backups.series[*series];
                    prop_assert_eq!(series.backups[*backup].time, made.time, "{}", made.file.path);
                    names.entry(made.series).or_default().insert(&series.name);
                    *read.entry(made.series).or_default().entry(made.time).or_default() |= made.complete;
                }
                Role::Left(left) => {
                    let path = &made.file.path;
                    prop_assert!(made.may_be_left(&zone, copied, &spelled[&made.series]), "{path}: {left:?}");
                }
                Role::Companion(_) => prop_assert!(false, "{}", made.file.path),
            }
        }
        prop_assert!(names.values().all(|names| names.len() == 1), "{names:?}");
        let all: BTreeSet<_> = names.values().flatten().collect();
        prop_assert_eq!(all.len(), names.len());

        // What goes.
        let count = made.len();
        for (index, made) in made.iter().enumerate() {
            let removed = outcomes[index].is_removed();
            if matches!(backups.roles[index], Role::Left(_)) {
                prop_assert!(!removed);
                continue;
            }
            let times = &read[&made.series];
            let gone = let_go(times, &zone, &rules);
            let newest = times.iter().rev().find(|(_, complete)| **complete);
            // An incomplete file beside a complete one goes, unless they are the newest.
            let beside = !made.complete && times[&made.time];
            let last = times.keys().next_back() == Some(&made.time);
            let want = if beside { !last && keep != [0; 6] } else { gone.contains(&made.time) };
            if join {
                prop_assert!(!removed || want, "{}", made.file.path);
            } else {
                prop_assert_eq!(removed, want, "{}", made.file.path);
            }
            if newest.is_some_and(|(time, _)| *time == made.time) && made.complete {
                prop_assert!(!removed, "the newest complete: {}", made.file.path);
            }
            // Its checksum goes with it.
            prop_assert_eq!(outcomes[index + count].is_removed(), removed, "{}", made.file.path);
        }
        for index in files.len() - others.len()..files.len() {
            prop_assert!(!outcomes[index].is_removed(), "{}", files[index].path);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_name_is_read(name in "([0-9]{1,2}|19|20|2026|-|_|\\.|T|Z|:|\\+| |h|am|Wed|KEEP|full|é|\\.tar|\\.gz|\\.aa|\\.part1|\\(1\\)|x|-v20260701120000){1,14}") {
        let reading = read(&name);
        let mut end = 0;
        for range in &reading.ranges {
            prop_assert!(range.start >= end && range.start < range.end && name.get(range.clone()).is_some());
            end = range.end;
        }
        prop_assert_eq!(reading.found == Found::Nothing, reading.ranges.is_empty());
        // Whatever it is called, it alone is never removed, and no other file is for it.
        let files = ["b/y_2026-08-01.tar".to_owned(), format!("b/{name}.tar"), "b/y_2026-08-02.tar".to_owned()];
        let files = files.map(|path| File { path, size: 5, mtime: 0 });
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let (_, outcomes) = run(&files, &zone, &rules(Keep([1, 0, 0, 0, 0, 0]), Extras::default(), &["x"]));
        let removed: Vec<bool> = outcomes.iter().map(Outcome::is_removed).collect();
        prop_assert_eq!(removed, [true, false, false], "{}", name);
    }
}
