//! Where in a document something is: `vlans[1].bridge`. It becomes text only where a fault is
//! told, as nearly every value of nearly every file has none.

use std::fmt;

use super::form;

/// The place of a value, by way of the one that it is in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pointer<'a> {
    /// The whole document, or what its reader calls it: `pairs[2]`.
    Start(&'a str),
    /// A member of an object.
    Member(&'a Pointer<'a>, &'a str),
    /// An element of a list.
    Element(&'a Pointer<'a>, usize),
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(name) => f.write_str(name),
            Self::Member(Self::Start(""), name) => f.write_str(&printable(name)),
            Self::Member(before, name) => write!(f, "{before}.{}", printable(name)),
            Self::Element(before, place) => write!(f, "{before}[{place}]"),
        }
    }
}

impl From<Pointer<'_>> for String {
    fn from(path: Pointer<'_>) -> Self {
        path.to_string()
    }
}

/// A name of the document: a long or strange one quoted.
fn printable(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "$-_.".contains(c);
    match (1..=60).contains(&name.len()) && name.chars().all(plain) {
        true => name.to_owned(),
        false => form::shown(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text() {
        let (document, pair) = (Pointer::Start(""), Pointer::Start("pairs[2]"));
        let vlans = Pointer::Member(&document, "vlans");
        let second = Pointer::Element(&vlans, 1);
        #[rustfmt::skip]
        let cases = [
            (document,                          ""),
            (vlans,                             "vlans"),
            (Pointer::Member(&second, "bridge"),   "vlans[1].bridge"),
            (Pointer::Member(&pair, "vip"),        "pairs[2].vip"),
            (Pointer::Member(&document, "a b"),    "\"a b\""),
            (Pointer::Member(&second, ""),         "vlans[1].\"\""),
        ];
        for (path, want) in cases {
            assert_eq!(path.to_string(), want);
        }
    }
}
