//! Replication: the jobs as the cluster's configuration has them, and how their runs went.

use serde::{Deserialize, Serialize};

/// A replication job, as the cluster's configuration has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replication {
    /// Its ID (`101-0`); none if it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The guest.
    pub vmid: u32,
    /// The node its volumes are copied to.
    pub target: String,
    /// The job is being removed: no migration until that is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// A replication job, as the node has it that the guest is on: with how its runs went, which
/// the cluster's list doesn't tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplicationRun {
    /// Its ID (`101-0`).
    pub id: String,
    /// The guest.
    pub guest: u32,
    /// The node it ran on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The node its volumes are copied to.
    pub target: String,
    /// A calendar event; Proxmox takes [`DEFAULT_SCHEDULE`] where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// When the last good run began, in seconds since 1970 by the node's clock; 0 if none ever
    /// was (`last_sync` in ReplicationState.pm).
    #[serde(default)]
    pub last_sync: i64,
    /// When the last run began, good or not; 0 if none ever did.
    #[serde(default)]
    pub last_try: i64,
    /// When the next one is due, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_sync: Option<i64>,
    /// How many runs in a row went wrong.
    #[serde(default)]
    pub fail_count: u64,
    /// Why the last one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the last run took, in seconds; none if that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// It is switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable: bool,
    /// It is being removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// What Proxmox takes for the schedule of a job that names none (`pve-replication` of its schema).
pub const DEFAULT_SCHEDULE: &str = "*/15";
