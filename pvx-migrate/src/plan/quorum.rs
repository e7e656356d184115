//! What remains of the votes when a node is off.

use crate::state::State;

/// The votes of a cluster, with and without a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// All, whether their nodes are online or not.
    pub expected: u32,
    /// More than half of them.
    pub needed: u32,
    /// Those of the nodes that are online, and the QDevice's, without the node's.
    pub remaining: u32,
}

impl Votes {
    /// The votes without `node`.
    #[must_use]
    pub fn without(state: &State, node: &str) -> Self {
        Self::without_all(state, &[node])
    }

    /// The votes without `nodes`.
    #[must_use]
    pub fn without_all(state: &State, nodes: &[&str]) -> Self {
        // The document may say anything.
        let sum = |all: u32, votes: u32| all.saturating_add(votes);
        let device = state.cluster.qdevice_votes;
        let all = state.nodes.iter().map(|node| node.votes);
        let expected = all.fold(device, sum);
        let others = state
            .nodes
            .iter()
            .filter(|other| other.online && !nodes.contains(&&other.node[..]));
        Self {
            expected,
            needed: expected / 2 + 1, // votequorum(5)
            remaining: others.map(|node| node.votes).fold(device, sum),
        }
    }

    /// The cluster keeps its quorum.
    #[must_use]
    pub fn hold(self) -> bool {
        self.remaining >= self.needed
    }
}

/// A sentence about it, for a person.
#[must_use]
pub fn sentence(state: &State, node: &str) -> String {
    let votes = Votes::without(state, node);
    let Votes {
        expected,
        needed,
        remaining,
    } = votes;
    let counted = format!("with {node} off, {remaining} of {expected} votes remain");
    if !votes.hold() {
        return format!(
            "warning: {counted}, and quorum needs {needed}: the rest of the cluster would stop working"
        );
    }
    let largest = state
        .nodes
        .iter()
        .filter(|other| other.online && other.node != node);
    let largest = largest.map(|node| node.votes).max().unwrap_or_default();
    if remaining - largest.min(remaining) < needed {
        format!("{counted}, and quorum needs {needed}: no other node may fail meanwhile")
    } else {
        format!("{counted}, and quorum needs {needed}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains() {
        #[rustfmt::skip]
        let cases: &[(&str, &[(&str, u32, bool)], u32, (u32, u32, u32), bool)] = &[
            ("four nodes",                   &[("a", 1, true), ("b", 1, true), ("c", 1, true), ("d", 1, true)],  0, (4, 3, 3), true),
            ("four, one is off already",     &[("a", 1, true), ("b", 1, true), ("c", 1, true), ("d", 1, false)], 0, (4, 3, 2), false),
            ("two nodes",                    &[("a", 1, true), ("b", 1, true)],                                  0, (2, 2, 1), false),
            ("two nodes and a QDevice",      &[("a", 1, true), ("b", 1, true)],                                  1, (3, 2, 2), true),
            ("three nodes",                  &[("a", 1, true), ("b", 1, true), ("c", 1, true)],                  0, (3, 2, 2), true),
            ("one node with two votes",      &[("a", 2, true), ("b", 1, true)],                                  0, (3, 2, 1), false),
            ("a node without a vote",        &[("a", 0, true), ("b", 1, true), ("c", 1, true)],                  0, (2, 2, 2), true),
            ("votes beyond all measure",     &[("a", u32::MAX, true), ("b", u32::MAX, true), ("c", 1, true)],    1, (u32::MAX, u32::MAX / 2 + 1, u32::MAX), true),
            ("a single node",                &[("a", 1, true)],                                                  0, (1, 1, 0), false),
        ];
        for (name, nodes, qdevice, (expected, needed, remaining), hold) in cases {
            let nodes: Vec<serde_json::Value> = nodes
                .iter()
                .map(|(node, votes, online)| serde_json::json!({"node": node, "votes": votes, "online": online}))
                .collect();
            let document = serde_json::json!({
                "version": 1, "at": "2026-11-22T00:00:00Z", "nodes": nodes, "storages": [], "guests": [],
                "cluster": {"name": "x", "pve": "9.1", "quorate": true, "qdevice_votes": qdevice},
            });
            let state: State = serde_json::from_str(&document.to_string()).unwrap();
            let votes = Votes::without(&state, "a");
            let want = Votes {
                expected: *expected,
                needed: *needed,
                remaining: *remaining,
            };
            assert_eq!((votes, votes.hold()), (want, *hold), "{name}");
            assert_eq!(
                sentence(&state, "a").starts_with("warning"),
                !hold,
                "{name}"
            );
        }
    }
}
