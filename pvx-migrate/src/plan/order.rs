//! In which order, and what waits for what.
//!
//! First the guests that are down while they move: those that start last at boot go
//! first, so that what the others need (a router, DNS, storage) goes last; on the way
//! home it is the other way round. Between equals the shortest downtime is first. Then
//! what moves live, the longest first, so that the end is not one long move alone; then
//! what doesn't run. `after` holds only where order matters for the guests: a step
//! between two classes of start-up order, members of one pair, and HA's company. The server of
//! a storage moves alone: away after all others, home before them.

use std::collections::{HashMap, HashSet};

use super::{
    candidate::{Candidate, Mode},
    feasibility::Way,
};

/// A guest that has a target.
#[derive(Debug)]
pub struct Placed<'p, 'a> {
    /// The guest.
    pub candidate: &'p Candidate<'a>,
    /// Its way.
    pub way: &'p Way<'a>,
}

/// The order of `placed`, by their places in it, and for each VMID what it waits for.
#[must_use]
pub fn order(placed: &[Placed<'_, '_>], home: bool) -> (Vec<usize>, HashMap<u32, Vec<u32>>) {
    let class = |placed: &Placed<'_, '_>| {
        // Without an order a guest starts last (qm.conf(5)).
        placed.candidate.config.order.unwrap_or(u64::MAX)
    };
    let servers = servers(placed);
    let mut order: Vec<usize> = (0..placed.len()).collect();
    order.sort_by_key(|&at| {
        let item = &placed[at];
        let class = class(item);
        let class = if home { class } else { u64::MAX - class };
        let cost = &item.way.cost;
        let longest_first = u64::MAX - cost.duration_s;
        let key = match item.candidate.mode {
            Mode::Restart | Mode::Shutdown => (0, class, cost.downtime_s),
            Mode::Live => (1, longest_first, 0),
            Mode::Offline => (2, class, longest_first),
        };
        let serves = servers.contains(&item.candidate.guest.vmid);
        // The guest that this command runs in is the last of all.
        (
            item.candidate.own,
            serves != home,
            key,
            item.candidate.guest.vmid,
        )
    });

    let mut after: HashMap<u32, Vec<u32>> = HashMap::new();
    let vmid = |at: usize| placed[at].candidate.guest.vmid;
    let leaders: HashMap<u32, u32> = leaders(placed);
    let down: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&at| matches!(placed[at].candidate.mode, Mode::Restart | Mode::Shutdown))
        .collect();
    // Classes of start-up order, one behind the other.
    let mut before: &[usize] = &[];
    for group in down.chunk_by(|&a, &b| class(&placed[a]) == class(&placed[b])) {
        let waits: Vec<u32> = before.iter().map(|&at| vmid(at)).collect();
        if !waits.is_empty() {
            for &at in group {
                after.entry(vmid(at)).or_default().extend(&waits);
            }
        }
        before = group;
    }
    // Of a pair never two at a time.
    let mut last: HashMap<&str, u32> = HashMap::new();
    for &at in &down {
        for (pair, _) in &placed[at].candidate.pairs {
            if let Some(previous) = last.insert(pair, vmid(at)) {
                after.entry(vmid(at)).or_default().push(previous);
            }
        }
    }
    alone(&order, &servers, placed, &mut after);
    for (follower, leader) in &leaders {
        // What HA moves along has no step of its own to wait for.
        after.insert(*follower, vec![*leader]);
    }
    for waits in after.values_mut() {
        waits.sort_unstable();
        waits.dedup();
    }
    // A follower comes behind its leader.
    let mut followers: HashMap<u32, Vec<usize>> = HashMap::new();
    for &at in &order {
        if let Some(leader) = leaders.get(&vmid(at)) {
            followers.entry(*leader).or_default().push(at);
        }
    }
    order.retain(|&at| !leaders.contains_key(&vmid(at)));
    let order = order.into_iter().flat_map(|at| {
        let behind = followers.remove(&vmid(at)).unwrap_or_default();
        std::iter::once(at).chain(behind)
    });
    let order = order.collect();
    (order, after)
}

/// The guests that a storage is on, and those that the HA manager moves together with one.
fn servers(placed: &[Placed<'_, '_>]) -> HashSet<u32> {
    let serving = placed.iter().map(|item| item.candidate);
    let serving = serving.filter(|candidate| !candidate.serves.is_empty());
    let with_company = serving.flat_map(|candidate| {
        let company = candidate.bundle.iter().copied();
        company.chain(std::iter::once(candidate.guest.vmid))
    });
    with_company.collect()
}

/// A server waits for all that come before it, and all that come after it wait for it.
fn alone(
    order: &[usize],
    servers: &HashSet<u32>,
    placed: &[Placed<'_, '_>],
    after: &mut HashMap<u32, Vec<u32>>,
) {
    if servers.is_empty() {
        return;
    }
    let vmids: Vec<u32> = order
        .iter()
        .map(|&at| placed[at].candidate.guest.vmid)
        .collect();
    let mut gone: Vec<u32> = Vec::new();
    for (place, vmid) in vmids.iter().enumerate() {
        let waits = after.entry(*vmid).or_default();
        if servers.contains(vmid) {
            // Whom HA moves along has no step of its own to wait for.
            let company = &placed[order[place]].candidate.bundle;
            let before = vmids[..place].iter();
            waits.extend(before.filter(|other| !company.contains(other)));
            gone.push(*vmid);
        } else {
            waits.extend(&gone);
        }
    }
    after.retain(|_, waits| !waits.is_empty());
}

/// Of guests that the HA manager moves together, who leads whom: the lowest VMID.
#[must_use]
pub fn leaders(placed: &[Placed<'_, '_>]) -> HashMap<u32, u32> {
    let mut leaders = HashMap::new();
    for item in placed {
        let own = item.candidate.guest.vmid;
        let moving = |vmid: &&u32| {
            placed
                .iter()
                .any(|other| other.candidate.guest.vmid == **vmid)
        };
        let leader = item.candidate.bundle.iter().filter(moving).min();
        if let Some(&leader) = leader.filter(|&&leader| leader != own) {
            leaders.insert(own, leader);
        }
    }
    leaders
}
