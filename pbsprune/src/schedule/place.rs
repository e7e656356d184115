//! Where a job works: on nodes, in datastores, at places that only have a name.

use std::collections::BTreeSet;

/// One such place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A node of the cluster.
    Node(String),
    /// Each of its nodes, which aren't known by name.
    EveryNode,
    /// A datastore of the backup server.
    Store(String),
    /// One of its datastores; it isn't known which.
    SomeStore,
    /// What a plain record calls so: it may be a node or a datastore.
    Named(String),
}

/// What two jobs have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    /// Nodes, by name.
    Node(String),
    /// A datastore, or a place by its name.
    Other(String),
}

impl Shared {
    /// As it is shown.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Node(name) | Self::Other(name) => name,
        }
    }
}

impl Place {
    /// As it is shown.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Node(name) | Self::Store(name) | Self::Named(name) => name,
            Self::EveryNode => "every node",
            Self::SomeStore => "a datastore",
        }
    }

    fn shared(&self, other: &Self) -> Option<Shared> {
        use Place::{EveryNode, Named, Node, SomeStore, Store};
        let name = |place: &Self| place.name().to_owned();
        match (self, other) {
            (Node(a), Node(b) | Named(b)) | (Named(a), Node(b)) if a == b => {
                Some(Shared::Node(a.clone()))
            }
            (EveryNode, Node(_) | EveryNode) => Some(Shared::Node(name(other))),
            (Node(_), EveryNode) => Some(Shared::Node(name(self))),
            (Store(a), Store(b) | Named(b)) | (Named(a), Store(b) | Named(b)) if a == b => {
                Some(Shared::Other(a.clone()))
            }
            (SomeStore, Store(_) | SomeStore) => Some(Shared::Other(name(other))),
            (Store(_), SomeStore) => Some(Shared::Other(name(self))),
            _ => None,
        }
    }
}

/// All that they have in common: of several the first node, else the first of the rest.
#[must_use]
pub fn shared(a: &BTreeSet<Place>, b: &BTreeSet<Place>) -> Option<Shared> {
    let all = a
        .iter()
        .flat_map(|place| b.iter().map(move |other| place.shared(other)));
    let all: Vec<Shared> = all.flatten().collect();
    let node = all.iter().find(|shared| matches!(shared, Shared::Node(_)));
    node.or(all.first()).cloned()
}

/// Whether one place is among others.
#[must_use]
pub fn shared_one(place: &Place, others: &BTreeSet<Place>) -> bool {
    others.iter().any(|other| place.shared(other).is_some())
}

#[cfg(test)]
mod tests {
    use super::{Place::*, *};

    #[test]
    fn what_two_have_in_common() {
        let node = |name: &str| Node(name.to_owned());
        let store = |name: &str| Store(name.to_owned());
        let named = |name: &str| Named(name.to_owned());
        let at_node = |name: &str| Some(Shared::Node(name.to_owned()));
        let at_other = |name: &str| Some(Shared::Other(name.to_owned()));
        #[rustfmt::skip]
        let cases: &[(&str, &[Place], &[Place], Option<Shared>)] = &[
            ("a node",               &[node("a")], &[node("a"), node("b")], at_node("a")),
            ("two nodes",            &[node("a")], &[node("b")], None),
            ("every node and one",   &[EveryNode], &[node("b")], at_node("b")),
            ("every node twice",     &[EveryNode], &[EveryNode], at_node("every node")),
            ("a datastore",          &[store("s"), node("a")], &[store("s"), node("b")], at_other("s")),
            ("a node first",         &[store("s"), node("a")], &[store("s"), node("a")], at_node("a")),
            ("some datastore",       &[SomeStore], &[store("s")], at_other("s")),
            ("named as a node",      &[named("a")], &[node("a")], at_node("a")),
            ("named as a datastore", &[store("s")], &[named("s")], at_other("s")),
            ("both named",           &[named("s")], &[named("s")], at_other("s")),
            ("a node called so",     &[node("s")], &[store("s")], None),
            ("nowhere",              &[], &[node("a")], None),
        ];
        for (name, a, b, want) in cases {
            let of = |places: &[Place]| places.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!(shared(&of(a), &of(b)), *want, "{name}");
            assert_eq!(shared(&of(b), &of(a)), *want, "{name}, the other way");
        }
    }
}
