//! Whose hardware address is which, as far as it is known on the VIP's segment.

use std::{collections::BTreeMap, net::IpAddr};

use super::Evidence;
use crate::{
    evidence::{Mac, Neighbour},
    pairs::Pair,
};

/// Who claims the VIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A member.
    Member(usize),
    /// A hardware address of VRRP's: whoever is master.
    Virtual(Mac),
    /// A hardware address that belongs to no member that is known.
    Mac(Mac),
    /// An advert's source that is no member's address.
    Source(IpAddr),
}

/// Which hardware address is whose.
pub(super) struct Owners {
    pub of: BTreeMap<Mac, usize>,
    /// The hardware address of every member is known.
    pub complete: bool,
}

impl Owners {
    pub(super) fn of(pair: &Pair, evidence: &Evidence) -> Self {
        let mut seen: Vec<(Mac, usize)> = Vec::new();
        let replies = evidence
            .raw
            .iter()
            .flat_map(|raw| raw.replies.iter().flatten());
        let replies = replies.map(|reply| (reply.ip, reply.mac));
        // A member may be another MAC on another segment, so only what is known on this one counts.
        let here = |entry: &&Neighbour| {
            let raw = evidence.raw.as_ref();
            raw.is_none_or(|raw| {
                entry.interface == raw.index.to_string() || entry.interface == raw.interface
            })
        };
        let neighbours = evidence.neighbours.iter().filter(here);
        let neighbours = neighbours.map(|n| (n.address, n.mac));
        for (address, mac) in replies.chain(neighbours) {
            let member = pair.members.iter().position(|one| one.has(address));
            seen.extend(member.map(|member| (mac, member)));
        }
        for stated in &evidence.facts {
            let macs = stated
                .facts
                .interfaces
                .iter()
                .filter_map(|interface| interface.mac);
            seen.extend(macs.map(|mac| (mac, stated.member)));
        }
        seen.retain(|(mac, _)| mac.virtual_router().is_none() && mac.0 != [0; 6]);
        let mut of = BTreeMap::new();
        for (mac, member) in &seen {
            // One for two members is a router's or a proxy's, and names neither.
            if !seen
                .iter()
                .any(|(other, whose)| other == mac && whose != member)
            {
                of.insert(*mac, *member);
            }
        }
        let known = |member| of.values().any(|owner| *owner == member);
        let complete = (0..pair.members.len()).all(known);
        Self { of, complete }
    }

    pub(super) fn who(&self, mac: Mac) -> Who {
        match (mac.virtual_router(), self.of.get(&mac)) {
            (Some(_), _) => Who::Virtual(mac),
            (None, Some(&member)) => Who::Member(member),
            (None, None) => Who::Mac(mac),
        }
    }
}
