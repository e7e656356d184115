//! Why a guest cannot move, or not to that node: a stable code and a sentence that
//! names the value and the rule.

use super::{
    code::codes,
    record::{Blocker, RefusedNode},
};

codes! {
    /// What kind of refusal.
    Code,
    "\
A line per guest, in the order of execution; guests that stay and guests that cannot move
come last. Everything is decided from the state document: nothing is asked of the cluster.

Codes in \"blockers\" (the guest cannot move), \"refused\" (not to that node) and \"warnings\" (it
moves, and this should be known):
",
    "
Environment: PVX_SITE, the site file if --site is not given. Without either, one line on stderr says
what is not known.

Exit codes: 0 every guest has its step, 1 a guest that should move cannot, or the node may have
guests that are not seen, 2 bad call, no state document or one that is too old, or a site of whose
nodes none is in the cluster, 3 stdout failed"
    ;
    Locked "locked" "a backup, snapshot, migration, ... holds its lock"
    NoQuorum "no-quorum" "the cluster has no quorum, so no node acts"
    Offline "offline" "the node does not answer"
    Permission "permission" "the token lacks a privilege"
    Unseen "unseen" "what decides it is not in the state"
    HaError "ha-error" "the HA manager has it in the error state"
    HaBusy "ha-busy" "the HA manager is at work on it"
    LocalDevice "local-device" "a device of the node without a mapping: no token may move it"
    MappedDevice "mapped-device" "a mapped device: moves stopped only (--allow-shutdown)"
    OnlyStopped "only-stopped" "moves stopped only (--allow-shutdown), for another reason"
    LocalImage "local-image" "an image on a storage of the node, or the node's own drive"
    LocalPath "local-path" "a bind mount, a device or a file of the node"
    LocalFile "local-file" "a file or interface that it needs to start, which the node is not known to have"
    Snapshots "snapshots" "its volumes have snapshots that the storage cannot copy"
    LinkedClone "linked-clone" "a volume rests on a template's"
    ForeignVolume "foreign-volume" "a volume belongs to another guest"
    ReplicationRemoved "replication-removed" "a replication job is being removed"
    Own "self" "this command runs in it"
    StorageServer "storage-server" "a storage is on it, so it moves alone"
    BackupRunning "backup-running" "it is the backup server, and a backup runs"
    Bundle "bundle" "HA keeps it with a guest that cannot move"
    Unverified "unverified" "the journal does not say that its move came to an end"
    NotChosen "not-chosen" "the node is not among those that were named"
    Maintenance "maintenance" "the HA manager has the node in maintenance"
    Storage "storage" "the storage is not at the node"
    StorageContent "storage-content" "the storage takes no such volumes"
    StorageType "storage-type" "volumes of these two storage types cannot be exchanged"
    AwayStorage "away-storage" "a volume stays, or will stay on the way home, on a storage it was not on before"
    Space "space" "the storage has too little space left"
    Memory "memory" "the node's memory would be given away too often (--ram-ratio), or too little of it is free (--min-free-mem)"
    Cpu "cpu" "the node's processor is another, or too small"
    Topology "topology" "huge pages or NUMA nodes that the node is not known to have"
    Args "args" "arguments for QEMU that nothing is known of"
    Version "version" "the node's PVE is older"
    Bridge "bridge" "the node lacks a bridge"
    Device "device" "the node is not known to have a device file that the guest needs"
    Mapping "mapping" "the mapping has no entry for the node"
    Replication "replication" "it is replicated to other nodes"
    HaRule "ha-rule" "a rule of the HA manager"
    HaFailback "ha-failback" "the HA manager would bring it back"
    Pair "pair" "a member of its pair is there"
    Downtime "downtime" "it would be down for longer than --max-downtime"
    Drained "drained" "a journal says that the node was drained, and guests of it are elsewhere (place)"
    NotInSite "not-in-site" "the site file doesn't have the node (place)"
    UnknownRole "unknown-role" "the site file has no such role (place)"
    UnknownTemplate "unknown-template" "the site file has no such template (place)"
    UnknownVlan "unknown-vlan" "the site file has no such VLAN (place)"
    NoStorage "no-storage" "the node has no storage that such a guest may be on (place)"
    BadField "bad-field" "a field holds what it cannot (place)"
    BadName "bad-name" "it has no name (place)"
    NotBest "not-best" "possible, but the target is better"
    NoTarget "no-target" "no node can take it, each for a reason of its own"
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub code: Code,
    /// The value and the rule it broke.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// As a record has it, of a guest as a whole.
    #[must_use]
    pub fn blocker(&self) -> Blocker {
        Blocker {
            code: self.code.as_str().to_owned(),
            message: self.message.clone(),
        }
    }

    /// As a record has it, of one node.
    #[must_use]
    pub fn of_node(&self, node: &str) -> RefusedNode {
        RefusedNode {
            node: node.to_owned(),
            code: self.code.as_str().to_owned(),
            message: self.message.clone(),
        }
    }
}
