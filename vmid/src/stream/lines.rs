//! JSON Lines out: one compact object per line, foreign fields as they came.

use std::{
    borrow::Cow,
    io::{self, BufWriter, Write},
};

use super::Record;

/// Enough to make one write of many records, little beside the 8 MB the tools allow themselves.
const BUFFER: usize = 64 * 1024;

/// Writes records as JSON Lines.
#[derive(Debug)]
pub struct Lines<W: Write> {
    out: BufWriter<W>,
    terminal: bool,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`. On a terminal, control characters that JSON allows
    /// unescaped (DEL and U+0080 to U+009F) are escaped, so that data cannot
    /// steer it.
    pub fn new(out: W, terminal: bool) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER, out),
            terminal,
        }
    }

    /// Writes `record` with the fields of `set`, pairs of a plain name and a raw
    /// JSON value: a field that is already there is replaced in place (each, if
    /// the name occurs twice), a new one appended.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn write(&mut self, record: Record<'_>, set: &[(&str, &str)]) -> io::Result<()> {
        self.rewrite(record, set, &[])
    }

    /// As [`Self::write`], and without the fields of `drop`: for what an earlier run
    /// of the same tool said and what does not hold any more. Nobody else's fields
    /// are ever dropped.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn rewrite(
        &mut self,
        record: Record<'_>,
        set: &[(&str, &str)],
        drop: &[&str],
    ) -> io::Result<()> {
        if self.terminal {
            let mut line = Vec::new();
            put(&mut line, record, set, drop)?;
            return self.out.write_all(without_controls(&line).as_ref());
        }
        put(&mut self.out, record, set, drop)
    }

    /// Writes the text of a compact record with `tail` before its last brace: raw
    /// members, a comma before each. For those who write a million rows, and know
    /// that none of the names is in the record and that it isn't empty.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn extend(&mut self, text: &str, tail: &str) -> io::Result<()> {
        let body = text.strip_suffix('}').unwrap_or(text);
        if self.terminal {
            let line = [body, tail, "}\n"].concat();
            return self
                .out
                .write_all(without_controls(line.as_bytes()).as_ref());
        }
        self.out.write_all(body.as_bytes())?;
        self.out.write_all(tail.as_bytes())?;
        self.out.write_all(b"}\n")
    }

    /// Writes `record` as failed: with the fields of `set`, then its `error`.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn fail(
        &mut self,
        record: Record<'_>,
        set: &[(&str, &str)],
        code: &str,
        message: &str,
    ) -> io::Result<()> {
        let error = error_object(code, message);
        let mut set = set.to_vec();
        set.push(("error", &error));
        self.write(record, &set)
    }

    /// Writes a record of our own: `fields` are pairs of a plain name and a raw JSON value.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn own(&mut self, fields: &[(&str, &str)]) -> io::Result<()> {
        self.write(
            Record {
                text: "{}",
                fields: &[],
                trailing: 0,
                spaced: false,
            },
            fields,
        )
    }

    /// Writes one line of plain text (for `--raw`).
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn plain(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Hands everything to the underlying writer.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `text` as a JSON string.
#[must_use]
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The value of an `error` field.
#[must_use]
pub fn error_object(code: &str, message: &str) -> String {
    format!(r#"{{"code":{},"message":{}}}"#, quote(code), quote(message))
}

/// `text` as a message shows it: a long one by its first 100 characters.
#[must_use]
pub fn excerpt(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

fn put(
    out: &mut impl Write,
    record: Record<'_>,
    set: &[(&str, &str)],
    drop: &[&str],
) -> io::Result<()> {
    let known = |name: &str| record.raw(name).is_some();
    let touched = set.iter().any(|(name, _)| known(name)) || drop.iter().any(|name| known(name));
    if !record.spaced && !touched {
        // The common case: nothing to respell, so the text goes out as one piece.
        out.write_all(&record.text.as_bytes()[..record.text.len() - 1])?;
        return append(out, set.iter(), record.fields.is_empty());
    }
    out.write_all(b"{")?;
    let mut first = true;
    for field in record.places() {
        if drop.iter().any(|name| record.is_named(&field, name)) {
            continue;
        }
        out.write_all(if first { b"\"" } else { b",\"" })?;
        first = false;
        out.write_all(record.slice(field.name).as_bytes())?;
        out.write_all(b"\":")?;
        match set.iter().find(|(name, _)| record.is_named(&field, name)) {
            Some((_, value)) => out.write_all(value.as_bytes())?,
            None => put_value(out, record.slice(field.value))?,
        }
    }
    append(out, set.iter().filter(|(name, _)| !known(name)), first)
}

fn append<'a>(
    out: &mut impl Write,
    new: impl Iterator<Item = &'a (&'a str, &'a str)>,
    mut first: bool,
) -> io::Result<()> {
    for (name, value) in new {
        out.write_all(if first { b"\"" } else { b",\"" })?;
        out.write_all(name.as_bytes())?;
        out.write_all(b"\":")?;
        out.write_all(value.as_bytes())?;
        first = false;
    }
    out.write_all(b"}\n")
}

/// A raw value as it came; if a raw newline would break the line, without its white space.
fn put_value(out: &mut impl Write, raw: &str) -> io::Result<()> {
    if !raw.contains(['\n', '\r']) {
        return out.write_all(raw.as_bytes());
    }
    let (mut string, mut escaped) = (false, false);
    // White space inside a string stays.
    let dropped = |&byte: &u8| {
        let space = !string && matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        string ^= byte == b'"' && !escaped;
        escaped = string && byte == b'\\' && !escaped;
        space
    };
    for piece in raw.as_bytes().split(dropped) {
        out.write_all(piece)?;
    }
    Ok(())
}

fn without_controls(line: &[u8]) -> Cow<'_, [u8]> {
    let text = String::from_utf8_lossy(line); // cannot be lossy: raw values are text
    let control = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    if !text.contains(control) {
        return line.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if control(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe.into_bytes().into()
}
