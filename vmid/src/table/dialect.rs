//! The forms in which spreadsheets and NetBox write CSV files.

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

/// Why a CSV file cannot be read, with the line: "line 3: the text is not UTF-8".
#[must_use]
pub fn csv_fault(error: &csv::Error) -> String {
    let what = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8 (save it as CSV UTF-8)".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
