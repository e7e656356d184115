//! The arithmetic of the ID: the VLAN, then the host number in a fixed count of digits.
//!
//! VLAN 30 and host 66 make 30066. It is a concatenation, never a sum (unless a network has a
//! base of its own, [`crate::numbering`]), and the fixed width is what makes it reversible:
//! 1192 is VLAN 1, host 192, and VLAN 11, host 92 is 11092.

use core::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::stream::excerpt;

mod refused;

pub use refused::Refused;

/// The VIDs that IEEE 802.1Q leaves for use.
pub const VLANS: std::ops::RangeInclusive<u64> = 1..=4094;

/// The guest IDs that Proxmox VE accepts (its API schema, `pve-vmid`).
pub const GUEST_IDS: std::ops::RangeInclusive<u64> = 100..=999_999_999;

/// How many digits the host number takes: 2 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits(u32);

impl Digits {
    /// Three digits, enough for every /24 and for hosts up to 999.
    pub const THREE: Self = Self(3);

    /// None for anything but 2 to 5.
    #[must_use]
    pub fn new(digits: u32) -> Option<Self> {
        (2..=5).contains(&digits).then_some(Self(digits))
    }

    /// 10^digits, such as 1000: the lowest ID that has a VLAN part.
    #[must_use]
    pub fn unit(self) -> u64 {
        10_u64.pow(self.0)
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::THREE
    }
}

/// The ID of a host: `vlan` and the host number in `digits` digits, concatenated.
#[must_use]
pub fn join(vlan: u64, host: u64, digits: Digits) -> u64 {
    vlan * digits.unit() + host
}

/// The VLAN and the host number of an ID.
///
/// # Errors
///
/// [`Refused::OutsideScheme`] if it is no guest ID or has no VLAN part,
/// [`Refused::BadVlan`] if the part is no VLAN.
pub fn split(id: u64, digits: Digits) -> Result<(u64, u64), Refused> {
    if !GUEST_IDS.contains(&id) {
        return Err(Refused::OutsideScheme(not_an_id(&id.to_string())));
    }
    let (vlan, host) = (id / digits.unit(), id % digits.unit());
    if vlan == 0 {
        let unit = digits.unit();
        return Err(Refused::OutsideScheme(format!(
            "{id} has no VLAN part: it is below {unit}"
        )));
    }
    if !VLANS.contains(&vlan) {
        return Err(Refused::BadVlan(format!("{vlan} of ID {id}")));
    }
    Ok((vlan, host))
}

/// The message for what is not an ID at all.
#[must_use]
pub fn not_an_id(text: &str) -> String {
    format!(
        "{text} is not a guest ID ({} to {})",
        GUEST_IDS.start(),
        GUEST_IDS.end()
    )
}

/// The host number of `address` in `network`: the last octet in a /24 or longer
/// prefix; in a shorter one, where that octet repeats, the offset from the start.
///
/// # Errors
///
/// [`Refused::NotAHost`] for the network and broadcast address of prefixes up to
/// /30 (a /31 has neither, RFC 3021), [`Refused::HostTooBig`].
pub fn host_number(address: Ipv4Addr, network: Ipv4Net, digits: Digits) -> Result<u64, Refused> {
    let network = network.trunc();
    let edge = address == network.network() || address == network.broadcast();
    if network.prefix_len() <= 30 && edge {
        return Err(Refused::NotAHost(address, network));
    }
    let host = u64::from(address.to_bits()) - base(network);
    if host >= digits.unit() {
        return Err(Refused::HostTooBig(address, network, host, digits));
    }
    Ok(host)
}

/// The address with the host number `host` in `network`, the inverse of
/// [`host_number`]; none if it has no such host.
#[must_use]
pub fn address_of(host: u64, network: Ipv4Net) -> Option<Ipv4Addr> {
    let network = network.trunc();
    let address = Ipv4Addr::from_bits(u32::try_from(base(network) + host).ok()?);
    let edge = address == network.network() || address == network.broadcast();
    (network.contains(&address) && !(network.prefix_len() <= 30 && edge)).then_some(address)
}

/// The lowest and the highest host number of a prefix, whatever its digits.
#[must_use]
pub fn host_numbers(network: Ipv4Net) -> (u64, u64) {
    let network = network.trunc();
    let number = |address: Ipv4Addr| u64::from(address.to_bits()) - base(network);
    let edge = u64::from(network.prefix_len() <= 30);
    let (first, last) = (network.network(), network.broadcast());
    (number(first) + edge, number(last) - edge)
}

/// The address that has the host number 0.
fn base(network: Ipv4Net) -> u64 {
    let start = u64::from(network.network().to_bits());
    if network.prefix_len() >= 24 {
        start & !0xff
    } else {
        start
    }
}

/// A whole number in decimal text; leading zeros are allowed ("066" is 66), nothing else is.
#[must_use]
pub fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// An IPv4 address, with or without a mask; octets may have leading zeros.
///
/// # Errors
///
/// [`Refused::Ipv6`], [`Refused::BadAddress`].
pub fn parse_address(text: &str) -> Result<(Ipv4Addr, Option<u8>), Refused> {
    let trimmed = text.trim_ascii();
    if let Some(parsed) = ipv4(trimmed.as_bytes()) {
        return Ok(parsed);
    }
    let host = trimmed.split('/').next().unwrap_or_default();
    if host.parse::<core::net::Ipv6Addr>().is_ok() {
        return Err(Refused::Ipv6(excerpt(trimmed).into_owned()));
    }
    Err(Refused::BadAddress(format!("{:?}", excerpt(text))))
}

/// An IPv4 address in the raw text of a JSON value, `"192.168.30.66/24"`, without anything else;
/// what is none, or is spelled otherwise, is for [`parse_address`].
#[must_use]
pub fn quoted_address(raw: &str) -> Option<(Ipv4Addr, Option<u8>)> {
    let inner = raw.as_bytes().strip_prefix(b"\"")?;
    ipv4(inner.strip_suffix(b"\"")?)
}

/// Four octets of one to three digits, and perhaps `/` and a mask up to 32.
///
/// The standard library refuses leading zeros, which some systems read as octal;
/// guests' addresses written with them ("192.168.030.066") are decimal.
fn ipv4(text: &[u8]) -> Option<(Ipv4Addr, Option<u8>)> {
    let (first, rest) = octet(text)?;
    let (second, rest) = octet(rest.strip_prefix(b".")?)?;
    let (third, rest) = octet(rest.strip_prefix(b".")?)?;
    let (fourth, rest) = octet(rest.strip_prefix(b".")?)?;
    let address = Ipv4Addr::new(first, second, third, fourth);
    match rest {
        [] => Some((address, None)),
        [b'/', mask @ ..] => Some((address, Some(small(mask).filter(|&mask| mask <= 32)?))),
        _ => None,
    }
}

/// The one to three digits that a text begins with, and what follows them.
fn octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |at: usize| {
        let byte = text.get(at)?;
        byte.is_ascii_digit().then(|| u16::from(byte - b'0'))
    };
    let mut value = digit(0)?;
    let mut count = 1;
    while let Some(next) = digit(count).filter(|_| count < 3) {
        value = value * 10 + next;
        count += 1;
    }
    Some((u8::try_from(value).ok()?, &text[count..]))
}

/// A number of one or two digits.
fn small(text: &[u8]) -> Option<u8> {
    match text {
        [a @ b'0'..=b'9'] => Some(a - b'0'),
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some((a - b'0') * 10 + (b - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn host_numbers() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, u32, Result<u64, &str>)] = &[
            ("last octet of a /24",       "192.168.30.66",  "192.168.30.0/24",  3, Ok(66)),
            ("last octet of a /28",       "192.168.40.20",  "192.168.40.16/28", 3, Ok(20)),
            ("offset in a /23",           "10.0.1.66",      "10.0.0.0/23",      3, Ok(322)),
            ("network address of a /24",  "192.168.30.0",   "192.168.30.0/24",  3, Err("not-a-host")),
            ("broadcast of a /30",        "10.0.0.3",       "10.0.0.0/30",      3, Err("not-a-host")),
            ("first of a /31",            "10.0.0.0",       "10.0.0.0/31",      3, Ok(0)),
            ("a /32 of its own",          "10.0.0.255",     "10.0.0.255/32",    3, Ok(255)),
            (".0 amid a /23",             "10.0.1.0",       "10.0.0.0/23",      3, Ok(256)),
            ("999 in three digits",       "10.0.3.231",     "10.0.0.0/22",      3, Ok(999)),
            ("1000 in three digits",      "10.0.3.232",     "10.0.0.0/22",      3, Err("host-too-big")),
            ("1000 in four digits",       "10.0.3.232",     "10.0.0.0/22",      4, Ok(1000)),
            ("last host of a /16, five",  "10.0.255.254",   "10.0.0.0/16",      5, Ok(65534)),
        ];
        for (name, address, network, digits, want) in cases {
            let digits = Digits::new(*digits).unwrap();
            let got = host_number(address.parse().unwrap(), net(network), digits);
            assert_eq!(
                got.as_ref().map_err(Refused::code),
                want.as_ref().map_err(|e| *e),
                "{name}"
            );
            if let Ok(host) = got {
                assert_eq!(
                    address_of(host, net(network)),
                    Some(address.parse().unwrap()),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn ids_take_apart() {
        #[rustfmt::skip]
        let cases: &[(&str, u64, Result<(u64, u64), &str>)] = &[
            ("semaphore",                  30066,         Ok((30, 66))),
            ("VLAN 1, never VLAN 11",      1192,          Ok((1, 192))),
            ("VLAN 11",                    11092,         Ok((11, 92))),
            ("the highest VLAN",           4_094_254,     Ok((4094, 254))),
            ("one VLAN too many",          4_095_001,     Err("bad-vlan")),
            ("no VLAN part",               210,           Err("outside-scheme")),
            ("not a guest ID, too low",    99,            Err("outside-scheme")),
            ("not a guest ID, too high",   1_000_000_000, Err("outside-scheme")),
        ];
        for (name, id, want) in cases {
            let got = split(*id, Digits::THREE);
            assert_eq!(
                got.as_ref().map_err(Refused::code),
                want.as_ref().map_err(|e| *e),
                "{name}"
            );
        }
    }

    #[test]
    fn addresses_as_people_write_them() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<(&str, Option<u8>), &str>)] = &[
            ("plain",               "192.168.30.66",     Ok(("192.168.30.66", None))),
            ("leading zeros",       "192.168.030.066/24", Ok(("192.168.30.66", Some(24)))),
            ("octet 256",           "192.168.30.256",    Err("bad-address")),
            ("octet of four",       "192.168.30.0066",   Err("bad-address")),
            ("five octets",         "1.2.3.4.5",         Err("bad-address")),
            ("mask 33",             "1.2.3.4/33",        Err("bad-address")),
            ("empty mask",          "1.2.3.4/",          Err("bad-address")),
            ("a sign",              "1.2.3.+4",          Err("bad-address")),
            ("IPv6",                "fd00:30::42/64",    Err("ipv6")),
            ("IPv4 within IPv6",    "::ffff:1.2.3.4",    Err("ipv6")),
            ("empty",               "",                  Err("bad-address")),
        ];
        for (name, text, want) in cases {
            let got = parse_address(text).map_err(|e| e.code());
            assert_eq!(got, want.map(|(a, m)| (a.parse().unwrap(), m)), "{name}");
        }
    }
}
