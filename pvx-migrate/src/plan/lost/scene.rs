//! Which nodes are lost, and what the documents tell of that moment.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::replication;
use crate::{cluster::Cluster, node_name, state::State};

/// How much older a document of before may be, where one is read each night, in seconds.
const OLDEST_BEFORE_S: i64 = 2 * 86_400;

/// The loss.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The places of the lost nodes, in the order of the call.
    pub lost: Vec<usize>,
    /// The document shows all of them offline, the cluster with quorum, and what HA looks after: what is
    /// done now is done after the loss.
    pub is_fact: bool,
    /// The time of the document, in seconds since 1970.
    pub at: i64,
    /// By guest and target: when the replica is of; none if that was not seen.
    replicas: HashMap<(u32, &'a str), Option<i64>>,
    /// By the same: what is wrong with the job that makes it.
    stale: HashMap<(u32, &'a str), String>,
    /// The lost nodes that the document shows online.
    were: HashSet<usize>,
    /// When the document of before was read, in seconds since 1970, if there is one.
    before: Option<i64>,
    /// Nodes of which it was not seen how replication goes.
    pub unseen: Vec<&'a str>,
}

/// Marks nodes as lost; what was there before, for [`restore`].
pub fn lose(state: &mut State, nodes: &[usize]) -> Vec<bool> {
    let lose = |node: &usize| std::mem::replace(&mut state.nodes[*node].online, false);
    nodes.iter().map(lose).collect()
}

/// Gives the nodes back what [`lose`] took.
pub fn restore(state: &mut State, nodes: &[usize], were: &[bool]) {
    for (node, online) in nodes.iter().zip(were) {
        state.nodes[*node].online = *online;
    }
}

impl<'a> Scene<'a> {
    /// The loss of `lost`, which `cluster` has as offline by now; before, they were online or not
    /// (`were`).
    #[must_use]
    pub fn new(
        cluster: &Cluster<'a>,
        lost: &[usize],
        were: &[bool],
        before: Option<Timestamp>,
    ) -> Self {
        let state = cluster.state;
        let names: HashSet<&str> = lost.iter().map(|node| cluster.name(*node)).collect();
        let is_named = |name: &&str| node_name::check(name).is_ok();
        let mut scene = Self {
            lost: lost.to_vec(),
            is_fact: were.iter().all(|online| !online)
                && state.cluster.quorate == Some(true)
                && state.ha.is_some()
                && names.iter().all(is_named),
            at: state.at.as_second(),
            replicas: HashMap::new(),
            stale: HashMap::new(),
            were: lost
                .iter()
                .zip(were)
                .filter_map(|(node, were)| were.then_some(*node))
                .collect(),
            before: before.map(Timestamp::as_second),
            unseen: Vec::new(),
        };
        // What to do rests on what the guests were then.
        scene.is_fact &= !scene.is_before_old();
        for job in state.replication.iter().flatten() {
            let from = cluster.guest(job.vmid).map(|guest| &guest.node[..]);
            if !job.removed && from.is_some_and(|from| names.contains(from)) {
                scene.replicas.insert((job.vmid, &job.target), None);
            }
        }
        for (at, node) in lost.iter().map(|at| (*at, &cluster.nodes()[*at])) {
            let seen_at = scene.before.filter(|_| !scene.was_online(at));
            let seen_at = seen_at.unwrap_or(scene.at);
            let Some(runs) = &node.replication else {
                scene.unseen.push(&node.node);
                continue;
            };
            for run in runs {
                let key = (run.guest, &run.target[..]);
                // A document of before may have jobs that are gone, and their replicas with them.
                if state.replication.is_some() && !scene.replicas.contains_key(&key) {
                    continue;
                }
                if let Some(why) = replication::late(run, seen_at) {
                    scene.stale.insert(key, why);
                }
                if run.last_sync > 0 && !run.removed {
                    scene.replicas.insert(key, Some(run.last_sync));
                } else {
                    // None ever came about, or it goes.
                    scene.replicas.remove(&key);
                }
            }
        }
        scene
    }

    /// The replica of a guest's volumes at a node: when it is of, if that was seen.
    #[must_use]
    pub fn replica(&self, vmid: u32, node: &str) -> Option<Option<i64>> {
        self.replicas.get(&(vmid, node)).copied()
    }

    /// What is wrong with the job that makes that replica.
    #[must_use]
    pub fn stale(&self, vmid: u32, node: &str) -> Option<String> {
        self.stale.get(&(vmid, node)).cloned()
    }

    /// The document shows a lost node online.
    #[must_use]
    pub fn was_online(&self, node: usize) -> bool {
        self.were.contains(&node)
    }

    /// The document of before is older than it should be.
    #[must_use]
    pub fn is_before_old(&self) -> bool {
        let age = self.before.map(|before| self.at.saturating_sub(before));
        age.is_some_and(|age| age > OLDEST_BEFORE_S)
    }

    /// How long ago a time was, in seconds; none is longer than it is.
    #[must_use]
    pub fn age(&self, time: i64) -> u64 {
        u64::try_from(self.at.saturating_sub(time)).unwrap_or_default()
    }

    /// A node is lost.
    #[must_use]
    pub fn is_lost(&self, node: usize) -> bool {
        self.lost.contains(&node)
    }
}
