//! What is to be done with one guest: a step of a plan, or what the journal alone still knows of one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::purge::Purge;
use crate::{
    journal::guest_line::{Deed, GuestLine},
    plan::{
        creation::{Creation, Making},
        line::PlanLine,
        removal::Removal,
    },
    state::Kind,
};

/// What a shutdown gets if the plan says nothing, in seconds (PVE's own default for containers is 60).
const TIMEOUT_S: u64 = 180;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The guest.
    pub vmid: u32,
    /// VM or container.
    pub kind: Kind,
    /// Its name: of what is removed, the one it must have.
    pub name: String,
    /// The node that is asked.
    pub node: String,
    /// The cluster's name.
    pub cluster: String,
    /// What is done.
    pub deed: Deed,
    /// When the state was read that the plan rests on.
    pub state_at: Timestamp,
    /// Of a creation: the parameters, without the ID.
    pub params: Vec<(String, String)>,
    /// Of a creation: disks that are enlarged, and to what.
    pub resize: BTreeMap<String, String>,
    /// Of a creation: it is started.
    pub start: bool,
    /// Of a creation: when it was planned it was there already.
    pub exists: bool,
    /// Of a removal: it is shut down if it runs.
    pub stop: bool,
    /// The time that a clean shutdown gets, in seconds.
    pub timeout_s: u64,
    /// Of a removal: what of HA, replication and backup jobs goes with it; none: nothing may be there.
    pub purge: Option<Purge>,
    /// Of a removal: the digest of the configuration that it was planned with.
    pub digest: Option<String>,
    /// What was cut off is only brought to its end.
    pub repair_only: bool,
}

impl Order {
    /// What a plan's line asks for; none if it is blocked.
    #[must_use]
    pub fn planned(line: &PlanLine) -> Option<Self> {
        match line {
            PlanLine::Create(line) if line.action == Making::Create => Some(Self::creation(line)),
            PlanLine::Destroy(line) if line.acts() => Some(Self::removal(line)),
            _ => None,
        }
    }

    fn creation(line: &Creation) -> Self {
        let params = line.params.iter();
        Self {
            vmid: line.vmid,
            kind: line.kind,
            name: line.name.clone(),
            node: line.node.clone(),
            cluster: line.cluster.clone(),
            deed: Deed::Create,
            state_at: line.state_at,
            params: params
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            resize: line.resize.clone(),
            start: line.start,
            exists: line.exists,
            stop: false,
            timeout_s: TIMEOUT_S,
            purge: None,
            digest: None,
            repair_only: false,
        }
    }

    fn removal(line: &Removal) -> Self {
        Self {
            vmid: line.vmid,
            kind: line.kind,
            name: line.name.clone(),
            node: line.node.clone(),
            cluster: line.cluster.clone(),
            deed: Deed::Destroy,
            state_at: line.state_at,
            params: Vec::new(),
            resize: BTreeMap::new(),
            start: false,
            exists: false,
            stop: line.stop,
            timeout_s: line.timeout_s,
            purge: line.purge.as_ref().map(Purge::of),
            digest: line.digest.clone(),
            repair_only: false,
        }
    }

    /// With what the journal knows of a guest that the plan only finds there: its parameters were not
    /// checked, so nothing of them is sent.
    #[must_use]
    pub fn with(mut self, last: Option<&GuestLine>) -> Self {
        if self.exists {
            let last = last.filter(|line| self.is_of(line));
            self.resize = last.map(|line| line.resize.clone()).unwrap_or_default();
            self.start = last.is_some_and(|line| line.start);
        }
        self
    }

    /// What the journal knows of it: enough to end what was begun, never to begin it again.
    #[must_use]
    pub fn of(line: &GuestLine) -> Self {
        Self {
            vmid: line.vmid,
            kind: line.kind,
            name: line.name.clone(),
            node: line.node.clone(),
            cluster: line.cluster.clone(),
            deed: line.action,
            state_at: line.at,
            params: Vec::new(),
            resize: line.resize.clone(),
            start: line.start,
            exists: false,
            stop: false,
            timeout_s: TIMEOUT_S,
            purge: None,
            digest: None,
            repair_only: true,
        }
    }

    /// Whether a line of the journal is of this.
    #[must_use]
    pub fn is_of(&self, line: &GuestLine) -> bool {
        self.deed == line.action
            && self.kind == line.kind
            && self.name == line.name
            && self.node == line.node
    }
}
