//! Reads the cluster into a state document, in few requests over four connections.
//!
//! At most 16 requests for the cluster, 4 for each node that is online and 3 for each
//! guest that is read in full; 1 more for each guest whose state the overview may have
//! wrong, for each snapshot of a container, and for each node where a hook script rests on
//! a storage of its own; up to 32 for guests that the token can't see (`hidden::MOST`); where the
//! content of the storages is wanted, 1 for each of them and node, of a shared one 1 in all.
//! What an older or newer PVE doesn't have (501, 400), what the token may not see (403) and
//! what a node that hangs doesn't tell is left out and told; only a cluster that doesn't
//! answer at all stops the reading.

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::Value;
use vmid::exit::{self, Stop};

use crate::{
    node_name,
    pve::{Failure, Pve},
    state::{Ha, Node, State, Storage},
};

pub(crate) mod answer;
mod content;
mod guest;
mod ha;
mod hidden;
mod node;
mod privilege;
mod request;
mod snippet;
mod spelling;
mod storage;

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod recording_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
pub(crate) mod test_server;

use request::{Asker, Reply, ask, fetch, needed, seen, strange, value};

/// What to read, and what is known of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Guests of these nodes in full; of all, if it is empty.
    pub nodes: &'a [String],
    /// What the storages hold, too.
    pub content: bool,
    /// The time.
    pub now: Timestamp,
    /// The MAC addresses of this machine.
    pub macs: &'a [String],
}

/// Reads the state of the cluster.
///
/// # Errors
///
/// The cluster can't be reached, refuses the token, answers what the API doesn't, or
/// knows none of the wanted nodes (the caller's fault).
pub fn read(pve: &Pve, wanted: &Wanted<'_>) -> Result<State, Stop> {
    let pve = &Asker::new(pve);
    let paths = [
        "/version",
        "/cluster/resources",
        "/cluster/status",
        "/storage",
        "/access/permissions",
        "/cluster/ha/status/current",
        "/cluster/ha/resources",
        "/cluster/ha/rules",
        "/cluster/ha/groups",
        "/cluster/replication",
        "/cluster/backup",
        "/cluster/tasks",
        "/cluster/options",
        "/cluster/config/nodes",
        "/cluster/config/qdevice",
    ];
    let replies: [Reply; 15] = fetch(pve, &paths.map(str::to_owned))
        .try_into()
        .map_err(|_| Stop::outside(anyhow!("a request broke off")))?;
    let [
        version,
        resources,
        status,
        storage,
        permissions,
        ha_status,
        ha_resources,
        rules,
        groups,
        replication,
        backup_jobs,
        tasks,
        options,
        votes,
        qdevice,
    ] = replies;

    // Without these two nothing can be said; their failure is the cluster's.
    let version = needed(pve, "/version", version)?;
    let resources = needed(pve, "/cluster/resources", resources)?;
    let status = seen(pve, "/cluster/status", status)?;
    let permissions =
        seen(pve, "/access/permissions", permissions)?.map(|v| answer::permissions(&v));

    let mut nodes = node::nodes(&resources, status.as_ref());
    let cluster = node::cluster(
        &version,
        status.as_ref(),
        value(qdevice.ok().as_ref()).as_ref(),
        &nodes,
    );
    node::votes(&mut nodes, &value(votes.ok().as_ref()).unwrap_or_default());
    let storage = seen(pve, "/storage", storage)?.unwrap_or_default();
    let mut storages = storage::storages(&resources, &storage);
    let mut guests = guest::guests(&resources).map_err(|what| strange(pve, &what))?;
    if nodes.is_empty() {
        let what = "it shows no node: may the token see anything (Sys.Audit on /)?";
        return Err(strange(pve, what));
    }
    // They become parts of paths.
    let names = nodes.iter().map(|node| &node.node);
    for name in names.chain(guests.iter().map(|guest| &guest.node)) {
        let checked = node_name::check(name);
        checked.map_err(|wrong| strange(pve, &format!("/cluster/resources: {wrong}")))?;
    }
    for node in wanted.nodes {
        if !nodes.iter().any(|known| known.node == *node) {
            let known: Vec<_> = nodes.iter().map(|node| node.node.clone()).collect();
            let what = anyhow!("--node {node}: the cluster has {}", known.join(", "));
            return Err(Stop::input(what));
        }
    }

    let ha_status = seen(pve, "/cluster/ha/status/current", ha_status)?;
    let ha_resources = seen(pve, "/cluster/ha/resources", ha_resources)?;
    let ha = match (&ha_status, &ha_resources) {
        (Some(status), Some(resources)) => {
            ha::maintenance(&mut nodes, status);
            // A cluster on its way from 8 to 9 has rules, and obeys its groups until all nodes
            // are new (Manager.pm); then they answer that they have been migrated.
            let groups = match &groups {
                Err(failure) if has_no_groups(failure) => Some(Value::Null),
                _ => seen(pve, "/cluster/ha/groups", groups)?,
            };
            let rules = match &rules {
                Err(failure) if has_no_rules(failure) => Some(Value::Null),
                _ => seen(pve, "/cluster/ha/rules", rules)?,
            };
            groups.zip(rules).map(|(groups, answer)| {
                let mut rules = ha::rules(&answer);
                rules.extend(ha::groups(&groups, resources));
                Ha {
                    resources: ha::resources(resources, status, &groups),
                    rules,
                    dropped: ha::dropped(&answer),
                    status: Some(ha::status(status)),
                }
            })
        }
        _ => None,
    };
    let replication = seen(pve, "/cluster/replication", replication)?;
    let backup_jobs = seen(pve, "/cluster/backup", backup_jobs)?;
    let tasks = seen(pve, "/cluster/tasks", tasks)?;
    let sources = hidden::Sources {
        ha_status: ha_status.as_ref(),
        ha_resources: ha_resources.as_ref(),
        replication: replication.as_ref(),
        backup_jobs: backup_jobs.as_ref(),
        tasks: tasks.as_ref(),
        permissions: permissions.as_ref(),
        resources: Some(&resources),
    };
    let hidden = hidden::read(pve, sources, &guests);
    let replication = replication.map(|jobs| answer::replication(&jobs));
    let backup_jobs = backup_jobs.map(|jobs| content::jobs(&jobs));
    let tasks = tasks.map(|tasks| answer::tasks(&tasks));
    let options = seen(pve, "/cluster/options", options)?.unwrap_or_default();

    let silent = node::silent(&resources, &nodes);
    ask_nodes(pve, &mut nodes, &silent, &mut storages)?;
    guest::read(pve, &mut guests, &nodes, &silent, wanted.nodes)?;
    snippet::read(pve, &mut storages, &guests, &nodes, permissions.as_ref())?;
    let content = wanted
        .content
        .then(|| content::read(pve, &storages, &nodes));
    let content = content.transpose()?;

    let mute = pve.mute();
    if !mute.is_empty() {
        // If it is the node that is spoken to, nothing of this is a state.
        needed(pve, "/version", ask(pve, "/version"))?;
        for node in mute {
            exit::say(
                "pvx-migrate",
                &format!("{node} gives no answer to what it is asked"),
            );
        }
    }

    let missing = privilege::missing(permissions.as_ref(), &nodes, wanted.content);
    Ok(State {
        version: crate::state::VERSION,
        // Whole seconds: nobody needs more, and people read it.
        at: Timestamp::from_second(wanted.now.as_second()).unwrap_or(wanted.now),
        cluster,
        nodes,
        storages,
        guests,
        hidden: Some(hidden),
        ha,
        replication,
        backup_jobs,
        pools: Some(hidden::pool_names(&resources)),
        content,
        tasks,
        options: answer::options(&options),
        permissions,
        missing,
        self_macs: wanted.macs.to_vec(),
    })
}

/// What each node says of itself, and those whose records the cluster has lost
/// (`silent`) of their storages.
fn ask_nodes(
    pve: &Asker<'_>,
    nodes: &mut [Node],
    silent: &[String],
    storages: &mut [Storage],
) -> Result<(), Stop> {
    let online = nodes.iter().filter(|node| node.online);
    let asked: Vec<String> = online
        .flat_map(|node| {
            let path = format!("/nodes/{}", node.node);
            let storage = silent.contains(&node.node);
            let storage = storage.then(|| format!("{path}/storage"));
            let all = [
                format!("{path}/status"),
                format!("{path}/network?type=any_bridge"),
                format!("{path}/replication"),
            ];
            all.into_iter().chain(storage)
        })
        .collect();
    let mut replies = asked.iter().zip(fetch(pve, &asked));
    for node in nodes.iter_mut().filter(|node| node.online) {
        if let Some((path, status)) = replies.next() {
            let status = seen(pve, path, status)?;
            node::node_status(node, &status.unwrap_or_default());
        }
        if let Some((path, network)) = replies.next() {
            let network = seen(pve, path, network)?;
            // No node is without a bridge; then they are not the token's to see.
            let bridges = network.as_ref().map(node::bridges);
            node.bridges = bridges.filter(|bridges| !bridges.is_empty());
            let plain = network.as_ref().map(node::plain_bridges);
            node.plain_bridges = plain.filter(|_| node.bridges.is_some());
            node.plain_vnets = network.as_ref().map(node::plain_vnets).unwrap_or_default();
        }
        if let Some((path, runs)) = replies.next() {
            let runs = seen(pve, path, runs)?;
            node.replication = runs.as_ref().map(answer::replication_runs);
        }
        if silent.contains(&node.node)
            && let Some((path, answer)) = replies.next()
        {
            let answer = seen(pve, path, answer)?;
            storage::at_node(storages, &node.node, &answer.unwrap_or_default());
        }
    }
    Ok(())
}

/// PVE 9 has no groups, once they have been migrated to rules; a later one may not know them.
fn has_no_groups(failure: &Failure) -> bool {
    let Failure::Status {
        status, message, ..
    } = failure
    else {
        return false;
    };
    matches!(status, 400 | 404 | 501) || message.contains("migrated to rules")
}

/// PVE 8 has groups, no rules.
fn has_no_rules(failure: &Failure) -> bool {
    matches!(failure.status(), Some(400 | 404 | 501))
}
