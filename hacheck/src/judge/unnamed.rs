//! Why the holder of a VIP is not known, when nothing names it.

use std::net::IpAddr;

use super::{
    Case, Target,
    holder::list,
    nothing,
    owners::Who,
    witness::{Arp, Speakers, Told},
};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{How, Outcome, Reply},
};

/// The VIP was asked, and no host is there that so much as refused.
pub(super) fn is_mute(case: &Case<'_>) -> bool {
    is_silent(case, Target::Vip)
}

/// That member does not answer at its own address either, while another member does: its server is dead or hangs,
/// or it is gone altogether, so that it is it who is missing at the VIP. (A host refuses by ICMP, of which it
/// sends a few a second: the VIP may be mute where the host's own address refused.)
pub(super) fn is_missing(case: &Case<'_>, member: usize) -> bool {
    let answers = |other: usize| {
        let mut replies = case.replies(Target::Member(other));
        replies.any(|(_, reply)| reply.is_answered())
    };
    let mut others = case.members().filter(|&other| other != member);
    let mut own = case.replies(Target::Member(member)).peekable();
    let is_asked = own.peek().is_some();
    let is_dead = |reply: &Reply| matches!(reply.outcome, Outcome::Dead(..));
    is_asked && own.all(|(_, reply)| is_dead(reply)) && others.any(answers)
}

fn is_silent(case: &Case<'_>, target: Target) -> bool {
    let silent = |reply: &Reply| {
        matches!(
            reply.outcome,
            Outcome::Dead(How::Timeout | How::Unreachable, _)
        )
    };
    let mut replies = case.replies(target).peekable();
    replies.peek().is_some() && replies.all(|(_, reply)| silent(reply))
}

/// Why nobody is named, when nothing names anybody.
pub(super) fn why_unknown(
    case: &Case<'_>,
    vip: IpAddr,
    arp: &Arp,
    adverts: &Speakers,
    told: &Told,
) -> Finding {
    let mut why = Vec::new();
    let mut eyes = Vec::new();
    match &arp.last {
        Some(Who::Virtual(mac)) => why.push(format!(
            "its MAC {mac} is VRRP's virtual one, the same on all members"
        )),
        Some(Who::Mac(mac)) => why.push(format!(
            "its MAC {mac} is of no known host, and not every member's is known"
        )),
        _ => {}
    }
    if let Some(Who::Source(source)) = adverts.last.first() {
        why.push(format!(
            "its adverts come from {source}, and not every member's address on that segment is known (addresses)"
        ));
    }
    if arp.asked {
        eyes.push(Eye::Arp);
    }
    match (told.holders.len(), case.all_told()) {
        (0, true) => {
            eyes.push(Eye::Facts);
            why.push("no member has it".to_owned());
        }
        (2.., _) => {
            eyes.push(Eye::Facts);
            why.push("it moved while the members told their facts".to_owned());
        }
        _ => {}
    }
    if case.pair.unicast {
        why.push("its adverts are unicast".to_owned());
    }
    if case.evidence.raw.is_none() {
        let entry = case
            .evidence
            .neighbours
            .iter()
            .find(|entry| entry.address == vip);
        why.push(match entry {
            None => "it is no neighbour of this host (routed)".to_owned(),
            Some(entry) if entry.mac.virtual_router().is_some() => {
                format!(
                    "its MAC {} is VRRP's virtual one, the same on all members",
                    entry.mac
                )
            }
            Some(entry) if is_mute(case) => {
                format!("its neighbour entry {} may be an old one", entry.mac)
            }
            Some(entry) => format!("its MAC {} is of no member's address", entry.mac),
        });
    }
    let told_apart = case
        .replies(Target::Vip)
        .any(|(_, reply)| reply.identity.is_some());
    if !told_apart && case.replies(Target::Vip).next().is_some() {
        why.push("no answer says who gives it".to_owned());
    }
    let message = format!("who holds {vip} is not known: {}", list(why.into_iter()));
    Finding::new(
        "holder-unknown",
        Severity::Unknown,
        message,
        nothing(),
        &eyes,
    )
}
