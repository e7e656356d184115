//! Tables of folders whose names could be read in a way that loses backups: numbers behind a date,
//! sets of parts of which some are gone, chains whose increments stay.

use super::{
    backups::backups,
    file::File,
    series::places,
    series_tests::{check, fates_of},
    told::told,
};
use crate::zone::Zone;

/// Files and when they were written, seconds; those that are left alone, and how.
fn left(files: &[(String, i64)], keep: &str) -> Vec<String> {
    let file = |(name, mtime): &(String, i64)| File {
        path: format!("BK_x/{name}"),
        size: 5,
        mtime: *mtime,
    };
    let files: Vec<File> = files.iter().map(file).collect();
    let mut fates: Vec<String> = fates_of(&files, keep, &[], false)
        .iter()
        .filter_map(|fate| fate.split_once(' ').map(|(_, fate)| fate.to_owned()))
        .collect();
    fates.sort();
    fates.dedup();
    fates
}

const DAY: i64 = 86_400;
/// 2026-08-08T00:00:00Z
const START: i64 = 1_786_147_200;

/// On three days from 2026-08-08 files with each of `values`, written `late` seconds after `at` of the day.
fn daily(values: &[(&str, i64)]) -> Vec<(String, i64)> {
    let files = (0..3).flat_map(|day| {
        values.iter().map(move |(value, second)| {
            let name = format!("guest_2026-08-{:02}_{value}.tar", 8 + day);
            (name, START + day * DAY + second)
        })
    });
    files.collect()
}

#[test]
fn numbers_behind_a_date() {
    let at = |hour: i64, minute: i64| hour * 3_600 + minute * 60;
    let one_day = |files: Vec<(String, i64)>, count: usize| files[..count].to_vec();
    #[rustfmt::skip]
    let cases = [
        ("guests",                        daily(&[("1001", at(2, 0)), ("1002", at(2, 5)), ("1003", at(2, 9))]),   true),
        ("guests, at ten",                daily(&[("1001", at(10, 1)), ("1002", at(10, 2)), ("1003", at(10, 3))]), true),
        ("ports",                         daily(&[("1433", at(2, 0)), ("1521", at(2, 0))]),                       true),
        ("guests of six digits",          daily(&[("110017", at(2, 0)), ("110018", at(2, 0))]),                   true),
        ("the first day",                 one_day(daily(&[("1433", at(2, 0)), ("1521", at(2, 0))]), 2),           true),
        ("the first day, six digits",     one_day(daily(&[("110017", at(2, 0)), ("110018", at(2, 0))]), 2),       true),
        ("twice a day",                   daily(&[("0200", at(2, 1)), ("1400", at(14, 50))]),                     false),
        ("twice a day, copied",           daily(&[("0200", at(0, 0)), ("1400", at(0, 0))]),                       true),
        ("twice on one day",              one_day(daily(&[("0200", at(2, 1)), ("0215", at(2, 16))]), 2),          false),
        ("one time alone, copied",        daily(&[("0200", at(22, 0))]),                                          false),
        ("a T before it",                 daily(&[("T1001", at(2, 0)), ("T1002", at(2, 0))]),                     false),
        ("a zone behind it",              daily(&[("1001Z", at(2, 0)), ("1002Z", at(2, 0))]),                     false),
        ("separators",                    daily(&[("10-01", at(2, 0)), ("10-02", at(2, 0))]),                     false),
    ];
    for (name, files, doubtful) in cases {
        let fates = left(&files, "keep-last=1");
        assert_eq!(
            fates.iter().all(|fate| fate == "left ambiguous"),
            doubtful,
            "{name}: {fates:?}"
        );
        assert_eq!(
            fates.iter().any(|fate| fate.starts_with("remove")),
            !doubtful,
            "{name}: {fates:?}"
        );
    }
    let times = ["020003", "140007", "020104"].map(|time| format!("x_2026-08-01_{time}.tar"));
    let mut copied: Vec<_> = times.into_iter().map(|name| (name, START)).collect();
    copied.push(("x_2026-08-02_020009.tar".to_owned(), START));
    let fates = left(&copied, "keep-last=1");
    assert_eq!(
        fates,
        ["keep keep-last", "remove unmatched"],
        "seconds that differ every day"
    );
}

#[test]
fn units_that_are_the_beginning_of_a_word() {
    check(
        "h, m and s of a word",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-09_01host.tar", "left ambiguous"),
            ("x_2026-08-09_02host.tar", "left ambiguous"),
            ("y_2026-08-09_02h05mysql.tar", "left ambiguous"),
            ("y_2026-08-09_02h06mongo.tar", "left ambiguous"),
            ("z_2026-08-09_02h05m06sql.tar", "left ambiguous"),
            ("a_2026-08-09_30host.tar", "keep keep-last"),
            ("b_2026-08-09_02h.tar", "remove unmatched"),
            ("b_2026-08-09_03h_x.tar", "keep keep-last"),
            ("b_2026-08-09_04h.tar", "keep keep-last"),
        ],
    );
}

#[test]
fn parts_of_which_some_are_gone() {
    check(
        "the first of a set that begins with 0, as others show",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-01.tar.gz.00", "keep keep-last"),
            ("x_2026-08-01.tar.gz.01", "keep keep-last"),
            ("x_2026-08-01.tar.gz.02", "keep keep-last"),
            ("x_2026-08-02.tar.gz.01", "left parts"),
            ("x_2026-08-02.tar.gz.02", "left parts"),
            ("x_2026-08-02.tar.gz.03", "left parts"),
        ],
    );
    check(
        "the last, which only an older one shows",
        "keep-last=1",
        &[],
        &[
            ("x_2026-07-31.tar.gz.aa", "remove unmatched"),
            ("x_2026-08-01.tar.gz.aa", "keep keep-last"),
            ("x_2026-08-01.tar.gz.ab", "keep keep-last"),
            ("x_2026-08-01.tar.gz.ac", "keep keep-last"),
            ("x_2026-08-02.tar.gz.aa", "left parts"),
            ("x_2026-08-02.tar.gz.ab", "left parts"),
        ],
    );
    check(
        "letters without the first, which aren't of another kind",
        "keep-last=1",
        &[],
        &[
            ("x_2026-08-01.tar.gz.aa", "keep keep-last"),
            ("x_2026-08-01.tar.gz.ab", "keep keep-last"),
            ("x_2026-08-02.tar.gz.ab", "left no-first-part"),
            ("x_2026-08-02.tar.gz.ac", "left no-first-part"),
            ("x_2026-08-02.tar.py", "left other"),
        ],
    );
    let part = |name: &str, size: u64| File {
        path: format!("BK_x/x_2026-08-{name}"),
        size,
        mtime: START,
    };
    let files = [
        part("01.tar.aa", 9),
        part("01.tar.ab", 9),
        part("01.tar.ac", 1),
        part("02.tar.aa", 9),
        part("02.tar.ab", 3),
    ];
    let fates = fates_of(&files, "keep-last=1", &[], false);
    let (first, second) = fates.split_at(3);
    assert!(
        first.iter().all(|fate| fate.contains(" remove ")),
        "{fates:?}"
    );
    assert!(
        second.iter().all(|fate| fate.contains(" keep ")),
        "a last part shorter than the others is the last: {fates:?}"
    );
}

#[test]
fn increments_whatever_keeps_them() {
    check(
        "a pinned one needs its chain",
        "keep-last=1",
        &[],
        &[
            ("x-full_2026-07-01.tar", "remove unmatched"),
            ("x-full_2026-08-01.tar", "keep needed"),
            ("x-incr_2026-08-02.tar", "keep needed"),
            ("KEEP_x-incr_2026-08-03.tar", "left pinned"),
            ("x-incr_2026-08-04.tar", "remove unmatched"),
            ("x-full_2026-08-05.tar", "keep keep-last"),
            ("x-incr_2026-08-06.tar", "keep keep-last"),
        ],
    );
    check(
        "one of an unknown time needs all",
        "keep-last=1",
        &[],
        &[
            ("x-full_2026-08-01.tar", "keep needed"),
            ("x-incr_2026-08-02.tar", "keep needed"),
            ("x-incr_2026-08-03_02.tar", "left ambiguous"),
            ("x-full_2026-08-05.tar", "keep keep-last"),
            ("x-incr_2026-08-06.tar", "keep keep-last"),
        ],
    );
    check(
        "numbers of increments belong to the word",
        "keep-last=1",
        &[],
        &[
            ("x-full_2026-07-01.tar", "remove unmatched"),
            ("x-full_2026-08-01.tar", "keep needed"),
            ("x-incr1_2026-07-02.tar", "remove unmatched"),
            ("x-incr1_2026-08-02.tar", "keep keep-last"),
            ("x-incr-2_2026-08-03.tar", "keep keep-last"),
            ("x-full_2026-08-04.tar", "keep keep-last"),
            ("y-level0_2026-08-01.tar", "keep needed"),
            ("y-level0_2026-08-03.tar", "keep keep-last"),
            ("y-level2_2026-08-02.tar", "keep keep-last"),
        ],
    );
    check(
        "no full one, or only one that is not complete",
        "keep-last=1",
        &[],
        &[
            ("acme-inc_2026-08-01.tar", "refused no-full"),
            ("acme-inc_2026-08-02.tar", "refused no-full"),
            ("b-full_2026-08-01.tar=0", "refused no-full"),
            ("b-diff_2026-08-02.tar", "refused no-full"),
            ("b-diff_2026-08-03.tar", "refused no-full"),
            ("c-full_2026-08-01_keep.tar", "left pinned"),
            ("c-incr_2026-08-02.tar", "keep needed"),
            ("c-incr_2026-08-03.tar", "keep keep-last"),
        ],
    );
}

#[test]
fn ten_digits_and_other_names() {
    let names = [
        "x-1786147200.tar",
        "x-1786233600.tar",
        "customer-1512345678.tar",
        "customer-1598765432.tar",
    ];
    let files: Vec<File> = names
        .iter()
        .map(|name| File {
            path: format!("BK_x/{name}"),
            size: 5,
            mtime: START,
        })
        .collect();
    let want = [
        "x-1786147200.tar remove unmatched",
        "x-1786233600.tar keep keep-last",
        "customer-1512345678.tar left ambiguous",
        "customer-1598765432.tar left ambiguous",
    ];
    assert_eq!(fates_of(&files, "keep-last=1", &[], false), want);
}

#[test]
fn what_is_never_pruned_is_told() {
    let zone = Zone::parse("UTC").unwrap();
    #[rustfmt::skip]
    let cases: [(&str, &[&str], Option<&str>, bool); 4] = [
        ("run numbers",      &["b/x_2026-08-01-run17.tar", "b/x_2026-08-02-run18.tar", "b/x_2026-08-03-run19.tar"],
            Some("b: nothing of 3 series of one backup each goes, as a number behind the date tells them apart: b/x_*-run17, b/x_*-run18, b/x_*-run19"), true),
        ("guests, one day",  &["b/x_2026-08-01-30017.tar", "b/x_2026-08-01-30018.tar", "b/x_2026-08-01-30019.tar"], None, false),
        ("words",            &["b/x_2026-08-01-a.tar", "b/x_2026-08-02-b.tar", "b/x_2026-08-03-c.tar"],             None, false),
        ("armored",          &["b/x_2026-08-01.tar", "b/y.log", "b/x_2026-08-02.tar.gz.asc"],
            Some("b: left alone, the archive that it would belong to isn't there, or it is that itself: x_2026-08-02.tar.gz.asc"), false),
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
    }
}
