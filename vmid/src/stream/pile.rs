//! Many records as one text: for tools that read a million of them before they answer.
//!
//! A [`Kept`](super::Kept) costs two allocations and 20 bytes a field beside its text; here a
//! record costs its text and 8 bytes. What is lost are the places of the fields:
//! who needs them a second time has the record read again, by [`Again`].

use super::{record::Record, scan::Scanner};

/// The texts of records, in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Pile {
    text: String,
    /// Where each text ends, times two; plus one if it is not compact.
    ends: Vec<u64>,
}

impl Pile {
    /// No records yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the text of a record.
    pub fn push(&mut self, record: Record<'_>) {
        self.text.push_str(record.text);
        let end = self.text.len() as u64;
        self.ends.push(end * 2 + u64::from(record.spaced));
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a record (the first is 0), and whether it is [compact](Record::is_compact).
    ///
    /// # Panics
    ///
    /// If there is no such record.
    #[must_use]
    pub fn text(&self, index: usize) -> (&str, bool) {
        let from = index
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] / 2);
        let end = self.ends[index];
        (
            &self.text[from as usize..(end / 2) as usize],
            end.is_multiple_of(2),
        )
    }
}

/// Reads records again of which only the text was kept.
#[derive(Debug)]
pub struct Again(Scanner);

impl Default for Again {
    fn default() -> Self {
        Self::new()
    }
}

impl Again {
    /// Usable for any number of records, one after the other.
    #[must_use]
    pub fn new() -> Self {
        Self(Scanner::new())
    }

    /// The record that `text` is; `text` is that of an earlier [`Record`].
    pub fn record<'a>(&'a mut self, text: &'a str) -> Record<'a> {
        self.0.start(false);
        // cannot fail: the text was read as a record before
        let _ = self.0.scan(text.as_bytes());
        Record {
            text,
            fields: &self.0.fields,
            trailing: self.0.trailing,
            spaced: self.0.spaced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Lines, parse};

    #[test]
    fn a_record_read_again_is_the_same() {
        let text = "{\"a\":1}[{}, {\"b\" : [1,\n2]}]{\"data\":[{\"\\u0061\":\"x\\\"}\"}]}";
        let records = parse(text.as_bytes()).expect("a stream");
        assert_eq!(records.len(), 4);
        let mut pile = Pile::new();
        for kept in &records {
            pile.push(kept.record());
        }
        assert_eq!((pile.len(), pile.is_empty()), (4, false));
        let mut again = Again::new();
        for (index, kept) in records.iter().enumerate() {
            let (text, compact) = pile.text(index);
            assert_eq!(
                (text, compact),
                (kept.record().text(), kept.record().is_compact())
            );
            let lines = |record: Record<'_>| {
                let mut out = Vec::new();
                let mut lines = Lines::new(&mut out, false);
                lines
                    .write(record, &[("a", "2")])
                    .expect("a Vec takes everything");
                drop(lines);
                out
            };
            assert_eq!(lines(again.record(text)), lines(kept.record()), "{text}");
        }
    }

    #[test]
    fn a_text_is_extended_as_a_record_is_written() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, true);
        lines
            .extend("{\"a\":\"\u{9b}\"}", ",\"b\":1")
            .expect("a Vec takes everything");
        drop(lines);
        assert_eq!(out, b"{\"a\":\"\\u009b\",\"b\":1}\n");
    }
}
