//! Reads the cluster into a state document, in few requests over four connections.
//!
//! At most 16 requests for the cluster, 2 for each node that is online and 3 for each
//! guest that is read in full. What an older or newer PVE doesn't have (501, 400) and
//! what the token may not see (403) is left out and told; only a cluster that doesn't
//! answer at all stops the reading.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use serde_json::{Value, value::RawValue};
use vmid::exit::Stop;

use crate::{
    node_name,
    pve::{Failure, Pve},
    state::{Guest, Ha, Kind, State},
    unreadable::told,
};

mod answer;
mod ha;
mod node;
mod privilege;
#[cfg(test)]
mod server_tests;
mod spelling;
mod storage;

/// Connections, and so requests at a time; PVE's proxy has three workers by default.
const CONNECTIONS: usize = 4;

/// How often a read is sent whose answer got lost, or that failed for a moment.
const ATTEMPTS: u32 = 3;

/// What to read, and what is known of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Guests of these nodes in full; of all, if it is empty.
    pub nodes: &'a [String],
    /// The time.
    pub now: Timestamp,
    /// The MAC addresses of this machine.
    pub macs: &'a [String],
}

type Raw = Box<RawValue>;
type Reply = Result<Raw, Failure>;

/// Reads the state of the cluster.
///
/// # Errors
///
/// The cluster can't be reached, refuses the token, answers what the API doesn't, or
/// knows none of the wanted nodes (the caller's fault).
pub fn read(pve: &Pve, wanted: &Wanted<'_>) -> Result<State, Stop> {
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
        "/cluster/tasks",
        "/cluster/options",
        "/cluster/config/nodes",
        "/cluster/config/qdevice",
    ];
    let replies: [Reply; 14] = fetch(pve, &paths.map(str::to_owned))
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
    let storages = storage::storages(&resources, &storage);
    let mut guests = answer::guests(&resources).map_err(|what| strange(pve, &what))?;
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
    let ha = match (ha_status, ha_resources) {
        (Some(status), Some(resources)) => {
            ha::maintenance(&mut nodes, &status);
            // With rules the groups answer that they have been migrated.
            let groups = match &rules {
                Err(failure) if has_no_rules(failure) => seen(pve, "/cluster/ha/groups", groups)?,
                _ => None,
            };
            let rules = match &groups {
                Some(groups) => Some(ha::groups(groups, &resources)),
                None => seen(pve, "/cluster/ha/rules", rules)?.map(|rules| ha::rules(&rules)),
            };
            let groups = groups.unwrap_or_default();
            rules.map(|rules| Ha {
                resources: ha::resources(&resources, &status, &groups),
                rules,
            })
        }
        _ => None,
    };
    let replication = seen(pve, "/cluster/replication", replication)?;
    let replication = replication.map(|jobs| answer::replication(&jobs));
    let tasks = seen(pve, "/cluster/tasks", tasks)?.map(|tasks| answer::tasks(&tasks));
    let options = seen(pve, "/cluster/options", options)?.unwrap_or_default();

    let asked: Vec<String> = nodes
        .iter()
        .filter(|node| node.online)
        .flat_map(|node| {
            let path = format!("/nodes/{}", node.node);
            [
                format!("{path}/status"),
                format!("{path}/network?type=any_bridge"),
            ]
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
            let bridges = network.map(|network| node::bridges(&network));
            node.bridges = bridges.filter(|bridges| !bridges.is_empty());
        }
    }
    let online = |name: &str| nodes.iter().any(|node| node.online && node.node == name);
    let mut read: Vec<&mut Guest> = guests
        .iter_mut()
        .filter(|guest| wanted.nodes.is_empty() || wanted.nodes.contains(&guest.node))
        .filter(|guest| online(&guest.node))
        .collect();
    read_guests(pve, &mut read)?;

    let missing = privilege::missing(permissions.as_ref(), &nodes);
    Ok(State {
        version: crate::state::VERSION,
        // Whole seconds: nobody needs more, and people read it.
        at: Timestamp::from_second(wanted.now.as_second()).unwrap_or(wanted.now),
        cluster,
        nodes,
        storages,
        guests,
        ha,
        replication,
        tasks,
        options: answer::options(&options),
        permissions,
        missing,
        self_macs: wanted.macs.to_vec(),
    })
}

/// Config, snapshots and PVE's own check of each guest.
fn read_guests(pve: &Pve, guests: &mut [&mut Guest]) -> Result<(), Stop> {
    // The check of containers came with PVE 9: the first 501 saves the other questions.
    let no_check = AtomicBool::new(false);
    let questions: Vec<(usize, u8, String)> = guests
        .iter()
        .enumerate()
        .flat_map(|(at, guest)| {
            let path = format!(
                "/nodes/{}/{}/{}",
                guest.node,
                guest.kind.as_str(),
                guest.vmid
            );
            // `current`: what is in effect, not what waits for the next start.
            [
                (at, 0, format!("{path}/config?current=1")),
                (at, 1, format!("{path}/snapshot")),
                (at, 2, format!("{path}/migrate")),
            ]
        })
        .collect();
    let replies = each(&questions, |(at, what, path)| {
        let container = *what == 2 && guests[*at].kind == Kind::Lxc;
        if container && no_check.load(Ordering::Relaxed) {
            return None;
        }
        let reply = ask(pve, path);
        if container && matches!(&reply, Err(failure) if failure.status() == Some(501)) {
            no_check.store(true, Ordering::Relaxed);
        }
        Some(reply)
    });
    for ((at, what, path), reply) in questions.iter().zip(replies) {
        let Some(reply) = reply.flatten() else {
            continue;
        };
        let raw = match reply {
            Ok(raw) => raw,
            // Locked, gone, not ours to see, or not in this PVE: the planner is told by its absence.
            Err(Failure::Status { .. }) => continue,
            Err(failure) => return Err(failed(pve, path, failure)),
        };
        let guest = &mut *guests[*at];
        match what {
            0 => guest.config = Some(raw),
            1 => guest.snapshots = Some(answer::snapshots(&parsed(&raw))),
            _ => guest.precondition = Some(raw),
        }
    }
    Ok(())
}

/// All answers, in the order of the paths.
fn fetch(pve: &Pve, paths: &[String]) -> Vec<Reply> {
    let replies = each(paths, |path| ask(pve, path));
    let broken = || Err(Failure::Strange("a request broke off".to_owned()));
    replies
        .into_iter()
        .map(|reply| reply.unwrap_or_else(broken))
        .collect()
}

/// `work` done for each item, by as many threads as there are connections; the results in
/// the order of the items, none where a thread broke off.
fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(items.len()) {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed))
                    && let (Some(item), Some(result)) = (items.get(at), results.get(at))
                {
                    let done = work(item);
                    if let Ok(mut result) = result.lock() {
                        *result = Some(done);
                    }
                }
            });
        }
    });
    results
        .into_iter()
        .map(|result| result.into_inner().ok().flatten())
        .collect()
}

/// One read; repeated where its answer got lost: to read twice harms nobody.
fn ask(pve: &Pve, path: &str) -> Reply {
    let mut attempt = 1;
    loop {
        match pve.get::<Raw>(path) {
            Err(Failure::Lost(lost)) if attempt < ATTEMPTS && !lost.unsent => {
                thread::sleep(Duration::from_millis(100 << attempt));
                attempt += 1;
            }
            reply => return reply,
        }
    }
}

/// An answer without which there is no state.
fn needed(pve: &Pve, path: &str, reply: Reply) -> Result<Value, Stop> {
    let raw = reply.map_err(|failure| failed(pve, path, failure))?;
    serde_json::from_str(raw.get())
        .map_err(|error| strange(pve, &format!("{path}: {}", told(&error))))
}

/// An answer that may be missing: the token may not see it, or this PVE doesn't have it,
/// or the node it would come from is gone.
fn seen(pve: &Pve, path: &str, reply: Reply) -> Result<Option<Value>, Stop> {
    match reply {
        Err(Failure::Status { status, .. }) if status != 401 => Ok(None),
        reply => needed(pve, path, reply).map(Some),
    }
}

/// PVE 8 has groups, no rules.
fn has_no_rules(failure: &Failure) -> bool {
    matches!(failure.status(), Some(400 | 404 | 501))
}

fn parsed(raw: &Raw) -> Value {
    // cannot fail: it was parsed once already
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn value(raw: Option<&Raw>) -> Option<Value> {
    raw.map(parsed)
}

fn failed(pve: &Pve, path: &str, failure: Failure) -> Stop {
    let refused = failure.status() == Some(401);
    let stop = anyhow!("{}{path}: {failure}", pve.base());
    if refused {
        return Stop::outside(stop)
            .hint("the cluster does not know the token, or its secret is another");
    }
    Stop::outside(stop)
}

fn strange(pve: &Pve, what: &str) -> Stop {
    let error = Err::<(), _>(anyhow!("{what}")).with_context(|| pve.base().to_owned());
    // cannot fail: it is an error
    Stop::outside(error.err().unwrap_or_else(|| anyhow!("{what}")))
}
