//! The state document, indexed: what is where, and who belongs together.
//!
//! Built once for each plan, so that every question about a guest and a node costs no search.

use std::collections::HashMap;

use crate::state::{Guest, HaResource, HaRule, Node, State, Storage};

/// The state, ready for questions.
#[derive(Debug)]
pub struct Cluster<'a> {
    /// The document itself.
    pub state: &'a State,
    nodes: HashMap<&'a str, usize>,
    storages: HashMap<&'a str, &'a Storage>,
    guests: HashMap<u32, &'a Guest>,
    managed: HashMap<&'a str, &'a HaResource>,
    rules: HashMap<&'a str, Vec<&'a HaRule>>,
}

impl<'a> Cluster<'a> {
    /// Indexes a document.
    #[must_use]
    pub fn new(state: &'a State) -> Self {
        let ha = state.ha.iter();
        let mut rules: HashMap<&str, Vec<&HaRule>> = HashMap::new();
        for rule in ha.clone().flat_map(|ha| &ha.rules) {
            for sid in rule.resources() {
                rules.entry(sid).or_default().push(rule);
            }
        }
        let resources = ha.flat_map(|ha| &ha.resources);
        // A resource whose state is "ignored" is not managed (PVE::HA::Config).
        let managed = resources.filter(|resource| resource.state != "ignored");
        Self {
            state,
            nodes: (0..)
                .zip(&state.nodes)
                .map(|(at, node)| (&node.node[..], at))
                .collect(),
            storages: state.storages.iter().map(|s| (&s.storage[..], s)).collect(),
            guests: state
                .guests
                .iter()
                .map(|guest| (guest.vmid, guest))
                .collect(),
            managed: managed
                .map(|resource| (&resource.sid[..], resource))
                .collect(),
            rules,
        }
    }

    /// The nodes; their place in this list is how the rest names them.
    #[must_use]
    pub fn nodes(&self) -> &'a [Node] {
        &self.state.nodes
    }

    /// The place of a node.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.get(name).copied()
    }

    /// The name of the node at a place.
    #[must_use]
    pub fn name(&self, node: usize) -> &'a str {
        &self.state.nodes[node].node
    }

    /// A storage.
    #[must_use]
    pub fn storage(&self, id: &str) -> Option<&'a Storage> {
        self.storages.get(id).copied()
    }

    /// A guest.
    #[must_use]
    pub fn guest(&self, vmid: u32) -> Option<&'a Guest> {
        self.guests.get(&vmid).copied()
    }

    /// The HA resource of a guest, if the HA manager looks after it.
    #[must_use]
    pub fn managed(&self, sid: &str) -> Option<&'a HaResource> {
        self.managed.get(sid).copied()
    }

    /// The HA rules that name a resource.
    #[must_use]
    pub fn rules(&self, sid: &str) -> &[&'a HaRule] {
        self.rules.get(sid).map_or(&[], |rules| rules)
    }

    /// The guest of an HA resource, if it is managed and seen.
    #[must_use]
    pub fn guest_of(&self, sid: &str) -> Option<&'a Guest> {
        let managed = self.managed(sid)?;
        let (_, vmid) = managed.sid.split_once(':')?;
        self.guest(vmid.parse().ok()?)
    }
}

impl HaRule {
    /// The resources it is about.
    #[must_use]
    pub fn resources(&self) -> &[String] {
        match self {
            Self::NodeAffinity { resources, .. } | Self::ResourceAffinity { resources, .. } => {
                resources
            }
        }
    }
}
