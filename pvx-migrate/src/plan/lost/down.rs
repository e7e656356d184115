//! Storages whose server was on the lost node, as a guest or as the node itself.

use std::{collections::HashSet, net::IpAddr};

use super::{scene::Scene, seat::Case};
use crate::{
    cluster::Cluster,
    config::Config,
    plan::{load::Load, policy::Policy},
    state::{Guest, Storage},
};

/// A storage that is down with the node.
#[derive(Clone, Copy, Debug)]
pub struct Down<'a> {
    /// It.
    pub storage: &'a Storage,
    /// The guest that is its server; none if the node itself is.
    pub server: Option<u32>,
}

impl Down<'_> {
    /// It holds backups.
    #[must_use]
    pub fn is_of_backups(&self) -> bool {
        self.storage.kind == "pbs"
    }

    /// The server in words.
    #[must_use]
    pub fn by(&self) -> String {
        match self.server {
            Some(vmid) => format!("guest {vmid}"),
            None => "the lost node itself".to_owned(),
        }
    }
}

/// The storages that are down: none where another member of the server's pair takes its address.
#[must_use]
pub fn down<'a>(
    cluster: &Cluster<'a>,
    policy: &Policy,
    scene: &Scene<'a>,
    cases: &[Case<'a>],
    load: &Load<'a>,
) -> Vec<Down<'a>> {
    let mut all: Vec<Down<'a>> = Vec::new();
    for storage in &cluster.state.storages {
        let server = storage.server.as_deref().unwrap_or_default();
        if !server.is_empty()
            && scene
                .lost
                .iter()
                .any(|node| is_node(cluster, policy, *node, server))
        {
            all.push(Down {
                storage,
                server: None,
            });
        }
    }
    for case in cases {
        for storage in case.candidate.served(cluster, policy) {
            if !stands_in(cluster, policy, scene, case, storage, load) {
                let server = Some(case.candidate.guest.vmid);
                all.push(Down { storage, server });
            }
        }
    }
    all
}

/// The node is called so, or has that address.
fn is_node(cluster: &Cluster<'_>, policy: &Policy, node: usize, server: &str) -> bool {
    let name = cluster.name(node);
    match server.parse::<IpAddr>() {
        Ok(address) => addresses(cluster, policy, node).any(|own| own == address),
        Err(_) => server.split('.').next() == Some(name),
    }
}

/// The addresses that a node is known to have: in the cluster, and by the site.
fn addresses(
    cluster: &Cluster<'_>,
    policy: &Policy,
    node: usize,
) -> impl Iterator<Item = IpAddr> + use<> {
    let node = &cluster.nodes()[node];
    let own = node.ip.as_ref().and_then(|ip| ip.parse().ok());
    let nodes = policy.site.nodes.iter();
    let known = nodes.filter(|known| known.name == node.node);
    let known: Vec<IpAddr> = known.filter_map(|known| known.address).collect();
    own.into_iter().chain(known)
}

/// The storages whose server may be a lost node: no address of that is known, and nobody is known to
/// have the server's.
pub fn unsure<'a>(cluster: &Cluster<'a>, policy: &Policy, scene: &Scene<'_>) -> Vec<&'a Storage> {
    let is_known = |node: &usize| addresses(cluster, policy, *node).next().is_some();
    if scene.lost.iter().all(is_known) {
        return Vec::new();
    }
    let nodes = 0..cluster.nodes().len();
    let mut taken: HashSet<IpAddr> = nodes
        .flat_map(|node| addresses(cluster, policy, node))
        .collect();
    taken.extend(policy.pairs.iter().flat_map(|pair| pair.all_vips()));
    for guest in &cluster.state.guests {
        let text = guest.config.as_ref().map(|text| text.get());
        let config = text.and_then(|text| Config::parse(guest.kind, text).ok());
        taken.extend(config.into_iter().flat_map(|config| config.addresses));
    }
    let storages = cluster.state.storages.iter();
    let unsure = storages.filter(|storage| {
        let server = storage.server.as_ref();
        let address = server.and_then(|server| server.parse().ok());
        address.is_some_and(|address| !taken.contains(&address))
    });
    unsure.collect()
}

/// Another member of a pair of the server is left and takes the address.
fn stands_in(
    cluster: &Cluster<'_>,
    policy: &Policy,
    scene: &Scene<'_>,
    case: &Case<'_>,
    storage: &Storage,
    load: &Load<'_>,
) -> bool {
    let server = storage.server.as_deref().unwrap_or_default();
    let Ok(address) = server.parse::<IpAddr>() else {
        return false;
    };
    case.candidate.pairs.iter().any(|(name, others)| {
        let mut pairs = policy.pairs.iter().filter(|pair| pair.name == *name);
        let moves = pairs.any(|pair| pair.all_vips().any(|vip| vip == address));
        let runs = |other: &u32| cluster.guest(*other).is_some_and(Guest::is_running);
        let is_left = |other: &u32| {
            let node = load.place(*other);
            runs(other)
                && node.is_some_and(|node| !scene.is_lost(node) && cluster.nodes()[node].online)
        };
        moves && others.iter().any(is_left)
    })
}
