//! The table for people: of each series what goes, or what becomes of all, and the sums.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use vmid::{escape::escape, table::Table};

use super::{
    backups::{Backup, Backups, Role},
    file::File,
    judgement::{Rules, refusal_told},
    outcome::Outcome,
    verdict::Judged,
};
use crate::{calendar::utc, policy::Policy, report::size, zone::Zone};

/// What is shown.
#[derive(Debug)]
pub struct Shown<'a> {
    /// All files.
    pub files: &'a [File],
    /// Their backups.
    pub backups: &'a Backups,
    /// By series: what was decided.
    pub judged: &'a [Judged],
    /// By file: what becomes of it.
    pub outcomes: &'a [Outcome],
    /// By what it was decided.
    pub rules: &'a Rules,
    /// Where days begin.
    pub zone: &'a Zone,
    /// Only what goes.
    pub removals: bool,
    /// By the first file that they belong to: checksums, logs and so on.
    pub owned: HashMap<usize, Vec<usize>>,
}

/// What belongs to other files, by the first of these.
#[must_use]
pub fn owned(roles: &[Role]) -> HashMap<usize, Vec<usize>> {
    let mut owned: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, role) in roles.iter().enumerate() {
        if let Role::Companion(owners) = role
            && let Some(&owner) = owners.first()
        {
            owned.entry(owner).or_default().push(index);
        }
    }
    owned
}

/// How many files of a backup are named in its row.
const NAMED: usize = 3;

impl Shown<'_> {
    /// Writes the table.
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
        let zone = escape(self.zone.name());
        writeln!(out, "days begin at midnight in {zone}; {policy}")?;
        let (mut all, mut gone, mut refused) = (0, 0, 0);
        for series in 0..self.judged.len() {
            writeln!(out)?;
            let (backups, removed) = self.series(series, out)?;
            all += backups;
            gone += removed;
            refused += u64::from(self.judged[series].refusal.is_some());
        }
        writeln!(out)?;
        write!(out, "in all: {}", share(all, gone))?;
        if refused > 0 {
            write!(out, "; series left alone: {refused}")?;
        }
        let left = |outcome: &&Outcome| matches!(outcome, Outcome::Left(..));
        match self.outcomes.iter().filter(left).count() {
            0 => writeln!(out)?,
            count => writeln!(out, "; files left alone: {count}")?,
        }
        let removed = self.files.iter().zip(self.outcomes);
        let removed = removed.filter(|(_, outcome)| outcome.is_removed());
        let bytes = removed.fold(0_u64, |sum, (file, _)| sum.saturating_add(file.size));
        if self.outcomes.iter().any(Outcome::is_removed) {
            writeln!(out, "sizes of what goes: {}", size(bytes))?;
        }
        Ok(())
    }

    /// One series; how many backups it has, and how many of them go.
    fn series(&self, place: usize, out: &mut impl Write) -> io::Result<(u64, u64)> {
        let (series, judged) = (&self.backups.series[place], &self.judged[place]);
        let name = escape(&series.name);
        let all = series.backups.len() as u64;
        if let Some(refusal) = &judged.refusal {
            let (code, why) = (refusal.code(), refusal_told(refusal));
            writeln!(out, "{name}: left alone, {code}: {why}")?;
            return Ok((all, 0));
        }
        let removed = judged.verdicts.iter().filter(|v| v.is_removed()).count() as u64;
        writeln!(out, "{name}: {}", share(all, removed))?;
        let mut table = match self.removals {
            true => Table::new(["  REMOVE", "REASON", "WHY", "SIZE", "FILES"]),
            false => Table::new(["  BACKUP", "MARK", "REASON", "WHY", "SIZE", "FILES"]),
        };
        let mut rows = 0;
        for backup in series.backups.iter().rev() {
            for files in [&backup.complete, &backup.incomplete] {
                if let Some(row) = self.row(backup, files) {
                    table.push(row);
                    rows += 1;
                }
            }
        }
        match rows {
            0 => {}
            _ => table.print(out)?,
        }
        Ok((all, removed))
    }

    /// How many checksums, logs and so on of these files have the same mark.
    fn companions(&self, files: &[usize], mark: &str) -> usize {
        let owned = files.iter().filter_map(|file| self.owned.get(file));
        let same = |index: &&usize| match &self.outcomes[**index] {
            Outcome::Marked(own) => own.mark == mark,
            _ => false,
        };
        owned.flatten().filter(same).count()
    }

    /// Files of a backup that have the same fate.
    fn row(&self, backup: &Backup, files: &[usize]) -> Option<Vec<String>> {
        let Outcome::Marked(mark) = &self.outcomes[*files.first()?] else {
            return None;
        };
        if self.removals && mark.mark != "remove" {
            return None;
        }
        let bytes = files.iter().map(|&file| self.files[file].size).sum();
        let names = files.iter().take(NAMED);
        let names: Vec<&str> = names.map(|&file| self.files[file].name()).collect();
        let mut names = names.join(", ");
        match files.len().saturating_sub(NAMED) + self.companions(files, mark.mark) {
            0 => {}
            more => names.push_str(&format!(" and {more} more")),
        }
        let mut row = vec![format!("  {}", utc(backup.time))];
        if !self.removals {
            row.push(mark.mark.to_owned());
        }
        row.push(mark.reason.to_owned());
        row.extend([mark.why.clone(), size(bytes), names]);
        Some(row)
    }
}

/// `2 of 3 stay, 1 go (33.3 %)`
fn share(all: u64, removed: u64) -> String {
    let thousandths = (removed * 1_000).checked_div(all).unwrap_or(0);
    let (whole, part) = (thousandths / 10, thousandths % 10);
    let stay = all - removed;
    format!("{stay} of {all} stay, {removed} go ({whole}.{part} %)")
}
