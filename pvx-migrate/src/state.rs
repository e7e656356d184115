//! The state document: all that a plan may rest on, read once, kept as JSON.
//!
//! Names are PVE's; what PVE spells in several ways (0, "1", true) is spelled in
//! one. What could not be read is null, not empty: the planner must be able to tell
//! "has none" from "was not seen".

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

mod ha;

pub use ha::{Ha, HaResource, HaRule};

/// The version of the form; another one is refused.
pub const VERSION: u32 = 1;

/// VM or container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl Kind {
    /// As it stands in API paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Lxc => "lxc",
        }
    }

    /// As it stands before the ID of an HA resource.
    #[must_use]
    pub fn ha_type(self) -> &'static str {
        match self {
            Self::Qemu => "vm",
            Self::Lxc => "ct",
        }
    }

    /// The command that a person uses for it on a node.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::Qemu => "qm",
            Self::Lxc => "pct",
        }
    }
}

/// The document.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// [`VERSION`]
    pub version: u32,
    /// When it was read, by the clock of the machine that read it.
    pub at: Timestamp,
    /// The cluster as a whole.
    pub cluster: Cluster,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its storages.
    pub storages: Vec<Storage>,
    /// The guests that the token may see.
    pub guests: Vec<Guest>,
    /// What the HA manager knows; none if the token may not see it.
    #[serde(default)]
    pub ha: Option<Ha>,
    /// Replication jobs; none if they were not seen.
    #[serde(default)]
    pub replication: Option<Vec<Replication>>,
    /// Tasks that were running; none if they were not seen.
    #[serde(default)]
    pub tasks: Option<Vec<Task>>,
    /// Of the datacenter's options those that matter for moves.
    #[serde(default)]
    pub options: Options,
    /// What the token may do: path, privilege, and whether it holds for what is below
    /// the path; none if it could not be asked.
    #[serde(default)]
    pub permissions: Option<Permissions>,
    /// What is missing of the privileges, and for what.
    #[serde(default)]
    pub missing: Vec<Missing>,
    /// The MAC addresses of the machine that read the state.
    #[serde(default)]
    pub self_macs: Vec<String>,
}

/// Path of the access tree, privilege, and whether it is inherited below the path.
pub type Permissions = BTreeMap<String, BTreeMap<String, bool>>;

/// The cluster as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name; of a single node the node's.
    pub name: String,
    /// The version of PVE on the node that was asked (`9.1.3`).
    pub pve: String,
    /// It has quorum, without which no node acts; none if it was not seen.
    #[serde(default)]
    pub quorate: Option<bool>,
    /// Votes of a QDevice.
    #[serde(default)]
    pub qdevice_votes: u32,
}

/// A node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub node: String,
    /// It answers.
    pub online: bool,
    /// The HA manager has it in maintenance.
    #[serde(default)]
    pub maintenance: bool,
    /// Its votes for quorum.
    #[serde(default = "one")]
    pub votes: u32,
    /// Physical memory, in bytes.
    #[serde(default)]
    pub maxmem: u64,
    /// Memory in use, in bytes; ZFS's cache counts as used.
    #[serde(default)]
    pub mem: u64,
    /// Processors, as the scheduler sees them.
    #[serde(default)]
    pub maxcpu: u64,
    /// The model of its processors; none if it was not seen.
    #[serde(default)]
    pub cpu_model: Option<String>,
    /// The highest of x86-64-v1 to v4 that its processors have; none if not seen.
    #[serde(default)]
    pub cpu_level: Option<u8>,
    /// The version of PVE (`9.1.3`); none if it was not seen.
    #[serde(default)]
    pub pve: Option<String>,
    /// Its bridges and SDN networks; none if they were not seen.
    #[serde(default)]
    pub bridges: Option<Vec<String>>,
}

/// A storage, as the cluster's configuration names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Storage {
    /// Its ID.
    pub storage: String,
    /// PVE's type: `zfspool`, `lvmthin`, `dir`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// What may be stored: `images`, `rootdir`, `iso`, ...
    #[serde(default)]
    pub content: Vec<String>,
    /// All nodes see the same volumes.
    #[serde(default)]
    pub shared: bool,
    /// The server it is on, for those that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The nodes where it is available, and its space there.
    #[serde(default)]
    pub nodes: BTreeMap<String, Space>,
}

/// The space of a storage at a node, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Unused.
    pub free: u64,
    /// In all.
    pub total: u64,
    /// The volume IDs of its snippets there; none where they were not asked for (only those
    /// of storages on which a guest's hook script rests are) or not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippets: Option<Vec<String>>,
}

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
    /// `running`, `stopped`, or `unknown` where its node is not reached.
    pub status: String,
    /// It is a template.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
    /// Memory it may use, in bytes.
    #[serde(default)]
    pub maxmem: u64,
    /// Bytes of the root file system in use (containers that run), else 0.
    #[serde(default)]
    pub disk: u64,
    /// The lock in its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Its pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Its configuration, as PVE gave it; none if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Box<RawValue>>,
    /// Its snapshots; none if they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Vec<String>>,
    /// PVE's own check, as it came (see [`Precondition`]); none where PVE has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precondition: Option<Box<RawValue>>,
}

impl Guest {
    /// It runs (paused included).
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status == "running"
    }

    /// The name of its HA resource, whether it has one or not.
    #[must_use]
    pub fn sid(&self) -> String {
        format!("{}:{}", self.kind.ha_type(), self.vmid)
    }
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
    /// It is an image in a drive.
    #[serde(default, deserialize_with = "flag")]
    pub cdrom: bool,
}

/// What PVE says of a mapped device.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MappedInfo {
    /// The mapping is marked as capable of live migration.
    #[serde(default, rename = "live-migration", deserialize_with = "flag")]
    pub live_migration: bool,
}

/// A replication job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replication {
    /// The guest.
    pub vmid: u32,
    /// The node its volumes are copied to.
    pub target: String,
    /// The job is being removed: no migration until that is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// A task that was running.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Its UPID.
    pub upid: String,
    /// Its node.
    pub node: String,
    /// Its type: `vzdump`, `qmigrate`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about, mostly a VMID; empty if nothing.
    #[serde(default)]
    pub id: String,
}

/// Of the datacenter's options those that matter for moves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Options {
    /// The limit for migrations, in KiB/s; 0 is none, as is absence.
    #[serde(default)]
    pub bwlimit_migration: Option<u64>,
    /// How many guests the HA manager moves from a node at once.
    #[serde(default)]
    pub max_workers: Option<u64>,
}

/// A privilege that the token lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// `VM.Migrate`
    pub privilege: String,
    /// `/vms`
    pub path: String,
    /// What can't be done, or seen, without it.
    pub r#for: String,
}

fn one() -> u32 {
    1
}

/// A boolean as PVE spells it: true, 1, "1".
///
/// # Errors
///
/// Those of the format.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(is_true(&value))
}

/// A value as PVE's booleans are: true, 1, "1".
#[must_use]
pub fn is_true(value: &serde_json::Value) -> bool {
    use serde_json::Value::{Bool, Number, String};
    match value {
        Bool(value) => *value,
        Number(number) => number.as_i64().is_some_and(|n| n != 0),
        String(text) => matches!(&text[..], "1" | "true" | "yes" | "on"),
        _ => false,
    }
}
