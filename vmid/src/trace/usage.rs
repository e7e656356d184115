//! Which volumes the configurations of guests name: a disk that bears the ID of a guest that is gone may be
//! another guest's. Names are looked for in all that is told of a guest, so that it doesn't matter which key,
//! snapshot or option of QEMU has them.

use std::collections::{HashMap, HashSet};

use super::{field, owner};
use crate::stream::Record;

/// Why a disk may be somebody's.
const FREE_IT: &str = "free it when it is seen that no other cluster has it";

/// What is in use, as far as configurations tell.
#[derive(Debug, Default)]
pub struct Usage {
    /// Names of volumes without their storage (two storages may be one pool), and a guest that names each.
    named: HashMap<Box<str>, u64>,
    read: HashSet<u64>,
    unread: HashSet<u64>,
    shared: HashMap<String, bool>,
}

impl Usage {
    /// What a guest's row tells, with its `config` where that was read.
    pub fn guest(&mut self, vmid: u64, record: &Record<'_>) {
        if is_whole(record) {
            self.read.insert(vmid);
        } else {
            self.unread.insert(vmid);
        }
        for member in ["config", "snapshots", "precondition"] {
            if let Some(raw) = field::list(record, member) {
                self.text(vmid, raw);
            }
        }
    }

    /// A guest whose configuration nobody saw.
    pub fn unread(&mut self, vmid: u64) {
        self.unread.insert(vmid);
    }

    /// A storage, and whether more than one node may have it, and so another cluster.
    pub fn storage(&mut self, name: &str, shared: bool) {
        let known = self.shared.entry(name.to_owned()).or_default();
        *known |= shared;
    }

    /// Why this volume is not to be freed, for all that is known.
    #[must_use]
    pub fn bars(&self, volid: &str) -> Option<String> {
        let (storage, path) = volid.split_once(':').unwrap_or(("", volid));
        let user = names(volid).find_map(|name| self.named.get(name));
        if let Some(user) = user {
            return Some(format!("used by {user}, whose configuration names it"));
        }
        if let Some(vmid) = self.unread.difference(&self.read).min() {
            return Some(format!(
                "the configuration of {vmid} was not read, and may name it"
            ));
        }
        match self.shared.get(storage) {
            _ if path.is_empty() => Some("it is no volume's name".to_owned()),
            Some(false) => None,
            Some(true) => Some(format!("{storage} is shared: {FREE_IT}")),
            None => Some(format!(
                "whether {storage} is shared isn't known: {FREE_IT}"
            )),
        }
    }

    fn text(&mut self, vmid: u64, raw: &str) {
        let plain;
        let text = match raw.contains('\\') {
            true => {
                plain = unescaped(raw);
                &plain
            }
            false => raw,
        };
        for word in text.split(['"', ',', '=', ' ', '\n', '\t']) {
            for name in names(word) {
                self.named.entry(name.into()).or_insert(vmid);
            }
        }
    }
}

/// The names that a word has of a volume: of `tank:base-900-disk-0/vm-101-disk-0` both, of `local:101/a.qcow2` the
/// path, of `/dev/zvol/tank/vm-101-disk-0` the last.
fn names(word: &str) -> impl Iterator<Item = &str> {
    let path = word.split_once(':').map_or(word, |(_, path)| path);
    let in_folder = path.split_once('/');
    let in_folder = in_folder.filter(|(folder, _)| owner::id(folder).is_some());
    let parts = path.split(['/', ':']);
    let parts = parts.filter(|part| owner::of_file(part).is_some());
    in_folder.map(|_| path).into_iter().chain(parts)
}

/// Nothing of the configuration is missing: it was read, and so were its snapshots; those of VMs are known by their names
/// alone, but what Proxmox found before a migration has their disks.
fn is_whole(record: &Record<'_>) -> bool {
    let raw = |name: &str| field::list(record, name);
    let holds = |name: &str, open: &str| {
        raw(name).is_some_and(|text| text.starts_with(open) && text[1..].trim_start().len() > 1)
    };
    let has_config = raw("config").is_some_and(|text| text.starts_with('{'));
    let mut has_parent = false;
    let parent = field::each(
        raw("config").map(|raw| format!("[{raw}]")).as_deref(),
        |c| {
            has_parent = field::list(c, "parent").is_some();
            Ok(())
        },
    );
    let has_snapshots = has_parent || holds("snapshots", "[") || holds("snapshots", "{");
    let is_missing = raw("snapshots").is_some_and(|text| text.contains("\"unseen\""));
    let are_told = holds("snapshots", "{") && !is_missing || holds("precondition", "{");
    has_config && parent.is_ok() && (!has_snapshots || are_told)
}

/// All texts of a value, with what is escaped in them.
fn unescaped(raw: &str) -> String {
    fn collect(value: &serde_json::Value, all: &mut String) {
        match value {
            serde_json::Value::String(text) => {
                all.push('"');
                all.push_str(text);
            }
            serde_json::Value::Array(values) => values.iter().for_each(|v| collect(v, all)),
            serde_json::Value::Object(members) => members.values().for_each(|v| collect(v, all)),
            _ => {}
        }
    }
    let mut all = String::new();
    match serde_json::from_str(raw) {
        Ok(value) => collect(&value, &mut all),
        Err(_) => all.push_str(raw), // cannot happen: it was read as a part of a record
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    fn bars(guest: &str, volid: &str) -> Option<String> {
        let mut usage = Usage::default();
        for kept in stream::parse(guest.as_bytes()).unwrap() {
            usage.guest(200, &kept.record());
        }
        usage.storage("tank", false);
        usage.storage("local", false);
        usage.storage("nfs", true);
        usage.bars(volid)
    }

    #[test]
    fn what_a_configuration_names_is_in_use() {
        let disk = "tank:vm-101-disk-0";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str)] = &[
            ("a disk",             r#"{"config":{"scsi0":"tank:vm-101-disk-0,size=8G"}}"#, disk),
            ("with its key",       r#"{"config":{"virtio1":"cache=none,file=tank:vm-101-disk-0"}}"#, disk),
            ("a mount point",      r#"{"config":{"mp0":"volume=tank:vm-101-disk-0,mp=/a"}}"#, disk),
            ("the root",           r#"{"config":{"rootfs":"tank:subvol-101-disk-0,size=8G"}}"#, "tank:subvol-101-disk-0"),
            ("unused",             r#"{"config":{"unused7":"tank:vm-101-disk-0"}}"#, disk),
            ("EFI",                r#"{"config":{"efidisk0":"tank:vm-101-disk-0,efitype=4m"}}"#, disk),
            ("TPM",                r#"{"config":{"tpmstate0":"tank:vm-101-disk-0"}}"#, disk),
            ("memory",             r#"{"config":{"vmstate":"tank:vm-101-state-a"}}"#, "tank:vm-101-state-a"),
            ("a snapshot",         r#"{"config":{"parent":"s"},"snapshots":{"s":{"scsi3":"tank:vm-101-disk-0"}}}"#, disk),
            ("a VM's snapshot",    r#"{"config":{"parent":"s"},"snapshots":["s"],"precondition":{"local_disks":[{"volid":"tank:vm-101-disk-0"}]}}"#, disk),
            ("by its device",      r#"{"config":{"scsi0":"/dev/zvol/rpool/vm-101-disk-0"}}"#, disk),
            ("an argument",        r#"{"config":{"args":"-drive file=/dev/tank/vm-101-disk-0"}}"#, disk),
            ("of another storage", r#"{"config":{"scsi0":"pool:vm-101-disk-0"}}"#, disk),
            ("a base",             r#"{"config":{"scsi0":"tank:base-101-disk-0/vm-200-disk-0"}}"#, "tank:base-101-disk-0"),
            ("a clone",            r#"{"config":{"scsi0":"tank:base-900-disk-0/vm-101-disk-0"}}"#, "tank:base-900-disk-0/vm-101-disk-0"),
            ("in a folder",        r#"{"config":{"scsi0":"local:101/my.qcow2"}}"#, "local:101/my.qcow2"),
            ("escaped",            r#"{"config":{"scsi0":"local:101\/my.qcow2"}}"#, "local:101/my.qcow2"),
            ("shared, too",        r#"{"config":{"scsi0":"nfs:101/vm-101-disk-0.raw"}}"#, "nfs:101/vm-101-disk-0.raw"),
        ];
        for (name, guest, volid) in cases {
            let want = Some("used by 200, whose configuration names it".to_owned());
            assert_eq!(bars(guest, volid), want, "{name}");
        }
    }

    #[test]
    fn what_is_not_seen_may_name_it() {
        let unread = "the configuration of 200 was not read, and may name it";
        let disk = "tank:vm-101-disk-0";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<&str>)] = &[
            ("nothing names it",   r#"{"config":{"scsi0":"tank:vm-1010-disk-0"},"snapshots":[]}"#, disk, None),
            ("no configuration",   r#"{"vmid":200}"#, disk, Some(unread)),
            ("null",               r#"{"config":null,"snapshots":null}"#, disk, Some(unread)),
            ("snapshots not read", r#"{"config":{"parent":"s"},"snapshots":null}"#, disk, Some(unread)),
            ("or by name alone",   r#"{"config":{"parent":"s"},"snapshots":["s"]}"#, disk, Some(unread)),
            ("one not read",       r#"{"config":{"parent":"s"},"snapshots":{"s":{"unseen":"timeout"}}}"#, disk, Some(unread)),
            ("there are none",     r#"{"config":{},"snapshots":null}"#, disk, None),
            ("shared",             r#"{"config":{}}"#, "nfs:101/vm-101-disk-0.raw", Some("nfs is shared: free it when it is seen that no other cluster has it")),
            ("or not known",       r#"{"config":{}}"#, "x:vm-101-disk-0", Some("whether x is shared isn't known: free it when it is seen that no other cluster has it")),
        ];
        for (name, guest, volid, want) in cases {
            assert_eq!(bars(guest, volid).as_deref(), *want, "{name}");
        }
    }
}
