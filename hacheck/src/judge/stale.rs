//! A neighbour entry that still pointed elsewhere when the look began: the gratuitous ARP of the last
//! failover did not reach this host, and perhaps not others.

use std::net::IpAddr;

use serde_json::json;

use super::{Case, holder::Held, owners::Who};
use crate::{
    finding::{Eye, Finding, Severity},
    holding::{self, Holding},
};

/// A kernel takes no gratuitous ARP within a second of another answer (locktime, arp(7)), and
/// keepalived sends it again after 5 s (garp_master_delay): so long an entry may be wrong.
const AGAIN_MS: u64 = 6000;
/// Facts of this age in milliseconds say who holds the VIP now: who gathers them checks at once.
const FRESH_MS: i64 = 10_000;

pub(super) fn judge(case: &Case<'_>, vip: IpAddr, held: &Held) -> Option<Finding> {
    let holder = held.holder.filter(|_| !held.moved)?;
    let by_facts = held.by == Some("facts");
    if case.evidence.raw.is_none() && !(by_facts && is_fresh(case, holder)) {
        return None; // it is the table itself that named the holder, or it may have moved since
    }
    let mut before = case.evidence.neighbours_before.iter();
    let entry = before.find(|entry| entry.address == vip)?;
    let Who::Member(other) = case.owners.who(entry.mac) else {
        return None; // a virtual MAC, or one that is not known to be wrong
    };
    if other == holder || is_new(case, holder, vip) {
        return None;
    }
    let message = format!(
        "this host still had {vip} at {} ({}), which {} holds: it did not hear of the failover, and others may not have",
        case.name(other),
        entry.mac,
        case.name(holder),
    );
    let evidence = json!({"mac": entry.mac, "member": case.name(other)});
    let eyes = [Eye::Neighbours];
    Some(Finding::new(
        "stale-neighbour",
        Severity::Warning,
        message,
        evidence,
        &eyes,
    ))
}

/// The holder has told its facts just now.
fn is_fresh(case: &Case<'_>, holder: usize) -> bool {
    let told_ms = case.facts(holder).map(|facts| facts.at_ms);
    told_ms.is_some_and(|ms| case.evidence.now_ms.saturating_sub(ms) < FRESH_MS)
}

/// The holder says that it took over just now, or has done so since it told its facts.
fn is_new(case: &Case<'_>, holder: usize, vip: IpAddr) -> bool {
    case.facts(holder)
        .is_some_and(|facts| match holding::of(facts, vip) {
            Holding::Held(own) => own.held_ms.is_some_and(|ms| ms < AGAIN_MS),
            _ => true,
        })
}
