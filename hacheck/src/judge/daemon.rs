//! Whether anything would move the VIP: the VRRP daemons behind it.

use serde_json::json;

use super::{
    Case, Target,
    holder::Held,
    witness::{self, Who},
};
use crate::{
    evidence::State,
    finding::{Eye, Finding, Severity},
    probe::Reply,
};

pub(super) fn judge(case: &Case<'_>, held: &Held) -> Vec<Finding> {
    let Some(vip) = case.pair.vip else {
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
        if witness::daemon(facts, vip) == Some(false) && (local || !speaks) {
            let has_it = facts.addresses.iter().any(|own| own.address == vip);
            let (severity, what) = match has_it || held.holder == Some(member) {
                true => (
                    Severity::Critical,
                    "which has the VIP: it will never give it up",
                ),
                false => (Severity::Warning, "so it will not take over"),
            };
            let message = format!("no VRRP daemon lives on {name}, {what}");
            let evidence = json!({"member": name, "socket": "no raw socket of IP protocol 112"});
            findings.push(Finding::new(
                "vrrp-daemon-dead",
                severity,
                message,
                evidence,
                &[Eye::Facts],
            ));
        }
        let instances = facts.keepalived.iter().flatten();
        for instance in
            instances.filter(|i| i.vips.contains(&vip) || Some(i.vrid) == case.pair.vrid)
        {
            if instance.state == State::Fault {
                let message = format!(
                    "{name}: VRRP instance {} is in state FAULT: it will not take over",
                    instance.name
                );
                let evidence = json!({"member": name, "instance": instance.name});
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

/// The VIP answers, and nobody says that he holds it.
fn silent(case: &Case<'_>, held: &Held) -> Option<Finding> {
    let vip = case.pair.vip?;
    let raw = case.evidence.raw.as_ref()?;
    raw.adverts.as_ref()?;
    let heard = witness::of_pair(case, vip).next().is_some();
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
    let Some(vip) = case.pair.vip else {
        return true;
    };
    let told = case
        .facts(member)
        .and_then(|facts| witness::daemon(facts, vip));
    told.is_some()
        || held.speakers.contains(&Who::Member(member))
        || held.holder == Some(member) && silent(case, held).is_some()
}
