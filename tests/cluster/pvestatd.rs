//! What `GET /cluster/resources` knows of guests: what some node's pvestatd last said of them.
//!
//! Each node tells every ten seconds of the guests whose config it has; pmxcfs forgets
//! after 300 s what nobody repeats. So a guest that just started is "stopped" for a while, one
//! that arrives at a node whose pvestatd hangs is as its former node last saw it, and in the
//! end "unknown", though it runs.

use std::collections::BTreeMap;

use crate::world::{Change, World};

/// How often a node tells (PVE/Service/pvestatd.pm, `$updatetime`), in seconds.
const PERIOD_S: f64 = 10.0;

/// For how long pmxcfs keeps it (measured), in seconds.
const KEPT_S: f64 = 300.0;

/// When the pvestatd of a node did not tell: from, and to if that is over.
pub type Silences = BTreeMap<String, Vec<(f64, Option<f64>)>>;

impl World {
    /// From now on the node tells nothing.
    pub fn falls_silent(&mut self, node: &str) {
        let now = self.now;
        let silences = self.silences.entry(node.to_owned()).or_default();
        if silences.last().is_none_or(|last| last.1.is_some()) {
            silences.push((now, None));
        }
    }

    /// It tells again.
    pub fn speaks_again(&mut self, node: &str) {
        let now = self.now;
        if let Some(last) = self.silences.get_mut(node).and_then(|all| all.last_mut()) {
            last.1.get_or_insert(now);
        }
    }

    /// Each guest as it was when it was last told of, if that is remembered.
    pub fn told(&self) -> BTreeMap<u32, &Change> {
        let mut told = BTreeMap::new();
        let mut ends: BTreeMap<u32, f64> = BTreeMap::new();
        for change in self.history.iter().rev() {
            let end = ends.insert(change.vmid, change.at).unwrap_or(self.now);
            // Of one that is no more nobody tells; what was told of it stays.
            if told.contains_key(&change.vmid) || change.gone {
                continue;
            }
            // How it was at first it has been for long.
            let from = if change.cause == "scenario" {
                f64::NEG_INFINITY
            } else {
                change.at
            };
            if let Some(at) = self.last_told(&change.node, from, end)
                && self.now - at <= KEPT_S
            {
                told.insert(change.vmid, change);
            }
        }
        told
    }

    /// Whether anything is known of the node but its membership.
    pub fn node_told(&self, node: &str) -> bool {
        self.last_told(node, f64::NEG_INFINITY, self.now)
            .is_some_and(|at| self.now - at <= KEPT_S)
    }

    /// The last time from `from` on, and not after `to`, at which the node told of its guests.
    fn last_told(&self, node: &str, from: f64, to: f64) -> Option<f64> {
        let mut to = to;
        for (silent, again) in self.silences.get(node).into_iter().flatten().rev() {
            if again.is_none_or(|again| again > to) {
                to = to.min(*silent);
            } else if let Some(at) = tick(self.phase(node), to).filter(|at| Some(*at) >= *again) {
                return Some(at).filter(|at| *at >= from);
            } else {
                to = to.min(*silent);
            }
        }
        tick(self.phase(node), to).filter(|at| *at >= from)
    }

    /// Nodes don't tell all at the same moment.
    fn phase(&self, node: &str) -> f64 {
        let place = self.nodes.keys().position(|name| name == node);
        (place.unwrap_or(0) as f64 * 3.7 + 1.3) % PERIOD_S
    }
}

/// The last tick that is not after `to`.
fn tick(phase: f64, to: f64) -> Option<f64> {
    to.is_finite()
        .then(|| ((to - phase) / PERIOD_S).floor() * PERIOD_S + phase)
}
