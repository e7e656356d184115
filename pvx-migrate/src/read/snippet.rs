//! Which nodes have the hook scripts that guests name: a script on a storage of the node is
//! a file that PVE takes along to no other.

use std::collections::BTreeSet;

use serde_json::Value;
use vmid::exit::Stop;

use super::{
    request::{Asker, fetch, seen},
    spelling::{list, text},
};
use crate::{
    permission::has,
    state::{Guest, Node, Permissions, Storage},
};

/// Asks the nodes that a guest with a hook script could go to for the snippets of its
/// storage. PVE leaves them out of the list where the token lacks Datastore.Allocate
/// (`check_volume_access` in Storage.pm): then nobody is asked, and nothing was seen.
pub fn read(
    pve: &Asker<'_>,
    storages: &mut [Storage],
    guests: &[Guest],
    nodes: &[Node],
    permissions: Option<&Permissions>,
) -> Result<(), Stop> {
    let asked = questions(storages, guests, nodes, permissions);
    let paths: Vec<String> = asked
        .iter()
        .map(|(storage, node)| format!("/nodes/{node}/storage/{storage}/content?content=snippets"))
        .collect();
    let replies = paths.iter().zip(fetch(pve, &paths));
    for ((id, node), (path, reply)) in asked.iter().zip(replies) {
        let answer = seen(pve, path, reply)?;
        let storage = storages.iter_mut().find(|storage| storage.storage == *id);
        if let Some(space) = storage.and_then(|storage| storage.nodes.get_mut(node)) {
            let volids = |answer: &Value| list(answer).filter_map(|e| text(e, "volid")).collect();
            space.snippets = answer.as_ref().map(volids);
        }
    }
    Ok(())
}

/// Storage and node.
fn questions(
    storages: &[Storage],
    guests: &[Guest],
    nodes: &[Node],
    permissions: Option<&Permissions>,
) -> BTreeSet<(String, String)> {
    let mut asked = BTreeSet::new();
    for guest in guests {
        let Some(id) = storage_of_hook(guest) else {
            continue;
        };
        let storage = storages.iter().find(|storage| storage.storage == id);
        let Some(storage) = storage.filter(|storage| !storage.shared) else {
            continue;
        };
        let path = format!("/storage/{id}");
        if !permissions.is_some_and(|table| has(table, &path, "Datastore.Allocate")) {
            continue;
        }
        let targets = nodes
            .iter()
            .filter(|node| node.online && node.node != guest.node);
        let targets = targets.filter(|node| storage.nodes.contains_key(&node.node));
        asked.extend(targets.map(|node| (id.clone(), node.node.clone())));
    }
    asked
}

/// The storage of `hookscript: STORAGE:snippets/NAME`.
fn storage_of_hook(guest: &Guest) -> Option<String> {
    let config: Value = serde_json::from_str(guest.config.as_ref()?.get()).ok()?;
    let (storage, _) = config["hookscript"].as_str()?.split_once(':')?;
    Some(storage.to_owned())
}
