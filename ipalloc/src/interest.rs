//! Which networks a call is about, so that a back end need not read all that it has.

use core::net::IpAddr;
use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::{
    among::{Among, Belonging},
    ipam::{Ask, Prefix},
    request::{Fields, Place},
};

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
    /// and the prefixes that belong to something.
    pub narrowed: BTreeSet<Narrowed>,
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
        if !fields.among.is_open() {
            let holding = wanted.map(|wanted| wanted.address);
            self.narrow(place, holding, &fields.among);
        }
        if let Some((start, _)) = place.range {
            self.ranges.insert(start);
        } else if (place.prefix.is_some() || place.vlan.is_some()) && !fields.among.is_open() {
            // What belongs to something else doesn't matter.
        } else if let Some(net) = place.prefix {
            self.nets.insert(net);
        } else if let Some(vlan) = place.vlan {
            self.vlans.insert(vlan);
        } else if let Some(wanted) = wanted {
            self.addresses.insert((wanted.address, wanted.length));
        }
    }

    /// Adds the prefixes of a place that belong to something.
    pub fn narrow(&mut self, place: &Place, holding: Option<IpAddr>, among: &Among) {
        let holding = place.range.map(|(start, _)| start).or(holding);
        let at = match (place.prefix, place.vlan, holding) {
            (Some(net), ..) => At::Net(net),
            (None, Some(vlan), _) => At::Vlan(vlan),
            (None, None, Some(address)) => At::Holding(address),
            (None, None, None) => At::Anywhere,
        };
        self.narrowed.insert(Narrowed {
            at,
            belongings: among.belongings().cloned().collect(),
        });
    }

    /// How many questions after networks it takes.
    #[must_use]
    pub fn places(&self) -> usize {
        let named = self.vlans.len() + self.nets.len() + self.narrowed.len();
        named + self.ranges.len() + self.addresses.len()
    }

    /// All that prefixes are asked to belong to.
    #[must_use]
    pub fn belongings(&self) -> BTreeSet<&Belonging> {
        let all = self.narrowed.iter();
        all.flat_map(|narrowed| &narrowed.belongings).collect()
    }
}

/// Prefixes that belong to something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Narrowed {
    /// Where they are,
    pub at: At,
    /// and what they belong to, all of it.
    pub belongings: BTreeSet<Belonging>,
}

/// Where prefixes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Nobody says.
    Anywhere,
    /// On a VLAN.
    Vlan(u64),
    /// This prefix, in every routing table.
    Net(IpNet),
    /// All that hold this address.
    Holding(IpAddr),
}

impl At {
    /// The prefix is there.
    #[must_use]
    pub fn has(self, prefix: &Prefix) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Vlan(vlan) => prefix.vlan == Some(vlan),
            Self::Net(net) => prefix.net == net,
            Self::Holding(address) => prefix.net.contains(&address),
        }
    }
}

impl Narrowed {
    /// The prefix is one of these.
    #[must_use]
    pub fn has(&self, prefix: &Prefix) -> bool {
        self.at.has(prefix) && self.belongings.is_subset(&prefix.belongs)
    }
}
