//! Records as CSV for spreadsheets (RFC 4180 quoting, line feeds), without formulas.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use super::columns::Columns;
use crate::{escape::escape, stream::Kept};

/// Writes a header and a row for each record; on a terminal control characters are escaped.
pub(super) fn print(records: &[Kept], out: &mut impl Write, terminal: bool) -> io::Result<()> {
    let columns = Columns::of(records, &[]);
    let header = columns.names();
    if header.is_empty() {
        return Ok(());
    }
    // As io::Error::from does not, this keeps the kind: a closed pipe is no failure.
    let cause = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    let mut writer = csv::Writer::from_writer(out);
    let mut put = |row: Vec<String>| {
        let safe = row.iter().map(|cell| {
            let cell = without_formula(cell);
            match terminal {
                true => escape(&cell).into_owned(),
                false => cell.into_owned(),
            }
        });
        writer.write_record(safe).map_err(cause)
    };
    put(header)?;
    for kept in records {
        put(columns.row(kept))?;
    }
    writer.flush()
}

/// A spreadsheet runs a cell that begins with one of `= + - @`, tab or CR as a formula, and
/// names and comments are what a guest's owner chose: an apostrophe makes it text. A number stays.
fn without_formula(cell: &str) -> Cow<'_, str> {
    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let number = || serde_json::from_str::<serde_json::Number>(cell).is_ok();
    if begins && !number() {
        return format!("'{cell}").into();
    }
    cell.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        #[rustfmt::skip]
        let cases = [
            ("web",                "web"),
            ("-5",                 "-5"),
            ("-1.5e3",             "-1.5e3"),
            ("-5+cmd|' /C calc'!A0", "'-5+cmd|' /C calc'!A0"),
            ("=HYPERLINK(\"x\")",  "'=HYPERLINK(\"x\")"),
            ("+49 30 1234",        "'+49 30 1234"),
            ("@SUM(A1)",           "'@SUM(A1)"),
            ("\t=1",               "'\t=1"),
            ("\r=1",               "'\r=1"),
            ("a=b",                "a=b"),
            ("",                   ""),
        ];
        for (cell, want) in cases {
            assert_eq!(without_formula(cell), want);
        }
    }
}
