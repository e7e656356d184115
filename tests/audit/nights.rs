//! The difference between the pages of two nights is what has changed.

use std::fs;

use serde_json::{Value, json};

use crate::{
    bed::Bed,
    documents::{finding, guest, looked, ordinary, state},
    sim::with,
};

/// The lines of a file of records.
fn records(bed: &Bed, name: &str) -> Vec<Value> {
    let path = bed.path("documents").join(format!("{name}.jsonl"));
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_same_documents_give_the_same_bytes() {
    let bed = Bed::new();
    ordinary(&bed);
    let page = bed.page();
    assert_eq!(page, bed.page());
    for name in ["findings", "vmid", "lost", "cover", "schedule"] {
        let mut turned = records(&bed, name);
        turned.reverse();
        bed.records(name, &turned);
    }
    bed.document(
        "state",
        &state(&[guest(10111, "dns-1", "a"), guest(10112, "dns-2", "b")]),
    );
    assert_eq!(page, bed.page(), "in another order");
}

#[test]
fn ages_and_sizes_are_in_the_last_section() {
    let bed = Bed::new();
    ordinary(&bed);
    let before = bed.page();
    let older = |name: &str, change: &Value| {
        let all: Vec<Value> = records(&bed, name)
            .into_iter()
            .map(|one| with(one, change.clone()))
            .collect();
        bed.records(name, &all);
    };
    older(
        "cover",
        &json!({"age_s": 99_000, "verified_age_s": 98_000, "count": 10, "newest": "2026-11-28T02:00:09Z"}),
    );
    older("lost", &json!({"rpo_s": 99_000, "rto_s": 400}));
    older(
        "schedule",
        &json!({"duration_s": 3700, "next": ["2026-11-28T01:00:00Z"]}),
    );
    let mut findings = records(&bed, "findings");
    findings[1]["findings"][0]["message"] =
        json!("the replica on b is 9h old, and 15m would be right");
    bed.records("findings", &findings);
    let mut later = state(&[guest(10112, "dns-2", "b"), guest(10111, "dns-1", "a")]);
    later["at"] = json!("2026-11-28T12:00:03Z");
    later["nodes"][0]["mem"] = json!(1_000_000_000);
    later["storages"][0]["nodes"]["a"]["free"] = json!(1_000_000_000);
    bed.document("state", &later);
    let after = bed.page();
    let split = |page: &str| {
        let (rest, figures) = page.split_once("## Figures").unwrap();
        (rest.to_owned(), figures.to_owned())
    };
    assert_eq!(split(&before).0, split(&after).0);
    assert_ne!(split(&before).1, split(&after).1);

    // What has changed is there, once.
    let mut moved = later.clone();
    moved["guests"][1]["node"] = json!("b");
    bed.document("state", &moved);
    let (moved, _) = split(&bed.page());
    assert_ne!(moved, split(&after).0);
    assert!(
        moved.contains("| 10111 | dns-1 | container | b |"),
        "{moved}"
    );
}

/// Of each kind of figure in a message.
#[test]
fn figures_in_messages_are_told_in_the_last_section() {
    let bed = Bed::new();
    ordinary(&bed);
    #[rustfmt::skip]
    let cases = [
        ("no figure: vm-101-disk-0, 2 of 3 nodes, 2027-03-28", "no figure: vm-101-disk-0, 2 of 3 nodes, 2027-03-28"),
        ("since 2026-11-27T02:00:04Z",                         "since …"),
        ("since 2026-11-27 02:00",                             "since …"),
        ("1.5 GiB of 10GiB (15%) in 90s",                      "… of … (…) in …"),
        ("1h30m, then 250ms",                                  "…, then …"),
        ("a12s and 5mm and x-3d stay",                         "a12s and 5mm and x-3d stay"),
    ];
    for (message, shown) in cases {
        let record = json!({"node": "a", "findings": [finding("test", "warning", message)]});
        bed.records("findings", &[looked(), record]);
        let page = bed.page();
        let line = format!("| warning | node a | test | {shown} |");
        assert!(page.contains(&line), "{line}\n{page}");
        let figures = page.split_once("## Figures").unwrap().1;
        let told = figures.contains("| node a | test |");
        assert_eq!(told, shown != message, "{message}: {figures}");
    }
}
