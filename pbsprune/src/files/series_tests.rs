//! Tables of folders and what becomes of their files, for [`super::series`] to [`super::outcome`].

use super::{
    backups::backups,
    chains::held,
    file::File,
    judgement::{Rules, judge},
    outcome::{Outcome, outcomes},
    series::places,
    told::told,
};
use crate::{extra::Extras, guard::Guards, policy::Policy, retention::Keep, zone::Zone};

/// What becomes of files (`name`, or `name=0` for an empty one, of one folder) by `keep`: a line each, the
/// name and `keep`, `remove`, or why it is left alone.
fn fates(names: &[&str], keep: &str, joins: &[&str], by_mtime: bool) -> Vec<String> {
    let file = |(place, name): (usize, &&str)| {
        let (name, size) = name.strip_suffix("=0").map_or((*name, 5), |name| (name, 0));
        let path = format!("BK_x/{name}");
        // Newest first, as a copy without -p may have it.
        let mtime = 1_900_000_000 - place as i64 * 86_400;
        File { path, size, mtime }
    };
    let files: Vec<File> = names.iter().enumerate().map(file).collect();
    fates_of(&files, keep, joins, by_mtime)
}

/// The same of files with their sizes and times.
pub(super) fn fates_of(files: &[File], keep: &str, joins: &[&str], by_mtime: bool) -> Vec<String> {
    let zone = Zone::parse("UTC").unwrap();
    let rules = Rules {
        policy: Policy::One(keep.parse::<Keep>().unwrap()),
        extras: Extras::default(),
        guards: Guards::default(),
        joins: joins.iter().map(|&join| join.to_owned()).collect(),
        now: 0,
    };
    let backups = backups(files, &places(files, &zone, by_mtime));
    let held = held(files, &backups.roles, &zone);
    let judged = judge(&backups.series, &held, |_| false, &zone, &rules);
    let outcomes = outcomes(files, &backups, &judged, None);
    let line = |(file, outcome): (&File, &Outcome)| match outcome {
        Outcome::Marked(mark) => format!("{} {} {}", file.name(), mark.mark, mark.reason),
        Outcome::Left(code, _) => format!("{} left {code}", file.name()),
        Outcome::Refused(refusal) => format!("{} refused {}", file.name(), refusal.code()),
    };
    files.iter().zip(&outcomes).map(line).collect()
}

/// Each file with what is to become of it.
pub(super) fn check(name: &str, keep: &str, joins: &[&str], want: &[(&str, &str)]) {
    let names: Vec<&str> = want.iter().map(|(file, _)| *file).collect();
    let got = fates(&names, keep, joins, false);
    let want: Vec<String> = want
        .iter()
        .map(|(file, fate)| format!("{} {fate}", file.strip_suffix("=0").unwrap_or(file)))
        .collect();
    assert_eq!(got, want, "{name}");
}

#[test]
fn what_is_no_backup_of_a_series_displaces_none() {
    check(
        "a copy of the newest, without a date",
        "keep-last=2",
        &[],
        &[
            ("app_2026-08-01.tar.gz", "remove unmatched"),
            ("app_2026-08-02.tar.gz", "keep keep-last"),
            ("app_2026-08-03.tar.gz", "keep keep-last"),
            ("latest.tar.gz", "left undated"),
        ],
    );
    check(
        "pinned, copied, numbered",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-01.tar", "remove unmatched"),
            ("x_2026-08-02.tar", "keep keep-last"),
            ("KEEP_x_2026-08-03.tar", "left pinned"),
            ("x_2026-08-03_keep.tar", "left pinned"),
            ("x_2026-08-03.tar.keep", "left pinned"),
            ("x_2026-08-03 (1).tar", "left pinned"),
            ("x_2026-08-03.tar.gz.1", "left numbered"),
            ("x_2026-08-03.tar.gz.10", "left numbered"),
            ("x_2026-02-30.tar", "left no-such-time"),
            ("x_2026-08-04_02.tar", "left ambiguous"),
            ("x.txt", "left other"),
            ("x.py", "left other"),
            ("x_2026-08-03.tar.py", "left other"),
            ("café\u{FFFD}_2026-08-09.tar", "left not-utf8"),
        ],
    );
    check(
        "no name has a date",
        "keep-last=1",
        &[],
        &[
            ("x.tar", "left undated-folder"),
            ("y.tar", "left undated-folder"),
        ],
    );
}

#[test]
fn names_that_differ_are_series_of_their_own() {
    check(
        "two commands, minutes apart",
        "keep-daily=1",
        &[],
        &[
            ("cloud-data_2026-11-17_0200.tar.gz", "remove unmatched"),
            ("cloud-data_2026-11-18_0200.tar.gz", "keep keep-daily"),
            ("cloud-db_2026-11-17_0205.tar.gz", "remove unmatched"),
            ("cloud-db_2026-11-18_0205.tar.gz", "keep keep-daily"),
        ],
    );
    check(
        "guests",
        "keep-last=1",
        &[],
        &[
            (
                "vzdump-lxc-101-2026_11_17-01_25_13.tar.zst",
                "keep keep-last",
            ),
            (
                "vzdump-lxc-102-2026_11_18-01_25_13.tar.zst",
                "keep keep-last",
            ),
            (
                "vzdump-lxc-102-2026_11_17-01_25_13.tar.zst",
                "remove unmatched",
            ),
        ],
    );
    check(
        "a failed one of another hour",
        "keep-last=5",
        &[],
        &[
            ("db_2026-08-12_01h00m.tar", "keep keep-last"),
            ("db_2026-08-12_13h00m.tar=0", "keep-partial partial"),
        ],
    );
    check(
        "another suffix is the same series",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-01.tar.gz", "remove unmatched"),
            ("x_2026-08-02.TAR.ZST.gpg", "keep keep-last"),
        ],
    );
    check(
        "joined at one time, and not where one is missing",
        "keep-last=2",
        &["data", "db"],
        &[
            ("a-data_2026-08-01.tar", "remove unmatched"),
            ("a-db_2026-08-01.tar", "remove unmatched"),
            ("a-data_2026-08-02.tar", "keep joined"),
            ("a-db_2026-08-02.tar", "keep keep-last"),
            ("a-data_2026-08-03.tar", "keep keep-last"),
            ("a-db_2026-08-03.tar=0", "remove incomplete"),
            ("a-data_2026-08-04.tar", "keep keep-last"),
            ("a-db_2026-08-04.tar", "keep keep-last"),
        ],
    );
}

#[test]
fn day_and_month_where_others_prove_it() {
    check(
        "day first",
        "keep-last=1",
        &[],
        &[
            ("db-10-08-2026.tar", "remove unmatched"),
            ("db-21-08-2026.tar", "keep keep-last"),
            ("other-10-08-2026.tar", "left ambiguous"),
        ],
    );
    check(
        "both ways round",
        "keep-last=1",
        &[],
        &[
            ("db-10-08-2026.tar", "left ambiguous"),
            ("db-21-08-2026.tar", "keep keep-last"),
            ("db-08-20-2026.tar", "remove unmatched"),
        ],
    );
    check(
        "a minute that may be a day",
        "keep-last=1",
        &[],
        &[
            ("db-17-11-2026-02-05.tar", "left ambiguous"),
            ("db-18-11-2026-02-06.tar", "left ambiguous"),
        ],
    );
    check(
        "no time of day, beside some that have one",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-01.tar", "remove unmatched"),
            ("x_2026-08-02.tar", "left ambiguous"),
            ("x_2026-08-02_0200.tar", "keep keep-last"),
        ],
    );
}

#[test]
fn parts_and_companions() {
    check(
        "split, with a gap, and unfinished",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-01.tar.gz.aa", "remove unmatched"),
            ("x_2026-08-01.tar.gz.ab", "remove unmatched"),
            ("x_2026-08-01.tar.gz.sha256", "remove companion"),
            ("x_2026-08-01.tar.gz.ab.sha256", "remove companion"),
            ("x_2026-08-02.tar.gz.01", "keep keep-last"),
            ("x_2026-08-02.tar.gz.02", "keep keep-last"),
            ("x_2026-08-02.tar.gz.03", "keep keep-last"),
            ("x_2026-08-02.log", "keep companion"),
            ("x_2026-08-03.part1.tar", "remove incomplete"),
            ("x_2026-08-03.part3.tar", "remove incomplete"),
            ("x_2026-08-04.tar.gz.aa", "keep-partial partial"),
            ("x_2026-08-04.tar.gz.ab.tmp", "keep-partial partial"),
        ],
    );
    check(
        "an incomplete one takes no other with it",
        "keep-last=5",
        &[],
        &[
            ("x_2026-08-01.tar.gz", "keep keep-last"),
            ("x_2026-08-01.tar.gz.part", "remove incomplete"),
            ("x_2026-08-01.tar.zst=0", "remove incomplete"),
            ("x_2026-08-02.tar.gz", "keep keep-last"),
            ("x_2026-08-02.tar.gz.aa.tmp", "keep-partial partial"),
        ],
    );
    check(
        "what belongs to an archive, to none, to one that is left alone",
        "keep-last=1",
        &[],
        &[
            (
                "vzdump-lxc-103-2026_11_17-01_25_13.tar.zst",
                "remove unmatched",
            ),
            (
                "vzdump-lxc-103-2026_11_17-01_25_13.tar.zst.notes",
                "remove companion",
            ),
            ("vzdump-lxc-103-2026_11_17-01_25_13.log", "remove companion"),
            (
                "vzdump-lxc-103-2026_11_17-01_25_13.tar.zst.sha256.asc",
                "remove companion",
            ),
            (
                "vzdump-lxc-103-2026_11_18-01_25_13.tar.zst",
                "keep keep-last",
            ),
            ("vzdump-lxc-103-2026_11_18-01_25_13.log", "keep companion"),
            ("vzdump-lxc-103-2026_11_16-01_25_13.log", "left orphan"),
            ("KEEP-2026-08-01.tar", "left pinned"),
            ("KEEP-2026-08-01.tar.md5", "left companion"),
        ],
    );
    check(
        "a signature of a checksum; a log of two archives of which one stays",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-01.tar", "remove unmatched"),
            ("x_2026-08-01.tar.sha256", "remove companion"),
            ("x_2026-08-01.tar.sha256.sig", "remove companion"),
            ("x_2026-08-02.tar", "keep keep-last"),
            ("x_2026-08-02.tar.gz.part", "keep-partial partial"),
            ("x_2026-08-02.log", "keep companion"),
        ],
    );
}

#[test]
fn increments_keep_what_they_stand_on() {
    check(
        "the base and all between",
        "keep-daily=2",
        &[],
        &[
            ("x-full_2026-07-01.tar", "keep keep-daily"),
            ("x-incr_2026-07-02.tar", "remove unmatched"),
            ("x-full_2026-08-01.tar", "keep keep-daily"),
            ("x-incr_2026-08-02.tar", "keep needed"),
            ("x-incr_2026-08-03.tar=0", "remove incomplete"),
            ("x-incr_2026-08-04.tar", "keep keep-daily"),
            ("x-incr_2026-08-05.tar", "keep keep-daily"),
        ],
    );
    check(
        "a base that its own rules let go",
        "keep-last=1",
        &[],
        &[
            ("x.FULL.20260801.tar", "keep needed"),
            ("x.diff.20260802.tar", "remove unmatched"),
            ("x.diff.20260803.tar", "keep keep-last"),
            ("x.FULL.20260804.tar", "keep keep-last"),
        ],
    );
}

#[test]
fn by_the_time_of_writing_only_where_no_name_has_a_date() {
    let got = fates(
        &["a-1.tar", "a-2.tar", "b.tar", "a-3.tar"],
        "keep-last=1",
        &[],
        true,
    );
    let want = [
        "a-1.tar keep keep-last",
        "a-2.tar remove unmatched",
        "b.tar keep keep-last",
        "a-3.tar remove unmatched",
    ];
    assert_eq!(got, want);
    let got = fates(&["a-1.tar", "a_2026-08-01.tar"], "keep-last=1", &[], true);
    assert_eq!(
        got,
        ["a-1.tar left undated", "a_2026-08-01.tar keep keep-last"]
    );
}

#[test]
fn folders_without_a_backup_are_told() {
    let zone = Zone::parse("UTC").unwrap();
    #[rustfmt::skip]
    let cases: [(&str, &[&str], Option<&str>, bool); 6] = [
        ("none is a tar archive",  &["b/a.sql", "b/c.zip"],                Some("b: 2 files, none has the name of a tar archive"), true),
        ("one, without a folder",  &["a.sql"],                             Some(".: 1 file, none has the name of a tar archive"), true),
        ("none has a date",        &["b/a.tar", "b/n.txt"],                Some("b: left alone, no date is in its name, nor in any other there: a.tar"), true),
        ("rotations alone",        &["b/a.tar.1", "b/a.tar.2"],            Some("b: left alone, it has a number behind the suffix, as rotations have: a.tar.1, a.tar.2"), true),
        ("a copy of the newest",   &["b/a_2026-08-01.tar", "b/last.tar"],  Some("b: left alone, no date is in its name, but one is in others there: last.tar"), false),
        ("all is well",            &["b/a_2026-08-01.tar", "b/n.txt"],     None, false),
    ];
    for (name, paths, line, look) in cases {
        let file = |path: &&str| File {
            path: (*path).to_owned(),
            size: 1,
            mtime: 0,
        };
        let files: Vec<File> = paths.iter().map(file).collect();
        let (lines, got) = told(&files, &backups(&files, &places(&files, &zone, false)));
        assert_eq!(
            (lines.first().map(String::as_str), got),
            (line, look),
            "{name}"
        );
        assert!(lines.len() < 2, "{name}: {lines:?}");
    }
}
