//! Whether a standby's server would answer at the VIP: one that is bound to the addresses that the
//! host had when it started does not, and nothing shows it until the VIP moves there.

use serde_json::json;

use super::{Case, holder::Held, info};
use crate::{
    evidence::{Listening, Transport},
    finding::{Eye, Finding, Severity},
    pairs::Pair,
    probe::On,
};

pub(super) fn judge(case: &Case<'_>, held: &Held) -> Vec<Finding> {
    let Some(vip) = case.pair.vip else {
        return Vec::new();
    };
    let ports = ports(case.pair);
    let mut findings = Vec::new();
    let standbys = case.members().filter(|&member| held.holder != Some(member));
    for member in standbys.filter(|_| !ports.is_empty()) {
        let Some(facts) = case.facts(member) else {
            continue;
        };
        let name = case.name(member);
        let Some(sockets) = &facts.listening else {
            let message = format!(
                "not seen: whether {name}'s servers would answer at {vip}: its hacheck is an older one"
            );
            findings.push(info(
                "blind",
                message,
                json!({"member": name}),
                &[Eye::Facts],
            ));
            continue;
        };
        let own: Vec<_> = case.pair.members[member].own().collect();
        for (protocol, port) in &ports {
            let of_port = |one: &&Listening| (one.protocol, one.port) == (*protocol, *port);
            let bound: Vec<_> = sockets
                .iter()
                .filter(of_port)
                .map(|one| one.address)
                .collect();
            let at_vip = bound
                .iter()
                .any(|address| *address == vip || address.is_unspecified());
            let Some(at) = bound
                .iter()
                .find(|address| own.contains(address))
                .filter(|_| !at_vip)
            else {
                continue;
            };
            let message = format!(
                "{name}: port {port} ({}) is served on {at} only, not on all addresses: after a failover nobody may answer at {vip} (probes[].rebinds if its server binds to new addresses)",
                match protocol {
                    Transport::Tcp => "tcp",
                    Transport::Udp => "udp",
                },
            );
            let evidence =
                json!({"member": name, "port": port, "protocol": protocol, "bound": bound});
            findings.push(Finding::new(
                "standby-not-listening",
                Severity::Warning,
                message,
                evidence,
                &[Eye::Facts],
            ));
        }
    }
    findings
}

/// The ports that are asked at the VIP and at members, each once.
fn ports(pair: &Pair) -> Vec<(Transport, u16)> {
    let asked = |who: On| {
        let probes = pair.probes.iter().filter(move |probe| probe.on.meets(who));
        probes.map(|probe| (probe.port(), probe.rebinds))
    };
    let rebinds = |port| asked(On::All).any(|(other, rebinds)| other == port && rebinds);
    let mut ports: Vec<_> = asked(On::Members)
        .map(|(port, _)| port)
        .filter(|port| asked(On::Vip).any(|(other, _)| other == *port) && !rebinds(*port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}
