//! A guest's configuration, as far as it decides where the guest can go.
//!
//! Keys and values are those of qm.conf(5) and pct.conf(5), as the API gives them.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::state::Kind;
use property::{Options, bytes, is_mac, is_numbered, is_on, plain};

mod lxc;
mod machine;
pub(crate) mod property;

/// Device files that every Proxmox node has (kernel and udev defaults), so that a
/// container that needs them can start anywhere.
const EVERYWHERE: [&str; 10] = [
    "/dev/net",
    "/dev/net/tun",
    "/dev/fuse",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ppp",
];

/// What of a configuration matters for a move.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Volumes that move with it.
    pub volumes: Vec<Volume>,
    /// Bridges of its network interfaces.
    pub bridges: Vec<String>,
    /// MAC addresses of its interfaces, in lower case.
    pub macs: Vec<String>,
    /// Addresses that are configured, without their masks.
    pub addresses: Vec<IpAddr>,
    /// `startup: order=`; the lowest starts first, none last.
    pub order: Option<u64>,
    /// `startup: down=`, in seconds.
    pub down: Option<u64>,
    /// The digest of the configuration.
    pub digest: Option<String>,
    /// The lock.
    pub lock: Option<String>,
    /// What ties a VM to its node, even when it is stopped: keys like `hostpci0`.
    pub local_devices: Vec<String>,
    /// Devices and folders by cluster-wide mapping: key and name of the mapping.
    pub mapped: Vec<(String, String)>,
    /// What keeps a VM from moving while it runs, besides devices: key, and why.
    pub only_stopped: Vec<(String, &'static str)>,
    /// Images on a drive: key and volume, or `cdrom` for the node's own drive.
    pub images: Vec<(String, String)>,
    /// Paths of the node as disk or mount point, not marked as shared: key and path.
    pub paths: Vec<(String, String)>,
    /// Device files of the node that must be there when it starts: key and path.
    pub devices: Vec<(String, String)>,
    /// Other files of the node that must be there when it starts: key, and the path or (of a
    /// hook script) the volume.
    pub files: Vec<(String, String)>,
    /// Network interfaces of the node that it takes for itself: key and name.
    pub interfaces: Vec<(String, String)>,
    /// Files of the node that a container does without where they are missing: key and path.
    pub optional: Vec<(String, String)>,
    /// Arguments for QEMU that PVE passes on as they are.
    pub args: Option<String>,
    /// Huge pages that a VM's memory is on: 2 or 1024 MiB, or `any`.
    pub hugepages: Option<String>,
    /// The highest NUMA node of the host that a VM's memory is bound to.
    pub numa_node: Option<u64>,
    /// Processors of the host that a VM is bound to; empty: all.
    pub affinity: Vec<u64>,
    /// The processor that a VM sees.
    pub cpu: Cpu,
    /// Virtual processors of a VM.
    pub vcpus: u64,
}

/// What a VM asks of the processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// What every node has.
    #[default]
    Any,
    /// The node's own.
    Host,
    /// A level of x86-64, 2 to 4.
    Level(u8),
    /// A model of QEMU's, or of the cluster's own (`custom-...`).
    Named(String),
}

/// A volume of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The key: `scsi0`, `rootfs`, `unused1`.
    pub key: String,
    /// Its storage.
    pub storage: String,
    /// Its name in the storage.
    pub name: String,
    /// `size=`, in bytes; 0 where it isn't told.
    pub size: u64,
    /// Not mirrored when its VM moves live, but copied: cloud-init drives, TPM states
    /// and unused volumes.
    pub copied: bool,
    /// Replication leaves it out.
    pub unreplicated: bool,
    /// The snapshots that name it, as far as that was seen; the configuration doesn't say.
    pub snapshots: Vec<String>,
}

impl Volume {
    /// `storage:name`
    #[must_use]
    pub fn volid(&self) -> String {
        format!("{}:{}", self.storage, self.name)
    }

    /// It rests on another volume, a template's.
    #[must_use]
    pub fn is_linked_clone(&self) -> bool {
        let mut parts = self.name.split('/');
        parts.any(|part| part.starts_with("base-") || part.starts_with("basevol-"))
            && parts.next().is_some()
    }

    /// The guest that owns it, by its name (`vm-101-disk-0`); none if that doesn't tell.
    #[must_use]
    pub fn owner(&self) -> Option<u32> {
        let name = self.name.rsplit('/').next()?;
        let mut words = name.split('-');
        let kind = words.next()?;
        ["vm", "base", "subvol", "basevol"]
            .contains(&kind)
            .then(|| words.next()?.parse().ok())
            .flatten()
    }
}

impl Config {
    /// From the answer of the API.
    ///
    /// # Errors
    ///
    /// It is no JSON object.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, serde_json::Error> {
        let fields: Map<String, Value> = serde_json::from_str(text)?;
        Ok(Self::of(kind, &fields))
    }

    /// From the fields of the answer.
    #[must_use]
    pub fn of(kind: Kind, fields: &Map<String, Value>) -> Self {
        let mut config = Self {
            digest: fields.get("digest").map(plain),
            lock: fields.get("lock").map(plain),
            ..Self::default()
        };
        for (key, value) in fields {
            if key == "lxc" {
                config.raw_lines(value);
                continue;
            }
            let value = plain(value);
            match kind {
                Kind::Qemu => config.vm(key, &value),
                Kind::Lxc => config.container(key, &value),
            }
        }
        if kind == Kind::Qemu {
            config.machine(fields);
        }
        config
    }

    fn both(&mut self, key: &str, value: &str) {
        let options = Options(value);
        if is_numbered(key, "net") {
            // net0: virtio=BC:24:11:00:27:7F,bridge=vmbr0 (VM); hwaddr=BC:...,bridge=vmbr0 (CT)
            self.bridges
                .extend(options.get("bridge").map(str::to_owned));
            let words = options.pairs().map(|(_, word)| word);
            self.macs
                .extend(words.filter(|word| is_mac(word)).map(str::to_lowercase));
        }
        if is_numbered(key, "net") || is_numbered(key, "ipconfig") {
            for name in ["ip", "ip6"] {
                let address = options.get(name).and_then(|text| text.split('/').next());
                self.addresses
                    .extend(address.and_then(|text| text.parse::<IpAddr>().ok()));
            }
        }
        if key == "hookscript" {
            self.files.push((key.to_owned(), value.to_owned()));
        }
        if key == "startup" {
            let order = options.get("order").or_else(|| options.first());
            self.order = order.and_then(|text| text.parse().ok());
            self.down = options.get("down").and_then(|text| text.parse().ok());
        }
    }

    fn vm(&mut self, key: &str, value: &str) {
        self.both(key, value);
        let options = Options(value);
        let drive = ["ide", "sata", "scsi", "virtio"]
            .iter()
            .any(|bus| is_numbered(key, bus));
        if drive || ["efidisk0", "tpmstate0"].contains(&key) || is_numbered(key, "unused") {
            self.drive(key, &options);
        }
        let local = |local: bool| local.then(|| key.to_owned());
        if is_numbered(key, "hostpci") || is_numbered(key, "usb") {
            let host = options.get("host").or_else(|| options.first());
            match options.get("mapping") {
                Some(mapping) => self.mapped.push((key.to_owned(), mapping.to_owned())),
                None => self.local_devices.extend(local(host != Some("spice"))),
            }
        } else if is_numbered(key, "virtiofs") {
            let folder = options.get("dirid").or_else(|| options.first());
            let folder = folder.unwrap_or_default();
            self.mapped.push((key.to_owned(), folder.to_owned()));
        } else if is_numbered(key, "serial") {
            self.local_devices.extend(local(value != "socket"));
        } else if is_numbered(key, "parallel") || key == "ivshmem" {
            self.local_devices.extend(local(true));
        }
    }

    fn drive(&mut self, key: &str, options: &Options<'_>) {
        let file = options.get("file").or_else(|| options.first());
        let file = file.unwrap_or_default();
        let name = file.split_once(':').map_or("", |(_, name)| name);
        let generated = name.contains("cloudinit");
        if options.get("media") == Some("cdrom") && !generated {
            if file != "none" {
                self.images.push((key.to_owned(), file.to_owned()));
            }
        } else if file.starts_with('/') {
            if !is_on(options.get("shared")) {
                self.paths.push((key.to_owned(), file.to_owned()));
            }
        } else {
            let copied = generated || key == "tpmstate0" || is_numbered(key, "unused");
            self.volume(key, file, options, copied);
        }
    }

    fn container(&mut self, key: &str, value: &str) {
        self.both(key, value);
        let options = Options(value);
        let first = || {
            options
                .get("volume")
                .or_else(|| options.first())
                .unwrap_or_default()
        };
        if key == "rootfs" || is_numbered(key, "mp") || is_numbered(key, "unused") {
            if first().starts_with('/') {
                if !is_on(options.get("shared")) {
                    self.paths.push((key.to_owned(), first().to_owned()));
                }
            } else {
                self.volume(key, first(), &options, false);
            }
        } else if is_numbered(key, "dev") {
            let path = options.get("path").or_else(|| options.first());
            self.device(key, path.unwrap_or_default());
        }
    }

    fn device(&mut self, key: &str, path: &str) {
        if !EVERYWHERE.contains(&path) {
            self.devices.push((key.to_owned(), path.to_owned()));
        }
    }

    fn volume(&mut self, key: &str, volid: &str, options: &Options<'_>, copied: bool) {
        if let Some((storage, name)) = volid.split_once(':') {
            self.volumes.push(Volume {
                key: key.to_owned(),
                storage: storage.to_owned(),
                name: name.to_owned(),
                size: options.get("size").map_or(0, bytes),
                copied,
                unreplicated: options.get("replicate") == Some("0"),
                snapshots: Vec::new(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
