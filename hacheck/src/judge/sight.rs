//! What nobody looked at, and whether a pair can be called healthy all the same.
//!
//! A pair is redundant if its service answers, if there is one holder and no second, if
//! the holder's daemon lives and if the standby's does. The last is invisible on the
//! wire; it is told, and no more, where the rest was seen there.

use std::net::IpAddr;

use serde_json::json;

use super::{
    Case, Target, daemon,
    holder::{Held, list},
    instance,
};
use crate::{
    evidence::Unseen,
    finding::{Eye, Finding, Severity},
    probe::Outcome,
    service::Service,
};

pub(super) fn judge(case: &Case<'_>, held: &Held, accept: bool) -> Vec<Finding> {
    let severity = if accept {
        Severity::Info
    } else {
        Severity::Unknown
    };
    // What was tried and failed is never accepted: only what nobody looked at.
    let mut findings = failed(case);
    findings.extend(away(case));
    let mut unseen = Vec::new();
    let asked = |target: Option<Target>| {
        let mut probes = case.evidence.probes.iter();
        probes.any(|probed| target.is_none_or(|target| probed.target == target))
    };
    if !asked(None) {
        unseen.push("whether the service answers (no probes)".to_owned());
    } else if case.pair.vip.is_some() && !asked(Some(Target::Vip)) {
        unseen.push("whether the service answers at the VIP (no probe asks there)".to_owned());
    } else if case.pair.vip.is_none() {
        unseen.extend(unasked(case));
    }
    // Of VIPs that move together each member's list may lack one, which nothing shows before a failover.
    let has_list = case
        .of_vrrp()
        .is_some_and(|vip| case.pair.has_several() || instance::is_excluded(case, vip));
    let mut standby = Vec::new();
    if case.pair.vip.is_some() {
        if !held.only_one_seen && !held.contradicted {
            unseen
                .push("that only one holds the VIP (--raw, or --facts of every member)".to_owned());
        }
        for member in case
            .members()
            .filter(|&member| !daemon::seen(case, held, member))
        {
            if held.holder == Some(member) {
                let why = match case.pair.unicast {
                    true => " (its adverts are unicast, so only its --facts tell)",
                    false => "",
                };
                unseen.push(format!(
                    "that {}'s VRRP daemon lives{why}",
                    case.name(member)
                ));
            } else {
                let what = match has_list {
                    true => "lives, and would have all of the addresses (--facts by root)",
                    false => "lives (--facts)",
                };
                standby.push(format!("that {}'s VRRP daemon {what}", case.name(member)));
            }
        }
    }
    // Its daemon lives; whether it would take over only a dump says, which root may ask for.
    let needs_root = |member: &usize| {
        let lives = case.of_vrrp().is_some() && daemon::seen(case, held, *member);
        let dumped = case.facts(*member).map(|facts| facts.keepalived.is_some());
        held.holder != Some(*member) && lives && dumped == Some(false)
    };
    let faults = case.members().filter(needs_root);
    let faults: Vec<String> = faults
        .map(|member| {
            let name = case.name(member);
            let list = match has_list {
                true => ", or lacks one of the addresses",
                false => "",
            };
            format!("whether {name}'s VRRP instance is in FAULT{list} (keepalived tells root: hacheck member as root)")
        })
        .collect();
    if !faults.is_empty() {
        let message = format!("not seen: {}", list(faults.iter().cloned()));
        let evidence = json!({"unseen": faults});
        findings.push(Finding::new(
            "blind",
            Severity::Info,
            message,
            evidence,
            &[],
        ));
    }
    // Where the wire was watched the standby's daemon is the one thing that cannot be seen there.
    let watched = case
        .evidence
        .raw
        .as_ref()
        .is_some_and(|raw| raw.replies.is_some() && raw.adverts.is_some());
    if !watched || held.holder.is_none() {
        unseen.append(&mut standby);
    }
    if !unseen.is_empty() {
        let message = format!("not seen: {}", list(unseen.clone().into_iter()));
        findings.push(Finding::new(
            "blind",
            severity,
            message,
            json!({"unseen": unseen}),
            &[],
        ));
    }
    if !standby.is_empty() {
        let message = format!("not seen: {}", list(standby.clone().into_iter()));
        findings.push(Finding::new(
            "blind",
            Severity::Info,
            message,
            json!({"unseen": standby}),
            &[],
        ));
    }
    findings
}

/// That ARP and adverts do not come to this host. It is told, and no more: what only they would have
/// shown is unseen by itself.
fn away(case: &Case<'_>) -> Option<Finding> {
    let raw = case.evidence.raw.as_ref().filter(|raw| raw.away);
    let vip = raw.and(case.pair.vip)?;
    let message = format!(
        "not seen: arp and adverts: no interface of this host is on the segment of {vip} (there --facts of every member tell)"
    );
    let evidence = json!({"unseen": ["arp and adverts"]});
    Some(Finding::new(
        "blind",
        Severity::Info,
        message,
        evidence,
        &[],
    ))
}

/// The addresses at which nobody asked: a route asks its backend, and if it names its proxy, there alone.
fn unasked(case: &Case<'_>) -> Option<String> {
    let probes = case.pair.probes.iter();
    let proxies: Vec<IpAddr> = probes
        .flat_map(|probe| [probe.elsewhere(), probe.backend()])
        .flatten()
        .collect();
    let is_asked = |member: &usize| {
        let asked = case.replies(Target::Member(*member)).next().is_some();
        asked
            || case.pair.members[*member]
                .own()
                .any(|own| proxies.contains(&own))
    };
    let names = case.members().filter(|member| !is_asked(member));
    let names: Vec<String> = names.map(|member| case.name(member).to_owned()).collect();
    let told = || {
        format!(
            "whether the service answers at {} (no probe asks there)",
            list(names.iter().cloned())
        )
    };
    (!names.is_empty()).then(told)
}

/// Of a service its probes say all there is. Without any it is known at best that its guest runs, which is
/// all that was asked for.
pub(super) fn of_service(case: &Case<'_>, service: &Service, accept: bool) -> Vec<Finding> {
    let mut findings = failed(case);
    let unseen = match case.evidence.probes.is_empty() {
        true => Some("whether the service answers (no probes)".to_owned()),
        false => unasked(case),
    };
    if let Some(unseen) = unseen {
        let places = case.evidence.places.as_ref().zip(service.vmid);
        let runs = places.is_some_and(|(places, vmid)| places.runs(vmid));
        let severity = match accept || runs && case.pair.probes.is_empty() {
            true => Severity::Info,
            false => Severity::Unknown,
        };
        let message = format!("not seen: {unseen}");
        let evidence = json!({"unseen": [unseen]});
        findings.push(Finding::new("blind", severity, message, evidence, &[]));
    }
    findings
}

/// What was tried and could not be done.
fn failed(case: &Case<'_>) -> Vec<Finding> {
    let blind = |unseen: &Unseen, eyes: &[Eye]| {
        let errno = if unseen.errno.is_empty() {
            String::new()
        } else {
            format!(" ({})", unseen.errno)
        };
        let message = format!("not seen: {}: {}{errno}", unseen.what, unseen.message);
        let evidence = json!({"what": unseen.what, "errno": unseen.errno});
        Finding::new("blind", Severity::Unknown, message, evidence, eyes)
    };
    let mut findings = Vec::new();
    if let Some(raw) = &case.evidence.raw {
        findings.extend(raw.errors.iter().map(|unseen| blind(unseen, &[])));
    }
    findings.extend(
        case.evidence
            .unusable
            .iter()
            .map(|unseen| blind(unseen, &[Eye::Facts])),
    );
    for stated in &case.evidence.facts {
        // That a dump needs root is no news; that root could not have it is. No dump at all is
        // how keepalived was built; one that does not come may be a daemon that hangs, and one
        // that is not understood hides what only a dump tells.
        let lost = |unseen: &&Unseen| unseen.what == "keepalived" && unseen.errno != "EPERM";
        for unseen in stated.facts.errors.iter().filter(lost) {
            let mut finding = blind(unseen, &[Eye::Facts]);
            if unseen.errno.is_empty() {
                finding.severity = Severity::Info;
            }
            finding.message = format!("{}: {}", case.name(stated.member), finding.message);
            findings.push(finding);
        }
    }
    let mut probes: Vec<(Unseen, usize)> = Vec::new();
    for probed in &case.evidence.probes {
        if let Outcome::Unseen(unseen) = &probed.reply.outcome {
            // What could not be asked of one is no matter of the checker's own.
            if let (Target::Member(member), true) = (probed.target, unseen.what != "probe") {
                let label = case.pair.label(probed.probe);
                let what = format!("{label} of {}", case.name(member));
                let unseen = Unseen {
                    what,
                    ..unseen.clone()
                };
                findings.push(blind(&unseen, &[Eye::Probe]));
                continue;
            }
            match probes.iter_mut().find(|(known, _)| known == unseen) {
                Some((_, count)) => *count += 1,
                None => probes.push((unseen.clone(), 1)),
            }
        }
    }
    for (mut unseen, count) in probes {
        unseen.what = format!("{count} of {} probes", case.evidence.probes.len());
        findings.push(blind(&unseen, &[Eye::Probe]));
    }
    findings
}
