//! What the HA manager knows, as it stands in the state document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the HA manager knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ha {
    /// Its resources.
    #[serde(default)]
    pub resources: Vec<HaResource>,
    /// Its rules; the groups of PVE 8, and of a cluster that is on its way to PVE 9, come as
    /// node-affinity rules.
    #[serde(default)]
    pub rules: Vec<HaRule>,
    /// Rules that are configured and that the manager drops, as PVE says (`errors`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedRule>,
    /// What the manager says of itself and of its parts at the nodes; none before version 3.
    #[serde(default)]
    pub status: Option<HaStatus>,
}

/// What the HA manager says of itself (`/cluster/ha/status/current`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaStatus {
    /// The node that was asked has quorum.
    #[serde(default)]
    pub quorate: Option<bool>,
    /// The node whose manager decides, and what is said of it; none as long as nothing is managed.
    #[serde(default)]
    pub master: Option<HaNode>,
    /// `armed`, `standby`, `disarmed`, ...; none in Proxmox VE 8, which doesn't tell.
    #[serde(default)]
    pub armed: Option<String>,
    /// Of each node what its local manager says.
    #[serde(default)]
    pub nodes: Vec<HaNode>,
}

/// What is said of the HA manager at a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaNode {
    /// The node.
    pub node: String,
    /// In Proxmox's words: `node1 (active, watchdog active, Thu Nov 26 06:57:18 2026)`.
    #[serde(default)]
    pub status: String,
    /// When it said so, in seconds since 1970.
    #[serde(default)]
    pub timestamp: Option<i64>,
}

impl HaNode {
    /// Nothing is heard of it any more, in Proxmox's words (`timestamp_to_status` in Config.pm).
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let words = self.status.strip_prefix(&self.node[..]);
        let words = words.unwrap_or(&self.status);
        ["old timestamp", "unable to read lrm status"]
            .iter()
            .any(|word| words.contains(word))
    }
}

/// A rule that the HA manager doesn't obey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRule {
    /// Its name.
    pub rule: String,
    /// What PVE has against it.
    pub why: String,
}

/// A guest that the HA manager looks after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HaResource {
    /// `vm:101` or `ct:101`.
    pub sid: String,
    /// What was requested: `started`, `stopped`, `disabled`, `ignored`.
    pub state: String,
    /// What the manager says of it now: `started`, `error`, `migrate`, ...
    #[serde(default)]
    pub crm_state: Option<String>,
    /// The manager moves it back to a preferred node.
    #[serde(default = "yes")]
    pub failback: bool,
    /// Where the manager has it; none if it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How often it is started again on the same node; none if it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_restart: Option<u64>,
    /// How often it is tried on another node; none if it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_relocate: Option<u64>,
}

/// A rule of the HA manager.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum HaRule {
    /// Where resources may or should be.
    NodeAffinity {
        /// The rule's name, or `group NAME`.
        rule: String,
        /// The resources.
        resources: Vec<String>,
        /// The nodes and their priority; the highest that is online counts.
        nodes: BTreeMap<String, i64>,
        /// Never elsewhere.
        #[serde(default)]
        strict: bool,
        /// Never on these nodes (newer PVE 9).
        #[serde(default)]
        negative: bool,
    },
    /// Resources that stay together, or apart.
    ResourceAffinity {
        /// The rule's name.
        rule: String,
        /// The resources.
        resources: Vec<String>,
        /// Apart, not together.
        negative: bool,
    },
}

impl HaRule {
    /// Its name, and the resources that it names.
    #[must_use]
    pub fn names(&self) -> (&str, &[String]) {
        match self {
            Self::NodeAffinity {
                rule, resources, ..
            }
            | Self::ResourceAffinity {
                rule, resources, ..
            } => (rule, resources),
        }
    }
}

fn yes() -> bool {
    true
}
