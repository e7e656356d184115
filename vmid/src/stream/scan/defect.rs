//! What can be wrong with a text that should be a JSON object.

use std::fmt;

use super::{DEPTH_LIMIT, LENGTH_LIMIT};

/// What is wrong with the text, and at which of its bytes.
#[derive(Debug)]
pub(in crate::stream) struct Fault {
    pub at: usize,
    pub what: Defect,
}

/// The rule of the grammar that was broken.
#[derive(Clone, Copy, Debug)]
pub(in crate::stream) enum Defect {
    Unexpected { wanted: &'static str, found: u8 },
    Control(u8),
    Escape,
    Number,
    Word,
    TooDeep,
    TooLong,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unexpected { wanted, found } => {
                write!(f, "expected {wanted}, found {}", Shown(found))
            }
            Self::Control(found) => {
                write!(f, "{} inside a string must be escaped", Shown(found))
            }
            Self::Escape => f.write_str("an escape in a string is not one of JSON's"),
            Self::Number => f.write_str("a number is not spelled as JSON allows"),
            Self::Word => f.write_str("a bare word is not true, false or null"),
            Self::TooDeep => write!(f, "nested deeper than {DEPTH_LIMIT} levels"),
            Self::TooLong => write!(f, "longer than {LENGTH_LIMIT} bytes"),
        }
    }
}

/// A byte as a person can read it.
pub(in crate::stream) struct Shown(pub u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            byte @ 0x21..=0x7e => write!(f, "`{}`", char::from(byte)),
            byte => write!(f, "byte 0x{byte:02x}"),
        }
    }
}
