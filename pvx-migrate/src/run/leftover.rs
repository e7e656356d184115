//! What a copy that came to no end has left at its target: it is named, and never removed here. Pure.
//!
//! Proxmox VE leaves the volume where it is, and the next migration takes another name beside it.
//! The command that removes one is told only where every configuration of the cluster, with
//! pending changes and snapshots, was read after the end of the task, and none names the volume.

use std::collections::BTreeSet;

use serde::Serialize;

/// A volume that a migration has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// The node it is on.
    pub node: String,
    /// Its name, with its storage where that is known.
    pub volume: String,
    /// What removes it, on that node; none if some guest may still have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<String>,
}

/// The volumes that a migration began to write on its target, by its log: with their storage
/// (`found stale volume copy`), or only by name (`Formatting`, LVM's own words).
#[must_use]
pub fn begun(log: &[String]) -> Vec<String> {
    let mut names: Vec<String> = log.iter().filter_map(|line| name(line)).collect();
    names.dedup();
    names
}

fn name(line: &str) -> Option<String> {
    let between = |before: &str, after: char| {
        let (_, rest) = line.split_once(before)?;
        rest.split_once(after).map(|(name, _)| name.to_owned())
    };
    if let Some(path) = between("Formatting '", '\'') {
        let inner = path.split_once("/images/").map(|(_, inner)| inner);
        let last = || path.rsplit('/').next().unwrap_or_default();
        return Some(inner.unwrap_or_else(last).to_owned());
    }
    between("found stale volume copy '", '\'').or_else(|| {
        line.contains("created")
            .then(|| between("Logical volume \"", '"'))
            .flatten()
    })
}

/// What is left, of the names in the log and the guest's volumes that the target shows; `storages`
/// are those that volumes are copied to, `configs` all the configurations, if all could be read.
/// The command is given only for what the log says was written: what the target shows besides may
/// be from another day, and somebody's.
pub(super) fn left(
    node: &str,
    names: &[String],
    shown: &[String],
    storages: &BTreeSet<String>,
    configs: Option<&str>,
) -> Vec<Leftover> {
    let whole = |name: &String| match storages.first() {
        Some(storage) if storages.len() == 1 && !name.contains(':') => format!("{storage}:{name}"),
        _ => name.clone(),
    };
    let named: BTreeSet<String> = names.iter().map(whole).collect();
    let is_named = |volume: &str| configs.is_none_or(|configs| configs.contains(volume));
    // What a configuration names and the log does not speak of may be a replica, or in use.
    let strays = shown.iter().filter(|volume| !is_named(volume));
    let volumes: BTreeSet<String> = strays.chain(&named).cloned().collect();
    let leftover = |volume: String| {
        let sure = named.contains(&volume) && volume.contains(':') && !is_named(&volume);
        Leftover {
            node: node.to_owned(),
            remove: sure.then(|| format!("pvesm free {volume}")),
            volume,
        }
    };
    volumes.into_iter().map(leftover).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_that_were_begun() {
        let log = [
            "2026-11-26 07:13:05 found local volume 'ldir:1503/vm-1503-disk-0.raw' (in current VM config)",
            "2026-11-26 07:13:06 file '/srv/ldir/images/1503/vm-1503-disk-0.raw' already exists - importing with a different name",
            "2026-11-26 07:13:06 Formatting '/srv/ldir/images/1503/vm-1503-disk-1.raw', fmt=raw size=524288000 preallocation=off",
            "2026-11-26 07:13:06   Logical volume \"vm-1503-disk-2\" created.",
            "2026-11-26 07:13:10 60596224 bytes (61 MB, 58 MiB) copied, 3 s, 20.2 MB/s",
            "2026-11-26 07:19:19 ERROR: found stale volume copy 'ldir:1503/vm-1503-disk-0.raw' on node 'pve3'",
        ]
        .map(str::to_owned);
        let want = [
            "1503/vm-1503-disk-1.raw",
            "vm-1503-disk-2",
            "ldir:1503/vm-1503-disk-0.raw",
        ];
        assert_eq!(begun(&log), want);
    }

    #[test]
    fn what_may_be_removed() {
        let config = r#"{"rootfs":"ldir:1503/vm-1503-disk-0.raw,size=500M"}"#;
        let snapshot = config.to_owned() + r#"{"mp0":"ldir:1503/vm-1503-disk-1.raw,size=500M"}"#;
        let (own, next) = (
            "ldir:1503/vm-1503-disk-0.raw",
            "ldir:1503/vm-1503-disk-1.raw",
        );
        let free = Some("pvesm free ldir:1503/vm-1503-disk-1.raw");
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], &[&str], &[&str], Option<&str>, &[(&str, Option<&str>)])] = &[
            // name, in the log, shown by the target, storages, configurations, what is told
            ("nobody names it",             &["1503/vm-1503-disk-1.raw"], &[],          &["ldir"],         Some(config),    &[(next, free)]),
            ("shown by the target alone",   &[],                          &[own, next], &["ldir"],         Some(config),    &[(next, None)]),
            ("the name of its own disk",    &[own],                       &[own],       &["ldir"],         Some(config),    &[(own, None)]),
            ("a snapshot names it",         &["1503/vm-1503-disk-1.raw"], &[next],      &["ldir"],         Some(&snapshot), &[(next, None)]),
            ("not all could be read",       &["1503/vm-1503-disk-1.raw"], &[next],      &["ldir"],         None,            &[(next, None)]),
            ("on one of two storages",      &["vm-1503-disk-1"],          &[],          &["ldir", "thin"], Some(config),    &[("vm-1503-disk-1", None)]),
            ("a replica is no leftover",    &[],                          &[own],       &["ldir"],         Some(config),    &[]),
            ("nothing",                     &[],                          &[],          &["ldir"],         Some(config),    &[]),
        ];
        for (name, log, shown, storages, configs, want) in cases {
            let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
            let storages = owned(storages).into_iter().collect();
            let got = left("b", &owned(log), &owned(shown), &storages, *configs);
            let got: Vec<_> = got
                .iter()
                .map(|left| (left.volume.as_str(), left.remove.as_deref()))
                .collect();
            assert_eq!(got, *want, "{name}");
        }
    }
}
