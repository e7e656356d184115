//! What a script answered: its exit code, its records, and what it said.

use std::process::Output;

use serde_json::Value;

/// What a script answered. What a suite asks of it besides is in the suite's own bed.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub records: Vec<Value>,
    pub said: String,
}

impl Answer {
    pub fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let records = text.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        Self {
            code: output.status.code(),
            records: records.collect(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The one record of a run that went well.
    pub fn good(&self) -> &Value {
        assert_eq!(self.code, Some(0), "{self:#?}");
        let [record] = &self.records[..] else {
            panic!("{self:#?}")
        };
        assert!(record["error"].is_null(), "{record}");
        record
    }
}
