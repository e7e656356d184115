//! In which order, and what waits for what.
//!
//! First the guests that are down while they move: those that start last at boot go
//! first, so that what the others need (a router, DNS, storage) goes last; on the way
//! home it is the other way round. Between equals the shortest downtime is first. Then
//! what moves live, the longest first, so that the end is not one long move alone; then
//! what doesn't run. `after` holds only where order matters for the guests: a step
//! between two classes of start-up order, members of one pair, and HA's company. The server of
//! a storage moves alone: away after all others, home before them.

use std::collections::{BTreeMap, HashMap, HashSet};

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

impl Placed<'_, '_> {
    fn vmid(&self) -> u32 {
        self.candidate.guest.vmid
    }

    /// When it starts at boot. Without an order a guest starts last (qm.conf(5)).
    fn class(&self) -> u64 {
        self.candidate.config.order.unwrap_or(u64::MAX)
    }

    fn goes_down(&self) -> bool {
        matches!(self.candidate.mode, Mode::Restart | Mode::Shutdown)
    }
}

/// What moves as one: a guest, or those that the HA manager moves together, by their places
/// in the list, the leader first.
struct Unit(Vec<usize>);

/// The order of `placed`, by their places in it, and for each VMID what it waits for.
#[must_use]
pub fn order(placed: &[Placed<'_, '_>], home: bool) -> (Vec<usize>, HashMap<u32, Vec<u32>>) {
    let servers = servers(placed);
    let mut units = units(placed);
    units.sort_by_cached_key(|unit| unit.key(placed, &servers, home));

    // Each leader waits for units before its own, each follower for its leader alone: no circle.
    let mut after: HashMap<u32, Vec<u32>> = HashMap::new();
    by_class(&units, placed, &mut after);
    // Of a pair never two at a time.
    let mut last: HashMap<&str, (u32, u32)> = HashMap::new();
    for unit in &units {
        let leader = unit.leader(placed);
        for item in unit.items(placed).filter(|item| item.goes_down()) {
            for (pair, _) in &item.candidate.pairs {
                let previous = last.insert(pair, (leader, item.vmid()));
                if let Some((_, previous)) = previous.filter(|(other, _)| *other != leader) {
                    after.entry(leader).or_default().push(previous);
                }
            }
        }
    }
    alone(&units, &servers, placed, &mut after);
    for unit in &units {
        // What HA moves along has no step of its own to wait for.
        let leader = unit.leader(placed);
        for follower in unit.vmids(placed).skip(1) {
            after.insert(follower, vec![leader]);
        }
    }
    for waits in after.values_mut() {
        waits.sort_unstable();
        waits.dedup();
    }
    let order = units.into_iter().flat_map(|unit| unit.0);
    (order.collect(), after)
}

impl Unit {
    fn items<'u, 'p, 'a>(
        &'u self,
        placed: &'u [Placed<'p, 'a>],
    ) -> impl Iterator<Item = &'u Placed<'p, 'a>> + Clone {
        self.0.iter().map(|&at| &placed[at])
    }

    fn vmids<'u>(&'u self, placed: &'u [Placed<'_, '_>]) -> impl Iterator<Item = u32> + 'u {
        self.items(placed).map(Placed::vmid)
    }

    fn leader(&self, placed: &[Placed<'_, '_>]) -> u32 {
        placed[self.0[0]].vmid()
    }

    /// The class of those that go down: of several the one that the most others need.
    fn class(&self, placed: &[Placed<'_, '_>]) -> Option<u64> {
        let down = self.items(placed).filter(|item| item.goes_down());
        down.map(Placed::class).min()
    }

    fn serves(&self, placed: &[Placed<'_, '_>], servers: &HashSet<u32>) -> bool {
        self.vmids(placed).any(|vmid| servers.contains(&vmid))
    }

    /// Its place among all: what goes down, what moves live, what doesn't run.
    fn key(
        &self,
        placed: &[Placed<'_, '_>],
        servers: &HashSet<u32>,
        home: bool,
    ) -> (bool, bool, (u8, u64, u64), u32) {
        let away = |class: u64| if home { class } else { u64::MAX - class };
        let items = self.items(placed);
        let live = items.clone().any(|item| item.candidate.mode == Mode::Live);
        let duration = items.clone().map(|item| item.way.cost.duration_s).max();
        let longest_first = u64::MAX - duration.unwrap_or_default();
        let downtime = items.clone().map(|item| item.way.cost.downtime_s).max();
        let first = items.clone().map(Placed::class).min();
        let key = match self.class(placed) {
            Some(class) => (0, away(class), downtime.unwrap_or_default()),
            None if live => (1, longest_first, 0),
            None => (2, away(first.unwrap_or(u64::MAX)), longest_first),
        };
        // The guest that this command runs in is the last of all.
        let own = items.clone().any(|item| item.candidate.own);
        let serves = self.serves(placed, servers);
        (own, serves != home, key, self.leader(placed))
    }
}

/// What moves as one.
fn units(placed: &[Placed<'_, '_>]) -> Vec<Unit> {
    let leaders = leaders(placed);
    let mut units: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, item) in placed.iter().enumerate() {
        let own = item.vmid();
        let leader = leaders.get(&own).copied().unwrap_or(own);
        units.entry(leader).or_default().push(at);
    }
    let units = units.into_values().map(|mut members| {
        // The leader has the lowest VMID.
        members.sort_unstable_by_key(|&at| placed[at].vmid());
        Unit(members)
    });
    units.collect()
}

/// Classes of start-up order, one behind the other.
fn by_class(units: &[Unit], placed: &[Placed<'_, '_>], after: &mut HashMap<u32, Vec<u32>>) {
    let down = units.iter().filter(|unit| unit.class(placed).is_some());
    let down: Vec<&Unit> = down.collect();
    let mut before: &[&Unit] = &[];
    for group in down.chunk_by(|a, b| a.class(placed) == b.class(placed)) {
        let waits: Vec<u32> = before.iter().flat_map(|unit| unit.vmids(placed)).collect();
        if !waits.is_empty() {
            for unit in group {
                after.entry(unit.leader(placed)).or_default().extend(&waits);
            }
        }
        before = group;
    }
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
    units: &[Unit],
    servers: &HashSet<u32>,
    placed: &[Placed<'_, '_>],
    after: &mut HashMap<u32, Vec<u32>>,
) {
    let mut before: Vec<u32> = Vec::new();
    let mut gone: Vec<u32> = Vec::new();
    for unit in units {
        let serves = unit.serves(placed, servers);
        let waits = if serves { &before } else { &gone };
        if !waits.is_empty() {
            after.entry(unit.leader(placed)).or_default().extend(waits);
        }
        before.extend(unit.vmids(placed));
        if serves {
            gone.extend(unit.vmids(placed));
        }
    }
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
