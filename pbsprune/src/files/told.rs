//! What is said on stderr of files that are left alone: a line for each folder and reason.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    backups::{Backups, Role},
    file::File,
    left::Left,
};

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
    (told, look)
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
    let more = match names.len() {
        0..=NAMED => String::new(),
        count => format!(" and {} more", count - NAMED),
    };
    let why = names.first().map_or("", |(_, left)| left.sentence());
    format!("{}: left alone, {why}: {list}{more}", shown(folder))
}

fn shown(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}
