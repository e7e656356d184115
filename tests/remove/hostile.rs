//! Names and texts that mean to be commands, options, paths or something for a terminal.

use serde_json::json;

use crate::bed::{Answer, Bed, backup, paperless};

const TEXTS: &[&str] = &[
    "$(touch owned)",
    "`touch owned`",
    "'; touch owned; '",
    "a\nb",
    "paper\u{1b}]0;owned\u{7}less",
    "\u{202e}sselrepap",
    "--force",
    "-n",
    "../../etc/passwd",
    "*",
    "",
    "{\"name\":\"paperless\"}",
];

fn is_clean(bed: &Bed, answer: &Answer, name: &str) {
    assert!(!bed.path("owned").exists(), "{name}");
    let bad = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
    assert!(!answer.said.contains(bad), "{name}: {:?}", answer.said);
}

#[test]
fn requests() {
    let bed = Bed::new();
    let mut longest = vec!["x".repeat(5000)];
    longest.extend(TEXTS.iter().map(|text| (*text).to_owned()));
    for text in &longest {
        let input = json!([{"name": text}, {"name": "web", "node": text, "type": text}]);
        std::fs::write(bed.path("input"), input.to_string()).unwrap();
        let mut command = bed.command("deprovision");
        command.args([
            "--apply",
            "-n",
            "--ipam",
            "ipam",
            "--snapshots",
            "list.json",
        ]);
        command.stdin(std::fs::File::open(bed.path("input")).unwrap());
        let answer = Answer::of(&command.output().unwrap());
        is_clean(&bed, &answer, text);
        assert!(
            [Some(0), Some(1), Some(2)].contains(&answer.code),
            "{text:?}: {answer:#?}"
        );
        assert!(
            answer
                .records
                .iter()
                .all(|record| record["destroyed"] != true),
            "{text:?}: {answer:#?}"
        );
    }
    bed.is_untouched("requests");
}

#[test]
fn ids_of_records() {
    let bed = Bed::new();
    let ids = [
        json!("../../../../out/x"),
        json!("$(touch owned)"),
        json!(99),
        json!(1_000_000_000),
        json!([1, 2]),
    ];
    for id in ids {
        for words in [&["-n"][..], &[]] {
            let input = json!([{"name": "nobody", "vmid": id}, {"name": "paperless", "vmid": id}]);
            std::fs::write(bed.path("input"), input.to_string()).unwrap();
            let mut command = bed.command("deprovision");
            command.args(["--apply", "--ipam", "ipam", "--stop", "--no-backup-needed"]);
            command.args(words);
            command.stdin(std::fs::File::open(bed.path("input")).unwrap());
            let answer = Answer::of(&command.output().unwrap());
            is_clean(&bed, &answer, "vmid");
            assert!(
                [Some(1), Some(2)].contains(&answer.code),
                "{id}: {answer:#?}"
            );
            let state = bed.path("home/.local");
            assert!(!bed.path("home/out").exists() && !state.exists(), "{id}");
        }
    }
    bed.is_untouched("vmid");
}

#[test]
fn what_the_cluster_and_pbs_say() {
    for text in TEXTS {
        let bed = Bed::of(
            &[paperless(
                json!({"name": text, "config": {"hostname": text, "tags": text, "description": text}}),
            )],
            json!({}),
        );
        bed.backups(&[backup(json!({"comment": text, "owner": text}))]);
        let answer = bed.apply(&["paperless"]);
        is_clean(&bed, &answer, text);
        assert_eq!(
            (answer.code, answer.codes()),
            (Some(1), vec!["other-guest"]),
            "{text:?}: {answer:#?}"
        );
        bed.is_untouched(text);

        let bed = Bed::new();
        bed.backups(&[
            backup(json!({"comment": text})),
            backup(json!({"backup-id": text, "comment": text})),
        ]);
        let answer = bed.apply(&["paperless"]);
        is_clean(&bed, &answer, text);
        if text.contains("\"paperless\"") {
            continue; // it names the guest
        }
        assert_eq!(answer.code, Some(1), "{text:?}: {answer:#?}");
        bed.is_untouched(text);
    }
}

#[test]
fn lists_that_are_none() {
    let bed = Bed::new();
    for list in [
        "",
        "[",
        "[{\"backup-type\":\"ct\"}]",
        "{\"errors\":{\"a\":\"b\"},\"data\":null}",
        "no",
    ] {
        std::fs::write(bed.path("list.json"), list).unwrap();
        let answer = bed.apply(&["paperless"]);
        let is_empty = list.is_empty();
        let want = if is_empty { Some(1) } else { Some(2) };
        assert_eq!(answer.code, want, "{list:?}: {answer:#?}");
        assert_eq!(
            answer.codes().is_empty(),
            !is_empty,
            "{list:?}: {answer:#?}"
        );
        bed.is_untouched(list);
    }
}
