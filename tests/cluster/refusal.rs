//! What keeps a guest from being migrated: for a container most is found after it was shut down.

use crate::{
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
        let guest = self.guest(vmid);
        let devices = self.local_devices(vmid, migration.ran);
        if !devices.is_empty() {
            return Some(format!(
                "can't migrate VM which uses local devices: {}",
                devices.join(", ")
            ));
        }
        let live = migration.online && migration.ran;
        let (snapshots, volumes) = (!guest.snapshots.is_empty(), guest.volumes());
        let mut wrong = Vec::new();
        for volume in volumes {
            let Some(storage) = volume.storage.clone() else {
                wrong.push((volume.volid, "local cdrom image".to_owned()));
                continue;
            };
            if self.storages.get(&storage).is_none_or(|s| s.shared) {
                continue;
            }
            let why = if volume.cdrom && !volume.volid.contains("cloudinit") {
                "local cdrom image".to_owned()
            } else if live && !migration.local_disks && !volume.key.starts_with("unused") {
                "can't live migrate attached local disks without with-local-disks option".to_owned()
            } else if live && snapshots {
                "online storage migration not possible if non-replicated snapshot exists".to_owned()
            } else if let Some(why) = self.offline_refusal(&volume, migration, live, snapshots) {
                why
            } else {
                continue;
            };
            wrong.push((volume.volid, why));
        }
        for (volid, why) in &wrong {
            self.log(task, &format!("can't migrate local disk '{volid}': {why}"));
        }
        (!wrong.is_empty()).then(|| "can't migrate VM - check log".to_owned())
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
            let mapped = text.contains("mapping=");
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
        (snapshots && !["zfspool", "btrfs"].contains(&from))
            .then(|| "non-migratable snapshot exists".to_owned())
    }
}
