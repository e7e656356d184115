//! Whether a host that has an address holds it: an interface that is down, or an address that the
//! kernel does not use, answers nobody.

use std::net::IpAddr;

use crate::evidence::{MemberFacts, OwnAddress, Unused};

/// The loopback interface: an address on it is answered for only where arp_ignore lets it be, so
/// real servers behind LVS, and anycast, have it there beside the one that holds it.
pub const LOOPBACK: &str = "lo";

/// How a host has an address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holding<'a> {
    /// It hasn't.
    Not,
    /// It holds it.
    Held(&'a OwnAddress),
    /// It has it on the loopback interface only.
    Loopback(&'a OwnAddress),
    /// It has it on an interface that is down, or has no carrier, or is held down (protodown).
    Down(&'a OwnAddress),
    /// The kernel does not use it.
    Unused(&'a OwnAddress, Unused),
}

impl Holding<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Held(_) => 0,
            Self::Loopback(_) => 1,
            Self::Unused(..) => 2,
            Self::Down(_) => 3,
            Self::Not => 4,
        }
    }
}

/// How the host that told `facts` has `address`; the best of several interfaces counts.
#[must_use]
pub fn of(facts: &MemberFacts, address: IpAddr) -> Holding<'_> {
    let own = facts.addresses.iter().filter(|own| own.address == address);
    let how = own.map(|own| {
        let mut interfaces = facts.interfaces.iter();
        let down = interfaces.any(|one| one.name == own.interface && !one.up);
        match own.unused {
            _ if down => Holding::Down(own),
            Some(why) => Holding::Unused(own, why),
            None if own.interface == LOOPBACK => Holding::Loopback(own),
            None => Holding::Held(own),
        }
    });
    how.min_by_key(Holding::rank).unwrap_or(Holding::Not)
}

/// It holds it, on whichever interface.
#[must_use]
pub fn holds(facts: &MemberFacts, address: IpAddr) -> bool {
    matches!(of(facts, address), Holding::Held(_) | Holding::Loopback(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Interface;

    #[test]
    fn the_best_of_several_counts() {
        let vip: IpAddr = "192.0.2.110".parse().unwrap();
        let own = |interface: &str, unused| OwnAddress {
            interface: interface.to_owned(),
            address: vip,
            prefix_length: Some(32),
            held_ms: None,
            unused,
        };
        let told = |list: &[OwnAddress]| MemberFacts {
            addresses: list.to_vec(),
            interfaces: [("eth0", true), ("down0", false), ("lo", true)]
                .map(|(name, up)| Interface {
                    name: name.to_owned(),
                    mac: None,
                    up,
                })
                .to_vec(),
            ..MemberFacts::default()
        };
        let (up, down, lo) = (own("eth0", None), own("down0", None), own("lo", None));
        let failed = own("eth0", Some(Unused::Dadfailed));
        #[rustfmt::skip]
        let cases = [
            ("none",               vec![],                           Holding::Not, false),
            ("held",               vec![up.clone()],                 Holding::Held(&up), true),
            ("down",               vec![down.clone()],               Holding::Down(&down), false),
            ("lo",                 vec![lo.clone()],                 Holding::Loopback(&lo), true),
            ("lo and held",        vec![lo.clone(), up.clone()],     Holding::Held(&up), true),
            ("down and lo",        vec![down.clone(), lo.clone()],   Holding::Loopback(&lo), true),
            ("dad failed",         vec![failed.clone()],             Holding::Unused(&failed, Unused::Dadfailed), false),
            ("unknown interface",  vec![own("eth9", None)],          Holding::Held(&own("eth9", None)), true),
        ];
        for (name, list, want, holds_it) in cases {
            let facts = told(&list);
            assert_eq!(of(&facts, vip), want, "{name}");
            assert_eq!(holds(&facts, vip), holds_it, "{name}");
        }
    }
}
