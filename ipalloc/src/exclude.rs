//! What is never handed out, record or not: gateways, avoided addresses, and what the
//! site has given to its pairs, nodes and gateways.

use std::{borrow::Cow, fmt};

use ipnet::IpNet;
use vmid::{
    avoid::Avoid,
    site::{Held, Holder},
};

use crate::{
    owner::Owner,
    site_rules::SiteRules,
    span::{self, Family, Span},
};

/// Which address of a prefix is the gateway's, record or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Gateway {
    /// The one after the network address.
    First,
    /// The one before the broadcast address.
    Last,
    /// None.
    None,
}

/// What is never handed out, and what is forced.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The gateway's address; none: the site's rule for the network, else the first.
    pub gateway: Option<Gateway>,
    /// Kept free.
    pub avoid: Vec<Avoid>,
    /// What the site says.
    pub site: Option<SiteRules>,
    /// A closed prefix or range that is named is used all the same.
    pub force: bool,
    /// Custom statuses of prefixes and ranges that are open, in lower case.
    pub open: Vec<String>,
}

impl Policy {
    /// The policy as it is for one owner: the addresses of a pair's member are its own. Of one without an
    /// ID nobody knows that it is not a service's guest.
    #[must_use]
    pub fn of_owner(&self, owner: &Owner, vmid: Option<u64>) -> Cow<'_, Self> {
        let of_guest = |held: &Held| matches!(held.holder, Holder::Service { vmid: Some(_), .. });
        let concerned = |site: &&SiteRules| {
            vmid.is_none() && site.held.iter().any(of_guest) || site.member(owner, vmid).is_some()
        };
        let Some(site) = self.site.as_ref().filter(concerned) else {
            return Cow::Borrowed(self);
        };
        let mut own = site.clone();
        own.held.retain(|held| !site.is_of(held, owner, vmid));
        for held in own.held.iter_mut().filter(|_| vmid.is_none()) {
            if let Holder::Service { vmid, .. } = &mut held.holder {
                *vmid = None;
            }
        }
        Cow::Owned(Self {
            site: Some(own),
            ..self.clone()
        })
    }

    /// What of `net`, on that VLAN, is never handed out, and why: who has it first.
    pub(crate) fn excluded_in(&self, net: IpNet, vlan: Option<u64>) -> Vec<(Span, Why)> {
        let mut reasons: Vec<(Span, Why)> = Vec::new();
        let family = Family::of(net.addr());
        let site = self.site.as_ref();
        for held in site.into_iter().flat_map(|site| &site.held) {
            let is_gateway = matches!(held.holder, Holder::Gateway { .. });
            let here = Family::of(held.address) == family && net.contains(&held.address);
            // --gateway wins over the site's.
            if here && !(is_gateway && self.gateway.is_some()) {
                let span = Span::one(span::bits(held.address));
                reasons.push((span, Why::Held(held.holder.clone())));
            }
        }
        let gateway = match (self.gateway, site.and_then(|site| site.gateway(net, vlan))) {
            (Some(rule), _) => gateway(net, rule),
            (None, Some(known)) => known.map(span::bits),
            (None, None) => gateway(net, Gateway::First),
        };
        let named: Vec<Span> = reasons.iter().map(|(span, _)| *span).collect();
        let gateway = gateway.map(Span::one).filter(|one| !named.contains(one));
        reasons.extend(gateway.map(|one| (one, Why::Gateway)));
        let avoided = |avoid: &Avoid, why: Why| (within(avoid, net), why);
        reasons.extend(self.avoid.iter().map(|avoid| avoided(avoid, Why::Avoided)));
        let of_site = site.into_iter().flat_map(|site| &site.avoid);
        reasons.extend(of_site.map(|avoid| avoided(avoid, Why::AvoidedBySite)));
        reasons
    }
}

/// Why an address of a scope is never handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Held(Holder),
    Gateway,
    Range {
        range: String,
        populated: bool,
    },
    Child(IpNet),
    Avoided,
    AvoidedBySite,
    /// It is a pool's first or last one.
    OffInterfaces,
}

impl Why {
    /// A guest that has the address already keeps it all the same: nobody else is known to have it.
    pub(crate) fn lets_be(&self) -> bool {
        match self {
            // A service is on whichever guest has its address, if the site doesn't say on which.
            Self::Held(holder) => matches!(
                holder,
                Holder::Gateway { .. } | Holder::Service { vmid: None, .. }
            ),
            Self::Range { populated, .. } => !populated,
            Self::Gateway
            | Self::Child(_)
            | Self::Avoided
            | Self::AvoidedBySite
            | Self::OffInterfaces => true,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(holder) => write!(f, "is {holder}"),
            Self::Gateway => f.write_str("is the gateway's (see --gateway)"),
            Self::Range { range, .. } => {
                write!(f, "is in the range {range}, which was not asked for")
            }
            Self::Child(net) => write!(f, "is in the child prefix {net}"),
            Self::Avoided => f.write_str("is to be avoided (--avoid)"),
            Self::AvoidedBySite => f.write_str("is to be avoided (the site's avoid)"),
            Self::OffInterfaces => f.write_str(
                "is the first or last of a pool, which NetBox puts on no interface (--assign)",
            ),
        }
    }
}

/// What of `net` is to be avoided.
pub(crate) fn within(avoid: &Avoid, net: IpNet) -> Span {
    let whole = Span::of(net);
    match avoid {
        Avoid::Hosts(hosts) => {
            let octet = net.addr().is_ipv4() && net.prefix_len() >= 24;
            let base = if octet {
                whole.first & !0xff
            } else {
                whole.first
            };
            let at = |host: &u128| base.saturating_add(*host);
            Span::new(at(hosts.start()), at(hosts.end())).within(whole)
        }
        Avoid::Addresses(first, last) if first.is_ipv4() == net.addr().is_ipv4() => {
            Span::new(span::bits(*first), span::bits(*last)).within(whole)
        }
        Avoid::Addresses(..) => Span::new(1, 0),
    }
}

/// The gateway's number; a network of one or two addresses has no room for one.
fn gateway(net: IpNet, rule: Gateway) -> Option<u128> {
    let whole = Span::of(net);
    let broadcast = u128::from(net.addr().is_ipv4());
    match rule {
        _ if whole.count() < 4 => None,
        Gateway::First => Some(whole.first + 1),
        Gateway::Last => Some(whole.last - broadcast),
        Gateway::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways() {
        #[rustfmt::skip]
    let cases: &[(&str, &str, Gateway, Option<&str>)] = &[
        ("first of a /24",  "10.0.0.0/24",  Gateway::First, Some("10.0.0.1")),
        ("last of a /24",   "10.0.0.0/24",  Gateway::Last,  Some("10.0.0.254")),
        ("none",            "10.0.0.0/24",  Gateway::None,  None),
        ("last of a /30",   "10.0.0.0/30",  Gateway::Last,  Some("10.0.0.2")),
        ("no room in a /31", "10.0.0.0/31", Gateway::First, None),
        ("first of a /64",  "fd00::/64",    Gateway::First, Some("fd00::1")),
        ("last of a /126",  "fd00::/126",   Gateway::Last,  Some("fd00::3")),
        ("no room in a /127", "fd00::/127", Gateway::Last,  None),
    ];
        for (name, net, rule, want) in cases {
            let net: IpNet = net.parse().unwrap();
            let got = gateway(net, *rule).map(|bits| Family::of(net.addr()).address(bits));
            assert_eq!(got, want.map(|address| address.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn what_is_to_be_avoided() {
        #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str)] = &[
        ("a host number",             "9",           "10.0.0.0/24",     "10.0.0.9-10.0.0.9"),
        ("several",                   "9-12",        "10.0.0.0/24",     "10.0.0.9-10.0.0.12"),
        ("last octets in a /25",      "120-130",     "10.0.0.128/25",   "10.0.0.128-10.0.0.130"),
        ("offsets in a /23",          "300",         "10.0.0.0/23",     "10.0.1.44-10.0.1.44"),
        ("offsets in IPv6",           "16",          "fd00::/64",       "fd00::10-fd00::10"),
        ("an address",                "10.0.0.9",    "10.0.0.0/24",     "10.0.0.9-10.0.0.9"),
        ("an address with its mask",  "10.0.0.9/24", "10.0.0.0/24",     "10.0.0.9-10.0.0.9"),
        ("addresses beyond it",       "10.0.0.250-10.0.1.9", "10.0.0.0/24", "10.0.0.250-10.0.0.255"),
        ("a whole prefix",            "10.0.0.64/26", "10.0.0.0/24",    "10.0.0.64-10.0.0.127"),
    ];
        for (name, text, net, want) in cases {
            let net: IpNet = net.parse().unwrap();
            let Span { first, last } = within(&Avoid::parse(text).unwrap(), net);
            let family = Family::of(net.addr());
            let got = format!("{}-{}", family.address(first), family.address(last));
            assert_eq!(got, *want, "{name}");
        }
        let other = Avoid::parse("fd00::9").unwrap();
        assert!(within(&other, "10.0.0.0/24".parse().unwrap()).is_empty());
    }
}
