//! A neighbour entry that still pointed elsewhere when the look began: the gratuitous ARP of the last
//! failover did not reach this host, and perhaps not others.

use std::net::IpAddr;

use serde_json::json;

use super::{Case, holder::Held, witness::Who};
use crate::finding::{Eye, Finding, Severity};

pub(super) fn judge(case: &Case<'_>, vip: IpAddr, held: &Held) -> Option<Finding> {
    let holder = held.holder.filter(|_| !held.unsteady)?;
    if held.by == Some("mac") && case.evidence.raw.is_none() {
        return None; // it is the table itself that named the holder
    }
    let mut before = case.evidence.neighbours_before.iter();
    let entry = before.find(|entry| entry.address == vip)?;
    let Who::Member(other) = case.owners.who(entry.mac) else {
        return None; // a virtual MAC, or one that is not known to be wrong
    };
    if other == holder {
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
