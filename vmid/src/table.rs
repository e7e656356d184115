//! Records for people and spreadsheets: aligned tables and CSV.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::{
    escape::escape,
    exit::{Answer, Stop},
    stream::{Kept, Lines},
};

mod columns;
mod csv;
mod dialect;
mod rows;

use columns::Columns;
pub use columns::MOST_COLUMNS;
pub use dialect::{Dialect, NOT_UTF8, csv_fault, readable};
pub use rows::{each_row, is_empty};

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
        _ => csv::print(&records, &mut output, terminal),
    };
    written
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    worked
}

/// The widest cell of a table, in characters; PVE's names have 63 at most.
pub const WIDEST: usize = 256;

/// The widest cell of a table's last column, in characters.
pub const WIDEST_LAST: usize = 4096;

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
    /// record has, or, if `columns` is empty, all fields in the order in which they turn up,
    /// [`MOST_COLUMNS`] at most.
    #[must_use]
    pub fn of_records(records: &[Kept], columns: &[&str]) -> Self {
        let found = Columns::of(records, columns);
        let rows = records.iter().map(|kept| found.row(kept)).collect();
        Self {
            columns: found.names(),
            rows,
        }
    }

    /// Adds a row; it has a cell for each column.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Writes the table with aligned columns, everything escaped. Of a longer cell than
    /// [`WIDEST`] characters (in the last column, that is not padded, [`WIDEST_LAST`]) the
    /// beginning is shown.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(last) = self.columns.len().checked_sub(1) else {
            return Ok(());
        };
        let shown = |(column, text): (usize, &String)| {
            let most = if column == last { WIDEST_LAST } else { WIDEST };
            shortened(&escape(text), most)
        };
        let lines: Vec<Vec<String>> = std::iter::once(&self.columns)
            .chain(&self.rows)
            .map(|row| row.iter().enumerate().map(shown).collect())
            .collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..last).filter_map(width).collect();
        for line in &lines {
            let mut text = String::new();
            for (column, cell) in line.iter().enumerate() {
                text.push_str(cell);
                let width = widths.get(column).map_or(0, |width| width + 2);
                let padding = width.saturating_sub(cell.chars().count());
                text.extend(std::iter::repeat_n(' ', padding));
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// `text`, or its first characters and three dots.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(table: &Table) -> String {
        let mut out = Vec::new();
        table.print(&mut out).expect("a Vec takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn one_long_cell_makes_no_long_rows() {
        let mut table = Table::new(["name", "why"]);
        table.push(vec!["x".repeat(1_000_000), "y".repeat(1_000_000)]);
        for _ in 0..3000 {
            table.push(vec!["web".into(), "z".into()]);
        }
        let text = printed(&table);
        assert!(text.len() < 3002 * (WIDEST + 10) + WIDEST_LAST);
        assert!(text.contains(&format!(
            "{}...  {}...\n",
            "x".repeat(WIDEST),
            "y".repeat(WIDEST_LAST)
        )));
    }

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
