//! One line of the journal: how far the move of one guest has come.
//!
//! `run` appends a line, and syncs it, before each request that changes something;
//! `plan return` reads the last line of each guest. A line is a whole account: it
//! needs none of the lines before it to be understood.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::Kind;

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The plan says so; nothing has been asked of the cluster.
    Planned,
    /// The request is about to be sent: from here on it may have had its effect.
    Requested,
    /// The cluster has taken it and named its task.
    Task,
    /// The guest is on `to`, in the state it was in before.
    Verified,
    /// The guest is back on `from`, in the state it was in before.
    Returned,
    /// It stayed or went back, running if it ran before; `message` says why.
    Failed,
    /// A person must act; `message` says what to do.
    Stuck,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was written.
    pub at: Timestamp,
    /// The cluster's name.
    pub cluster: String,
    /// The guest.
    pub vmid: u32,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it was before the drain: its origin, also in the lines of a return.
    pub from: String,
    /// Where the drain took it.
    pub to: String,
    /// It ran when the plan was made.
    pub was_running: bool,
    /// It stood still although it ran (paused, suspended).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_paused: bool,
    /// Its HA resource (`vm:101`), if the HA manager moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha: Option<String>,
    /// How far it has come.
    pub phase: Phase,
    /// It is on the way home: from `to` to `from`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returns: bool,
    /// The task that does it, from [`Phase::Task`] on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upid: Option<String>,
    /// Storages it was moved between, from the origin's to the target's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targetstorage: BTreeMap<String, String>,
    /// Where its volumes were before the drain, by their keys, if storages were exchanged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, String>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
