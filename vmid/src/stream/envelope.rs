//! What stands around records in the answer of an API: which objects are envelopes,
//! and which of them must not be taken off because something would be lost.

use super::{
    foreign::GUESTS,
    lines::excerpt,
    record::unescaped,
    scan::{Field, Mark, Scanner},
    trailing_members::TrailingMembers,
};

/// The members that may stand beside the array in an answer of Proxmox's or NetBox's API.
const BESIDE: [&str; 7] = [
    "count", "next", "previous", "total", "success", "message", "digest",
];

/// The other members that say that an object is no record, but the answer of an API or a part of it.
const TELLING: [&str; 8] = [
    "data",
    "errors",
    "detail",
    "error",
    "exception",
    "items",
    "kind",
    "apiVersion",
];

/// What the names of these members look like.
const OF_ANSWERS: [Mark; BESIDE.len() + TELLING.len()] = {
    let mut marks = [Mark::ESCAPED; BESIDE.len() + TELLING.len()];
    let mut at = 0;
    while at < marks.len() {
        marks[at] = match at < BESIDE.len() {
            true => Mark::of(BESIDE[at]),
            false => Mark::of(TELLING[at - BESIDE.len()]),
        };
        at += 1;
    }
    marks
};

/// Values that say nothing.
const EMPTY: [&[u8]; 4] = [b"null", b"\"\"", b"[]", b"{}"];

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

    /// It is no answer of an API, as its first member shows: so nearly every record.
    pub fn is_plain(self) -> bool {
        let first = self.scanner.fields.first();
        !first.is_some_and(|first| first.mark == Mark::ESCAPED || OF_ANSWERS.contains(&first.mark))
    }

    /// Where the object of `{"data":{...}}` stands, if this is that.
    pub fn only_data(self) -> Option<(usize, usize)> {
        let field = self.member("data")?;
        let holds = self.text[field.value.0 as usize] == b'{';
        (holds && self.has_only(&["data"]))
            .then_some((field.value.0 as usize, field.value.1 as usize))
    }

    /// What this is instead of records: the answer of a request that failed (of Proxmox's
    /// API, of NetBox's, of GraphQL), or a list of another system (Kubernetes').
    pub fn no_records(self) -> Option<String> {
        let said = |name: &str| {
            let field = self.member(name)?;
            Some(slice(self.text, field.value))
        };
        let failed = |name: &'static str| {
            let says = said(name).is_some_and(|value| !EMPTY.contains(&value));
            says.then_some(name)
        };
        let failure = if self.has_only(&["data", "errors"]) {
            let null = said("data").filter(|data| *data == b"null").map(|_| "data");
            let refused = said("success").is_some_and(|value| matches!(value, b"0" | b"false"));
            let message =
                failed("message").filter(|_| null.is_some() || refused && said("data").is_none());
            failed("errors").or(message).or(null)
        } else if self.has_only(&["detail"]) {
            failed("detail")
        } else if said("exception").is_some() && said("netbox_version").is_some() {
            failed("error").or(Some("exception"))
        } else if said("items").is_some_and(|items| items.starts_with(b"["))
            && said("apiVersion").is_some()
        {
            return Some(format!(
                "this is a list of another system's API, not of guests; {GUESTS}"
            ));
        } else {
            None
        };
        failure.map(|name| self.failure(name))
    }

    /// The message for the answer of a request that failed; `name` is the member that says so.
    fn failure(self, name: &str) -> String {
        let value = self.member(name).map(|field| slice(self.text, field.value));
        let value = String::from_utf8_lossy(value.unwrap_or_default());
        let value = excerpt(&value);
        format!("this is the answer of a request that failed: {name:?} is {value}")
    }

    /// There are no members but those that may stand beside an array, and those of `names`.
    fn has_only(self, names: &[&str]) -> bool {
        let fits = |field: Field| {
            is_named(self.text, &field, &BESIDE) || is_named(self.text, &field, names)
        };
        self.members().all(fits)
    }

    /// A member beside the array that no API sends there, and that would be lost.
    pub fn lost(self) -> Option<String> {
        let is_lost = |field: &Field| !is_named(self.text, field, &BESIDE);
        let field = self.members().find(is_lost)?;
        let name = String::from_utf8_lossy(slice(self.text, field.name));
        if name == "errors" && !EMPTY.contains(&slice(self.text, field.value)) {
            return Some(self.failure("errors"));
        }
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
