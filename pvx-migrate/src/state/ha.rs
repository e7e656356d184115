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
