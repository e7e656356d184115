//! What a document of before knows of guests whose node is off by now: Proxmox gives their
//! configurations through their node alone.

use crate::state::{Node, State};

/// Takes from `before` what `state` lacks of the guests of `nodes`, by their places.
pub fn take(state: &mut State, before: &State, nodes: &[usize]) {
    for &at in nodes {
        let name = state.nodes[at].node.clone();
        let was = before.nodes.iter().find(|node| node.node == name);
        take_node(&mut state.nodes[at], was);
    }
    let names: Vec<&str> = nodes.iter().map(|at| &state.nodes[*at].node[..]).collect();
    for guest in &mut state.guests {
        if guest.config.is_some() || !names.contains(&&guest.node[..]) {
            continue;
        }
        // It must be this very guest: whoever has the ID elsewhere is another.
        let was = before
            .guests
            .iter()
            .find(|was| (was.vmid, was.kind, &was.node) == (guest.vmid, guest.kind, &guest.node));
        let Some(was) = was else { continue };
        guest.config.clone_from(&was.config);
        guest.snapshots.clone_from(&was.snapshots);
        guest.precondition.clone_from(&was.precondition);
        if guest.is_unknown() {
            guest.status.clone_from(&was.status);
            guest.current.clone_from(&was.current);
        }
        if guest.name.is_empty() {
            guest.name.clone_from(&was.name);
        }
        guest.maxmem = guest.maxmem.max(was.maxmem);
    }
}

fn take_node(node: &mut Node, was: Option<&Node>) {
    let Some(was) = was else { return };
    if node.replication.is_none() {
        node.replication.clone_from(&was.replication);
    }
    if node.pve.is_none() {
        node.pve.clone_from(&was.pve);
    }
}
