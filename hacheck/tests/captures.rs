//! The parsers on what real keepalived 2.2.7 sent: `tests/data/vrrp`, recorded by tcpdump
//! in the lab of `tests/lab/vrrp`. What a capture holds was counted in tcpdump's own text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use hacheck::frame::{self, Frame};

/// Source, version, VRID, priority, interval in ms, authentication type.
type Kind = (&'static str, u8, u8, u8, u32, u8);

const N1: Kind = ("192.168.10.11", 2, 55, 150, 1000, 0);
const N2: Kind = ("192.168.10.12", 2, 55, 100, 1000, 0);
const N1_V3: Kind = ("192.168.10.11", 3, 55, 150, 1000, 0);
const N1_V6: Kind = ("fe80::ff:fe00:1011", 3, 55, 150, 1000, 0);
const MAC1: &str = "02:00:00:00:10:11";
const MAC2: &str = "02:00:00:00:10:12";
const VIRTUAL: &str = "00:00:5e:00:01:37";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/vrrp")
}

/// The frames of a capture (libpcap's format, little endian, Ethernet).
fn frames(file: &str) -> Vec<Vec<u8>> {
    let bytes = fs::read(folder().join(file)).unwrap();
    assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1], "{file}");
    assert_eq!(bytes[20], 1, "{file} is of Ethernet");
    let mut rest = &bytes[24..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        frames.push(rest[16..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    frames
}

#[test]
fn every_capture_is_read_as_tcpdump_read_it() {
    let (gives_up, v2_6) = (("192.168.10.11", 2, 55, 0, 1000, 0), N1_V6);
    let (auth, other_vrid) = (
        ("192.168.10.11", 2, 55, 150, 1000, 1),
        ("192.168.10.12", 2, 56, 100, 1000, 0),
    );
    let (fast, tie) = (
        ("192.168.10.11", 3, 55, 150, 100, 0),
        ("192.168.10.11", 2, 55, 100, 1000, 0),
    );
    // Answers and unasked claims that name the VIP, by who makes them.
    type Claims = [(&'static str, usize, usize)];
    #[rustfmt::skip]
    let cases: &[(&str, &[(Kind, usize)], &Claims)] = &[
        ("mm-advint",                    &[(N1, 2)], &[]),
        ("mm-auth",                      &[(auth, 2)], &[]),
        ("mm-version",                   &[(N1, 2)], &[]),
        ("mm-viplist",                   &[(N1, 2)], &[]),
        ("mm-vrid",                      &[(N1, 2), (other_vrid, 2)], &[]),
        ("v2-auth-pass",                 &[(auth, 2)], &[]),
        ("v2-failover-kill9-zombie-vip", &[(N1, 1), (N2, 7)], &[(MAC1, 8, 0), (MAC2, 5, 10)]),
        ("v2-failover-stop-prio0",       &[(N1, 1), (gives_up, 1), (N2, 7)], &[(MAC2, 0, 10)]),
        ("v2-multicast",                 &[(N1, 3)], &[]),
        ("v2-sameprio",                  &[(tie, 4)], &[]),
        ("v2-split-heal",                &[(N1, 11), (N2, 2)], &[(MAC1, 0, 10)]),
        ("v2-split-oneway",              &[(N1, 5), (N2, 4)], &[(MAC1, 0, 20)]),
        ("v2-split-pair-client-view",    &[(N1, 13), (N2, 10)], &[(MAC1, 16, 5), (MAC2, 12, 10)]),
        ("v2-split-pair-member-n1-view", &[(N1, 13)], &[(MAC1, 16, 5), (MAC2, 1, 10)]),
        ("v2-unicast-seen-by-member",    &[(N1, 2)], &[]),
        ("v2-unicast-seen-by-third",     &[], &[]),
        // The new master asks for the client from its base interface: both are the holder's.
        ("v2-vmac1-failover",            &[(N1, 1), (N2, 4)], &[(VIRTUAL, 0, 5), (MAC2, 0, 1)]),
        ("v2-vmac2-failover",            &[(N1, 1), (N2, 4)], &[(VIRTUAL, 0, 5), (MAC2, 0, 1)]),
        ("v2conf-ipv6",                  &[(N1, 2), (v2_6, 2)], &[]),
        ("v3-ipv6",                      &[(N1_V3, 3), (N1_V6, 3)], &[]),
        ("v3-multicast-100ms",           &[(fast, 10)], &[]),
        ("v3-multicast-1s",              &[(N1_V3, 2)], &[]),
        ("v3-unicast-seen-by-member",    &[(N1_V3, 2)], &[]),
    ];
    let mut files: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let named: Vec<String> = cases
        .iter()
        .map(|(name, ..)| format!("{name}.pcap"))
        .collect();
    assert_eq!(files, named, "every capture has a row");

    for (name, adverts, claims) in cases {
        let mut heard = BTreeMap::new();
        let mut claimed = BTreeMap::new();
        for frame in frames(&format!("{name}.pcap")) {
            match frame::parse(&frame) {
                Some(Frame::Vrrp(vrrp)) => {
                    let packet = vrrp.packet.unwrap();
                    assert!(packet.checksum_ok, "{name}: {packet:?}");
                    assert_eq!(vrrp.ttl, 255, "{name}");
                    let vips: Vec<String> = packet.vips.iter().map(ToString::to_string).collect();
                    let want = match vrrp.source.is_ipv4() {
                        true => vec!["192.168.10.110"],
                        false => vec!["fe80::110", "fd10::110"],
                    };
                    assert_eq!(vips, want, "{name}");
                    let source = vrrp.source.to_string();
                    let key = (source, packet.version, packet.vrid, packet.priority);
                    *heard
                        .entry((key, packet.interval_ms, packet.auth_type))
                        .or_insert(0) += 1;
                }
                Some(Frame::Claim(claim)) if claim.ip.to_string() == "192.168.10.110" => {
                    let (answers, unasked) = claimed.entry(claim.mac.to_string()).or_insert((0, 0));
                    *(if claim.answers.is_some() {
                        answers
                    } else {
                        unasked
                    }) += 1;
                }
                _ => {}
            }
        }
        let want: BTreeMap<_, _> = adverts
            .iter()
            .map(
                |&((source, version, vrid, priority, interval, auth), count)| {
                    let key = (source.to_owned(), version, vrid, priority);
                    ((key, interval, auth), count)
                },
            )
            .collect();
        assert_eq!(heard, want, "{name}: adverts");
        let want: BTreeMap<_, _> = claims
            .iter()
            .map(|&(mac, answers, unasked)| (mac.to_owned(), (answers, unasked)))
            .collect();
        assert_eq!(claimed, want, "{name}: claims");
    }
}

#[test]
fn a_password_is_nowhere_in_what_was_read() {
    let frames = frames("v2-auth-pass.pcap");
    let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(frames.iter().any(|frame| holds(frame, b"labpass1")));
    for frame in frames {
        let read = format!("{:?}", frame::parse(&frame));
        assert!(!read.contains("labpass"), "{read}");
        assert!(!read.contains("108, 97, 98"), "{read}"); // "lab" as numbers
    }
}
