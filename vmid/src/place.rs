//! Where a guest is: VLAN, network, host number. Each function here settles the
//! questions that a bare address or a bare ID leaves open, in the order that the
//! README gives: the table of networks, the record itself, the conventions.

use core::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{
    networks::{Network, Networks},
    scheme::{self, GUEST_IDS, Refused, VLANS},
};

/// A guest's place in the network, and so its ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The guest ID that encodes this place.
    pub id: u64,
    /// The VID, 1..=4094.
    pub vlan: u64,
    /// The number of the host in its network.
    pub host: u64,
    /// The address.
    pub address: Ipv4Addr,
    /// The network that the address is in.
    pub network: Ipv4Net,
}

impl Place {
    /// The address with the mask of its network.
    #[must_use]
    pub fn address_with_mask(&self) -> String {
        format!("{}/{}", self.address, self.network.prefix_len())
    }
}

/// What is known of a guest's address before its network is settled.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The address.
    pub address: Ipv4Addr,
    /// Its mask, if it came with one.
    pub mask: Option<u8>,
    /// The VLAN that was stated beside it.
    pub vlan: Option<u64>,
}

/// The place of an address, whether or not another place encodes to the same ID.
///
/// # Errors
///
/// Everything [`Refused`] says of addresses, VLANs and hosts; [`Refused::OutsideScheme`] where the
/// network's base makes no guest ID, [`Refused::AmbiguousNetwork`] where the ID is of a network
/// that has a base of its own.
pub fn locate(claim: Claim, networks: &Networks) -> Result<Place, Refused> {
    let Claim { address, mask, .. } = claim;
    let network = match held(claim, networks)? {
        Some(network) => network,
        None if networks.are_complete() => return Err(of_no_network(claim, networks)),
        None => Network {
            vlan: stated_vlan(claim)?,
            prefix: own_network(address, mask),
            base: None,
            digits: None,
        },
    };
    let Network { vlan, prefix, .. } = network;
    if !VLANS.contains(&vlan) {
        return Err(Refused::BadVlan(vlan.to_string()));
    }
    if !network_of_vlan_may_hold(vlan, prefix, networks) {
        return Err(not_in_vlan(address, vlan, networks));
    }
    let numbering = network.numbering(networks.digits());
    let host = scheme::host_number(address, prefix, numbering.digits)?;
    let id = numbering.id(host);
    if !GUEST_IDS.contains(&id) {
        return Err(Refused::OutsideScheme(format!(
            "{address} is host {host} of {prefix}, whose base is {}: {}",
            numbering.base,
            scheme::not_an_id(&id.to_string())
        )));
    }
    if let Some(other) = networks.with_id(id).filter(|other| *other != network) {
        return Err(Refused::AmbiguousNetwork(format!(
            "{address} in VLAN {vlan} would be {id}, but that is an ID of {}",
            other.with_ids(networks.digits())
        )));
    }
    Ok(Place {
        id,
        vlan,
        host,
        address,
        network: prefix,
    })
}

/// As [`locate`], and no other address may have the same ID.
///
/// # Errors
///
/// As [`locate`]; [`Refused::AmbiguousNetwork`] where the VLAN has a second
/// network with that host number, so that the ID could not be decoded.
pub fn encode(claim: Claim, networks: &Networks) -> Result<Place, Refused> {
    let place = locate(claim, networks)?;
    if networks.are_none() || networks.with_id(place.id).is_some() {
        return Ok(place);
    }
    match candidates(place.vlan, place.host, networks).as_slice() {
        [_, _, ..] => Err(ambiguous(place.vlan, place.host, networks)),
        _ => Ok(place),
    }
}

/// The VLAN and the host number of an ID, by the network that has it, else by the scheme.
///
/// # Errors
///
/// Those of [`scheme::split`]; [`Refused::OutsideScheme`] where every network of the VLAN has a
/// numbering of its own.
pub fn split(id: u64, networks: &Networks) -> Result<(u64, u64), Refused> {
    if let Some(network) = networks.with_id(id) {
        return Ok((network.vlan, id - network.numbering(networks.digits()).base));
    }
    let (vlan, host) = scheme::split(id, networks.digits())?;
    match networks.of_vlan(vlan).next() {
        Some(own) if networks.of_vlan(vlan).all(|n| n.has_numbering()) => {
            Err(no_id_of(id, own, networks))
        }
        _ => Ok((vlan, host)),
    }
}

fn no_id_of(id: u64, own: Network, networks: &Networks) -> Refused {
    Refused::OutsideScheme(format!(
        "{id} is no ID of VLAN {}, which is {}",
        own.vlan,
        own.with_ids(networks.digits())
    ))
}

/// The place that an ID encodes.
///
/// # Errors
///
/// [`Refused::NotOfTheSite`] where the site is known and has no such VLAN,
/// [`Refused::UnknownNetwork`] where neither the table nor the convention
/// 192.168.{vlan}.0/24 knows the VLAN's network, [`Refused::BadHost`],
/// [`Refused::AmbiguousNetwork`], [`Refused::NetworkMismatch`] where the convention
/// contradicts the table, and those of [`split`].
pub fn decode(id: u64, networks: &Networks) -> Result<Place, Refused> {
    let (vlan, host) = split(id, networks)?;
    let place = |(address, network): (Ipv4Addr, Ipv4Net)| Place {
        id,
        vlan,
        host,
        address,
        network,
    };
    if let Some(network) = networks.with_id(id) {
        let found = holding(host, network, networks);
        return found
            .map(place)
            .ok_or_else(|| Refused::BadHost(vlan, host, vec![network.prefix]));
    }
    match candidates(vlan, host, networks).as_slice() {
        [one] => return Ok(place(*one)),
        [_, _, ..] => return Err(ambiguous(vlan, host, networks)),
        [] => {}
    }
    let of_vlan: Vec<_> = networks.of_vlan(vlan).collect();
    if let Some(own) = of_vlan.iter().find(|n| n.has_numbering()) {
        return Err(no_id_of(id, *own, networks));
    }
    if !of_vlan.is_empty() {
        let of_vlan = of_vlan.iter().map(|n| n.prefix).collect();
        return Err(Refused::BadHost(vlan, host, of_vlan));
    }
    if networks.are_complete() {
        return Err(Refused::NotOfTheSite(vlan));
    }
    let third = u8::try_from(vlan).map_err(|_| Refused::UnknownNetwork(vlan))?;
    let network = own_network(Ipv4Addr::new(192, 168, third, 0), None);
    let address = scheme::address_of(host, network);
    let address = address.ok_or_else(|| Refused::BadHost(vlan, host, vec![network]))?;
    let claim = Claim {
        address,
        mask: Some(24),
        vlan: Some(vlan),
    };
    encode(claim, networks)
}

/// Why an address that none of the site's networks holds is in none.
fn of_no_network(claim: Claim, networks: &Networks) -> Refused {
    match claim.vlan {
        None => Refused::OutsideTheSite(claim.address),
        Some(vlan) if !VLANS.contains(&vlan) => Refused::BadVlan(vlan.to_string()),
        Some(vlan) if networks.of_vlan(vlan).next().is_none() => Refused::NotOfTheSite(vlan),
        Some(vlan) => not_in_vlan(claim.address, vlan, networks),
    }
}

fn not_in_vlan(address: Ipv4Addr, vlan: u64, networks: &Networks) -> Refused {
    let of_vlan = networks.of_vlan(vlan).map(|n| n.prefix.to_string());
    let of_vlan: Vec<_> = of_vlan.collect();
    Refused::NetworkMismatch(format!(
        "{address} is not in VLAN {vlan}, which is {}",
        of_vlan.join(", ")
    ))
}

/// The network of the table that holds the address, if one does.
fn held(claim: Claim, networks: &Networks) -> Result<Option<Network>, Refused> {
    let Claim {
        address,
        mask,
        vlan,
    } = claim;
    if networks.are_none() {
        return Ok(None); // without a table, as a rule
    }
    let holders: Vec<Network> = networks.holding(address).collect();
    let Some(first) = holders.first().copied() else {
        return Ok(None);
    };
    let chosen = match vlan {
        Some(vlan) => holders.iter().find(|n| n.vlan == vlan).ok_or_else(|| {
            let Network {
                vlan: other,
                prefix,
                ..
            } = first;
            Refused::NetworkMismatch(format!(
                "{address} is said to be in VLAN {vlan}, but {prefix} is VLAN {other}"
            ))
        })?,
        None if holders.len() > 1 => {
            let vlans: Vec<_> = holders.iter().map(|n| n.vlan.to_string()).collect();
            return Err(Refused::AmbiguousNetwork(format!(
                "{} is on several VLANs: {}",
                first.prefix,
                vlans.join(", ")
            )));
        }
        None => &first,
    };
    let prefix = chosen.prefix;
    match mask {
        Some(mask) if mask != prefix.prefix_len() => Err(Refused::NetworkMismatch(format!(
            "{address}/{mask} does not have the mask of its network {prefix}"
        ))),
        _ => Ok(Some(*chosen)),
    }
}

/// The VLAN as stated, else the third octet of 192.168.x.y.
fn stated_vlan(claim: Claim) -> Result<u64, Refused> {
    match (claim.vlan, claim.address.octets()) {
        (Some(vlan), _) => Ok(vlan),
        (None, [192, 168, 0, _]) => Err(Refused::BadVlan(format!(
            "0 (the third octet of {})",
            claim.address
        ))),
        (None, [192, 168, third, _]) => Ok(u64::from(third)),
        (None, _) => Err(Refused::NoVlan(claim.address)),
    }
}

/// The network that an address's own mask makes, /24 without one.
fn own_network(address: Ipv4Addr, mask: Option<u8>) -> Ipv4Net {
    let length = mask.filter(|&mask| mask <= 32).unwrap_or(24);
    Ipv4Net::new_assert(address, length).trunc()
}

/// The table knows the VLAN, but not this network for it: then it is not in that VLAN.
fn network_of_vlan_may_hold(vlan: u64, network: Ipv4Net, networks: &Networks) -> bool {
    let mut known = networks.of_vlan(vlan).peekable();
    known.peek().is_none() || known.any(|known| known.prefix == network)
}

/// The addresses that the table gives to a host number of a VLAN, each once; of the networks that
/// are numbered by their VLAN.
fn candidates(vlan: u64, host: u64, networks: &Networks) -> Vec<(Ipv4Addr, Ipv4Net)> {
    let by_vlan = networks.of_vlan(vlan).filter(|n| !n.has_numbering());
    by_vlan
        .filter_map(|network| holding(host, network, networks))
        .collect()
}

/// The address of a host number in a network; of nested prefixes the longest is the one that
/// holds it.
fn holding(host: u64, network: Network, networks: &Networks) -> Option<(Ipv4Addr, Ipv4Net)> {
    let address = scheme::address_of(host, network.prefix)?;
    let is_held = networks.holding(address).any(|holder| holder == network);
    is_held.then_some((address, network.prefix))
}

fn ambiguous(vlan: u64, host: u64, networks: &Networks) -> Refused {
    let found = candidates(vlan, host, networks);
    let found: Vec<_> = found
        .iter()
        .map(|(a, n)| format!("{a}/{}", n.prefix_len()))
        .collect();
    Refused::AmbiguousNetwork(format!(
        "host {host} of VLAN {vlan} could be {}",
        found.join(" or ")
    ))
}

#[cfg(test)]
mod tests;
