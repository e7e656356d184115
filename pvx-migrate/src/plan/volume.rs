//! What becomes of one volume on the way to a node: seen from there, mirrored, copied,
//! or in the way.
//!
//! What a storage type can send and receive is PVE's (volume_export_formats and
//! volume_import_formats of its plugins); PVE itself finds most of it out only after a
//! container has been shut down.

use super::{
    candidate::Candidate,
    policy::Policy,
    refusal::{Code, Refusal},
};
use crate::{
    cluster::Cluster,
    config::Volume,
    state::{Kind, Storage},
};

/// Types whose volumes are mirrored when a VM moves live (scan_local_volumes).
const MIRRORED: [&str; 5] = ["dir", "btrfs", "zfspool", "lvmthin", "lvm"];

/// Where a volume ends up, and what that costs.
#[derive(Clone, Copy, Debug)]
pub struct Journey<'a> {
    /// The storage on the target.
    pub storage: &'a Storage,
    /// It is sent; else the target sees it already.
    pub sent: bool,
}

/// Where a volume ends up on `node`, whether its guest moves `live` or stopped; what is on
/// the storages `kept` is not exchanged.
///
/// # Errors
///
/// What is in the way; of several things the first.
pub fn travel<'a>(
    cluster: &Cluster<'a>,
    policy: &Policy,
    candidate: &Candidate<'a>,
    volume: &Volume,
    node: usize,
    live: bool,
    kept: &[&str],
) -> Result<Journey<'a>, Refusal> {
    let (name, volid) = (cluster.name(node), volume.volid());
    let refuse = |code, message: String| Err(Refusal::new(code, message));
    let Some(source) = cluster.storage(&volume.storage) else {
        let what = format!(
            "{}: storage {} is not in the state",
            volume.key, volume.storage
        );
        return refuse(Code::Unseen, what);
    };
    if source.shared {
        if !source.nodes.contains_key(name) {
            let what = format!("{}: {} is not at {name}", volume.key, source.storage);
            return refuse(Code::Storage, what);
        }
        return Ok(Journey {
            storage: source,
            sent: false,
        });
    }
    let mapped = candidate.instead_of(cluster, policy, &volume.storage, name);
    // The HA manager drops the request's storages.
    let mapped = mapped.filter(|_| candidate.managed.is_none());
    let mapped = mapped.filter(|_| !kept.contains(&&volume.storage[..]));
    let target = mapped.unwrap_or(&volume.storage);
    let target = match cluster.storage(target) {
        Some(target) if target.nodes.contains_key(name) => target,
        _ => {
            let hint = match (mapped, candidate.managed) {
                (None, Some(_)) => "; the HA manager can't exchange storages",
                (None, None) => "; --storage-map can name another",
                _ => "",
            };
            let what = format!("{}: {target} is not at {name}{hint}", volume.key);
            return refuse(Code::Storage, what);
        }
    };
    if mapped.is_some() && policy.site.keeps_out(&target.storage) {
        let what = format!("{} is not for guests by the site's rule", target.storage);
        return refuse(Code::StorageContent, what);
    }
    let content = match candidate.guest.kind {
        Kind::Qemu => "images",
        Kind::Lxc => "rootdir",
    };
    if !target.content.iter().any(|kind| kind == content) {
        let what = format!("{} at {name} does not take {content}", target.storage);
        return refuse(Code::StorageContent, what);
    }
    let mirrored = live && !volume.copied;
    let exchanged = if mirrored {
        MIRRORED.contains(&&source.kind[..])
    } else {
        format_of(source, volume).is_some_and(|format| takes(target, format))
    };
    if !exchanged {
        let how = match (live, volume.copied, candidate.guest.kind) {
            (true, true, _) => ", which is copied even when its VM moves live",
            (true, false, _) => "",
            (false, _, Kind::Qemu) => ", as its VM moves stopped",
            (false, _, Kind::Lxc) => "",
        };
        let what = format!(
            "{} {volid}{how}: {} cannot be sent to {} ({} at {name})",
            volume.key, source.kind, target.kind, target.storage
        );
        return refuse(Code::StorageType, what);
    }
    Ok(Journey {
        storage: target,
        sent: true,
    })
}

/// Whether a volume of `from` can be sent to `to` while its guest is stopped.
#[must_use]
pub fn exchanges(from: &Storage, to: &Storage, volume: &Volume) -> bool {
    format_of(from, volume).is_some_and(|format| takes(to, format))
}

/// The stream that an unshared storage sends of a volume.
fn format_of(storage: &Storage, volume: &Volume) -> Option<&'static str> {
    let suffix = volume
        .name
        .rsplit_once('.')
        .map_or("", |(_, suffix)| suffix);
    match (&storage.kind[..], suffix) {
        ("zfspool", _) => Some("zfs"),
        ("lvm" | "lvmthin", _) => Some("raw+size"),
        // Without snapshots btrfs sends files as a folder does (BTRFSPlugin.pm).
        ("btrfs", _) if !volume.snapshots.is_empty() => Some("btrfs"),
        ("dir" | "btrfs", "qcow2") => Some("qcow2+size"),
        ("dir" | "btrfs", "vmdk") => Some("vmdk+size"),
        ("dir" | "btrfs", "subvol") => Some("tar+size"),
        ("dir" | "btrfs", _) => Some("raw+size"),
        _ => None,
    }
}

/// Whether a storage takes such a stream; of shared ones what keeps files takes files.
fn takes(storage: &Storage, format: &str) -> bool {
    match &storage.kind[..] {
        "zfspool" => format == "zfs",
        "lvm" | "lvmthin" | "rbd" => format == "raw+size",
        "btrfs" if format == "btrfs" => true,
        "btrfs" | "dir" | "nfs" | "cifs" | "cephfs" | "glusterfs" => {
            ["raw+size", "qcow2+size", "vmdk+size", "tar+size"].contains(&format)
        }
        _ => false,
    }
}

/// Whether the copy of a stopped guest's volume keeps its snapshots; none if that rests on
/// what was not seen.
pub fn sends_snapshots(storage: &Storage, volume: &Volume, kind: Kind) -> Option<bool> {
    match (&storage.kind[..], kind) {
        ("zfspool" | "btrfs", _) => Some(true),
        // A chain of volumes is not sent: PVE finds that out after the VM was shut down.
        ("dir", Kind::Qemu) if volume.name.ends_with(".qcow2") => {
            storage.volume_chain.map(|chain| !chain)
        }
        _ => Some(false),
    }
}
