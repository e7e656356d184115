//! Which guest goes where: the hardest to place first, each to the node with the most
//! memory left; and if one then finds no room, another makes some.

use std::cmp::Reverse;

use super::{
    candidate::Candidate,
    feasibility::{self, Way},
    load::Load,
    policy::Policy,
    refusal::{Code, Refusal},
    room,
};
use crate::cluster::Cluster;

/// Looks at nodes that are allowed while room is made; bounds the time of a hopeless case.
const TRIES: usize = 200_000;

/// Guests that move together, mostly one, and the ways they have.
#[derive(Debug)]
struct Unit<'a> {
    /// Places in the list of candidates.
    members: Vec<usize>,
    /// For each node the ways of all members, or why not.
    ways: Vec<Result<Vec<Way<'a>>, Refusal>>,
    node: Option<usize>,
}

/// Where a guest goes, and why not elsewhere.
#[derive(Debug)]
pub struct Choice<'a> {
    /// The target, and the way to it.
    pub target: Option<(usize, Way<'a>)>,
    /// All other nodes.
    pub refused: Vec<(usize, Refusal)>,
}

/// Chooses a target for each candidate without a blocker; the choices in their order,
/// none for those that have one.
#[must_use]
pub fn choose<'a>(
    cluster: &Cluster<'a>,
    policy: &Policy,
    candidates: &[Candidate<'a>],
    bandwidth: u64,
) -> (Vec<Option<Choice<'a>>>, Load<'a>) {
    let mut work = Work {
        cluster,
        policy,
        candidates,
        load: Load::now(cluster),
        tries: TRIES,
    };
    let mut units: Vec<Unit<'a>> = Vec::new();
    let mut taken = vec![false; candidates.len()];
    for (at, candidate) in candidates.iter().enumerate() {
        if taken[at] || !candidate.blockers.is_empty() {
            continue;
        }
        let mut members = vec![at];
        if !candidate.bundle.is_empty() {
            let others = (at + 1..candidates.len()).filter(|&other| {
                let other = &candidates[other];
                other.blockers.is_empty() && candidate.bundle.contains(&other.guest.vmid)
            });
            members.extend(others);
        }
        for &member in &members {
            taken[member] = true;
        }
        let ways = (0..cluster.nodes().len()).map(|node| {
            let ways = members.iter().map(|&member| {
                feasibility::judge(cluster, policy, &candidates[member], node, bandwidth)
            });
            ways.collect()
        });
        units.push(Unit {
            ways: ways.collect(),
            members,
            node: None,
        });
    }

    // The fewest ways first, then the most memory: what is easy to place fills the gaps.
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|&at| {
        let unit = &units[at];
        let open = (0..unit.ways.len()).filter(|&node| work.is_open(unit, node));
        let first = unit
            .members
            .first()
            .map_or(0, |&m| candidates[m].guest.vmid);
        (open.count(), Reverse(work.memory(unit)), first)
    });
    let mut waiting = Vec::new();
    for at in order {
        if !work.place(&mut units, at) {
            waiting.push(at);
        }
    }
    // Where one made room, another may have found some, too.
    loop {
        let before = waiting.len();
        waiting.retain(|&at| !work.place(&mut units, at) && !work.make_room(&mut units, at));
        if waiting.is_empty() || waiting.len() == before {
            break;
        }
    }

    let mut choices: Vec<Option<Choice<'a>>> = candidates.iter().map(|_| None).collect();
    for unit in &units {
        for (place, &member) in unit.members.iter().enumerate() {
            choices[member] = Some(work.choice(unit, place));
        }
    }
    (choices, work.load)
}

struct Work<'w, 'a> {
    cluster: &'w Cluster<'a>,
    policy: &'w Policy,
    candidates: &'w [Candidate<'a>],
    load: Load<'a>,
    tries: usize,
}

impl<'a> Work<'_, 'a> {
    fn is_open(&self, unit: &Unit<'a>, node: usize) -> bool {
        let first = unit.members.first();
        let source = first.and_then(|&member| self.candidates[member].source);
        source != Some(node) && unit.ways[node].is_ok()
    }

    fn memory(&self, unit: &Unit<'_>) -> u64 {
        let members = unit.members.iter();
        members
            .map(|&member| self.candidates[member].memory())
            .fold(0, u64::saturating_add)
    }

    /// Whether all members find room at `node`, one after the other.
    fn try_on(&mut self, unit: &Unit<'a>, node: usize) -> Result<(), Refusal> {
        self.tries = self.tries.saturating_sub(1);
        let ways = match &unit.ways[node] {
            Ok(ways) => ways,
            Err(refusal) => return Err(refusal.clone()),
        };
        let mut arrived = Vec::new();
        let mut result = Ok(());
        for (&member, way) in unit.members.iter().zip(ways) {
            let candidate = &self.candidates[member];
            result = feasibility::fits(self.cluster, self.policy, candidate, way, node, &self.load);
            if result.is_err() {
                break;
            }
            let (vmid, memory) = (candidate.guest.vmid, candidate.memory());
            let before = self.load.arrive(vmid, node, memory, &way.arrives);
            arrived.push((vmid, memory, &way.arrives, before));
        }
        for (vmid, memory, arrives, before) in arrived.into_iter().rev() {
            self.load.revoke(vmid, node, memory, arrives, before);
        }
        result
    }

    fn settle(&mut self, unit: &mut Unit<'a>, node: usize) {
        if let Ok(ways) = &unit.ways[node] {
            for (&member, way) in unit.members.iter().zip(ways) {
                let candidate = &self.candidates[member];
                let (vmid, memory) = (candidate.guest.vmid, candidate.memory());
                self.load.arrive(vmid, node, memory, &way.arrives);
            }
            unit.node = Some(node);
        }
    }

    fn unsettle(&mut self, unit: &mut Unit<'a>) {
        let Some(node) = unit.node.take() else {
            return;
        };
        if let Ok(ways) = &unit.ways[node] {
            for (&member, way) in unit.members.iter().zip(ways) {
                let candidate = &self.candidates[member];
                let (vmid, memory) = (candidate.guest.vmid, candidate.memory());
                self.load
                    .revoke(vmid, node, memory, &way.arrives, candidate.source);
            }
        }
    }

    /// The nodes that are open to a unit: a replica's first, then those where it could start
    /// (where it doesn't run), then by the memory left.
    fn ranked(&self, unit: &Unit<'a>) -> Vec<usize> {
        let mut nodes: Vec<usize> = (0..unit.ways.len())
            .filter(|&node| self.is_open(unit, node))
            .collect();
        nodes.sort_by_cached_key(|&node| {
            let limit = room::memory_limit(self.cluster, self.policy, node);
            let left = limit.saturating_sub(self.load.memory(node));
            (
                !has_replica(unit, node),
                !could_start(unit, node),
                Reverse(left),
                self.cluster.name(node),
            )
        });
        nodes
    }

    fn place(&mut self, units: &mut [Unit<'a>], at: usize) -> bool {
        for node in self.ranked(&units[at]) {
            if self.try_on(&units[at], node).is_ok() {
                self.settle(&mut units[at], node);
                return true;
            }
        }
        false
    }

    /// Puts one unit that has a place elsewhere, so that unit `at` finds one.
    fn make_room(&mut self, units: &mut [Unit<'a>], at: usize) -> bool {
        for node in self.ranked(&units[at]) {
            for other in 0..units.len() {
                if other == at || units[other].node != Some(node) {
                    continue;
                }
                if self.tries == 0 {
                    return false;
                }
                self.unsettle(&mut units[other]);
                if self.try_on(&units[at], node).is_ok() {
                    self.settle(&mut units[at], node);
                    if self.place(units, other) {
                        return true;
                    }
                    self.unsettle(&mut units[at]);
                }
                self.settle(&mut units[other], node);
            }
        }
        false
    }

    fn choice(&self, unit: &Unit<'a>, place: usize) -> Choice<'a> {
        let member = &self.candidates[unit.members[place]];
        let chosen = unit.node.map_or("", |node| self.cluster.name(node));
        let mut refused = Vec::new();
        let mut target = None;
        for (node, ways) in unit.ways.iter().enumerate() {
            if Some(node) == member.source {
                continue;
            }
            let way = match ways {
                Ok(ways) => &ways[place],
                Err(refusal) => {
                    refused.push((node, refusal.clone()));
                    continue;
                }
            };
            if unit.node == Some(node) {
                target = Some((node, way.clone()));
                continue;
            }
            let fits = feasibility::fits(self.cluster, self.policy, member, way, node, &self.load);
            let refusal = fits.err().unwrap_or_else(|| match unit.node {
                Some(chosen_node) if has_replica(unit, chosen_node) => {
                    Refusal::new(Code::NotBest, format!("{chosen} has a replica"))
                }
                Some(_) => {
                    Refusal::new(Code::NotBest, format!("possible, but it goes to {chosen}"))
                }
                None => Refusal::new(Code::Bundle, "no room for all that HA keeps together"),
            });
            refused.push((node, refusal));
        }
        Choice { target, refused }
    }
}

fn could_start(unit: &Unit<'_>, node: usize) -> bool {
    let ways = unit.ways[node].as_ref();
    ways.is_ok_and(|ways| ways.iter().all(|way| way.startable))
}

fn has_replica(unit: &Unit<'_>, node: usize) -> bool {
    let ways = unit.ways[node].as_ref();
    ways.is_ok_and(|ways| ways.iter().any(|way| way.freight.replica))
}
