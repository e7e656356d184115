//! The file of addresses as anybody reads it: with the csv crate for the cells, and
//! once more byte by byte for what each row was in the file.

use std::{fs, path::Path};

use super::world::{Record, Style};

/// `ip-addresses.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    pub bytes: Vec<u8>,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Each row's bytes with its line end, the header's first.
    raw: Vec<Vec<u8>>,
}

impl Sheet {
    /// Reads the file, which must be one that any reader of CSV can read.
    pub fn read(folder: &Path, style: Style) -> Self {
        let bytes = fs::read(folder.join("ip-addresses.csv")).unwrap();
        let text = bytes.strip_prefix(b"\xef\xbb\xbf");
        assert_eq!(text.is_some(), style.mark, "the byte order mark stays");
        let text = text.unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(style.delimiter as u8)
            .from_reader(text); // not flexible: a row of another width is an error
        let owned = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = owned(reader.headers().expect("a header"));
        let rows = reader.records().map(|row| owned(&row.expect("a row")));
        let rows: Vec<_> = rows.collect();
        let raw = split(text);
        assert_eq!(raw.len(), rows.len() + 1, "rows between line ends");
        Self {
            header,
            rows,
            raw,
            bytes,
        }
    }

    /// What the rows say.
    pub fn records(&self, style: Style) -> Vec<Record> {
        let at = |import: &str, export: &str| {
            let name = if style.export { export } else { import };
            self.header.iter().position(|column| column == name)
        };
        let columns = [
            at("address", "IP Address"),
            at("vrf", "VRF"),
            at("status", "Status"),
            at("role", "Role"),
            at("dns_name", "DNS name"),
            at("cf_ipalloc_key", "ipalloc key"),
            at("comments", "Comments"),
        ];
        let record = |row: &Vec<String>| {
            let [address, vrf, status, role, dns_name, key, comments] =
                columns.map(|column| column.map_or_else(String::new, |at| row[at].clone()));
            let (address, length) = address.split_once('/').expect("a mask");
            let vrf = vrf.split(" (").next().unwrap_or_default();
            Record {
                address: address.parse().unwrap(),
                length: length.parse().unwrap(),
                vrf: if vrf == "Global" { "" } else { vrf }.to_owned(),
                status: status.to_lowercase(),
                role: role.to_lowercase(),
                dns_name,
                key,
                comments,
            }
        };
        self.rows.iter().map(record).collect()
    }

    /// `self` is `before` without the rows `gone`, with other cells in the rows
    /// `touched`, with columns at its right and rows at its end that are new;
    /// everything else is byte for byte as it was.
    pub fn assert_kept(&self, before: &Self, style: Style, gone: &[usize], touched: &[usize]) {
        assert!(self.header.starts_with(&before.header), "{:?}", self.header);
        let wider = self.header.len() - before.header.len();
        let mut old: Vec<usize> = (0..before.rows.len()).collect();
        old.retain(|row| !gone.contains(row));
        let [delimiter, end] = [style.delimiter.to_string(), style.line_end().to_owned()];
        let kept = |raw: &[u8]| {
            let raw = content(raw);
            [raw, delimiter.repeat(wider).as_bytes()].concat()
        };
        for (now, old) in old.iter().copied().enumerate() {
            if touched.contains(&old) {
                let changeable = [
                    "status",
                    "comments",
                    "cf_ipalloc_key",
                    "ipalloc key",
                    "address",
                    "ip address",
                ];
                for (at, name) in before.header.iter().enumerate() {
                    if !changeable.contains(&name.to_lowercase().as_str()) {
                        assert_eq!(self.rows[now][at], before.rows[old][at], "{name}");
                    }
                }
                continue;
            }
            let (is, was) = (&self.raw[now + 1], &before.raw[old + 1]);
            assert_eq!(text(content(is)), text(&kept(was)), "row {old}");
            if content(was) != was.as_slice() {
                assert_eq!(ending(is), ending(was), "line end of row {old}");
            }
        }
        for raw in &self.raw[old.len() + 1..] {
            assert_eq!(text(ending(raw)), end, "line end of a new row");
        }
    }
}

/// Rows with their line ends: a line end in quotes is none.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut rows, mut row, mut quoted) = (Vec::new(), Vec::new(), false);
    for &byte in text {
        row.push(byte);
        quoted ^= byte == b'"';
        if byte == b'\n' && !quoted {
            rows.push(std::mem::take(&mut row));
        }
    }
    assert!(!quoted, "a quote is open at the end of the file");
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}

fn content(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

fn ending(raw: &[u8]) -> &[u8] {
    &raw[content(raw).len()..]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
