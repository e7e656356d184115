//! What the site wants of HA, what the HA manager was told, and what it could do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    context::Context,
    found::{Found, critical, unseen, warning},
    guest::Audited,
    restart,
};
use crate::{
    config::Volume,
    plan::{refusal::Code, want::Want},
    state::{HaResource, HaRule},
};

/// So many nodes are told in the evidence, of however many.
const TOLD: usize = 4;

/// What the site says of a guest and HA, and where it does.
enum Wanted {
    Yes(String),
    No(String),
    Unsaid,
}

/// What is wrong with a guest's HA.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Vec<Found> {
    let Some(ha) = &context.cluster.state.ha else {
        return Vec::new(); // told of the cluster
    };
    let sid = guest.guest.sid();
    let wanted = wanted(context, guest);
    let resource = ha.resources.iter().find(|resource| resource.sid == sid);
    match (resource, wanted) {
        (None, Wanted::Yes(why)) => {
            let message = format!(
                "{why}, and {sid} is no resource of the HA manager: nobody starts it when its node is lost"
            );
            let evidence = json!({"sid": sid, "wanted": why});
            vec![warning("ha-missing", message, evidence, &["state", "site"])]
        }
        (None, _) => Vec::new(),
        (Some(resource), wanted) => managed(context, guest, resource, &wanted),
    }
}

/// By its services; else by the list of the site's HA resources.
fn wanted(context: &Context<'_>, guest: &Audited<'_>) -> Wanted {
    let said = |service: &&vmid::site::Service| {
        let ha = service.ha.as_deref()?;
        Some((
            format!("the service {} has ha {ha}", service.name),
            ha.starts_with("failover"),
        ))
    };
    let mut said: Vec<(String, bool)> = guest.services.iter().filter_map(said).collect();
    said.sort_by_key(|(_, failover)| !failover);
    let sid = guest.guest.sid();
    let list = context.site_ha();
    let listed = list.is_some_and(|ha| ha.resources.iter().any(|resource| resource.sid == sid));
    match said.into_iter().next() {
        Some((why, true)) => Wanted::Yes(why),
        _ if listed => Wanted::Yes("the site has it among ha.resources".to_owned()),
        Some((why, false)) => Wanted::No(why),
        None if list.is_some() => {
            Wanted::No("neither ha.resources nor a service of the site names it".to_owned())
        }
        None => Wanted::Unsaid,
    }
}

fn managed(
    context: &Context<'_>,
    guest: &Audited<'_>,
    resource: &HaResource,
    wanted: &Wanted,
) -> Vec<Found> {
    let sid = &resource.sid;
    let mut found = Vec::new();
    if resource.crm_state.as_deref() == Some("error") {
        let message = format!(
            "{sid} is in error state, so the manager does nothing for it: fix it, then 'ha-manager set {sid} --state disabled' and '--state started'"
        );
        let evidence = json!({"sid": sid, "crm_state": "error"});
        found.push(critical("ha-error", message, evidence, &["state"]));
    }
    found.extend(standing(guest, resource));
    if let Wanted::No(why) = wanted {
        let message = format!("{sid} is under HA, and {why}");
        let evidence = json!({"sid": sid, "said": why});
        found.push(warning(
            "ha-unwanted",
            message,
            evidence,
            &["state", "site"],
        ));
    }
    if let (Wanted::Yes(why), "ignored" | "disabled" | "stopped") = (wanted, &resource.state[..]) {
        let message = format!(
            "{why}, and the HA manager was told to have {sid} {}",
            resource.state
        );
        let evidence = json!({"sid": sid, "state": resource.state});
        found.push(warning("ha-style", message, evidence, &["state", "site"]));
        return found;
    }
    if guest.managed.is_some() && !guest.guest.template {
        let elsewhere = elsewhere(context, guest, sid);
        let is_known = |found: &Found| found.code != "unseen";
        if !elsewhere.as_ref().is_some_and(is_known) {
            found.extend(other_nodes(context, sid));
        }
        found.extend(elsewhere);
    }
    found
}

/// What the manager does with it, against what it was told.
fn standing(guest: &Audited<'_>, resource: &HaResource) -> Option<Found> {
    let (sid, is) = (&resource.sid, resource.crm_state.as_deref());
    let why = match is {
        Some("fence") => "waits until its node is fenced".to_owned(),
        Some("recovery") => "looks for a node to start it on, and has found none yet".to_owned(),
        // On its way, an error (told), or off as it was told.
        None | Some("started" | "stopped")
            if resource.state == "started" && guest.guest.activity() == "stopped" =>
        {
            let is = is.unwrap_or("not told");
            format!("was told to have it started (its word: {is}), and it is off")
        }
        _ => return None,
    };
    let message = format!("{sid}: the HA manager {why}");
    let evidence = json!({"sid": sid, "state": resource.state, "crm_state": is,
        "status": guest.guest.activity()});
    Some(warning("ha-state", message, evidence, &["state"]))
}

/// The nodes on which the site has its HA resources, against those that the rules name; without a
/// rule that are all nodes.
fn other_nodes(context: &Context<'_>, sid: &str) -> Option<Found> {
    let ha = context.site_ha()?;
    ha.resources.iter().find(|resource| resource.sid == sid)?;
    let mut live: BTreeSet<&str> = context
        .cluster
        .nodes()
        .iter()
        .map(|node| &node.node[..])
        .collect();
    let mut names = Vec::new();
    for rule in context.cluster.rules(sid) {
        let HaRule::NodeAffinity {
            nodes, negative, ..
        } = rule
        else {
            continue;
        };
        live.retain(|node| nodes.contains_key(*node) != *negative);
        names.push(rule.name());
    }
    let site: BTreeSet<&str> = ha.nodes.iter().map(|node| &node[..]).collect();
    if live == site {
        return None;
    }
    let list = |nodes: &BTreeSet<&str>| nodes.iter().copied().collect::<Vec<_>>().join(", ");
    let by = match names.is_empty() {
        true => "no rule names nodes for it".to_owned(),
        false => format!("its rules ({})", names.join(", ")),
    };
    let message = format!(
        "{sid}: the site's ha.nodes are {}, and the HA manager has {} ({by})",
        list(&site),
        list(&live)
    );
    let evidence = json!({"sid": sid, "wanted": site, "nodes": live, "rules": names});
    Some(warning("ha-style", message, evidence, &["state", "site"]))
}

/// Whether another node could start it.
fn elsewhere(context: &Context<'_>, guest: &Audited<'_>, sid: &str) -> Option<Found> {
    let cluster = context.cluster;
    let mut allowed = restart::allowed(cluster, guest);
    let others = allowed.len();
    if others == 0 {
        let rules: Vec<&str> = cluster.rules(sid).iter().map(|rule| rule.name()).collect();
        let message = match rules.is_empty() {
            true => format!("{sid} is under HA, and there is no other node"),
            false => format!(
                "{sid} is under HA, and its rules ({}) leave it no other node",
                rules.join(", ")
            ),
        };
        let evidence = json!({"sid": sid, "rules": rules, "node": guest.guest.node});
        return Some(warning("ha-style", message, evidence, &["state"]));
    }
    guest.fields.as_ref()?; // told already
    if let Some(volume) = restart::local(cluster, &guest.config).next() {
        if cluster.state.replication.is_none() {
            let what = format!(
                "{}: {} is on {}, and whether a replica of it is elsewhere was not seen",
                volume.key,
                volume.volid(),
                guest.guest.node
            );
            return Some(unseen(what, "replication", "VM.Audit on /vms"));
        }
        let jobs = cluster.replication(guest.guest.vmid);
        if jobs.iter().all(|job| job.removed) {
            return Some(alone(context, guest, volume, others));
        }
    }
    let want = Want::default();
    let candidate = guest.candidate(context, &want);
    // Where there is a replica it may be started, so there it is looked first.
    let is_replica = |node: &usize| candidate.replicas.contains(&cluster.name(*node));
    allowed.sort_by_key(|node| !is_replica(node));
    let mut against = Vec::new();
    for node in allowed {
        match restart::starts(context, &candidate, node) {
            Ok(()) => return None,
            Err(refusal) => against.push((cluster.name(node), refusal)),
        }
    }
    let told = against.iter().take(TOLD).map(|(node, refusal)| {
        json!({"node": node, "code": refusal.code.as_str(), "message": refusal.message})
    });
    let told: Vec<Value> = told.collect();
    let (_, first) = against.first()?;
    if against
        .iter()
        .all(|(_, refusal)| refusal.code == Code::Unseen)
    {
        let what = format!(
            "whether another node could start {sid} is not known: {}",
            first.message
        );
        return Some(unseen(
            what,
            "what its other nodes have",
            "Datastore.Audit on /storage, SDN.Audit on /sdn/zones/localnetwork",
        ));
    }
    let more = match others {
        1 => String::new(),
        all => format!(" (and {} nodes more)", all - 1),
    };
    let message = format!(
        "{sid} is under HA, and no other node is known to be able to start it: {}{more}",
        first.message
    );
    let evidence = json!({"sid": sid, "others": others, "nodes": told});
    Some(warning("ha-cannot-start", message, evidence, &["state"]))
}

/// A disk of it is on its node alone: nothing copies it, or nothing could.
fn alone(context: &Context<'_>, guest: &Audited<'_>, volume: &Volume, others: usize) -> Found {
    let cluster = context.cluster;
    let (sid, node) = (guest.guest.sid(), &guest.guest.node);
    let kind = |volume: &Volume| {
        let storage = cluster.storage(&volume.storage);
        storage.map_or("", |storage| &storage.kind[..])
    };
    let evidence = json!({"sid": sid, "key": volume.key, "volume": volume.volid(), "storage": volume.storage,
        "node": node, "others": others});
    let what = format!("{}: {} is on {node} alone", volume.key, volume.volid());
    let mut local = restart::local(cluster, &guest.config);
    match local.find(|volume| kind(volume) != "zfspool") {
        None => {
            let message =
                format!("{what}, and no replication job copies it: HA starts it on no other node");
            warning("no-replica", message, evidence, &["state"])
        }
        Some(volume) => {
            let message = format!(
                "{sid} is under HA, and no other node is known to be able to start it: {what}, and {} can't be replicated",
                kind(volume)
            );
            warning("ha-cannot-start", message, evidence, &["state"])
        }
    }
}
