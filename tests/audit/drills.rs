//! The drills file: what failover-drill writes (tests/hacheck has it do so), and what the page reads.

use std::{fs, os::unix::fs::PermissionsExt as _, thread};

use crate::{
    bed::{Bed, root},
    documents::ordinary,
};

/// `note_drill` as failover-drill calls it.
fn note(bed: &Bed, record: &str, before: &str) -> std::process::Output {
    let library = root().join("scripts/lib");
    let script = format!(
        "values=() switches=()\n. {0}/call.bash; . {0}/drills.bash\ndrills_file; site=site.json\n\
         echo '{{\"name\": \"lab\"}}' >site.json\nrecord=$(mktemp)\necho '{record}' >\"$record\"\n{before}\nnote_drill \"$record\" || say \"$drills: the drill could not be noted there\"",
        library.display()
    );
    bed.command("bash", &["-euo", "pipefail", "-c", &script])
        .output()
        .unwrap()
}

const FILE: &str = "home/.local/state/pvx/drills.jsonl";

#[test]
fn each_drill_is_a_line() {
    let bed = Bed::new();
    let output = note(
        &bed,
        r#"{"name": "dns", "outage_ms": [40, 900]}"#,
        "umask 022",
    );
    assert!(output.status.success(), "{output:?}");
    let mode = fs::metadata(bed.path(FILE)).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o777,
        0o644,
        "the timer's page is another user's who reads it"
    );
    let text = fs::read_to_string(bed.path(FILE)).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&record["name"], &record["site"]),
        (&"dns".into(), &"lab".into())
    );
    assert!(record["at"].as_str().unwrap().ends_with('Z'), "{record}");

    // What a write that was cut off has left is no part of the next one.
    fs::write(bed.path(FILE), format!("{text}{{\"name\": \"dn")).unwrap();
    note(&bed, r#"{"name": "nfs"}"#, "");
    let text = fs::read_to_string(bed.path(FILE)).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().last().unwrap().contains("nfs"), "{text}");
}

#[test]
fn drills_at_once_are_a_line_each() {
    let bed = Bed::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| note(&bed, r#"{"name": "dns", "outage_ms": [40, 900]}"#, ""));
        }
    });
    let text = fs::read_to_string(bed.path(FILE)).unwrap();
    assert_eq!(text.lines().count(), 8, "{text}");
    assert!(
        text.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{text}"
    );
}

#[test]
fn a_drill_that_cannot_be_noted_is_told() {
    let bed = Bed::new();
    let output = note(&bed, r#"{"name": "dns"}"#, "drills=/dev/full");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("/dev/full: the drill could not be noted"),
        "{said}"
    );
}

#[test]
fn the_page_tells_the_last_and_the_worst() {
    let bed = Bed::new();
    ordinary(&bed);
    let row = |lines: &str| {
        fs::write(bed.path("documents/drills.jsonl"), lines).unwrap();
        let page = bed.page();
        let row = page
            .lines()
            .find(|line| line.starts_with("| dns | 192.168.10.110"));
        let cells: Vec<String> = row.unwrap().split(" | ").map(str::to_owned).collect();
        (cells[4].clone(), cells[5].clone(), cells[6].clone(), page)
    };
    let drill = |day: u32, rest: &str| {
        format!("{{\"at\": \"2026-11-{day:02}T10:00:00Z\", \"name\": \"dns\", {rest}}}\n")
    };
    #[rustfmt::skip]
    let cases = [
        ("never",            String::new(),                                                                 ["never", " ", " "]),
        ("one",              drill(1, r#""outage_ms": [40, 900], "recovered": true"#),                      ["2026-11-01", "0.9 s", "0.9 s"]),
        ("the end unseen",   drill(1, r#""outage_ms": [40, null], "recovered": null"#),                     ["2026-11-01", "not seen to the end", " "]),
        ("not recovered",    drill(1, r#""outage_ms": [40, null], "recovered": false"#) + &drill(2, r#""outage_ms": [0, 500]"#),
                                                                                                            ["2026-11-02", "0.5 s", "**did not recover**"]),
        ("of another site",  drill(1, r#""site": "lab-b", "outage_ms": [0, 500]"#) + &drill(2, r#""site": "Lab", "outage_ms": [0, 500]"#),
                                                                                                            ["never", " ", " "]),
        ("of both",          drill(2, r#""site": "lab-b", "outage_ms": [0, 500]"#) + &drill(1, r#""site": "lab", "outage_ms": [0, 800]"#),
                                                                                                            ["2026-11-01", "0.8 s", "0.8 s"]),
        ("no number",        drill(1, r#""outage_ms": [1e400, 1e400]"#) + &drill(2, r#""outage_ms": [0, 800]"#) + &drill(3, r#""outage_ms": [-5, -5]"#),
                                                                                                            ["2026-11-03", "not seen to the end", "0.8 s"]),
        ("ages",             drill(1, r#""outage_ms": 1e12"#),                                              ["2026-11-01", "not seen to the end", " "]),
        ("in another order", drill(2, r#""outage_ms": [0, 500]"#) + &drill(1, r#""outage_ms": [0, 800]"#),  ["2026-11-02", "0.5 s", "0.8 s"]),
    ];
    for (name, lines, [last, took, worst]) in cases {
        let got = row(&lines);
        assert_eq!(
            (&got.0[..], &got.1[..], &got.2[..]),
            (last, took, worst),
            "{name}"
        );
    }
    let cut_off = drill(1, r#""outage_ms": [0, 800]"#) + "{\"at\": \"2026-11-";
    let (last, .., page) = row(&cut_off);
    assert_eq!(last, "2026-11-01");
    assert!(
        page.contains("1 line of the drills file can't be read."),
        "{page}"
    );
}

/// What can't be read is not what never was.
#[test]
fn drills_that_cannot_be_read_are_told() {
    let bed = Bed::new();
    ordinary(&bed);
    fs::remove_file(bed.path("documents/drills.jsonl")).unwrap();
    let told = "The drills file can't be read.";
    fs::write(bed.path("file"), "").unwrap();
    for (name, last, is_told) in [
        ("nowhere", "| never |", false),
        ("nowhere/drills", "| never |", false),
        ("tmp", "| ? |", true),
        ("file/drills", "| ? |", true),
    ] {
        let words = ["--from", "documents", "--drills", name];
        let output = bed.command("site-page", &words).output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        let page = String::from_utf8(output.stdout).unwrap();
        let row = page
            .lines()
            .find(|line| line.starts_with("| dns | 192.168.10.110"));
        let row = row.unwrap().replace("&#63;", "?");
        assert!(row.contains(last), "{name}: {row}");
        assert_eq!(page.contains(told), is_told, "{name}");
        assert_eq!(!output.stderr.is_empty(), is_told, "{name}");
    }
}
