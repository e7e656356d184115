//! Whether the HA manager acts at all: it is armed, somebody decides, and each node does its part.
//!
//! Only where it looks after something: without that Proxmox has no manager at work, and none is due.

use serde_json::json;

use super::{
    context::Context,
    found::{Found, critical, unseen, warning},
};
use crate::state::{Ha, HaStatus, Node};

/// What is wrong with the manager, and with its rules.
#[must_use]
pub fn of_cluster(context: &Context<'_>) -> Vec<Found> {
    let Some(ha) = &context.cluster.state.ha else {
        return Vec::new(); // told already
    };
    let mut found = dropped(context);
    if !is_at_work(ha) {
        return found;
    }
    let Some(status) = &ha.status else {
        let what = "whether the HA manager acts is not in the state";
        found.push(unseen(what, "HA status", "a state document of version 3"));
        return found;
    };
    if let Some(why) = off(context, status) {
        let message = format!("{why}: HA starts nothing, whatever is lost");
        let master = status.master.as_ref().map(|master| &master.node);
        let evidence = json!({"armed": status.armed, "quorate": status.quorate, "master": master});
        found.push(critical("ha-off", message, evidence, &["state"]));
    }
    found
}

/// Whether a node does its part: it starts what is given to it, and is fenced only then.
#[must_use]
pub fn of_node(context: &Context<'_>, node: &Node) -> Option<Found> {
    let ha = context.cluster.state.ha.as_ref()?;
    let status = ha.status.as_ref()?; // told of the cluster
    if !node.online || !is_at_work(ha) {
        return None;
    }
    let name = &node.node;
    let Some(local) = status.nodes.iter().find(|local| local.node == *name) else {
        let what = format!("the HA manager tells nothing of {name}");
        return Some(unseen(what, &format!("HA {name}"), "an answer of the node"));
    };
    let message = format!(
        "{name} is a member of the cluster, and nothing is heard of its HA ({}): what is lost is not started there; is pve-ha-lrm running?",
        local.status
    );
    let evidence = json!({"node": name, "status": local.status, "timestamp": local.timestamp});
    local
        .is_silent()
        .then(|| warning("ha-node", message, evidence, &["state"]))
}

/// It looks after something.
fn is_at_work(ha: &Ha) -> bool {
    ha.resources
        .iter()
        .any(|resource| resource.state != "ignored")
}

/// Why it does nothing. Without a majority it can't, which `quorum` says.
fn off(context: &Context<'_>, status: &HaStatus) -> Option<String> {
    if context.cluster.state.cluster.quorate == Some(false) {
        return None;
    }
    // `disarming`, then `disarmed`.
    let disarmed = |word: &&String| word.starts_with("disarm");
    if let Some(word) = status.armed.as_ref().filter(disarmed) {
        return Some(format!("the HA manager is {word}"));
    }
    if status.quorate == Some(false) {
        return Some("the HA manager has no quorum".to_owned());
    }
    let Some(master) = &status.master else {
        return Some("no node's HA manager decides".to_owned());
    };
    // Of a node that is off another takes over.
    let node = context.cluster.node(&master.node);
    let online = node.is_some_and(|node| context.cluster.nodes()[node].online);
    (online && master.is_silent()).then(|| {
        format!(
            "nothing is heard of the HA manager that decides, and no other took over ({})",
            master.status
        )
    })
}

/// Rules that are configured, and that the manager doesn't obey.
fn dropped(context: &Context<'_>) -> Vec<Found> {
    let rules = context.cluster.dropped_rules().iter();
    let told = rules.map(|dropped| {
        let message = format!(
            "the HA manager doesn't obey the rule {}: {}",
            dropped.rule, dropped.why
        );
        let evidence = json!({"rule": dropped.rule, "why": dropped.why});
        warning("ha-rule-dropped", message, evidence, &["state"])
    });
    told.collect()
}
