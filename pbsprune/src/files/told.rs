//! What is said on stderr of files that are left alone: a line for each folder and reason.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    backups::{Backups, Role},
    file::File,
    left::Left,
};
use crate::calendar::DAY_S;

/// How many names a line has.
const NAMED: usize = 3;

/// The lines, and whether somebody has to look.
#[must_use]
pub fn told(files: &[File], backups: &Backups) -> (Vec<String>, bool) {
    let mut lines: BTreeMap<(&str, &str), Vec<(&str, &Left)>> = BTreeMap::new();
    let mut folders: BTreeMap<&str, u64> = BTreeMap::new();
    let mut backed_up: BTreeSet<&str> = BTreeSet::new();
    let mut look = false;
    for (file, role) in files.iter().zip(&backups.roles) {
        *folders.entry(file.folder()).or_default() += 1;
        match role {
            Role::Archive(..) => {
                backed_up.insert(file.folder());
            }
            Role::Left(left) if left.is_told() => {
                let line = lines.entry((file.folder(), left.code())).or_default();
                line.push((file.name(), left));
                look |= left.is_no();
            }
            _ => {}
        }
    }
    let mut told: Vec<String> = lines
        .iter()
        .map(|((folder, _), names)| line(folder, names))
        .collect();
    for (folder, count) in folders {
        if backed_up.contains(folder) {
            continue;
        }
        look = true;
        if lines.keys().all(|(other, _)| *other != folder) {
            let files = if count == 1 {
                "1 file"
            } else {
                &format!("{count} files")
            };
            told.push(format!(
                "{}: {files}, none has the name of a tar archive",
                shown(folder)
            ));
        }
    }
    let alone = told_apart(backups);
    look |= !alone.is_empty();
    told.extend(alone);
    (told, look)
}

/// A line for series of one backup each, of different days, that differ in a number behind the date alone.
fn told_apart(backups: &Backups) -> Vec<String> {
    let mut alike: BTreeMap<String, Vec<(&str, i64)>> = BTreeMap::new();
    for series in &backups.series {
        if let ([backup], Some((before, behind))) = (&*series.backups, series.name.rsplit_once('*'))
        {
            let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
            let mut behind: String = behind.chars().map(digits).collect();
            while behind.contains("00") {
                behind = behind.replace("00", "0");
            }
            let alike = alike.entry(format!("{before}*{behind}")).or_default();
            alike.push((&series.name, backup.time.div_euclid(DAY_S)));
        }
    }
    let lines = alike.into_values().filter_map(|series| {
        let days: BTreeSet<i64> = series.iter().map(|(_, day)| *day).collect();
        let count = series.len();
        if count < 3 || days.len() < count {
            return None;
        }
        let names = series.iter().take(NAMED).map(|(name, _)| *name);
        let list = names.collect::<Vec<_>>().join(", ");
        let folder = series[0].0.rsplit_once('/').map_or("", |(folder, _)| folder);
        Some(format!(
            "{}: nothing of {count} series of one backup each goes, as a number behind the date tells them apart: {list}{}",
            shown(folder),
            more(count)
        ))
    });
    lines.collect()
}

/// How many aren't named of so many.
fn more(count: usize) -> String {
    match count {
        0..=NAMED => String::new(),
        count => format!(" and {} more", count - NAMED),
    }
}

fn line(folder: &str, names: &[(&str, &Left)]) -> String {
    let shown_names = names
        .iter()
        .take(NAMED)
        .map(|(name, left)| match left.detail() {
            Some(detail) => format!("{name} ({detail})"),
            None => (*name).to_owned(),
        });
    let list = shown_names.collect::<Vec<_>>().join(", ");
    let more = more(names.len());
    let why = names.first().map_or("", |(_, left)| left.sentence());
    format!("{}: left alone, {why}: {list}{more}", shown(folder))
}

fn shown(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}
