//! What does not fit in an inventory: each guest by itself, and the guests
//! against each other. Proposes, never renames.

use core::net::Ipv4Addr;
use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    guest::{Guest, Nic},
    networks::Networks,
    place::{self, Place},
    reserved::Reserved,
    scheme::Refused,
    whereabouts,
};

mod duplicates;

/// What the audit holds the inventory against.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The site's networks.
    pub networks: Networks,
    /// Addresses that must never be a guest's, such as virtual ones.
    pub reserved: Reserved,
    /// IDs that are outside the scheme on purpose.
    pub exempt: Vec<std::ops::RangeInclusive<u64>>,
}

/// The codes of all findings of this audit.
pub const CODES: [&str; 17] = [
    "no-address",
    "bad-address",
    "ipv6",
    "not-a-host",
    "no-vlan",
    "bad-vlan",
    "host-too-big",
    "bad-host",
    "ambiguous-network",
    "network-mismatch",
    "unknown-network",
    "outside-scheme",
    "id-mismatch",
    "vlan-tag-mismatch",
    "duplicate-id",
    "duplicate-address",
    "reserved-address",
];

/// What the audit says of one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Empty if the guest fits.
    pub findings: Vec<Finding>,
    /// The ID that its place encodes to, where that can be computed.
    pub expected: Option<u64>,
    /// Its first address as its config has it, with the mask of its network.
    pub address: Option<String>,
}

/// Judges all guests of an inventory; one verdict for each, in their order.
#[must_use]
pub fn audit(guests: &[Guest], rules: &Rules) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = guests.iter().map(|guest| judge(guest, rules)).collect();
    let mut found = duplicates::same_ids(guests, &verdicts, rules);
    found.extend(duplicates::same_addresses(guests));
    for (index, finding) in found {
        verdicts[index].findings.push(finding);
    }
    verdicts
}

/// The scheme does not bind the guest, so it lays no claim to the ID that its place encodes to.
fn is_exempt(guest: &Guest, rules: &Rules) -> bool {
    let on_purpose = |id: &u64| rules.exempt.iter().any(|range| range.contains(id));
    guest.template || matches!(&guest.id, Ok(Some(id)) if on_purpose(id))
}

/// What can be said of a guest without looking at the others.
fn judge(guest: &Guest, rules: &Rules) -> Verdict {
    let place = whereabouts::of(guest, &rules.networks, place::locate);
    let mut verdict = Verdict {
        expected: place.as_ref().ok().map(|place| place.id),
        findings: Vec::new(),
        address: address(guest, &place),
    };
    if !is_exempt(guest, rules) {
        verdict.findings = against_the_scheme(guest, &place, rules);
    }
    let reserved = addresses_of(guest).into_iter();
    let reserved = reserved.filter_map(|address| rules.reserved.against(address, guest));
    verdict.findings.extend(reserved.map(|message| Finding {
        code: "reserved-address",
        message,
    }));
    verdict
}

/// The guest's first address, with a mask where one is known; a template has none.
fn address(guest: &Guest, place: &Result<Place, Refused>) -> Option<String> {
    let own = guest.first_address()?;
    Some(place.as_ref().map_or(own, Place::address_with_mask))
}

fn against_the_scheme(
    guest: &Guest,
    place: &Result<Place, Refused>,
    rules: &Rules,
) -> Vec<Finding> {
    let id = match &guest.id {
        Ok(id) => id.map(|id| (id, place::split(id, &rules.networks))),
        Err(refused) => return vec![finding(refused)],
    };
    let mut findings = Vec::new();
    match (id, place) {
        (Some((_, Err(outside))), _) => findings.push(finding(&outside)),
        (Some((id, Ok(_))), Ok(place)) if id != place.id => {
            let other = whereabouts::fitting_nic(guest, id, &rules.networks);
            let fits = other.map_or(String::new(), |(nic, other)| {
                format!("; it fits {} ({})", nic.name, other.address_with_mask())
            });
            let message = format!(
                "ID {id}, but {} in VLAN {} is {}{fits}",
                place.address_with_mask(),
                place.vlan,
                place.id
            );
            findings.push(Finding {
                code: "id-mismatch",
                message,
            });
        }
        _ => {}
    }
    if let Err(refused) = place {
        findings.push(finding(refused));
    }
    let vlan = match (place, &guest.id) {
        (Ok(place), _) => Some((place.vlan, format!("{} is in", place.address))),
        (Err(_), Ok(Some(id))) => {
            let split = place::split(*id, &rules.networks).ok();
            split.map(|(vlan, _)| (vlan, format!("ID {id} says")))
        }
        _ => None,
    };
    match (&guest.tag, vlan) {
        (Err(refused), _) => findings.push(Finding {
            code: refused.code(),
            message: format!("the interface's tag: {refused}"),
        }),
        (Ok(Some(tag)), Some((vlan, source))) if *tag != vlan => {
            let message = format!("the interface is tagged {tag}, but {source} VLAN {vlan}");
            findings.push(Finding {
                code: "vlan-tag-mismatch",
                message,
            });
        }
        _ => {}
    }
    let mismatched = |nic: &Nic| {
        let Nic { tag, address, .. } = nic;
        let tag = (*tag)?;
        // Where nothing but the tag says which VLAN it is in, nothing contradicts it.
        let place = whereabouts::of_nic(nic, &rules.networks)?;
        (place.vlan != tag).then(|| Finding {
            code: "vlan-tag-mismatch",
            message: format!(
                "the interface of {address} is tagged {tag}, but {address} is in VLAN {}",
                place.vlan
            ),
        })
    };
    findings.extend(guest.others.iter().filter_map(mismatched));
    findings
}

fn finding(refused: &Refused) -> Finding {
    Finding {
        code: refused.code(),
        message: refused.to_string(),
    }
}

/// The addresses that a guest answers at; a template never runs.
fn addresses_of(guest: &Guest) -> Vec<Ipv4Addr> {
    let readable = guest
        .addresses
        .iter()
        .flatten()
        .map(|(address, _)| *address);
    let distinct: BTreeSet<Ipv4Addr> = readable.filter(|_| !guest.template).collect();
    distinct.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{reserved, scheme::Digits, stream};

    fn rules(networks: &str) -> Rules {
        Rules {
            networks: Networks::parse(
                format!("vlan,prefix,base\n{networks}").as_bytes(),
                Digits::THREE,
            )
            .unwrap(),
            reserved: ["192.168.10.110"]
                .map(|text| reserved::word(text).unwrap())
                .into_iter()
                .collect(),
            exempt: vec![100..=999],
        }
    }

    fn codes(text: &str, networks: &str) -> Vec<Vec<&'static str>> {
        let records = stream::parse(text.as_bytes()).unwrap();
        let guests: Vec<Guest> = records
            .iter()
            .map(|kept| Guest::of(&kept.record()))
            .collect();
        let verdicts = audit(&guests, &rules(networks));
        verdicts
            .iter()
            .map(|v| v.findings.iter().map(|f| f.code).collect())
            .collect()
    }

    #[test]
    fn one_guest() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[&str])] = &[
            ("fits",                   r#"{"vmid":30066,"address":"192.168.30.66/24"}"#, &[]),
            ("no ID to judge",         r#"{"address":"192.168.30.66/24"}"#, &[]),
            ("another ID",             r#"{"vmid":30067,"address":"192.168.30.66/24"}"#, &["id-mismatch"]),
            ("no address",             r#"{"vmid":30066}"#, &["no-address"]),
            ("no address, wrong tag",  r#"{"vmid":30066,"net0":"tag=40,ip=dhcp"}"#, &["no-address", "vlan-tag-mismatch"]),
            ("tag that is no VLAN",    r#"{"vmid":30066,"net0":"tag=lab,ip=192.168.30.66/24"}"#, &["bad-vlan"]),
            ("second one's tag is wrong", r#"{"vmid":30066,"net0":"tag=30,ip=192.168.30.66/24","net1":"tag=31,ip=192.168.40.9/24"}"#, &["vlan-tag-mismatch"]),
            ("second one's is right",  r#"{"vmid":30066,"net0":"tag=30,ip=192.168.30.66/24","net1":"tag=40,ip=192.168.40.9/24"}"#, &[]),
            ("tag of another VLAN",    r#"{"vmid":30066,"net0":"tag=40,ip=192.168.30.66/24"}"#, &["vlan-tag-mismatch"]),
            ("the tag is the VLAN",    r#"{"vmid":40066,"net0":"tag=40,ip=10.1.1.66/24"}"#, &[]),
            ("outside on purpose",     r#"{"vmid":210,"address":"192.168.1.192"}"#, &[]),
            ("not on purpose",         r#"{"vmid":1000000,"address":"192.168.1.192"}"#, &["id-mismatch"]),
            ("VLAN too high",          r#"{"vmid":4095001,"address":"192.168.1.192"}"#, &["bad-vlan"]),
            ("no ID at all",           r#"{"vmid":"x","address":"192.168.1.192"}"#, &["outside-scheme"]),
            ("a template",             r#"{"vmid":9000,"template":1}"#, &[]),
            ("a virtual address",      r#"{"vmid":10110,"address":"192.168.10.110/24"}"#, &["reserved-address"]),
            ("exempt, but that, too",  r#"{"vmid":110,"address":"192.168.10.110/24"}"#, &["reserved-address"]),
            ("broadcast",              r#"{"vmid":30255,"address":"192.168.30.255/24"}"#, &["not-a-host"]),
            ("IPv6 only",              r#"{"vmid":30066,"address":"fd00::66/64"}"#, &["ipv6"]),
        ];
        for (name, text, want) in cases {
            assert_eq!(codes(text, ""), [want.to_vec()], "{name}");
        }
    }

    #[test]
    fn guests_against_each_other() {
        const TWINS: &str = "50,192.168.60.0/24\n50,192.168.61.0/24\n";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, &[&[&str]])] = &[
            ("all the same", "",
                r#"{"vmid":30066,"address":"192.168.30.66"}{"vmid":30066,"address":"192.168.30.66/24"}"#,
                &[&["duplicate-id", "duplicate-address"], &["duplicate-id", "duplicate-address"]]),
            ("only the address", "",
                r#"{"vmid":30066,"address":"192.168.30.66"}{"vmid":30067,"address":"192.168.30.66"}"#,
                &[&["duplicate-address"], &["id-mismatch", "duplicate-address"]]),
            ("only the ID", "",
                r#"{"vmid":30066,"address":"192.168.30.66"}{"vmid":30066,"address":"192.168.30.67"}"#,
                &[&["duplicate-id"], &["id-mismatch", "duplicate-id"]]),
            ("each has the other's ID", "",
                r#"{"vmid":30067,"address":"192.168.30.66"}{"vmid":30066,"address":"192.168.30.67"}"#,
                &[&["id-mismatch"], &["id-mismatch"]]),
            ("one has no ID yet", "",
                r#"{"address":"192.168.30.66"}{"vmid":30066,"address":"192.168.30.67"}"#,
                &[&["duplicate-id"], &["id-mismatch", "duplicate-id"]]),
            ("exempt, at one address", "",
                r#"{"vmid":110,"address":"192.168.30.66"}{"vmid":111,"address":"192.168.30.66"}"#,
                &[&["duplicate-address"], &["duplicate-address"]]),
            ("two /24 on one VLAN", TWINS,
                r#"{"vmid":50005,"address":"192.168.60.5"}{"vmid":50006,"address":"192.168.61.5"}"#,
                &[&["duplicate-id"], &["id-mismatch", "duplicate-id"]]),
            ("and it is told once", TWINS,
                r#"{"vmid":50005,"address":"192.168.60.5"}{"vmid":50005,"address":"192.168.61.5"}"#,
                &[&["duplicate-id"], &["duplicate-id"]]),
            ("alone there is no clash", TWINS,
                r#"{"vmid":50005,"address":"192.168.60.5"}"#, &[&[]]),
        ];
        for (name, networks, text, want) in cases {
            assert_eq!(codes(text, networks), *want, "{name}");
        }
    }

    #[test]
    fn each_names_the_others() {
        let text = r#"{"name":"a","vmid":30066,"address":"192.168.30.66"}{"vmid":30067,"address":"192.168.30.66"}{"address":"192.168.30.66"}"#;
        let records = stream::parse(text.as_bytes()).unwrap();
        let guests: Vec<Guest> = records
            .iter()
            .map(|kept| Guest::of(&kept.record()))
            .collect();
        let verdicts = audit(&guests, &rules(""));
        let last = &verdicts[2].findings.last().unwrap().message;
        assert_eq!(
            last,
            "192.168.30.66 is also the address of a (30066), guest 30067"
        );
    }
}
