//! Whether a standby's server would answer at the VIP: one that is bound to the addresses that the
//! host had when it started does not, and nothing shows it until the VIP moves there.

use std::net::IpAddr;

use serde_json::json;

use super::{Case, holder::Held, info};
use crate::{
    evidence::{Listening, OwnAddress, Transport},
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
        let stays = |own: &&OwnAddress| !own.address.is_loopback() && own.address != vip;
        let own: Vec<_> = facts
            .addresses
            .iter()
            .filter(stays)
            .map(|own| own.address)
            .collect();
        for (protocol, port) in &ports {
            let of_port = |one: &&Listening| (one.protocol, one.port) == (*protocol, *port);
            let bound: Vec<_> = sockets
                .iter()
                .filter(of_port)
                .map(|one| one.address)
                .collect();
            if answers(&bound, vip) {
                continue;
            }
            let Some(at) = bound.iter().find(|address| own.contains(address)) else {
                continue;
            };
            let message = format!(
                "{name}: port {port} ({}) is served on {at} only, not on all addresses: after a failover it might not answer at {vip}; if this server binds to new addresses by itself, set \"rebinds\": true on the probe",
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

/// Some of the sockets that are bound so would get what is sent to the VIP. One for all IPv6 addresses
/// is for IPv4, too, unless there is another for IPv4, which the kernel lets be bound only then.
fn answers(bound: &[IpAddr], vip: IpAddr) -> bool {
    let of_v4 = bound.iter().any(IpAddr::is_ipv4);
    bound.iter().any(|address| match address {
        _ if *address == vip => true,
        IpAddr::V4(v4) => v4.is_unspecified() && vip.is_ipv4(),
        IpAddr::V6(v6) => v6.is_unspecified() && (vip.is_ipv6() || !of_v4),
    })
}

/// The ports that are asked at the VIP and at members, each once.
fn ports(pair: &Pair) -> Vec<(Transport, u16)> {
    let asked = |who: On| {
        let probes = pair
            .probes
            .iter()
            .filter(|probe| probe.elsewhere().is_none());
        let probes = probes.filter(move |probe| probe.on.meets(who));
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
