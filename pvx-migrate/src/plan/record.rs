//! One line of a plan: what happens to one guest, and why.
//!
//! The lines come in the order of execution. `run` reads them; so may a person,
//! a diff or a review.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::Kind;

/// What is done with a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Migrated while it runs (VM).
    Live,
    /// Shut down, moved and started again by one task (container, `restart=1`).
    Restart,
    /// Moved while it is stopped; it stays stopped.
    Offline,
    /// The HA manager moves it on request.
    Ha,
    /// Shut down, moved offline and started on the target, in three steps (VM).
    Shutdown,
    /// Stays where it is, by policy: no blocker.
    Leave,
    /// Cannot move; `blockers` say why.
    Blocked,
}

impl Action {
    /// Something is asked of the cluster.
    #[must_use]
    pub fn acts(self) -> bool {
        !matches!(self, Self::Leave | Self::Blocked)
    }
}

/// Why a node is not the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedNode {
    /// The node.
    pub node: String,
    /// A stable code; `plan --help` lists them.
    pub code: String,
    /// The value and the rule it broke.
    pub message: String,
}

/// Why a guest can't move at all; or what should be known though it can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// A stable code; `plan --help` lists them.
    pub code: String,
    /// The value, the rule it broke, and how to clear it.
    pub message: String,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The guest.
    pub vmid: u32,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The node it is on.
    pub from: String,
    /// The node it goes to; none if it stays.
    pub to: Option<String>,
    /// The guests whose steps must be done (or have failed) before this one starts.
    pub after: Vec<u32>,
    /// What is done.
    pub action: Action,
    /// Why this action and this target.
    pub reason: String,
    /// Every other node, and why it isn't the target.
    pub refused: Vec<RefusedNode>,
    /// Why it can't move; empty unless the action is `blocked`.
    pub blockers: Vec<Blocker>,
    /// What should be known of this step, though nothing is against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Blocker>,
    /// Estimated time without service, in seconds, rounded up.
    pub downtime_s: u64,
    /// Estimated time of the whole move, in seconds, rounded up.
    pub duration_s: u64,
    /// What the two estimates rest on.
    pub estimate: String,
    /// Bytes copied between the nodes: disks, and memory if it moves live.
    pub bytes: u64,
    /// It runs now, and must run afterwards.
    pub was_running: bool,
    /// It is a VM that stands still although it runs (paused, suspended), and must afterwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_paused: bool,
    /// Its HA resource (`vm:101`), if the HA manager moves it.
    pub ha: Option<String>,
    /// HA moves it together with this guest (positive affinity): no request of its
    /// own, only the check that it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub along: Option<u32>,
    /// Disks are on storages of the node: `with-local-disks=1` for a live move.
    pub local_disks: bool,
    /// Storages that are exchanged on the way, from the source's to the target's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targetstorage: BTreeMap<String, String>,
    /// Where its volumes are, by their keys, if storages are exchanged: the way back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, String>,
    /// The time it gets to shut down, in seconds: `timeout` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
    /// Config digest the decision rests on; another one means the plan is outdated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `returned` instead of `verified` goes into the journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returns: bool,
    /// The cluster's name.
    pub cluster: String,
    /// When the state was read that the plan rests on.
    pub state_at: Timestamp,
}
