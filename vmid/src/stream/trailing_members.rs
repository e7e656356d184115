//! The fields of a record that has more of them than are remembered.
//!
//! A place takes 20 bytes, so a hostile record of small fields would cost four times
//! its length. Places are kept for the first [`REMEMBERED`] fields, enough for what any
//! API sends; the others are found again by reading, in pieces of as many.

use super::scan::{Field, REMEMBERED, Scanner};

/// Finds the fields from a place in an object on.
#[derive(Debug)]
pub(super) struct TrailingMembers<'a> {
    text: &'a [u8],
    /// None where no field is left out, which is nearly always.
    scanner: Option<Scanner>,
    next: usize,
}

impl<'a> TrailingMembers<'a> {
    /// The fields of `text`, a whole object that was scanned before, from `at` on: the
    /// opening quote of a name, or 0 for none.
    pub fn new(text: &'a [u8], at: usize) -> Self {
        let mut members = Self {
            text,
            scanner: (at > 0).then(Scanner::new),
            next: 0,
        };
        members.read(at);
        members
    }

    fn read(&mut self, at: usize) {
        if let Some(scanner) = &mut self.scanner {
            scanner.start_piece(at);
            // cannot fail: the object was scanned before
            let _ = scanner.scan(self.text);
        }
        self.next = 0;
    }
}

impl Iterator for TrailingMembers<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        let scanner = self.scanner.as_ref()?;
        if self.next == REMEMBERED && scanner.trailing > 0 {
            let at = scanner.trailing;
            self.read(at);
        }
        let field = self.scanner.as_ref()?.fields.get(self.next).copied();
        self.next += 1;
        field
    }
}
