//! The table for people: what stays of each group and by which rule, a calendar, the sums.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use vmid::{
    escape::escape,
    stream::{Again, Record, Value},
    table::Table,
};

use crate::{
    calendar::{DAY_S, utc},
    calendar_strip::{LEGEND, Strip},
    judge::{Judged, Rules},
    list::List,
    marked_rows::{Rows, reason},
    policy::Policy,
    retention::Fate,
    rule::Rule,
    zone::Zone,
};

/// What is reported on.
#[derive(Debug)]
pub struct Report<'a> {
    /// The list.
    pub list: &'a List,
    /// What was decided.
    pub judged: &'a Judged,
    /// By what.
    pub rules: &'a Rules,
    /// Where days begin.
    pub zone: &'a Zone,
    /// Show what goes instead of what stays.
    pub removals: bool,
}

/// Numbers of a group, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    all: u64,
    removed: u64,
    bytes: u64,
    /// Of the removed ones those whose size the list doesn't tell.
    sizeless: u64,
    refused: u64,
    failed: u64,
}

impl Sums {
    fn share(&self) -> String {
        let Self { all, removed, .. } = self;
        let thousandths = if *all == 0 { 0 } else { removed * 1_000 / all };
        let (whole, part) = (thousandths / 10, thousandths % 10);
        format!(
            "{} of {all} stay, {removed} go ({whole}.{part} %)",
            all - removed
        )
    }
}

impl Report<'_> {
    /// Writes the report.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let policy = match &self.rules.policy {
            Policy::One(keep) if keep.is_empty() => "no keep option: everything is kept".to_owned(),
            Policy::One(keep) => keep.to_string(),
            Policy::Entries(entries) => format!("a policy of {} entries", entries.len()),
        };
        writeln!(
            out,
            "days begin at midnight in {}; {policy}",
            escape(self.zone.name())
        )?;
        let mut total = Sums::default();
        let failed = self.list.rows.iter().filter(|row| row.group().is_none());
        total.failed = failed.count() as u64;
        let mut again = Again::new();
        for group in 0..self.list.groups.len() {
            writeln!(out)?;
            self.group(group, &mut total, &mut again, out)?;
        }
        writeln!(out)?;
        if !self.removals && !self.list.groups.is_empty() {
            writeln!(out, "{LEGEND}")?;
        }
        write!(out, "in all: {}", total.share())?;
        if total.refused > 0 {
            write!(out, "; groups left alone: {}", total.refused)?;
        }
        if total.failed > 0 {
            write!(out, "; records with an error: {}", total.failed)?;
        }
        writeln!(out)?;
        if total.removed > 0 {
            write!(out, "sizes of what goes: {}", size(total.bytes))?;
            match total.sizeless {
                0 => write!(out, ", an upper bound")?,
                none => write!(
                    out,
                    " and {none} of unknown size, an upper bound but for these"
                )?,
            }
            writeln!(
                out,
                ": what snapshots share is freed with the last of them\n\
                 pruning frees no space by itself: garbage collection does, and not before 24 h 5 min have passed",
            )?;
        }
        Ok(())
    }

    fn group(
        &self,
        group: usize,
        total: &mut Sums,
        again: &mut Again,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let name = self.list.groups[group].to_string();
        let name = escape(&name);
        let refusal = &self.judged.refusals[group];
        let mut sums = Sums::default();
        let mut strip = Strip::default();
        let mut table = Table::new(match self.removals {
            true => ["  REMOVE", "REASON", "WHY", "SIZE", "COMMENT"],
            false => ["  PERIOD", "KEPT", "BY", "SIZE", "COMMENT"],
        });
        let mut owners: BTreeMap<String, ()> = BTreeMap::new();
        let mut rows = Rows::new(self.list, self.judged, self.rules.extras.within);
        let mut shown = Vec::new();
        for row in self.judged.oldest_first(self.list, group) {
            let fate = self.judged.fates[row];
            let removed = fate.is_removed() && refusal.is_none();
            let (text, _) = self.list.pile.text(row);
            let record = again.record(text);
            let bytes = match record.value("size") {
                Value::Number(raw) => raw.parse::<u64>().ok(),
                _ => None,
            };
            sums.all += 1;
            sums.removed += u64::from(removed);
            if removed {
                sums.bytes = sums.bytes.saturating_add(bytes.unwrap_or(0));
                sums.sizeless += u64::from(bytes.is_none());
            }
            if let Value::Text(owner) = record.value("owner") {
                owners.insert(owner.into_owned(), ());
            }
            if refusal.is_some() {
                continue;
            }
            let time = self.list.rows[row].time;
            strip.add(self.judged.local(time).div_euclid(DAY_S), fate);
            if removed != self.removals {
                continue;
            }
            let comment = match self.list.is_broken(row) {
                true => BROKEN.to_owned(), // PBS keeps the comment in the manifest, too
                false => comment(&record),
            };
            let bytes = bytes.map_or(String::new(), size);
            shown.push(match self.removals {
                true => {
                    let reason = reason(fate).unwrap_or_default().to_owned();
                    let why = rows.why(row).to_owned();
                    vec![format!("  {}", utc(time)), reason, why, bytes, comment]
                }
                false => {
                    let period = format!("  {}", self.period(fate, time));
                    vec![period, utc(time), by(fate), bytes, comment]
                }
            });
        }
        total.all += sums.all;
        total.removed += sums.removed;
        total.bytes = total.bytes.saturating_add(sums.bytes);
        total.sizeless += sums.sizeless;
        total.refused += u64::from(refusal.is_some());
        let owners: Vec<_> = owners.into_keys().collect();
        let owners = match owners.is_empty() {
            true => String::new(),
            false => format!(" (owner {})", escape(&owners.join(", "))),
        };
        if let Some(refusal) = refusal {
            return writeln!(
                out,
                "{name}{owners}: left alone, {}: {refusal}",
                refusal.code()
            );
        }
        writeln!(out, "{name}{owners}: {}", sums.share())?;
        if !self.removals {
            shown.reverse(); // newest first, as the rules go
        }
        if !shown.is_empty() {
            shown.into_iter().for_each(|row| table.push(row));
            table.print(out)?;
        }
        if !self.removals {
            strip.print(out)?;
        }
        Ok(())
    }

    /// The period that a keep stands for; else its local day.
    fn period(&self, fate: Fate, time: i64) -> String {
        let rule = Judged::rule(fate).filter(|&rule| rule != Rule::Last);
        let rule = rule.unwrap_or(Rule::Daily);
        let mut text = String::new();
        rule.put_period(&mut text, self.judged.period(rule, time));
        text
    }
}

/// What is said of a snapshot in the place of its comment.
const BROKEN: &str = "can't be restored: its manifest can't be read";

/// PBS's `comment`, or PVE's `notes`.
fn comment(record: &Record<'_>) -> String {
    let texts = ["comment", "notes"].map(|name| record.value(name));
    let mut texts = texts.into_iter().filter_map(|value| match value {
        Value::Text(text) => Some(text.into_owned()),
        _ => None,
    });
    texts.next().unwrap_or_default()
}

/// `keep-daily 3`; the mark, where there is no reason.
fn by(fate: Fate) -> String {
    match fate {
        Fate::Keep(rule, count) => format!("{} {count}", rule.keep_name()),
        Fate::Partial => "unfinished, newest".to_owned(),
        fate => reason(fate).unwrap_or(fate.mark()).to_owned(),
    }
}

/// Bytes in units of 1024.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (bytes.max(1).ilog2() / 10) as usize;
    if unit == 0 {
        return format!("{bytes} B");
    }
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        #[rustfmt::skip]
        let cases = [
            (0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (34_359_739_291, "32.0 GiB"),
            (1_048_575, "1023.9 KiB"), (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, want) in cases {
            assert_eq!(size(bytes), want);
        }
    }

    #[test]
    fn shares_of_nothing() {
        assert_eq!(Sums::default().share(), "0 of 0 stay, 0 go (0.0 %)");
    }
}
