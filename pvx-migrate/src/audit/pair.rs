//! Pairs: whether their members are there, and apart.

use std::collections::BTreeMap;

use serde_json::json;
use vmid::site::Pair;

use super::{
    context::Context,
    found::{Found, info, warning},
};
use crate::state::Guest;

/// What is wrong with a pair.
#[must_use]
pub fn findings(context: &Context<'_>, pair: &Pair) -> Vec<Found> {
    let mut found = Vec::new();
    let mut there: Vec<(&str, &Guest)> = Vec::new();
    for member in &pair.members {
        let name = &member.name;
        let Some(guest) = context.guest(member) else {
            let message = format!(
                "its member {name} is no guest of the cluster: nothing is kept apart from it"
            );
            let evidence = json!({"member": name, "vmid": member.vmid, "address": member.address});
            found.push(context.missing_guest("member-missing", message, evidence));
            continue;
        };
        if let Some(wanted) = member.node.as_ref().filter(|node| **node != guest.node) {
            let message = format!(
                "{name} ({}) is on {}, and the site has it on {wanted}",
                guest.vmid, guest.node
            );
            let evidence =
                json!({"member": name, "vmid": guest.vmid, "node": guest.node, "wanted": wanted});
            found.push(info("misplaced", message, evidence, &["state", "site"]));
        }
        there.push((name, guest));
    }
    found.extend(together(&there));
    found.extend(restarted_by_nobody(context, pair, &there));
    found
}

/// The loss of one node takes more than one of them, by the nodes.
fn together(there: &[(&str, &Guest)]) -> Vec<Found> {
    let mut nodes: BTreeMap<&str, Vec<&(&str, &Guest)>> = BTreeMap::new();
    for member in there {
        nodes.entry(&member.1.node).or_default().push(member);
    }
    let shared = nodes.into_iter().filter(|(_, members)| members.len() > 1);
    shared
        .map(|(node, members)| shares(node, &members))
        .collect()
}

fn shares(node: &str, together: &[&(&str, &Guest)]) -> Found {
    let names: Vec<&str> = together.iter().map(|(name, _)| *name).collect();
    let message = format!(
        "{} are on {}: its loss takes them all",
        names.join(", "),
        node
    );
    let members = together
        .iter()
        .map(|(name, guest)| json!({"name": name, "vmid": guest.vmid, "node": guest.node}));
    let evidence = json!({"members": members.collect::<serde_json::Value>()});
    warning("pair-together", message, evidence, &["state", "site"])
}

/// Of several that answer at once, none under HA: right as long as not all are down.
fn restarted_by_nobody(
    context: &Context<'_>,
    pair: &Pair,
    there: &[(&str, &Guest)],
) -> Option<Found> {
    let services = context.site().services.iter();
    let mut services = services.filter(|service| {
        service.pair.as_ref() == Some(&pair.name) && service.ha.as_deref() == Some("active-active")
    });
    let service = services.next()?;
    context.cluster.state.ha.as_ref()?;
    let managed = |(_, guest): &(&str, &Guest)| context.cluster.managed(&guest.sid()).is_some();
    if there.is_empty() || there.iter().any(managed) {
        return None;
    }
    let message = format!(
        "the service {} is active-active, and none of its guests is under HA: if all are down, nobody starts them",
        service.name
    );
    let sids: Vec<String> = there.iter().map(|(_, guest)| guest.sid()).collect();
    let evidence = json!({"service": service.name, "sids": sids});
    Some(info("ha-missing", message, evidence, &["state", "site"]))
}
