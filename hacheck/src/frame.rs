//! Ethernet frames: the few kinds that tell who holds an address, read and made.
//!
//! Nothing here sends or receives. A frame that is none of these kinds, or is cut, is
//! `None`: on a shared wire that is the usual case and no error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    evidence::Mac,
    vrrp::{self, Malformed, Packet},
};

/// To everybody on the segment.
pub const BROADCAST: Mac = Mac([0xff; 6]);

const ETHERNET: usize = 14;
const TYPE_ARP: u16 = 0x0806;
const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const ICMPV6: u8 = 58;
/// ICMPv6 types (RFC 4861, 4.3 and 4.4).
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// What a frame tells us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A packet of protocol 112.
    Vrrp(Vrrp),
    /// A host says that an address is its own.
    Claim(Claim),
}

/// A VRRP packet with the headers around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vrrp {
    /// Ethernet source.
    pub source_mac: Mac,
    /// IP source.
    pub source: IpAddr,
    /// IP destination.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The packet, if it is one.
    pub packet: Result<Packet, Malformed>,
}

/// "This address is at my hardware address": an ARP packet or a neighbour advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub ip: IpAddr,
    /// Where it is said to be.
    pub mac: Mac,
    /// Ethernet source.
    pub source_mac: Mac,
    /// For an answer: whom it answers, by hardware address and address (0.0.0.0 answers
    /// a question of somebody who has no address yet). Absent if nobody had asked.
    pub answers: Option<(Mac, IpAddr)>,
}

/// Reads a frame from its Ethernet header on.
#[must_use]
pub fn parse(frame: &[u8]) -> Option<Frame> {
    let (header, body) = frame.split_first_chunk::<ETHERNET>()?;
    let source_mac = mac(&header[6..12])?;
    match u16::from_be_bytes([header[12], header[13]]) {
        TYPE_ARP => arp(source_mac, body).map(Frame::Claim),
        TYPE_IPV4 => ipv4(source_mac, body),
        TYPE_IPV6 => ipv6(mac(&header[..6])?, source_mac, body),
        _ => None,
    }
}

/// ARP for IPv4 over Ethernet (RFC 826). What names an owner is its sender, in an answer as
/// in a question; a probe (RFC 5227, 1.1) has no sender address and so names nobody.
fn arp(source_mac: Mac, body: &[u8]) -> Option<Claim> {
    let body = body.first_chunk::<28>()?;
    let operation = match body[..8] {
        [0, 1, 8, 0, 6, 4, 0, operation @ (1 | 2)] => operation,
        _ => return None,
    };
    let (sender, target) = (ipv4_at(body, 14)?, ipv4_at(body, 24)?);
    if sender.is_unspecified() {
        return None;
    }
    let gratuitous = operation == 1 || sender == target;
    Some(Claim {
        ip: sender.into(),
        mac: mac(&body[8..14])?,
        source_mac,
        answers: (!gratuitous)
            .then(|| Some((mac(&body[18..24])?, target.into())))
            .flatten(),
    })
}

fn ipv4(source_mac: Mac, body: &[u8]) -> Option<Frame> {
    let header = body.first_chunk::<20>()?;
    let length = usize::from(header[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[0] >> 4 != 4 || header[9] != vrrp::PROTOCOL || length < 20 || fragment != 0 {
        return None;
    }
    // What is behind the packet's own length is Ethernet's padding.
    let payload = body.get(length..total)?;
    let (source, destination) = (ipv4_at(header, 12)?.into(), ipv4_at(header, 16)?.into());
    Some(Frame::Vrrp(Vrrp {
        source_mac,
        source,
        destination,
        ttl: header[8],
        packet: vrrp::parse(payload, source, destination),
    }))
}

fn ipv6(destination_mac: Mac, source_mac: Mac, body: &[u8]) -> Option<Frame> {
    let (header, rest) = body.split_first_chunk::<40>()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let payload = rest.get(..usize::from(u16::from_be_bytes([header[4], header[5]])))?;
    let (source, destination) = (ipv6_at(header, 8)?, ipv6_at(header, 24)?);
    let (next, ttl) = (header[6], header[7]);
    let (from, to) = (source.into(), destination.into());
    if next == vrrp::PROTOCOL {
        return Some(Frame::Vrrp(Vrrp {
            source_mac,
            source: from,
            destination: to,
            ttl,
            packet: vrrp::parse(payload, from, to),
        }));
    }
    let sound = || {
        vrrp::checksum(
            vrrp::pseudo_header(from, to, ICMPV6, payload.len()),
            payload,
        )
    };
    let advertisement = next == ICMPV6
        && ttl == vrrp::TTL // RFC 4861, 7.1.2: any other came through a router and is forged
        && payload.len() >= 24
        && payload[..2] == [ADVERTISEMENT, 0]
        && sound() == 0;
    if !advertisement {
        return None;
    }
    let solicited = payload[4] & 0x40 != 0;
    Some(Frame::Claim(Claim {
        ip: ipv6_at(payload, 8)?.into(),
        mac: link_layer_option(&payload[24..], 2).unwrap_or(source_mac),
        source_mac,
        answers: solicited.then_some((destination_mac, to)),
    }))
}

/// The link-layer address in the options of neighbour discovery (RFC 4861, 4.6).
fn link_layer_option(mut options: &[u8], wanted: u8) -> Option<Mac> {
    while let [kind, units, ..] = *options {
        let length = usize::from(units) * 8;
        if length == 0 {
            return None;
        }
        if kind == wanted {
            return mac(options.get(2..8)?);
        }
        options = options.get(length..)?;
    }
    None
}

/// "Who has `target`?", by broadcast, from nobody: an ARP probe (RFC 5227, 1.1). It changes no
/// neighbour table, and the answers to it can be told from those to other questions of this
/// host, because they go to 0.0.0.0.
#[must_use]
pub fn arp_probe(own: Mac, target: Ipv4Addr) -> Vec<u8> {
    arp_request(own, Ipv4Addr::UNSPECIFIED, target)
}

/// "Who has `target`? Tell `sender`", by broadcast. Proxies answer this, and no probe (the kernel's
/// arp_process); who is asked notes where the sender is, as of any host that asks.
#[must_use]
pub fn arp_request(own: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = ethernet(BROADCAST, own, TYPE_ARP);
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(own.0);
    frame.extend(sender.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame
}

/// "Who has `target`?" to the addresses that end like it (RFC 4861, 4.3), from the
/// link-local address of this host: from `::` it would stop a take-over of the address
/// that is just being checked for duplicates (RFC 4862, 5.4.3).
#[must_use]
pub fn solicitation(own: Mac, link_local: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from_be_bytes([b, c]),
    );
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend([1, 1]);
    message.extend(own.0);
    let header = vrrp::pseudo_header(link_local.into(), group.into(), ICMPV6, message.len());
    let checksum = vrrp::checksum(header, &message).to_be_bytes();
    message[2..4].copy_from_slice(&checksum);
    let mut frame = ethernet(Mac([0x33, 0x33, 0xff, a, b, c]), own, TYPE_IPV6);
    frame.extend([0x60, 0, 0, 0, 0, message.len() as u8, ICMPV6, vrrp::TTL]);
    frame.extend(link_local.octets());
    frame.extend(group.octets());
    frame.extend(message);
    frame
}

fn ethernet(to: Mac, from: Mac, kind: u16) -> Vec<u8> {
    [&to.0[..], &from.0, &kind.to_be_bytes()].concat()
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.try_into().ok().map(Mac)
}

fn ipv4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(bytes.into())
}

fn ipv6_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    let bytes: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const N1: Mac = Mac([2, 0, 0, 0, 0x10, 0x11]);
    const CLIENT: Mac = Mac([2, 0, 0, 0, 0x10, 0x50]);

    fn bytes(hex: &str) -> Vec<u8> {
        let hex = hex.replace(' ', "");
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn who_claims_an_address_by_arp() {
        let (member, vip) = ("192.168.10.11", "192.168.10.110");
        let client: Ipv4Addr = "192.168.10.50".parse().unwrap();
        let nobody = Ipv4Addr::UNSPECIFIED;
        #[rustfmt::skip]
        let cases = [
            // name, operation, sender, target, claimed address, answered
            ("answer",               2, vip, client,             Some((vip, Some((CLIENT, client))))),
            ("answer to a probe",    2, vip, nobody,             Some((vip, Some((CLIENT, nobody))))),
            ("gratuitous request",   1, vip, vip.parse().unwrap(), Some((vip, None))),
            ("gratuitous reply",     2, vip, vip.parse().unwrap(), Some((vip, None))),
            ("the holder asks",      1, vip, client,             Some((vip, None))),
            ("a member asks",        1, member, client,          Some((member, None))),
            ("a probe names nobody", 1, "0.0.0.0", client,       None),
            ("reverse ARP",          3, vip, client,             None),
        ];
        for (name, operation, sender, target, want) in cases {
            let sender: Ipv4Addr = sender.parse().unwrap();
            let mut frame = ethernet(CLIENT, N1, TYPE_ARP);
            frame.extend([0, 1, 8, 0, 6, 4, 0, operation]);
            frame.extend(N1.0);
            frame.extend(sender.octets());
            frame.extend(CLIENT.0);
            frame.extend(target.octets());
            let want = want.map(|(ip, answers)| {
                Frame::Claim(Claim {
                    ip: ip.parse().unwrap(),
                    mac: N1,
                    source_mac: N1,
                    answers: answers.map(|(mac, ip): (Mac, Ipv4Addr)| (mac, ip.into())),
                })
            });
            assert_eq!(parse(&frame), want, "{name}");
            assert_eq!(parse(&frame[..41]), None, "{name}, cut");
        }
    }

    #[test]
    fn arp_of_other_kinds_is_nothing() {
        let good = "ffffffffffff 020000001011 0806 0001 0800 06 04 0001 020000001011 c0a80a6e 000000000000 c0a80a6e";
        assert!(parse(&bytes(good)).is_some());
        for (name, from, to) in [
            ("token ring", "0806 0001", "0806 0006"),
            ("other protocol", "0001 0800", "0001 86dd"),
            ("other lengths", "06 04 0001", "08 04 0001"),
        ] {
            assert_eq!(parse(&bytes(&good.replace(from, to))), None, "{name}");
        }
    }

    #[test]
    fn a_padded_advert_ends_where_ip_says() {
        // keepalived's v3 advert, 46 bytes, as a real network card pads it to 60.
        let mut frame = bytes(
            "01005e000012 020000001011 0800 45c00020 00020000 ff700fe6 c0a80a0b e0000012 313796010064c209c0a80a6e",
        );
        frame.extend([0x55; 14]);
        let Some(Frame::Vrrp(vrrp)) = parse(&frame) else {
            panic!("no advert");
        };
        assert_eq!((vrrp.source_mac, vrrp.ttl), (N1, 255));
        let packet = vrrp.packet.unwrap();
        assert!(packet.checksum_ok);
        frame[20] = 0x20; // more fragments
        assert_eq!(parse(&frame), None, "a fragment");
        frame.truncate(40);
        assert_eq!(parse(&frame), None, "shorter than IP says");
    }

    #[test]
    fn a_solicitation_is_answered_by_an_advertisement() {
        let own: Ipv6Addr = "fe80::ff:fe00:1050".parse().unwrap();
        let target: Ipv6Addr = "fd10::110".parse().unwrap();
        let asked = solicitation(CLIENT, own, target);
        assert_eq!(asked[..6], [0x33, 0x33, 0xff, 0, 0x01, 0x10]);
        assert_eq!(
            asked[38..54],
            "ff02::1:ff00:110".parse::<Ipv6Addr>().unwrap().octets()
        );
        // The advertisement that answers it is much the same message.
        let (holder, group) = (target.into(), own.into());
        let mut answer = vec![ADVERTISEMENT, 0, 0, 0, 0x60, 0, 0, 0];
        answer.extend(target.octets());
        answer.extend([2, 1]);
        answer.extend(N1.0);
        let sum = vrrp::checksum(vrrp::pseudo_header(holder, group, ICMPV6, 32), &answer);
        answer[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut frame = ethernet(CLIENT, N1, TYPE_IPV6);
        frame.extend([0x60, 0, 0, 0, 0, 32, ICMPV6, 255]);
        frame.extend(target.octets());
        frame.extend(own.octets());
        frame.extend(answer);
        let want = Claim {
            ip: holder,
            mac: N1,
            source_mac: N1,
            answers: Some((CLIENT, group)),
        };
        assert_eq!(parse(&frame), Some(Frame::Claim(want)));
        let changed = |at: usize, to: u8| {
            let mut frame = frame.clone();
            frame[at] = to;
            parse(&frame)
        };
        assert_eq!(changed(21, 254), None, "came through a router");
        assert_eq!(changed(70, 9), None, "wrong checksum");
        // The solicitation itself has a right checksum, too: as an advertisement it would pass.
        let mut same = asked;
        same[54] = ADVERTISEMENT;
        same[56] -= 1;
        assert!(parse(&same).is_some());
    }

    proptest! {
        #[test]
        fn any_frame_is_read_without_panic(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            kind in prop_oneof![Just(TYPE_ARP), Just(TYPE_IPV4), Just(TYPE_IPV6), any::<u16>()],
            protocol in prop_oneof![Just(vrrp::PROTOCOL), Just(ICMPV6), any::<u8>()],
        ) {
            let mut frame = ethernet(N1, CLIENT, kind);
            frame.extend(body);
            for (at, value) in [(14, (kind as u8) & 0x60 | 0x05), (20, protocol), (23, protocol)] {
                if let Some(byte) = frame.get_mut(at) {
                    *byte = value;
                }
            }
            let _ = parse(&frame);
            for length in 0..frame.len() {
                let _ = parse(&frame[..length]);
            }
        }
    }
}
