//! The answers of PBS's own algorithm: 438 cases, mark, reason and count of every row.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value;
use support::{Run, data, prune};

/// Cases of each file, from facts/pbs.md; one that is left out makes a test fail.
const FILES: [(&str, usize); 2] = [("vectors-dev.jsonl", 400), ("vectors-named.jsonl", 38)];

#[test]
fn every_case_is_decided_as_pbs_did() {
    let (mut run, mut refused) = (0, 0);
    for (file, count) in FILES {
        let text = std::fs::read_to_string(data().join(file)).unwrap();
        let cases: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(cases.len(), count, "cases in {file}");
        for case in &cases {
            let name = case["name"].as_str().unwrap();
            let answer = answer(case);
            match &case["expect"] {
                Value::Array(want) => {
                    let got = answer.records();
                    assert_eq!(answer.code, Ok(0), "{name}");
                    assert_eq!(got.len(), want.len(), "rows of {name}");
                    for (row, (got, want)) in got.iter().zip(want).enumerate() {
                        for field in ["backup-time", "mark", "reason", "count"] {
                            assert_eq!(got[field], want[field], "{field} of row {row} of {name}");
                        }
                    }
                    run += 1;
                }
                error => {
                    assert!(error["error"].is_string(), "{name}");
                    let (code, message) = answer.code.unwrap_err();
                    assert_eq!((code, answer.output.as_str()), (2, ""), "{name}");
                    assert!(
                        message.contains("record 1: backup-time 253402300800"),
                        "{message}"
                    );
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((run, refused), (437, 1), "decided, refused");
}

fn answer(case: &Value) -> Run {
    let mut call = vec!["--no-guards".to_owned()];
    call.push(format!("--tz={}", case["tz"].as_str().unwrap()));
    for (rule, count) in case["keep"].as_object().unwrap() {
        call.push(format!("--keep-{rule}={count}"));
    }
    prune(&call, case["snapshots"].to_string().as_bytes())
}
