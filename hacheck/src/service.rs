//! Services beside the pairs: one guest's, or what runs on a pair. hacheck asks their addresses as it
//! asks a pair's members, so a service is read as a pair of its addresses that has no VIP.

use std::net::IpAddr;

use vmid::site::{self, Fault};

use crate::{
    pairs::{Member, Pair},
    probe::{On, Probe, What},
};

/// What a service is, beside its addresses and probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// What its guest is, `lxc` or `qemu`.
    pub kind: Option<String>,
    /// Its guest's ID.
    pub vmid: Option<u32>,
    /// The pair that it runs on.
    pub pair: Option<String>,
    /// Several addresses answer side by side, so that clients do without one of them.
    pub active_active: bool,
}

/// The service as a pair of its addresses; `on` is the pair that it names, with its probes, `path` how
/// messages call it. A probe that has nobody to ask is a fault.
pub(crate) fn read(
    service: site::Service,
    mut probes: Vec<Probe>,
    on: Option<(&site::Pair, &[Probe])>,
    path: &str,
    faults: &mut Vec<Fault>,
) -> Pair {
    let addresses: Vec<IpAddr> = match on {
        Some((pair, _)) => addresses(pair),
        None => service.addresses,
    };
    if let Some((pair, of_pair)) = on.filter(|_| probes.is_empty()) {
        let unfit = if pair.vip.is_some() {
            On::Members
        } else {
            On::Vip
        };
        // What members hold beside each other is the pair's own matter.
        let fit = of_pair
            .iter()
            .filter(|probe| probe.on != unfit && !matches!(probe.what, What::Pihole(_)));
        let own = |probe: &Probe| Probe {
            on: On::All,
            ..probe.clone()
        };
        probes = fit.map(own).collect();
    }
    for (place, probe) in probes.iter().enumerate() {
        if addresses.is_empty() && probe.elsewhere().is_none() {
            faults.push(Fault {
                path: format!("{path}.probes[{place}]"),
                what: "has nobody to ask: the service has neither addresses nor a pair".to_owned(),
            });
        }
    }
    let members = addresses.into_iter().map(|address| Member {
        name: address.to_string(),
        address,
        addresses: Vec::new(),
        vmid: None,
        node: None,
        preferred: false,
    });
    Pair {
        name: service.name,
        vip: None,
        vips: Vec::new(),
        vrid: None,
        // A link-local VIP is asked where its pair says.
        interface: on.and_then(|(pair, _)| pair.interface.clone()),
        advert_ms: None,
        version: None,
        unicast: false,
        excluded: false,
        vrrp: true,
        rto_ms: None,
        expect_preferred: false,
        members: members.collect(),
        probes,
        same: Vec::new(),
        files: Vec::new(),
        service: Some(Service {
            active_active: match &service.ha {
                Some(ha) => ha == "active-active",
                // A pair without a VIP is one that answers side by side.
                None => on.is_some_and(|(pair, _)| pair.vip.is_none()),
            },
            kind: service.kind,
            vmid: service.vmid,
            pair: service.pair,
        }),
    }
}

/// Where clients find what runs on a pair: at its VIPs, and without one at each member.
fn addresses(pair: &site::Pair) -> Vec<IpAddr> {
    match pair.vip {
        Some(_) => pair.all_vips().collect(),
        None => pair.members.iter().filter_map(|one| one.address).collect(),
    }
}
