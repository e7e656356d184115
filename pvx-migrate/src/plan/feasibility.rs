//! One guest to one node: possible, and at what cost, or refused, and why.
//!
//! [`judge`] asks what does not change while a plan grows, [`fits`] what does.

use std::{collections::BTreeMap, time::Duration};

use vmid::span;

use super::{
    candidate::{Candidate, Mode},
    estimate::{self, Cost, Freight},
    ha,
    load::Load,
    needs, origin,
    policy::Policy,
    processor,
    refusal::{Code, Refusal},
    room::{has_memory, has_space, keeps_free},
    volume,
};
use crate::{cluster::Cluster, permission, state::Kind};

/// A way to a node.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// What it costs.
    pub cost: Cost,
    /// What is sent.
    pub freight: Freight,
    /// Bytes for each storage of the target.
    pub arrives: Vec<(&'a str, u64)>,
    /// Storages that are exchanged.
    pub storages: BTreeMap<String, String>,
    /// Volumes of the node go along.
    pub local_disks: bool,
    /// The guest could start there.
    pub startable: bool,
    /// What should be known, though nothing is against it.
    pub warnings: Vec<Refusal>,
}

/// Whether `candidate` can move to `node`, as far as other moves don't matter.
///
/// # Errors
///
/// The first rule that is against it.
pub fn judge<'a>(
    cluster: &Cluster<'a>,
    policy: &Policy,
    candidate: &Candidate<'a>,
    node: usize,
    bandwidth: u64,
) -> Result<Way<'a>, Refusal> {
    let target = &cluster.nodes()[node];
    let name = &target.node[..];
    let refuse = |code, message: String| Err(Refusal::new(code, message));
    if let Some(only) = &candidate.want.only
        && !only.nodes.iter().any(|allowed| allowed == name)
    {
        return refuse(Code::NotChosen, only.because.clone());
    }
    if !target.online {
        return refuse(Code::Offline, format!("{name} does not answer"));
    }
    if target.maintenance {
        let what = format!("the HA manager has {name} in maintenance");
        return refuse(Code::Maintenance, what);
    }
    if target.maxmem == 0 {
        return refuse(
            Code::Unseen,
            format!("the memory of {name} is not in the state"),
        );
    }
    ha::allows(cluster, candidate, node)?;
    replication(candidate, name)?;
    mappings(candidate, name)?;
    let mut way = volumes(cluster, policy, candidate, node, bandwidth)?;
    let lacks = needs::lacks(cluster, policy, candidate, node);
    if let Some(first) = lacks.first() {
        if candidate.guest.is_running() {
            let all: Vec<&str> = lacks.iter().map(|lack| &lack.message[..]).collect();
            return refuse(first.code, all.join("; "));
        }
        // It moves; but there it could not be started.
        way.startable = false;
        way.warnings.extend(lacks);
    }
    way.warnings
        .extend(processor::fits(cluster, candidate, node)?);
    way.warnings.extend(version(cluster, candidate, node)?);
    way.warnings.extend(ha::comes_back(cluster, candidate));
    way.warnings
        .extend(needs::does_without(policy, candidate, name));
    if let Some(args) = &candidate.config.args {
        let what = format!(
            "args: {args:?} goes to QEMU as it is; whether {name} has what it names is not looked at"
        );
        way.warnings.push(Refusal::new(Code::Args, what));
    }
    if !way.storages.is_empty() {
        rights(cluster, candidate, &way)?;
    }
    let downtime = Duration::from_secs(way.cost.downtime_s);
    if let Some(limit) = policy.max_downtime.filter(|limit| downtime > *limit) {
        let what = format!(
            "it would be down for {}, and --max-downtime is {}",
            span::shown(downtime),
            span::written(limit)
        );
        return refuse(Code::Downtime, what);
    }
    Ok(way)
}

/// Whether there is room at `node`, and nobody there it must be apart from, as things
/// stand in `load`.
///
/// # Errors
///
/// The first rule that is against it.
pub fn fits<'a>(
    cluster: &Cluster<'a>,
    policy: &Policy,
    candidate: &Candidate<'_>,
    way: &Way<'a>,
    node: usize,
    load: &Load<'a>,
) -> Result<(), Refusal> {
    for (pair, others) in &candidate.pairs {
        let there = others
            .iter()
            .find(|&&other| load.place(other) == Some(node));
        if let Some(other) = there {
            let what = cluster.guest(*other).map_or("", |guest| &guest.name[..]);
            let what = format!("{what} ({other}) of the pair {pair} is there");
            return Err(Refusal::new(Code::Pair, what));
        }
    }
    ha::fits(cluster, candidate, node, load)?;
    has_memory(cluster, policy, candidate.memory(), node, load)?;
    keeps_free(cluster, policy, candidate.guest, node, load)?;
    for &(storage, bytes) in &way.arrives {
        has_space(cluster, storage, bytes, node, load)?;
    }
    Ok(())
}

/// A replicated VM that runs moves only to where a job sends it (PVE answers 500 else), and no
/// VM to where a job is being removed. Of a container PVE carries the removal out on the way.
fn replication(candidate: &Candidate<'_>, name: &str) -> Result<(), Refusal> {
    if candidate.guest.kind != Kind::Qemu {
        return Ok(());
    }
    let (jobs, removed) = (&candidate.replicas, &candidate.removed_replicas);
    if removed.contains(&name) {
        let what =
            format!("its replication job to {name} is being removed: plan again when that is done");
        return Err(Refusal::new(Code::ReplicationRemoved, what));
    }
    if candidate.mode != Mode::Live || jobs.contains(&name) {
        return Ok(());
    }
    if !jobs.is_empty() {
        let jobs = jobs.join(", ");
        let what = format!("it is replicated to {jobs}, so it moves live only there");
        return Err(Refusal::new(Code::Replication, what));
    }
    match removed.is_empty() {
        true => Ok(()),
        false => {
            // PVE::ReplicationConfig counts a job until it is gone.
            let removed = removed.join(", ");
            let what = format!(
                "its replication job to {removed} is being removed, and it moves live nowhere until that is done"
            );
            Err(Refusal::new(Code::ReplicationRemoved, what))
        }
    }
}

/// Mapped devices that the target has no entry for; PVE's own check knows.
fn mappings(candidate: &Candidate<'_>, name: &str) -> Result<(), Refusal> {
    // A VM without a check is not asked where to.
    let check = candidate.precondition.as_ref();
    let Some(against) = check.and_then(|check| check.not_allowed_nodes.get(name)) else {
        return Ok(());
    };
    if !against.unavailable_resources.is_empty() {
        let what = format!(
            "{name} has no entry for {}",
            against.unavailable_resources.join(", ")
        );
        return Err(Refusal::new(Code::Mapping, what));
    }
    if !against.blocking_ha_resources.is_empty() && candidate.managed.is_some() {
        let what = format!("PVE's check: other HA resources keep it away from {name}");
        return Err(Refusal::new(Code::HaRule, what));
    }
    Ok(())
}

fn volumes<'a>(
    cluster: &Cluster<'a>,
    policy: &Policy,
    candidate: &Candidate<'a>,
    node: usize,
    bandwidth: u64,
) -> Result<Way<'a>, Refusal> {
    let live = candidate.mode == Mode::Live;
    let mut arrives: Vec<(&'a str, u64)> = Vec::new();
    let mut storages = BTreeMap::new();
    let mut sent = 0_u64;
    let mut warnings = Vec::new();
    let kept = origin::kept(cluster, policy, candidate, node, live);
    for volume in &candidate.config.volumes {
        let journey = volume::travel(cluster, policy, candidate, volume, node, live, &kept)?;
        warnings.extend(origin::away(candidate, volume, journey.storage));
        if !journey.sent {
            continue;
        }
        let id = &journey.storage.storage[..];
        if id != volume.storage {
            storages.insert(volume.storage.clone(), id.to_owned());
        }
        let bytes = candidate.bytes(cluster, volume);
        sent = sent.saturating_add(bytes);
        match arrives.iter_mut().find(|(known, _)| *known == id) {
            Some((_, sum)) => *sum = sum.saturating_add(bytes),
            None => arrives.push((id, bytes)),
        }
    }
    for (key, image) in &candidate.config.images {
        let storage = image
            .split_once(':')
            .and_then(|(id, _)| cluster.storage(id));
        let name = cluster.name(node);
        if storage.is_some_and(|storage| !storage.nodes.contains_key(name)) {
            let what = format!("{key}: the storage of {image} is not at {name}");
            return Err(Refusal::new(Code::Storage, what));
        }
    }
    let replica = candidate.replicas.contains(&cluster.name(node));
    let freight = Freight {
        volumes: sent,
        memory: if live { candidate.memory() } else { 0 },
        replica,
        ha: candidate.managed.is_some(),
    };
    let local_disks = !arrives.is_empty();
    if replica {
        arrives.clear(); // the space is taken already
    }
    Ok(Way {
        cost: estimate::cost(candidate.mode, freight, bandwidth),
        freight,
        arrives,
        storages,
        local_disks,
        startable: true,
        warnings,
    })
}

/// PVE supports moves to the same version or a newer one; a live one may break otherwise.
/// Between patch levels (9.1.3 and 9.1.2) it lets an admin try, so that is a warning.
fn version(
    cluster: &Cluster<'_>,
    candidate: &Candidate<'_>,
    node: usize,
) -> Result<Option<Refusal>, Refusal> {
    let numbers = |version: &str| -> Vec<u64> {
        let parts = version.split(['.', '-', '~']);
        parts.map_while(|part| part.parse().ok()).collect()
    };
    let target = &cluster.nodes()[node];
    let source = candidate.source.map(|node| &cluster.nodes()[node]);
    let (Some(here), Some(there)) = (
        source.and_then(|node| node.pve.as_deref()),
        target.pve.as_deref(),
    ) else {
        if candidate.mode == Mode::Live {
            let what = format!("the version of PVE at {} is not in the state", target.node);
            return Err(Refusal::new(Code::Unseen, what));
        }
        return Ok(None);
    };
    let (from, to) = (numbers(here), numbers(there));
    let counts = match candidate.mode {
        Mode::Live => 2,
        _ => 1,
    };
    if to.iter().take(counts).lt(from.iter().take(counts)) {
        let what = format!("{} has PVE {there}, older than {here}", target.node);
        return Err(Refusal::new(Code::Version, what));
    }
    let warning = (candidate.mode == Mode::Live && to < from).then(|| {
        let what = format!(
            "{} has PVE {there}, a patch level older than {here}: PVE allows that, but supports moves to the same or a newer one only",
            target.node
        );
        Refusal::new(Code::Version, what)
    });
    Ok(warning)
}

/// To name a storage takes more rights than to move.
fn rights(cluster: &Cluster<'_>, candidate: &Candidate<'_>, way: &Way<'_>) -> Result<(), Refusal> {
    let Some(table) = &cluster.state.permissions else {
        return Ok(());
    };
    let (vmid, pool) = (candidate.guest.vmid, candidate.guest.pool.as_deref());
    if !permission::has_on_guest(table, vmid, pool, "VM.Config.Disk") {
        let what = format!("to exchange storages the token lacks VM.Config.Disk on /vms/{vmid}");
        return Err(Refusal::new(Code::Permission, what));
    }
    for storage in way.storages.values() {
        let path = format!("/storage/{storage}");
        if !permission::has(table, &path, "Datastore.AllocateSpace") {
            let what = format!("the token lacks Datastore.AllocateSpace on {path}");
            return Err(Refusal::new(Code::Permission, what));
        }
    }
    Ok(())
}
