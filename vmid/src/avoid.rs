//! Addresses that a site keeps free, as options and the site file name them.

use core::net::IpAddr;
use std::{fmt, ops::RangeInclusive};

use ipnet::IpNet;

use crate::scheme;

/// Addresses that are never handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Avoid {
    /// Host numbers, in each prefix: the last octet in a /24 or longer, else the offset.
    Hosts(RangeInclusive<u128>),
    /// Addresses, the first and the last, of one family.
    Addresses(IpAddr, IpAddr),
}

impl Avoid {
    /// `110`, `200-254`, `192.168.30.50`, `192.168.30.50-192.168.30.60` or `192.168.30.64/26`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let net = text.trim().parse::<IpNet>().ok();
        if let Some(net) = net.filter(|net| net.trunc() == *net) {
            return Ok(Self::Addresses(net.network(), net.broadcast()));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let backwards = || format!("{text:?} ends before it begins");
        let number = |text: &str| scheme::decimal(text.trim()).map(u128::from);
        if let (Some(first), Some(last)) = (number(first), number(last)) {
            return if first > last {
                Err(backwards())
            } else {
                Ok(Self::Hosts(first..=last))
            };
        }
        let (first, last) = (address(first)?, address(last)?);
        if first.is_ipv4() != last.is_ipv4() {
            return Err(format!("{first} and {last} are not of one family"));
        }
        if first > last {
            return Err(backwards());
        }
        Ok(Self::Addresses(first, last))
    }
}

/// In the shortest form that [`Avoid::parse`] reads.
impl fmt::Display for Avoid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(hosts) if hosts.start() == hosts.end() => write!(f, "{}", hosts.start()),
            Self::Hosts(hosts) => write!(f, "{}-{}", hosts.start(), hosts.end()),
            Self::Addresses(first, last) if first == last => write!(f, "{first}"),
            Self::Addresses(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// An address, with or without a mask.
fn address(text: &str) -> Result<IpAddr, String> {
    let trimmed = text.trim();
    let plain = trimmed.parse().ok();
    let masked = || trimmed.parse().ok().map(|net: IpNet| net.addr());
    plain.or_else(masked).ok_or_else(|| {
        format!("{text:?} is no host number and no address, such as 110, 2-9 or 192.168.30.50")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&str, &str>)] = &[
            ("a host number",    "110",                         Ok("110")),
            ("host numbers",     "2-9",                         Ok("2-9")),
            ("an address",       "192.168.30.50",               Ok("192.168.30.50")),
            ("with a mask",      "192.168.30.50/24",            Ok("192.168.30.50")),
            ("addresses",        "10.0.0.5-10.0.0.9",           Ok("10.0.0.5-10.0.0.9")),
            ("a prefix",         "10.0.0.64/26",                Ok("10.0.0.64-10.0.0.127")),
            ("IPv6",             "fd00::5",                     Ok("fd00::5")),
            ("backwards",        "9-2",                         Err("ends before it begins")),
            ("two families",     "10.0.0.1-fd00::1",            Err("not of one family")),
            ("half a range",     "10.0.0.1-",                   Err("no host number and no address")),
            ("a word",           "router",                      Err("no host number and no address")),
        ];
        for (name, text, want) in cases {
            let got = Avoid::parse(text).map(|avoid| avoid.to_string());
            match (got, want) {
                (Ok(got), Ok(want)) => {
                    assert_eq!(got, *want, "{name}");
                    assert_eq!(Avoid::parse(&got), Avoid::parse(text), "{name}");
                }
                (Err(got), Err(want)) => assert!(got.contains(want), "{name}: {got}"),
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }
}
