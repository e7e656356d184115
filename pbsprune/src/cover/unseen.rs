//! What nobody saw: a list that was not given whole, and which right it would take.

use serde::Deserialize;
use serde_json::{Value, json};
use vmid::{severity::Severity, verdict::Finding};

/// A list that was not given whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseen {
    /// Which: `the snapshots of store1`.
    pub list: String,
    /// What it takes to see it: `Datastore.Audit on /datastore/store1`.
    #[serde(default)]
    pub right: Option<String>,
    /// What was answered instead.
    #[serde(default)]
    pub why: Option<String>,
    /// The storage or datastore that it is of.
    #[serde(default)]
    pub storage: Option<String>,
    /// Only what it has of these guests is missing; none: anything may be.
    #[serde(default)]
    pub vmids: Option<Vec<u32>>,
}

impl Unseen {
    /// A list, and the right that was missing.
    #[must_use]
    pub fn new(list: impl Into<String>, right: &str) -> Self {
        Self {
            list: list.into(),
            right: Some(right.to_owned()),
            ..Self::default()
        }
    }

    /// What a record's field `unseen` says; none if it is no object of ours.
    #[must_use]
    pub fn of(raw: &str) -> Option<Self> {
        serde_json::from_str(raw).ok()
    }

    /// It may hide something of this guest.
    #[must_use]
    pub fn hides(&self, vmid: u32) -> bool {
        self.vmids.as_ref().is_none_or(|ids| ids.contains(&vmid))
    }

    /// The finding of the list itself.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let mut message = format!("{} can't be seen whole", self.list);
        if let Some(right) = &self.right {
            message = format!("{message}: that takes {right}");
        }
        if let Some(why) = &self.why {
            message = format!("{message} ({why})");
        }
        unseen(message, self.evidence())
    }

    /// What it is, for a finding that rests on it.
    #[must_use]
    pub fn evidence(&self) -> Value {
        let mut evidence = json!({"list": self.list, "right": self.right});
        if let Some(why) = &self.why {
            evidence["why"] = json!(why);
        }
        evidence
    }
}

/// A finding of what was not seen.
#[must_use]
pub fn unseen(message: impl Into<String>, evidence: Value) -> Finding {
    Finding::new("unseen", Severity::Unknown, message, evidence, &[])
}
