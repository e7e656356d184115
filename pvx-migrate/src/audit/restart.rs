//! Whether HA could start a guest on another node when its own is gone: by its rules, its disks and
//! what it needs of the node. Memory is another question (`plan lost`).

use super::{context::Context, guest::Audited};
use crate::{
    cluster::Cluster,
    config::{Config, Volume},
    plan::{
        candidate::Candidate,
        ha, needs,
        refusal::{Code, Refusal},
    },
    state::HaRule,
};

/// The other nodes on which the rules let the HA manager start it, by their places; of nodes that
/// are off now it is the same.
#[must_use]
pub fn allowed(cluster: &Cluster<'_>, guest: &Audited<'_>) -> Vec<usize> {
    let sid = guest.guest.sid();
    let others = (0..cluster.nodes().len()).filter(|node| cluster.name(*node) != guest.guest.node);
    let may = |node: &usize| {
        let name = cluster.name(*node);
        cluster.rules(&sid).iter().all(|rule| match rule {
            HaRule::ResourceAffinity { .. } => true, // below
            HaRule::NodeAffinity {
                nodes,
                negative: true,
                ..
            } => !nodes.contains_key(name),
            HaRule::NodeAffinity {
                nodes,
                strict: true,
                ..
            } => nodes.contains_key(name),
            HaRule::NodeAffinity { .. } => true,
        })
    };
    let mut allowed: Vec<usize> = others.filter(may).collect();
    for rule in cluster.rules(&sid) {
        by_resources(cluster, rule, guest, &mut allowed);
    }
    allowed
}

/// What is to be apart from it is in its way where it is; what is to be with it, and was not lost with
/// it, draws it there.
fn by_resources(cluster: &Cluster<'_>, rule: &HaRule, guest: &Audited<'_>, left: &mut Vec<usize>) {
    let HaRule::ResourceAffinity {
        resources,
        negative,
        ..
    } = rule
    else {
        return;
    };
    let others = resources.iter().filter_map(|sid| cluster.guest_of(sid));
    let others = others.filter(|other| other.node != guest.guest.node);
    let nodes = others.filter_map(|other| cluster.node(&other.node));
    ha::beside(left, nodes, *negative);
}

/// Whether it could be started there.
///
/// # Errors
///
/// What is against it.
pub fn starts(
    context: &Context<'_>,
    candidate: &Candidate<'_>,
    node: usize,
) -> Result<(), Refusal> {
    let cluster = context.cluster;
    let target = &cluster.nodes()[node];
    let name = &target.node;
    if !target.online {
        return Err(Refusal::new(
            Code::Offline,
            format!("{name} does not answer"),
        ));
    }
    if target.maintenance {
        let what = format!("the HA manager has {name} in maintenance");
        return Err(Refusal::new(Code::Maintenance, what));
    }
    let config = &candidate.config;
    for volume in needed(&config.volumes) {
        disk(cluster, candidate, volume, name)?;
    }
    for (key, image) in &config.images {
        let storage = image
            .split_once(':')
            .and_then(|(id, _)| cluster.storage(id));
        if storage.is_none_or(|storage| !storage.shared) {
            let what = format!("{key}: {image} is not known to be at {name}");
            return Err(Refusal::new(Code::LocalImage, what));
        }
    }
    if let Some((key, path)) = config.paths.first() {
        let what = format!("{key}: whether {name} has {path} is not known");
        return Err(Refusal::new(Code::LocalPath, what));
    }
    if let Some(key) = config.local_devices.first() {
        let what = format!(
            "{key} is a device of its node, without a mapping: {name} is not known to have it"
        );
        return Err(Refusal::new(Code::LocalDevice, what));
    }
    let check = candidate.precondition.as_ref();
    let against = check.and_then(|check| check.not_allowed_nodes.get(name));
    if let Some(mapping) = against.and_then(|against| against.unavailable_resources.first()) {
        let what = format!("{name} has no entry for {mapping}");
        return Err(Refusal::new(Code::Mapping, what));
    }
    match needs::lacks(cluster, context.policy, candidate, node)
        .into_iter()
        .next()
    {
        Some(lack) => Err(lack),
        None => Ok(()),
    }
}

/// The volumes that it can't start without and that are on storage of its node.
pub fn local<'c>(cluster: &'c Cluster<'_>, config: &'c Config) -> impl Iterator<Item = &'c Volume> {
    needed(&config.volumes).filter(|volume| {
        let storage = cluster.storage(&volume.storage);
        storage.is_some_and(|storage| !storage.shared)
    })
}

/// The volumes that it can't start without; cloud-init drives are made anew.
pub fn needed(volumes: &[Volume]) -> impl Iterator<Item = &Volume> {
    let in_use =
        |volume: &&Volume| !volume.key.starts_with("unused") && !volume.name.contains("cloudinit");
    volumes.iter().filter(in_use)
}

/// A disk is at a node: on storage that all share, or as a replica.
fn disk(
    cluster: &Cluster<'_>,
    candidate: &Candidate<'_>,
    volume: &Volume,
    node: &str,
) -> Result<(), Refusal> {
    let (key, volid) = (&volume.key, volume.volid());
    let Some(storage) = cluster.storage(&volume.storage) else {
        let what = format!("{key}: storage {} is not in the state", volume.storage);
        return Err(Refusal::new(Code::Unseen, what));
    };
    if !storage.nodes.contains_key(node) {
        let what = format!("{key}: {} is not at {node}", storage.storage);
        return Err(Refusal::new(Code::Storage, what));
    }
    if storage.shared {
        return Ok(());
    }
    if volume.unreplicated {
        let what = format!("{key}: {volid} is left out of replication");
        return Err(Refusal::new(Code::Replication, what));
    }
    if candidate.replicas.contains(&node) {
        return Ok(());
    }
    let what = format!("{key}: {volid} is on {} alone", candidate.guest.node);
    Err(Refusal::new(Code::Replication, what))
}
