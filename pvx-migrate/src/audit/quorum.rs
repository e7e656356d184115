//! Whether the cluster can lose a node and still act.

use serde_json::json;
use vmid::exempt::Subject;

use super::{
    context::Context,
    found::{Found, critical, unseen, warning},
};
use crate::plan::quorum::Votes;

/// What is wrong with the votes, and the nodes that it is of.
#[must_use]
pub fn findings(context: &Context<'_>) -> Option<(Vec<Subject>, Found)> {
    let state = context.cluster.state;
    let all = || {
        state
            .nodes
            .iter()
            .map(|node| Subject::Node(node.node.clone()))
    };
    match state.cluster.quorate {
        None => {
            let found = unseen(
                "whether the cluster has quorum was not seen",
                "quorum",
                "Sys.Audit on /",
            );
            return Some((Vec::new(), found));
        }
        Some(false) => {
            let message = "the cluster has no quorum: no node starts, moves or backs up anything, and HA is off";
            let offline = state.nodes.iter().filter(|node| !node.online);
            let offline: Vec<&str> = offline.map(|node| &node.node[..]).collect();
            let found = critical("quorum", message, json!({"offline": offline}), &["state"]);
            return Some((all().collect(), found));
        }
        Some(true) => {}
    }
    if state.nodes.len() < 2 {
        return None; // a node on its own has nobody to agree with
    }
    let online = state.nodes.iter().filter(|node| node.online);
    let needed = online.map(|node| (&node.node[..], Votes::without(state, &node.node)));
    let lost: Vec<(&str, Votes)> = needed.filter(|(_, votes)| !votes.hold()).collect();
    let (first, votes) = lost.first()?;
    let nodes: Vec<&str> = lost.iter().map(|(node, _)| *node).collect();
    let which = match nodes.len() {
        1 => (*first).to_owned(),
        all if all == state.nodes.len() => "any node".to_owned(),
        _ => format!("any of {}", nodes.join(", ")),
    };
    let message = format!(
        "if {which} is lost, {} of {} votes remain, and quorum needs {}: the rest stops, and HA starts nothing{}",
        votes.remaining,
        votes.expected,
        votes.needed,
        match (state.nodes.len(), state.cluster.qdevice_votes) {
            (2, 0) => "; a QDevice gives a third vote",
            _ => "",
        }
    );
    let evidence = json!({"expected": votes.expected, "needed": votes.needed, "remaining": votes.remaining,
        "qdevice": state.cluster.qdevice_votes, "nodes": nodes});
    let subjects = nodes.iter().map(|node| Subject::Node((*node).to_owned()));
    Some((
        subjects.collect(),
        warning("quorum", message, evidence, &["state"]),
    ))
}
