//! Volumes that are not only, or not at all, named by the current configuration, but by
//! snapshots and pending changes.
//!
//! PVE takes them along and checks them as any other. Of a VM its own check tells them
//! (`local_disks`); of a container only the snapshots' configurations do.

use super::Candidate;
use crate::{
    cluster::Cluster,
    config::{Config, Volume},
    plan::refusal::Code,
    state::{Kind, LocalDisk, Snapshots},
};

impl<'a> Candidate<'a> {
    /// Adds to `config` what only snapshots and pending changes name, and to each volume the
    /// snapshots that name it. What the answer says is against a move unless a snapshot is
    /// against it anyway: what they name was not seen.
    pub(super) fn named_elsewhere(
        &mut self,
        cluster: &Cluster<'_>,
        config: &mut Config,
    ) -> Option<String> {
        let Some(snapshots) = &self.guest.snapshots else {
            return Some("its snapshots were not read".to_owned());
        };
        let all: Vec<String> = snapshots.names().map(str::to_owned).collect();
        let unseen = match self.guest.kind {
            Kind::Qemu => self.disks_of_check(cluster, config, &all),
            Kind::Lxc => volumes_of_snapshots(cluster, config, snapshots),
        };
        let why = unseen?;
        if all.is_empty() {
            // Without snapshots, too, a pending change or a device may be known to it alone.
            return Some(why);
        }
        // Then any of its volumes may have any of them.
        let volumes = config
            .volumes
            .iter_mut()
            .filter(|volume| has_snapshots(volume));
        volumes.for_each(|volume| volume.snapshots.clone_from(&all));
        let names = all.join(", ");
        Some(format!(
            "what its snapshots ({names}) name is not in the state: {why}"
        ))
    }

    /// Volumes on storages of the node that snapshots name.
    pub(super) fn snapshotted<'c>(
        &'c self,
        cluster: &'c Cluster<'a>,
    ) -> impl Iterator<Item = &'c Volume> {
        let volumes = self.local_volumes(cluster);
        volumes.filter(|volume| !volume.snapshots.is_empty())
    }

    /// What PVE's own check of a VM lists; why it says nothing.
    fn disks_of_check(
        &mut self,
        cluster: &Cluster<'_>,
        config: &mut Config,
        all: &[String],
    ) -> Option<String> {
        let Some(check) = self.precondition.take() else {
            return Some(match &self.guest.precondition {
                Some(_) => "PVE's own check of it cannot be understood".to_owned(),
                None => "PVE's own check of it (GET migrate) is not in the state".to_owned(),
            });
        };
        for volume in config
            .volumes
            .iter_mut()
            .filter(|volume| has_snapshots(volume))
        {
            let volid = volume.volid();
            let disk = check.local_disks.iter().find(|disk| disk.volid == volid);
            // One that the check doesn't list, though it is the node's, may have any.
            let names = disk.map_or(all, |disk| &disk.referenced_in_snapshot);
            volume.snapshots = names.to_vec();
        }
        for disk in &check.local_disks {
            let (storage, name) = disk.volid.split_once(':').unwrap_or_default();
            let shared = cluster
                .storage(storage)
                .is_some_and(|storage| storage.shared);
            let known = config
                .volumes
                .iter()
                .any(|volume| volume.volid() == disk.volid)
                || config.images.iter().any(|(_, image)| *image == disk.volid)
                || config.paths.iter().any(|(_, path)| *path == disk.volid);
            if known || shared || disk.shared {
                continue;
            }
            if disk.cdrom && !disk.is_cloudinit {
                let what = format!(
                    "{}: {} is the node's own: {}",
                    place(disk),
                    disk.volid,
                    remedy(disk)
                );
                self.block(Code::LocalImage, what);
            } else if disk.volid.starts_with('/') {
                let what = format!("{}: {} is the node's own", place(disk), disk.volid);
                self.block(Code::LocalPath, what);
            } else {
                config.volumes.push(Volume {
                    key: place(disk),
                    storage: storage.to_owned(),
                    name: name.to_owned(),
                    size: disk.size,
                    copied: true,
                    unreplicated: false,
                    // What a snapshot holds of the memory is copied, whatever the storage.
                    snapshots: match disk.is_vmstate || disk.is_cloudinit {
                        true => Vec::new(),
                        false => disk.referenced_in_snapshot.clone(),
                    },
                });
            }
        }
        self.precondition = Some(check);
        None
    }
}

/// A volume in whose way snapshots can be: PVE makes cloud-init drives anew.
fn has_snapshots(volume: &Volume) -> bool {
    !volume.name.contains("cloudinit")
}

/// Where a volume is named that the current configuration doesn't.
fn place(disk: &LocalDisk) -> String {
    let names = disk.referenced_in_snapshot.join(", ");
    match (&disk.drivename, disk.is_vmstate) {
        _ if disk.referenced_in_pending => "a pending change".to_owned(),
        (_, true) => format!("the memory in snapshot {names}"),
        _ if !names.is_empty() => format!("snapshot {names}"),
        (Some(key), _) => key.clone(),
        (None, _) => "PVE's own check".to_owned(),
    }
}

fn remedy(disk: &LocalDisk) -> &'static str {
    match disk.referenced_in_pending {
        true => "revert the change ('qm set VMID --revert KEY'), or let it take effect",
        false => "delete the snapshot",
    }
}

/// What the snapshots of a container name on storages that are not shared; why one of them was
/// not seen.
fn volumes_of_snapshots(
    cluster: &Cluster<'_>,
    config: &mut Config,
    snapshots: &Snapshots,
) -> Option<String> {
    for snapshot in snapshots.names() {
        let held = match snapshots.config(snapshot) {
            Ok(text) => match Config::parse(Kind::Lxc, text) {
                Ok(held) => held,
                Err(error) => return Some(format!("{snapshot}: {error}")),
            },
            Err(why) => return Some(format!("{snapshot}: {why}")),
        };
        for mut volume in held.volumes {
            let storage = cluster.storage(&volume.storage);
            // PVE looks no further at a snapshot's volume on a shared storage.
            if storage.is_some_and(|storage| storage.shared) {
                continue;
            }
            let volid = volume.volid();
            let mut known = config.volumes.iter_mut();
            match known.find(|known| known.volid() == volid) {
                Some(known) => known.snapshots.push(snapshot.to_owned()),
                None => {
                    volume.key = format!("{} in snapshot {snapshot}", volume.key);
                    volume.snapshots.push(snapshot.to_owned());
                    config.volumes.push(volume);
                }
            }
        }
    }
    None
}
