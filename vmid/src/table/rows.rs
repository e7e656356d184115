//! The rows of a CSV file with their true places: lines as an editor counts them, whatever ends
//! them, and the bytes of each row.

use std::ops::Range;

use csv::ByteRecord;

use super::dialect::{Dialect, csv_fault};

/// Hands each row of `text`, the header first, to `handle`, with the bytes that the reader took
/// for it; the row's position has its true line.
///
/// # Errors
///
/// A row cannot be read, or what `handle` says of it; with the line's number.
pub fn each_row(
    text: &[u8],
    dialect: Dialect,
    mut handle: impl FnMut(&ByteRecord, Range<usize>) -> Result<(), String>,
) -> Result<(), String> {
    let from = dialect.header_at;
    let mut builder = csv::ReaderBuilder::new();
    builder
        .delimiter(dialect.delimiter)
        .flexible(true)
        .has_headers(false);
    let mut reader = builder.from_reader(&text[from..]);
    let mut row = ByteRecord::new();
    let mut last = (from, 0);
    while reader
        .read_byte_record(&mut row)
        .map_err(|error| csv_fault(&error))?
    {
        let mut at = row.position().cloned().unwrap_or_else(csv::Position::new);
        let span = from + at.byte() as usize..from + reader.position().byte() as usize;
        // The reader's position is before blank lines, and between the CR and the LF of the line before.
        let skipped = text[span.clone()].iter().take_while(|b| is_line_end(**b));
        let skipped = skipped.filter(|&&byte| byte == b'\n').count() as u64;
        let line = at.line() + skipped + dialect.header_line - 1;
        at.set_line(line);
        row.set_position(Some(at));
        last = (span.start, line);
        handle(&row, span).map_err(|what| format!("line {line}: {what}"))?;
    }
    let (start, line) = last;
    if is_open(&text[start..], &builder) {
        return Err(format!("line {line}: a quote is opened and never closed"));
    }
    Ok(())
}

/// The row says nothing: all its cells are empty, as a spreadsheet leaves a row that was deleted.
#[must_use]
pub fn is_empty(row: &ByteRecord) -> bool {
    row.iter().all(|cell| cell.trim_ascii().is_empty())
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// The last row is not over: a row behind it would be taken for a part of it.
fn is_open(row: &[u8], builder: &csv::ReaderBuilder) -> bool {
    let longer = [row, b"\nx\n"].concat();
    let rows = builder.from_reader(longer.as_slice()).into_byte_records();
    rows.last()
        .is_some_and(|last| last.is_ok_and(|last| last.get(0) != Some(b"x") || last.len() != 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first cell of each row that is not empty, with its line.
    fn lines(text: &str) -> Result<Vec<(u64, String)>, String> {
        let mut found = Vec::new();
        each_row(text.as_bytes(), Dialect::of(text.as_bytes()), |row, _| {
            if !is_empty(row) {
                let line = row.position().unwrap().line();
                found.push((line, String::from_utf8_lossy(&row[0]).into_owned()));
            }
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn lines_are_those_of_an_editor() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[(u64, &str)])] = &[
            ("LF",                  "a,b\nc,d\ne,f\n",             &[(1, "a"), (2, "c"), (3, "e")]),
            ("CR LF",               "a,b\r\nc,d\r\ne,f\r\n",       &[(1, "a"), (2, "c"), (3, "e")]),
            ("blank lines",         "a\n\n\nb\n",                  &[(1, "a"), (4, "b")]),
            ("blank lines, CR LF",  "a\r\n\r\n\r\nb\r\n",          &[(1, "a"), (4, "b")]),
            ("a quoted line end",   "a,\"x\r\ny\"\r\nb,c\r\n",     &[(1, "a"), (3, "b")]),
            ("behind sep=",         "sep=;\r\na;b\r\nc;d\r\n",     &[(2, "a"), (3, "c")]),
            ("an empty row",        "a;b\n;;\n ; ;\nc;d\n",        &[(1, "a"), (4, "c")]),
        ];
        for (name, text, want) in cases {
            let want: Vec<_> = want.iter().map(|(l, c)| (*l, (*c).to_owned())).collect();
            assert_eq!(lines(text), Ok(want), "{name}");
        }
    }

    #[test]
    fn a_quote_that_stays_open() {
        let refused = Err("line 3: a quote is opened and never closed".to_owned());
        assert_eq!(lines("a,b\r\nc,d\r\n\"e,f\r\n"), refused);
    }

    proptest! {
        #[test]
        fn a_row_is_in_its_line(blanks in prop::collection::vec(0_usize..3, 1..12), crlf: bool, sep: bool) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = if sep { format!("sep=,{end}") } else { String::new() };
            for (number, blank) in blanks.iter().enumerate() {
                let empty = if number == 0 { 0 } else { *blank };
                text.push_str(&[end.repeat(empty), format!("r{number},x{end}")].concat());
            }
            for (line, cell) in lines(&text).unwrap() {
                let row = text.lines().nth(line as usize - 1).unwrap();
                prop_assert_eq!(row.split(',').next(), Some(cell.as_str()));
            }
        }
    }
}
