//! Templates that the site makes guests from: whether each node has them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    context::Context,
    found::{Found, unseen, warning},
};
use crate::{permission, state::Held};

/// What is missing of the site's templates, and the storage that it is of.
#[must_use]
pub fn findings(context: &Context<'_>) -> Vec<(String, Found)> {
    let site = context.site();
    let mut volumes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, template) in &site.templates {
        for volume in [&template.lxc, &template.vm].into_iter().flatten() {
            volumes.entry(volume).or_default().push(name);
        }
    }
    let all = volumes.into_iter();
    all.filter_map(|(volume, templates)| {
        let (storage, _) = volume.split_once(':')?;
        let found = missing(context, storage, volume, &templates)?;
        Some((storage.to_owned(), found))
    })
    .collect()
}

fn missing(
    context: &Context<'_>,
    storage: &str,
    volume: &str,
    templates: &[&str],
) -> Option<Found> {
    let state = context.cluster.state;
    let of = templates.join(", ");
    if state.content.is_none() {
        let what = format!("whether the nodes have {volume} (of {of}) was not read");
        return Some(unseen(
            what,
            "the content of storages",
            "pvx-migrate state --content",
        ));
    }
    let path = format!("/storage/{storage}");
    let audits = |table| permission::has(table, &path, "Datastore.Audit");
    let sees = state.permissions.as_ref().is_some_and(audits);
    let known = context.cluster.storage(storage);
    let Some(known) = known.filter(|_| sees) else {
        let what = format!("whether the nodes have {volume} (of {of}) was not seen");
        return Some(unseen(
            what,
            &format!("the content of {storage}"),
            format!("Datastore.Audit on {path}"),
        ));
    };
    let mut lacking = Vec::new();
    let mut untold = Vec::new();
    let nodes = state.nodes.iter().filter(|node| node.online);
    // Those of the site, or that have the storage; else all.
    let is_due = |name: &str| context.site_node(name).is_some() || known.nodes.contains_key(name);
    let any = nodes.clone().any(|node| is_due(&node.node));
    for node in nodes.filter(|node| !any || is_due(&node.node)) {
        let name = &node.node;
        match state.volumes(storage, name) {
            _ if known.unknown.contains(name) => untold.push(&name[..]),
            _ if !known.nodes.contains_key(name) => lacking.push(&name[..]),
            None => untold.push(&name[..]),
            Some(held) if has(held, volume) => {}
            Some(_) => lacking.push(&name[..]),
        }
    }
    if !lacking.is_empty() {
        let message = format!(
            "{volume} (of {of}) is not at {}: no guest can be made there from it",
            lacking.join(", ")
        );
        let evidence = json!({"volume": volume, "templates": templates, "nodes": lacking});
        return Some(warning(
            "template-missing",
            message,
            evidence,
            &["state", "site"],
        ));
    }
    let what = format!(
        "whether {} have {volume} (of {of}) was not seen",
        untold.join(", ")
    );
    (!untold.is_empty()).then(|| {
        unseen(
            what,
            &format!("the content of {storage}"),
            "an answer of the node",
        )
    })
}

fn has(held: &[Held], volume: &str) -> bool {
    held.iter().any(|held| held.volid == volume)
}
