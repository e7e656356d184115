//! Which networks a call is about, so that a back end need not read all that it has.

use core::net::IpAddr;
use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::{ipam::Ask, request::Fields};

/// What a call is going to need. A back end may give more: the rules look for themselves.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// All networks;
    pub all: bool,
    /// or the prefixes on these VLANs,
    pub vlans: BTreeSet<u64>,
    /// and these prefixes, in every routing table,
    pub nets: BTreeSet<IpNet>,
    /// and the ranges that begin at these addresses, each with its prefix,
    pub ranges: BTreeSet<IpAddr>,
    /// and the prefixes that hold these addresses: all of them, and what is in the longest
    /// and in the one of that length.
    pub addresses: BTreeSet<(IpAddr, Option<u8>)>,
    /// The prefixes that hold the entries which `ask` finds are needed, too.
    pub located: bool,
    /// What will be asked first, as far as it is known.
    pub ask: Ask,
}

impl Interest {
    /// All networks.
    #[must_use]
    pub fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// Adds the place that a request names.
    pub fn add(&mut self, fields: &Fields) {
        let (place, wanted) = (&fields.place, fields.wanted);
        if let Some((start, _)) = place.range {
            self.ranges.insert(start);
        } else if let Some(net) = place.prefix {
            self.nets.insert(net);
        } else if let Some(vlan) = place.vlan {
            self.vlans.insert(vlan);
        } else if let Some(wanted) = wanted {
            self.addresses.insert((wanted.address, wanted.length));
        }
    }

    /// How many questions after networks it takes.
    #[must_use]
    pub fn places(&self) -> usize {
        self.vlans.len() + self.nets.len() + self.ranges.len() + self.addresses.len()
    }
}
