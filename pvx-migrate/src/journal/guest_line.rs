//! One line of the journal of a guest that is made or removed.
//!
//! It is no move: `plan return` and what brings guests home pass it over. Like a move's line it is a
//! whole account, and is on the disk before the request that it tells of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{node_name, state::Kind};

/// What is done with a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// It is made.
    Create,
    /// It is removed, with its disks.
    Destroy,
}

/// How far a deed has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The plan says so; nothing has been asked of the cluster.
    Planned,
    /// The request is about to be sent: from here on it may have had its effect.
    Requested,
    /// The cluster has taken it and named its task.
    Task,
    /// It is made as asked, or it is gone.
    Verified,
    /// It is in use: the mark of the run that made it was taken off.
    Ready,
    /// It came to nothing, or to a part; `message` says to what.
    Failed,
    /// A person must act; `message` says what to do.
    Stuck,
}

/// What is about to be asked of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// The guest.
    Create,
    /// A larger disk.
    Resize,
    /// A start.
    Start,
    /// A clean shutdown.
    Shutdown,
    /// A line in its description: this run removes it.
    Mark,
    /// Its removal.
    Destroy,
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Which.
    pub call: Call,
    /// The disk that is to be larger.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub disk: String,
    /// The newest tasks about this ID on the node before the request, by which later ones are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}

/// The fingerprint of a public host key, as `ssh-keygen -l` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKey {
    /// `ed25519`, `rsa`, `ecdsa`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `SHA256:...`
    pub sha256: String,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestLine {
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
    pub name: String,
    /// The node that is asked.
    pub node: String,
    /// What is done with it.
    pub action: Deed,
    /// How far that has come.
    pub phase: Stage,
    /// The journal's own ID, which is part of the mark in a guest's description.
    pub run: String,
    /// The task of the last request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upid: Option<String>,
    /// The task that has made it, whose log has its host keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Disks that are enlarged after its creation, and to what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resize: BTreeMap<String, String>,
    /// It is started after its creation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start: bool,
    /// Of a guest that is removed: its configuration but for description and digest, as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub print: Option<u64>,
    /// The fingerprints of its host keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_keys: Vec<HostKey>,
    /// How long creation, enlarging and start took, in milliseconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub took_ms: BTreeMap<String, u64>,
    /// Why it is not as it should be; a code of `run --help`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The request that follows, or followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Asked>,
}

impl GuestLine {
    /// It was cut off, or waits for a person.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Stage::Requested | Stage::Task | Stage::Stuck)
    }

    /// Checks what becomes part of paths and of descriptions.
    ///
    /// # Errors
    ///
    /// It is nothing that a run has written.
    pub fn check(&self) -> Result<(), String> {
        node_name::check(&self.node).map_err(|wrong| wrong.to_string())?;
        if !is_run(&self.run) {
            return Err(format!("{:?} is no ID of a run", self.run));
        }
        let mut disks = self.resize.keys();
        let mut asked = self.request.iter().map(|request| &request.disk);
        match disks
            .find(|disk| !is_disk(disk))
            .or(asked.find(|disk| !disk.is_empty() && !is_disk(disk)))
        {
            Some(disk) => Err(format!("{disk:?} is no disk")),
            None => Ok(()),
        }
    }
}

/// The ID of a journal: 16 hexadecimal digits.
#[must_use]
pub fn is_run(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 16 && text.bytes().all(hex)
}

fn is_disk(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
