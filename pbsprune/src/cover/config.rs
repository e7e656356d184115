//! What a guest's configuration says of its backups: the volumes that none has, whether a file system is
//! told to hold still, when the guest was made.
//!
//! Of a container vzdump takes `rootfs` and each `mpN` with backup=1, and nothing that is no volume; of a VM
//! each disk but those with backup=0 (vzdump(1), "Backup" of pct.conf and qm.conf).

use serde_json::{Map, Value, json};

/// VM or container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A container.
    Ct,
    /// A virtual machine.
    Vm,
}

impl Kind {
    /// Of what Proxmox VE calls it.
    #[must_use]
    pub fn of_guest(name: &str) -> Option<Self> {
        match name {
            "lxc" => Some(Self::Ct),
            "qemu" => Some(Self::Vm),
            _ => None,
        }
    }

    /// Of a group's `backup-type`.
    #[must_use]
    pub fn of_group(name: &str) -> Option<Self> {
        match name {
            "ct" => Some(Self::Ct),
            "vm" => Some(Self::Vm),
            _ => None,
        }
    }

    /// As Proxmox VE calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ct => "lxc",
            Self::Vm => "qemu",
        }
    }

    /// As a group of PBS has it.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::Ct => "ct",
            Self::Vm => "vm",
        }
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Ct => "container",
            Self::Vm => "VM",
        }
    }
}

/// A volume that is in no backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its key: `mp0`, `scsi1`.
    pub key: String,
    /// The volume, or the path of the host.
    pub volume: String,
    /// Why: of the configuration.
    pub why: &'static str,
}

impl LeftOut {
    /// As the record has it.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({"key": self.key, "volume": self.volume, "why": self.why})
    }
}

/// What the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The volumes that are in no backup.
    pub left_out: Vec<LeftOut>,
    /// The guest agent is on.
    pub agent: bool,
    /// When it was made, in seconds, as far as `meta` tells it: containers have none.
    pub made: Option<i64>,
}

/// Keys of which one at least is in every configuration, and none in a list of resources.
const OF_CONFIG: [&str; 8] = [
    "rootfs", "memory", "cores", "ostype", "boot", "net0", "digest", "scsihw",
];

/// Whether a guest's record has its configuration in it, as `inventory` prints them.
#[must_use]
pub fn is_in(record: &Map<String, Value>) -> bool {
    OF_CONFIG.iter().any(|key| record.contains_key(*key))
}

impl Config {
    /// Of a configuration as the API gives it.
    #[must_use]
    pub fn of(kind: Kind, config: &Map<String, Value>) -> Self {
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        let entries = config.iter().filter_map(|(key, value)| {
            let (series, number) =
                key.split_at(key.trim_end_matches(|c: char| c.is_ascii_digit()).len());
            let value = value.as_str().filter(|_| !number.is_empty())?;
            let why = match kind {
                Kind::Ct => of_container(series, value),
                Kind::Vm => of_machine(series, value),
            };
            let volume = volume(value).to_owned();
            why.map(|why| LeftOut {
                key: key.clone(),
                volume,
                why,
            })
        });
        Self {
            left_out: entries.collect(),
            agent: agent(config.get("agent")),
            made: text("meta").and_then(|meta| option(meta, "ctime")?.parse().ok()),
        }
    }
}

/// Why vzdump leaves this entry of a container out, if it does.
fn of_container(series: &str, value: &str) -> Option<&'static str> {
    if series != "mp" {
        return None;
    }
    let volume = volume(value);
    match option(value, "backup") {
        _ if volume.starts_with("/dev/") => Some("it is a device of the host"),
        _ if volume.starts_with('/') => Some("it is a folder of the host (a bind mount)"),
        Some(flag) if is_on(flag) => None,
        Some(_) => Some("backup=0"),
        None => Some("backup is not set, which is off for a mount point"),
    }
}

/// Why vzdump leaves this entry of a VM out, if it does.
fn of_machine(series: &str, value: &str) -> Option<&'static str> {
    match series {
        "virtiofs" => Some("it is a folder of the host (virtiofs)"),
        "ide" | "sata" | "scsi" | "virtio" | "efidisk" | "tpmstate" => {
            let is_image = option(value, "media") == Some("cdrom") || volume(value) == "none";
            let off = option(value, "backup").is_some_and(|flag| !is_on(flag));
            (off && !is_image).then_some("backup=0")
        }
        _ => None,
    }
}

/// The volume of an entry: what stands first, or behind `volume=`, `file=` or `dirid=`.
fn volume(value: &str) -> &str {
    let named = ["volume", "file", "dirid"];
    let named = named.iter().find_map(|name| option(value, name));
    named.unwrap_or_else(|| value.split(',').next().unwrap_or_default())
}

/// The value of an option in a list with commas.
fn option<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut options = list.split(',');
    options.find_map(|option| option.trim().strip_prefix(name)?.strip_prefix('='))
}

fn is_on(flag: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&flag)
}

/// `agent`: a number, `1`, `enabled=1,...`.
fn agent(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        Some(Value::String(text)) => {
            let first = text.split(',').next().unwrap_or_default();
            is_on(option(text, "enabled").unwrap_or(first))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out() {
        let bind = "it is a folder of the host (a bind mount)";
        let unset = "backup is not set, which is off for a mount point";
        #[rustfmt::skip]
        let cases: &[(&str, Kind, &str, &str, Option<(&str, &str)>)] = &[
            ("a root",              Kind::Ct, "rootfs",   "ssd:vm-1-disk-0,size=8G",            None),
            ("in the backup",       Kind::Ct, "mp0",      "ssd:vm-1-disk-1,mp=/a,backup=1",     None),
            ("not set",             Kind::Ct, "mp0",      "ssd:vm-1-disk-1,mp=/a",              Some(("ssd:vm-1-disk-1", unset))),
            ("off",                 Kind::Ct, "mp12",     "ssd:vm-1-disk-1,mp=/a,backup=0",     Some(("ssd:vm-1-disk-1", "backup=0"))),
            ("named",               Kind::Ct, "mp0",      "mp=/a,volume=ssd:x,backup=yes",      None),
            ("a bind mount",        Kind::Ct, "mp0",      "/mnt/nas,mp=/a,backup=1",            Some(("/mnt/nas", bind))),
            ("a device",            Kind::Ct, "mp0",      "/dev/sdb1,mp=/a",                    Some(("/dev/sdb1", "it is a device of the host"))),
            ("unused",              Kind::Ct, "unused0",  "ssd:vm-1-disk-7",                    None),
            ("no mount point",      Kind::Ct, "mp",       "ssd:x",                              None),
            ("a disk",              Kind::Vm, "scsi0",    "ssd:vm-1-disk-0,size=8G",            None),
            ("a disk, off",         Kind::Vm, "virtio15", "file=ssd:vm-1-disk-0,backup=no",     Some(("ssd:vm-1-disk-0", "backup=0"))),
            ("a disk, on",          Kind::Vm, "sata1",    "ssd:vm-1-disk-0,backup=1",           None),
            ("an image",            Kind::Vm, "ide2",     "local:iso/x.iso,media=cdrom,backup=0", None),
            ("the firmware's",      Kind::Vm, "efidisk0", "ssd:vm-1-disk-2,backup=0",           Some(("ssd:vm-1-disk-2", "backup=0"))),
            ("a folder",            Kind::Vm, "virtiofs0", "dirid=nas,cache=auto",              Some(("nas", "it is a folder of the host (virtiofs)"))),
            ("hardware",            Kind::Vm, "scsihw",   "virtio-scsi-pci,backup=0",           None),
        ];
        for (name, kind, key, value, want) in cases {
            let mut map = Map::new();
            map.insert((*key).to_owned(), json!(value));
            let found = Config::of(*kind, &map).left_out;
            let want: Vec<LeftOut> = want
                .iter()
                .map(|(volume, why)| LeftOut {
                    key: (*key).to_owned(),
                    volume: (*volume).to_owned(),
                    why,
                })
                .collect();
            assert_eq!(found, want, "{name}");
        }
    }

    #[test]
    fn agents_and_birthdays() {
        for (value, want) in [
            (json!("1"), true),
            (json!(1), true),
            (json!("enabled=1,fstrim_cloned_disks=1"), true),
            (json!("1,type=virtio"), true),
            (json!("0"), false),
            (json!("enabled=0"), false),
            (json!("type=virtio"), false),
            (json!(null), false),
        ] {
            assert_eq!(agent(Some(&value)), want, "{value}");
        }
        let map = json!({"meta": "creation-qemu=9.2.0,ctime=1795694400", "memory": 1});
        let map = map.as_object().unwrap();
        assert_eq!(Config::of(Kind::Vm, map).made, Some(1_795_694_400));
        assert!(is_in(map));
        assert!(!is_in(json!({"maxmem": 1, "vmid": 1}).as_object().unwrap()));
    }
}
