//! Tables of networks and inventories, of few values so that they clash: encode and
//! decode are inverse whatever the table, and check finds all that is there twice.

use core::net::Ipv4Addr;
use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{one_of, parse, times};
use crate::{
    audit::{Rules, audit},
    guest::Guest,
    networks::Networks,
    place::{self, Claim, Place},
    reserved::Reserved,
    scheme::{Digits, Refused},
};

/// Rows of a table: prefixes within each other, on one VLAN or several.
fn rows() -> impl Strategy<Value = Vec<String>> {
    let prefix = one_of(
        "10.0.0.0/22 10.0.0.0/23 10.0.1.0/24 10.0.2.0/24 10.0.1.128/25 10.0.1.0/31 10.0.1.9/32
         192.168.1.0/24 192.168.2.0/24 192.168.2.0/23",
    );
    let row = (1..4, prefix).prop_map(|(vlan, prefix)| format!("{vlan},{prefix}\n"));
    vec(row, 0..6)
}

/// Rows, and the same in another order.
fn shuffled_rows() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
}

fn table(rows: &[String], digits: Digits) -> Networks {
    Networks::parse(format!("vlan,prefix\n{}", rows.concat()).as_bytes(), digits).unwrap()
}

fn encoded(claim: Claim, rows: &[String]) -> Result<Place, Refused> {
    place::encode(claim, &table(rows, Digits::THREE))
}

fn claim() -> impl Strategy<Value = Claim> {
    let last = prop_oneof![0_u8..12, 120_u8..136, 250_u8..=255];
    let address = prop_oneof![
        (0_u8..4, last).prop_map(|(c, d)| Ipv4Addr::new(10, 0, c, d)),
        (1_u8..4, 0_u8..8).prop_map(|(c, d)| Ipv4Addr::new(192, 168, c, d)),
    ];
    let mask = prop::option::of(select(&[22_u8, 23, 24, 25, 31, 32][..]));
    let vlan = prop::option::of(1_u64..4);
    (address, mask, vlan).prop_map(|(address, mask, vlan)| Claim {
        address,
        mask,
        vlan,
    })
}

/// A guest of an inventory; some have no name, no ID or no address.
fn guest() -> impl Strategy<Value = String> {
    let net = one_of(r#""ip=192.168.30.5/24" "ip=192.168.30.7/24,tag=30" "ip=dhcp" "tag=31""#);
    let fields = (
        one_of(r#""a" "b" null"#),
        one_of("30005 30006 30007 31005 205 null"),
        one_of(r#""192.168.30.5" "192.168.30.6/24" "192.168.31.5/24" "x" """#),
        net.clone(),
        net,
        one_of("0 0 0 1"),
    );
    fields.prop_map(|(name, id, address, net0, net1, template)| {
        format!(
            r#"{{"name":{name},"vmid":{id},"address":{address},"net0":{net0},"net1":{net1},"template":{template}}}"#
        )
    })
}

fn guests(texts: &[String]) -> Vec<Guest> {
    let records = parse(texts.concat().as_bytes()).unwrap();
    let guest = |kept: &crate::stream::Kept| Guest::of(&kept.record());
    records.iter().map(guest).collect()
}

/// Others than `me`, of `count`, with which something holds.
fn others(me: usize, count: usize, holds: impl Fn(usize) -> bool) -> usize {
    (0..count)
        .filter(|&other| other != me && holds(other))
        .count()
}

proptest! {
    #![proptest_config(times(8))]

    #[test]
    fn what_the_table_places_decodes_to_itself(
        rows in rows(),
        claim in claim(),
        digits in 2_u32..=5,
    ) {
        let networks = table(&rows, Digits::new(digits).unwrap());
        if let Ok(place) = place::encode(claim, &networks)
            && networks.of_vlan(place.vlan).next().is_some()
        {
            prop_assert_eq!(place::decode(place.id, &networks), Ok(place));
        }
    }

    #[test]
    fn what_decodes_encodes_to_the_same(
        rows in rows(),
        vlan in 1_u64..5,
        host in prop_oneof![0_u64..300, 0_u64..1000],
        bare: bool,
    ) {
        let id = vlan * 1000 + host;
        if let Ok(place) = place::decode(id, &table(&rows, Digits::THREE)) {
            let mask = (!bare).then_some(place.network.prefix_len());
            let claim = Claim { address: place.address, mask, vlan: Some(place.vlan) };
            let back = encoded(claim, &rows).map(|place| place.id);
            prop_assert_eq!(back, Ok(id), "{:?}", place);
        }
    }

    #[test]
    fn order_and_repetition_of_rows_say_nothing(
        (rows, shuffled) in shuffled_rows(),
        claim in claim(),
    ) {
        let twice = [&rows[..], &shuffled[..]].concat();
        let code = |rows: &[String]| {
            encoded(claim, rows).map_err(|refused| refused.code())
        };
        prop_assert_eq!(code(&shuffled), code(&rows), "{:?}", shuffled);
        prop_assert_eq!(code(&twice), code(&rows), "{:?}", twice);
    }
}

proptest! {
    /// Against the plainest model: each guest is compared with each other.
    #[test]
    fn check_finds_all_that_is_there_twice(texts in vec(guest(), 0..6), crowd in 0_usize..14) {
        let crowd = vec![r#"{"address":"192.168.30.6"}"#.to_owned(); crowd];
        let guests = guests(&[texts, crowd].concat());
        let rules = Rules {
            networks: Networks::default(),
            reserved: Reserved::default(),
            exempt: vec![100..=999],
        };
        let verdicts = audit(&guests, &rules);
        let encoded = |index: usize| {
            let id = guests[index].id.clone().ok().flatten();
            let bound = !guests[index].template && id.is_none_or(|id| id >= 1000);
            verdicts[index].expected.filter(|_| bound)
        };
        let own = |index: usize| guests[index].id.clone().ok().flatten().or(encoded(index));
        let addresses = |index: usize| -> BTreeSet<Ipv4Addr> {
            let readable = guests[index].addresses.iter().flatten().map(|(address, _)| *address);
            readable.filter(|_| !guests[index].template).collect()
        };
        for (index, verdict) in verdicts.iter().enumerate() {
            let count = |holds: &dyn Fn(usize) -> bool| others(index, guests.len(), holds);
            let mut want: Vec<(&str, String, usize)> = Vec::new();
            if let Some(id) = own(index) {
                want.push(("duplicate-id", id.to_string(), count(&|other| own(other) == Some(id))));
            }
            // Here there is one network to each VLAN, so only one address encodes to an ID:
            // what two addresses encode to is in audit's own table of tests.
            for address in addresses(index) {
                let count = count(&|other| addresses(other).contains(&address));
                want.push(("duplicate-address", address.to_string(), count));
            }
            want.retain(|(_, _, others)| *others > 0);
            let is_duplicate = |f: &&crate::finding::Finding| f.code.starts_with("duplicate");
            let found: Vec<_> = verdict.findings.iter().filter(is_duplicate).collect();
            prop_assert_eq!(found.len(), want.len(), "{:?}", found);
            for (code, key, others) in want {
                let said = |f: &&&crate::finding::Finding| {
                    f.code == code && f.message.split(' ').take(2).any(|word| word == key)
                };
                let message = found.iter().find(said).map(|f| f.message.as_str());
                prop_assert!(message.is_some(), "{code} {key} in {found:?}");
                let (_, list) = message.unwrap().rsplit_once(" of ").unwrap();
                // Ten are named, and the others counted.
                let (list, more) = list.split_once(" and ").unwrap_or((list, "0 more"));
                let named = list.split(", ").count();
                prop_assert_eq!(named, others.min(10), "{}", list);
                prop_assert_eq!(more, format!("{} more", others - named));
            }
        }
    }
}
