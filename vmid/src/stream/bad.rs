//! What is said of input that is no stream of records.

use std::fmt;

/// Input that is not a stream of records: where, and what rule it broke.
#[derive(Debug)]
pub struct Bad {
    /// The first is 1.
    pub(super) record: u64,
    /// None where something else stands before it on its line.
    pub(super) line: Option<u64>,
    pub(super) what: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.record)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Bad {}
