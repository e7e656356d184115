//! Where a field stands in the text of its record, and what its name looks like.

/// Where a field stands in the text of its record.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::stream) struct Field {
    /// The name without its quotes.
    pub name: (u32, u32),
    /// The value.
    pub value: (u32, u32),
    /// What the name looks like.
    pub mark: Mark,
}

/// What two names can be told apart by at a glance: their lengths, first and last bytes.
/// Every tool looks for several fields in every record, and most names are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::stream) struct Mark(u32);

impl Mark {
    /// A backslash is in the name, so it must be unescaped to be compared.
    pub const ESCAPED: Self = Self(u32::MAX);

    /// That of a name. No UTF-8 text ends with the byte of [`Self::ESCAPED`].
    pub const fn of(name: &str) -> Self {
        match name.as_bytes() {
            [] => Self::new(0, b'"', b'"'),
            [only] => Self::new(1, *only, *only),
            [first, .., last] => Self::new(name.len(), *first, *last),
        }
    }

    /// That of the name at `from`, which stands between its quotes.
    #[inline]
    pub fn at(text: &[u8], from: usize, to: usize) -> Self {
        Self::new(to - from, text[from], text[to - 1])
    }

    const fn new(length: usize, first: u8, last: u8) -> Self {
        Self((length as u32) << 16 | (first as u32) << 8 | last as u32)
    }
}
