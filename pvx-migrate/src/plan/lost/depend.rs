//! What stands still without a guest: its pairs, storages it serves, services of the site, the IPAM.

use std::{collections::HashMap, net::IpAddr};

use vmid::{
    exempt::Subject,
    site::{Service, Site},
};

use super::{record::PairLeft, rest::guests, seat::Case};
use crate::{cluster::Cluster, config::Config, plan::policy::Policy};

/// The services of the site by the guest they are on; those of a pair are the pair's.
#[derive(Debug, Default)]
pub struct Services<'s> {
    by_vmid: HashMap<u32, Vec<&'s Service>>,
    by_address: HashMap<IpAddr, Vec<&'s Service>>,
}

impl<'s> Services<'s> {
    /// Of a site.
    #[must_use]
    pub fn new(site: &'s Site) -> Self {
        let mut services = Self::default();
        for service in site
            .services
            .iter()
            .filter(|service| service.pair.is_none())
        {
            if let Some(vmid) = service.vmid {
                services.by_vmid.entry(vmid).or_default().push(service);
                continue;
            }
            for address in &service.addresses {
                services
                    .by_address
                    .entry(*address)
                    .or_default()
                    .push(service);
            }
        }
        services
    }

    /// Those of a guest.
    #[must_use]
    pub fn of(&self, case: &Case<'_>) -> Vec<&'s Service> {
        let own = self.by_vmid.get(&case.candidate.guest.vmid);
        let addresses = case.candidate.config.addresses.iter();
        let more = addresses.filter_map(|address| self.by_address.get(address));
        let mut all: Vec<&Service> = own.into_iter().chain(more).flatten().copied().collect();
        all.dedup_by_key(|service| &service.name);
        all
    }
}

/// What a finding of a guest is a finding of.
#[must_use]
pub fn subjects(case: &Case<'_>, services: &[&Service]) -> Vec<Subject> {
    let guest = case.candidate.guest;
    let pairs = case.candidate.pairs.iter();
    let pairs = pairs.map(|(name, _)| Subject::Pair((*name).to_owned()));
    let services = services
        .iter()
        .map(|service| Subject::Service(service.name.clone()));
    let own = [Subject::Vmid(guest.vmid), Subject::Node(guest.node.clone())];
    own.into_iter().chain(pairs).chain(services).collect()
}

/// What stands still, in words.
#[must_use]
pub fn on_it(
    cluster: &Cluster<'_>,
    policy: &Policy,
    case: &Case<'_>,
    pairs: &[PairLeft],
    services: &[&Service],
    ipam: Option<&str>,
) -> Vec<String> {
    let mut told = Vec::new();
    for (name, _) in &case.candidate.pairs {
        let Some(pair) = pairs.iter().find(|pair| pair.pair == *name) else {
            continue;
        };
        let left: Vec<String> = pair
            .left
            .iter()
            .map(|left| match &left.node {
                Some(node) => format!("{} on {node}", left.name),
                None => left.name.clone(),
            })
            .collect();
        told.push(match left.is_empty() {
            true if !pair.unseen.is_empty() => {
                format!("pair {name}: whether another member runs is not known")
            }
            true => format!("pair {name}: no member is left"),
            false => format!("pair {name}: left is {}", left.join(", ")),
        });
    }
    for storage in case.candidate.served(cluster, policy) {
        let id = &storage.storage;
        told.push(match &storage.kind[..] {
            "pbs" => format!("backups: it is the server of {id}"),
            _ => format!(
                "storage {id}, with volumes of {}",
                guests(users(cluster, id))
            ),
        });
    }
    for service in services {
        told.push(match service.sla_s {
            Some(sla_s) => format!("service {}, promised within {sla_s}s", service.name),
            None => format!("service {}", service.name),
        });
    }
    if let Some(host) = ipam.filter(|host| is_host(case, host)) {
        told.push(format!("the IPAM: NETBOX_URL names {host}"));
    }
    told
}

/// How many guests have volumes on a storage.
fn users(cluster: &Cluster<'_>, id: &str) -> usize {
    let mark = format!("{id}:"); // most have none, and need no reading
    let guests = cluster.state.guests.iter();
    guests
        .filter(|guest| {
            let text = guest.config.as_ref().map(|text| text.get());
            let config = text.filter(|text| text.contains(&mark));
            let config = config.and_then(|text| Config::parse(guest.kind, text).ok());
            config.is_some_and(|config| config.volumes.iter().any(|volume| volume.storage == id))
        })
        .count()
}

/// The host is this guest, by its address or its name.
fn is_host(case: &Case<'_>, host: &str) -> bool {
    let name = case.name().to_lowercase();
    let host = host.to_lowercase();
    match host.parse::<IpAddr>() {
        Ok(address) => case.candidate.config.addresses.contains(&address),
        Err(_) => !name.is_empty() && (name == host || host.split('.').next() == Some(&name)),
    }
}
