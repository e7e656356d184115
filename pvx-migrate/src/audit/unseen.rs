//! What the token could not see. Proxmox leaves it out of its lists without a word, so the
//! permissions are read first: a list that may lack something proves nothing.

use serde_json::json;

use super::{
    context::Context,
    found::{Found, unseen, warning},
    guest::Audited,
};
use crate::{
    permission,
    state::{Node, Permissions},
};

/// Of the cluster as a whole.
#[must_use]
pub fn of_cluster(context: &Context<'_>) -> Vec<Found> {
    let state = context.cluster.state;
    let Some(table) = &state.permissions else {
        let what = "what the token may see was not told, so every list may lack something";
        return vec![unseen(
            what,
            "permissions",
            "an answer to /access/permissions",
        )];
    };
    let mut found = Vec::new();
    if !permission::has_on_all_guests(table, "VM.Audit") {
        let what = "the token does not see every guest there may be";
        found.push(unseen(what, "guests", "VM.Audit on /vms"));
    } else if let Some(hidden) = state.hidden.as_ref().filter(|hidden| !hidden.is_empty()) {
        let named: Vec<String> = hidden
            .iter()
            .map(|hidden| format!("{} (by {})", hidden.vmid, hidden.by))
            .collect();
        let what = format!("guests are named that no list has: {}", named.join(", "));
        found.push(unseen(what, "guests", "VM.Audit on each"));
    } else if state.hidden.is_none() {
        let what = "whether there are guests that no list has was not asked";
        found.push(unseen(what, "guests", "a state document of version 2"));
    }
    if !permission::has_on_all_storages(table) {
        let what = "the token does not see every storage there may be";
        found.push(unseen(what, "storages", "Datastore.Audit on /storage"));
    }
    if state.ha.is_none() {
        let what = "HA was not seen: its resources and rules";
        found.push(unseen(what, "HA", "Sys.Audit on /"));
    }
    if state.replication.is_none() {
        let what = "the replication jobs of the cluster were not seen";
        found.push(unseen(what, "replication", "VM.Audit on /vms"));
    }
    found
}

/// Of a node.
#[must_use]
pub fn of_node(context: &Context<'_>, node: &Node) -> Vec<Found> {
    let name = &node.node;
    if !node.online {
        let message = format!("{name} does not answer: what its guests do is not known");
        return vec![warning(
            "node-offline",
            message,
            json!({"node": name}),
            &["state"],
        )];
    }
    let state = context.cluster.state;
    let mut found = Vec::new();
    if node.replication.is_none() {
        let right = match state.version {
            1 | 2 => "a state document of version 3",
            _ => "an answer of the node",
        };
        let what = format!("how the replication of the guests of {name} went is not in the state");
        found.push(unseen(what, &format!("replication {name}"), right));
    }
    if node.maxmem == 0 {
        let what = format!("the memory of {name} was not seen");
        found.push(unseen(
            what,
            &format!("memory {name}"),
            format!("Sys.Audit on /nodes/{name}"),
        ));
    }
    let sees = |table: &Permissions| permission::sees_bridge(table, "");
    let sees = state.permissions.as_ref().is_none_or(sees);
    if node.bridges.is_none() || !sees {
        let what = format!("the bridges of {name} were not seen");
        found.push(unseen(
            what,
            &format!("bridges {name}"),
            "SDN.Audit on /sdn/zones/localnetwork",
        ));
    }
    found
}

/// Of a guest.
#[must_use]
pub fn of_guest(context: &Context<'_>, guest: &Audited<'_>) -> Vec<Found> {
    let vmid = guest.guest.vmid;
    let online = context.node_of(guest.guest).is_some_and(|node| node.online);
    if !online {
        let node = &guest.guest.node;
        let what = format!("{node} does not answer, so how it is with its guests is not known");
        let list = format!("guests {node}");
        return vec![unseen(what, &list, "an answer of the node")];
    }
    let mut found = Vec::new();
    if guest.fields.is_none() {
        let what = "its configuration was not read: does state cover its node?";
        found.push(unseen(
            what,
            &format!("configuration {vmid}"),
            format!("VM.Audit on /vms/{vmid}"),
        ));
    } else if guest.guest.snapshots.is_none() {
        let what = "its snapshots were not read";
        found.push(unseen(
            what,
            &format!("snapshots {vmid}"),
            format!("VM.Audit on /vms/{vmid}"),
        ));
    }
    if guest.guest.is_unknown() {
        let what = format!("{} does not tell whether it runs", guest.guest.node);
        found.push(unseen(
            what,
            &format!("status {vmid}"),
            "an answer of the node",
        ));
    }
    found
}
