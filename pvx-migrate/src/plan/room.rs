//! Room at a node: the memory that its guests may be given, and the space of its storages.

use super::{
    load::Load,
    policy::{self, Policy},
    refusal::{Code, Refusal},
};
use crate::{
    cluster::Cluster,
    size::human,
    state::{Guest, Node},
};

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

/// Whether `node` keeps so much memory free as the operator wants when the guest has come.
///
/// # Errors
///
/// [`Code::Memory`]; [`Code::Unseen`] where what is in use was not seen.
pub fn keeps_free(
    cluster: &Cluster<'_>,
    policy: &Policy,
    guest: &Guest,
    node: usize,
    load: &Load<'_>,
) -> Result<(), Refusal> {
    let Some(percent) = policy.min_free_mem.filter(|_| guest.is_running()) else {
        return Ok(());
    };
    let Node {
        node: name, mem, ..
    } = &cluster.nodes()[node];
    if *mem == 0 {
        let what = format!("the memory in use at {name} is not in the state");
        return Err(Refusal::new(Code::Unseen, what));
    }
    let used = load.used(node).saturating_add(guest.memory_in_use());
    match short_of_memory(cluster, used, node, percent) {
        Some(what) => Err(Refusal::new(
            Code::Memory,
            format!("{what}, and --min-free-mem is {percent}%"),
        )),
        None => Ok(()),
    }
}

/// What to tell of a node that has taken in what it can, by the memory in use.
#[must_use]
pub fn scarce(cluster: &Cluster<'_>, node: usize, load: &Load<'_>) -> Option<Refusal> {
    let is_known = cluster.nodes()[node].mem > 0;
    let what = short_of_memory(cluster, load.used(node), node, policy::FREE_MEM);
    let what = what.filter(|_| is_known)?;
    let what = format!("{what}, less than {}%", policy::FREE_MEM);
    Some(Refusal::new(Code::Memory, what))
}

fn short_of_memory(cluster: &Cluster<'_>, used: u64, node: usize, percent: u8) -> Option<String> {
    let Node {
        node: name, maxmem, ..
    } = &cluster.nodes()[node];
    let free = maxmem.saturating_sub(used);
    (free < maxmem / 100 * u64::from(percent)).then(|| {
        format!(
            "{name} would keep {} of {} free, by the memory that is in use",
            human(free),
            human(*maxmem)
        )
    })
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
