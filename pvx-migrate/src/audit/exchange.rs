//! Storages that are each node's own: what can't go between them, and what HA starts from copies.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use vmid::span;

use super::{
    context::Context,
    found::{Found, info},
    guest::Audited,
};
use crate::{
    plan::volume,
    state::{Kind, Storage},
};

/// What is to be known of a storage.
#[must_use]
pub fn findings(context: &Context<'_>, storage: &Storage, guests: &[Audited<'_>]) -> Vec<Found> {
    if storage.shared || context.site().keeps_out(&storage.storage) {
        return Vec::new();
    }
    let of_storage = no_exchange(context, storage, guests);
    of_storage
        .into_iter()
        .chain(not_shared(context, storage, guests))
        .collect()
}

/// The containers on it can't move to nodes that have other storages.
fn no_exchange(context: &Context<'_>, storage: &Storage, guests: &[Audited<'_>]) -> Option<Found> {
    let containers = guests.iter().filter(|guest| guest.guest.kind == Kind::Lxc);
    let mut volumes = containers.flat_map(|guest| &guest.config.volumes);
    let example = volumes.find(|volume| volume.storage == storage.storage)?;
    let others = context.cluster.state.storages.iter().filter(|other| {
        let holds = |content: &str| other.content.iter().any(|kind| kind == content);
        other.storage != storage.storage
            && !other.shared
            && holds("rootdir")
            && !context.site().keeps_out(&other.storage)
            && !volume::exchanges(storage, other, example)
    });
    let others: Vec<&Storage> = others.collect();
    // A node that has both is no matter.
    let apart = |node: &&String| !storage.nodes.contains_key(&node[..]);
    let nodes: BTreeSet<&String> = others
        .iter()
        .flat_map(|other| other.nodes.keys())
        .filter(apart)
        .collect();
    if nodes.is_empty() {
        return None;
    }
    let called = |storage: &&Storage| format!("{} ({})", storage.storage, storage.kind);
    let called: Vec<String> = others.iter().map(called).collect();
    let own: Vec<&str> = storage.nodes.keys().map(|node| &node[..]).collect();
    let to: Vec<&str> = nodes.iter().map(|node| &node[..]).collect();
    let message = format!(
        "containers and stopped VMs on {} ({}) can't go to {}: they move between {} only, not to {}; a backup and its restore do",
        storage.storage,
        storage.kind,
        called.join(", "),
        own.join(", "),
        to.join(", ")
    );
    let evidence = json!({"storage": storage.storage, "type": storage.kind, "nodes": own, "not_to": others.iter().map(|s| &s.storage).collect::<Vec<_>>(), "not_nodes": to});
    Some(info("no-exchange", message, evidence, &["state"]))
}

/// What HA starts elsewhere starts from the last replica.
fn not_shared(context: &Context<'_>, storage: &Storage, guests: &[Audited<'_>]) -> Option<Found> {
    let managed = guests.iter().filter(|guest| {
        let mut volumes = guest.config.volumes.iter();
        guest.managed.is_some() && volumes.any(|volume| volume.storage == storage.storage)
    });
    let runs = managed.flat_map(|guest| context.runs(guest.guest.vmid));
    let copied = runs.filter(|run| run.last_sync > 0 && !run.removed);
    let oldest = copied.clone().min_by_key(|run| run.last_sync)?;
    let guests: BTreeSet<u32> = copied.map(|run| run.guest).collect();
    let age = (context.now() - oldest.last_sync).max(0);
    let shown = span::shown(Duration::from_secs(u64::try_from(age).unwrap_or_default()));
    let message = format!(
        "{} ({}) is each node's own, not shared: HA starts {} guests from their replicas, and what was written since is lost; the oldest ({}) is {shown} old",
        storage.storage,
        storage.kind,
        guests.len(),
        oldest.id
    );
    let evidence = json!({"storage": storage.storage, "type": storage.kind, "guests": guests, "oldest": oldest.id, "rpo_s": age});
    Some(info("not-shared", message, evidence, &["state"]))
}
