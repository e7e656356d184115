//! One CSV file whose rows change while all others stay byte for byte.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use vmid::table::each_row;

use super::form::{Column, Layout};

/// A row's bytes to be put in place of others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub at: Range<usize>,
    pub text: Vec<u8>,
}

/// Where the row that begins at or behind `from` stands: its content, and its end with the line end.
///
/// The reader's positions lie before blank lines and between CR and LF; the row does not.
pub(super) fn row_at(text: &[u8], from: usize, to: usize) -> (Range<usize>, usize) {
    let line_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
    let start = from + text[from..to].iter().take_while(line_end).count();
    let content = to - text[start..to].iter().rev().take_while(line_end).count();
    let content = content.max(start);
    let rest = &text[content..];
    let end = match rest {
        [b'\r', b'\n', ..] => content + 2,
        [b'\r' | b'\n', ..] => content + 1,
        _ => content,
    };
    (start..content, end)
}

/// Adds `columns` at the right of every row of `text`.
///
/// # Errors
///
/// A row cannot be read.
pub(super) fn widen(text: &[u8], layout: &Layout, columns: &[Column]) -> Result<Vec<u8>, String> {
    let mut wide = Vec::with_capacity(text.len() + text.len() / 16);
    let header_at = layout.dialect.header_at;
    wide.extend_from_slice(&text[..header_at]);
    let (mut done, mut first) = (header_at, true);
    each_row(text, layout.dialect, |row, span| {
        let (content, _) = row_at(text, span.start, span.end);
        wide.extend_from_slice(&text[done..content.end]);
        // A row that is shorter than the header gets the cells that it left out.
        for _ in row.len()..layout.width {
            wide.push(layout.dialect.delimiter);
        }
        for column in columns {
            wide.push(layout.dialect.delimiter);
            if first {
                wide.extend_from_slice(column.header(layout.form).as_bytes());
            }
        }
        (done, first) = (content.end, false);
        Ok(())
    })?;
    wide.extend_from_slice(&text[done..]);
    Ok(wide)
}

/// Replaces the file at `path` by `text` with `edits` made (sorted, without overlap)
/// and `added` at its end: either wholly or, whatever happens, not at all.
///
/// # Errors
///
/// Those of the file system; then the file is as it was.
pub(super) fn replace(
    path: &Path,
    text: &[u8],
    edits: &[Edit],
    added: &[u8],
    line_end: &[u8],
) -> io::Result<()> {
    let temporary = Temporary::beside(path)?;
    let mut out = BufWriter::with_capacity(1 << 20, &temporary.file);
    let mut done = 0;
    for edit in edits {
        out.write_all(&text[done..edit.at.start])?;
        out.write_all(&edit.text)?;
        done = edit.at.end;
    }
    out.write_all(&text[done..])?;
    if !added.is_empty() && !text.is_empty() && !text.ends_with(b"\n") {
        out.write_all(line_end)?;
    }
    out.write_all(added)?;
    out.flush()?;
    drop(out);
    temporary.put(path)
}

/// The new content before it is in place; removed if it never gets there.
struct Temporary {
    file: File,
    /// Opened first, because it may be a folder that can be written to but not read.
    folder: File,
    path: PathBuf,
    placed: bool,
}

impl Temporary {
    /// A new file in the folder of `path`. Its name is fixed, so that what a kill
    /// left behind is overwritten by the next run; the lock keeps others away.
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.ipalloc-new"));
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = File::open(folder.unwrap_or(Path::new(".")))?;
        let _ = fs::remove_file(&temporary); // a leftover may be a link or another's
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)?;
        let temporary = Self {
            file,
            folder,
            path: temporary,
            placed: false,
        };
        if let Ok(before) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt as _;
            temporary.file.set_permissions(before.permissions())?;
            // Only root may give files away; where that fails, the group and owner are ours.
            let _ =
                std::os::unix::fs::fchown(&temporary.file, Some(before.uid()), Some(before.gid()));
        }
        Ok(temporary)
    }

    fn put(mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        self.placed = true;
        self.folder.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_between_line_ends() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, usize, usize, &str, usize)] = &[
            ("plain",              "a,b\nc,d\n",     4, 8, "c,d", 8),
            ("CRLF, seen at LF",   "a\r\nc\r\n",     2, 5, "c",   6),
            ("blank lines before", "a\n\n\nc\nd\n",  2, 6, "c",   6),
            ("no line end",        "a\nc",           2, 3, "c",   3),
        ];
        for (name, text, from, to, content, end) in cases {
            let (range, stop) = row_at(text.as_bytes(), *from, *to);
            assert_eq!((&text[range], stop), (*content, *end), "{name}");
        }
    }

    #[test]
    fn columns_are_added_to_every_row() {
        let layout = |text: &str| Layout::of(text.as_bytes(), Column::Address).unwrap();
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str)] = &[
            ("plain",            "address,status\n10.0.0.1/8,active\n", "address,status,cf_ipalloc_key\n10.0.0.1/8,active,\n"),
            ("BOM, CRLF, ;",     "\u{feff}address;status\r\n10.0.0.1/8;active\r\n", "\u{feff}address;status;cf_ipalloc_key\r\n10.0.0.1/8;active;\r\n"),
            ("no final newline", "address\n10.0.0.1/8", "address,cf_ipalloc_key\n10.0.0.1/8,"),
            ("a short row",      "address,status,role\n10.0.0.1/8\n", "address,status,role,cf_ipalloc_key\n10.0.0.1/8,,,\n"),
            ("quoted newline",   "IP Address,Comments\n10.0.0.1/8,\"a\nb\"\n", "IP Address,Comments,ipalloc key\n10.0.0.1/8,\"a\nb\",\n"),
            ("behind sep=",      "sep=;\r\naddress;status\r\n10.0.0.1/8;active\r\n", "sep=;\r\naddress;status;cf_ipalloc_key\r\n10.0.0.1/8;active;\r\n"),
            ("a blank line",     "address\n\n10.0.0.1/8\n", "address,cf_ipalloc_key\n\n10.0.0.1/8,\n"),
        ];
        for (name, text, want) in cases {
            let wide = widen(text.as_bytes(), &layout(text), &[Column::Key]).unwrap();
            assert_eq!(String::from_utf8(wide).unwrap(), *want, "{name}");
        }
    }
}
