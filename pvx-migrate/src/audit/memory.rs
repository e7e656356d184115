//! Memory that is given away more often than the site allows: now, and when a node is lost.

use serde_json::json;

use super::{
    context::Context,
    found::{Found, warning},
};
use crate::{plan::room, size::human};

/// What is wrong with the memory of a node.
#[must_use]
pub fn findings(context: &Context<'_>, node: usize) -> Vec<Found> {
    now(context, node)
        .into_iter()
        .chain(after_loss(context, node))
        .collect()
}

fn now(context: &Context<'_>, node: usize) -> Option<Found> {
    let has = context.cluster.nodes()[node].maxmem;
    let given = context.load.memory(node);
    let limit = room::memory_limit(context.cluster, context.policy, node);
    let ratio = context.policy.ram_ratio;
    if has == 0 || given <= limit {
        return None;
    }
    let message = format!(
        "{} are given to guests that run, more than {} ({} x {ratio})",
        human(given),
        human(limit),
        human(has)
    );
    let evidence =
        json!({"given": given, "has": has, "ratio": rounded(given, has), "limit": ratio});
    Some(warning(
        "overprovisioned",
        message,
        evidence,
        &["state", "site"],
    ))
}

/// All guests that run, on the nodes that would be left.
fn after_loss(context: &Context<'_>, node: usize) -> Option<Found> {
    let nodes = context.cluster.nodes();
    let left = (0..nodes.len()).filter(|other| *other != node && nodes[*other].online);
    let left: Vec<u64> = left.map(|other| nodes[other].maxmem).collect();
    if left.contains(&0) {
        return None; // it was not seen, which is told of that node
    }
    let has = left
        .iter()
        .fold(0, |all: u64, one| all.saturating_add(*one));
    let given = (0..nodes.len()).map(|node| context.load.memory(node));
    let given = given.fold(0, u64::saturating_add);
    let ratio = context.policy.ram_ratio;
    // Past 2^53 a float is no longer exact; no cluster has 8 PiB.
    let limit = (has as f64 * ratio) as u64;
    if !nodes[node].online || has == 0 || given <= limit {
        return None;
    }
    let message = format!(
        "if it were lost, {} given to guests that run would be more than {} ({} x {ratio}) on the other nodes",
        human(given),
        human(limit),
        human(has)
    );
    let evidence =
        json!({"given": given, "left": has, "ratio": rounded(given, has), "limit": ratio});
    Some(warning(
        "overprovisioned-after-loss",
        message,
        evidence,
        &["state", "site"],
    ))
}

/// To the hundredth, as people say it.
fn rounded(given: u64, has: u64) -> f64 {
    (given as f64 / has as f64 * 100.0).round() / 100.0
}
