//! What the rules ask of an IPAM's addresses, and its answer.

use core::net::IpAddr;
use std::collections::{BTreeMap, HashMap, HashSet};

use ipnet::IpNet;

use crate::{
    known::{Known, Place, Within},
    labels::Kinds,
    owner,
    span::{self, Span},
};

use super::{Entry, EntryId, Vrf};

/// What the rules want to know of an IPAM's addresses. An IPAM may hold millions;
/// only those that matter become [`Entry`] values.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Entries with one of these keys,
    pub keys: HashSet<String>,
    /// or with one of these as their DNS name or its first label (lower case),
    pub names: HashSet<String>,
    /// or with the key of one of these guests' interfaces (lower case),
    pub guests: HashSet<String>,
    /// or with one of these addresses,
    pub addresses: HashSet<IpAddr>,
    /// or with an address in one of these networks,
    pub nets: Vec<IpNet>,
    /// or all that have a key,
    pub keyed: bool,
    /// or all.
    pub all: bool,
    /// Each with what it says besides.
    pub said: bool,
    /// Labels that are to be written, or compared.
    pub labels: Kinds,
    /// Which addresses are taken in these places.
    pub within: Vec<Within>,
}

impl Ask {
    /// It asks for an entry with this key, name and address: what every back end must give.
    #[must_use]
    pub fn wants(&self, key: Option<&str>, dns_name: &str, address: IpAddr) -> bool {
        if self.all
            || (self.keyed && key.is_some())
            || key.is_some_and(|key| self.keys.contains(key))
        {
            return true;
        }
        let of_guest = |key| self.guests.contains(owner::parts(key).0);
        if !self.guests.is_empty() && key.is_some_and(of_guest) {
            return true;
        }
        if !self.addresses.is_empty() && self.addresses.contains(&address) {
            return true;
        }
        if self.nets.iter().any(|net| net.contains(&address)) {
            return true;
        }
        if self.names.is_empty() || dns_name.is_empty() {
            return false;
        }
        let name = owner::plain(dns_name);
        self.names.contains(&*name) || self.names.contains(owner::first_label(&name))
    }
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The entries that were asked for, and those that have the address of one of them as well.
    pub entries: Vec<Entry>,
    /// Those that this run has made or moved in an earlier round.
    pub done: HashSet<EntryId>,
    /// The addresses that have a record, sorted, each once.
    pub taken: BTreeMap<(Vrf, span::Family), Vec<u128>>,
    /// What the IPAM says of some places that were asked for. Of these, records need not be in
    /// `taken`.
    pub known: HashMap<Place, Known>,
    /// A record that nobody sees here has an address: it was refused as taken.
    pub unseen: bool,
}

impl View {
    /// The taken addresses of a routing table, of the family of `net`, that `net` holds.
    #[must_use]
    pub fn taken_in(&self, vrf: &Vrf, net: IpNet) -> &[u128] {
        let key = (vrf.clone(), span::Family::of(net.addr()));
        let taken = self.taken.get(&key).map_or(&[][..], Vec::as_slice);
        Span::of(net).slice(taken)
    }
}
