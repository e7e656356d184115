//! A step that makes a guest, as a plan's line.
//!
//! A plan is a file that anyone can edit, so whoever acts on a line asks [`Creation::fault`] first:
//! it refuses what `plan make` cannot have written.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{parameter, record::Blocker};
use crate::{node_name, state::Kind};

/// Columns of `--format table`.
pub const COLUMNS: &[&str] = &[
    "vmid", "name", "type", "node", "action", "exists", "reason", "differs", "blockers",
    "warnings", "error",
];

/// A parameter's value: PVE takes nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A whole number.
    Number(u64),
    /// A text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The parameters of a creation but for `vmid`.
pub type Params = BTreeMap<String, Scalar>;

/// Whether it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Making {
    /// It is made, unless it exists.
    Create,
    /// It cannot be made; `blockers` say why.
    Blocked,
}

/// What is wanted of a guest that a blocked line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wants {
    /// That it is made.
    Create,
    /// That it goes.
    Destroy,
}

/// A line of a plan: a guest that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creation {
    /// Its ID.
    pub vmid: u32,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The node that makes it, and that it is on then.
    pub node: String,
    /// Whether it is made.
    pub action: Making,
    /// What a blocked line wants; none in others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<Wants>,
    /// Why there, or why not.
    pub reason: String,
    /// It lives already, with this ID and name: nothing is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exists: bool,
    /// Of a guest that exists: what isn't as it is asked for, each in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// What is sent, but for `vmid`.
    pub params: Params,
    /// The sizes that its disks get after they were made (`scsi0`: `32G`; VMs).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resize: BTreeMap<String, String>,
    /// It is started when it is made.
    pub start: bool,
    /// What root types on the node to make it where no token may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub root_only: Vec<String>,
    /// Why it can't be made; empty unless the action is `blocked`.
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

impl Creation {
    /// Something is asked of the cluster.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.action == Making::Create && !self.exists
    }

    /// What of this line `plan make` cannot have written, if anything; a blocked one, of which
    /// nothing is sent, may hold parameters that no token sets.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let named = node_name::check(&self.node).err();
        if let Some(wrong) = named {
            return Some(wrong.to_string());
        }
        if !parameter::VMIDS.contains(&self.vmid) {
            return Some(format!("{} is no ID that PVE gives to guests", self.vmid));
        }
        if !parameter::is_guest_name(&self.name) {
            return Some(format!("{:?} is no name of a guest", self.name));
        }
        if self.action == Making::Blocked {
            return None;
        }
        if !self.blockers.is_empty() {
            return Some("it has blockers, and its action is create".to_owned());
        }
        let foreign = || {
            parameter::foreign(&self.params, self.kind)
                .or_else(|| parameter::foreign_resize(&self.resize, &self.params, self.kind))
        };
        if self.exists {
            // Nothing of it is sent, but it is compared with what is there, and told.
            return foreign();
        }
        let key = parameter::name_key(self.kind);
        match self.params.get(key) {
            Some(Scalar::Text(name)) if *name == self.name => {}
            Some(other) => {
                let (name, other) = (&self.name, other.to_string());
                return Some(format!("its {key} is {other:?}, and its name {name:?}"));
            }
            None => return Some(format!("its params have no {key}")),
        }
        foreign()
    }
}
