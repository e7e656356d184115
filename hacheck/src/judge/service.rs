//! Whether the service answers, at the VIP and on each member.

use serde_json::json;

use super::{
    Case, Target, by_name,
    holder::{Held, list},
    nothing,
};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{How, On, Outcome, Reply, What},
};

pub(super) fn judge(case: &Case<'_>, held: &Held) -> Vec<Finding> {
    let mut findings = Vec::new();
    for probe in (0..case.pair.probes.len()).filter(|probe| !is_route(case, *probe)) {
        if let Some(reply) = case.reply(Target::Vip, probe) {
            findings.extend(at_vip(case, held, probe, reply));
        }
    }
    if let Some(vip) = case.pair.vip
        && case.replies(Target::Vip).next().is_none()
        && held.no_arp_answer
    {
        let message = format!("nobody answers for {vip}");
        findings.push(Finding::new(
            "vip-down",
            Severity::Critical,
            message,
            nothing(),
            &[Eye::Arp],
        ));
    }
    for member in case.members() {
        findings.extend(on_member(case, held, member));
    }
    findings.extend(drift(case));
    findings
}

/// Of a route there is more to say: see [`super::route`].
fn is_route(case: &Case<'_>, probe: usize) -> bool {
    matches!(case.pair.probes[probe].what, What::Route(_))
}

/// What a reply of the VIP means, beside those of the members to the same probe.
fn at_vip(case: &Case<'_>, held: &Held, probe: usize, reply: &Reply) -> Option<Finding> {
    let vip = case.pair.vip?;
    let label = case.pair.label(probe);
    let critical = |code, message, evidence, eyes: &[Eye]| {
        Some(Finding::new(
            code,
            Severity::Critical,
            message,
            evidence,
            eyes,
        ))
    };
    let (how, said) = match &reply.outcome {
        Outcome::Good | Outcome::Unseen(_) => return None, // the latter is `blind`
        Outcome::Wrong(what) => {
            let message = format!("{vip}: {label}: {what}");
            return critical(
                "wrong-function",
                message,
                replies(case, probe),
                &[Eye::Probe],
            );
        }
        Outcome::Dead(how, said) => (*how, said),
    };
    let evidence = replies(case, probe);
    if let Some(from) = reply.strayed {
        let from = case
            .pair
            .member_at(from)
            .map_or_else(|| from.to_string(), |m| format!("{from} ({})", m.name));
        let message =
            format!("{vip}: {label}: the answer comes from {from}, so no client takes it");
        return critical("vip-wrong-source", message, evidence, &[Eye::Probe]);
    }
    let own = |member: usize| case.reply(Target::Member(member), probe);
    let dead = |member: &usize| {
        own(*member).is_some_and(|reply| matches!(reply.outcome, Outcome::Dead(..)))
    };
    let good = |member: &usize| own(*member).is_some_and(Reply::is_good);
    let healthy = case.members().find(good);
    let mut eyes = vec![Eye::Probe];
    eyes.extend(
        held.findings
            .iter()
            .filter(|f| f.code == "holder")
            .flat_map(|f| f.seen_by.clone()),
    );
    eyes.sort_unstable();
    eyes.dedup();
    // A refusal comes from a host that has the address, so the dead one of two is its holder.
    let mut dead_ones = case.members().filter(dead);
    let holder = held
        .holder
        .or_else(|| match (how, dead_ones.next(), dead_ones.next()) {
            (How::Refused, Some(one), None) => Some(one),
            _ => None,
        });
    match (holder, healthy) {
        (Some(holder), Some(healthy)) if dead(&holder) => {
            let message = format!(
                "{vip}: {label}: {said}: the service on the holder {} is dead, that on {} answers",
                case.name(holder),
                case.name(healthy),
            );
            critical("vip-up-holder-dead", message, evidence, &eyes)
        }
        // The host is there and refuses. Silence might as well be the network's.
        (Some(holder), _) if how == How::Refused && good(&holder) && !held.moved => {
            let message = format!(
                "{vip}: {label}: {said}, but {} answers at its own address {}: the service is not on the VIP",
                case.name(holder),
                case.pair.members[holder].address,
            );
            critical("vip-wrong-source", message, evidence, &eyes)
        }
        _ if answers_else(case, probe) => {
            let message = format!("{vip}: {label}: {said}, though another probe is answered there");
            critical("vip-service-down", message, evidence, &eyes)
        }
        _ => {
            let arp = match held.no_arp_answer {
                true => {
                    eyes.push(Eye::Arp);
                    "; nobody answers ARP for it"
                }
                false if held.moved => "; it changed hands while this check ran",
                false if held.holder.is_some_and(|holder| good(&holder)) => {
                    "; its holder answers at its own address, so the VIP's packets are lost, or answered from another address"
                }
                false => "",
            };
            let message = format!("{vip}: {label}: {said}{arp}");
            critical("vip-down", message, evidence, &eyes)
        }
    }
}

/// The VIP answered another probe than this one.
fn answers_else(case: &Case<'_>, probe: usize) -> bool {
    let mut replies = case.replies(Target::Vip);
    replies.any(|(place, reply)| place != probe && reply.is_answered())
}

/// What is wrong with a member's own service.
fn on_member(case: &Case<'_>, held: &Held, member: usize) -> Vec<Finding> {
    let mut dead = Vec::new();
    let mut findings = Vec::new();
    let others_good = |probe: usize| {
        case.members()
            .filter(|&other| other != member)
            .any(|other| {
                case.reply(Target::Member(other), probe)
                    .is_some_and(Reply::is_good)
            })
    };
    // Clients ask the members of an active-active pair themselves; else the VIP speaks for them.
    let active = case.pair.vip.is_none();
    let replies = case.replies(Target::Member(member));
    for (probe, reply) in replies.filter(|(probe, _)| !is_route(case, *probe)) {
        let label = case.pair.label(probe);
        let name = case.name(member);
        match &reply.outcome {
            Outcome::Good | Outcome::Unseen(_) => {}
            Outcome::Wrong(what) => {
                let severity = match active || held.holder == Some(member) {
                    true => Severity::Critical,
                    false => Severity::Warning,
                };
                let message = format!("{name}: {label}: {what}");
                findings.push(Finding::new(
                    "wrong-function",
                    severity,
                    message,
                    nothing(),
                    &[Eye::Probe],
                ));
            }
            Outcome::Dead(_, said) => dead.push((probe, label, said)),
        }
    }
    if !dead.is_empty() {
        let all_gone = active && dead.iter().any(|(probe, ..)| !others_good(*probe));
        let severity = if all_gone {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let said = list(
            dead.iter()
                .map(|(_, label, said)| format!("{label}: {said}")),
        );
        let left = case.members().filter(|&other| other != member);
        let left = left.filter(|&other| {
            case.replies(Target::Member(other))
                .all(|(_, r)| r.is_good())
        });
        let what = match (all_gone, left.count()) {
            (true, _) => "no member answers",
            (false, 2..) => "one less to take over",
            (false, _) => "no redundancy",
        };
        let message = format!("{}: {said}: {what}", case.name(member));
        let evidence = by_name(
            dead.iter()
                .map(|(_, label, said)| (label.clone(), said.as_str())),
        );
        findings.push(Finding::new(
            "member-service-down",
            severity,
            message,
            evidence,
            &[Eye::Probe],
        ));
    }
    findings
}

/// Whether the members of an active-active pair give the same answers.
pub(super) fn drift(case: &Case<'_>) -> Vec<Finding> {
    if case.pair.vip.is_some() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (place, probe) in case.pair.probes.iter().enumerate() {
        if !matches!(probe.what, What::Dns(_)) || probe.on == On::Vip {
            continue;
        }
        let answers: Vec<(usize, &Vec<String>)> = case
            .members()
            .filter_map(|i| Some((i, case.reply(Target::Member(i), place)?.answers.as_ref()?)))
            .collect();
        if answers.windows(2).any(|two| two[0].1 != two[1].1) {
            let said = |(member, data): &(usize, &Vec<String>)| {
                let data = if data.is_empty() {
                    "nothing".to_owned()
                } else {
                    data.join(", ")
                };
                format!("{} says {data}", case.name(*member))
            };
            let message = format!("{}: {}", probe.label(), list(answers.iter().map(said)));
            let evidence = by_name(
                answers
                    .iter()
                    .map(|(i, data)| (case.name(*i).to_owned(), json!(data))),
            );
            findings.push(Finding::new(
                "aa-dns-drift",
                Severity::Warning,
                message,
                evidence,
                &[Eye::Probe],
            ));
        }
    }
    findings
}

/// What came of a probe everywhere.
fn replies(case: &Case<'_>, probe: usize) -> serde_json::Value {
    let of = case
        .evidence
        .probes
        .iter()
        .filter(|probed| probed.probe == probe);
    by_name(of.map(|probed| {
        let whose = match probed.target {
            Target::Vip => "vip".to_owned(),
            Target::Member(member) => case.name(member).to_owned(),
            Target::Elsewhere => "elsewhere".to_owned(),
        };
        (whose, probed.reply.outcome.to_string())
    }))
}
