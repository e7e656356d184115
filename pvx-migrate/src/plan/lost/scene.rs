//! Which nodes are lost, and what the documents tell of that moment.

use std::collections::{HashMap, HashSet};

use crate::{cluster::Cluster, node_name, state::State};

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
    pub fn new(cluster: &Cluster<'a>, lost: &[usize], were: &[bool]) -> Self {
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
            unseen: Vec::new(),
        };
        for job in state.replication.iter().flatten() {
            let from = cluster.guest(job.vmid).map(|guest| &guest.node[..]);
            if !job.removed && from.is_some_and(|from| names.contains(from)) {
                scene.replicas.insert((job.vmid, &job.target), None);
            }
        }
        for node in lost.iter().map(|node| &cluster.nodes()[*node]) {
            let Some(runs) = &node.replication else {
                scene.unseen.push(&node.node);
                continue;
            };
            for run in runs {
                let key = (run.guest, &run.target[..]);
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
