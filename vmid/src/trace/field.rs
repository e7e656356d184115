//! Fields of records, in the spellings that the lists of Proxmox have.

use std::borrow::Cow;

use super::owner;
use crate::{
    escape::escape,
    guest,
    stream::{Next, Reader, Record, Value},
};

/// A text that says something.
#[must_use]
pub fn text<'a>(record: &Record<'a>, name: &str) -> Option<Cow<'a, str>> {
    match record.value(name) {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A number, or text that is one.
#[must_use]
pub fn number(record: &Record<'_>, name: &str) -> Option<u64> {
    guest::number(&record.value(name)).flatten()
}

/// A time in seconds since 1970.
#[must_use]
pub fn time(record: &Record<'_>, name: &str) -> Option<i64> {
    let time = number(record, name)?;
    i64::try_from(time).ok().filter(|time| *time > 0)
}

/// A guest's ID.
#[must_use]
pub fn id(record: &Record<'_>, name: &str) -> Option<u64> {
    match record.value(name) {
        Value::Number(text) => owner::id(text),
        Value::Text(text) => owner::id(text.trim()),
        _ => None,
    }
}

/// The words of a list: `101,102`, `vm:101,ct:102`, an array of texts or numbers, or one number.
#[must_use]
pub fn words(record: &Record<'_>, name: &str) -> Vec<String> {
    let split = |text: &str| {
        let words = text.split([',', ';', ' ', '\n']).map(str::trim);
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    match record.value(name) {
        Value::Text(text) => split(&text),
        Value::Number(text) => vec![text.to_owned()],
        Value::Other(raw) => {
            let list: Vec<serde_json::Value> = serde_json::from_str(raw).unwrap_or_default();
            let words = list.iter().map(|word| match word {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            words.collect()
        }
        _ => Vec::new(),
    }
}

/// Hands each object of an array to `handle`; the array is a part of a record, and read where it stands.
///
/// # Errors
///
/// It is no array of objects, or what `handle` says.
pub fn each(
    raw: Option<&str>,
    mut handle: impl FnMut(&Record<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let Some(raw) = raw else { return Ok(()) };
    if !raw.starts_with('[') {
        return Err("it is no list".to_owned());
    }
    let mut reader = Reader::new(raw.as_bytes());
    loop {
        match reader.poll().map_err(|bad| bad.to_string())? {
            Next::Record(record) => handle(&record)?,
            // cannot fail: reading from memory does not
            Next::NeedInput => reader.fill().unwrap_or_default(),
            Next::End => return Ok(()),
        }
    }
}

/// A member of the record that is a list: none if it is null or missing.
#[must_use]
pub fn list<'a>(record: &Record<'a>, name: &str) -> Option<&'a str> {
    record.raw(name).filter(|raw| *raw != "null")
}

/// A word of a command for a shell, in quotes where it needs them; none where it can't be one
/// word that means itself: it would be an option, or a terminal would obey it.
#[must_use]
pub fn shell_word(text: &str) -> Option<String> {
    if text.is_empty() || text.starts_with('-') || *text != *escape(text) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@+,=-".contains(c);
    if text.chars().all(plain) {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("plain",        "tank:subvol-30066-disk-0", Some("tank:subvol-30066-disk-0")),
            ("a command",    "x;reboot",                 Some("'x;reboot'")),
            ("a quote",      "a'b",                      Some(r"'a'\''b'")),
            ("an option",    "--purge",                  None),
            ("a line's end", "a\nb",                     None),
            ("an escape",    "a\u{1b}[2J",               None),
            ("an order",     "a\u{202e}b",               None),
            ("hidden",       "a\u{200b}b",               None),
            ("nothing",      "",                         None),
        ];
        for (name, text, want) in cases {
            assert_eq!(shell_word(text).as_deref(), *want, "{name}");
        }
    }
}
