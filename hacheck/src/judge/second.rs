//! A second host that answers ARP for the VIP: a proxy (proxy_arp, proxy_arp_pvlan) answers no probe,
//! only a host that asks from an address of its own, as all clients do.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::json;

use super::{
    Case,
    holder::{Held, called, list},
    witness::Arp,
};
use crate::{
    evidence::{ArpReply, Mac},
    finding::{Eye, Finding, Severity},
};

pub(super) fn judge(case: &Case<'_>, vip: IpAddr, arp: &Arp, held: &Held) -> Option<Finding> {
    let raw = case.evidence.raw.as_ref()?;
    if held.moved || arp.local {
        return None;
    }
    let of_vip = |reply: &&ArpReply| reply.ip == vip;
    let claims: BTreeSet<Mac> = raw
        .replies
        .iter()
        .flatten()
        .filter(of_vip)
        .filter(|reply| reply.round > 0)
        .map(|reply| reply.mac)
        .collect();
    let answers: BTreeSet<Mac> = raw
        .answers
        .iter()
        .filter(of_vip)
        .map(|reply| reply.mac)
        .collect();
    // One answer alone may be the last of a host that has just given the VIP up.
    let rounds = |mac: &Mac| {
        let of_mac = raw.answers.iter().filter(|reply| reply.mac == *mac);
        of_mac
            .map(|reply| reply.round)
            .collect::<BTreeSet<u32>>()
            .len()
    };
    let often = |mac: &&Mac| rounds(mac) > 1 || raw.requests < 2;
    // The holder may answer by several of its interfaces (use_vmac, two on one segment).
    let by_holder = |mac: &Mac| {
        let owner = case.owners.of.get(mac);
        owner.is_some_and(|owner| Some(*owner) == held.holder)
    };
    let seconds = answers.difference(&claims).filter(often);
    let seconds: Vec<&Mac> = seconds.filter(|mac| !by_holder(mac)).collect();
    if seconds.is_empty() {
        return None;
    }
    let name = |mac: &Mac| format!("{} ({mac})", called(case, &case.owners.who(*mac)));
    let named = |mac: &Mac| match case.owners.of.contains_key(mac) {
        true => name(mac),
        false => called(case, &case.owners.who(*mac)),
    };
    let who = list(seconds.iter().map(|mac| named(mac)));
    let beside = match claims.is_empty() {
        true => "nobody holds it".to_owned(),
        false => format!("{} holds it", list(claims.iter().map(named))),
    };
    let message = format!(
        "{who} answers ARP for {vip}, too, though {beside}: clients that hear it last send there (proxy_arp?)"
    );
    let evidence = json!({"holds": claims, "answers": answers});
    let eyes = [Eye::Arp];
    Some(Finding::new(
        "second-answer",
        Severity::Critical,
        message,
        evidence,
        &eyes,
    ))
}
