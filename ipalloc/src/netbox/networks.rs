//! The prefixes and ranges of a NetBox: all of them if they are few, else those that a call
//! is about, with what is in them.

use core::net::IpAddr;
use std::collections::{BTreeSet, HashSet};

use ipnet::IpNet;
use serde_json::Value;
use vmid::exit::Stop;

use super::{
    NetBox, Snapshot,
    answer::{self, Record},
    narrow::Members,
    pages::at_once,
    parsed,
    query::Query,
};
use crate::{
    interest::Interest,
    ipam::{Ask, Networks, Prefix},
    scope,
    span::Family,
};

/// Of a list that is no longer than this everything is read, in one request.
const FEW: usize = 250;

/// Who names more places than this gets everything.
pub(super) const PLACES: usize = 8;

/// Prefixes or ranges as they came, and how many there are if these are not all.
type First = (Vec<Value>, Option<u64>);

impl NetBox {
    /// The networks of interest; what the owners in question have is read beside them.
    pub(super) fn read_networks(&mut self, interest: &Interest) -> Result<Networks, Stop> {
        let whole = interest.all || interest.places() > PLACES;
        let first = |query: Query| match whole {
            true => Ok((self.api.ask(vec![query])?, None)),
            false => self.api.first(&query, FEW),
        };
        let others = || match interest.narrowed.is_empty() {
            true => (self.page(), Ok(Members::default())),
            false => {
                let members = || self.api.members(interest);
                let (members, (), page) = at_once(members, || (), || self.page());
                (page, members)
            }
        };
        let (prefixes, ranges, (snapshot, members)) = at_once(
            || match only(interest) {
                Some(net) => Ok((self.api.ask(vec![Query::in_prefix(net)])?, None)),
                None => first(Query::every_prefix()),
            },
            || first(Query::every_range()),
            others,
        );
        let (prefixes, ranges, snapshot) = (prefixes?, ranges?, snapshot?);
        let members = members?;
        self.learn(&snapshot.records);
        let (prefixes, ranges) = self.search(interest, &snapshot, &members, prefixes, ranges)?;
        self.snapshot = Some(snapshot);
        self.remember(&prefixes, &ranges, &members)
    }

    /// Those of interest, where not all came.
    fn search(
        &mut self,
        interest: &Interest,
        snapshot: &Snapshot,
        members: &Members,
        prefixes: First,
        ranges: First,
    ) -> Result<(Vec<Value>, Vec<Value>), Stop> {
        let ((mut prefixes, more_prefixes), (mut ranges, more_ranges)) = (prefixes, ranges);
        let is_more = more_prefixes.is_some() || more_ranges.is_some();
        let (named, all, owners) = at_once(
            || match more_prefixes {
                Some(_) => self.api.ask(named(interest)),
                None => Ok(Vec::new()),
            },
            || match more_ranges {
                None => Ok(Vec::new()),
                // NetBox compares masks as well as addresses: a range that reaches across a prefix
                // is not found without its own mask.
                Some(_) => self.api.ask(vec![Query::every_range()]),
            },
            // Where nothing else is asked for, they are read beside what is taken.
            || match snapshot.complete || interest.all || !(interest.located || is_more) {
                true => Ok(None),
                false => self.owners_of(&interest.ask).map(Some),
            },
        );
        let (named, all, owners) = (named?, all?, owners?);
        if more_ranges.is_some() {
            ranges = all;
        }
        if more_prefixes.is_some() {
            prefixes = named;
            prefixes.extend(members.prefixes.iter().cloned());
            let seen = owners.as_ref().unwrap_or(&snapshot.records);
            let located = located(interest, seen);
            let roots = roots(interest, &networks(&prefixes, &ranges, members)?);
            if located.len() + roots.len() > PLACES {
                prefixes = self.api.ask(vec![Query::every_prefix()])?;
            } else {
                let inside = roots.iter().filter(|root| !interest.nets.contains(root));
                let inside = inside.map(|root| Query::in_prefix(*root));
                let located = located.into_iter().map(Query::holding);
                prefixes.extend(self.api.ask(inside.chain(located).collect())?);
            }
        }
        self.owners = owners.map(|records| (interest.ask.clone(), records));
        Ok((prefixes, ranges))
    }

    /// The networks, and the IDs of all.
    fn remember(
        &mut self,
        prefixes: &[Value],
        ranges: &[Value],
        members: &Members,
    ) -> Result<Networks, Stop> {
        let networks = networks(prefixes, ranges, members)?;
        let (prefixes, ranges) = (once(prefixes), once(ranges));
        for (prefix, value) in networks.prefixes.iter().zip(prefixes) {
            let (vrf, id) = answer::ids(value);
            self.vrf_ids.extend(vrf.map(|id| (prefix.vrf.clone(), id)));
            self.prefix_ids
                .extend(id.map(|id| ((prefix.vrf.clone(), prefix.net), id)));
        }
        for (range, value) in networks.ranges.iter().zip(ranges) {
            let (vrf, id) = answer::ids(value);
            self.vrf_ids.extend(vrf.map(|id| (range.vrf.clone(), id)));
            let place = (range.vrf.clone(), Family::of(range.start), range.span());
            self.range_ids.extend(id.map(|id| (place, id)));
        }
        Ok(networks)
    }
}

/// A prefix is all that a call is about.
fn only(interest: &Interest) -> Option<IpNet> {
    let alone = interest.places() == 1 && !interest.all;
    interest.nets.first().copied().filter(|_| alone)
}

/// The questions after what is named, and after all that may hold it.
fn named(interest: &Interest) -> Vec<Query> {
    let vlans = interest.vlans.iter().map(|vlan| Query::on_vlan(*vlan));
    let nets = interest.nets.iter().map(|net| Query::in_prefix(*net));
    let holding = interest.addresses.iter().map(|(address, _)| *address);
    let holding: BTreeSet<IpAddr> = holding.chain(interest.ranges.iter().copied()).collect();
    let holding = holding.into_iter().map(Query::holding);
    vlans.chain(nets).chain(holding).collect()
}

/// Where the owners in question have an address.
fn located(interest: &Interest, seen: &[Record]) -> BTreeSet<IpAddr> {
    let asked = |record: &&Record| {
        let entry = &record.entry;
        let ask: &Ask = &interest.ask;
        interest.located && ask.wants(entry.key.as_deref(), &entry.dns_name, entry.address)
    };
    seen.iter()
        .filter(asked)
        .map(|record| record.entry.address)
        .collect()
}

/// The networks of which all that is in them matters; none is in another.
fn roots(interest: &Interest, networks: &Networks) -> BTreeSet<IpNet> {
    let mut roots: BTreeSet<IpNet> = interest.nets.clone();
    for prefix in &networks.prefixes {
        if prefix
            .vlan
            .is_some_and(|vlan| interest.vlans.contains(&vlan))
        {
            roots.insert(prefix.net);
        }
        let of_length = |(address, length): &(IpAddr, Option<u8>)| {
            prefix.net.contains(address) && *length == Some(prefix.net.prefix_len())
        };
        if interest.addresses.iter().any(of_length) {
            roots.insert(prefix.net);
        }
    }
    for (address, _) in &interest.addresses {
        let tables: BTreeSet<_> = networks.prefixes.iter().map(|prefix| &prefix.vrf).collect();
        let longest = tables
            .into_iter()
            .filter_map(|vrf| networks.holding(*address, vrf));
        roots.extend(longest.map(|prefix: &Prefix| prefix.net));
    }
    for prefix in &networks.prefixes {
        let mut narrowed = interest.narrowed.iter();
        if narrowed.any(|narrowed| narrowed.has(prefix)) {
            roots.insert(prefix.net);
        }
    }
    for range in &networks.ranges {
        if interest.ranges.contains(&range.start) {
            // What shares addresses with it and is wider holds all of it, and is known.
            roots.insert(scope::around(range));
        }
    }
    let all = roots.clone();
    roots.retain(|net| !all.iter().any(|wider| wider != net && wider.contains(net)));
    roots
}

/// Each object once.
fn once(values: &[Value]) -> Vec<&Value> {
    let mut seen = HashSet::new();
    let new = |value: &&Value| answer::ids(value).1.is_none_or(|id| seen.insert(id));
    values.iter().filter(new).collect()
}

fn networks(prefixes: &[Value], ranges: &[Value], members: &Members) -> Result<Networks, Stop> {
    let prefixes = once(prefixes);
    let mut networks = Networks {
        prefixes: parsed(prefixes.iter().copied(), answer::prefix)?,
        ranges: parsed(once(ranges), answer::range)?,
        namesakes: members.namesakes.clone(),
    };
    for (prefix, value) in networks.prefixes.iter_mut().zip(prefixes) {
        let belongs = answer::ids(value).1.and_then(|id| members.of.get(&id));
        prefix.belongs = belongs.cloned().unwrap_or_default();
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{netbox::api::tests::api, properties::sample, request::parse_prefix};
    use std::sync::{Arc, Mutex};

    /// A range is found by an address that it holds only by who knows its mask.
    #[test]
    fn all_of_many_ranges() {
        const ACROSS: &str = r#"{"id":1,"start_address":"10.0.0.9/8","end_address":"10.1.0.9/8","status":{"value":"active"}}"#;
        let requests = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&requests);
        let api = api(move |_| {
            *counted.lock().unwrap() += 1;
            (200, format!(r#"{{"count":1,"results":[{ACROSS}]}}"#))
        });
        let mut netbox = NetBox::of(api);
        let mut interest = Interest::default();
        interest.nets.insert("10.1.0.0/24".parse().unwrap());
        let snapshot = Snapshot {
            records: Vec::new(),
            complete: true,
        };
        let many = (Vec::new(), Some(3000));
        let found = netbox.search(
            &interest,
            &snapshot,
            &Members::default(),
            (Vec::new(), None),
            many,
        );
        assert_eq!(found.unwrap().1.len(), 1);
        assert_eq!(*requests.lock().unwrap(), 1, "by one question after all");
    }

    #[test]
    fn what_must_be_known_whole() {
        let lines = &[
            "10.0.0.0/8 status=container",
            "10.1.0.0/16 vlan=5",
            "10.1.2.0/24 vlan=5",
            "10.2.0.0/16 vlan=6",
            "10.2.7.0/24 vrf=blue",
            "10.1.2.200-10.1.3.20",
        ];
        let networks = sample::networks(lines);
        type Fill = fn(&mut Interest);
        #[rustfmt::skip]
        let cases: &[(&str, Fill, &[&str])] = &[
            ("nothing",                     |_| {},                                                       &[]),
            ("a prefix, there or not",      |i| { i.nets.insert("10.9.0.0/24".parse().unwrap()); },      &["10.9.0.0/24"]),
            ("one inside another",          |i| { i.vlans.insert(5); },                                  &["10.1.0.0/16"]),
            ("a VLAN and a prefix",         |i| { i.vlans.insert(6); i.nets.insert("10.1.2.0/24".parse().unwrap()); }, &["10.1.2.0/24", "10.2.0.0/16"]),
            ("the longest of each table",   |i| { i.addresses.insert(("10.2.7.9".parse().unwrap(), None)); }, &["10.2.0.0/16"]),
            ("the one of that length",      |i| { i.addresses.insert(("10.1.2.9".parse().unwrap(), Some(16))); }, &["10.1.0.0/16"]),
            ("just around a range",         |i| { i.ranges.insert("10.1.2.200".parse().unwrap()); },     &["10.1.2.0/23"]),
            ("no range begins there",       |i| { i.ranges.insert("10.1.2.201".parse().unwrap()); },     &[]),
        ];
        for (name, fill, want) in cases {
            let mut interest = Interest::default();
            fill(&mut interest);
            let want: BTreeSet<IpNet> = want.iter().map(|net| parse_prefix(net).unwrap()).collect();
            assert_eq!(roots(&interest, &networks), want, "{name}");
        }
    }
}
