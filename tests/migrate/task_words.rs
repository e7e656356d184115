//! The lines that the simulated cluster writes into the logs of its tasks, against those of the real
//! one: what no recording has is in `recorded-task-words.txt`, each with where it is known from.

use std::{collections::BTreeSet, fs, path::Path, sync::OnceLock};

use serde_json::Value;

/// A line each, with its names and numbers left out; then ` | ` and the reason.
const OTHERS: &str = "data/pve/recorded-task-words.txt";

/// A line without its time; what is quoted is `'X'`, a number is `N`.
fn words(line: &str) -> String {
    let is_time = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | ' ');
    let rest = match line.get(..20) {
        Some(time) if time.starts_with("20") && time.chars().all(is_time) => &line[20..],
        _ => line,
    };
    // A command has quotes of its own, and is another one for each kind of storage.
    let command = rest
        .split_once("command '")
        .zip(rest.rsplit_once("' failed:"));
    let rest = match command {
        Some(((head, _), (_, tail))) => format!("{head}command 'X' failed:{tail}"),
        None => rest.to_owned(),
    };
    let mut out = String::new();
    let mut rest = rest.chars().peekable();
    while let Some(c) = rest.next() {
        let within = out.ends_with(char::is_alphabetic); // the apostrophe of "can't"
        if (c == '\'' && !within) || c == '"' {
            let mut ahead = rest.clone();
            if ahead.any(|other| other == c) {
                rest = ahead;
                out.push_str("'X'");
                continue;
            }
        }
        if c.is_ascii_digit() {
            while rest.next_if(|c| c.is_ascii_digit() || *c == '.').is_some() {}
            out.push('N');
        } else {
            out.push(c);
        }
    }
    for (before, end) in NODES {
        out = nodeless(&out, before, end);
    }
    for unit in ["kB", "GB"] {
        out = out.replace(&format!("N {unit}"), "N MB");
    }
    for unit in ["KiB", "GiB"] {
        out = out.replace(&format!("N {unit}"), "N MiB");
    }
    out
}

/// Where a line names a node: what stands before it, and what ends it.
const NODES: [(&str, char); 3] = [("HostKeyAlias=", '\''), ("/nodes/", '/'), ("to node ", ' ')];

fn nodeless(line: &str, before: &str, end: char) -> String {
    let Some((head, tail)) = line.split_once(before) else {
        return line.to_owned();
    };
    let rest = tail.find(end).map_or("", |at| &tail[at..]);
    format!("{head}{before}X{}", nodeless(rest, before, end))
}

fn known() -> &'static BTreeSet<String> {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let data = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut known = BTreeSet::new();
        for file in fs::read_dir(data.join("data/pve/real")).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            if lines.len() > 3 && lines[1].starts_with("# UPID") {
                known.extend(lines[3..].iter().map(|line| words(line)));
            }
        }
        let others = fs::read_to_string(data.join(OTHERS)).unwrap();
        let others = others.lines().filter(|line| !line.starts_with('#'));
        known.extend(others.map(|line| line.split_once(" | ").expect("a reason").0.to_owned()));
        known
    })
}

/// No task has a line in its log that a real one would not have.
pub fn assert_known(truth: &Value, name: &str) {
    let tasks = truth["tasks"].as_array().unwrap();
    let logs = tasks.iter().filter_map(|task| task["log"].as_array());
    let lines: BTreeSet<String> = logs
        .flatten()
        .map(|line| words(line.as_str().unwrap()))
        .collect();
    let unknown: Vec<_> = lines.difference(known()).collect();
    assert!(
        unknown.is_empty(),
        "{name}: the simulation alone says {unknown:#?}"
    );
}

#[test]
fn names_and_numbers_are_left_out() {
    let cases = [
        ("2026-11-26 06:46:06 shutdown CT 101", "shutdown CT N"),
        (
            "2026-11-26 06:46:06 scsi0: 10.5 MiB/s of '/a b'",
            "scsiN: N MiB/s of 'X'",
        ),
        ("can't do 'a b': it's c", "can't do 'X': it's c"),
        ("-o 'HostKeyAlias=b' of 3 GiB", "-o 'X' of N MiB"),
        ("CT 1 to node b", "CT N to node X"),
        ("TASK OK", "TASK OK"),
    ];
    for (line, want) in cases {
        assert_eq!(words(line), want);
    }
}
