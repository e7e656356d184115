//! The forms in which spreadsheets and NetBox write CSV files.

/// How a CSV file is written, so that it can be read, and added to in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Where the header begins, in bytes: behind a UTF-8 byte order mark and a spreadsheet's
    /// line `sep=;`.
    pub header_at: usize,
    /// The line that the header is in, the first is 1.
    pub header_line: u64,
    /// The byte between two cells: `,`, `;` or a tab, or what `sep=` says.
    pub delimiter: u8,
    /// Its lines end in CR LF.
    pub crlf: bool,
}

impl Dialect {
    const MARK: &[u8] = b"\xef\xbb\xbf";

    /// What a line `sep=;` says, else what the header shows: of comma, semicolon and tab the most
    /// frequent is the delimiter.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mark = if text.starts_with(Self::MARK) {
            Self::MARK.len()
        } else {
            0
        };
        let named = named(first_line(&text[mark..]));
        let skipped = named.map_or(0, |_| first_line(&text[mark..]).len());
        let header = first_line(&text[mark + skipped..]);
        Self {
            header_at: mark + skipped,
            header_line: if named.is_some() { 2 } else { 1 },
            delimiter: named.unwrap_or_else(|| most_frequent(header)),
            crlf: header.ends_with(b"\r\n"),
        }
    }

    /// A reader of the text from the header on, which is its first row.
    #[must_use]
    pub fn reader(self, text: &[u8]) -> csv::Reader<&[u8]> {
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(self.delimiter).flexible(true);
        builder.from_reader(&text[self.header_at..])
    }
}

/// The text is in an encoding that CSV can be read from.
///
/// # Errors
///
/// It is UTF-16, as Excel's "Unicode Text" is.
pub fn readable(text: &[u8]) -> Result<(), String> {
    let marked = text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff");
    let letters = text.iter().take(4).filter(|&&byte| byte != 0).count();
    let spaced = text.len() >= 4 && letters == 2 && (text[0] == 0) != (text[1] == 0);
    if marked || spaced {
        return Err("the text is UTF-16, not UTF-8 (save it as CSV UTF-8)".to_owned());
    }
    Ok(())
}

fn first_line(text: &[u8]) -> &[u8] {
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.next().unwrap_or_default()
}

/// The delimiter that Excel's first line names: `sep=;`, perhaps in quotes.
fn named(line: &[u8]) -> Option<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let quoted = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\""));
    match quoted.unwrap_or(line) {
        [s, e, p, b'=', delimiter]
            if [s, e, p].map(u8::to_ascii_lowercase) == *b"sep"
                && !delimiter.is_ascii_alphanumeric() =>
        {
            Some(*delimiter)
        }
        _ => None,
    }
}

fn most_frequent(line: &[u8]) -> u8 {
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    let delimiters = [b'\t', b';', b',']; // of equals the last is taken
    let most = delimiters.into_iter().max_by_key(|&d| count(d));
    most.unwrap_or(b',')
}

/// Why a CSV file cannot be read, with the line: "line 3: the text is not UTF-8".
#[must_use]
pub fn csv_fault(error: &csv::Error) -> String {
    let what = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => NOT_UTF8.to_owned(),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} cells, the header has {expected_len}"),
        csv::ErrorKind::Io(error) => crate::exit::reason(error),
        _ => "it is no CSV".to_owned(),
    };
    match error.position().map(csv::Position::line) {
        Some(line) => format!("line {}: {what}", line.max(1)),
        None => what,
    }
}

/// What is wrong with a cell whose bytes are no text.
pub const NOT_UTF8: &str = "the text is not UTF-8 (save it as CSV UTF-8)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, usize, u8, bool)] = &[
            ("plain",               "a,b\n1;2\n",               0, b',', false),
            ("a spreadsheet's",     "\u{feff}a;b,c;d\r\n",      3, b';', true),
            ("tabs",                "a\tb\r\n",                 0, b'\t', true),
            ("one column",          "a\n",                      0, b',', false),
            ("sep= wins",           "sep=;\r\na,b,c;d\r\n",     7, b';', true),
            ("behind a mark",       "\u{feff}sep=,\na;b\n",     9, b',', false),
            ("quoted, in capitals", "\"SEP=|\"\na|b\n",         8, b'|', false),
            ("a column called so",  "sep=x,b\n",                0, b',', false),
            ("nothing behind it",   "sep=;",                    5, b';', false),
            ("empty",               "",                         0, b',', false),
        ];
        for (name, text, header_at, delimiter, crlf) in cases {
            let want = Dialect {
                header_at: *header_at,
                header_line: if text.to_lowercase().contains("sep=x") || *header_at < 5 {
                    1
                } else {
                    2
                },
                delimiter: *delimiter,
                crlf: *crlf,
            };
            assert_eq!(Dialect::of(text.as_bytes()), want, "{name}");
        }
    }

    #[test]
    fn encodings() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u8], bool)] = &[
            ("UTF-8",                  b"a,b\n",             true),
            ("with a mark",            b"\xef\xbb\xbfa,b\n", true),
            ("Latin-1",                b"pr\xe4fix\n",       true),
            ("empty",                  b"",                  true),
            ("UTF-16, little endian",  b"\xff\xfea\0,\0",    false),
            ("UTF-16, big endian",     b"\xfe\xff\0a\0,",    false),
            ("without a mark",         b"a\0,\0",            false),
            ("big endian without one", b"\0a\0,",            false),
        ];
        for (name, text, want) in cases {
            assert_eq!(readable(text).is_ok(), *want, "{name}");
        }
    }

    #[test]
    fn faults_in_words() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u8], &str)] = &[
            ("Latin-1 in the header", b"pr\xe4fix,vlan\na,1\n", "line 1: the text is not UTF-8 (save it as CSV UTF-8)"),
            ("Latin-1 in a row",      b"a,b\nc,d\n\xfc,e\n",  "line 3: the text is not UTF-8 (save it as CSV UTF-8)"),
        ];
        for (name, text, want) in cases {
            let mut reader = Dialect::of(text).reader(text);
            let error = match reader.headers() {
                Err(error) => error,
                Ok(_) => reader.records().find_map(Result::err).unwrap(),
            };
            assert_eq!(csv_fault(&error), *want, "{name}");
        }
    }
}
