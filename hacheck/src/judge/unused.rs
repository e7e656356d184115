//! Members that have the VIP and don't hold it: who looks at their addresses alone would take them
//! for holders.

use std::net::IpAddr;

use serde_json::json;

use super::Case;
use crate::{
    evidence::Unused,
    finding::{Eye, Finding, Severity},
    holding::{self, Holding},
};

pub(super) fn judge(case: &Case<'_>, vip: IpAddr) -> Vec<Finding> {
    let told = |member: usize| {
        let name = case.name(member);
        let (severity, own, why) = match holding::of(case.facts(member)?, vip) {
            Holding::Not | Holding::Held(_) => return None,
            Holding::Loopback(own) => {
                let why = "it answers ARP for it unless arp_ignore forbids that (--raw sees it)";
                (Severity::Info, own, why)
            }
            Holding::Down(own) => {
                // FRR's vrrpd leaves it on a macvlan with the virtual MAC, which it holds down.
                let facts = case.facts(member)?;
                let mut interfaces = facts.interfaces.iter();
                let mac = interfaces.find(|one| one.name == own.interface)?.mac;
                let severity = match mac.is_some_and(|mac| mac.virtual_router().is_some()) {
                    true => Severity::Info,
                    false => Severity::Warning,
                };
                (severity, own, "which is down or has no carrier")
            }
            Holding::Unused(own, Unused::Tentative) => {
                let why = "and does not use it yet: whether somebody else has it is being asked";
                (Severity::Info, own, why)
            }
            Holding::Unused(own, Unused::Dadfailed) => {
                let why = "and does not use it: when it was set, somebody else had it (dadfailed)";
                (Severity::Warning, own, why)
            }
        };
        let message = format!("{name} has {vip} on {}, {why}", own.interface);
        let evidence = json!({"member": name, "interface": own.interface});
        let eyes = [Eye::Facts];
        Some(Finding::new(
            "vip-not-used",
            severity,
            message,
            evidence,
            &eyes,
        ))
    };
    case.members().filter_map(told).collect()
}
