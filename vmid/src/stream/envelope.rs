//! What stands around records in the answer of an API: which objects are envelopes,
//! and which of them must not be taken off because something would be lost.

use super::{
    lines::excerpt,
    record::unescaped,
    scan::{Field, Mark, Scanner},
    trailing_members::TrailingMembers,
};

/// The members that may stand beside the array in an answer of Proxmox's or NetBox's API.
const BESIDE: [&str; 7] = [
    "count", "next", "previous", "total", "success", "message", "digest",
];

/// What the names of an envelope's members look like.
const OF_ENVELOPES: [Mark; 9] = {
    let mut marks = [Mark::ESCAPED; 9];
    marks[0] = Mark::of("data");
    let mut at = 0;
    while at < BESIDE.len() {
        marks[at + 1] = Mark::of(BESIDE[at]);
        at += 1;
    }
    marks
};

/// An object at the top of the stream, as far as it has been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun<'a> {
    /// The text from the object's first byte on.
    pub text: &'a [u8],
    /// What has been found in it.
    pub scanner: &'a Scanner,
}

impl<'a> Begun<'a> {
    /// It has no member so far that no envelope has; nearly every record has, and
    /// need not be asked again.
    pub fn may_be_envelope(self) -> bool {
        let Some((_, before)) = self.scanner.fields.split_last() else {
            return true; // cannot be: a member has been begun
        };
        let is_beside = |field: &Field| is_named(self.text, field, &BESIDE);
        self.scanner.trailing == 0 && before.iter().all(is_beside)
    }

    /// The array that was just begun is that of an envelope.
    pub fn is_envelope(self) -> bool {
        let is_array = |field: &Field| is_named(self.text, field, &["data", "results"]);
        self.may_be_envelope() && self.scanner.fields.last().is_some_and(is_array)
    }

    /// Where the object of `{"data":{...}}` stands (or its `null`), if this is that.
    pub fn only_data(self) -> Option<(usize, usize)> {
        let first = self.scanner.fields.first()?;
        if !OF_ENVELOPES.contains(&first.mark) {
            return None; // nearly every record ends here
        }
        let field = self.member("data")?;
        let is_other = |field: &Field| !is_named(self.text, field, &BESIDE);
        let others = self.members().filter(is_other);
        let holds = matches!(self.text[field.value.0 as usize], b'{' | b'n');
        (holds && others.count() == 1).then_some((field.value.0 as usize, field.value.1 as usize))
    }

    /// A member beside the array that no API sends there, and that would be lost.
    pub fn lost(self) -> Option<String> {
        let is_lost = |field: &Field| !is_named(self.text, field, &BESIDE);
        let field = self.members().find(is_lost)?;
        let name = String::from_utf8_lossy(slice(self.text, field.name));
        Some(format!(
            "the member {name:?} beside the array would be lost"
        ))
    }

    /// A page that says there are more is not the whole list.
    pub fn next_page(self) -> Option<String> {
        let is_next = |field: &Field| is_named(self.text, field, &["next"]);
        let mut next = self.members().filter(is_next);
        let next = next.find(|field| slice(self.text, field.value) != b"null")?;
        let next = String::from_utf8_lossy(slice(self.text, next.value));
        let next = excerpt(&next);
        Some(format!("this is one page of several, \"next\" is {next}"))
    }

    /// An answer without data that has a message says what went wrong (Proxmox's API
    /// does), and must not pass for an empty list.
    pub fn message(self) -> Option<String> {
        let message = slice(self.text, self.member("message")?.value);
        if !message.starts_with(b"\"") || message == b"\"\"" {
            return None;
        }
        let message = String::from_utf8_lossy(message);
        let message = excerpt(&message);
        Some(format!("this is no data but a message: {message}"))
    }

    /// The first member of that name.
    fn member(self, name: &str) -> Option<Field> {
        self.members()
            .find(|field| is_named(self.text, field, &[name]))
    }

    fn members(self) -> impl Iterator<Item = Field> {
        let trailing = TrailingMembers::new(self.text, self.scanner.trailing);
        self.scanner.fields.iter().copied().chain(trailing)
    }
}

fn slice(text: &[u8], (from, to): (u32, u32)) -> &[u8] {
    &text[from as usize..to as usize]
}

/// The field has one of these names.
#[inline]
fn is_named(text: &[u8], field: &Field, names: &[&str]) -> bool {
    let raw = slice(text, field.name);
    if field.mark != Mark::ESCAPED {
        return names
            .iter()
            .any(|name| Mark::of(name) == field.mark && name.as_bytes() == raw);
    }
    let plain = std::str::from_utf8(raw).ok().and_then(unescaped);
    plain.is_some_and(|plain| names.contains(&plain.as_str()))
}
