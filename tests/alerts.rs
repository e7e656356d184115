//! The alert rules of `scripts/prometheus`: Prometheus's own promtool reads them, and says when each is told.

use std::{fs, process::Command};

use crate::{not_run, root, run, text};

/// promtool of the machine, or what tests/lab/promtool has unpacked; none if there is none, which is said.
fn promtool(words: &[&str]) -> Option<Command> {
    let folder = Command::new(root().join("tests/lab/promtool"))
        .arg("folder")
        .output()
        .unwrap();
    if !folder.status.success() {
        not_run("promtool", &text(&folder.stderr));
        return None;
    }
    let mut command = Command::new(format!("{}/promtool", text(&folder.stdout).trim()));
    command.args(words).current_dir(root());
    Some(command)
}

#[test]
fn rules_are_what_prometheus_takes_them_for() {
    for words in [
        ["check", "rules", "scripts/prometheus/hacheck.rules.yml"],
        ["test", "rules", "tests/data/prometheus/hacheck.test.yml"],
    ] {
        let Some(mut command) = promtool(&words) else {
            return;
        };
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

/// An alert that is never tried may never be told.
#[test]
fn each_rule_is_tried() {
    let rules = fs::read_to_string(root().join("scripts/prometheus/hacheck.rules.yml")).unwrap();
    let tried = fs::read_to_string(root().join("tests/data/prometheus/hacheck.test.yml")).unwrap();
    let mut count = 0;
    for name in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        count += 1;
        let told = tried
            .split("\n      - ")
            .filter(|one| one.contains(&format!("alertname: {name}")))
            .any(|one| one.contains("exp_labels"));
        assert!(told, "{name} is told in no test");
    }
    assert!(count >= 8, "{count}");
}

/// The metrics of a check are such that a collector takes them, and those of the rules are among them.
#[test]
fn metrics_are_what_the_rules_ask_for() {
    let work = tempfile::tempdir().unwrap();
    let pair = r#"{"name":"web","vip":"127.77.9.3","members":[{"name":"a","address":"127.77.9.1"},{"name":"b","address":"127.77.9.2"}],"probes":[{"tcp":{"port":8080}}]}"#;
    fs::write(work.path().join("pairs"), pair).unwrap();
    let ran = run(
        work.path(),
        &[
            "hacheck",
            "check",
            "--pairs",
            "pairs",
            "--textfile",
            "x.prom",
        ],
    );
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let metrics = fs::read_to_string(work.path().join("x.prom")).unwrap();
    let rules = fs::read_to_string(root().join("scripts/prometheus/hacheck.rules.yml")).unwrap();
    let asked = rules
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("hacheck_"));
    let mut count = 0;
    for metric in asked {
        count += 1;
        // No certificate is shown there.
        let known = metric == "hacheck_certificate_not_after_seconds"
            || metrics.contains(&format!("# TYPE {metric} gauge\n"));
        assert!(known, "{metric}: {metrics}");
    }
    assert!(count >= 8, "{count}");
    // The codes of the rules are hacheck's.
    let help = text(&run(work.path(), &["hacheck", "check", "--help"]).stdout);
    for codes in rules.split("code=~\"").skip(1) {
        for code in codes.split('"').next().unwrap().split('|') {
            assert!(help.contains(&format!("\n  {code} ")), "{code}: {help}");
        }
    }
    let Some(mut command) = promtool(&["check", "metrics"]) else {
        return;
    };
    let file = fs::File::open(work.path().join("x.prom")).unwrap();
    let output = command.stdin(file).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}
