//! What does not fit in an inventory: each guest by itself, and the guests
//! against each other. Proposes, never renames.

use core::net::Ipv4Addr;
use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use crate::{
    guest::Guest,
    networks::Networks,
    place::{self, Claim, Place},
    scheme::{self, Digits, Refused},
};

/// What the audit holds the inventory against.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The site's networks.
    pub networks: Networks,
    /// The width of the host number.
    pub digits: Digits,
    /// Addresses that must never be a guest's, such as virtual ones.
    pub reserved: Vec<Ipv4Addr>,
    /// IDs that are outside the scheme on purpose.
    pub exempt: Vec<std::ops::RangeInclusive<u64>>,
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable code.
    pub code: &'static str,
    /// The value, the rule it broke, and the other guests that are involved.
    pub message: String,
}

/// What the audit says of one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Empty if the guest fits.
    pub findings: Vec<Finding>,
    /// The ID that its place encodes to, where that can be computed.
    pub expected: Option<u64>,
}

/// Judges all guests of an inventory; one verdict for each, in their order.
#[must_use]
pub fn audit(guests: &[Guest], rules: &Rules) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = guests.iter().map(|guest| judge(guest, rules)).collect();
    let names: Vec<String> = guests.iter().enumerate().map(label).collect();
    let ids: Vec<_> = guests
        .iter()
        .zip(&verdicts)
        .map(|(g, v)| ids_of(g, v.expected.filter(|_| !is_exempt(g, rules))))
        .collect();
    let addresses: Vec<_> = guests.iter().map(addresses_of).collect();
    for (index, id, others) in shared(&ids, &names) {
        let message = format!("ID {id} is also that of {others}");
        verdicts[index].findings.push(Finding {
            code: "duplicate-id",
            message,
        });
    }
    for (index, address, others) in shared(&addresses, &names) {
        let message = format!("{address} is also the address of {others}");
        verdicts[index].findings.push(Finding {
            code: "duplicate-address",
            message,
        });
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
    let place = locate(guest, rules);
    let mut verdict = Verdict {
        expected: place.as_ref().ok().map(|place| place.id(rules.digits)),
        findings: Vec::new(),
    };
    if !is_exempt(guest, rules) {
        verdict.findings = against_the_scheme(guest, &place, rules);
    }
    for address in addresses_of(guest)
        .into_iter()
        .filter(|a| rules.reserved.contains(a))
    {
        let message = format!("{address} is reserved and must not be a guest's");
        verdict.findings.push(Finding {
            code: "reserved-address",
            message,
        });
    }
    verdict
}

/// Where the guest is; the interface's tag says the VLAN if nothing else does.
fn locate(guest: &Guest, rules: &Rules) -> Result<Place, Refused> {
    let (address, mask) = guest
        .addresses
        .first()
        .cloned()
        .ok_or(Refused::NoAddress)??;
    let claim = Claim {
        address,
        mask,
        vlan: guest.vlan.clone()?,
    };
    match place::locate(claim, &rules.networks, rules.digits) {
        Err(Refused::NoVlan(_)) if guest.tag.is_some() => place::locate(
            Claim {
                vlan: guest.tag,
                ..claim
            },
            &rules.networks,
            rules.digits,
        ),
        result => result,
    }
}

fn against_the_scheme(
    guest: &Guest,
    place: &Result<Place, Refused>,
    rules: &Rules,
) -> Vec<Finding> {
    let id = match &guest.id {
        Ok(id) => id.map(|id| (id, scheme::split(id, rules.digits))),
        Err(refused) => return vec![finding(refused)],
    };
    let mut findings = Vec::new();
    match (id, place) {
        (Some((_, Err(outside))), _) => findings.push(finding(&outside)),
        (Some((id, Ok(_))), Ok(place)) if id != place.id(rules.digits) => {
            let message = format!(
                "ID {id}, but {} in VLAN {} is {}",
                place.address_with_mask(),
                place.vlan,
                place.id(rules.digits)
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
            let split = scheme::split(*id, rules.digits).ok();
            split.map(|(vlan, _)| (vlan, format!("ID {id} says")))
        }
        _ => None,
    };
    if let (Some(tag), Some((vlan, source))) = (guest.tag, vlan)
        && tag != vlan
    {
        let message = format!("the interface is tagged {tag}, but {source} VLAN {vlan}");
        findings.push(Finding {
            code: "vlan-tag-mismatch",
            message,
        });
    }
    findings
}

fn finding(refused: &Refused) -> Finding {
    Finding {
        code: refused.code(),
        message: refused.to_string(),
    }
}

/// The IDs that a guest lays claim to: its own, and the one that its place encodes to.
fn ids_of(guest: &Guest, expected: Option<u64>) -> Vec<u64> {
    let own = guest.id.as_ref().ok().copied().flatten();
    let mut ids: Vec<u64> = own.into_iter().chain(expected).collect();
    ids.dedup();
    ids
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

/// For each guest and each of its keys that other guests have, too: who they are.
fn shared<K: Copy + Eq + Hash>(keys: &[Vec<K>], names: &[String]) -> Vec<(usize, K, String)> {
    let mut holders: HashMap<K, Vec<usize>> = HashMap::new();
    for (index, own) in keys.iter().enumerate() {
        for key in own {
            let list = holders.entry(*key).or_default();
            if list.last() != Some(&index) {
                list.push(index);
            }
        }
    }
    let mut found = Vec::new();
    for (index, own) in keys.iter().enumerate() {
        for key in own {
            let all = &holders[key];
            if all.len() > 1 {
                found.push((index, *key, listed(index, all, names)));
            }
        }
    }
    found
}

/// How a message names a guest: by its name, else its ID, else its place in the input.
fn label((index, guest): (usize, &Guest)) -> String {
    match (&guest.name, &guest.id) {
        (Some(name), Ok(Some(id))) => format!("{name} ({id})"),
        (Some(name), _) => name.clone(),
        (None, Ok(Some(id))) => format!("guest {id}"),
        (None, _) => format!("record {}", index + 1),
    }
}

/// All but `me`. Ten names are enough to act upon; a count stands for the rest.
fn listed(me: usize, all: &[usize], names: &[String]) -> String {
    const MOST: usize = 10;
    let others = all.iter().filter(|&&index| index != me);
    let shown: Vec<&str> = others
        .take(MOST)
        .map(|&index| names[index].as_str())
        .collect();
    match all.len() - 1 - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    fn rules(networks: &str) -> Rules {
        Rules {
            networks: Networks::parse(format!("vlan,prefix\n{networks}").as_bytes()).unwrap(),
            digits: Digits::THREE,
            reserved: vec!["192.168.10.110".parse().unwrap()],
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
        let twice = r#"{"vmid":30066,"address":"192.168.30.66"}{"vmid":30066,"address":"192.168.30.66/24"}"#;
        let both = vec!["duplicate-id", "duplicate-address"];
        assert_eq!(codes(twice, ""), [both.clone(), both]);
        let twins = "50,192.168.60.0/24\n50,192.168.61.0/24\n";
        let two =
            r#"{"vmid":50005,"address":"192.168.60.5"}{"vmid":50006,"address":"192.168.61.5"}"#;
        let second = vec!["id-mismatch", "duplicate-id"];
        assert_eq!(
            codes(two, twins),
            [vec!["duplicate-id"], second],
            "two /24 on one VLAN"
        );
        let one = r#"{"vmid":50005,"address":"192.168.60.5"}"#;
        assert_eq!(
            codes(one, twins),
            [vec![] as Vec<&str>],
            "alone there is no clash"
        );
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
