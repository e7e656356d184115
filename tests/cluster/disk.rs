//! The volumes that a migration takes along: those of the config, of its snapshots and of its
//! pending changes (QemuServer.pm, `foreach_volid`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::world::{Guest, Volume, World, volumes};

/// A volume, and who names it.
pub struct Disk {
    pub volume: Volume,
    /// The config as it is now names it.
    pub current: bool,
    pub pending: bool,
    pub snapshots: Vec<String>,
    pub vmstate: bool,
}

impl Disk {
    /// An entry of `local_disks` (API2/Qemu.pm, `migrate_vm_precondition`).
    fn row(&self) -> Value {
        let key = &self.volume.key;
        let is = |yes: bool| u8::from(yes);
        let unused = key.starts_with("unused");
        let mut row = json!({"volid": self.volume.volid, "size": self.volume.bytes, "cdrom": is(self.volume.cdrom && !self.cloudinit()),
            "is_unused": is(unused), "is_attached": is(self.current && !unused), "is_cloudinit": is(self.cloudinit()),
            "is_tpmstate": is(key.starts_with("tpmstate")), "is_vmstate": is(self.vmstate), "replicate": 1, "shared": 0});
        if !self.vmstate {
            row["drivename"] = key.as_str().into();
        }
        if !self.snapshots.is_empty() {
            let names = self.snapshots.iter().map(|name| (name.clone(), json!(1)));
            row["referenced_in_snapshot"] = names.collect::<Map<_, _>>().into();
        }
        if self.pending {
            row["referenced_in_pending"] = 1.into();
        }
        row
    }

    pub fn cloudinit(&self) -> bool {
        self.volume.volid.contains("cloudinit")
    }
}

impl World {
    /// All volumes of a guest, each once, in the order of their IDs.
    pub fn disks(&self, vmid: u32) -> Vec<Disk> {
        let guest = self.guest(vmid);
        let mut disks: BTreeMap<String, Disk> = BTreeMap::new();
        for volume in guest.volumes() {
            disk(&mut disks, volume).current = true;
        }
        for volume in volumes(&guest.pending, guest.ct) {
            disk(&mut disks, volume).pending = true;
        }
        for name in guest.snapshots.keys() {
            let config = guest.snapshot_config(name);
            for volume in volumes(&config, guest.ct) {
                disk(&mut disks, volume).snapshots.push(name.clone());
            }
            if let Some(volume) = config.get("vmstate").and_then(Value::as_str) {
                let state = disk(&mut disks, Volume::of("vmstate", volume));
                state.vmstate = true;
                state.snapshots.push(name.clone());
            }
        }
        disks.into_values().collect()
    }

    pub fn local_disks(&self, vmid: u32) -> Value {
        let local = |disk: &Disk| {
            let storage = disk.volume.storage.as_ref();
            storage.is_some_and(|s| self.storages.get(s).is_some_and(|s| !s.shared))
        };
        let disks = self.disks(vmid);
        disks.iter().filter(|d| local(d)).map(Disk::row).collect()
    }

    /// Whether a snapshot names the volume.
    pub fn in_snapshot(&self, vmid: u32, volid: &str) -> bool {
        let disks = self.disks(vmid);
        let found = disks.iter().find(|disk| disk.volume.volid == volid);
        found.is_some_and(|disk| !disk.snapshots.is_empty())
    }
}

impl Guest {
    /// The config in a snapshot: the guest's own, if the scenario only names the snapshot.
    pub fn snapshot_config(&self, name: &str) -> Map<String, Value> {
        let config = self.snapshots.get(name).cloned().flatten();
        config.unwrap_or_else(|| self.config.clone())
    }
}

fn disk(disks: &mut BTreeMap<String, Disk>, volume: Volume) -> &mut Disk {
    disks.entry(volume.volid.clone()).or_insert_with(|| Disk {
        volume,
        current: false,
        pending: false,
        snapshots: Vec::new(),
        vmstate: false,
    })
}
