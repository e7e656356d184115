//! Where a guest is: VLAN, network, host number. Each function here settles the
//! questions that a bare address or a bare ID leaves open, in the order that the
//! README gives: the table of networks, the record itself, the conventions.

use core::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{
    networks::{Network, Networks},
    scheme::{self, Digits, Refused, VLANS},
};

/// A guest's place in the network, and so its ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
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
    /// The guest ID that encodes this place.
    #[must_use]
    pub fn id(&self, digits: Digits) -> u64 {
        scheme::join(self.vlan, self.host, digits)
    }

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
/// Everything [`Refused`] says of addresses, VLANs and hosts.
pub fn locate(claim: Claim, networks: &Networks, digits: Digits) -> Result<Place, Refused> {
    let Claim { address, mask, .. } = claim;
    let (vlan, network) = match held(claim, networks)? {
        Some(Network { vlan, prefix }) => (vlan, prefix),
        None if networks.are_complete() => return Err(of_no_network(claim, networks)),
        None => (stated_vlan(claim)?, own_network(address, mask)),
    };
    if !VLANS.contains(&vlan) {
        return Err(Refused::BadVlan(vlan.to_string()));
    }
    if !network_of_vlan_may_hold(vlan, network, networks) {
        return Err(not_in_vlan(address, vlan, networks));
    }
    let host = scheme::host_number(address, network, digits)?;
    Ok(Place {
        vlan,
        host,
        address,
        network,
    })
}

/// As [`locate`], and no other address may have the same ID.
///
/// # Errors
///
/// As [`locate`]; [`Refused::AmbiguousNetwork`] where the VLAN has a second
/// network with that host number, so that the ID could not be decoded.
pub fn encode(claim: Claim, networks: &Networks, digits: Digits) -> Result<Place, Refused> {
    let place = locate(claim, networks, digits)?;
    match candidates(place.vlan, place.host, networks).as_slice() {
        [_, _, ..] => Err(ambiguous(place.vlan, place.host, networks)),
        _ => Ok(place),
    }
}

/// The place that an ID encodes.
///
/// # Errors
///
/// [`Refused::NotOfTheSite`] where the site is known and has no such VLAN,
/// [`Refused::UnknownNetwork`] where neither the table nor the convention
/// 192.168.{vlan}.0/24 knows the VLAN's network, [`Refused::BadHost`],
/// [`Refused::AmbiguousNetwork`], [`Refused::NetworkMismatch`] where the convention
/// contradicts the table, and those of [`scheme::split`].
pub fn decode(id: u64, networks: &Networks, digits: Digits) -> Result<Place, Refused> {
    let (vlan, host) = scheme::split(id, digits)?;
    match candidates(vlan, host, networks).as_slice() {
        [(address, network)] => {
            return Ok(Place {
                vlan,
                host,
                address: *address,
                network: *network,
            });
        }
        [_, _, ..] => return Err(ambiguous(vlan, host, networks)),
        [] => {}
    }
    let of_vlan: Vec<_> = networks.of_vlan(vlan).collect();
    if !of_vlan.is_empty() {
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
    encode(claim, networks, digits)
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
    let of_vlan: Vec<_> = networks.of_vlan(vlan).map(|p| p.to_string()).collect();
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
    let holders: Vec<Network> = networks.holding(address).collect();
    let Some(first) = holders.first().copied() else {
        return Ok(None);
    };
    let chosen = match vlan {
        Some(vlan) => holders.iter().find(|n| n.vlan == vlan).ok_or_else(|| {
            let Network {
                vlan: other,
                prefix,
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
    known.peek().is_none() || known.any(|prefix| prefix == network)
}

/// The addresses that the table gives to a host number of a VLAN, each once.
fn candidates(vlan: u64, host: u64, networks: &Networks) -> Vec<(Ipv4Addr, Ipv4Net)> {
    let mut found: Vec<(Ipv4Addr, Ipv4Net)> = Vec::new();
    for network in networks.of_vlan(vlan) {
        let Some(address) = scheme::address_of(host, network) else {
            continue;
        };
        let this = Network {
            vlan,
            prefix: network,
        };
        // Of nested prefixes the longest is the one that holds the address.
        if networks.holding(address).any(|holder| holder == this) {
            found.push((address, network));
        }
    }
    found
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(text: &str) -> Networks {
        Networks::parse(format!("vlan,prefix\n{text}").as_bytes()).unwrap()
    }

    fn claim(address: &str, vlan: Option<u64>) -> Claim {
        let (address, mask) = scheme::parse_address(address).unwrap();
        Claim {
            address,
            mask,
            vlan,
        }
    }

    const SITE: &str = "10,192.168.10.0/24\n30,192.168.30.0/24\n50,192.168.60.0/24\n50,192.168.61.0/24\n70,10.0.0.0/23\n80,172.16.0.0/25\n80,172.16.0.128/25\n90,10.9.0.0/24\n91,10.9.0.0/24\n";

    #[test]
    fn encoding() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<u64>, Result<u64, &str>)] = &[
            ("the third octet is the VLAN",       "",   "192.168.30.66/24",  None,       Ok(30066)),
            ("a stated VLAN wins over it",        "",   "192.168.40.66",     Some(30),   Ok(30066)),
            ("VLAN 1",                            "",   "192.168.1.192",     None,       Ok(1192)),
            ("the highest",                       "",   "10.0.0.254/24",     Some(4094), Ok(4_094_254)),
            ("own mask of a /23",                 "",   "10.0.1.66/23",      Some(10),   Ok(10322)),
            ("no VLAN to be had",                 "",   "10.0.1.66/24",      None,       Err("no-vlan")),
            ("VLAN 0 by convention",              "",   "192.168.0.5/24",    None,       Err("bad-vlan")),
            ("VLAN 4095",                         "",   "192.168.0.5/24",    Some(4095), Err("bad-vlan")),
            ("the table gives the VLAN",          SITE, "10.0.1.66",         None,       Ok(70322)),
            ("the table's mask is another",       SITE, "10.0.1.66/24",      None,       Err("network-mismatch")),
            ("the table's VLAN is another",       SITE, "192.168.30.66/24",  Some(10),   Err("network-mismatch")),
            ("not in the VLAN the table knows",   SITE, "192.168.40.66/24",  Some(30),   Err("network-mismatch")),
            ("a VLAN the table doesn't know",     SITE, "192.168.40.66/24",  None,       Ok(40066)),
            ("two /24 on one VLAN",               SITE, "192.168.60.5/24",   None,       Err("ambiguous-network")),
            ("two /25 that share no host number", SITE, "172.16.0.130",      None,       Ok(80130)),
            ("one prefix on two VLANs",           SITE, "10.9.0.5/24",       None,       Err("ambiguous-network")),
            ("of which one is stated",            SITE, "10.9.0.5/24",       Some(91),   Ok(91005)),
            ("broadcast",                         SITE, "192.168.30.255/24", None,       Err("not-a-host")),
        ];
        for (name, networks, address, vlan, want) in cases {
            let got = encode(claim(address, *vlan), &table(networks), Digits::THREE);
            let got = got
                .map(|place| place.id(Digits::THREE))
                .map_err(|e| e.code());
            assert_eq!(got, *want, "{name}");
        }
    }

    #[test]
    fn decoding() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, u64, Result<&str, &str>)] = &[
            ("by convention",                 "",   30066,     Ok("192.168.30.66/24")),
            ("VLAN 255 still",                "",   255_001,   Ok("192.168.255.1/24")),
            ("VLAN 256 no more",              "",   256_001,   Err("unknown-network")),
            ("no host 300 in a /24",          "",   30300,     Err("bad-host")),
            ("the network itself",            "",   30000,     Err("bad-host")),
            ("its broadcast",                 "",   30255,     Err("bad-host")),
            ("below the scheme",              "",   210,       Err("outside-scheme")),
            ("the table's /23",               SITE, 70322,     Ok("10.0.1.66/23")),
            ("two /24 on one VLAN",           SITE, 50005,     Err("ambiguous-network")),
            ("the second /25",                SITE, 80130,     Ok("172.16.0.130/25")),
            ("the gap between them",          SITE, 80128,     Err("bad-host")),
            ("convention against the table",  SITE, 60005,     Err("network-mismatch")),
        ];
        for (name, networks, id, want) in cases {
            let got = decode(*id, &table(networks), Digits::THREE);
            let got = got
                .map(|place| place.address_with_mask())
                .map_err(|e| e.code());
            assert_eq!(got, want.map(str::to_owned), "{name}");
        }
    }

    #[test]
    fn nothing_is_guessed_of_a_site() {
        #[rustfmt::skip]
        let encoded: &[(&str, &str, Option<u64>, Result<u64, &str>)] = &[
            ("in a network of the site",  "192.168.30.66",   None,     Ok(30066)),
            ("the convention is no more", "192.168.40.66",   None,     Err("no-vlan")),
            ("VLAN 0 neither",            "192.168.0.66",    None,     Err("no-vlan")),
            ("a VLAN the site lacks",     "192.168.40.66",   Some(40), Err("unknown-network")),
            ("not in the VLAN's network", "192.168.40.66",   Some(30), Err("network-mismatch")),
            ("VLAN 4095",                 "192.168.40.66",   Some(4095), Err("bad-vlan")),
        ];
        for (name, address, vlan, want) in encoded {
            let got = encode(
                claim(address, *vlan),
                &table(SITE).complete(),
                Digits::THREE,
            );
            let got = got
                .map(|place| place.id(Digits::THREE))
                .map_err(|e| e.code());
            assert_eq!(got, *want, "{name}");
        }
        #[rustfmt::skip]
        let decoded: &[(&str, u64, Result<&str, &str>)] = &[
            ("in a network of the site",  30066,   Ok("192.168.30.66/24")),
            ("the convention is no more", 40066,   Err("unknown-network")),
            ("no host 300",               30300,   Err("bad-host")),
        ];
        for (name, id, want) in decoded {
            let got = decode(*id, &table(SITE).complete(), Digits::THREE);
            let got = got
                .map(|place| place.address_with_mask())
                .map_err(|e| e.code());
            assert_eq!(got, want.map(str::to_owned), "{name}");
        }
    }

    proptest! {
        #[test]
        fn encode_and_decode_are_inverse(vlan in 1_u64..=4094, bits: u32, length in 12_u8..=32, digits in 3_u32..=5) {
            let digits = Digits::new(digits).unwrap();
            let network = Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length).trunc();
            let networks = table(&format!("{vlan},{network}\n"));
            let claim = Claim { address: Ipv4Addr::from_bits(bits), mask: None, vlan: None };
            match encode(claim, &networks, digits) {
                Ok(place) => prop_assert_eq!(decode(place.id(digits), &networks, digits), Ok(place)),
                Err(refused) => prop_assert!(["not-a-host", "host-too-big"].contains(&refused.code())),
            }
        }

        #[test]
        fn decode_and_encode_are_inverse(id in 0_u64..=1_000_000_100, digits in 3_u32..=5) {
            let digits = Digits::new(digits).unwrap();
            if let Ok(place) = decode(id, &table(SITE), digits) {
                let claim = Claim { address: place.address, mask: Some(place.network.prefix_len()), vlan: Some(place.vlan) };
                let back = encode(claim, &table(SITE), digits).map(|place| place.id(digits));
                prop_assert_eq!(back, Ok(id));
            }
        }
    }
}
