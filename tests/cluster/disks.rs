//! Volumes that are made: their names, sizes and what a task's log says of them.

use crate::{create::new_disk, world::World};

/// What a cloud-init drive has, in bytes (Cloudinit.pm).
const CLOUDINIT: u64 = 4 << 20;

/// What the variables of a 4m EFI disk have, in bytes.
const EFI: u64 = 540_672;

/// A volume that was just made.
#[derive(Clone, Debug, Default)]
pub struct NewDisk {
    pub storage: String,
    pub volid: String,
    pub bytes: u64,
    /// It is a folder or a file system of the storage, so that a full one is noticed at once.
    pub within: bool,
    /// It is larger than what the storage had left.
    pub room_lacks: bool,
    pub cloudinit: bool,
}

impl NewDisk {
    /// The value in the config, given the one that was asked for.
    pub fn entry(&self, asked: &str) -> String {
        if self.cloudinit {
            return format!("{},media=cdrom", self.volid);
        }
        let mut options: Vec<&str> = asked
            .split(',')
            .skip(1)
            .filter(|o| !o.starts_with("import-from="))
            .collect();
        let size = format!("size={}", size(self.bytes));
        options.push(&size);
        options.sort_unstable();
        format!("{},{}", self.volid, options.join(","))
    }
}

impl World {
    /// Names a new volume and looks whether there is room, where that is looked at.
    ///
    /// # Errors
    ///
    /// What the storage says.
    pub fn new_volume(
        &self,
        vmid: u32,
        ct: bool,
        node: &str,
        value: &str,
        imported: Option<u64>,
    ) -> Result<NewDisk, String> {
        let (storage, asked) =
            new_disk(value).ok_or_else(|| format!("unable to parse volume ID '{value}'"))?;
        let kind = self.storages.get(storage).map_or("", |s| s.kind.as_str());
        let files = ["dir", "nfs", "cifs", "btrfs", "cephfs"].contains(&kind);
        let cloudinit = asked == "cloudinit";
        let gib = asked.parse::<f64>().unwrap_or(0.0);
        let bytes = match imported {
            Some(bytes) => bytes,
            None if cloudinit => CLOUDINIT,
            None if value.contains("efitype=") => EFI,
            None => (gib * f64::from(1 << 30)) as u64,
        };
        let within = ct && (kind == "zfspool" || files && bytes == 0);
        let end = match (files, ct) {
            (false, _) => "",
            (true, true) if within => ".subvol",
            (true, true) => ".raw",
            (true, false) if cloudinit || imported.is_some() => ".qcow2",
            (true, false) => ".raw",
        };
        let folder = if files {
            format!("{vmid}/")
        } else {
            String::new()
        };
        let prefix = if within { "subvol" } else { "vm" };
        let named = |number: u32| format!("{storage}:{folder}{prefix}-{vmid}-disk-{number}{end}");
        let volid = if cloudinit {
            format!("{storage}:{folder}vm-{vmid}-cloudinit{end}")
        } else {
            (0..)
                .map(named)
                .find(|volid| !self.is_taken(volid))
                .unwrap_or_default()
        };
        let room = self.room(storage, node);
        if kind == "lvm" && room < bytes {
            let (extents, free) = (bytes >> 22, room >> 22);
            let name = volid.split_once(':').map_or("", |(_, name)| name);
            return Err(format!(
                "lvcreate '{storage}/{name}' error:   Volume group \"{storage}\" has insufficient free space ({free} extents): {extents} required."
            ));
        }
        Ok(NewDisk {
            storage: storage.to_owned(),
            volid,
            bytes,
            within,
            room_lacks: room < imported.unwrap_or(0),
            cloudinit,
        })
    }

    /// Numbers are looked for among all volumes of the guest, wherever its disks are files or not.
    fn is_taken(&self, volid: &str) -> bool {
        let stem = |volid: &str| {
            let name = volid.rsplit('/').next().unwrap_or(volid);
            let name = name.split_once('.').map_or(name, |(stem, _)| stem);
            name.split_once('-')
                .map_or(String::new(), |(_, rest)| rest.to_owned())
        };
        let same = |other: &str| {
            other.split(':').next() == volid.split(':').next() && stem(other) == stem(volid)
        };
        self.leftovers.iter().any(|left| same(&left.volid))
            || self
                .guests
                .values()
                .any(|g| g.volumes().iter().any(|v| same(&v.volid)))
    }

    /// What a storage of a node has left, in bytes.
    pub fn room(&self, storage: &str, node: &str) -> u64 {
        let Some(entry) = self.storages.get(storage) else {
            return 0;
        };
        entry
            .total
            .saturating_sub(entry.used + self.filled(storage, node))
    }

    /// Where a volume or a file is on its node.
    pub fn path(&self, volid: &str) -> String {
        let (storage, name) = volid.split_once(':').unwrap_or(("", volid));
        let fields = self.storages.get(storage).map(|s| &s.fields);
        let path = fields.and_then(|f| f.get("path")).and_then(|p| p.as_str());
        let path = path.map_or_else(|| format!("/mnt/pve/{storage}"), str::to_owned);
        let folder = match name.split_once('/') {
            Some(("vztmpl", file)) => format!("template/cache/{file}"),
            Some(("iso", file)) => format!("template/iso/{file}"),
            Some((first, _)) if first.bytes().all(|b| b.is_ascii_digit()) => {
                format!("images/{name}")
            }
            _ => name.to_owned(),
        };
        format!("{path}/{folder}")
    }

    /// What is said of a volume that is a file.
    pub fn formatting(&self, disk: &NewDisk, ct: bool) -> Vec<String> {
        let (path, bytes) = (self.path(&disk.volid), disk.bytes);
        if disk.volid.ends_with(".qcow2") {
            return vec![format!(
                "Formatting '{path}', fmt=qcow2 cluster_size=65536 extended_l2=off preallocation=metadata compression_type=zlib \
                 size={bytes} lazy_refcounts=off refcount_bits=16"
            )];
        }
        if !disk.volid.ends_with(".raw") {
            return Vec::new();
        }
        let mut lines = vec![format!(
            "Formatting '{path}', fmt=raw size={bytes} preallocation=off"
        )];
        if ct {
            let (blocks, inodes) = (bytes / 4096, bytes / 16_384);
            lines.push(format!(
                "Creating filesystem with {blocks} 4k blocks and {inodes} inodes"
            ));
            lines.push("Filesystem UUID: 00000000-0000-4000-8000-000000000000".into());
            lines.push("Superblock backups stored on blocks: ".into());
            lines.push("\t32768, 98304, 163840, 229376".into());
        }
        lines
    }
}

/// As configs write it: the largest unit that leaves no rest.
pub fn size(bytes: u64) -> String {
    let units = [
        (1_u64 << 40, "T"),
        (1 << 30, "G"),
        (1 << 20, "M"),
        (1 << 10, "K"),
    ];
    let unit = units.iter().find(|(unit, _)| bytes.is_multiple_of(*unit));
    unit.map_or(bytes.to_string(), |(unit, name)| {
        format!("{}{name}", bytes / unit)
    })
}

/// `8.0 MiB`, as a copy is told of.
pub fn mebibytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    let (unit, name) = if bytes >= 1_073_741_824.0 {
        (1_073_741_824.0, "GiB")
    } else {
        (1_048_576.0, "MiB")
    };
    format!("{:.1} {name}", bytes / unit)
}
