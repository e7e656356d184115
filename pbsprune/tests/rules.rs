//! The rules against a slow and obvious model of them, and what must hold for any list.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use serde_json::{Value, json};
use support::{NOW, prune};

const RULES: [&str; 6] = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];

/// A snapshot as the model sees it; `place` is its row.
#[derive(Clone, Debug)]
struct Snapshot {
    time: i64,
    finished: bool,
    protected: bool,
    verification: Option<&'static str>,
    group: u8,
}

/// facts/pbs.md, section 1, word for word, with strings for period ids and sets for
/// everything; nothing shared with the tool but jiff's calendar.
fn model(
    group: &[Snapshot],
    keep: &[u64; 6],
    zone: &jiff::tz::TimeZone,
) -> Vec<(String, Option<String>, Option<u64>)> {
    let mut order: Vec<usize> = (0..group.len()).collect();
    order.sort_by_key(|&i| -group[i].time);
    let mut marks: HashMap<usize, (String, Option<String>, Option<u64>)> = HashMap::new();
    for (n, &i) in order.iter().enumerate() {
        if !group[i].finished {
            let mark = match n {
                0 => ("keep-partial".to_owned(), None, None),
                _ => ("remove".to_owned(), Some("incomplete".to_owned()), None),
            };
            marks.insert(i, mark);
        }
    }
    let id = |rule: &str, time: i64| {
        let local = jiff::Timestamp::from_second(time)
            .unwrap()
            .to_zoned(zone.clone());
        let week = local.date().iso_week_date();
        match rule {
            "last" => time.to_string(),
            "hourly" => local.strftime("%Y/%m/%d/%H").to_string(),
            "daily" => local.strftime("%Y/%m/%d").to_string(),
            "weekly" => format!("{}/{}", week.year(), week.week()),
            "monthly" => local.strftime("%Y/%m").to_string(),
            _ => local.strftime("%Y").to_string(),
        }
    };
    for (rule, &count) in RULES.iter().zip(keep) {
        let kept = marks.iter().filter(|(_, mark)| mark.0 == "keep");
        let covered: BTreeSet<String> = kept.map(|(&i, _)| id(rule, group[i].time)).collect();
        let mut opened: BTreeSet<String> = BTreeSet::new();
        for &i in &order {
            if marks.contains_key(&i) || group[i].protected {
                continue;
            }
            let period = id(rule, group[i].time);
            if covered.contains(&period) {
                continue;
            }
            if opened.contains(&period) {
                marks.insert(i, ("remove".to_owned(), Some((*rule).to_owned()), None));
            } else if opened.len() as u64 == count {
                break;
            } else {
                opened.insert(period);
                let reason = Some(format!("keep-{rule}"));
                marks.insert(i, ("keep".to_owned(), reason, Some(opened.len() as u64)));
            }
        }
    }
    let nothing = keep.iter().sum::<u64>() == 0;
    (0..group.len())
        .map(|i| {
            let mark = marks.remove(&i);
            let partial = mark.as_ref().is_some_and(|mark| mark.0 == "keep-partial");
            if group[i].protected {
                ("protected".to_owned(), None, None)
            } else if nothing && !partial {
                ("keep".to_owned(), Some("keep-all".to_owned()), None)
            } else {
                mark.unwrap_or_else(|| ("remove".to_owned(), Some("unmatched".to_owned()), None))
            }
        })
        .collect()
}

fn row(snapshot: &Snapshot) -> Value {
    let files = if snapshot.finished {
        json!([{"filename": "index.json.blob"}])
    } else {
        json!([])
    };
    let kind = ["vm", "ct", "vm"][usize::from(snapshot.group)];
    let mut row = json!({
        "backup-type": kind,
        "backup-id": "100",
        "backup-time": snapshot.time,
        "files": files,
        "protected": snapshot.protected,
    });
    if snapshot.group == 2 {
        row["ns"] = json!("prod");
    }
    if let Some(state) = snapshot.verification {
        row["verification"] = json!({"state": state, "upid": "UPID:"});
    }
    row
}

fn list(snapshots: &[Snapshot]) -> Vec<u8> {
    let rows = snapshots
        .iter()
        .map(|snapshot| row(snapshot).to_string() + "\n");
    rows.collect::<String>().into_bytes()
}

fn call(keep: &[u64; 6], zone: &str, more: &[&str]) -> Vec<String> {
    // A list of no rows is spelled as not a byte here.
    let mut call = vec![format!("--tz={zone}"), "--allow-empty".to_owned()];
    call.extend(
        RULES
            .iter()
            .zip(keep)
            .map(|(rule, count)| format!("--keep-{rule}={count}")),
    );
    call.extend(more.iter().map(|word| (*word).to_owned()));
    call
}

/// Times close enough to share hours, days and weeks, around changes of the clock and of
/// the year, and now and then anywhere.
fn time() -> impl Strategy<Value = i64> {
    let bases = prop::sample::select(vec![
        1_729_987_200, // 2024-10-27, clocks go back
        1_711_846_800, // 2024-03-31, and forward
        1_609_459_200, // 2021-01-01, week 53 of 2020
        1_289_095_200, // 2010-11-07, St John's: midnight twice
        1_325_239_200, // 2011-12-30, left out in Apia
        0,
    ]);
    prop_oneof![
        8 => (bases.clone(), -30_000_i64..30_000).prop_map(|(base, off)| base + off * 61),
        4 => (bases.clone(), -200_i64..200).prop_map(|(base, days)| base + days * 86_400),
        4 => (bases, -20_i64..20).prop_map(|(base, halves)| base + halves * 1_800),
        1 => 0..4_000_000_000_i64,
    ]
}

fn snapshots() -> impl Strategy<Value = Vec<Snapshot>> {
    let verification = prop::sample::select(vec![None, None, Some("ok"), Some("failed")]);
    let snapshot = (
        time(),
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.1),
        verification,
        0..3_u8,
    );
    prop::collection::vec(snapshot, 0..60).prop_map(|list| {
        let mut seen = BTreeSet::new();
        let fresh = list.into_iter().filter(|s| seen.insert((s.4, s.0)));
        fresh
            .map(
                |(time, finished, protected, verification, group)| Snapshot {
                    time,
                    finished,
                    protected,
                    verification,
                    group,
                },
            )
            .collect()
    })
}

fn keep() -> impl Strategy<Value = [u64; 6]> {
    let count =
        prop_oneof![3 => Just(0_u64), 3 => 1..4_u64, 1 => 4..40_u64, 1 => Just(u64::MAX / 8)];
    [
        count.clone(),
        count.clone(),
        count.clone(),
        count.clone(),
        count.clone(),
        count,
    ]
}

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Antarctica/Troll",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "XXX3YYY,M3.2.0/0:01,M11.1.0/0:01",
];

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ZONES.to_vec())
}

fn removed(records: &[Value]) -> BTreeSet<String> {
    let removed = records.iter().filter(|record| record["mark"] == "remove");
    let name = |r: &Value| format!("{} {} {}", r["ns"], r["backup-type"], r["backup-time"]);
    removed.map(name).collect()
}

fn sorted(records: Vec<Value>) -> Vec<String> {
    let mut lines: Vec<_> = records.iter().map(Value::to_string).collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_model_agrees(list_of in snapshots(), keep in keep(), zone in zone()) {
        let run = prune(&call(&keep, zone, &["--no-guards"]), &list(&list_of));
        prop_assert_eq!(&run.code, &Ok(0));
        let got = run.records();
        prop_assert_eq!(got.len(), list_of.len());
        let zone = pbsprune::zone::Zone::parse(zone).unwrap();
        let mut groups: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (place, snapshot) in list_of.iter().enumerate() {
            groups.entry(snapshot.group).or_default().push(place);
        }
        for places in groups.values() {
            let group: Vec<_> = places.iter().map(|&place| list_of[place].clone()).collect();
            let want = model(&group, &keep, zone.time_zone());
            for (&place, (mark, reason, count)) in places.iter().zip(want) {
                let row = &got[place];
                prop_assert_eq!(row["mark"].as_str(), Some(mark.as_str()), "{}", row);
                prop_assert_eq!(row["reason"].as_str(), reason.as_deref(), "{}", row);
                prop_assert_eq!(row["count"].as_u64(), count, "{}", row);
            }
        }
    }

    #[test]
    fn what_holds_for_any_list(list_of in snapshots(), keep in keep(), zone in zone(), turn in 0..60_usize) {
        let input = list(&list_of);
        let call_of = |more: &[&str]| call(&keep, zone, more);
        let run = prune(&call_of(&["--no-guards"]), &input);
        let records = run.records();

        // kept + removed = all, and each row has what belongs to its mark
        for (record, snapshot) in records.iter().zip(&list_of) {
            prop_assert_eq!(record["backup-time"].as_i64(), Some(snapshot.time));
            let mark = record["mark"].as_str().unwrap();
            prop_assert!(["keep", "keep-partial", "protected", "remove"].contains(&mark));
            let reason = record["reason"].as_str().unwrap_or("");
            let periodic = |reason: &str| RULES[1..].contains(&reason.trim_start_matches("keep-"));
            prop_assert_eq!(record["period"].is_string(), periodic(reason), "{}", record);
            prop_assert_eq!(record["count"].is_u64(), RULES.iter().any(|r| reason == format!("keep-{r}")));
            prop_assert!(!record["why"].as_str().unwrap().is_empty());
            if RULES[1..].contains(&reason) {
                prop_assert!(record["because"].as_i64().unwrap() > snapshot.time, "{}", record);
            }
            if mark != "remove" {
                prop_assert!(record["because"].is_null(), "{}", record);
            }
        }
        // --removals is the rows to remove, oldest first in a group
        let only = prune(&call_of(&["--no-guards", "--removals"]), &input).records();
        let marked: Vec<_> = records.iter().filter(|r| r["mark"] == "remove").cloned().collect();
        prop_assert_eq!(sorted(only.clone()), sorted(marked));
        let group = |r: &Value| (r["ns"].to_string(), r["backup-type"].to_string());
        for pair in only.windows(2).filter(|pair| group(&pair[0]) == group(&pair[1])) {
            prop_assert!(pair[0]["backup-time"].as_i64() < pair[1]["backup-time"].as_i64());
        }

        // a group with a finished snapshot keeps one
        for group in 0..3 {
            let mut finished = list_of.iter().zip(&records).filter(|(s, _)| s.group == group && s.finished);
            let any = finished.clone().next().is_some();
            prop_assert!(!any || finished.any(|(_, record)| record["mark"] != "remove"));
        }

        // the order of the rows, and a row said twice, change no mark
        let mut turned = list_of.clone();
        turned.reverse();
        if !turned.is_empty() {
            let middle = turn % turned.len();
            turned.rotate_left(middle);
        }
        let other = prune(&call_of(&["--no-guards"]), &list(&turned)).records();
        prop_assert_eq!(sorted(other), sorted(records.clone()));
        let mut twice = list_of.clone();
        twice.extend_from_slice(&list_of[..list_of.len().min(turn)]);
        let said_twice = prune(&call_of(&["--no-guards"]), &list(&twice));
        prop_assert_eq!(&said_twice.records()[..records.len()], &records[..]);
        let repeats = twice.len() > list_of.len();
        prop_assert_eq!(said_twice.notes.iter().any(|note| note.contains("counted once")), repeats);

        // twice the same; and what is marked already is marked again alike
        let again = prune(&call_of(&["--no-guards"]), run.output.as_bytes());
        prop_assert_eq!(&again.output, &run.output);

        // further options and guards only take away from what is removed
        let bare = removed(&records);
        for more in [&["--verified"][..], &["--keep-within=20d"], &["--keep-oldest"], &["--verified", "--keep-oldest", "--keep-within=1h"],
                     &["--max-remove=3"], &["--max-remove-total=10%"], &["--stale-after=3000d"]] {
            let answer = prune(&call_of(more), &input);
            let rows = answer.records();
            prop_assert!(removed(&rows).is_subset(&bare), "{:?}", more);
            for record in &rows {
                prop_assert!(record["error"].is_object() ^ record["mark"].is_string(), "{}", record);
            }
            let refused = rows.iter().any(|record| record["error"].is_object());
            prop_assert_eq!(answer.code, Ok(u8::from(refused)));
        }
        // with --verified a group is never left without its newest verified one
        let verified = prune(&call_of(&["--no-guards", "--verified"]), &input).records();
        for group in 0..3 {
            let good = list_of.iter().zip(&verified).filter(|(s, _)| {
                s.group == group && s.finished && s.verification == Some("ok")
            });
            if let Some((_, record)) = good.max_by_key(|(s, _)| s.time) {
                prop_assert_ne!(&record["mark"], "remove");
            }
        }
    }

    #[test]
    fn a_future_backup_stops_its_group_alone(list_of in snapshots(), keep in keep(), ahead in 3_601..1_000_000_i64) {
        let mut list_of: Vec<_> = list_of.into_iter().filter(|s| s.time <= NOW).collect();
        let mut newest = Snapshot { time: NOW + 3_600, finished: true, protected: false, verification: None, group: 0 };
        list_of.push(newest.clone());
        let near = prune(&call(&keep, "UTC", &[]), &list(&list_of));
        prop_assert_eq!(near.code, Ok(0));
        newest.time = NOW + ahead;
        list_of.push(newest);
        let run = prune(&call(&keep, "UTC", &[]), &list(&list_of));
        prop_assert_eq!(&run.code, &Ok(1));
        for (record, snapshot) in run.records().iter().zip(&list_of) {
            let code = record["error"]["code"].as_str();
            prop_assert_eq!(code, (snapshot.group == 0).then_some("future-dated"));
        }
        let allowed = prune(&call(&keep, "UTC", &["--allow-future"]), &list(&list_of));
        prop_assert_eq!(allowed.code, Ok(0));
    }
}

/// Pieces of lists, put together at random: nearer to what is read than random bytes.
fn nearly_a_list() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        r#"{"backup-type":"vm","backup-id":"1","backup-time":"#,
        "1718000702",
        "-1",
        "1.5",
        "1e3",
        "99999999999999999999",
        "null",
        r#","files":["#,
        r#"{"filename":"index.json.blob"}"#,
        r#""index.json.blob""#,
        r#"{"filename":"#,
        "]}",
        "}",
        "]",
        "[",
        "{",
        ",",
        r#","protected":true"#,
        r#","protected":1"#,
        r#","verification":{"state":"ok"}"#,
        r#","verification":[]"#,
        r#","mark":"remove""#,
        r#","error":{"code":"x"}"#,
        r#","ns":"\ud800""#,
        r#","backup-t\u0069me":5"#,
        r#"{"data":["#,
        r#"],"next":1}"#,
        " ",
        "\n",
        "\u{feff}",
        "\\",
    ]);
    let bytes = prop::collection::vec(any::<u8>(), 0..8);
    let piece = prop_oneof![9 => pieces.prop_map(|piece| piece.as_bytes().to_vec()), 1 => bytes];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_it_panic(input in prop_oneof![prop::collection::vec(any::<u8>(), 0..400), nearly_a_list()]) {
        for call in [&["--keep-daily=1", "--verified", "--keep-oldest"][..], &["--format=table", "--keep-last=1"],
                     &["diff", "--a=keep-last=1", "--b=keep-daily=1"], &["simulate", "--every=1d", "--for=3d", "--keep-last=2"]] {
            let run = prune(call, &input);
            if let Err((code, _)) = run.code {
                prop_assert_eq!(code, 2);
                prop_assert_eq!(run.output, "");
            }
        }
    }
}
