//! A record: an ordered list of fields, each the text it came in.

use std::borrow::Cow;

use super::{
    scan::{Field, Mark, Scanner},
    trailing_members::TrailingMembers,
};

/// One JSON object of the stream, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub(super) text: &'a str,
    pub(super) fields: &'a [Field],
    /// Where the fields begin that are not among these; 0 if all are.
    pub(super) trailing: usize,
    pub(super) spaced: bool,
}

/// A record that outlives the reader's buffer, for tools that read everything first.
#[derive(Clone, Debug)]
pub struct Kept {
    text: Box<str>,
    fields: Box<[Field]>,
    trailing: usize,
    spaced: bool,
}

/// What a field holds, as far as a tool wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The record has no such field.
    Absent,
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is spelled.
    Number(&'a str),
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// An object, an array, or a string with a lone surrogate: as it is spelled.
    Other(&'a str),
}

impl<'a> Record<'a> {
    /// The raw text of the field's value. Of several fields of that name the
    /// last counts, as for jq, Python and serde_json.
    #[inline] // what a known name looks like is then known, too
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        if self.trailing > 0 {
            let named = |field: &Field| self.is_named(field, name);
            if let Some(field) = self.trailing_members().filter(named).last() {
                return Some(self.slice(field.value));
            }
        }
        let mark = Mark::of(name);
        let alike = |field: &&Field| field.mark == mark || field.mark == Mark::ESCAPED;
        let mut alike = self.fields.iter().rev().filter(alike);
        let field = alike.find(|field| self.is_named(field, name))?;
        Some(self.slice(field.value))
    }

    /// The raw texts of several fields, found in one pass: for those who look at a million
    /// records. None of all where that takes more than a pass: a name has an escape in it, or
    /// the record has more fields than are remembered.
    #[inline]
    #[must_use]
    pub fn raws<const N: usize>(&self, names: [&str; N]) -> Option<[Option<&'a str>; N]> {
        if self.trailing > 0 {
            return None;
        }
        let marks = names.map(Mark::of);
        let mut found = [None; N];
        for field in self.fields {
            if field.mark == Mark::ESCAPED {
                return None;
            }
            for at in 0..N {
                if field.mark == marks[at] && self.is_named(field, names[at]) {
                    found[at] = Some(self.slice(field.value));
                }
            }
        }
        Some(found)
    }

    /// The field's value, interpreted.
    #[must_use]
    pub fn value(&self, name: &str) -> Value<'a> {
        self.raw(name).map_or(Value::Absent, Value::of)
    }

    /// The raw names (without their quotes) and raw values, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let text = self.text;
        let slice = move |(from, to): (u32, u32)| &text[from as usize..to as usize];
        let fields = self.places();
        fields.map(move |field| (slice(field.name), slice(field.value)))
    }

    /// The fields' names, unescaped where that is possible.
    pub fn names(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let text = self.text;
        self.places().map(move |field| {
            let raw = &text[field.name.0 as usize..field.name.1 as usize];
            let escaped = field.mark == Mark::ESCAPED;
            let plain = escaped.then(|| unescaped(raw)).flatten();
            plain.map_or(Cow::Borrowed(raw), Cow::Owned)
        })
    }

    /// An earlier tool failed on this record: it has an `error` that is not null.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.raw("error").is_some_and(|raw| raw != "null")
    }

    /// No white space stands between its tokens, so that as a line it is its own text.
    #[must_use]
    pub fn is_compact(&self) -> bool {
        !self.spaced
    }

    /// The object as it came.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// A copy that outlives the reader's buffer.
    #[must_use]
    pub fn keep(&self) -> Kept {
        Kept {
            text: self.text.into(),
            fields: self.fields.into(),
            trailing: self.trailing,
            spaced: self.spaced,
        }
    }

    /// Where the fields stand, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = Field> + use<'a> {
        self.fields.iter().copied().chain(self.trailing_members())
    }

    fn trailing_members(&self) -> TrailingMembers<'a> {
        TrailingMembers::new(self.text.as_bytes(), self.trailing)
    }

    #[inline]
    pub(super) fn is_named(&self, field: &Field, name: &str) -> bool {
        if field.mark == Mark::ESCAPED {
            return unescaped(self.slice(field.name)).is_some_and(|text| text == name);
        }
        let (from, to) = field.name;
        field.mark == Mark::of(name)
            && &self.text.as_bytes()[from as usize..to as usize] == name.as_bytes()
    }

    pub(super) fn slice(&self, (from, to): (u32, u32)) -> &'a str {
        &self.text[from as usize..to as usize]
    }
}

impl Kept {
    /// The record of a line that [`super::Lines`] wrote; never an envelope.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let mut scanner = Scanner::new();
        scanner.start(false);
        scanner.scan(line.as_bytes()).ok()?;
        Some(Self {
            text: line.into(),
            fields: scanner.fields.into(),
            trailing: scanner.trailing,
            spaced: scanner.spaced,
        })
    }

    /// The record itself.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        Record {
            text: &self.text,
            fields: &self.fields,
            trailing: self.trailing,
            spaced: self.spaced,
        }
    }
}

impl<'a> Value<'a> {
    /// Interprets the raw text of a valid JSON value.
    #[must_use]
    pub fn of(raw: &'a str) -> Self {
        match raw.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'-' | b'0'..=b'9') => Self::Number(raw),
            Some(b'"') => {
                let inner = &raw[1..raw.len() - 1];
                if inner.contains('\\') {
                    unescaped(inner).map_or(Self::Other(raw), |text| Self::Text(text.into()))
                } else {
                    Self::Text(inner.into())
                }
            }
            _ => Self::Other(raw),
        }
    }

    /// There is nothing: no such field, or null.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Absent | Self::Null)
    }
}

/// What a string's inner text stands for; none for a lone surrogate.
pub(super) fn unescaped(inner: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{inner}\"")).ok()
}
