//! Room at a node: the memory that its guests may be given, and the space of its storages.

use super::{
    load::Load,
    policy::Policy,
    refusal::{Code, Refusal},
};
use crate::{cluster::Cluster, size::human};

/// Whether the guests that run on `node` may be given so much more, in bytes.
///
/// # Errors
///
/// [`Code::Memory`]
pub fn has_memory(
    cluster: &Cluster<'_>,
    policy: &Policy,
    memory: u64,
    node: usize,
    load: &Load<'_>,
) -> Result<(), Refusal> {
    let limit = memory_limit(cluster, policy, node);
    let given = load.memory(node);
    if memory == 0 || given.saturating_add(memory) <= limit {
        return Ok(());
    }
    let node = &cluster.nodes()[node];
    let what = format!(
        "{} and the {} given to guests of {} are more than {} ({} x {})",
        human(memory),
        human(given),
        node.node,
        human(limit),
        human(node.maxmem),
        policy.ram_ratio
    );
    Err(Refusal::new(Code::Memory, what))
}

/// Whether a storage at `node` has room for so much more, in bytes.
///
/// # Errors
///
/// [`Code::Space`]
pub fn has_space<'a>(
    cluster: &Cluster<'a>,
    storage: &'a str,
    bytes: u64,
    node: usize,
    load: &Load<'a>,
) -> Result<(), Refusal> {
    let name = cluster.name(node);
    let space = cluster
        .storage(storage)
        .and_then(|storage| storage.nodes.get(name));
    let free = space.map_or(0, |space| space.free);
    let promised = load.promised(node, storage);
    if promised.saturating_add(bytes) <= free {
        return Ok(());
    }
    let before = match promised {
        0 => String::new(),
        promised => format!(" after {} for other guests", human(promised)),
    };
    let what = format!(
        "{storage} at {name} has {} free{before}, {} are needed",
        human(free.saturating_sub(promised)),
        human(bytes)
    );
    Err(Refusal::new(Code::Space, what))
}

/// The memory that the running guests of a node may be given, in bytes.
#[must_use]
pub fn memory_limit(cluster: &Cluster<'_>, policy: &Policy, node: usize) -> u64 {
    // Past 2^53 a float is no longer exact; no node has 8 PiB.
    (cluster.nodes()[node].maxmem as f64 * policy.ram_ratio) as u64
}
