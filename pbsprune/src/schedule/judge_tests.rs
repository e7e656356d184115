//! What is found of planted faults, where nothing is found, and that what is suggested is good.

use proptest::prelude::*;
use serde_json::{Value, json};
use vmid::{exempt::Exemptions, severity::Severity, site::Site};

use super::{
    code::CODES,
    gathered::{Gathered, gather},
    judge::{Frame, Verdict, judge},
    source::read,
};
use crate::zone::Zone;

/// Thursday, 2026-11-26, 12:00:00 UTC.
const NOW: i64 = 1_795_694_400;

fn judged(rows: &[Value], site: Option<&str>) -> (Gathered, Verdict) {
    let input: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let zone = Zone::parse("America/Los_Angeles").unwrap();
    let gathered = gather(read(input.as_bytes(), true).unwrap(), &zone, false, NOW);
    let site = site.map(|site| Site::parse(site.as_bytes()).unwrap());
    let today = jiff::civil::date(2026, 11, 26);
    let exemptions = site.as_ref().map(|site| Exemptions::of(site, CODES, today));
    let frame = Frame {
        now: NOW,
        days: 35,
        next: 1,
        zone: None,
        site_zone: None,
    };
    let verdict = judge(&gathered, exemptions, &frame);
    (gathered, verdict)
}

/// `JOB CODE SEVERITY` of all that is found, without what is merely worth knowing unless `all`.
fn found(gathered: &Gathered, verdict: &Verdict, all: bool) -> Vec<String> {
    let jobs = gathered.jobs().zip(verdict.jobs.iter().flatten());
    let of_jobs = jobs.flat_map(|(job, judged)| {
        let findings = judged.findings.iter();
        findings.map(|found| (job.name.clone(), found))
    });
    let of_all = verdict.whole.iter().map(|found| ("*".to_owned(), found));
    let left = verdict
        .exemptions
        .iter()
        .map(|(subject, found)| (subject.to_string(), found));
    let found = of_jobs.chain(of_all).chain(left);
    let found = found.filter(|(_, found)| all || found.severity > Severity::Info);
    found
        .map(|(name, found)| format!("{name} {} {}", found.code, found.severity.name()))
        .collect()
}

/// A night in which nothing is in the way of anything, with each job's length known.
fn night() -> Vec<Value> {
    vec![
        json!({"from": "pve-node", "node": "a", "tz": "America/Los_Angeles"}),
        json!({"from": "pve-node", "node": "b", "tz": "America/Los_Angeles"}),
        json!({"from": "pve-storage", "storage": "pbs", "type": "pbs", "datastore": "s"}),
        json!({"from": "pve-storage", "storage": "nas", "type": "nfs"}),
        json!({"from": "pbs-time", "timezone": "America/Los_Angeles"}),
        json!({"from": "pve-backup", "id": "vms", "schedule": "21:00", "all": 1, "storage": "pbs", "repeat-missed": 1}),
        json!({"from": "pve-replication", "id": "101-0", "source": "a", "target": "b", "schedule": "*/15", "duration": 4.5}),
        json!({"from": "pbs-prune", "id": "p", "store": "s", "schedule": "23:30"}),
        json!({"from": "pbs-gc", "store": "s", "schedule": "23:45", "duration": 600}),
        json!({"from": "pbs-verify", "id": "v", "store": "s", "schedule": "sat 05:00", "outdated-after": 30}),
        task("pve-task", "vzdump", "a", at(2, 21), 1_800),
        task("pve-task", "vzdump", "b", at(2, 21) + 40, 2_400),
        task("pve-task", "vzdump", "a", at(1, 21), 3_000),
        json!({"from": "pbs-task", "worker_type": "prunejob", "worker_id": "s:p", "starttime": at(2, 23), "endtime": at(2, 23) + 30, "status": "OK"}),
        json!({"from": "pbs-task", "worker_type": "verificationjob", "worker_id": "s:v", "starttime": at(5, 5), "endtime": at(5, 5) + 7_200, "status": "OK"}),
    ]
}

/// An hour of Los Angeles, so many days ago.
fn at(days: i64, hour: i64) -> i64 {
    // Midnight there was at 08:00 UTC.
    NOW - 4 * 3_600 - days * 86_400 + hour * 3_600
}

fn task(source: &str, kind: &str, node: &str, start: i64, length: i64) -> Value {
    json!({"from": source, "type": kind, "node": node, "id": "", "starttime": start, "endtime": start + length, "status": "OK"})
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let (gathered, verdict) = judged(&night(), None);
    assert_eq!(found(&gathered, &verdict, true), ["vms same-minute info"]);
    let lengths: Vec<_> = gathered
        .jobs()
        .map(|job| job.length.map(|l| (l.median_s, l.most_s, l.runs)))
        .collect();
    #[rustfmt::skip]
    let want = [
        Some((2_400, 3_000, 2)), // each night as long as its last node
        Some((4, 4, 1)), Some((30, 30, 1)), Some((600, 600, 1)), Some((7_200, 7_200, 1)),
    ];
    assert_eq!(lengths, want);
}

#[test]
fn each_fault_is_found_where_it_is_planted() {
    let backup = |id: &str, schedule: &str| json!({"from": "pve-backup", "id": id, "schedule": schedule, "all": 1, "storage": "nas", "repeat-missed": 1});
    let plain = |of: Value| {
        let mut row = json!({"name": "x", "schedule": "12:00", "duration_s": 60});
        row.as_object_mut()
            .unwrap()
            .extend(of.as_object().unwrap().clone());
        row
    };
    let guest = |vmid: i64, node: &str| json!({"from": "pve-guest", "vmid": vmid, "node": node});
    let of = |id: &str, vmid: &str| json!({"from": "pve-backup", "id": id, "schedule": "12:00", "vmid": vmid, "storage": "nas", "repeat-missed": 1});
    let long = |id: &str, node: &str| {
        task(
            "pve-task",
            "vzdump",
            node,
            at(2, 12),
            if id == "long" { 11_000 } else { 60 },
        )
    };
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<Value>, Vec<&str>)> = vec![
        ("skipped in spring", vec![plain(json!({"schedule": "02:30"}))], vec!["x dst-skipped warning"]),
        ("every second hour", vec![plain(json!({"schedule": "0/2:00"}))], vec![]),
        ("twice a day, in the same night", vec![plain(json!({"schedule": "02:15,45"}))], vec!["x dst-skipped warning"]),
        ("every second hour, twice", vec![plain(json!({"schedule": "30 1-23/2 * * *", "scheduler": "semaphore"}))], vec![]),
        ("not in UTC", vec![plain(json!({"schedule": "02:30 UTC"}))], vec![]),
        ("semaphore's, skipped", vec![plain(json!({"schedule": "30 2 * * *", "scheduler": "semaphore"}))], vec!["x dst-skipped warning"]),
        ("semaphore's, twice", vec![plain(json!({"schedule": "30 1 * * *", "scheduler": "semaphore"}))], vec!["x dst-twice warning"]),
        ("cron's", vec![plain(json!({"schedule": "30 2 * * *", "scheduler": "cron"}))], vec![]),
        ("at a node, during its backup", vec![plain(json!({"schedule": "21:10", "on": "a"}))], vec!["x overlap warning"]),
        ("at another node", vec![plain(json!({"schedule": "21:10", "on": "c"}))], vec![]),
        ("in the minute of the collection", vec![plain(json!({"schedule": "23:45", "on": ["s"]}))], vec!["gc s same-minute warning"]),
        ("by another clock, and so in the way", vec![plain(json!({"schedule": "05:10", "tz": "UTC", "on": "a"}))],
            vec!["x zone-differs warning", "x overlap warning"]),
        ("each quarter, at a place of others", vec![plain(json!({"schedule": "*/15", "on": ["a", "s"]}))], vec![]),
        ("two backups", vec![backup("n", "21:05")], vec!["n queue warning"]),
        ("two backups at once", vec![backup("n", "21:00")], vec!["vms queue warning"]),
        ("the second gives up", vec![backup("long", "12:00"), backup("n", "12:02"), long("long", "a")], vec!["n queue critical"]),
        ("one waits longer", vec![backup("long", "12:00"), long("long", "a"),
            json!({"from": "pve-backup", "id": "n", "schedule": "12:02", "all": 1, "storage": "nas", "repeat-missed": 1, "lockwait": 600})], vec!["n queue warning"]),
        ("of guests on two nodes", vec![guest(201, "a"), guest(202, "b"), of("m", "201"), of("n", "202")], vec![]),
        ("of guests on one node", vec![guest(201, "a"), guest(202, "a"), of("m", "201"), of("n", "202")], vec!["n queue warning"]),
        ("of guests nobody knows where", vec![of("m", "201"), of("n", "202")], vec![]),
        ("of one guest, nobody knows where", vec![of("m", "201"), of("n", "201,202")], vec!["n queue warning"]),
        ("of all, and of a guest", vec![backup("m", "12:00"), of("n", "201")], vec!["n queue warning"]),
        ("at a node without its guests", vec![guest(201, "b"), of("n", "201"), plain(json!({"on": "a"}))], vec![]),
        ("at another node alone", vec![json!({"from": "pve-backup", "id": "n", "schedule": "21:05", "node": "c", "storage": "nas", "repeat-missed": 1})], vec![]),
        ("missed, daily", vec![json!({"from": "pve-backup", "id": "n", "schedule": "12:00", "storage": "nas"})], vec![]),
        ("missed, weekly", vec![json!({"from": "pve-backup", "id": "n", "schedule": "sun 12:00", "storage": "nas"})], vec!["n missed-not-repeated warning"]),
        ("collection before pruning", vec![json!({"from": "pbs-prune", "id": "q", "store": "s", "schedule": "23:50"})], vec!["q gc-before-prune warning"]),
        ("pruning of another datastore", vec![json!({"from": "pbs-prune", "id": "q", "store": "t", "schedule": "23:50"})], vec![]),
        ("verified too rarely", vec![json!({"from": "pbs-verify", "id": "w", "store": "s", "schedule": "*-*-15 12:00", "outdated-after": 7})],
            vec!["w verify-never-catches-up warning"]),
        ("verified too slowly", vec![json!({"from": "pbs-verify", "id": "w", "store": "t", "schedule": "12:00"}),
            json!({"from": "pbs-task", "worker_type": "verificationjob", "worker_id": "t:w", "starttime": 1, "endtime": 90_001, "status": "OK"})],
            vec!["w verify-never-catches-up warning"]),
        ("outdated after no time that there is", vec![json!({"from": "pbs-verify", "id": "w", "store": "t", "schedule": "12:00", "outdated-after": i64::MAX})], vec![]),
        ("lengths that no job has", vec![
            json!({"from": "pbs-gc", "store": "t", "schedule": "12:30", "duration": i64::MAX}),
            json!({"from": "pbs-prune", "id": "q", "store": "t", "schedule": "12:00", "last-run-endtime": i64::MAX,
                "last-run-upid": format!("UPID:h:0:0:0:-{:X}:prunejob:t:root@pam:", i64::MAX)}),
            json!({"from": "pbs-verify", "id": "w", "store": "t", "schedule": "12:10"}),
            json!({"from": "pbs-task", "worker_type": "verificationjob", "worker_id": "t:w", "starttime": i64::MIN, "endtime": i64::MAX, "status": "OK"}),
            json!({"from": "pve-task", "type": "vzdump", "node": "a", "starttime": i64::MIN, "endtime": i64::MIN, "status": "OK"}),
        ], vec![]),
        ("a collection that takes two days", vec![json!({"from": "pbs-gc", "store": "t", "schedule": "12:00", "duration": 200_000})], vec!["gc t overlap warning"]),
        ("it is done in time", vec![json!({"from": "pbs-gc", "store": "t", "schedule": "12:00", "duration": 86_400})], vec![]),
        ("each quarter, for an hour", vec![plain(json!({"schedule": "*/15", "duration_s": 3_600}))], vec!["x overlap warning"]),
        ("a verification twice a day", vec![json!({"from": "pbs-verify", "id": "w", "store": "t", "schedule": "1,3:00"}),
            json!({"from": "pbs-task", "worker_type": "verificationjob", "worker_id": "t:w", "starttime": 1, "endtime": 9_001, "status": "OK"})],
            vec!["w overlap warning"]),
        ("a date that never comes", vec![plain(json!({"schedule": "2-30"}))], vec!["x never-runs warning"]),
        ("garbage that stays", vec![json!({"from": "pbs-gc", "store": "t"})], vec!["gc t never-runs warning"]),
        ("switched off", vec![plain(json!({"schedule": "02:30", "enabled": false}))], vec![]),
        ("a storage that can't be seen", vec![json!({"from": "pve-backup", "id": "n", "schedule": "12:00", "storage": "hidden", "repeat-missed": 1})],
            vec!["n unseen unknown"]),
        ("a list that can't be seen", vec![json!({"from": "unseen", "list": "backup jobs", "right": "Sys.Audit on /"})], vec!["* unseen unknown"]),
    ];
    for (name, more, want) in cases {
        let mut rows = night();
        rows.extend(more);
        let (gathered, verdict) = judged(&rows, None);
        assert_eq!(found(&gathered, &verdict, false), want, "{name}");
    }
}

/// Nobody's length is known by a task that either of two jobs could have begun.
#[test]
fn a_task_that_two_could_have_begun() {
    let mut rows = night();
    rows.push(json!({"from": "pve-backup", "id": "n", "schedule": "21:00", "node": "a", "storage": "nas"}));
    let (gathered, _) = judged(&rows, None);
    let of = |name: &str| gathered.jobs().find(|job| job.name == name).unwrap().length;
    // Of node b alone, where the second doesn't run.
    assert_eq!(
        of("vms").map(|length| (length.most_s, length.runs)),
        Some((2_400, 1))
    );
    assert_eq!(of("n"), None);
}

#[test]
fn of_the_same_name() {
    let rows = [
        json!({"from": "pbs-prune", "id": "daily", "store": "s", "schedule": "12:00"}),
        json!({"from": "pbs-verify", "id": "daily", "store": "s", "schedule": "13:00"}),
    ];
    let (gathered, _) = judged(&rows, None);
    let names: Vec<&str> = gathered.jobs().map(|job| &*job.name).collect();
    assert_eq!(names, ["prune daily", "verify daily"]);
}

#[test]
fn what_the_site_lets_pass() {
    let rows = [json!({"name": "x", "schedule": "02:30", "on": "a", "duration_s": 1})];
    #[rustfmt::skip]
    let cases = [
        (r#"{"code":"dst-skipped","why":"harmless","job":"x"}"#, vec![]),
        (r#"{"code":"dst-skipped","why":"harmless","job":"y"}"#, vec!["x dst-skipped warning", "job \"y\" exemption-unused warning"]),
        (r#"{"code":"dst-skipped","why":"harmless","job":"x","until":"2026-01-31"}"#,
            vec!["x dst-skipped warning", "job \"x\" exemption-expired warning"]),
        (r#"{"code":"privileged","why":"another verb's","vmid":101}"#, vec!["x dst-skipped warning"]),
    ];
    for (exempt, want) in cases {
        let site = format!(r#"{{"exempt":[{exempt}]}}"#);
        let (gathered, verdict) = judged(&rows, Some(&site));
        assert_eq!(found(&gathered, &verdict, false), want, "{exempt}");
        let suggest = verdict.jobs[0].as_ref().unwrap().suggest.is_some();
        assert_eq!(suggest, !want.is_empty(), "{exempt}");
    }
}

/// Each job is looked at with all others, and yet the time grows with the jobs: of some hundreds it is seconds.
#[test]
fn three_hundred_prunings_of_one_datastore() {
    let prune = |n: usize| {
        let schedule = format!("02:{:02}", n % 60);
        json!({"from": "pbs-prune", "id": format!("p{n}"), "store": "s", "schedule": schedule})
    };
    let mut rows: Vec<Value> = (0..300).map(prune).collect();
    rows.push(json!({"from": "pbs-gc", "store": "s", "schedule": "02:30"}));
    let begun = std::time::Instant::now();
    let (_, verdict) = judged(&rows, None);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    let moved = verdict.jobs.iter().flatten();
    let moved = moved.filter(|judged| judged.suggest.is_some()).count();
    assert_eq!(moved, 301);
}

fn any_job() -> impl Strategy<Value = Value> {
    let times = prop::sample::select(vec![
        "02:00",
        "02:30",
        "03:00",
        "12:00",
        "sun 03:00",
        "mon..fri 02:30",
        "*-*-1 02:15",
        "0/6:00",
        "daily",
        "*/15",
    ]);
    let kinds = prop::sample::select(vec![
        "backup",
        "other",
        "sync",
        "prune",
        "gc",
        "verify",
        "replication",
    ]);
    let places = prop::sample::subsequence(vec!["a", "b", "s"], 0..=3);
    (times, kinds, places, prop::option::of(0..20_000_i64)).prop_map(|(schedule, kind, on, length)| {
        json!({"schedule": schedule, "kind": kind, "on": on, "duration_s": length})
    })
}

/// A server's clock is not this machine's: where nobody says which it is, that is not seen.
#[test]
fn zones_that_nobody_says() {
    let node = json!({"from": "pve-node", "node": "a"});
    let backup =
        json!({"from": "pve-backup", "id": "j", "schedule": "02:00", "node": "a", "all": 1});
    let gc = json!({"from": "pbs-gc", "store": "s", "schedule": "04:00"});
    let plain = json!({"name": "x", "schedule": "02:00"});
    let with = |row: &Value, field: &str, value: &str| {
        let mut row = row.clone();
        row[field] = json!(value);
        row
    };
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<Value>, bool, &str)> = vec![
        ("nobody",           vec![node.clone(), backup.clone(), gc.clone()], true, "the time zone of j and 1 more"),
        ("--tz or the site", vec![node.clone(), backup.clone(), gc.clone()], false, ""),
        ("the node",         vec![with(&node, "tz", "Europe/Berlin"), backup.clone(), gc.clone()], true, "the time zone of gc s"),
        ("a schedule in UTC", vec![with(&backup, "schedule", "02:00 UTC")], true, ""),
        ("told before",      vec![json!({"from": "unseen", "list": "the backup server's time zone", "right": "r"}), gc], true, "the backup server's time zone"),
        ("a plain record",   vec![plain], true, ""),
    ];
    for (name, rows, guessed, want) in cases {
        let input: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let rows = read(input.as_bytes(), true).unwrap();
        let gathered = gather(rows, &Zone::utc(), guessed, NOW);
        let lists: Vec<&str> = gathered
            .unseen
            .iter()
            .map(|one| one.list.as_str())
            .collect();
        assert_eq!(lists.join(", "), want, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Where each job is moved to what is suggested, none of those is in anybody's way, or skipped.
    #[test]
    fn what_is_moved_meets_nothing(jobs in prop::collection::vec(any_job(), 1..9)) {
        let mut rows = jobs;
        for (place, row) in rows.iter_mut().enumerate() {
            row["name"] = json!(format!("j{place}"));
        }
        let (_, verdict) = judged(&rows, None);
        let mut moved = Vec::new();
        for (row, judged) in rows.iter_mut().zip(&verdict.jobs) {
            let judged = judged.as_ref().unwrap();
            if let Some(suggest) = &judged.suggest {
                row["schedule"] = json!(suggest);
                moved.push(row["name"].as_str().unwrap().to_owned());
            }
        }
        let (gathered, verdict) = judged(&rows, None);
        for (job, judged) in gathered.jobs().zip(verdict.jobs.iter().flatten()) {
            for found in judged.findings.iter().filter(|found| found.severity > Severity::Info) {
                let with = found.evidence["with"].as_str().unwrap_or_default();
                let own = ["dst-skipped", "dst-twice"].contains(&found.code) && moved.contains(&job.name);
                let met = ["same-minute", "overlap", "queue"].contains(&found.code)
                    && (moved.contains(&job.name) || moved.iter().any(|name| name == with));
                prop_assert!(!own && !met, "{}: {found:?}", job.name);
            }
        }
    }
}
