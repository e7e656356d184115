//! Documents of these tools that somebody sends where guests are expected: a site file, or what
//! `pvx-migrate state` prints. Each is one JSON object, and so looks like a record.

use crate::{
    exit::Stop,
    stream::{GUESTS, Kept, Record, Value},
};

/// Members that guests have and these documents have not.
const OF_GUESTS: [&str; 5] = ["vmid", "address", "hostname", "net0", "ipconfig0"];

/// A document that is no record of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// A site file.
    Site,
    /// The state document of pvx-migrate.
    State,
}

impl Document {
    /// What the record is instead of one of a guest; none if it may be one.
    #[must_use]
    pub fn of(record: &Record<'_>) -> Option<Self> {
        if OF_GUESTS.iter().any(|name| record.raw(name).is_some()) {
            return None;
        }
        let is_list = |name| record.raw(name).is_some_and(holds_objects);
        let has_version = matches!(record.value("version"), Value::Number(_));
        if has_version && record.raw("guests").is_some() && record.raw("nodes").is_some() {
            return Some(Self::State);
        }
        (is_list("vlans") || is_list("nodes")).then_some(Self::Site)
    }

    /// The refusal of the input whose record of that number (the first is 1) this is:
    /// exit code 2.
    #[must_use]
    pub fn refused(self, number: u64) -> Stop {
        let what = match self {
            Self::Site => "a site file",
            Self::State => "a state document of pvx-migrate state",
        };
        Stop::input(anyhow::anyhow!(
            "stdin: record {number}: this is {what}, not records of guests; {GUESTS}"
        ))
    }
}

/// None of the records is such a document.
///
/// # Errors
///
/// One is (exit code 2).
pub fn none_among(records: &[Kept]) -> Result<(), Stop> {
    for (number, kept) in (1..).zip(records) {
        if let Some(document) = Document::of(&kept.record()) {
            return Err(document.refused(number));
        }
    }
    Ok(())
}

/// An array whose first element is an object.
fn holds_objects(raw: &str) -> bool {
    let inside = raw.strip_prefix('[').map(str::trim_start);
    inside.is_some_and(|inside| inside.starts_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    #[test]
    fn documents_are_told_from_guests() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<Document>)] = &[
            ("a site",                    r#"{"name":"home","vlans":[{"vlan":30}]}"#,             Some(Document::Site)),
            ("its nodes alone, spaced",   r#"{"nodes":[ {"name":"pve-a"}]}"#,                     Some(Document::Site)),
            ("a state",                   r#"{"version":1,"nodes":[{"node":"a"}],"guests":[]}"#,  Some(Document::State)),
            ("a state without nodes",     r#"{"version":1,"nodes":[],"guests":[]}"#,              Some(Document::State)),
            ("a guest",                   r#"{"vmid":30066,"vlans":[{}],"nodes":[{}]}"#,          None),
            ("a request with candidates", r#"{"name":"web","vlan":30,"nodes":["pve-a","pve-b"]}"#, None),
            ("a request",                 r#"{"name":"web","vlan":30}"#,                          None),
            ("nothing",                   "{}",                                                   None),
        ];
        for (name, text, want) in cases {
            let records = stream::parse(text.as_bytes()).unwrap();
            assert_eq!(Document::of(&records[0].record()), *want, "{name}");
            assert_eq!(none_among(&records).is_err(), want.is_some(), "{name}");
        }
    }
}
