//! A guest as the state document has it, and what PVE itself says of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

use super::{Kind, Snapshots, flag, is_true};

/// A guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// Its ID.
    pub vmid: u32,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it is.
    pub node: String,
    /// As the overview (`/cluster/resources`) has it: of a VM the state of its QEMU process
    /// (`running`, `stopped`, `paused`, ...), `unknown` where its node reports nothing.
    pub status: String,
    /// What its node says of it; asked where the overview's word isn't enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Current>,
    /// It is a template.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
    /// Memory it may use, in bytes.
    #[serde(default)]
    pub maxmem: u64,
    /// Memory in use, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mem: u64,
    /// Bytes of the root file system in use (containers that run), else 0.
    #[serde(default)]
    pub disk: u64,
    /// The lock in its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Its pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// For how many seconds it has run, as the overview has it; 0 if it doesn't run, or that was not seen.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uptime: u64,
    /// Its configuration, as PVE gave it; none if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Box<RawValue>>,
    /// Its snapshots; none if they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Snapshots>,
    /// When the snapshots were made, in seconds since 1970, as far as the list of them tells
    /// (since version 3).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub snapshot_times: BTreeMap<String, i64>,
    /// PVE's own check, as it came (see [`Precondition`]); none where PVE has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precondition: Option<Box<RawValue>>,
}

impl Guest {
    /// What it is doing, in PVE's words: of a VM the state of its QEMU process (`paused`,
    /// `suspended`, `io-error`, ...), as asked, else as in the overview.
    #[must_use]
    pub fn activity(&self) -> &str {
        match &self.current {
            Some(current) if current.status == "stopped" => &current.status,
            Some(current) => current.qmpstatus.as_ref().unwrap_or(&current.status),
            None => &self.status,
        }
    }

    /// It runs: whatever it is doing, it isn't stopped. A paused VM runs: it has its memory,
    /// and PVE moves it live. Not so where nothing is known ([`Self::is_unknown`]).
    #[must_use]
    pub fn is_running(&self) -> bool {
        !matches!(self.activity(), "stopped" | "unknown")
    }

    /// Whether it runs was not seen: its node reports nothing, and gave no answer either.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.activity() == "unknown"
    }

    /// It stands still and stays so after a live move, which PVE resumes nothing after
    /// (`vm_was_paused` in QemuMigrate.pm; a suspended one waits for its own wake-up).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.kind == Kind::Qemu && matches!(self.activity(), "paused" | "suspended" | "prelaunch")
    }

    /// It is off by its node's own answer, not only by the overview, which may be old: the
    /// overview has "stopped" for 10 s after a start, and where pvestatd is dead for ever.
    #[must_use]
    pub fn is_surely_stopped(&self) -> bool {
        let is_off = |current: &Current| current.status == "stopped";
        self.template || self.current.as_ref().is_some_and(is_off)
    }

    /// Memory that it uses while it runs, in bytes; if nobody says, all that it may use.
    #[must_use]
    pub fn memory_in_use(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, |current| current.mem);
        match self.mem.max(current) {
            0 => self.maxmem,
            mem => mem,
        }
    }

    /// The name of its HA resource, whether it has one or not.
    #[must_use]
    pub fn sid(&self) -> String {
        format!("{}:{}", self.kind.ha_type(), self.vmid)
    }
}

/// What its node itself says of a guest (`status/current`), where it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// `running` or `stopped`.
    pub status: String,
    /// What QEMU says (VMs): `running`, `paused`, `suspended`, `prelaunch`, `io-error`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qmpstatus: Option<String>,
    /// Memory in use, in bytes.
    #[serde(default)]
    pub mem: u64,
}

/// What PVE's own check before a migration says; of containers since PVE 9.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Precondition {
    /// Nodes it refuses, and why.
    #[serde(default, alias = "not-allowed-nodes")]
    pub not_allowed_nodes: BTreeMap<String, NotAllowed>,
    /// Volumes and images on storages that are not shared.
    #[serde(default)]
    pub local_disks: Vec<LocalDisk>,
    /// What ties it to the node.
    #[serde(default)]
    pub local_resources: Vec<String>,
    /// Per mapped device whether it may move live (newer PVE).
    #[serde(default, rename = "mapped-resource-info")]
    pub mapped_resource_info: BTreeMap<String, MappedInfo>,
}

/// Why PVE refuses a node.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NotAllowed {
    /// Storages that are not at the node.
    #[serde(default)]
    pub unavailable_storages: Vec<String>,
    /// Mappings that have no entry for the node.
    #[serde(default, rename = "unavailable-resources")]
    pub unavailable_resources: Vec<String>,
    /// HA resources that would have to be elsewhere.
    #[serde(default, rename = "blocking-ha-resources")]
    pub blocking_ha_resources: Vec<IgnoredAny>,
}

/// A volume that is not on shared storage.
#[derive(Clone, Debug, Deserialize)]
pub struct LocalDisk {
    /// `storage:volume`
    #[serde(default)]
    pub volid: String,
    /// Its size, in bytes.
    #[serde(default)]
    pub size: u64,
    /// The key it has in the configuration; none if only a snapshot or a pending change names it.
    #[serde(default)]
    pub drivename: Option<String>,
    /// It is an image in a drive.
    #[serde(default, deserialize_with = "flag")]
    pub cdrom: bool,
    /// The snapshots that name it (PVE has them as the names of an object).
    #[serde(default, deserialize_with = "keys")]
    pub referenced_in_snapshot: Vec<String>,
    /// A change that waits for the next start names it.
    #[serde(default, deserialize_with = "flag")]
    pub referenced_in_pending: bool,
    /// It is the memory that a snapshot holds.
    #[serde(default, deserialize_with = "flag")]
    pub is_vmstate: bool,
    /// It is the state of a TPM.
    #[serde(default, deserialize_with = "flag")]
    pub is_tpmstate: bool,
    /// PVE makes it anew from the configuration.
    #[serde(default, deserialize_with = "flag")]
    pub is_cloudinit: bool,
    /// No drive has it any more (`unusedN`).
    #[serde(default, deserialize_with = "flag")]
    pub is_unused: bool,
    /// It is on storage that all nodes share (which PVE mostly leaves out of this list).
    #[serde(default, deserialize_with = "flag")]
    pub shared: bool,
}

/// What PVE says of a mapped device.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MappedInfo {
    /// The mapping is marked as capable of live migration.
    #[serde(default, rename = "live-migration", deserialize_with = "flag")]
    pub live_migration: bool,
}

/// The names of an object; of a plain flag, which older forms may have, a mark that there is one.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(names) => names.into_iter().map(|(name, _)| name).collect(),
        flag if is_true(&flag) => vec!["of a name that is not told".to_owned()],
        _ => Vec::new(),
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_is_what_is_not_stopped() {
        // name, type, overview, current, activity, runs, unknown, paused, surely off
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, &str, (&str, bool, bool, bool, bool))] = &[
            ("runs",                          "qemu", "running",    "null",                                        ("running",   true,  false, false, false)),
            ("paused, by the overview",       "qemu", "paused",     "null",                                        ("paused",    true,  false, true,  false)),
            ("in S3",                         "qemu", "suspended",  "null",                                        ("suspended", true,  false, true,  false)),
            ("backup of a stopped one",       "qemu", "prelaunch",  "null",                                        ("prelaunch", true,  false, true,  false)),
            ("disk full",                     "qemu", "io-error",   "null",                                        ("io-error",  true,  false, false, false)),
            ("crashed, QEMU lives",           "qemu", "guest-panicked", "null",                                    ("guest-panicked", true, false, false, false)),
            ("a word of a later QEMU",        "qemu", "colo",       "null",                                        ("colo",      true,  false, false, false)),
            ("stopped, unconfirmed",          "lxc",  "stopped",    "null",                                        ("stopped",   false, false, false, false)),
            ("stopped, confirmed",            "lxc",  "stopped",    r#"{"status":"stopped"}"#,                     ("stopped",   false, false, false, true)),
            ("stopped VM, confirmed",         "qemu", "stopped",    r#"{"status":"stopped","qmpstatus":"stopped"}"#, ("stopped", false, false, false, true)),
            ("just started",                  "lxc",  "stopped",    r#"{"status":"running"}"#,                     ("running",   true,  false, false, false)),
            ("pvestatd is dead",              "lxc",  "unknown",    r#"{"status":"running","mem":5}"#,             ("running",   true,  false, false, false)),
            ("pvestatd is dead, paused",      "qemu", "unknown",    r#"{"status":"running","qmpstatus":"paused"}"#, ("paused",   true,  false, true,  false)),
            ("pvestatd is dead, it is off",   "qemu", "unknown",    r#"{"status":"stopped"}"#,                     ("stopped",   false, false, false, true)),
            ("its node is gone",              "lxc",  "unknown",    "null",                                        ("unknown",   false, true,  false, false)),
        ];
        for (name, kind, status, current, want) in cases {
            let text = format!(
                r#"{{"vmid":101,"type":"{kind}","node":"a","status":"{status}","current":{current}}}"#
            );
            let guest: Guest = serde_json::from_str(&text).unwrap();
            let got = (
                guest.activity(),
                guest.is_running(),
                guest.is_unknown(),
                guest.is_paused(),
                guest.is_surely_stopped(),
            );
            assert_eq!(got, *want, "{name}");
        }
    }
}
