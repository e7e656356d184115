//! Places of addresses and IDs: by convention, by a table, by a site, by a base.

use super::*;
use crate::scheme::Digits;
use proptest::prelude::*;

fn table(text: &str) -> Networks {
    numbered(text, Digits::THREE)
}

fn numbered(text: &str, digits: Digits) -> Networks {
    Networks::parse(
        format!("vlan,prefix,base,digits\n{text}").as_bytes(),
        digits,
    )
    .unwrap()
}

fn claim(address: &str, vlan: Option<u64>) -> Claim {
    let (address, mask) = scheme::parse_address(address).unwrap();
    Claim {
        address,
        mask,
        vlan,
    }
}

const SITE: &str = "10,192.168.10.0/24\n30,192.168.30.0/24\n50,192.168.60.0/24\n50,192.168.61.0/24\n70,10.0.0.0/23\n80,172.16.0.0/25\n80,172.16.0.128/25\n90,10.9.0.0/24\n91,10.9.0.0/24\n";

#[test]
fn encoding() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, Option<u64>, Result<u64, &str>)] = &[
        ("the third octet is the VLAN",       "",   "192.168.30.66/24",  None,       Ok(30066)),
        ("a stated VLAN wins over it",        "",   "192.168.40.66",     Some(30),   Ok(30066)),
        ("VLAN 1",                            "",   "192.168.1.192",     None,       Ok(1192)),
        ("the highest",                       "",   "10.0.0.254/24",     Some(4094), Ok(4_094_254)),
        ("own mask of a /23",                 "",   "10.0.1.66/23",      Some(10),   Ok(10322)),
        ("no VLAN to be had",                 "",   "10.0.1.66/24",      None,       Err("no-vlan")),
        ("VLAN 0 by convention",              "",   "192.168.0.5/24",    None,       Err("bad-vlan")),
        ("VLAN 4095",                         "",   "192.168.0.5/24",    Some(4095), Err("bad-vlan")),
        ("the table gives the VLAN",          SITE, "10.0.1.66",         None,       Ok(70322)),
        ("the table's mask is another",       SITE, "10.0.1.66/24",      None,       Err("network-mismatch")),
        ("the table's VLAN is another",       SITE, "192.168.30.66/24",  Some(10),   Err("network-mismatch")),
        ("not in the VLAN the table knows",   SITE, "192.168.40.66/24",  Some(30),   Err("network-mismatch")),
        ("a VLAN the table doesn't know",     SITE, "192.168.40.66/24",  None,       Ok(40066)),
        ("two /24 on one VLAN",               SITE, "192.168.60.5/24",   None,       Err("ambiguous-network")),
        ("two /25 that share no host number", SITE, "172.16.0.130",      None,       Ok(80130)),
        ("one prefix on two VLANs",           SITE, "10.9.0.5/24",       None,       Err("ambiguous-network")),
        ("of which one is stated",            SITE, "10.9.0.5/24",       Some(91),   Ok(91005)),
        ("broadcast",                         SITE, "192.168.30.255/24", None,       Err("not-a-host")),
    ];
    for (name, networks, address, vlan, want) in cases {
        let got = encode(claim(address, *vlan), &table(networks));
        let got = got.map(|place| place.id).map_err(|e| e.code());
        assert_eq!(got, *want, "{name}");
    }
}

#[test]
fn decoding() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, u64, Result<&str, &str>)] = &[
        ("by convention",                 "",   30066,     Ok("192.168.30.66/24")),
        ("VLAN 255 still",                "",   255_001,   Ok("192.168.255.1/24")),
        ("VLAN 256 no more",              "",   256_001,   Err("unknown-network")),
        ("no host 300 in a /24",          "",   30300,     Err("bad-host")),
        ("the network itself",            "",   30000,     Err("bad-host")),
        ("its broadcast",                 "",   30255,     Err("bad-host")),
        ("below the scheme",              "",   210,       Err("outside-scheme")),
        ("the table's /23",               SITE, 70322,     Ok("10.0.1.66/23")),
        ("two /24 on one VLAN",           SITE, 50005,     Err("ambiguous-network")),
        ("the second /25",                SITE, 80130,     Ok("172.16.0.130/25")),
        ("the gap between them",          SITE, 80128,     Err("bad-host")),
        ("convention against the table",  SITE, 60005,     Err("network-mismatch")),
    ];
    for (name, networks, id, want) in cases {
        let got = decode(*id, &table(networks));
        let got = got
            .map(|place| place.address_with_mask())
            .map_err(|e| e.code());
        assert_eq!(got, want.map(str::to_owned), "{name}");
    }
}

#[test]
fn nothing_is_guessed_of_a_site() {
    #[rustfmt::skip]
    let encoded: &[(&str, &str, Option<u64>, Result<u64, &str>)] = &[
        ("in a network of the site",  "192.168.30.66",   None,     Ok(30066)),
        ("the convention is no more", "192.168.40.66",   None,     Err("no-vlan")),
        ("VLAN 0 neither",            "192.168.0.66",    None,     Err("no-vlan")),
        ("a VLAN the site lacks",     "192.168.40.66",   Some(40), Err("unknown-network")),
        ("not in the VLAN's network", "192.168.40.66",   Some(30), Err("network-mismatch")),
        ("VLAN 4095",                 "192.168.40.66",   Some(4095), Err("bad-vlan")),
    ];
    for (name, address, vlan, want) in encoded {
        let got = encode(claim(address, *vlan), &table(SITE).complete());
        let got = got.map(|place| place.id).map_err(|e| e.code());
        assert_eq!(got, *want, "{name}");
    }
    #[rustfmt::skip]
    let decoded: &[(&str, u64, Result<&str, &str>)] = &[
        ("in a network of the site",  30066,   Ok("192.168.30.66/24")),
        ("the convention is no more", 40066,   Err("unknown-network")),
        ("no host 300",               30300,   Err("bad-host")),
    ];
    for (name, id, want) in decoded {
        let got = decode(*id, &table(SITE).complete());
        let got = got
            .map(|place| place.address_with_mask())
            .map_err(|e| e.code());
        assert_eq!(got, want.map(str::to_owned), "{name}");
    }
}

#[test]
fn taking_apart() {
    const OWN: &str = "30,10.1.30.0/24,130000\n30,10.2.30.0/24,230000\n";
    const MIXED: &str = "30,10.1.30.0/24,130000\n30,10.2.30.0/24,\n";
    #[rustfmt::skip]
    let cases: &[(&str, &str, u64, Result<(u64, u64), &str>)] = &[
        ("by the base",                    OWN,   230_066, Ok((30, 66))),
        ("all are numbered otherwise",     OWN,   30066,   Err("outside-scheme")),
        ("one of them is not",             MIXED, 30066,   Ok((30, 66))),
        ("a VLAN that is not in the table", OWN,  40066,   Ok((40, 66))),
        ("below the scheme",               OWN,   210,     Err("outside-scheme")),
    ];
    for (name, networks, id, want) in cases {
        let got = split(*id, &table(networks)).map_err(|e| e.code());
        assert_eq!(got, *want, "{name}");
    }
}

proptest! {
    #[test]
    fn encode_and_decode_are_inverse(vlan in 1_u64..=4094, bits: u32, length in 12_u8..=32, digits in 2_u32..=5) {
        let digits = Digits::new(digits).unwrap();
        let network = Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length).trunc();
        let networks = numbered(&format!("{vlan},{network}\n"), digits);
        let claim = Claim { address: Ipv4Addr::from_bits(bits), mask: None, vlan: None };
        match encode(claim, &networks) {
            Ok(place) => prop_assert_eq!(decode(place.id, &networks), Ok(place)),
            Err(refused) => prop_assert!(["not-a-host", "host-too-big"].contains(&refused.code())),
        }
    }

    #[test]
    fn decode_and_encode_are_inverse(id in 0_u64..=1_000_000_100, digits in 2_u32..=5) {
        let digits = Digits::new(digits).unwrap();
        if let Ok(place) = decode(id, &numbered(SITE, digits)) {
            let claim = Claim { address: place.address, mask: Some(place.network.prefix_len()), vlan: Some(place.vlan) };
            let back = encode(claim, &numbered(SITE, digits)).map(|place| place.id);
            prop_assert_eq!(back, Ok(id));
        }
    }
}

const BASES: &str = "30,10.1.30.0/24,130000\n30,10.2.30.0/24,230000\n1,192.168.1.0/24,0\n40,172.20.40.0/24,4000,2\n70,10.7.0.0/22,700000,4\n";

#[test]
fn bases() {
    #[rustfmt::skip]
    let encoded: &[(&str, &str, Option<u64>, Result<u64, &str>)] = &[
        ("a site's own base",             "10.1.30.66",      None,     Ok(130_066)),
        ("another site's, one VLAN",      "10.2.30.66",      None,     Ok(230_066)),
        ("with its real VLAN",            "10.2.30.66/24",   Some(30), Ok(230_066)),
        ("the last octet alone",          "192.168.1.150",   None,     Ok(150)),
        ("of a host below 100",           "192.168.1.50",    None,     Err("outside-scheme")),
        ("VLAN x 100",                    "172.20.40.7",     None,     Ok(4007)),
        ("host 100 needs another digit",  "172.20.40.100",   None,     Err("host-too-big")),
        ("four digits of its own",        "10.7.3.232",      None,     Ok(701_000)),
        ("a conventional one beside it",  "192.168.50.66",   None,     Ok(50_066)),
        ("one that a base has taken",     "192.168.130.66",  None,     Err("ambiguous-network")),
        ("but not beyond its hosts",      "10.9.9.66/24",    Some(131), Ok(131_066)),
        ("another network on the VLAN",   "192.168.30.66",   None,     Err("network-mismatch")),
    ];
    let networks = table(BASES);
    for (name, address, vlan, want) in encoded {
        let got = encode(claim(address, *vlan), &networks);
        let got = got.map(|place| place.id).map_err(|e| e.code());
        assert_eq!(got, *want, "{name}");
    }
    #[rustfmt::skip]
    let decoded: &[(&str, u64, Result<(u64, u64, &str), &str>)] = &[
        ("a site's own base",       130_066, Ok((30, 66, "10.1.30.66/24"))),
        ("the last octet alone",    150,     Ok((1, 150, "192.168.1.150/24"))),
        ("VLAN x 100",              4007,    Ok((40, 7, "172.20.40.7/24"))),
        ("four digits",             701_000, Ok((70, 1000, "10.7.3.232/22"))),
        ("not by its VLAN",         30_066,  Err("outside-scheme")),
        ("no host of the base's",   130_300, Err("bad-host")),
        ("too high for the octet",  300,     Err("outside-scheme")),
        ("by convention",           50_066,  Ok((50, 66, "192.168.50.66/24"))),
    ];
    for (name, id, want) in decoded {
        let got = decode(*id, &networks).map(|p| (p.vlan, p.host, p.address_with_mask()));
        let want = want.map(|(vlan, host, address)| (vlan, host, address.to_owned()));
        assert_eq!(got.map_err(|e| e.code()), want, "{name}");
    }
}

/// Networks with and without a base; many of them clash.
fn bases_of_networks() -> impl Strategy<Value = Vec<(u64, Ipv4Net, String, String)>> {
    let prefix = prop::sample::select(
        &[
            "10.0.0.0/22",
            "10.0.1.0/24",
            "10.0.2.128/25",
            "10.0.9.0/28",
            "10.0.9.9/32",
            "10.0.9.10/31",
            "192.168.1.0/24",
            "192.168.2.0/24",
            "192.168.3.0/25",
            "192.168.3.128/26",
        ][..],
    );
    let base = prop::sample::select(
        &[
            "",
            "",
            "0",
            "100",
            "1000",
            "2000",
            "2100",
            "3000",
            "999999990",
        ][..],
    );
    let digits = prop::sample::select(&["", "", "2", "3", "4"][..]);
    let row = (1_u64..5, prefix, base, digits).prop_map(|(vlan, prefix, base, digits)| {
        (
            vlan,
            prefix.parse().unwrap(),
            base.to_owned(),
            digits.to_owned(),
        )
    });
    prop::collection::vec(row, 0..6)
}

proptest! {
    /// Of every host of every network, and of the addresses that go by convention.
    #[test]
    fn with_bases_no_two_places_have_one_id(rows in bases_of_networks(), digits in 2_u32..=4) {
        let digits = Digits::new(digits).unwrap();
        let text: String = rows.iter().map(|(vlan, net, base, digits)| format!("{vlan},{net},{base},{digits}\n")).collect();
        let Ok(networks) = Networks::parse(format!("vlan,prefix,base,digits\n{text}").as_bytes(), digits) else {
            return Ok(());
        };
        let conventional: Ipv4Net = "192.168.0.0/22".parse().unwrap();
        let hosts = rows.iter().flat_map(|(vlan, net, ..)| net.hosts().map(|host| (host, Some(*vlan))));
        let all = hosts.chain(conventional.hosts().map(|host| (host, None)));
        let mut ids = std::collections::BTreeMap::new();
        for (address, vlan) in all {
            let Ok(place) = encode(Claim { address, mask: None, vlan }, &networks) else {
                continue;
            };
            let of_id = ids.entry(place.id).or_insert(place);
            prop_assert_eq!(*of_id, place);
            prop_assert_eq!(split(place.id, &networks), Ok((place.vlan, place.host)));
            prop_assert_eq!(decode(place.id, &networks), Ok(place));
        }
    }

    /// An ID that is taken apart is made again.
    #[test]
    fn with_bases_what_decodes_encodes_to_the_same(rows in bases_of_networks(), ids in prop::collection::vec(0_u64..6000, 50)) {
        let text: String = rows.iter().map(|(vlan, net, base, digits)| format!("{vlan},{net},{base},{digits}\n")).collect();
        let Ok(networks) = Networks::parse(format!("vlan,prefix,base,digits\n{text}").as_bytes(), Digits::THREE) else {
            return Ok(());
        };
        for id in ids {
            if let Ok(place) = decode(id, &networks) {
                let claim = Claim { address: place.address, mask: Some(place.network.prefix_len()), vlan: Some(place.vlan) };
                prop_assert_eq!(encode(claim, &networks), Ok(place));
            }
        }
    }
}
