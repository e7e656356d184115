//! What keeps a guest from being migrated: for a container most is found after it was shut down.

use crate::{
    disk::Disk,
    migrate::Migration,
    world::{Volume, World},
};

impl World {
    /// What PVE looks at before it shuts a container down.
    pub fn ct_refusal(&self, vmid: u32, migration: &Migration) -> Option<String> {
        let guest = self.guest(vmid);
        if migration.ran && migration.restart.is_none() {
            return Some("lxc live migration is currently not implemented".into());
        }
        for volume in guest.volumes() {
            let Some(storage) = &volume.storage else {
                if volume.shared {
                    continue;
                }
                let what = if volume.volid.starts_with("/dev/") {
                    "device"
                } else {
                    "bind"
                };
                return Some(format!(
                    "cannot migrate local {what} mount point '{}'",
                    volume.key
                ));
            };
            let storage = migration.storage(storage);
            if !self.has_storage(storage, &migration.target) {
                return Some(format!(
                    "storage '{storage}' is not available on node '{}'",
                    migration.target
                ));
            }
        }
        None
    }

    pub fn vm_refusal(&mut self, task: usize, vmid: u32, migration: &Migration) -> Option<String> {
        let devices = self.local_devices(vmid, migration.ran);
        if !devices.is_empty() {
            return Some(format!(
                "can't migrate VM which uses local devices: {}",
                devices.join(", ")
            ));
        }
        let live = migration.online && migration.ran;
        let disks = self.disks(vmid);
        if let Some(why) = disks.iter().find_map(|d| self.unavailable(d, migration)) {
            return Some(why);
        }
        let wrong: Vec<(String, String)> = disks
            .iter()
            .filter_map(|d| {
                Some((
                    d.volume.volid.clone(),
                    self.disk_refusal(d, migration, live)?,
                ))
            })
            .collect();
        for (volid, why) in &wrong {
            self.log(task, &format!("can't migrate local disk '{volid}': {why}"));
        }
        (!wrong.is_empty()).then(|| "can't migrate VM - check log".to_owned())
    }

    /// A storage that the target lacks, whoever names it.
    fn unavailable(&self, disk: &Disk, migration: &Migration) -> Option<String> {
        let storage = migration.storage(disk.volume.storage.as_ref()?);
        let cdrom = disk.volume.cdrom && !disk.cloudinit();
        (!cdrom && !self.has_storage(storage, &migration.target)).then(|| {
            format!(
                "storage '{storage}' is not available on node '{}'",
                migration.target
            )
        })
    }

    /// What keeps one volume of a VM (QemuMigrate.pm, `scan_local_volumes`).
    fn disk_refusal(&self, disk: &Disk, migration: &Migration, live: bool) -> Option<String> {
        let volume = &disk.volume;
        let Some(storage) = &volume.storage else {
            return Some("local cdrom image".into());
        };
        if self.storages.get(storage).is_none_or(|s| s.shared) {
            return None;
        }
        let snapshot = !disk.snapshots.is_empty();
        if volume.cdrom && !disk.cloudinit() {
            Some("local cdrom image".into())
        } else if live
            && !migration.local_disks
            && disk.current
            && !volume.key.starts_with("unused")
        {
            Some("can't live migrate attached local disks without with-local-disks option".into())
        } else if live && snapshot && !disk.vmstate {
            Some("online storage migration not possible if non-replicated snapshot exists".into())
        } else {
            self.offline_refusal(volume, migration, live, snapshot)
        }
    }

    /// What only the first phase finds of a container: storages that its snapshots name.
    pub fn ct_snapshot_refusal(&self, vmid: u32, migration: &Migration) -> Option<String> {
        let disks = self.disks(vmid);
        disks.iter().find_map(|disk| {
            let why = self.unavailable(disk, migration)?;
            let volid = &disk.volume.volid;
            Some(format!("can't migrate local volume '{volid}': {why}"))
        })
    }

    /// Devices of the host that keep a VM where it is.
    pub fn local_devices(&self, vmid: u32, running: bool) -> Vec<String> {
        let guest = self.guest(vmid);
        let names = ["hostpci", "usb", "serial", "parallel", "virtiofs"];
        let keys = names.iter().flat_map(|name| guest.keys(name));
        keys.filter(|key| {
            let text = guest.text(key);
            let harmless = key.starts_with("serial") && text == "socket"
                || key.starts_with("usb") && text.starts_with("spice");
            // A folder is always by its mapping (Helpers.pm, check_local_resources).
            let mapped = text.contains("mapping=") || key.starts_with("virtiofs");
            !harmless && (running || !mapped)
        })
        .map(str::to_owned)
        .collect()
    }

    /// What keeps a volume from being copied by export and import.
    pub fn offline_refusal(
        &self,
        volume: &Volume,
        migration: &Migration,
        live: bool,
        snapshots: bool,
    ) -> Option<String> {
        let attached = !volume.key.starts_with("unused")
            && !volume.key.starts_with("tpmstate")
            && !volume.volid.contains("cloudinit");
        if live && attached {
            return None;
        }
        let source = volume.storage.as_ref()?;
        let kind = |storage: &str| self.storages.get(storage).map_or("", |s| s.kind.as_str());
        let (from, to) = (kind(source), kind(migration.storage(source)));
        let streams = |kind: &str| if kind == "zfspool" { "zfs" } else { "raw" };
        if streams(from) != streams(to) {
            return Some(format!(
                "cannot migrate from storage type '{from}' to '{to}'"
            ));
        }
        // Files with snapshots within are sent as they are, unless they are a chain of files.
        let chain = self
            .storages
            .get(source)
            .is_some_and(|s| s.fields.get("snapshot-as-volume-chain") == Some(&1.into()));
        let sends = ["zfspool", "btrfs"].contains(&from) || volume.volid.ends_with(".qcow2");
        (chain || snapshots && !sends).then(|| "non-migratable snapshot exists".to_owned())
    }
}
