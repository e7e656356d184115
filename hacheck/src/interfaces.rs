//! The network interfaces of this host, from getifaddrs(3), without any privilege.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    net::if_::{InterfaceFlags, if_nametoindex},
    sys::socket::{LinkAddr, SockaddrStorage},
};

use vmid::site::is_link_local;

use crate::{evidence::Mac, pairs::Pair, probe::Host};

/// The hardware type of Ethernet (if_arp.h).
const ETHERNET: u16 = 1;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index, from 1.
    pub index: u32,
    /// Its hardware address, if it is an Ethernet interface.
    pub mac: Option<Mac>,
    /// As the kernel wants it to listen there.
    pub link: Option<LinkAddr>,
    /// It is up and has a carrier.
    pub up: bool,
    /// Its addresses and the lengths of their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
}

impl Interface {
    /// Its first link-local IPv6 address.
    #[must_use]
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.addresses
            .iter()
            .find_map(|(address, _)| match address {
                IpAddr::V6(address) if address.is_unicast_link_local() => Some(*address),
                _ => None,
            })
    }

    /// Its first IPv4 address in one prefix with `vip`: not one of `vips`, and of no host prefix,
    /// which a VIP's is as a rule. The kernel has the primary one first.
    #[must_use]
    pub fn primary_beside(&self, vip: IpAddr, vips: &[IpAddr]) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|(own, length)| match own {
            IpAddr::V4(v4) => {
                let fits = *own != vip && !vips.contains(own) && (1..32).contains(length);
                (fits && in_prefix(*own, *length, vip)).then_some(*v4)
            }
            IpAddr::V6(_) => None,
        })
    }

    /// An address other than `vip` is in one prefix with it, so it is on the VIP's segment.
    fn is_beside(&self, vip: IpAddr) -> bool {
        let same = |(own, length): &(IpAddr, u8)| *own != vip && in_prefix(*own, *length, vip);
        self.addresses.iter().any(same)
    }
}

/// `address` is in the prefix of `length` that `own` is in.
#[must_use]
pub fn in_prefix(own: IpAddr, length: u8, address: IpAddr) -> bool {
    let differ = match (own, address) {
        (IpAddr::V4(own), IpAddr::V4(address)) => {
            (own.to_bits() ^ address.to_bits()).leading_zeros()
        }
        (IpAddr::V6(own), IpAddr::V6(address)) => {
            (own.to_bits() ^ address.to_bits()).leading_zeros()
        }
        _ => return false,
    };
    differ >= u32::from(length)
}

/// All interfaces, in the kernel's order.
///
/// # Errors
///
/// The kernel's list can't be had.
pub fn list() -> Result<Vec<Interface>, Errno> {
    let mut list: Vec<Interface> = Vec::new();
    for entry in getifaddrs()? {
        let at = list
            .iter()
            .position(|known| known.name == entry.interface_name);
        let at = at.unwrap_or_else(|| {
            let name = entry.interface_name.as_str();
            let up = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
            list.push(Interface {
                index: if_nametoindex(name).unwrap_or(0), // it may be gone already
                name: name.to_owned(),
                mac: None,
                link: None,
                up: entry.flags.contains(up),
                addresses: Vec::new(),
            });
            list.len() - 1
        });
        let (Some(interface), Some(address)) = (list.get_mut(at), &entry.address) else {
            continue;
        };
        if let Some(link) = address.as_link_addr() {
            interface.link = Some(*link);
            interface.mac = link.addr().map(Mac).filter(|_| link.hatype() == ETHERNET);
        } else if let Some(own) = ip(address) {
            let length = entry.netmask.as_ref().and_then(ip).map_or(0, ones);
            interface.addresses.push((own, length));
        }
    }
    Ok(list)
}

/// The interface on the segment of `vip`: one with an address beside it, best the one of
/// that name. An interface of that name will do, too, if it is beside one of the members (a VIP may
/// be of another network than they are), or has no address of the VIP's family, since to listen
/// needs none; else one with addresses of other networks is on another segment. A link-local address
/// says nothing of where it is: there the members' other addresses do, since the name may be the
/// members' own for it; the name decides among several, and where none of those addresses is near.
#[must_use]
pub fn beside<'a>(
    list: &'a [Interface],
    vip: IpAddr,
    members: &[IpAddr],
    named: Option<&str>,
) -> Option<&'a Interface> {
    let usable = || list.iter().filter(|one| one.up && one.mac.is_some());
    let of_name = || usable().find(|one| Some(one.name.as_str()) == named);
    let bare = |one: &&Interface| {
        let strange = |own: &IpAddr| own.is_ipv4() == vip.is_ipv4() && !own.is_loopback();
        !one.addresses.iter().any(|(own, _)| strange(own))
    };
    if is_link_local(vip) {
        let others = members.iter().filter(|member| !is_link_local(**member));
        let is_near = |one: &&Interface| {
            one.link_local().is_some() && others.clone().any(|member| one.is_beside(*member))
        };
        // With addresses of the members' families, and none near theirs, it is another segment.
        let may_be = |one: &&Interface| {
            let mut own = one.addresses.iter().map(|(own, _)| own);
            let strange = |own: &IpAddr| others.clone().any(|m| m.is_ipv4() == own.is_ipv4());
            !own.any(|own| !is_link_local(*own) && !own.is_loopback() && strange(own))
        };
        let near = of_name().filter(is_near);
        return near
            .or_else(|| usable().find(is_near))
            .or_else(|| of_name().filter(may_be));
    }
    of_name()
        .filter(|one| one.is_beside(vip))
        .or_else(|| usable().find(|one| one.is_beside(vip)))
        .or_else(|| of_name().filter(|one| members.iter().any(|member| one.is_beside(*member))))
        .or_else(|| of_name().filter(bare))
}

/// The interface that a pair's link-local addresses are on; none, if it has none of them.
#[must_use]
pub fn link<'a>(list: &'a [Interface], pair: &Pair) -> Option<&'a Interface> {
    let members = pair.members.iter().flat_map(|member| member.own());
    let members: Vec<IpAddr> = members.collect();
    let mut all = pair.vip.iter().chain(&members);
    let local = all.find(|address| is_link_local(**address))?;
    beside(list, *local, &members, pair.interface.as_deref())
}

/// A pair's address as one that can be asked; none, if it is on no link that this host knows.
#[must_use]
pub fn host(list: &[Interface], pair: &Pair, address: IpAddr) -> Option<Host> {
    if !is_link_local(address) {
        return Some(address.into());
    }
    let scope = link(list, pair)?.index;
    Some(Host { address, scope })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

fn ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    };
    ones as u8 // at most 128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, addresses: &[(&str, u8)]) -> Interface {
        Interface {
            name: name.to_owned(),
            index: 1,
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            link: None,
            up: true,
            addresses: addresses
                .iter()
                .map(|(address, length)| (address.parse().unwrap(), *length))
                .collect(),
        }
    }

    #[test]
    fn the_segment_of_a_vip() {
        let down = Interface {
            up: false,
            ..interface("down0", &[("192.168.10.4", 24)])
        };
        let list = [
            down,
            interface("vrrp55", &[("192.168.10.110", 24)]),
            interface("eth0", &[("10.0.0.2", 24), ("fe80::2", 64)]),
            interface(
                "eth1",
                &[("192.168.10.2", 24), ("fd10::2", 64), ("fe80::3", 64)],
            ),
            interface("eth2", &[("192.168.10.3", 24)]),
            interface("tap0", &[]),
        ];
        #[rustfmt::skip]
        let cases = [
            ("by address",                 "192.168.10.110", None,           Some("eth1")),
            ("by name among several",      "192.168.10.110", Some("eth2"),   Some("eth2")),
            ("the members' name for it",   "192.168.10.110", Some("eth0"),   Some("eth1")),
            ("not by the VIP itself",      "192.168.10.110", Some("vrrp55"), Some("eth1")),
            ("not one that is down",       "192.168.10.110", Some("down0"),  Some("eth1")),
            ("elsewhere",                  "172.16.0.1",     None,           None),
            ("elsewhere, named",           "172.16.0.1",     Some("eth0"),   None),
            ("of another network, on the members' segment", "172.16.0.1", Some("eth1"), Some("eth1")),
            ("named, without addresses",   "172.16.0.1",     Some("tap0"),   Some("tap0")),
            ("IPv6",                       "fd10::110",      None,           Some("eth1")),
            ("no such name",               "172.16.0.1",     Some("eth9"),   None),
            ("link-local, the members' name for it", "fe80::110", Some("eth0"), Some("eth1")),
            ("link-local, by the members", "fe80::110",      Some("eth9"),   Some("eth1")),
            ("link-local, without a name", "fe80::110",      None,           Some("eth1")),
        ];
        for (name, vip, named, want) in cases {
            let members = ["192.168.10.11".parse().unwrap()];
            let found = beside(&list, vip.parse().unwrap(), &members, named);
            assert_eq!(found.map(|one| one.name.as_str()), want, "{name}");
        }
    }

    #[test]
    fn the_link_of_a_link_local_vip() {
        let list = [
            interface("eth0", &[("10.0.0.2", 24), ("fe80::2", 64)]),
            interface("eth1", &[("fd10::2", 64), ("fe80::3", 64)]),
            interface("eth2", &[("fd10::3", 64), ("fe80::4", 64)]),
        ];
        #[rustfmt::skip]
        let cases: [(&str, &[&str], &str, Option<&str>); 7] = [
            ("the members' name for it",       &["fd10::11", "fd10::12"],   "eth0", Some("eth1")),
            ("by name among several",          &["fd10::11", "fd10::12"],   "eth2", Some("eth2")),
            ("members link-local, too",        &["fe80::11", "fe80::12"],   "eth0", Some("eth0")),
            ("one of them has an address",     &["fe80::11", "fd10::12"],   "eth0", Some("eth1")),
            ("members elsewhere, named",       &["fd11::11", "fd11::12"],   "eth1", None),
            ("named, without their family",    &["fd11::11", "fd11::12"],   "eth0", Some("eth0")),
            ("routed management addresses",    &["172.16.0.1"],             "eth2", Some("eth2")),
        ];
        for (name, members, named, want) in cases {
            let members: Vec<IpAddr> = members.iter().map(|m| m.parse().unwrap()).collect();
            let found = beside(&list, "fe80::110".parse().unwrap(), &members, Some(named));
            assert_eq!(found.map(|one| one.name.as_str()), want, "{name}");
        }
    }

    #[test]
    fn the_address_to_ask_from() {
        let addresses = [
            ("192.168.10.130", 24),
            ("192.168.10.9", 32),
            ("10.0.0.2", 24),
            ("192.168.10.2", 24),
        ];
        let one = interface("eth0", &addresses);
        let vip = "192.168.10.110".parse().unwrap();
        let other = "192.168.10.130".parse().unwrap();
        let from = |vips: &[IpAddr]| one.primary_beside(vip, vips).map(|own| own.to_string());
        assert_eq!(from(&[]).as_deref(), Some("192.168.10.130"));
        assert_eq!(from(&[vip, other]).as_deref(), Some("192.168.10.2"));
        assert_eq!(
            one.primary_beside(other, &[other]).unwrap().to_string(),
            "192.168.10.2"
        );
        assert_eq!(one.primary_beside("172.16.0.1".parse().unwrap(), &[]), None);
    }

    #[test]
    fn prefixes() {
        #[rustfmt::skip]
        let cases = [
            ("10.0.0.1", 24, "10.0.0.255", true),
            ("10.0.0.1", 24, "10.0.1.0",   false),
            ("10.0.0.1", 32, "10.0.0.1",   true),
            ("10.0.0.1", 32, "10.0.0.2",   false),
            ("10.0.0.1", 0,  "9.9.9.9",    true),
            ("fd10::1",  64, "fd10::110",  true),
            ("fd10::1",  64, "fd11::110",  false),
            ("10.0.0.1", 0,  "fd11::110",  false),
        ];
        for (own, length, address, want) in cases {
            let found = in_prefix(own.parse().unwrap(), length, address.parse().unwrap());
            assert_eq!(found, want, "{own}/{length} {address}");
        }
    }

    #[test]
    fn this_host_has_a_loopback_interface() {
        let list = list().unwrap();
        let lo = list.iter().find(|one| one.name == "lo").unwrap();
        assert_eq!((lo.mac, lo.index > 0), (None, true));
        assert!(lo.addresses.is_empty() || lo.addresses.contains(&([127, 0, 0, 1].into(), 8)));
    }
}
