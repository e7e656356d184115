//! The state document: all that a plan may rest on, read once, kept as JSON.
//!
//! Names are PVE's; what PVE spells in several ways (0, "1", true) is spelled in
//! one. What could not be read is null, not empty: the planner must be able to tell
//! "has none" from "was not seen".

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

mod content;
mod guest;
mod ha;
mod replication;
mod snapshot;

pub use content::{BackupJob, Content, Held};
pub use guest::{Current, Guest, LocalDisk, MappedInfo, NotAllowed, Precondition};
pub use ha::{DroppedRule, Ha, HaNode, HaResource, HaRule, HaStatus};
pub use replication::{DEFAULT_SCHEDULE, Replication, ReplicationRun};
pub use snapshot::{SnapshotConfig, Snapshots};

/// The version of the form that is written.
///
/// Version 2 has confirmations (`current`), the configurations of containers' snapshots and
/// what a storage has as snippets. Version 3 has how replication went (`nodes[].replication`), what
/// the HA manager says of itself (`ha.status`), the backup jobs in full and when the snapshots
/// of VMs were made.
pub const VERSION: u32 = 3;

/// The versions that are read: what an older one lacks was not seen.
pub const READ: [u32; 3] = [1, 2, VERSION];

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
    /// One of [`READ`].
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
    /// Guests that the token may not see, but that the cluster has: something else names
    /// them. None if nobody was asked (version 1).
    #[serde(default)]
    pub hidden: Option<Vec<Hidden>>,
    /// What the HA manager knows; none if the token may not see it.
    #[serde(default)]
    pub ha: Option<Ha>,
    /// Replication jobs; none if they were not seen.
    #[serde(default)]
    pub replication: Option<Vec<Replication>>,
    /// Backup jobs; none if they were not seen.
    #[serde(default)]
    pub backup_jobs: Option<Vec<BackupJob>>,
    /// The names of the pools that the token sees; none if nobody asked.
    #[serde(default)]
    pub pools: Option<Vec<String>>,
    /// What the storages hold (`state --content`); none if nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<Content>>,
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
    /// It is a member of the cluster now (`/cluster/status`).
    pub online: bool,
    /// Its address in the cluster (`/cluster/status`); none if it was not seen. It may have others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
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
    /// Of its bridges those of Linux that are not VLAN-aware, and their ports; none if that was
    /// not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_bridges: Option<BTreeMap<String, Vec<String>>>,
    /// Of its SDN networks those that are not VLAN-aware.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plain_vnets: Vec<String>,
    /// The replication jobs of its guests, and how they went; none if that was not seen. Proxmox
    /// leaves out those of guests that the token may not see.
    #[serde(default)]
    pub replication: Option<Vec<ReplicationRun>>,
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
    /// The datastore of its backup server that it is, for those of type `pbs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datastore: Option<String>,
    /// Snapshots are chains of volumes (`snapshot-as-volume-chain`), which PVE can't send; none
    /// if it was not seen (version 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_chain: Option<bool>,
    /// The nodes where it is available, and its space there.
    #[serde(default)]
    pub nodes: BTreeMap<String, Space>,
    /// The nodes that should have it, and of which it is not known whether they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
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

/// A guest that is in no list the token gets, but is named elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Its ID.
    pub vmid: u32,
    /// Where it is, if what names it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What names it: `the HA resource ct:104`.
    pub by: String,
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
