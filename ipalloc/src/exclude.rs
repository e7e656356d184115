//! What a site never hands out, record or not: gateways and avoided addresses.

use std::{fmt, ops::RangeInclusive};

use ipnet::IpNet;

use crate::{
    request::parse_wanted,
    span::{self, Family, Span},
};

/// Which address of a prefix is the gateway's, record or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Gateway {
    /// The one after the network address.
    #[default]
    First,
    /// The one before the broadcast address.
    Last,
    /// None.
    None,
}

/// Addresses that a site keeps free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Avoid {
    /// Host numbers, in each prefix: the last octet in a /24 or longer, else the offset.
    Hosts(RangeInclusive<u128>),
    /// Addresses.
    Addresses(Family, Span),
}

impl Avoid {
    /// `110`, `200-254`, `192.168.30.50` or `192.168.30.50-192.168.30.60`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(net) = text
            .trim()
            .parse::<IpNet>()
            .ok()
            .filter(|net| net.trunc() == *net)
        {
            return Ok(Self::Addresses(Family::of(net.addr()), Span::of(net)));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let backwards = || format!("{text:?} ends before it begins");
        let number = |text: &str| vmid::scheme::decimal(text.trim()).map(u128::from);
        if let (Some(first), Some(last)) = (number(first), number(last)) {
            return if first > last {
                Err(backwards())
            } else {
                Ok(Self::Hosts(first..=last))
            };
        }
        let (first, last) = (parse_wanted(first)?.address, parse_wanted(last)?.address);
        if Family::of(first) != Family::of(last) {
            return Err(format!("{first} and {last} are not of one family"));
        }
        if first > last {
            return Err(backwards());
        }
        Ok(Self::Addresses(
            Family::of(first),
            Span::new(span::bits(first), span::bits(last)),
        ))
    }

    fn within(&self, net: IpNet) -> Span {
        let whole = Span::of(net);
        match self {
            Self::Hosts(hosts) => {
                let octet = net.addr().is_ipv4() && net.prefix_len() >= 24;
                let base = if octet {
                    whole.first & !0xff
                } else {
                    whole.first
                };
                let at = |host: &u128| base.saturating_add(*host);
                Span::new(at(hosts.start()), at(hosts.end())).within(whole)
            }
            Self::Addresses(family, span) if *family == Family::of(net.addr()) => {
                span.within(whole)
            }
            Self::Addresses(..) => Span::new(1, 0),
        }
    }
}

/// What a site never hands out, and what it forces.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The gateway's address.
    pub gateway: Gateway,
    /// Kept free.
    pub avoid: Vec<Avoid>,
    /// A closed prefix or range that is named is used all the same.
    pub force: bool,
}

/// Why an address of a scope is never handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Gateway,
    Range(String),
    Child(IpNet),
    Avoided,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("is the gateway's (see --gateway)"),
            Self::Range(range) => write!(f, "is in the range {range}, which was not asked for"),
            Self::Child(net) => write!(f, "is in the child prefix {net}"),
            Self::Avoided => f.write_str("is to be avoided (--avoid)"),
        }
    }
}

/// The gateway and the avoided addresses of a prefix.
pub(crate) fn excluded_in(net: IpNet, rule: Gateway, avoid: &[Avoid]) -> Vec<(Span, Why)> {
    let mut reasons: Vec<(Span, Why)> = Vec::new();
    reasons.extend(gateway(net, rule).map(|bits| (Span::one(bits), Why::Gateway)));
    let avoided = avoid.iter().map(|avoid| (avoid.within(net), Why::Avoided));
    reasons.extend(avoided);
    reasons
}

/// The gateway's number; a network of one or two addresses has no room for one.
pub(crate) fn gateway(net: IpNet, rule: Gateway) -> Option<u128> {
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
    let cases: &[(&str, &str, &str, Result<&str, &str>)] = &[
        ("a host number",             "9",           "10.0.0.0/24",     Ok("10.0.0.9-10.0.0.9")),
        ("several",                   "9-12",        "10.0.0.0/24",     Ok("10.0.0.9-10.0.0.12")),
        ("last octets in a /25",      "120-130",     "10.0.0.128/25",   Ok("10.0.0.128-10.0.0.130")),
        ("offsets in a /23",          "300",         "10.0.0.0/23",     Ok("10.0.1.44-10.0.1.44")),
        ("offsets in IPv6",           "16",          "fd00::/64",       Ok("fd00::10-fd00::10")),
        ("an address",                "10.0.0.9",    "10.0.0.0/24",     Ok("10.0.0.9-10.0.0.9")),
        ("an address with its mask",  "10.0.0.9/24", "10.0.0.0/24",     Ok("10.0.0.9-10.0.0.9")),
        ("addresses beyond it",       "10.0.0.250-10.0.1.9", "10.0.0.0/24", Ok("10.0.0.250-10.0.0.255")),
        ("a whole prefix",            "10.0.0.64/26", "10.0.0.0/24",    Ok("10.0.0.64-10.0.0.127")),
        ("backwards",                 "9-1",         "10.0.0.0/24",     Err("\"9-1\" ends before it begins")),
        ("addresses backwards",       "10.0.0.9-10.0.0.1", "10.0.0.0/24", Err("\"10.0.0.9-10.0.0.1\" ends before it begins")),
        ("two families",              "10.0.0.9-::", "10.0.0.0/24",     Err("10.0.0.9 and :: are not of one family")),
        ("neither",                   "vip",         "10.0.0.0/24",     Err("\"vip\" is not an address")),
        ("nothing",                   "",            "10.0.0.0/24",     Err("\"\" is not an address")),
    ];
        for (name, text, net, want) in cases {
            let net: IpNet = net.parse().unwrap();
            let got = Avoid::parse(text).map(|avoid| {
                let Span { first, last } = avoid.within(net);
                let family = Family::of(net.addr());
                format!("{}-{}", family.address(first), family.address(last))
            });
            assert_eq!(got.as_deref().map_err(String::as_str), *want, "{name}");
        }
        let other = Avoid::parse("fd00::9").unwrap();
        assert!(other.within("10.0.0.0/24".parse().unwrap()).is_empty());
    }
}
