//! A guest's configuration, as far as it decides where the guest can go.
//!
//! Keys and values are those of qm.conf(5) and pct.conf(5), as the API gives them.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::state::{Kind, is_true};

/// Device files that every Proxmox node has (kernel and udev defaults), so that a
/// container that needs them can start anywhere.
const EVERYWHERE: [&str; 9] = [
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
    /// What keeps a VM from moving while it runs, besides devices.
    pub only_stopped: Option<String>,
    /// Images on a drive: key and volume, or `cdrom` for the node's own drive.
    pub images: Vec<(String, String)>,
    /// Paths of the node as disk or mount point, not marked as shared: key and path.
    pub paths: Vec<(String, String)>,
    /// Files of the node that must be there when a container starts: key and path.
    pub devices: Vec<(String, String)>,
    /// The processor that a VM sees.
    pub cpu: Cpu,
    /// Virtual processors of a VM.
    pub vcpus: u64,
}

/// What a VM asks of the processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// What every node has, or what can't be judged.
    #[default]
    Any,
    /// The node's own.
    Host,
    /// A level of x86-64, 2 to 4.
    Level(u8),
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
        let mut config = Self {
            digest: fields.get("digest").map(plain),
            lock: fields.get("lock").map(plain),
            ..Self::default()
        };
        for (key, value) in &fields {
            if key == "lxc" {
                config.raw(value);
                continue;
            }
            let value = plain(value);
            match kind {
                Kind::Qemu => config.vm(key, &value),
                Kind::Lxc => config.container(key, &value),
            }
        }
        if kind == Kind::Qemu {
            config.machine(&fields);
        }
        Ok(config)
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

    /// Lines of LXC's own: `[["lxc.mount.entry", "/dev/dri dev/dri none bind,optional"], ...]`.
    fn raw(&mut self, lines: &Value) {
        for line in lines.as_array().into_iter().flatten() {
            let (Some("lxc.mount.entry"), Some(entry)) = (line[0].as_str(), line[1].as_str())
            else {
                continue;
            };
            let words: Vec<&str> = entry.split_whitespace().collect();
            let optional = words
                .get(3)
                .is_some_and(|options| options.split(',').any(|option| option == "optional"));
            if let Some(path) = words
                .first()
                .filter(|path| path.starts_with('/') && !optional)
            {
                self.device("lxc.mount.entry", path);
            }
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
            });
        }
    }

    fn machine(&mut self, fields: &Map<String, Value>) {
        let text = |name: &str| fields.get(name).map(plain).unwrap_or_default();
        let number = |name: &str| text(name).parse::<u64>().unwrap_or(1);
        self.vcpus = number("cores") * number("sockets");
        let cpu = text("cpu");
        let cpu = Options(&cpu);
        self.cpu = match cpu.get("cputype").or_else(|| cpu.first()) {
            Some("host" | "max") => Cpu::Host,
            Some(kind) if kind.starts_with("x86-64-v") => {
                let level = kind["x86-64-v".len()..].split('-').next();
                Cpu::Level(level.and_then(|level| level.parse().ok()).unwrap_or(2))
            }
            _ => Cpu::Any,
        };
        for name in ["amd-sev", "intel-tdx"] {
            if !text(name).is_empty() {
                self.only_stopped = Some(format!("{name} memory is bound to the processor"));
            }
        }
        let vga = text("vga");
        if Options(&vga).get("clipboard") == Some("vnc") && !is_since_10_1(&text("machine")) {
            self.only_stopped =
                Some("vga clipboard=vnc moves live with machine 10.1 or newer only".to_owned());
        }
    }
}

/// A property string: `a,b=c,d=e`.
struct Options<'a>(&'a str);

impl<'a> Options<'a> {
    /// Names and values; of one without a name the name is empty.
    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let parts = self.0.split(',').map(str::trim);
        parts.map(|part| part.split_once('=').unwrap_or(("", part)))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The part without a name.
    fn first(&self) -> Option<&'a str> {
        self.get("").filter(|value| !value.is_empty())
    }
}

/// `pc-q35-10.1+pve0` and later; no version is the newest.
fn is_since_10_1(machine: &str) -> bool {
    let machine = Options(machine);
    let kind = machine
        .get("type")
        .or_else(|| machine.first())
        .unwrap_or_default();
    let version = kind.rsplit('-').next().unwrap_or_default();
    let version = version.split('+').next().unwrap_or_default();
    match version.split_once('.') {
        Some((major, minor)) => {
            (
                major.parse().unwrap_or(0_u64),
                minor.parse().unwrap_or(0_u64),
            ) >= (10, 1)
        }
        None => true,
    }
}

fn is_numbered(key: &str, name: &str) -> bool {
    key.strip_prefix(name)
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn is_on(value: Option<&str>) -> bool {
    value.is_some_and(|value| is_true(&Value::from(value)))
}

fn is_mac(word: &str) -> bool {
    word.len() == 17
        && word.bytes().enumerate().all(|(at, byte)| match at % 3 {
            2 => byte == b':',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `32G`, `700M`, `4K`, `1T`, or bytes; fractions as PVE writes them (`1.5G`).
fn bytes(text: &str) -> u64 {
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit {
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => 1,
    };
    number.parse::<u64>().map_or_else(
        |_| {
            number
                .parse::<f64>()
                .map_or(0, |n| (n * factor as f64) as u64)
        },
        |n| n.saturating_mul(factor),
    )
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
