//! A step that destroys a guest, as a plan's line.
//!
//! A plan is a file that anyone can edit, so whoever acts on a line asks [`Removal::fault`] first.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{creation::Wants, parameter, record::Blocker};
use crate::{node_name, state::Kind};

/// Columns of `--format table`.
pub const COLUMNS: &[&str] = &[
    "vmid", "name", "type", "node", "action", "stop", "reason", "blockers", "warnings",
];

/// Whether it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Removing {
    /// It is destroyed.
    Destroy,
    /// It stays; `blockers` say why.
    Blocked,
}

/// What Proxmox does to a backup job when it purges a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The guest is taken off its lists.
    Trimmed,
    /// The job named this guest alone, and goes with it.
    Deleted,
}

/// A backup job that names the guest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PurgedJob {
    /// Its ID.
    pub id: String,
    /// What becomes of it.
    pub effect: Effect,
}

/// What goes with the guest by `purge=1`: exactly this, or nothing is destroyed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// Its HA resource (`ct:30050`).
    pub ha: Option<String>,
    /// Its replication jobs (`30050-0`), sorted.
    pub replication: Vec<String>,
    /// The backup jobs that name it, sorted.
    pub jobs: Vec<PurgedJob>,
}

/// A line of a plan: a guest that is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Its ID.
    pub vmid: u32,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its name, which it must have when it is destroyed.
    pub name: String,
    /// The node it is on.
    pub node: String,
    /// Whether it goes.
    pub action: Removing,
    /// What a blocked line wants; none in others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<Wants>,
    /// What is done, or why not.
    #[serde(default)]
    pub reason: String,
    /// It is shut down first if it runs.
    pub stop: bool,
    /// The time it gets to shut down, in seconds.
    pub timeout_s: u64,
    /// What goes with it; none if nothing names it: then `purge` isn't sent.
    pub purge: Option<Purge>,
    /// The digest of the configuration that the decision rests on.
    pub digest: Option<String>,
    /// The backup that is the way back (`ct/30050/2026-11-26T01:00:00Z`); none with
    /// `--no-backup-needed`.
    pub snapshot: Option<String>,
    /// Why it can't go; empty unless the action is `blocked`.
    #[serde(default)]
    pub blockers: Vec<Blocker>,
    /// What should be known of it, though nothing is against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Blocker>,
    /// The cluster's name.
    pub cluster: String,
    /// When the state was read that the plan rests on.
    pub state_at: Timestamp,
}

impl Removal {
    /// Something is asked of the cluster.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.action == Removing::Destroy
    }

    /// What of this line `plan remove` cannot have written, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        if let Err(wrong) = node_name::check(&self.node) {
            return Some(wrong.to_string());
        }
        if !parameter::VMIDS.contains(&self.vmid) {
            return Some(format!("{} is no ID that PVE gives to guests", self.vmid));
        }
        if !self.acts() {
            return None;
        }
        if !parameter::is_guest_name(&self.name) {
            return Some(format!("{:?} is no name of a guest", self.name));
        }
        if !self.blockers.is_empty() {
            return Some("it has blockers, and its action is destroy".to_owned());
        }
        if !(1..=LONGEST_S).contains(&self.timeout_s) {
            return Some(format!("its timeout_s is not from 1 to {LONGEST_S}"));
        }
        if !self.digest.as_deref().is_some_and(is_digest) {
            return Some("its digest is none of a configuration: 40 hexadecimal digits".to_owned());
        }
        self.purge.as_ref().and_then(|purge| self.foreign(purge))
    }

    /// What of `purge` isn't this guest's.
    fn foreign(&self, purge: &Purge) -> Option<String> {
        let sid = format!("{}:{}", self.kind.ha_type(), self.vmid);
        if purge.ha.as_ref().is_some_and(|ha| *ha != sid) {
            return Some(format!("purge.ha is not {sid}"));
        }
        let own = format!("{}-", self.vmid);
        let mut jobs = purge.replication.iter();
        let other = jobs.find(|job| !job.strip_prefix(&own).is_some_and(is_number))?;
        Some(format!(
            "purge.replication has {other:?}, which is no job of {}",
            self.vmid
        ))
    }
}

/// The longest time that a guest gets to shut down, in seconds: a day.
const LONGEST_S: u64 = 86_400;

/// The digest of a configuration: SHA-1 in hexadecimal digits.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(is_hex)
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
