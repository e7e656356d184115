//! IPAMs for the tables of the tests, a line for each row: what it is, then words
//! such as `vlan=30` for what is special of it.

use std::collections::BTreeSet;

use crate::{
    among::Segment,
    ipam::{Entry, EntryId, Networks, Prefix, Range, View, Vrf},
    request::{parse_range, parse_wanted},
    span::{self, Family},
};

/// `192.168.30.0/24 vlan=30 vrf=blue status=reserved pool full` is a prefix,
/// `192.168.30.200-192.168.30.250 length=24 populated` a range.
pub fn networks(lines: &[&str]) -> Networks {
    let mut networks = Networks::default();
    for line in lines {
        let (what, has) = (first(line), |word: &str| line.split(' ').any(|w| w == word));
        let vrf = Vrf::parse(word(line, "vrf="));
        let status = word(line, "status=").to_owned();
        let status = if status.is_empty() {
            "active".into()
        } else {
            status
        };
        if what.contains('-') {
            let (start, end) = parse_range(what).unwrap();
            networks.ranges.push(Range {
                start,
                end: end.unwrap(),
                length: word(line, "length=").parse().unwrap_or(24),
                vrf,
                status,
                populated: has("populated"),
                utilized: has("utilized"),
                line: None,
            });
        } else {
            networks.prefixes.push(Prefix {
                net: what.parse().unwrap(),
                vrf,
                vlan: word(line, "vlan=").parse().ok(),
                status,
                is_pool: has("pool"),
                mark_utilized: has("full"),
                belongs: BTreeSet::new(),
                segment: Segment {
                    vlan: word(line, "of=").to_owned(),
                    scope: word(line, "scope=").to_owned(),
                },
                todo: None,
                line: None,
            });
        }
    }
    networks
}

/// `192.168.30.66/24 key=web name=web.lab role=vip status=reserved vrf=blue retired=2026-11-01`,
/// numbered from 1; all of them count as asked for.
pub fn view(lines: &[&str]) -> View {
    let mut view = View::default();
    for (line, id) in lines.iter().zip(1..) {
        let wanted = parse_wanted(first(line)).unwrap();
        let retired = word(line, "retired=");
        let status = match (word(line, "status="), retired) {
            ("", "") => "active",
            ("", _) => "deprecated",
            (status, _) => status,
        };
        let (vrf, key) = (Vrf::parse(word(line, "vrf=")), word(line, "key="));
        let family = Family::of(wanted.address);
        let taken = view.taken.entry((vrf.clone(), family)).or_default();
        taken.push(span::bits(wanted.address));
        taken.sort_unstable();
        taken.dedup();
        view.entries.push(Entry {
            id: EntryId(id),
            address: wanted.address,
            length: wanted.length.unwrap(),
            vrf,
            status: status.to_owned(),
            role: word(line, "role=").to_owned(),
            dns_name: word(line, "name=").to_owned(),
            key: (!key.is_empty()).then(|| key.to_owned()),
            comments: match retired {
                "" => String::new(),
                day => format!("ipalloc: retired {day}T00:00:00Z"),
            },
            said: None,
        });
    }
    view
}

fn first(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

fn word<'a>(line: &'a str, key: &str) -> &'a str {
    let mut words = line.split(' ');
    words
        .find_map(|word| word.strip_prefix(key))
        .unwrap_or_default()
}
