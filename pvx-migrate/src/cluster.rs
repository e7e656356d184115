//! The state document, indexed: what is where, and who belongs together.
//!
//! Built once for each plan, so that every question about a guest and a node costs no search.

use std::collections::{HashMap, HashSet};

use crate::state::{DroppedRule, Guest, HaResource, HaRule, Node, Replication, State, Storage};

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
    dropped: Vec<DroppedRule>,
    replication: HashMap<u32, Vec<&'a Replication>>,
}

impl<'a> Cluster<'a> {
    /// Indexes a document.
    #[must_use]
    pub fn new(state: &'a State) -> Self {
        let ha = state.ha.iter();
        let mut rules: HashMap<&str, Vec<&HaRule>> = HashMap::new();
        let all: Vec<&HaRule> = ha.clone().flat_map(|ha| &ha.rules).collect();
        let contradicting = contradicting(&all);
        let mut dropped: Vec<DroppedRule> = ha.clone().flat_map(|ha| ha.dropped.clone()).collect();
        dropped.extend(contradicting.iter().map(|&at| DroppedRule {
            rule: all[at].name().to_owned(),
            why: CONTRADICTION.to_owned(),
        }));
        let obeyed = (0..).zip(all).filter(|(at, _)| !contradicting.contains(at));
        for (_, rule) in obeyed {
            for sid in rule.resources() {
                rules.entry(sid).or_default().push(rule);
            }
        }
        let mut replication: HashMap<u32, Vec<&Replication>> = HashMap::new();
        for job in state.replication.iter().flatten() {
            replication.entry(job.vmid).or_default().push(job);
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
            dropped,
            replication,
        }
    }

    /// The rules that are configured and that the HA manager doesn't obey, and why not.
    #[must_use]
    pub fn dropped_rules(&self) -> &[DroppedRule] {
        &self.dropped
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

    /// The replication jobs of a guest, by the cluster's configuration.
    #[must_use]
    pub fn replication(&self, vmid: u32) -> &[&'a Replication] {
        self.replication.get(&vmid).map_or(&[], |jobs| jobs)
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

/// What the HA manager has against a rule that is dropped here.
const CONTRADICTION: &str =
    "it ties resources together or apart of which one is in a rule with several priorities";

/// The places of the rules that contradict each other: a resource-affinity rule with a member
/// in a node-affinity rule of several priorities, and every node-affinity rule of its members.
/// The manager drops them all (check_single_priority_node_affinity_in_resource_affinity_rules in
/// Rules.pm). Where PVE says so itself they are not among the rules; of groups it says nothing.
fn contradicting(rules: &[&HaRule]) -> Vec<usize> {
    let mut found = HashSet::new();
    for (at, rule) in rules.iter().enumerate() {
        let HaRule::ResourceAffinity { resources, .. } = rule else {
            continue;
        };
        let paired = rules.iter().enumerate().filter(|(_, other)| {
            let is_of_nodes = matches!(other, HaRule::NodeAffinity { .. });
            is_of_nodes && other.resources().iter().any(|sid| resources.contains(sid))
        });
        if paired
            .clone()
            .any(|(_, other)| other.has_several_priorities())
        {
            found.insert(at);
            found.extend(paired.map(|(other, _)| other));
        }
    }
    let mut found: Vec<usize> = found.into_iter().collect();
    found.sort_unstable();
    found
}

impl HaRule {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::NodeAffinity { rule, .. } | Self::ResourceAffinity { rule, .. } => rule,
        }
    }

    fn has_several_priorities(&self) -> bool {
        let Self::NodeAffinity { nodes, .. } = self else {
            return false;
        };
        let mut priorities = nodes.values();
        let first = priorities.next();
        priorities.any(|priority| Some(priority) != first)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_contradict_each_other() {
        let node = |rule: &str, sid: &str, nodes: &str| {
            format!(
                r#"{{"type":"node-affinity","rule":"{rule}","resources":["{sid}"],"nodes":{nodes}}}"#
            )
        };
        let (one, two) = (r#"{"a":1,"b":1}"#, r#"{"a":1,"b":2}"#);
        let tog = r#"{"type":"resource-affinity","rule":"tog","resources":["ct:1","vm:2"],"negative":false}"#;
        let apart = r#"{"type":"resource-affinity","rule":"apart","resources":["ct:1","vm:3"],"negative":true}"#;
        #[rustfmt::skip]
        let cases: &[(&str, Vec<String>, &[&str])] = &[
            ("one priority",               vec![tog.into(), node("home", "vm:2", one)],                            &[]),
            ("several",                    vec![tog.into(), node("home", "vm:2", two)],                            &["tog", "home"]),
            ("several, and another's",     vec![tog.into(), node("home", "vm:2", two), node("x", "ct:1", one)],    &["tog", "home", "x"]),
            ("a negative one, too",        vec![apart.into(), node("group g", "vm:3", two)],                       &["apart", "group g"]),
            ("of somebody else",           vec![tog.into(), apart.into(), node("home", "vm:9", two)],              &[]),
            ("one of two",                 vec![node("home", "vm:3", two), tog.into(), apart.into()],              &["home", "apart"]),
            ("no resource affinity",       vec![node("home", "vm:3", two)],                                        &[]),
        ];
        for (name, rules, want) in cases {
            let rules = rules.iter().map(|text| serde_json::from_str(text).unwrap());
            let rules: Vec<HaRule> = rules.collect();
            let rules: Vec<&HaRule> = rules.iter().collect();
            let found = contradicting(&rules);
            let names: Vec<&str> = found.iter().map(|&at| rules[at].name()).collect();
            assert_eq!(names, *want, "{name}");
        }
    }
}
