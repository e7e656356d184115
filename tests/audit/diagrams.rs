//! The diagrams of pages, drawn by mermaid itself: each is taken, and its texts are the names.

use std::{
    collections::BTreeSet,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    bed::{Bed, SITES, not_run, root, said},
    documents::{guest, looked, ordinary, site, state},
    markup::HOSTILE,
    sim::{Sim, with},
    tools::tools,
};

/// What mermaid makes of a page: of each diagram its type and the texts that are drawn. None where it isn't, which is said.
pub fn drawn(what: &str, page: &str) -> Option<Vec<(String, BTreeSet<String>)>> {
    let mut process = Command::new(root().join("tests/lab/mermaid"))
        .arg("draw")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may not read.
    let _ = process.stdin.take().unwrap().write_all(page.as_bytes());
    let output = process.wait_with_output().unwrap();
    if output.status.code() == Some(4) {
        not_run(what, &said(&output));
        return None;
    }
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        output.status.success(),
        "{what}: {text} {}\n{page}",
        said(&output)
    );
    let diagrams = text.lines().map(|line| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let texts = answer["texts"].as_array().unwrap().iter();
        let texts = texts.map(|text| text.as_str().unwrap().trim().to_owned());
        let texts = texts.filter(|text| !text.is_empty()).collect();
        (answer["type"].as_str().unwrap().to_owned(), texts)
    });
    Some(diagrams.collect())
}

fn texts(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn of_an_ordinary_night() {
    let bed = Bed::new();
    ordinary(&bed);
    let Some(diagrams) = drawn("of_an_ordinary_night", &bed.page()) else {
        return;
    };
    let [cluster, pairs, schedules] = &diagrams[..] else {
        panic!("{diagrams:?}")
    };
    assert_eq!(cluster.0, "flowchart-v2");
    assert_eq!(cluster.1, texts(&["a", "b", "10111 dns-1", "10112 dns-2"]));
    assert_eq!(
        pairs.1,
        texts(&["dns 192.168.10.110", "dns-1 on a", "dns-2 on b"])
    );
    assert_eq!(schedules.0, "gantt");
    for text in ["lab", "store1", "backup-1", "title"] {
        assert!(schedules.1.contains(text), "{text}: {:?}", schedules.1);
    }
}

#[test]
fn of_both_samples() {
    for sample in SITES {
        let bed = Bed::new();
        let file = root().join(sample);
        let scenario = Command::new(&tools()["pve-cluster"])
            .arg("homelab")
            .arg(&file)
            .output()
            .unwrap();
        let sim = Sim::start(&serde_json::from_slice(&scenario.stdout).unwrap());
        let read = sim.command(&["state"]).output().unwrap();
        let document: Value = serde_json::from_slice(&read.stdout).unwrap();
        let text = bed.prints("vmid", &["site", file.to_str().unwrap()]);
        let site: Value = serde_json::from_str(&text).unwrap();
        bed.document("state", &document);
        bed.document("site", &site);
        bed.records("findings", &[looked()]);
        let Some(diagrams) = drawn(sample, &bed.page()) else {
            return;
        };
        assert_eq!(diagrams.len(), 2, "{sample}");
        for node in document["nodes"].as_array().unwrap() {
            let name = node["node"].as_str().unwrap();
            assert!(diagrams[0].1.contains(name), "{sample}: {name}");
        }
        for guest in document["guests"].as_array().unwrap() {
            let label = format!("{} {}", guest["vmid"], guest["name"].as_str().unwrap());
            assert!(diagrams[0].1.contains(&label), "{sample}: {label}");
        }
        for pair in site["pairs"].as_array().unwrap() {
            let name = pair["name"].as_str().unwrap();
            let has = |text: &String| text.split(' ').next() == Some(name);
            assert!(diagrams[1].1.iter().any(has), "{sample}: {name}");
        }
    }
}

/// Of more guests than anybody could read there are counts, and never more text than mermaid takes.
#[test]
fn of_a_large_cluster() {
    let bed = Bed::new();
    let guests: Vec<Value> = (0..10_000)
        .map(|at| {
            guest(
                10_000 + at,
                &format!("guest-{at}"),
                if at % 3 == 0 { "a" } else { "b" },
            )
        })
        .collect();
    bed.document("site", &site());
    bed.document("state", &state(&guests));
    bed.records("findings", &[looked()]);
    let Some(diagrams) = drawn("of_a_large_cluster", &bed.page()) else {
        return;
    };
    assert_eq!(
        diagrams[0].1,
        texts(&["a", "b", "3334 containers", "6666 containers"])
    );
}

/// Names that would be markup, statements or scripts are drawn as they are, and run nothing.
#[test]
fn of_hostile_names() {
    let bed = Bed::new();
    let named: Vec<Value> = HOSTILE
        .iter()
        .zip(0..)
        .map(|((name, _), at)| guest(100 + at, name, "a"))
        .collect();
    let mut document = state(&named);
    document["nodes"][0]["node"] = json!("\"]<b>");
    document["guests"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|guest| guest["node"] = json!("\"]<b>"));
    let pairs: Vec<Value> = HOSTILE
        .iter()
        .map(|(name, _)| json!({"name": name, "members": [{"name": name, "vmid": 1}]}))
        .collect();
    let jobs: Vec<Value> = HOSTILE
        .iter()
        .map(|(name, _)| json!({"job": name, "on": name, "bar": "##......................", "findings": []}))
        .collect();
    bed.document("state", &document);
    bed.document("site", &with(site(), json!({"pairs": pairs})));
    bed.records("findings", &[looked()]);
    bed.records("schedule", &jobs);
    let Some(diagrams) = drawn("of_hostile_names", &bed.page()) else {
        return;
    };
    let [cluster, pairs, schedules] = &diagrams[..] else {
        panic!("{diagrams:?}")
    };
    assert!(cluster.1.contains("\"]<b>"), "{:?}", cluster.1);
    let squeezed = |texts: &BTreeSet<String>| -> BTreeSet<String> {
        let words = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        texts.iter().map(words).collect()
    };
    let [cluster, pairs, schedules] = [cluster, pairs, schedules].map(|one| squeezed(&one.1));
    for ((_, shown), at) in HOSTILE.iter().zip(100..) {
        let label = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let guest = label(format!("{at} {shown}"));
        assert!(cluster.contains(&guest), "{guest}: {cluster:#?}");
        let member = label(format!("{shown} on ?"));
        assert!(
            pairs.contains(&label((*shown).to_owned())) && pairs.contains(&member),
            "{shown}: {pairs:#?}"
        );
        assert!(
            schedules.contains(&label((*shown).to_owned())),
            "{shown}: {schedules:#?}"
        );
    }
}
