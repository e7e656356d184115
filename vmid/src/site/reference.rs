//! What one part of a site says of another: storages and bridges of nodes, gateways in their
//! prefixes, names that must not stand twice. Resolves the rule of each gateway to its address.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Pair, Site, Vlan, dns, exempt, fault::Faults, near, pair, service};
use crate::{networks::Network, numbering, scheme::Digits};

/// Checks all references within `site`.
pub(super) fn check(site: &mut Site, faults: &mut Faults) {
    twice(
        "nodes",
        "name",
        site.nodes.iter().map(|node| node.name.as_str()),
        faults,
    );
    twice(
        "storages",
        "storage",
        site.storages.iter().map(|s| s.storage.as_str()),
        faults,
    );
    twice(
        "apps",
        "name",
        site.apps.iter().map(|app| app.name.as_str()),
        faults,
    );
    let servers = site.dns.iter().flat_map(|dns| &dns.servers);
    twice(
        "dns.servers",
        "name",
        servers.map(|server| server.name.as_str()),
        faults,
    );
    dns::check(site, faults);
    exempt::check(site, faults);
    nodes(site, faults);
    vlans(site, faults);
    bases(site, faults);
    let segments: Vec<IpNet> = site.vlans.iter().map(|vlan| vlan.prefix).collect();
    let paths = |place| format!("pairs[{place}]");
    let paths: Vec<String> = (0..site.pairs.len()).map(paths).collect();
    pair::check(&site.pairs, &paths, &segments, faults);
    let paths = |place| format!("services[{place}]");
    let paths: Vec<String> = (0..site.services.len()).map(paths).collect();
    service::check(&site.services, &paths, &site.pairs, &segments, faults);
    services_roles(site, faults);
    members_nodes(site, faults);
    nodes_and_vips(site, faults);
}

/// A name that stands twice in a list.
fn twice<'a>(
    list: &str,
    key: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    faults: &mut Faults,
) {
    for (place, name) in names.clone().enumerate() {
        if let Some(first) = names.clone().take(place).position(|other| other == name) {
            let what = format!("is {name:?}, as {list}[{first}].{key}");
            faults.add(format!("{list}[{place}].{key}"), what);
        }
    }
}

fn nodes(site: &Site, faults: &mut Faults) {
    for (place, node) in site.nodes.iter().enumerate() {
        for (at, storage) in node.storages.iter().enumerate() {
            let known = site.storages.iter().map(|s| s.storage.as_str());
            if !known.clone().any(|known| known == storage) {
                let hint = near::hint(storage, known);
                let what = format!("is {storage:?}, which is not in storages{hint}");
                faults.add(format!("nodes[{place}].storages[{at}]"), what);
            }
            if node.storages[..at].contains(storage) {
                let what = format!("is {storage:?} again");
                faults.add(format!("nodes[{place}].storages[{at}]"), what);
            }
        }
        let same = |other: &&super::Node| other.address.is_some() && other.address == node.address;
        if let Some(other) = site.nodes[..place].iter().find(same) {
            let what = format!("is that of {}, too", other.name);
            faults.add(format!("nodes[{place}].address"), what);
        }
    }
}

fn vlans(site: &mut Site, faults: &mut Faults) {
    let stated = site.nodes.iter().filter_map(|node| node.bridges.as_ref());
    let bridges: Vec<&str> = stated.flatten().map(String::as_str).collect();
    for (place, vlan) in site.vlans.iter().enumerate() {
        let path = format!("vlans[{place}]");
        for (first, other) in site.vlans[..place].iter().enumerate() {
            let same_family = other.prefix.addr().is_ipv4() == vlan.prefix.addr().is_ipv4();
            if other.vlan == vlan.vlan && same_family {
                let what = format!("is {}, as vlans[{first}].vlan", vlan.vlan);
                faults.add(format!("{path}.vlan"), what);
            }
            if other.prefix == vlan.prefix {
                let what = format!("is {}, as vlans[{first}].prefix", vlan.prefix);
                faults.add(format!("{path}.prefix"), what);
            } else if other.prefix.contains(&vlan.prefix) || vlan.prefix.contains(&other.prefix) {
                let (prefix, of_other) = (vlan.prefix, other.prefix);
                let what =
                    format!("is {prefix}, which overlaps with vlans[{first}].prefix {of_other}");
                faults.add(format!("{path}.prefix"), what);
            }
        }
        // Where every node says which bridges it has, one of them must have this one.
        let all_said =
            !site.nodes.is_empty() && site.nodes.iter().all(|node| node.bridges.is_some());
        if let Some(bridge) = vlan.bridge.as_deref().filter(|_| all_said)
            && !bridges.contains(&bridge)
        {
            let hint = near::hint(bridge, bridges.iter().copied());
            let what = format!("is {bridge:?}, which no node has in its bridges{hint}");
            faults.add(format!("{path}.bridge"), what);
        }
    }
    for (place, vlan) in site.vlans.iter_mut().enumerate() {
        match gateway(&vlan.gateway, vlan.prefix) {
            Ok(address) => vlan.gateway = address.map_or("none".to_owned(), |a| a.to_string()),
            Err(what) => faults.add(format!("vlans[{place}].gateway"), what),
        }
    }
}

/// The networks' IDs: no two networks share one, where vmid is not told of other digits.
fn bases(site: &Site, faults: &mut Faults) {
    let ids = |(place, vlan): (usize, &Vlan)| {
        let IpNet::V4(prefix) = vlan.prefix else {
            return None;
        };
        let network = Network::of_site(vlan, prefix);
        let ids = network.numbering(Digits::THREE).ids(prefix)?;
        Some((ids, network.has_numbering(), (place, network)))
    };
    let spans = site.vlans.iter().enumerate().filter_map(ids);
    if let Some(((one, of_one), (other, of_other))) = numbering::meeting(spans) {
        let [of_one, of_other] = [of_one, of_other].map(|n| n.with_ids(Digits::THREE));
        let what = format!("gives {of_other} IDs of vlans[{one}], {of_one}");
        faults.add(format!("vlans[{other}].base"), what);
    }
    for (place, vlan) in site.vlans.iter().enumerate() {
        if vlan.prefix.addr().is_ipv6() && (vlan.base.is_some() || vlan.digits.is_some()) {
            let what = format!("says how guests' IDs are made, but {} is IPv6", vlan.prefix);
            faults.add(format!("vlans[{place}]"), what);
        }
    }
}

/// The gateway's address by the rule of a VLAN; a prefix of one or two addresses has no room for one.
fn gateway(rule: &str, prefix: IpNet) -> Result<Option<IpAddr>, String> {
    let room = prefix.max_prefix_len() - prefix.prefix_len() >= 2;
    match rule {
        "none" => Ok(None),
        "first" | "last" if !room => Ok(None),
        "first" => Ok(prefix.hosts().next().map(|first| match first {
            // Of IPv6 the network's own address is the routers' anycast one (RFC 4291, 2.6.1).
            IpAddr::V6(base) if base == prefix.network() => {
                IpAddr::V6((u128::from(base) + 1).into())
            }
            other => other,
        })),
        "last" => Ok(Some(match prefix {
            IpNet::V4(net) => IpAddr::V4((u32::from(net.broadcast()) - 1).into()),
            IpNet::V6(net) => IpAddr::V6(net.broadcast()),
        })),
        address => match address.parse::<IpAddr>() {
            Ok(address) if prefix.addr().is_ipv4() && room && no_host(address, prefix) => Err(
                format!("is {address}, the network's own or broadcast address of {prefix}"),
            ),
            Ok(address) if prefix.contains(&address) => Ok(Some(address)),
            _ => Err(format!("is {address}, which is not in {prefix}")),
        },
    }
}

fn no_host(address: IpAddr, prefix: IpNet) -> bool {
    address == prefix.network() || address == prefix.broadcast()
}

/// A VIP moves, a node's own address stays. (A VIP may be a gateway: that is a pair of routers.)
fn nodes_and_vips(site: &Site, faults: &mut Faults) {
    for (place, node) in site.nodes.iter().enumerate() {
        let same = |pair: &&Pair| pair.all_vips().any(|vip| Some(vip) == node.address);
        if let Some(pair) = site.pairs.iter().find(same) {
            let what = format!("is the vip of the pair {:?}, too", pair.name);
            faults.add(format!("nodes[{place}].address"), what);
        }
    }
}

/// Where the site has roles, a service's is one of them.
fn services_roles(site: &Site, faults: &mut Faults) {
    for (place, service) in site.services.iter().enumerate() {
        let unknown = |role: &&String| !site.roles.is_empty() && !site.roles.contains_key(*role);
        if let Some(role) = service.role.as_ref().filter(unknown) {
            let hint = near::hint(role, site.roles.keys().map(String::as_str));
            let what = format!("is {role:?}, which is not in roles{hint}");
            faults.add(format!("services[{place}].role"), what);
        }
    }
}

/// Where the site names its nodes, a pair's member is meant to be on one of them.
fn members_nodes(site: &Site, faults: &mut Faults) {
    let names = site.nodes.iter().map(|node| node.name.as_str());
    for (place, pair) in site.pairs.iter().enumerate() {
        for (at, member) in pair.members.iter().enumerate() {
            let unknown = |node: &&str| !names.clone().any(|name| name == *node);
            if let Some(node) = member.node.as_deref().filter(unknown)
                && !site.nodes.is_empty()
            {
                let hint = near::hint(node, names.clone());
                let what = format!("is {node:?}, which is not in nodes{hint}");
                faults.add(format!("pairs[{place}].members[{at}].node"), what);
            }
        }
    }
}
