//! How many guests came in: a tool that judges a whole must not call nothing "all is well".

use crate::{
    exit::Stop,
    stream::{self, Record, Value},
};

/// The `type` of what Proxmox's lists (`/cluster/resources`) hold beside guests.
const OTHER_TYPES: [&str; 5] = ["node", "storage", "sdn", "pool", "network"];

/// The record is of a node, a storage, a pool or a network: no guest. Tools hand it on
/// as it came, and don't judge it.
#[must_use]
pub fn is_of_another_kind(record: &Record<'_>) -> bool {
    matches!(record.value("type"), Value::Text(text) if OTHER_TYPES.contains(&&*text))
}

/// A count of the records that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of guests.
    pub guests: u64,
    /// Of another kind.
    pub others: u64,
}

impl Tally {
    /// The count of these records.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = Record<'a>>) -> Self {
        let mut tally = Self::default();
        for record in records {
            tally.add(&record);
        }
        tally
    }

    /// Counts a record, and says whether it is a guest's.
    pub fn add(&mut self, record: &Record<'_>) -> bool {
        let other = is_of_another_kind(record);
        self.guests += u64::from(!other);
        self.others += u64::from(other);
        !other
    }

    /// Some guest came in, or `allow_empty` says that there may be none.
    ///
    /// # Errors
    ///
    /// None did (exit code 2): as [`stream::nothing_came`], or only records of another kind.
    pub fn some_guest(self, allow_empty: bool) -> Result<(), Stop> {
        match (self.guests, self.others) {
            (0, 0) if !allow_empty => Err(stream::nothing_came()),
            (0, others) if !allow_empty => {
                let what = format!(
                    "no guests came in: {others} of the records are of nodes, storages, pools or networks, none of a guest"
                );
                Err(Stop::input(anyhow::anyhow!(what)).hint(stream::ALLOW_EMPTY))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_from_others_and_from_guests() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("nothing",             "",                                   Some("no records came in")),
            ("an empty list",       "[]",                                 Some("no records came in")),
            ("nodes and storages",  r#"{"type":"node"}{"type":"storage"}"#, Some("no guests came in: 2")),
            ("a guest among them",  r#"{"type":"node"}{"type":"qemu"}"#,    None),
            ("a plain record",      "{}",                                 None),
            ("one that failed",     r#"{"error":{"code":"x"}}"#,            None),
        ];
        for (name, text, want) in cases {
            let records = stream::parse(text.as_bytes()).unwrap();
            let tally = Tally::of(records.iter().map(stream::Kept::record));
            let got = tally.some_guest(false).map_err(|stop| stop.to_string());
            match want {
                Some(want) => assert!(got.is_err_and(|got| got.starts_with(want)), "{name}"),
                None => assert_eq!(got, Ok(()), "{name}"),
            }
            assert!(tally.some_guest(true).is_ok(), "{name}");
        }
    }
}
