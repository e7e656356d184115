//! What to do with each guest, decided before anything is done.
//!
//! A pure function of a state document: [`plan`] looks at every wanted guest
//! ([`candidate`]) and every node ([`feasibility`]), chooses targets ([`choose`]), and puts the
//! moves in order ([`order`]). The same document gives the same plan.

use std::collections::{HashMap, HashSet};

use crate::{
    cluster::Cluster,
    size::human,
    state::{Guest, Kind},
};

#[cfg(test)]
mod advice_table_tests;
pub mod bundle;
pub mod candidate;
pub mod choose;
mod code;
pub mod creation;
#[cfg(test)]
mod decision_table_tests;
pub mod estimate;
pub mod feasibility;
pub mod ha;
pub mod home;
pub mod leave;
pub mod line;
pub mod load;
#[cfg(test)]
mod local_file_table_tests;
pub mod lock;
pub mod lost;
pub mod make;
pub mod needs;
pub mod order;
pub mod origin;
pub mod pair;
pub mod parameter;
#[cfg(test)]
mod plan_tests;
pub mod policy;
pub mod processor;
#[cfg(test)]
mod property_tests;
pub mod quorum;
pub mod record;
pub mod refusal;
pub mod removal;
pub mod remove;
#[cfg(test)]
mod return_table_tests;
pub mod room;
#[cfg(test)]
mod room_table_tests;
#[cfg(test)]
mod server_table_tests;
pub mod shell;
pub mod show;
pub mod storage_map;
#[cfg(test)]
mod table_fixture;
pub mod volume;
#[cfg(test)]
mod volume_table_tests;
pub mod want;
#[cfg(test)]
mod warning_table_tests;

use candidate::{Candidate, Mode};
use choose::Choice;
use feasibility::Way;
use load::Load;
use order::Placed;
use policy::Policy;
use record::{Action, Step};
use refusal::{Code, Refusal};
use want::Want;

/// A plan, and the memory of the nodes when it is carried out.
#[derive(Debug)]
pub struct Plan {
    /// What happens to each guest: what acts in the order of execution, then what is
    /// left, then what is blocked.
    pub steps: Vec<Step>,
    /// Memory given to running guests, node by node, now and afterwards, in bytes.
    pub memory: Vec<(u64, u64)>,
}

impl Plan {
    /// Whether a guest that should move cannot.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.action == Action::Blocked)
    }
}

/// Plans the moves that are wanted; `home` for a return, which goes in start-up order.
#[must_use]
pub fn plan(cluster: &Cluster<'_>, policy: &Policy, wants: &[Want], home: bool) -> Plan {
    let mut pairs = pair::pairs(cluster, policy);
    let mut candidates = Vec::new();
    let mut left = Vec::new();
    let forced = dragged_along(cluster, policy, wants);
    for want in wants {
        let Some(guest) = cluster.guest(want.vmid) else {
            continue;
        };
        match leave::reason(policy, guest, want) {
            Some(reason) if !forced.contains(&want.vmid) => left.push((guest, want, reason)),
            _ => {
                let pairs = pairs.remove(&guest.vmid).unwrap_or_default();
                candidates.push(Candidate::new(cluster, policy, guest, want, pairs));
            }
        }
    }
    block_bundles(&mut candidates);

    let bandwidth = estimate::bandwidth(cluster, policy);
    let (choices, load) = choose::choose(cluster, policy, &candidates, bandwidth.0);
    let mut targets: HashMap<u32, usize> = HashMap::new();
    let mut placed: Vec<Placed<'_, '_>> = Vec::new();
    let mut blocked: Vec<Step> = Vec::new();
    let mut refusals: HashMap<u32, &[(usize, Refusal)]> = HashMap::new();
    for (candidate, choice) in candidates.iter().zip(&choices) {
        match choice {
            Some(Choice {
                target: Some((node, way)),
                refused,
            }) => {
                targets.insert(candidate.guest.vmid, *node);
                refusals.insert(candidate.guest.vmid, refused);
                placed.push(Placed { candidate, way });
            }
            Some(choice) => blocked.push(no_target(cluster, candidate, choice)),
            None => blocked.push(cannot_move(cluster, candidate)),
        }
    }

    let (order, mut after) = order::order(&placed, home);
    let leaders = order::leaders(&placed);
    let context = Context {
        cluster,
        policy,
        bandwidth,
        load: &load,
    };
    let moves = order.iter().map(|&at| {
        let Placed { candidate, way } = &placed[at];
        let vmid = candidate.guest.vmid;
        Step {
            after: after.remove(&vmid).unwrap_or_default(),
            along: leaders.get(&vmid).copied(),
            ..context.step(candidate, way, targets[&vmid], refusals[&vmid])
        }
    });
    let mut steps: Vec<Step> = moves.collect();
    let left = left.into_iter().map(|(guest, want, reason)| Step {
        action: Action::Leave,
        reason,
        warnings: leave::warnings(cluster, policy, guest, want),
        returns: want.returns,
        ..bare(cluster, guest)
    });
    steps.extend(left);
    steps.append(&mut blocked);

    let now = Load::now(cluster);
    let memory = (0..cluster.nodes().len()).map(|node| {
        let gone = placed
            .iter()
            .filter(|item| item.candidate.source == Some(node));
        let gone = gone.map(|item| item.candidate.memory());
        let gone = gone.fold(0, u64::saturating_add);
        (now.memory(node), load.memory(node).saturating_sub(gone))
    });
    Plan {
        steps,
        memory: memory.collect(),
    }
}

struct Context<'c, 'a> {
    cluster: &'c Cluster<'a>,
    policy: &'c Policy,
    bandwidth: (u64, &'static str),
    load: &'c Load<'a>,
}

impl Context<'_, '_> {
    fn step(
        &self,
        candidate: &Candidate<'_>,
        way: &Way<'_>,
        node: usize,
        refused: &[(usize, Refusal)],
    ) -> Step {
        let (cluster, guest) = (self.cluster, candidate.guest);
        let action = match (candidate.managed, candidate.mode) {
            (Some(_), _) => Action::Ha,
            (None, Mode::Live) => Action::Live,
            (None, Mode::Restart) => Action::Restart,
            (None, Mode::Shutdown) => Action::Shutdown,
            (None, Mode::Offline) => Action::Offline,
        };
        let scarce = room::scarce(cluster, node, self.load);
        let scarce = scarce.filter(|_| guest.is_running());
        let timeout_s = match (action, candidate.mode) {
            (Action::Restart | Action::Shutdown, _) => {
                Some(candidate.config.down.unwrap_or(policy::SHUTDOWN_S))
            }
            _ => None,
        };
        Step {
            to: Some(cluster.name(node).to_owned()),
            action,
            reason: self.reason(candidate, way, node, refused),
            refused: records(cluster, refused),
            warnings: {
                let serving = candidate.serving();
                let all = way.warnings.iter().chain(&serving).chain(&scarce);
                all.map(Refusal::blocker).collect()
            },
            downtime_s: way.cost.downtime_s,
            duration_s: way.cost.duration_s,
            estimate: estimate::basis(candidate.mode, way.freight, self.bandwidth),
            bytes: way.cost.bytes,
            ha: candidate.managed.map(|resource| resource.sid.clone()),
            local_disks: way.local_disks && candidate.guest.kind == Kind::Qemu,
            targetstorage: way.storages.clone(),
            volumes: origin::volumes(candidate, !way.storages.is_empty()),
            timeout_s,
            digest: candidate.config.digest.clone(),
            returns: candidate.want.returns,
            ..bare(cluster, guest)
        }
    }

    fn reason(
        &self,
        candidate: &Candidate<'_>,
        way: &Way<'_>,
        node: usize,
        refused: &[(usize, Refusal)],
    ) -> String {
        let how = match (candidate.mode, candidate.managed.is_some()) {
            (Mode::Live, false) => "moves while it runs",
            (Mode::Live, true) => "the HA manager moves it while it runs",
            (Mode::Restart, false) => "a container is shut down, moved and started",
            (Mode::Restart, true) => {
                "the HA manager shuts it down (within 1m), moves and starts it"
            }
            (Mode::Shutdown, _) => "shut down, moved and started, as it can't move while it runs",
            (Mode::Offline, false) => "doesn't run, and stays so",
            (Mode::Offline, true) => "the HA manager moves it; it doesn't run, and stays so",
        };
        let name = self.cluster.name(node);
        let alone = refused
            .iter()
            .all(|(_, refusal)| refusal.code != Code::NotBest);
        let why = if way.freight.replica {
            format!("{name} has a replica")
        } else if alone {
            format!("only {name} can take it")
        } else {
            let limit = room::memory_limit(self.cluster, self.policy, node);
            let left = limit.saturating_sub(self.load.memory(node));
            format!(
                "{name} has the most memory left ({} after the plan)",
                human(left)
            )
        };
        format!("{how}; {why}")
    }
}

/// Guests that policy would leave, but that the HA manager moves along with another.
fn dragged_along(cluster: &Cluster<'_>, policy: &Policy, wants: &[Want]) -> HashSet<u32> {
    let wanted: HashMap<u32, &Want> = wants.iter().map(|want| (want.vmid, want)).collect();
    let moving = wants.iter().filter_map(|want| {
        let guest = cluster.guest(want.vmid)?;
        let managed = cluster.managed(&guest.sid())?;
        leave::reason(policy, guest, want)
            .is_none()
            .then_some((guest, managed))
    });
    moving
        .flat_map(|(guest, managed)| bundle::bundle(cluster, guest.vmid, &managed.sid, &guest.node))
        .filter(|vmid| wanted.get(vmid).is_some_and(|want| want.leave.is_none()))
        .collect()
}

/// What HA keeps together moves together or not at all.
fn block_bundles(candidates: &mut [Candidate<'_>]) {
    if candidates
        .iter()
        .all(|candidate| candidate.bundle.is_empty())
    {
        return;
    }
    let free: HashMap<u32, bool> = candidates
        .iter()
        .map(|candidate| (candidate.guest.vmid, candidate.blockers.is_empty()))
        .collect();
    for candidate in candidates {
        let tied = candidate
            .bundle
            .iter()
            .find_map(|other| match free.get(other) {
                Some(true) => None,
                Some(false) if *other == candidate.guest.vmid => None,
                Some(false) => Some(format!("HA keeps it with {other}, which cannot move")),
                None => Some(format!("HA would move {other} along, which is not to move")),
            });
        if let Some(what) = tied {
            candidate.blockers.push(Refusal::new(Code::Bundle, what));
        }
    }
}

fn cannot_move(cluster: &Cluster<'_>, candidate: &Candidate<'_>) -> Step {
    let blockers: Vec<_> = candidate.blockers.iter().map(Refusal::blocker).collect();
    let first = candidate.blockers.first();
    Step {
        action: Action::Blocked,
        reason: first
            .map(|refusal| refusal.message.clone())
            .unwrap_or_default(),
        blockers,
        ha: candidate.managed.map(|resource| resource.sid.clone()),
        digest: candidate.config.digest.clone(),
        returns: candidate.want.returns,
        ..bare(cluster, candidate.guest)
    }
}

/// No node takes it: if all have the same reason, that is the blocker.
fn no_target(cluster: &Cluster<'_>, candidate: &Candidate<'_>, choice: &Choice<'_>) -> Step {
    let own = |(_, refusal): &&(usize, Refusal)| {
        // Nodes that are no question at all explain nothing.
        !matches!(
            refusal.code,
            Code::NotChosen | Code::Offline | Code::Maintenance
        )
    };
    let telling: Vec<&(usize, Refusal)> = choice.refused.iter().filter(own).collect();
    let blocker = match telling.as_slice() {
        [] => Refusal::new(Code::NoTarget, "there is no other node that could take it"),
        [(_, first), rest @ ..] if rest.iter().all(|(_, other)| other.code == first.code) => {
            first.clone()
        }
        all => {
            let reasons = all
                .iter()
                .map(|(node, refusal)| format!("{}: {}", cluster.name(*node), refusal.message));
            let reasons: Vec<String> = reasons.collect();
            Refusal::new(Code::NoTarget, reasons.join("; "))
        }
    };
    Step {
        refused: records(cluster, &choice.refused),
        reason: format!("no node can take it: {}", blocker.message),
        blockers: vec![blocker.blocker()],
        ..cannot_move(cluster, candidate)
    }
}

fn records(cluster: &Cluster<'_>, refused: &[(usize, Refusal)]) -> Vec<record::RefusedNode> {
    let records = refused
        .iter()
        .map(|(node, refusal)| refusal.of_node(cluster.name(*node)));
    records.collect()
}

fn bare(cluster: &Cluster<'_>, guest: &Guest) -> Step {
    Step {
        vmid: guest.vmid,
        kind: guest.kind,
        name: guest.name.clone(),
        from: guest.node.clone(),
        to: None,
        after: Vec::new(),
        action: Action::Leave,
        reason: String::new(),
        refused: Vec::new(),
        blockers: Vec::new(),
        warnings: Vec::new(),
        downtime_s: 0,
        duration_s: 0,
        estimate: String::new(),
        bytes: 0,
        // Of what is not known it is taken that it runs: such a guest is never moved.
        was_running: guest.is_running() || guest.is_unknown(),
        was_paused: guest.is_paused(),
        ha: None,
        along: None,
        local_disks: false,
        targetstorage: std::collections::BTreeMap::new(),
        volumes: std::collections::BTreeMap::new(),
        timeout_s: None,
        digest: None,
        returns: false,
        cluster: cluster.state.cluster.name.clone(),
        state_at: cluster.state.at,
    }
}
