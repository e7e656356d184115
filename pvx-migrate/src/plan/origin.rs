//! Where the volumes of a guest were before a drain, and what of that a return can restore.
//!
//! PVE exchanges whole storages (all volumes of one go to the same other), and none that all
//! nodes share. What it can't bring back stays where it is, and is told with the command that
//! moves it; nothing is moved a second time by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    candidate::Candidate,
    policy::Policy,
    refusal::{Code, Refusal},
    volume,
};
use crate::{
    cluster::Cluster,
    config::{Config, Volume},
    journal::event::Event,
    state::{Guest, Kind, Storage},
};

/// Where the volumes of `guest` were, by their keys, as the journal has it; several storages
/// where it leaves that open, none for a volume that has come since.
#[must_use]
pub fn of(guest: &Guest, event: &Event) -> BTreeMap<String, Vec<String>> {
    let known = volumes_of(guest).into_iter().map(|volume| {
        let exactly = event.volumes.get(&volume.key);
        let origins: Vec<String> = match exactly {
            Some(storage) => vec![storage.clone()],
            // An older journal: what was exchanged for the storage that it is on now.
            None if event.volumes.is_empty() => {
                let exchanged = event.targetstorage.iter();
                let exchanged = exchanged.filter(|(_, to)| **to == volume.storage);
                exchanged.map(|(from, _)| from.clone()).collect()
            }
            None => Vec::new(),
        };
        (volume.key, origins)
    });
    known.filter(|(_, origins)| !origins.is_empty()).collect()
}

/// What a return exchanges: each storage of which all volumes were on the same other one.
#[must_use]
pub fn map(
    cluster: &Cluster<'_>,
    guest: &Guest,
    origins: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, String> {
    let mut from: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for volume in volumes_of(guest) {
        let storage = cluster.storage(&volume.storage);
        if storage.is_none_or(|storage| !storage.shared) {
            let origins = origins.get(&volume.key).into_iter().flatten();
            let all = from.entry(volume.storage).or_default();
            all.extend(origins.map(String::as_str));
        }
    }
    let clear = from.into_iter().filter_map(|(now, before)| {
        let only = before.first().filter(|_| before.len() == 1)?;
        (*only != now).then(|| (now, (*only).to_owned()))
    });
    clear.collect()
}

/// The storages of which PVE can't bring some volume of a guest back to where it was, while
/// `node` has them, too: what is on them stays there.
#[must_use]
pub fn kept<'c>(
    cluster: &Cluster<'_>,
    policy: &Policy,
    candidate: &'c Candidate<'_>,
    node: usize,
    live: bool,
) -> Vec<&'c str> {
    if candidate.want.origins.is_empty() {
        return Vec::new();
    }
    let volumes = candidate.config.volumes.iter();
    let kept = volumes.filter(|volume| {
        let goes = |kept: &[&str]| {
            volume::travel(cluster, policy, candidate, volume, node, live, kept).is_ok()
        };
        !goes(&[]) && goes(&[&volume.storage])
    });
    kept.map(|volume| &volume.storage[..]).collect()
}

/// What to tell of a volume that ends up on `storage`: on the way home, that it was elsewhere;
/// on the way there, that no return will bring it back.
#[must_use]
pub fn away(candidate: &Candidate<'_>, volume: &Volume, storage: &Storage) -> Option<Refusal> {
    let (key, id, vmid) = (&volume.key, &storage.storage, candidate.guest.vmid);
    let told = |what: String| Some(Refusal::new(Code::AwayStorage, what));
    if !candidate.want.returns {
        let is_exchanged = *id != volume.storage;
        return if is_exchanged && storage.shared {
            told(format!(
                "{key}: all nodes share {id}, which no return exchanges for {} again",
                volume.storage
            ))
        } else {
            None
        };
    }
    let origins = candidate.want.origins.get(key)?;
    let before = match origins.as_slice() {
        [only] if only == id => return None,
        [only] => &only[..],
        _ => "STORAGE",
    };
    let command = match candidate.guest.kind {
        Kind::Qemu => format!("qm disk move {vmid} {key} {before} --delete 1"),
        Kind::Lxc => {
            format!("pct move-volume {vmid} {key} {before} --delete 1 (while it is stopped)")
        }
    };
    told(format!(
        "{key} stays on {id}, and was on {}; when it is home: {command}",
        origins.join(" or ")
    ))
}

/// Where the volumes are of a guest of which storages are `exchanged`, for the journal: the way back.
/// On the way home it stays what it was.
#[must_use]
pub fn volumes(candidate: &Candidate<'_>, exchanged: bool) -> BTreeMap<String, String> {
    if candidate.want.returns {
        let origins = candidate.want.origins.iter();
        let clear = origins.filter_map(|(key, origins)| match origins.as_slice() {
            [only] => Some((key.clone(), only.clone())),
            _ => None,
        });
        return clear.collect();
    }
    if !exchanged {
        return BTreeMap::new();
    }
    let volumes = candidate.config.volumes.iter();
    let volumes = volumes.map(|volume| (volume.key.clone(), volume.storage.clone()));
    volumes.collect()
}

fn volumes_of(guest: &Guest) -> Vec<Volume> {
    let config = guest.config.as_ref();
    let config = config.and_then(|text| Config::parse(guest.kind, text.get()).ok());
    config.map(|config| config.volumes).unwrap_or_default()
}
