//! Whether anything would move the VIP: the VRRP daemons behind it.

use std::net::IpAddr;

use serde_json::json;

use super::{
    Case, Target,
    holder::{Held, list},
    instance,
    owners::Who,
};
use crate::{
    evidence::{MemberFacts, OwnAddress, State},
    finding::{Eye, Finding, Severity},
    holding::{self, Holding},
    interfaces::in_prefix,
    probe::Reply,
};

pub(super) fn judge(case: &Case<'_>, held: &Held) -> Vec<Finding> {
    let Some(vip) = case.of_vrrp() else {
        return Vec::new();
    };
    let mut findings: Vec<Finding> = silent(case, held).into_iter().collect();
    for member in case.members() {
        let Some(facts) = case.facts(member) else {
            continue;
        };
        let name = case.name(member);
        // Facts are gathered before the check: who has spoken since then lives again.
        let speaks = held.speakers.contains(&Who::Member(member));
        let local = case
            .evidence
            .facts
            .iter()
            .any(|stated| stated.member == member && stated.local);
        let dead = match (instance::daemon(case, facts, vip), facts.vrrp_stopped) {
            (Some(false), _) => Some((
                "no VRRP daemon lives on",
                "no raw socket of IP protocol 112",
            )),
            (_, Some(true)) => Some(("a signal has stopped the VRRP daemon of", "State T")),
            _ => None,
        };
        if let Some((how, evidence)) = dead.filter(|_| local || !speaks) {
            let has_it = matches!(holding::of(facts, vip), Holding::Held(_));
            let (severity, what) = match has_it || held.holder == Some(member) {
                true => (
                    Severity::Critical,
                    "which has the VIP: it will never give it up",
                ),
                false => (Severity::Warning, "so it will not take over"),
            };
            let message = format!("{how} {name}, {what}");
            let evidence = json!({"member": name, "process": evidence});
            findings.push(Finding::new(
                "vrrp-daemon-dead",
                severity,
                message,
                evidence,
                &[Eye::Facts],
            ));
        } else if let Some(message) = deaf(case, facts, member, vip).filter(|_| local || !speaks) {
            let evidence = json!({"member": name, "joined": facts.vrrp_joined});
            findings.push(Finding::new(
                "config-drift",
                Severity::Warning,
                message,
                evidence,
                &[Eye::Facts],
            ));
        }
        for instance in instance::of_member(case, member, vip) {
            if instance.state == State::Fault {
                let tracks = match &instance.tracks[..] {
                    [] => String::new(),
                    tracks => format!(" (it tracks {})", list(tracks.iter().cloned())),
                };
                let message = format!(
                    "{name}: VRRP instance {} is in state FAULT: it will not take over{tracks}",
                    instance.name
                );
                let evidence =
                    json!({"member": name, "instance": instance.name, "tracks": instance.tracks});
                findings.push(Finding::new(
                    "vrrp-fault",
                    Severity::Warning,
                    message,
                    evidence,
                    &[Eye::Facts],
                ));
            }
        }
    }
    findings
}

/// Why a daemon that lives would not take this VIP over: it knows nothing of it.
fn deaf(case: &Case<'_>, facts: &MemberFacts, member: usize, vip: IpAddr) -> Option<String> {
    let name = case.name(member);
    instance::daemon(case, facts, vip).filter(|lives| *lives)?;
    if facts.keepalived.is_some() {
        let knows = instance::of_member(case, member, vip).next().is_some();
        return (!knows).then(|| {
            format!("{name}: its keepalived has no VRRP instance for {vip}: it will not take over")
        });
    }
    let joined = facts.vrrp_joined.as_ref()?;
    // Its own address may be of another network than the VIP's. An instance listens on one interface,
    // and may move addresses of several.
    let all: Vec<IpAddr> = match case.pair.has_several() {
        true => case.pair.vips.clone(),
        false => vec![vip],
    };
    let beside = |own: &&OwnAddress| {
        let length = own.prefix_length.unwrap_or(0);
        let near = |vip: &IpAddr| in_prefix(own.address, length, *vip);
        !all.contains(&own.address) && length > 0 && all.iter().any(near)
    };
    let on: Vec<&String> = facts
        .addresses
        .iter()
        .filter(beside)
        .map(|own| &own.interface)
        .collect();
    let first = on.first()?;
    let listens = |interface: &String| {
        // keepalived's use_vmac puts the group on an interface of its own.
        let virtual_one = facts.interfaces.iter().any(|known| {
            known.name == *interface && known.mac.is_some_and(|mac| mac.virtual_router().is_some())
        });
        on.contains(&interface) || Some(interface) == case.pair.interface.as_ref() || virtual_one
    };
    let deaf = !case.pair.unicast && !joined.iter().any(listens);
    deaf.then(|| {
        format!(
            "{name}: its VRRP daemon does not listen on {first}: it will not take {vip} over (or its adverts are unicast)"
        )
    })
}

/// The VIP answers, and nobody says that he holds it.
fn silent(case: &Case<'_>, held: &Held) -> Option<Finding> {
    let vip = case.of_vrrp()?;
    let raw = case.evidence.raw.as_ref()?;
    raw.adverts.as_ref()?;
    let heard = instance::adverts(case, vip).next().is_some();
    let answers = held.answers_arp
        || case
            .replies(Target::Vip)
            .any(|(_, reply)| Reply::is_answered(reply));
    let interval = case.interval_ms();
    // A raw socket does not hear what its own host sends.
    if heard
        || !answers
        || case.pair.unicast
        || raw.vip_is_local
        || case.is_local(vip)
        || raw.window_ms < 3 * interval
    {
        return None;
    }
    let message = format!(
        "{vip} answers, but in {:.1} s no VRRP advert of it came: no daemon would move it (or the adverts are unicast, or rarer than every {interval} ms)",
        seconds(raw.window_ms)
    );
    let evidence =
        json!({"interface": raw.interface, "window_ms": raw.window_ms, "interval_ms": interval});
    Some(Finding::new(
        "vrrp-silent",
        Severity::Warning,
        message,
        evidence,
        &[Eye::Adverts],
    ))
}

#[allow(clippy::cast_precision_loss)] // a window has seconds
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// Whether the daemon of that member lives was seen: by its adverts, or their absence, or its socket.
pub(super) fn seen(case: &Case<'_>, held: &Held, member: usize) -> bool {
    let Some(vip) = case.of_vrrp() else {
        return true;
    };
    let told = case
        .facts(member)
        .and_then(|facts| instance::daemon(case, facts, vip));
    told.is_some()
        || held.speakers.contains(&Who::Member(member))
        || held.holder == Some(member) && silent(case, held).is_some()
}
