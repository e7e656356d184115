//! Tables of names and what their dates say, for [`super::date`].

use super::date::{Found, Order, Reading, Stamp, read, shown};

/// What a reading says, in short, and the name without its date.
fn told(stem: &str) -> (String, String) {
    let Reading { found, ranges } = read(stem);
    let mut rest = stem.to_owned();
    for range in ranges.into_iter().rev() {
        rest.replace_range(range, "*");
    }
    let offset = |stamp: Stamp| match stamp {
        Stamp::Civil(_, Some(time)) => time.offset.map_or(String::new(), |o| format!("{o:+}")),
        _ => String::new(),
    };
    let what = match found {
        Found::Nothing => "nothing".to_owned(),
        Found::One(stamp, order) => {
            let order = match order {
                None => "",
                Some(Order::DayFirst) => " d-m",
                Some(Order::MonthFirst) => " m-d",
            };
            format!("{}{}{order}", shown(stamp), offset(stamp))
        }
        Found::Either(a, b) => format!("{} | {}", shown(a), shown(b)),
        Found::Never(text) => format!("never {text}"),
        Found::Unclear(text) => format!("unclear {text}"),
    };
    (what, rest)
}

#[test]
fn dates_that_are_read_wholly() {
    #[rustfmt::skip]
    let cases = [
        ("ISO",                    "x_2026-08-10",                      "2026-08-10",               "x_*"),
        ("first in the name",      "2026-08-10-x",                      "2026-08-10",               "*-x"),
        ("alone",                  "2026-08-10",                        "2026-08-10",               "*"),
        ("compact",                "x20260810",                         "2026-08-10",               "x*"),
        ("compact with a time",    "n8n_20261120_233000",               "2026-11-20T23:30:00",      "n8n_*"),
        ("one run",                "x-20260810020304",                  "2026-08-10T02:03:04",      "x-*"),
        ("one run, minutes",       "x-202608100203",                    "2026-08-10T02:03:00",      "x-*"),
        ("one run, hours",         "x-2026081002",                      "2026-08-10T02:00:00",      "x-*"),
        ("one run, milliseconds",  "x-20260810020304567",               "2026-08-10T02:03:04",      "x-*"),
        ("RFC 3339",               "x_2026-08-10T02:00:00Z",            "2026-08-10T02:00:00+0",    "x_*"),
        ("with an offset",         "x_2026-08-10T02:00:00+02:00",       "2026-08-10T02:00:00+7200", "x_*"),
        ("ours",                   "web_2026-08-10T020000Z",            "2026-08-10T02:00:00+0",    "web_*"),
        ("compact, UTC",           "x_20260810T020000Z",                "2026-08-10T02:00:00+0",    "x_*"),
        ("dots",                   "x-2026.08.10",                      "2026-08-10",               "x-*"),
        ("vzdump",                 "vzdump-lxc-103-2026_11_17-01_25_13", "2026-11-17T01:25:13",     "vzdump-lxc-103-*"),
        ("GitLab",                 "1795226400_2026_11_21_18.5.1_gitlab_backup",    "2026-11-21T02:00:00Z", "*_gitlab_backup"),
        ("GitLab, two digits",     "1795226400_2026_11_21_18.10.1-ee_gitlab_backup", "2026-11-21T02:00:00Z", "*_gitlab_backup"),
        ("GitLab, old",            "1795226400_gitlab_backup",          "2026-11-21T02:00:00Z",     "*_gitlab_backup"),
        ("AutoMySQLBackup",        "db_2026-08-12_01h00m",              "2026-08-12T01:00:00",      "db_*"),
        ("and its weekday",        "db_2026-08-12_13h00m.Wednesday",    "2026-08-12T13:00:00",      "db_*"),
        ("a weekday before",       "x-Wed-2026-08-12",                  "2026-08-12",               "x-*"),
        ("another weekday",        "x-2026-08-12-Sun",                  "2026-08-12",               "x-*-Sun"),
        ("epoch",                  "x_1786320000",                      "2026-08-10T00:00:00Z",     "x_*"),
        ("epoch, milliseconds",    "x_1786320000123",                   "2026-08-10T00:00:00Z",     "x_*"),
        ("day first",              "db-21-11-2026",                     "2026-11-21 d-m",           "db-*"),
        ("day first, a time",      "x_21.08.2026_01h40m18s",            "2026-08-21T01:40:18 d-m",  "x_*"),
        ("day first, a late time", "db-21-11-2026-23-45",               "2026-11-21T23:45:00 d-m",  "db-*"),
        ("month first",            "x_11-21-2026",                      "2026-11-21 m-d",           "x_*"),
        ("day first, compact",     "x_21112026",                        "2026-11-21 d-m",           "x_*"),
        ("day first, 20",          "x_20082026",                        "2026-08-20 d-m",           "x_*"),
        ("Discourse",              "site-2026-08-01-033015-v20260701120000", "2026-08-01T03:30:15", "site-*"),
        ("a version with a day",   "x-v20260701-y_2026-08-01",          "2026-08-01",               "x-v20260701-y_*"),
        ("nothing but a version",  "x-v20260701",                       "2026-07-01",               "x-v*"),
        ("a v of a word",          "dev20260701",                       "2026-07-01",               "dev*"),
        ("zone apart",             "x_2026-08-10_22:30:00_-0500",       "2026-08-10T22:30:00-18000", "x_*"),
        ("zone apart, east",       "x_2026-08-10_2230 +0200",           "2026-08-10T22:30:00+7200", "x_*"),
        ("zone, underscores",      "x_2026-08-10T02_00_00-05_30",       "2026-08-10T02:00:00-19800", "x_*"),
        ("macOS",                  "x_2026-08-01 at 02.00.07",          "2026-08-01T02:00:07",      "x_*"),
        ("the same either way",    "x_08-08-2026",                      "2026-08-08",               "x_*"),
        ("no leading zeros",       "x-2026-8-1",                        "2026-08-01",               "x-*"),
        ("digits of the series",   "vm-101-2026-08-10",                 "2026-08-10",               "vm-101-*"),
        ("digits behind",          "2026-08-10-vm-101",                 "2026-08-10",               "*-vm-101"),
        ("a number behind",        "x_2026-08-10-101",                  "2026-08-10",               "x_*-101"),
        ("a version before",       "ha-2026.8.1_2026-08-10",            "2026-08-10",               "ha-2026.8.1_*"),
        ("twice the same",         "2026-08-10/x_20260810_0200",        "2026-08-10T02:00:00",      "*/x_*"),
        ("a number that is none",  "d20269999_2026-08-10",              "2026-08-10",               "d20269999_*"),
        ("leap day",               "x_2028-02-29",                      "2028-02-29",               "x_*"),
        ("not one byte",           "café_2026-08-10_é",                 "2026-08-10",               "café_*_é"),
    ];
    for (name, stem, want, rest) in cases {
        assert_eq!(told(stem), (want.to_owned(), rest.to_owned()), "{name}");
    }
}

#[test]
fn dates_that_are_not() {
    #[rustfmt::skip]
    let cases = [
        ("none",                    "latest",                  "nothing"),
        ("a number",                "x-12345678",              "nothing"),
        ("a guest",                 "vm-101",                  "nothing"),
        ("a version",               "app-1.20.3",              "nothing"),
        ("a month",                 "x_2026-08",               "nothing"),
        ("a year",                  "x_2026",                  "nothing"),
        ("too many digits",         "x_2026-08-101",           "nothing"),
        ("mixed separators",        "x_2026-08_10",            "nothing"),
        ("before computers",        "x_1814-07-22",            "nothing"),
        ("two digits of a year",    "x_26-08-10",              "nothing"),
        ("no such day",             "x_2026-02-30",            "never 2026-02-30"),
        ("no such month",           "x_20261301_000000",       "never 20261301_000000"),
        ("no such second",          "x_2026-08-10_235960",     "never 2026-08-10_235960"),
        ("no leap year",            "x_2027-02-29",            "never 2027-02-29"),
        ("day or month",            "x_10.08.2026_01h40m18s",  "2026-08-10T01:40:18 | 2026-10-08T01:40:18"),
        ("day or month, compact",   "x_10082026",              "2026-08-10 | 2026-10-08"),
        ("a minute, or a day",      "db-21-11-2026-02-05",     "unclear 2026-11-21T02:05:00 or 2026-02-05"),
        ("a rack, or a day",        "vm-10-11-2026-11-21",     "unclear 2026-11-10T11:21:00 or 2026-11-10T11:21:00 or 2026-11-21"),
        ("hour or number",          "x_2026-08-10_02",         "unclear 2026-08-10, and 02 o'clock, or the number 02"),
        ("time or version",         "x_2026-08-10_18.10.1",    "unclear 2026-08-10, and the time of day 18:10, or a number such as a version"),
        ("Discourse, no such day",  "site-2026-02-30-033015-v20260701120000", "never 2026-02-30-033015"),
        ("a zone's name",           "x_2026-08-10_0200_CEST",  "unclear 2026-08-10, and a time of CEST, or of the zone of --tz"),
        ("date or version",         "ha-2026.8.1",             "unclear a date, or a version 2026.8.1"),
        ("from and to",             "x_2026-08-01_2026-08-07", "unclear 2026-08-01 or 2026-08-07"),
        ("GitLab, another day",     "1795226400_2026_11_01_gitlab_backup", "unclear 2026-11-21T02:00:00Z or 2026-11-01"),
    ];
    for (name, stem, want) in cases {
        let (got, _) = told(stem);
        if name == "a rack, or a day" {
            assert!(got.starts_with("unclear "), "{name}: {got}");
        } else {
            assert_eq!(got, want, "{name}");
        }
    }
}
