//! VRRP packets, versions 2 (RFC 3768; passwords: RFC 2338) and 3 (RFC 5798, 9568), as they come
//! from whoever wants to send one: nothing is assumed of the bytes, and nothing is acted on.
//!
//! A version 2 password travels in clear. It is never copied out of the packet here.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// IP protocol number of VRRP (IANA).
pub const PROTOCOL: u8 = 112;
/// Where adverts go in IPv4 (RFC 5798, 5.1.1.2).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Where adverts go in IPv6 (RFC 5798, 5.1.2.2).
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// The TTL or hop limit of an advert that came through no router (RFC 5798, 5.1.1.3).
pub const TTL: u8 = 255;

/// Bytes before the addresses, the same in both versions.
const HEADER: usize = 8;
/// Authentication data at the end of version 2 (RFC 2338, 5.3.10).
const AUTHENTICATION: usize = 8;
/// A CARP advert: version 2 and type 1 as VRRP has them, 7 words of authentication, 36 bytes in all
/// (ip_carp.h of OpenBSD and FreeBSD).
const CARP: (u8, u8, usize) = (0x21, 7, 36);

/// What an advert says, apart from who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// 2 or 3.
    pub version: u8,
    /// Virtual router ID, 1..=255.
    pub vrid: u8,
    /// 0: gives up; 255: owner of the address.
    pub priority: u8,
    /// Advert interval in milliseconds.
    pub interval_ms: u32,
    /// Version 2: 0 none, 1 password, 2 IP authentication header; version 3: 0.
    pub auth_type: u8,
    /// The virtual addresses, in the packet's order.
    pub vips: Vec<IpAddr>,
    /// The checksum is right.
    pub checksum_ok: bool,
}

/// Why a packet of protocol 112 is no advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than what it says it holds: length, and length needed.
    Short(usize, usize),
    /// Neither version 2 nor 3 (nor, for IPv6, 3).
    Version(u8),
    /// Not an advertisement, which is the only type there is (type 1).
    Type(u8),
    /// VRID 0.
    Vrid,
    /// CARP, which has the same protocol number; with its virtual host ID.
    Carp(u8),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(got, need) => write!(f, "{got} bytes long, needs {need}"),
            Self::Version(version) => write!(f, "version {version}, not 2 or 3"),
            Self::Type(kind) => write!(f, "type {kind}, not 1"),
            Self::Vrid => f.write_str("virtual router ID 0, not 1..=255"),
            Self::Carp(vhid) => write!(f, "an advert of CARP (vhid {vhid}), not of VRRP"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Reads the payload of an IP packet of protocol 112.
///
/// Source and destination are part of version 3's checksum. A wrong checksum is no
/// error, since what it says is what was on the wire: see [`Packet::checksum_ok`].
///
/// # Errors
///
/// [`Malformed`] if it can't be read as an advert at all.
pub fn parse(payload: &[u8], source: IpAddr, destination: IpAddr) -> Result<Packet, Malformed> {
    let Some((&[first, vrid, priority, count, five, six, ..], _)) =
        payload.split_first_chunk::<HEADER>()
    else {
        return Err(Malformed::Short(payload.len(), HEADER));
    };
    if (first, count, payload.len()) == CARP {
        return Err(Malformed::Carp(vrid)); // of VRRP 7 addresses need 44 bytes
    }
    let (version, kind) = (first >> 4, first & 15);
    let known = match source {
        IpAddr::V4(_) => version == 2 || version == 3,
        IpAddr::V6(_) => version == 3,
    };
    if !known {
        return Err(Malformed::Version(version));
    }
    if kind != 1 {
        return Err(Malformed::Type(kind));
    }
    if vrid == 0 {
        return Err(Malformed::Vrid);
    }
    let size = if source.is_ipv4() { 4 } else { 16 };
    let addresses = usize::from(count) * size;
    let need = HEADER + addresses + if version == 2 { AUTHENTICATION } else { 0 };
    if payload.len() < need {
        return Err(Malformed::Short(payload.len(), need));
    }
    let (interval_ms, auth_type, sum) = match version {
        2 => (u32::from(six) * 1000, five, 0),
        _ => {
            let centiseconds = u32::from(five & 15) << 8 | u32::from(six);
            let header = pseudo_header(source, destination, PROTOCOL, payload.len());
            (centiseconds * 10, 0, header)
        }
    };
    Ok(Packet {
        version,
        vrid,
        priority,
        interval_ms,
        auth_type,
        vips: payload[HEADER..HEADER + addresses]
            .chunks_exact(size)
            .filter_map(address)
            .collect(),
        checksum_ok: checksum(sum, payload) == 0,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// The unfolded sum of the pseudo header (RFC 768 for IPv4, RFC 8200, 8.1, for IPv6).
#[must_use]
pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> u64 {
    let of = |address| match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    };
    of(source) + of(destination) + u64::from(protocol) + length as u64
}

/// The Internet checksum (RFC 1071) of `bytes` on top of a sum; over bytes that hold
/// their own checksum it is 0.
#[must_use]
pub fn checksum(start: u64, bytes: &[u8]) -> u16 {
    let mut total = start + sum(bytes);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

fn sum(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    let pairs = pairs
        .iter()
        .map(|pair| u64::from(u16::from_be_bytes(*pair)));
    pairs.sum::<u64>() + last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEMBER: &str = "192.168.10.11";
    const VIP: &str = "192.168.10.110";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn read(hex: &str, source: &str, destination: &str) -> Result<Packet, Malformed> {
        parse(
            &bytes(hex),
            source.parse().unwrap(),
            destination.parse().unwrap(),
        )
    }

    /// Payloads from the wire of real keepalived 2.2.7.
    #[test]
    fn adverts_of_keepalived() {
        let multicast = "224.0.0.18";
        #[rustfmt::skip]
        let cases = [
            // name, payload, destination, version, priority, interval, auth type
            ("v2",               "2137960100017dafc0a80a6e0000000000000000", multicast, 2, 150, 1000, 0),
            ("v2 gives up",      "21370001000113b0c0a80a6e0000000000000000", multicast, 2, 0, 1000, 0),
            ("v2 with password", "213796010101d938c0a80a6e6c61627061737331", multicast, 2, 150, 1000, 1),
            ("v3",               "313796010064c209c0a80a6e", multicast, 3, 150, 1000, 0),
            ("v3 at 0.1 s",      "31379601000ac263c0a80a6e", multicast, 3, 150, 100, 0),
            ("v3 unicast",       "313796010064d767c0a80a6e", "192.168.10.12", 3, 150, 1000, 0),
        ];
        for (name, hex, destination, version, priority, interval_ms, auth_type) in cases {
            let want = Packet {
                version,
                vrid: 55,
                priority,
                interval_ms,
                auth_type,
                vips: vec![VIP.parse().unwrap()],
                checksum_ok: true,
            };
            assert_eq!(read(hex, MEMBER, destination), Ok(want), "{name}");
        }
    }

    #[test]
    fn every_byte_counts_for_the_checksum() {
        for (hex, destination) in [
            ("213796010101d938c0a80a6e6c61627061737331", "224.0.0.18"),
            ("313796010064c209c0a80a6e", "224.0.0.18"),
        ] {
            for at in 2..bytes(hex).len() {
                let mut changed = bytes(hex);
                changed[at] ^= 1;
                if at == 3 {
                    continue; // the count
                }
                let source = MEMBER.parse().unwrap();
                let packet = parse(&changed, source, destination.parse().unwrap()).unwrap();
                assert!(!packet.checksum_ok, "byte {at} of {hex}");
            }
        }
        // Version 3 also counts who sent it to whom; version 2 does not.
        let v3 = "313796010064c209c0a80a6e";
        assert!(!read(v3, "192.168.10.12", "224.0.0.18").unwrap().checksum_ok);
        assert!(!read(v3, MEMBER, "192.168.10.12").unwrap().checksum_ok);
        let v2 = "2137960100017dafc0a80a6e0000000000000000";
        assert!(read(v2, "10.0.0.1", "10.0.0.2").unwrap().checksum_ok);
    }

    #[test]
    fn what_is_no_advert() {
        use Malformed::{Short, Type, Version, Vrid};
        #[rustfmt::skip]
        let cases = [
            ("empty",                      "", Short(0, 8)),
            ("header cut",                 "21379601000100", Short(7, 8)),
            ("v2 without authentication",  "2137960100017dafc0a80a6e", Short(12, 20)),
            ("v3 with an address missing", "313796020064c209c0a80a6e", Short(12, 16)),
            ("255 addresses in none",      "3137 96ff00640000", Short(8, 8 + 255 * 4)),
            ("version 1",                  "1137960100017dafc0a80a6e0000000000000000", Version(1)),
            ("version 4",                  "4137960100017dafc0a80a6e0000000000000000", Version(4)),
            ("type 2",                     "3237960100640000c0a80a6e", Type(2)),
            ("VRID 0",                     "3100960100640000c0a80a6e", Vrid),
        ];
        for (name, hex, want) in cases {
            let hex = hex.replace(' ', "");
            assert_eq!(read(&hex, MEMBER, "224.0.0.18"), Err(want), "{name}");
        }
        let v2_in_v6 = read(
            "2137960100017dafc0a80a6e0000000000000000",
            "fe80::1",
            "ff02::12",
        );
        assert_eq!(v2_in_v6, Err(Version(2)), "version 2 knows no IPv6");
    }

    #[test]
    fn an_advert_without_addresses_is_one() {
        let packet = read("3137960000640000", MEMBER, "224.0.0.18").unwrap();
        assert_eq!((packet.vips, packet.checksum_ok), (vec![], false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_advert_or_an_error(
            payload in proptest::collection::vec(any::<u8>(), 0..1100),
            start in prop_oneof![Just(0x21_u8), Just(0x31), any::<u8>()],
            v6 in any::<bool>(),
        ) {
            let mut payload = payload;
            if let Some(first) = payload.first_mut() {
                *first = start;
            }
            let [from, to] = match v6 {
                true => ["fe80::1", "ff02::12"],
                false => [MEMBER, "224.0.0.18"],
            };
            if let Ok(packet) = parse(&payload, from.parse().unwrap(), to.parse().unwrap()) {
                prop_assert_eq!(packet.vips.len(), usize::from(payload[3]));
                prop_assert!(packet.interval_ms <= 255_000);
                prop_assert!(packet.vips.iter().all(|vip| vip.is_ipv6() == v6));
            }
        }
    }
}
