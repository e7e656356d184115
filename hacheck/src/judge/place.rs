//! Where the members are, and what the loss of a node would take.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Case, by_name, holder::list};
use crate::{
    finding::{Eye, Finding, Severity},
    guests,
    service::Service,
};

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = flapping(case);
    let warning = |code, message, evidence, eye| {
        Finding::new(code, Severity::Warning, message, evidence, &[eye])
    };
    let members = &case.pair.members;
    let Some(places) = &case.evidence.places else {
        let meant = members
            .iter()
            .enumerate()
            .filter_map(|(i, m)| Some((m.node.as_deref()?, i)));
        for (node, on_it) in guests::by_node(meant)
            .into_iter()
            .filter(|(_, on_it)| on_it.len() > 1)
        {
            let names = list(on_it.iter().map(|&i| case.name(i).to_owned()));
            let message = format!("{names} are meant to be on one node, {node}");
            findings.push(warning(
                "same-node",
                message,
                json!({"node": node}),
                Eye::Pairs,
            ));
        }
        return findings;
    };
    let mut known = Vec::new();
    for (i, member) in members.iter().enumerate() {
        let place = member.vmid.and_then(|vmid| places.of(vmid));
        let why = match (member.vmid, place) {
            (None, _) => "it has no vmid in the pairs".to_owned(),
            (Some(vmid), None) => format!("guest {vmid} is not in the list"),
            (Some(vmid), Some(place)) if place.node.is_none() => {
                format!("guest {vmid} has no node")
            }
            (Some(_), Some(place)) => {
                known.extend(place.node.as_deref().map(|node| (node, i)));
                let evidence = json!({"member": member.name});
                if let Some(what) = not_running(places, place) {
                    let message = format!("{} {what}", member.name);
                    findings.push(warning("placement", message, evidence.clone(), Eye::Guests));
                }
                if let Some(what) = guests::of_ha(place) {
                    let message = format!("{}: {what}", member.name);
                    findings.push(warning("ha-state", message, evidence, Eye::Guests));
                }
                continue;
            }
        };
        let message = format!("the node of {} is not known: {why}", member.name);
        findings.push(warning(
            "same-node",
            message,
            json!({"member": member.name}),
            Eye::Guests,
        ));
    }
    let nodes = guests::by_node(known.iter().copied());
    for (node, on_it) in nodes.iter().filter(|(_, on_it)| on_it.len() > 1) {
        let names = list(on_it.iter().map(|&i| case.name(i).to_owned()));
        let message = format!("{names} are on one node, {node}: its loss takes them together");
        findings.push(warning(
            "same-node",
            message,
            json!({"node": node}),
            Eye::Guests,
        ));
    }
    if known.len() == members.len() {
        let losses = nodes
            .iter()
            .map(|(node, lost)| ((*node).to_owned(), loss(case, lost)));
        let losses: Vec<(String, String)> = losses.collect();
        let message = list(
            losses
                .iter()
                .map(|(node, what)| format!("loss of {node}: {what}")),
        );
        findings.push(super::info(
            "placement",
            message,
            by_name(losses),
            &[Eye::Guests],
        ));
    }
    findings.extend(storage(case, places));
    findings.extend(ha_unseen(places));
    findings
}

/// Where a guest is that does not run, or whose node is not there.
fn not_running(places: &guests::Places, place: &guests::Place) -> Option<String> {
    let node = place.node.as_deref().unwrap_or_default();
    let offline = places.offline(node);
    let state = match (place.status.as_str(), offline) {
        ("running", false) => return None,
        // What an offline node's guests last were is no news of now.
        ("running", true) => "was running",
        (other, _) => return Some(format!("is {other} on {node}{}", away(offline))),
    };
    Some(format!("{state} on {node}{}", away(offline)))
}

fn away(offline: bool) -> &'static str {
    if offline { ", which is offline" } else { "" }
}

/// Where the guest of a service is, and what HA has done with it.
pub(super) fn of_service(case: &Case<'_>, service: &Service) -> Vec<Finding> {
    let (Some(places), Some(vmid)) = (&case.evidence.places, service.vmid) else {
        return Vec::new();
    };
    let evidence = json!({"vmid": vmid});
    let finding = |code, severity, message| {
        Finding::new(code, severity, message, evidence.clone(), &[Eye::Guests])
    };
    let Some(place) = places.of(vmid) else {
        let message = format!("where it runs is not known: guest {vmid} is not in the list");
        return vec![finding("placement", Severity::Warning, message)];
    };
    // Whether it answers the probes say; where there are none, a guest that doesn't run is an answer.
    let asked = !case.evidence.probes.is_empty();
    let mut findings = Vec::new();
    match (not_running(places, place), &place.node) {
        (Some(what), _) if asked => {
            let message = format!("guest {vmid} {what}");
            findings.push(finding("placement", Severity::Warning, message));
        }
        (Some(what), _) => {
            let message = format!("guest {vmid} {what}");
            findings.push(finding("service-down", Severity::Critical, message));
        }
        (None, Some(node)) => {
            let message = format!("guest {vmid} runs on {node}");
            findings.push(finding("placement", Severity::Info, message));
        }
        (None, None) => {}
    }
    if let Some(what) = guests::of_ha(place) {
        let message = format!("guest {vmid}: {what}");
        findings.push(finding("ha-state", Severity::Warning, message));
    }
    findings.extend(ha_unseen(places));
    findings
}

/// Nobody knows whether HA has given a guest up.
fn ha_unseen(places: &guests::Places) -> Option<Finding> {
    let what = "what HA has the guests as (the state's token may not see it)";
    let evidence = json!({"unseen": [what]});
    let told = || super::info("blind", format!("not seen: {what}"), evidence, &[]);
    places.ha_unseen().then(told)
}

/// What is left without those members.
fn loss(case: &Case<'_>, lost: &[usize]) -> String {
    let left = case.pair.members.len() - lost.len();
    let preferred = lost.iter().any(|&i| case.pair.members[i].preferred);
    let still = match left {
        1 => "no redundancy".to_owned(),
        more => format!("{more} are left"),
    };
    match left {
        0 => "the service is gone".to_owned(),
        _ if case.pair.vip.is_none() => {
            let part = if left == 1 { "half" } else { "some" };
            format!("{part} of the clients' queries wait, {still}")
        }
        _ if preferred => format!("the VIP moves, {still}"),
        _ => still,
    }
}

/// A storage that all members depend on.
fn storage(case: &Case<'_>, places: &guests::Places) -> Vec<Finding> {
    let of = |i: usize| Some(&places.of(case.pair.members[i].vmid?)?.storages);
    let mut shared: Option<BTreeSet<&str>> = None;
    for member in case.members() {
        let own = of(member).into_iter().flatten().map(String::as_str);
        let own: BTreeSet<&str> = own.filter(|storage| places.is_shared(storage)).collect();
        shared = Some(match shared {
            None => own,
            Some(others) => others.intersection(&own).copied().collect(),
        });
    }
    let shared = shared.unwrap_or_default().into_iter();
    let one = |storage: &str| {
        let message = format!(
            "all members have disks on one storage, {storage}: its loss takes them together"
        );
        Finding::new(
            "same-storage",
            Severity::Warning,
            message,
            json!({"storage": storage}),
            &[Eye::Guests],
        )
    };
    shared.map(one).collect()
}

/// Holders that change too often.
fn flapping(case: &Case<'_>) -> Vec<Finding> {
    let Some(past) = &case.evidence.past else {
        return Vec::new();
    };
    let changes = past.changes.max(past.counted);
    if changes <= crate::history::MOST_AN_HOUR {
        return Vec::new();
    }
    let message = format!(
        "the holder changed {changes} times within an hour (checks saw {}, keepalived counted {})",
        past.changes, past.counted
    );
    let evidence = json!({"seen": past.changes, "counted": past.counted, "checks": past.checks});
    vec![Finding::new(
        "flapping",
        Severity::Warning,
        message,
        evidence,
        &[Eye::History],
    )]
}
