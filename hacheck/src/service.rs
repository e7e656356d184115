//! Services beside the pairs: one guest's, or what runs on a pair. hacheck asks their addresses as it
//! asks a pair's members, so a service is read as a pair of its addresses that has no VIP.

use std::net::IpAddr;

use vmid::site::{self, Fault};

use crate::{
    pairs::{self, Member, Pair},
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

/// The pair that a service names: how messages call it, and its probes.
#[derive(Clone, Copy)]
pub(crate) struct Under<'a> {
    pub pair: &'a site::Pair,
    pub path: &'a str,
    pub probes: &'a [Probe],
}

/// The service as a pair of its addresses; `on` is the pair that it names, `path` how messages call it. A
/// probe that has nobody to ask, or that is for pairs, is a fault, and a member that can't be asked.
pub(crate) fn read(
    service: site::Service,
    mut probes: Vec<Probe>,
    on: Option<Under<'_>>,
    path: &str,
    faults: &mut Vec<Fault>,
) -> Pair {
    let addresses: Vec<IpAddr> = match on {
        Some(under) => addresses(under, faults),
        None => service.addresses,
    };
    of_pairs_alone(&probes, path, faults);
    if let Some(under) = on.filter(|_| probes.is_empty()) {
        probes = inherited(under);
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
        interface: on.and_then(|under| under.pair.interface.clone()),
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
                None => on.is_some_and(|under| under.pair.vip.is_none()),
            },
            kind: service.kind,
            vmid: service.vmid,
            pair: service.pair,
        }),
    }
}

/// What the pair's probes ask where clients ask. What members hold beside each other is the pair's own
/// matter: it is asked for and judged there.
fn inherited(under: Under<'_>) -> Vec<Probe> {
    let unfit = if under.pair.vip.is_some() {
        On::Members
    } else {
        On::Vip
    };
    let fit = under.probes.iter();
    let fit = fit.filter(|probe| probe.on != unfit && !matches!(probe.what, What::Pihole(_)));
    let own = |probe: &Probe| {
        let mut own = probe.clone();
        own.on = On::All;
        if let What::Nfs(null) = &mut own.what {
            null.exports.clear();
        }
        own
    };
    fit.map(own).collect()
}

/// Probes that compare members are faults here: nobody would judge what they bring.
fn of_pairs_alone(probes: &[Probe], path: &str, faults: &mut Vec<Fault>) {
    for (place, probe) in probes.iter().enumerate() {
        let (key, stands) = match &probe.what {
            What::Pihole(_) => ("pihole", "stands"),
            What::Nfs(null) if !null.exports.is_empty() => ("nfs.exports", "stand"),
            _ => continue,
        };
        faults.push(Fault {
            path: format!("{path}.probes[{place}].{key}"),
            what: format!(
                "{stands} in a service, but the members of a pair are compared: put the probe to a pair"
            ),
        });
    }
}

/// Where clients find what runs on a pair: at its VIPs, and without one at each member; one without an
/// address is the same fault as it is of the pair, which may be told of it already.
fn addresses(under: Under<'_>, faults: &mut Vec<Fault>) -> Vec<IpAddr> {
    if under.pair.vip.is_some() {
        return under.pair.all_vips().collect();
    }
    let members = under.pair.members.iter().enumerate();
    members
        .filter_map(|(number, member)| {
            if member.address.is_none() {
                let fault = pairs::unaddressed(under.path, number);
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
            member.address
        })
        .collect()
}
