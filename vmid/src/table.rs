//! Records for people and spreadsheets: aligned tables and CSV.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use clap::ValueEnum;

use crate::{
    escape::escape,
    exit::{Answer, Stop},
    stream::{Kept, Lines, Value},
};

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON Lines
    Json,
    /// Aligned columns, for people
    Table,
    /// All fields, for spreadsheets
    Csv,
}

/// Does `work`, and gives the records that it writes the form that was asked for;
/// a table shows those of `columns` that occur.
///
/// # Errors
///
/// Those of `work`, and of `output`.
pub fn present<W: Write>(
    format: Format,
    columns: &[&str],
    mut output: W,
    terminal: bool,
    work: impl FnOnce(&mut Lines<&mut dyn Write>) -> Result<Answer, Stop>,
) -> Result<Answer, Stop> {
    if format == Format::Json {
        return work(&mut Lines::new(&mut output as &mut dyn Write, terminal));
    }
    let mut text = Vec::new();
    let worked = work(&mut Lines::new(&mut text as &mut dyn Write, false));
    let text = String::from_utf8_lossy(&text); // cannot be lossy: it is made of text
    let records: Vec<Kept> = text.lines().filter_map(Kept::of_line).collect();
    let written = match format {
        Format::Table => Table::of_records(&records, columns).print(&mut output),
        _ => Table::of_records(&records, &[]).csv(&mut output, terminal),
    };
    written
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    worked
}

/// Rows of text under named columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// One row for each record; the columns are those of `columns` that some
    /// record has, or, if `columns` is empty, all fields in the order in which they turn up.
    #[must_use]
    pub fn of_records(records: &[Kept], columns: &[&str]) -> Self {
        let mut found: Vec<String> = Vec::new();
        for name in records.iter().flat_map(|kept| kept.record().names()) {
            if !found.iter().any(|known| *known == name) {
                found.push(name.into_owned());
            }
        }
        if !columns.is_empty() {
            found = columns
                .iter()
                .filter(|c| found.iter().any(|f| f == *c))
                .map(|c| (*c).to_owned())
                .collect();
        }
        let mut table = Self::new(found);
        for kept in records {
            let row = table
                .columns
                .iter()
                .map(|name| cell(&kept.record().value(name)))
                .collect();
            table.rows.push(row);
        }
        table
    }

    /// Adds a row; it has a cell for each column.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Writes the table with aligned columns, everything escaped.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let lines: Vec<Vec<Cow<'_, str>>> = std::iter::once(&self.columns)
            .chain(&self.rows)
            .map(|row| row.iter().map(|text| escape(text)).collect())
            .collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..self.columns.len()).filter_map(width).collect();
        for line in &lines {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }

    /// Writes the table as CSV (RFC 4180 quoting, line feeds).
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn csv(&self, out: &mut impl Write, terminal: bool) -> io::Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        // As io::Error::from does not, this keeps the kind: a closed pipe is no failure.
        let cause = |error: csv::Error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        };
        let mut writer = csv::Writer::from_writer(out);
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            if terminal {
                writer
                    .write_record(row.iter().map(|cell| escape(cell).into_owned()))
                    .map_err(cause)?;
            } else {
                writer.write_record(row).map_err(cause)?;
            }
        }
        writer.flush()
    }
}

/// How a CSV file is written, so that it can be read, and added to in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// It begins with a UTF-8 byte order mark.
    pub mark: bool,
    /// The byte between two cells: `,`, `;` or a tab.
    pub delimiter: u8,
    /// Its lines end in CR LF.
    pub crlf: bool,
}

impl Dialect {
    const MARK: &[u8] = b"\xef\xbb\xbf";

    /// What the first line shows: of comma, semicolon and tab the most frequent is the delimiter.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let line = text
            .split_inclusive(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
        let delimiters = [b'\t', b';', b',']; // of equals the last is taken
        let delimiter = delimiters
            .into_iter()
            .max_by_key(|&d| count(d))
            .unwrap_or(b',');
        Self {
            mark: text.starts_with(Self::MARK),
            delimiter,
            crlf: line.ends_with(b"\r\n"),
        }
    }

    /// Bytes before the header.
    #[must_use]
    pub fn mark_length(self) -> usize {
        if self.mark { Self::MARK.len() } else { 0 }
    }

    /// A reader of the text behind the mark; its first row is the header.
    #[must_use]
    pub fn reader(self, text: &[u8]) -> csv::Reader<&[u8]> {
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(self.delimiter).flexible(true);
        builder.from_reader(&text[self.mark_length()..])
    }
}

/// A value as a person writes it: text without quotes, an error as `code: message`, the rest as JSON.
fn cell(value: &Value<'_>) -> String {
    match value {
        Value::Absent | Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(raw) => (*raw).to_owned(),
        Value::Text(text) => text.clone().into_owned(),
        Value::Other(raw) => said(raw).unwrap_or_else(|| (*raw).to_owned()),
    }
}

/// `{"code","message"}`, or a list of such, as one line.
fn said(raw: &str) -> Option<String> {
    let one = |value: &serde_json::Value| {
        Some(format!(
            "{}: {}",
            value.get("code")?.as_str()?,
            value.get("message")?.as_str()?
        ))
    };
    match serde_json::from_str(raw).ok()? {
        serde_json::Value::Array(list) => list
            .iter()
            .map(one)
            .collect::<Option<Vec<_>>>()
            .map(|all| all.join("; ")),
        value => one(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let mut table = Table::new(["name", "vmid"]);
        table.push(vec!["dns".into(), "10111".into()]);
        table.push(vec!["na\u{ef}ve-name".into(), String::new()]);
        let mut out = Vec::new();
        table.print(&mut out).expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "name        vmid\ndns         10111\nna\u{ef}ve-name\n"
        );
    }
}
