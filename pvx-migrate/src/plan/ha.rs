//! What the HA manager would do with a request: obey, ignore it, or undo it.
//!
//! PVE accepts requests that its manager then drops or reverts (failback), so the rules are
//! applied here, as select_service_node does it. Of a sibling at the target it says so in the
//! task since ha-manager 5.2.0 ("in negative affinity with resource"), before nothing; one that
//! is only on its way there it doesn't count: both arrive, and both are thrown out again.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    candidate::Candidate,
    load::Load,
    refusal::{Code, Refusal},
};
use crate::{cluster::Cluster, state::HaRule};

/// What a rule of resource affinity leaves of the nodes, where the rule's other resources are: none of
/// theirs, or the one that most of them are on, of as many the first.
pub fn beside(left: &mut Vec<usize>, others: impl Iterator<Item = usize>, negative: bool) {
    let mut there: BTreeMap<usize, usize> = BTreeMap::new();
    for node in others {
        *there.entry(node).or_default() += 1;
    }
    if negative {
        left.retain(|node| !there.contains_key(node));
        return;
    }
    let most = there
        .iter()
        .max_by_key(|(node, count)| (**count, Reverse(**node)));
    if let Some((most, _)) = most {
        left.retain(|node| node == most);
    }
}

/// Whether the manager would let a resource go to `node` and stay there.
///
/// # Errors
///
/// The rule that is against it.
pub fn allows(
    cluster: &Cluster<'_>,
    candidate: &Candidate<'_>,
    node: usize,
) -> Result<(), Refusal> {
    let Some(resource) = candidate.managed else {
        return Ok(());
    };
    let target = cluster.name(node);
    for rule in cluster.rules(&resource.sid) {
        let HaRule::NodeAffinity {
            rule,
            nodes,
            strict,
            negative,
            ..
        } = rule
        else {
            continue;
        };
        let listed: Vec<&str> = nodes.keys().map(|node| &node[..]).collect();
        let listed = listed.join(", ");
        if *negative {
            if nodes.contains_key(target) {
                let what = format!("{rule} keeps {} away from {listed}", resource.sid);
                return Err(Refusal::new(Code::HaRule, what));
            }
            continue;
        }
        if *strict && !nodes.contains_key(target) {
            let what = format!("{rule} keeps {} on {listed}", resource.sid);
            return Err(Refusal::new(Code::HaRule, what));
        }
        // Of the rule's nodes those count that the manager could use now; the one that is
        // to be drained is among them as long as it is not in maintenance.
        let usable = nodes.iter().filter(|(name, _)| {
            let node = cluster.node(name).map(|at| &cluster.nodes()[at]);
            node.is_some_and(|node| node.online && !node.maintenance)
        });
        let best = usable.clone().map(|(_, priority)| *priority).max();
        let preferred = |name: &str| best.is_none() || nodes.get(name).copied() == best;
        if resource.failback && !preferred(target) {
            let better: Vec<&str> = usable
                .filter(|(_, priority)| Some(**priority) == best)
                .map(|(name, _)| &name[..])
                .collect();
            let sid = &resource.sid;
            // Before rules a resource has no failback; its group has.
            let off = match rule.strip_prefix("group ") {
                Some(group) => format!("ha-manager groupset {group} --nofailback 1"),
                None => format!("ha-manager set {sid} --failback 0"),
            };
            let what = format!(
                "{rule} prefers {}, so the HA manager would bring {sid} back from {target}: switch that off first ('{off}')",
                better.join(", ")
            );
            return Err(Refusal::new(Code::HaFailback, what));
        }
    }
    Ok(())
}

/// What is told of a resource that leaves while a node is in maintenance: the manager remembers
/// what that node gave away, and brings it back at the end, wherever it was moved meanwhile. Which
/// those are, its status does not say.
#[must_use]
pub fn comes_back(cluster: &Cluster<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let resource = candidate.managed?;
    let away = cluster.nodes().iter().filter(|node| node.maintenance);
    let away: Vec<&str> = away.map(|node| &node.node[..]).collect();
    let what = format!(
        "{0} is in maintenance: if {1} was moved away from there, the HA manager moves it back when that ends, wherever it is then",
        away.join(", "),
        resource.sid
    );
    (!away.is_empty()).then(|| Refusal::new(Code::Maintenance, what))
}

/// Whether the resources that must be elsewhere, or with it, are, as things stand in `load`.
///
/// # Errors
///
/// The resource and the rule that are against it.
pub fn fits(
    cluster: &Cluster<'_>,
    candidate: &Candidate<'_>,
    node: usize,
    load: &Load<'_>,
) -> Result<(), Refusal> {
    let Some(resource) = candidate.managed else {
        return Ok(());
    };
    for rule in cluster.rules(&resource.sid) {
        let HaRule::ResourceAffinity {
            rule,
            resources,
            negative,
        } = rule
        else {
            continue;
        };
        for other in resources.iter().filter(|sid| **sid != resource.sid) {
            let Some(guest) = cluster.guest_of(other) else {
                continue;
            };
            let at = load.place(guest.vmid);
            if *negative && at == Some(node) {
                let what = format!("{rule} keeps it apart from {other}, which is there");
                return Err(Refusal::new(Code::HaRule, what));
            }
            // One that moves with it is wherever it is.
            let together = candidate.bundle.contains(&guest.vmid);
            if !negative && !together && at.is_some_and(|at| at != node) {
                let at = at.map_or("", |at| cluster.name(at));
                let what = format!("{rule} keeps it with {other}, which is on {at}");
                return Err(Refusal::new(Code::HaRule, what));
            }
        }
    }
    Ok(())
}
