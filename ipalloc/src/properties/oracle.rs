//! What may be given to whom, found out slowly: address by address, rule by rule,
//! from the words of issue 2 and DESIGN.md and not from the code in `scope` and `allocate`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::world::{Prefix, Range, Record, World};

/// Longer networks are looked at this far; nothing here is recorded behind it.
const FAR: usize = 1200;

/// Something to keep free.
#[derive(Clone, Debug)]
pub enum Avoid {
    Hosts(u128, u128),
    Addresses(IpAddr, IpAddr),
}

/// What the flags of a call say for all its requests.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub gateway: &'static str,
    pub avoid: Vec<Avoid>,
    pub adopt: bool,
    pub reassign: bool,
    pub force: bool,
    pub domain: Option<&'static str>,
}

/// Where a request wants its address from.
#[derive(Clone, Debug, Default)]
pub enum Source {
    Vlan(u64),
    Prefix(IpNet),
    Range(IpAddr, IpAddr),
    #[default]
    Nothing,
}

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub name: String,
    pub interface: Option<&'static str>,
    pub source: Source,
    pub vrf: Option<&'static str>,
    pub wanted: Option<IpAddr>,
    pub next: bool,
    /// 4 or 6
    pub family: Option<u8>,
}

/// What a request's source stands for.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    Prefix(&'a Prefix),
    Range(&'a Range),
}

impl Ask {
    pub fn key(&self) -> String {
        let name = plain(&self.name);
        match self.interface {
            Some(interface) => format!("{name}/{interface}"),
            None => name,
        }
    }

    /// What stands in the record of an address of that family.
    pub fn key_of(&self, is_ipv4: bool) -> String {
        let six = if is_ipv4 { "" } else { "//6" };
        self.key() + six
    }

    fn is_about(&self, address: IpAddr) -> bool {
        self.family
            .is_none_or(|family| (family == 4) == address.is_ipv4())
    }

    pub fn dns_name(&self, rules: &Rules) -> String {
        let name = plain(&self.name);
        match rules.domain {
            Some(domain) if !name.ends_with(&format!(".{domain}")) => format!("{name}.{domain}"),
            _ => name,
        }
    }

    /// Two names of one host: the same in the DNS, in the domain of the call.
    pub fn is_another_name_of(&self, other: &Self, rules: &Rules) -> bool {
        plain(&self.name) != plain(&other.name) && self.dns_name(rules) == other.dns_name(rules)
    }

    pub fn has_bad_name(&self) -> bool {
        let name = plain(&self.name);
        name.is_empty() || name.starts_with('-') || name.contains(' ')
    }
}

/// Names are compared in lower case, without the final dot.
pub fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl Record {
    pub fn is_at(&self, address: IpAddr, vrf: &str) -> bool {
        self.address == address && self.vrf == vrf
    }

    /// The guest's, of that family: those of IPv6 may have either key.
    pub fn is_own(&self, ask: &Ask, is_ipv4: bool) -> bool {
        let key = self.key.strip_suffix("//6").unwrap_or(&self.key);
        key == ask.key() && self.address.is_ipv4() == is_ipv4
    }

    /// Nobody's, and named as the guest beyond doubt.
    pub fn is_unowned_of(&self, ask: &Ask, rules: &Rules) -> bool {
        self.key.is_empty() && self.is_called_as(ask, rules)
    }

    /// Somebody else's who is no interface of the same guest, and named as the guest.
    pub fn is_another_s_of_the_name(&self, ask: &Ask, rules: &Rules) -> bool {
        let owner = self.key.split('/').next().unwrap();
        !owner.is_empty() && owner != plain(&ask.name) && self.is_called_as(ask, rules)
    }

    /// Its DNS name, with the domain of the call if it has not got it, is the guest's.
    fn is_called_as(&self, ask: &Ask, rules: &Rules) -> bool {
        let name = self.dns_name.clone();
        let full = Ask {
            name,
            ..Ask::default()
        }
        .dns_name(rules);
        !self.dns_name.is_empty() && full == ask.dns_name(rules)
    }

    /// The guest's name without domain, then a dot and another domain than that of the call.
    pub fn is_in_another_domain(&self, ask: &Ask, rules: &Rules) -> bool {
        let Some(domain) = rules.domain else {
            return false;
        };
        let full = ask.dns_name(rules);
        let short = full.strip_suffix(&format!(".{domain}")).unwrap();
        let name = plain(&self.dns_name);
        name.starts_with(&format!("{short}.")) && name != full
    }

    /// What it says otherwise than the request: a name that is not the guest's in the domain of the
    /// call (in any, where there is none), and that it is out of use but was not retired.
    pub fn drift(&self, ask: &Ask, rules: &Rules) -> Option<Value> {
        let (is, name) = (plain(&self.dns_name), plain(&ask.name));
        let in_any = rules.domain.is_none() && !name.contains('.');
        let named = is == ask.dns_name(rules) || (in_any && is.split('.').next() == Some(&name));
        let mut drift = json!({});
        if !named {
            drift["dns_name"] = json!(self.dns_name);
        }
        if self.status == "deprecated" && !self.comments.contains("ipalloc: retired") {
            drift["status"] = json!("deprecated");
        }
        Some(drift).filter(|drift| *drift != json!({}))
    }

    /// Nobody's, and perhaps named as the guest: where no domain is given, any will do.
    pub fn may_be_unowned_of(&self, ask: &Ask, rules: &Rules) -> bool {
        let dns_name = plain(&self.dns_name);
        let first = dns_name.split('.').next();
        let any = rules.domain.is_none() && first == Some(plain(&ask.name).as_str());
        self.is_unowned_of(ask, rules) || (self.key.is_empty() && any)
    }
}

impl Place<'_> {
    pub fn vrf(&self) -> &'static str {
        match self {
            Self::Prefix(prefix) => prefix.vrf,
            Self::Range(range) => range.vrf,
        }
    }

    pub fn is_ipv4(&self) -> bool {
        match self {
            Self::Prefix(prefix) => prefix.net.addr().is_ipv4(),
            Self::Range(range) => range.first.is_ipv4(),
        }
    }

    /// The mask of the addresses that are given here.
    pub fn length(&self) -> u8 {
        match self {
            Self::Prefix(prefix) => prefix.net.prefix_len(),
            Self::Range(range) => range.length,
        }
    }

    pub fn holds(&self, address: IpAddr) -> bool {
        match self {
            Self::Prefix(prefix) => prefix.net.contains(&address),
            Self::Range(range) => range.holds(address),
        }
    }

    pub fn addresses(&self) -> Vec<IpAddr> {
        let (first, last) = match self {
            Self::Prefix(prefix) => (prefix.net.network(), prefix.net.broadcast()),
            Self::Range(range) => (range.first, range.last),
        };
        let mut all = vec![first];
        while all.last() != Some(&last) && all.len() < FAR {
            all.extend(all.last().copied().map(after));
        }
        all
    }
}

impl Range {
    fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// For a range that is in no prefix: its mask shows the network, unless it lies
    /// across several; then there is no telling of their ends and gateways.
    fn network(&self) -> (IpNet, bool, bool) {
        for length in (0..=self.length).rev() {
            let net = IpNet::new_assert(self.first, length).trunc();
            if net.contains(&self.last) {
                let one = length == self.length;
                return (net, !one, one);
            }
        }
        unreachable!("all addresses of a family are in one network");
    }
}

impl World {
    /// An earlier row has the address of that record, too, and hosts don't share it: neither has
    /// such a role; of two owners, one has none.
    pub fn is_kept_by_another(&self, record: &Record) -> bool {
        let at = self
            .records
            .iter()
            .position(|other| other == record)
            .unwrap();
        let shared = |record: &Record| record.role == "vip";
        let owned = |record: &Record| !record.key.is_empty();
        let against = |other: &Record| match owned(record) && owned(other) {
            true => !(shared(record) && shared(other)),
            false => !shared(record) && !shared(other),
        };
        let has = |other: &Record| against(other) && other.is_at(record.address, &record.vrf);
        self.records[..at].iter().any(has)
    }

    /// What nobody owns can't be adopted: another row keeps its address, or is an owner's by a
    /// role that hosts share.
    pub fn is_not_to_adopt(&self, record: &Record) -> bool {
        let has = |other: &Record| {
            other.role == "vip" && !other.key.is_empty() && other.is_at(record.address, &record.vrf)
        };
        self.is_kept_by_another(record) || self.records.iter().any(has)
    }

    /// What the request can mean; it is clear if that is one place. What is closed
    /// is only meant where nothing else is.
    pub fn places(&self, ask: &Ask, rules: &Rules) -> Vec<Place<'_>> {
        let all = self.fitting(ask);
        let is_open = |place: &Place<'_>| !self.is_closed(*place, ask, rules);
        let open: Vec<_> = all.iter().copied().filter(is_open).collect();
        let mut places = if open.is_empty() { all } else { open };
        // On a VLAN with both families, IPv4 is meant, unless the wanted address says otherwise.
        let is_ipv4 = ask.wanted.is_none_or(|wanted| wanted.is_ipv4());
        if matches!(ask.source, Source::Vlan(_)) && places.iter().any(|p| p.is_ipv4() == is_ipv4) {
            places.retain(|place| ask.family.is_some() || place.is_ipv4() == is_ipv4);
        }
        places
    }

    fn fitting(&self, ask: &Ask) -> Vec<Place<'_>> {
        let in_vrf = |vrf: &str| ask.vrf.is_none_or(|wanted| wanted == vrf);
        let prefixes = |fits: &dyn Fn(&Prefix) -> bool| {
            let fitting = self.prefixes.iter().filter(|p| fits(p) && in_vrf(p.vrf));
            let fitting = fitting.filter(|prefix| ask.is_about(prefix.net.addr()));
            fitting.map(Place::Prefix).collect()
        };
        match ask.source {
            Source::Nothing => Vec::new(),
            Source::Vlan(vlan) => prefixes(&|prefix| prefix.vlan == Some(vlan)),
            Source::Prefix(net) => prefixes(&|prefix| prefix.net == net),
            Source::Range(first, last) => {
                let fits = |r: &&Range| {
                    r.first == first && r.last == last && in_vrf(r.vrf) && ask.is_about(first)
                };
                self.ranges.iter().filter(fits).map(Place::Range).collect()
            }
        }
    }

    /// The prefix that a place is, or that a range is in.
    pub fn prefix_of<'a>(&'a self, place: Place<'a>) -> Option<&'a Prefix> {
        match place {
            Place::Prefix(prefix) => Some(prefix),
            Place::Range(range) => {
                let around = self.prefixes.iter().filter(|prefix| {
                    prefix.vrf == range.vrf
                        && prefix.net.contains(&range.first)
                        && prefix.net.contains(&range.last)
                });
                around.max_by_key(|prefix| prefix.net.prefix_len())
            }
        }
    }

    /// Nothing is given here: a container, deprecated, reserved or full, and not forced by
    /// name; or a populated range, forced or not.
    pub fn is_closed(&self, place: Place<'_>, ask: &Ask, rules: &Rules) -> bool {
        if matches!(place, Place::Range(range) if range.populated) {
            return true;
        }
        if rules.force && !matches!(ask.source, Source::Vlan(_)) {
            return false;
        }
        let prefix = self.prefix_of(place);
        let closed = prefix.is_some_and(|prefix| prefix.utilized || prefix.status != "active");
        match place {
            Place::Prefix(_) => closed,
            Place::Range(r) => closed || r.utilized || r.status != "active",
        }
    }

    /// The rule by which an address is never given out of a place.
    pub fn never(&self, place: Place<'_>, address: IpAddr, rules: &Rules) -> Option<String> {
        let vrf = place.vrf();
        let prefix = self.prefix_of(place);
        if !place.holds(address) {
            return Some("outside".into());
        }
        if let Some(record) = self.records.iter().find(|r| r.is_at(address, vrf)) {
            return Some(format!("recorded: {record:?}"));
        }
        let (net, all_usable, has_gateway) = match (prefix, place) {
            (Some(prefix), _) => (prefix.net, prefix.is_pool, true),
            (None, Place::Prefix(_)) => unreachable!("a prefix is in itself"),
            (None, Place::Range(range)) => range.network(),
        };
        if !all_usable && !hosts(net, address) {
            return Some(format!("network or broadcast of {net}"));
        }
        if has_gateway && gateway(net, rules.gateway) == Some(address) {
            return Some("the gateway".into());
        }
        if rules.avoid.iter().any(|avoid| avoid.holds(net, address)) {
            return Some("avoided".into());
        }
        for range in self.ranges.iter().filter(|range| range.vrf == vrf) {
            let asked = matches!(place, Place::Range(own) if own == range);
            if !asked && range.holds(address) {
                return Some(format!("in {range:?}, which was not asked for"));
            }
        }
        for child in self.prefixes.iter().filter(|child| child.vrf == vrf) {
            let below = child.net.prefix_len() > net.prefix_len() && net.contains(&child.net);
            if below && child.net.contains(&address) {
                return Some(format!("in the child prefix {}", child.net));
            }
        }
        None
    }

    /// All addresses that may be given out of a place, the lowest first.
    pub fn free(&self, place: Place<'_>, rules: &Rules) -> Vec<IpAddr> {
        let all = place.addresses().into_iter();
        all.filter(|address| self.never(place, *address, rules).is_none())
            .collect()
    }

    /// As [`Self::free`], but none of a prefix that only force opens.
    pub fn free_unless_closed(&self, prefix: &Prefix, rules: &Rules) -> Vec<IpAddr> {
        let place = Place::Prefix(prefix);
        if self.is_closed(place, &Ask::default(), rules) {
            return Vec::new();
        }
        self.free(place, rules)
    }
}

impl Avoid {
    fn holds(&self, net: IpNet, address: IpAddr) -> bool {
        match self {
            Self::Addresses(first, last) => {
                first.is_ipv4() == address.is_ipv4() && (*first..=*last).contains(&address)
            }
            Self::Hosts(first, last) => {
                let host = match (address, net.network()) {
                    (IpAddr::V4(address), _) if net.prefix_len() >= 24 => {
                        u128::from(address.octets()[3])
                    }
                    (address, network) => number(address) - number(network),
                };
                (*first..=*last).contains(&host)
            }
        }
    }

    pub fn flag(&self) -> String {
        match self {
            Self::Hosts(first, last) if first == last => first.to_string(),
            Self::Hosts(first, last) => format!("{first}-{last}"),
            Self::Addresses(first, last) if first == last => first.to_string(),
            Self::Addresses(first, last) => format!("{first}-{last}"),
        }
    }
}

/// The address is neither the network's own nor, in IPv4, its broadcast address.
fn hosts(net: IpNet, address: IpAddr) -> bool {
    let small = net.max_prefix_len() - net.prefix_len() < 2;
    let broadcast = net.addr().is_ipv4() && address == net.broadcast();
    small || (address != net.network() && !broadcast)
}

/// A network of one or two addresses has no room for a gateway.
fn gateway(net: IpNet, which: &str) -> Option<IpAddr> {
    if net.max_prefix_len() - net.prefix_len() < 2 {
        return None;
    }
    let end = net.broadcast();
    match (which, end) {
        ("first", _) => Some(after(net.network())),
        ("last", IpAddr::V4(end)) => Some(IpAddr::V4((end.to_bits() - 1).into())),
        ("last", end) => Some(end),
        _ => None,
    }
}

fn after(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() + 1).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() + 1).into()),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}
