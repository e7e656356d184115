//! Where the HA manager starts what it recovers from a node that it has fenced: its own rules, in
//! its own order.
//!
//! It takes the resources by their names, and for each the nodes that its rules leave, of those
//! the one with the fewest resources, of several the first by name (select_service_node in
//! Manager.pm with the scheduler "basic"). Memory and disks it doesn't look at: where a start
//! fails it goes on to the next node, `max_relocate` times.

use std::collections::HashMap;

use crate::{
    cluster::Cluster,
    plan::ha,
    state::{HaResource, HaRule},
};

/// The manager, as it goes on.
#[derive(Debug)]
pub struct Manager<'c, 'a> {
    cluster: &'c Cluster<'a>,
    /// Resources at each node.
    usage: Vec<usize>,
    /// Where each resource is, of those that are on a node it can use.
    places: HashMap<&'a str, usize>,
}

impl<'c, 'a> Manager<'c, 'a> {
    /// As things are when the lost nodes, which `cluster` has as offline, were fenced.
    #[must_use]
    pub fn new(cluster: &'c Cluster<'a>) -> Self {
        let mut manager = Self {
            cluster,
            usage: vec![0; cluster.nodes().len()],
            places: HashMap::new(),
        };
        for resource in cluster.state.ha.iter().flat_map(|ha| &ha.resources) {
            let sid = &resource.sid[..];
            let Some(guest) = cluster.managed(sid).and_then(|_| cluster.guest_of(sid)) else {
                continue;
            };
            if let Some(node) = cluster
                .node(&guest.node)
                .filter(|node| manager.is_usable(*node))
            {
                manager.places.insert(sid, node);
                manager.usage[node] += usize::from(takes_part(resource));
            }
        }
        manager
    }

    /// It gives work to a node: one that is online, and not in maintenance, and whose local manager
    /// lives.
    fn is_usable(&self, node: usize) -> bool {
        let node = &self.cluster.nodes()[node];
        let status = self.cluster.state.ha.as_ref();
        let status = status.and_then(|ha| ha.status.as_ref());
        let mut locals = status.iter().flat_map(|status| &status.nodes);
        let is_silent = locals.any(|local| local.node == node.node && local.is_silent());
        node.online && !node.maintenance && !is_silent
    }

    /// The nodes on which it would start a resource, in its order; none if its rules leave none.
    #[must_use]
    pub fn options(&self, sid: &str) -> Vec<usize> {
        let all = 0..self.cluster.nodes().len();
        let mut nodes: Vec<usize> = all.filter(|node| self.is_usable(*node)).collect();
        for rule in self.cluster.rules(sid) {
            self.by_nodes(rule, &mut nodes);
        }
        for rule in self.cluster.rules(sid) {
            self.by_resources(rule, sid, &mut nodes);
        }
        nodes.sort_by_key(|node| (self.usage[*node], self.cluster.name(*node)));
        nodes
    }

    fn by_nodes(&self, rule: &HaRule, left: &mut Vec<usize>) {
        let HaRule::NodeAffinity {
            nodes,
            strict,
            negative,
            ..
        } = rule
        else {
            return;
        };
        let priority = |node: &usize| nodes.get(self.cluster.name(*node)).copied();
        if *negative {
            left.retain(|node| priority(node).is_none());
            return;
        }
        match left.iter().filter_map(priority).max() {
            Some(best) => left.retain(|node| priority(node) == Some(best)),
            None if *strict => left.clear(),
            None => {}
        }
    }

    fn by_resources(&self, rule: &HaRule, sid: &str, left: &mut Vec<usize>) {
        let HaRule::ResourceAffinity {
            resources,
            negative,
            ..
        } = rule
        else {
            return;
        };
        let others = resources.iter().filter(|other| *other != sid);
        let nodes = others.filter_map(|other| self.places.get(&other[..]).copied());
        ha::beside(left, nodes, *negative);
    }

    /// It starts a resource there.
    pub fn settle(&mut self, sid: &'a str, node: usize) {
        self.usage[node] += 1;
        self.places.insert(sid, node);
    }
}

/// It counts at its node (recompute_online_node_usage): in all states but `stopped`.
fn takes_part(resource: &HaResource) -> bool {
    match resource.crm_state.as_deref() {
        Some(state) => state != "stopped",
        None => resource.state == "started",
    }
}
