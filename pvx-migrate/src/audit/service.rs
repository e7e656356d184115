//! What the site promises of its services, and whether it can be kept.

use serde_json::json;
use vmid::site::Service;

use super::{
    context::Context,
    found::{Found, info, warning},
    guest::Audited,
};
use crate::{
    cluster::Cluster,
    plan::{
        feasibility,
        policy::BANDWIDTH,
        refusal::{Code, Refusal},
        want::Want,
    },
    state::Kind,
};

/// What Proxmox's HA takes from the loss of a node to the start elsewhere, in seconds, at the least
/// ("about 2 minutes", ha-manager.adoc: fencing waits for the lock of the lost node).
const HA_RESTART_S: u64 = 120;

/// What is promised of a service and is not so. `guests` are those that it runs on.
#[must_use]
pub fn findings(context: &Context<'_>, service: &Service, guests: &[&Audited<'_>]) -> Vec<Found> {
    let name = &service.name;
    if guests.is_empty() {
        let message = format!("no guest here is the service {name}");
        let evidence =
            json!({"vmid": service.vmid, "pair": service.pair, "addresses": service.addresses});
        return vec![context.missing_guest("service-missing", message, evidence)];
    }
    let mut found = Vec::new();
    for guest in guests {
        found.extend(drift(service, guest));
        found.extend(live(context, service, guest));
        found.extend(maintenance(context, service, guest));
    }
    found.extend(promise(context, service, guests));
    found
}

/// It lives as what the site doesn't have it as.
fn drift(service: &Service, guest: &Audited<'_>) -> Option<Found> {
    let (is, wanted) = (guest.guest.kind.as_str(), service.kind.as_deref()?);
    let (vmid, called) = (guest.guest.vmid, &guest.guest.name);
    let message = format!("{called} ({vmid}) is of type {is}, and the site has it as {wanted}");
    let evidence = json!({"vmid": vmid, "type": is, "wanted": wanted});
    (is != wanted).then(|| warning("type-drift", message, evidence, &["state", "site"]))
}

/// Why it should move without a pause, if it should.
fn wants_live(service: &Service) -> Option<&'static str> {
    match (service.ha.as_deref(), service.maintenance_s) {
        (Some("failover-live"), _) => Some("ha is failover-live"),
        // A pair has the other member meanwhile.
        (_, Some(0)) if service.pair.is_none() => Some("maintenance_s is 0"),
        _ => None,
    }
}

/// It should move without a pause.
fn live(context: &Context<'_>, service: &Service, guest: &Audited<'_>) -> Option<Found> {
    let why = wants_live(service)?;
    let (vmid, called) = (guest.guest.vmid, &guest.guest.name);
    let (message, nodes) = match guest.guest.kind {
        Kind::Lxc => (
            "a container is shut down, moved and started, never moved while it runs".to_owned(),
            Vec::new(),
        ),
        Kind::Qemu => against_live(context, guest)?,
    };
    let message = format!("{why}, and {called} ({vmid}) can't: {message}");
    let evidence = json!({"vmid": vmid, "promised": why, "nodes": nodes});
    Some(warning(
        "live-impossible",
        message,
        evidence,
        &["state", "site"],
    ))
}

/// What keeps a VM from moving while it runs: something of its own, or something at each node.
fn against_live(
    context: &Context<'_>,
    guest: &Audited<'_>,
) -> Option<(String, Vec<serde_json::Value>)> {
    guest.fields.as_ref()?; // told already
    let cluster: &Cluster<'_> = context.cluster;
    let want = Want::default();
    let candidate = guest.candidate(context, &want);
    let mut own = candidate.blockers.iter().filter(|blocker| ties(blocker));
    if let Some(first) = own.next() {
        return Some((first.message.clone(), Vec::new()));
    }
    let others = (0..cluster.nodes().len()).filter(|node| Some(*node) != candidate.source);
    let mut against = Vec::new();
    for node in others {
        match feasibility::judge(cluster, context.policy, &candidate, node, BANDWIDTH) {
            Ok(way) if way.startable => return None,
            Ok(way) => against.extend(way.warnings.into_iter().next().map(|lack| (node, lack))),
            // Whether it can is not what was promised of this moment.
            Err(refusal) if refusal.code == Code::Unseen => return None,
            Err(refusal) => against.push((node, refusal)),
        }
    }
    let told = against.iter().map(|(node, refusal)| {
        json!({"node": cluster.name(*node), "code": refusal.code.as_str(), "message": refusal.message})
    });
    let told = told.collect();
    let first = against
        .first()
        .map_or("there is no other node", |(_, refusal)| &refusal.message);
    Some((first.to_owned(), told))
}

/// The longest time without it while its node is emptied, against what a plan would say of its move.
fn maintenance(context: &Context<'_>, service: &Service, guest: &Audited<'_>) -> Option<Found> {
    let promised = service.maintenance_s.filter(|promised| *promised > 0)?;
    if service.pair.is_some() || !guest.guest.is_running() {
        return None; // the other member stands in; nobody misses it
    }
    guest.fields.as_ref()?; // told already
    let cluster: &Cluster<'_> = context.cluster;
    let want = Want::default();
    let candidate = guest.candidate(context, &want);
    let mut own = candidate.blockers.iter().filter(|blocker| ties(blocker));
    let (what, takes) = match own.next() {
        Some(first) => (format!("it can't be moved: {}", first.message), None),
        None => {
            let others = (0..cluster.nodes().len()).filter(|node| Some(*node) != candidate.source);
            let ways = others.filter_map(|node| {
                feasibility::judge(cluster, context.policy, &candidate, node, BANDWIDTH).ok()
            });
            let takes = ways.map(|way| way.cost.downtime_s).min()?;
            if takes <= promised {
                return None;
            }
            (format!("its move takes {takes} s by estimate"), Some(takes))
        }
    };
    let (vmid, called) = (guest.guest.vmid, &guest.guest.name);
    let message = format!(
        "{promised} s without it are promised while its node is emptied, and of {called} ({vmid}) {what}"
    );
    let evidence = json!({"vmid": vmid, "maintenance_s": promised, "takes_s": takes});
    Some(warning("sla", message, evidence, &["state", "site"]))
}

/// What ties a VM to its node while it runs.
fn ties(refusal: &Refusal) -> bool {
    use Code::{
        ForeignVolume, LinkedClone, LocalDevice, LocalImage, LocalPath, MappedDevice, OnlyStopped,
        Snapshots,
    };
    matches!(
        refusal.code,
        ForeignVolume
            | LinkedClone
            | LocalDevice
            | LocalImage
            | LocalPath
            | MappedDevice
            | OnlyStopped
            | Snapshots
    )
}

/// The longest time without it after the loss of a node.
fn promise(context: &Context<'_>, service: &Service, guests: &[&Audited<'_>]) -> Option<Found> {
    let promised = service.sla_s?;
    let pair = service.pair.as_ref();
    let pair = pair.and_then(|name| context.policy.pairs.iter().find(|pair| pair.name == *name));
    let (message, takes) = match pair {
        // Without an address that moves, clients have all of them, and nothing takes time.
        Some(pair) if pair.vip.is_none() && pair.rto_s.is_none() => return None,
        Some(pair) if pair.rto_s.is_none() => return Some(untold(service, &pair.name, promised)),
        Some(pair) => {
            let takes = pair.rto_s.filter(|takes| *takes > promised as f64)?;
            let what = format!(
                "the pair {} takes {takes} s to move by its rto_s",
                pair.name
            );
            (what, json!(takes))
        }
        None if guests.iter().all(|guest| guest.managed.is_none()) => {
            context.cluster.state.ha.as_ref()?; // told already
            let what = "it is neither on a pair nor under HA: it is back when its node is, or somebody restores it";
            (what.to_owned(), json!(null))
        }
        None if promised < HA_RESTART_S => {
            let what = format!("HA alone takes {HA_RESTART_S} s until it starts a guest elsewhere");
            (what, json!(HA_RESTART_S))
        }
        None => return None,
    };
    let message =
        format!("{promised} s without it are promised after the loss of a node, and {message}");
    let evidence = json!({"sla_s": promised, "takes_s": takes});
    Some(warning("sla", message, evidence, &["state", "site"]))
}

/// Whether a pair moves in time is not known, where the site doesn't say how long it takes.
fn untold(service: &Service, pair: &str, promised: u64) -> Found {
    let message = format!(
        "{promised} s without it are promised after the loss of a node, and the site has no rto_s of the pair {pair}: whether it moves in time is not known"
    );
    let evidence =
        json!({"sla_s": promised, "takes_s": null, "service": service.name, "pair": pair});
    info("sla", message, evidence, &["site"])
}
