//! The volumes of a guest, and which of them a backup has.

use serde_json::{Map, Value};

use crate::{
    config::property::{Options, is_numbered, is_on, plain},
    state::Kind,
};

/// The volumes that no backup has, each with why: what Proxmox's own backup leaves out
/// (VZDump's QemuServer.pm and LXC.pm).
pub fn outside_backups(config: &Map<String, Value>, kind: Kind) -> Vec<String> {
    let mut outside = Vec::new();
    for (key, value) in config {
        let value = plain(value);
        let options = Options(&value);
        let volume = options.get("volume").or_else(|| options.get("file"));
        let Some(volume) = volume.or_else(|| options.first()) else {
            continue;
        };
        // A path is the node's, and stays; a volume goes.
        if !volume.contains(':') || volume.starts_with('/') {
            continue;
        }
        let why = if is_numbered(key, "unused") {
            Some("it is not in use")
        } else if kind == Kind::Lxc && is_numbered(key, "mp") {
            let is_in = is_on(options.get("backup"));
            (!is_in).then_some("backup=1 is not set")
        } else if kind == Kind::Qemu && is_drive(key) && options.get("media") != Some("cdrom") {
            let is_out = options.get("backup").is_some_and(|word| !is_on(Some(word)));
            is_out.then_some("backup=0 is set")
        } else {
            None
        };
        outside.extend(why.map(|why| format!("{key}, {volume}: {why}")));
    }
    outside
}

/// The drives of a VM that a backup has, by the configuration.
pub fn drives(config: &Map<String, Value>) -> Vec<String> {
    let inside = config.iter().filter(|(key, value)| {
        let value = plain(value);
        let options = Options(&value);
        let volume = options.get("file").or_else(|| options.first());
        let is_volume =
            volume.is_some_and(|volume| volume.contains(':') && !volume.starts_with('/'));
        let is_out = options.get("backup").is_some_and(|word| !is_on(Some(word)));
        is_drive(key) && is_volume && !is_out && options.get("media") != Some("cdrom")
    });
    inside.map(|(key, _)| key.clone()).collect()
}

fn is_drive(key: &str) -> bool {
    let buses = ["ide", "sata", "scsi", "virtio"];
    buses.iter().any(|bus| is_numbered(key, bus)) || matches!(key, "efidisk0" | "tpmstate0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_backup_has() {
        #[rustfmt::skip]
        let cases: &[(&str, Kind, &str, &str, bool)] = &[
            ("the root",              Kind::Lxc,  "rootfs",    "zdata:subvol-1-disk-0,size=8G",             true),
            ("a volume more",         Kind::Lxc,  "mp0",       "zdata:subvol-1-disk-1,mp=/srv",             false),
            ("that is backed up",     Kind::Lxc,  "mp0",       "zdata:subvol-1-disk-1,mp=/srv,backup=1",    true),
            ("a folder of the node",  Kind::Lxc,  "mp0",       "/srv,mp=/srv",                              true),
            ("not in use",            Kind::Lxc,  "unused0",   "zdata:subvol-1-disk-1",                     false),
            ("a disk",                Kind::Qemu, "scsi0",     "zdata:vm-1-disk-0,size=8G",                 true),
            ("that is left out",      Kind::Qemu, "virtio1",   "zdata:vm-1-disk-1,backup=0",                false),
            ("its firmware's",        Kind::Qemu, "efidisk0",  "zdata:vm-1-disk-1,size=4M",                 true),
            ("an image",              Kind::Qemu, "ide2",      "local:iso/a.iso,media=cdrom,backup=0",      true),
            ("no drive",              Kind::Qemu, "ide2",      "none,media=cdrom",                          true),
            ("not in use, of a VM",   Kind::Qemu, "unused0",   "zdata:vm-1-disk-1",                         false),
            ("no volume",             Kind::Qemu, "net0",      "virtio=BC:24:11:00:00:01,bridge=vmbr0",     true),
        ];
        for (name, kind, key, value, is_in) in cases {
            let config = json!({*key: value});
            let outside = outside_backups(config.as_object().unwrap(), *kind);
            assert_eq!(outside.is_empty(), *is_in, "{name}: {outside:?}");
        }
    }
}
