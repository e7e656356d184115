//! Guests against each other: those that share an ID or an address.

use std::collections::BTreeSet;

use super::{Rules, Verdict, addresses_of, is_exempt};
use crate::{finding::Finding, guest::Guest, stream::excerpt};

/// Guests that have one ID, and guests whose addresses, though different, encode to one.
pub(super) fn same_ids(
    guests: &[Guest],
    verdicts: &[Verdict],
    rules: &Rules,
) -> Vec<(usize, Finding)> {
    let (mut own, mut encoded) = (Vec::new(), Vec::new());
    for (index, guest) in guests.iter().enumerate() {
        let bound = !is_exempt(guest, rules);
        let expected = verdicts[index].expected.filter(|_| bound);
        // A guest without an ID is going to get the one that its address encodes to.
        let id = guest.id.as_ref().ok().copied().flatten().or(expected);
        own.extend(id.map(|id| (id, index)));
        encoded.extend(expected.map(|id| (id, index)));
    }
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for (id, holders) in groups(&mut own) {
        told.extend(holders.iter().copied());
        let message = |others: &str| format!("ID {id} is also that of {others}");
        findings.extend(naming_the_others(holders, guests, "duplicate-id", message));
    }
    for (id, holders) in groups(&mut encoded) {
        let encodes = |index: usize| {
            let first = guests[index].addresses.first()?.as_ref().ok();
            first.map(|(address, _)| *address)
        };
        let first = encodes(holders[0].1);
        let one_address = |(_, index): &(u64, usize)| encodes(*index) == first;
        if holders.iter().all(one_address) || holders.iter().all(|holder| told.contains(holder)) {
            continue;
        }
        let message =
            |others: &str| format!("ID {id} is also what the address of {others} encodes to");
        findings.extend(naming_the_others(holders, guests, "duplicate-id", message));
    }
    findings
}

/// Guests that have one address.
pub(super) fn same_addresses(guests: &[Guest]) -> Vec<(usize, Finding)> {
    let of_guest = |(index, guest)| {
        let addresses = addresses_of(guest).into_iter();
        addresses.map(move |address| (address, index))
    };
    let mut all: Vec<_> = guests.iter().enumerate().flat_map(of_guest).collect();
    let groups = groups(&mut all).flat_map(|(address, holders)| {
        let message = move |others: &str| format!("{address} is also the address of {others}");
        naming_the_others(holders, guests, "duplicate-address", message)
    });
    groups.collect()
}

/// The keys that more than one guest has, each with its guests.
fn groups<K: Copy + Ord>(all: &mut [(K, usize)]) -> impl Iterator<Item = (K, &[(K, usize)])> {
    all.sort_unstable();
    let groups = all.chunk_by(|a, b| a.0 == b.0);
    let several = groups.filter(|group| group.len() > 1);
    several.map(|group| (group[0].0, group))
}

/// A finding for each guest of a set; its message names the others.
fn naming_the_others<K>(
    holders: &[(K, usize)],
    guests: &[Guest],
    code: &'static str,
    message: impl Fn(&str) -> String,
) -> Vec<(usize, Finding)> {
    let finding = |me: usize| Finding {
        code,
        message: message(&listed(me, holders, guests)),
    };
    let holders = holders.iter().map(|(_, index)| *index);
    holders.map(|index| (index, finding(index))).collect()
}

/// How a message names a guest: by its name, else its ID, else its place in the input.
fn label(index: usize, guest: &Guest) -> String {
    let name = guest.name.as_deref().map(excerpt);
    match (name, &guest.id) {
        (Some(name), Ok(Some(id))) => format!("{name} ({id})"),
        (Some(name), _) => name.into_owned(),
        (None, Ok(Some(id))) => format!("guest {id}"),
        (None, _) => format!("record {}", index + 1),
    }
}

/// All but `me`. Ten names are enough to act upon; a count stands for the rest.
fn listed<K>(me: usize, holders: &[(K, usize)], guests: &[Guest]) -> String {
    const MOST: usize = 10;
    let others = holders
        .iter()
        .map(|(_, index)| *index)
        .filter(|&index| index != me);
    let shown: Vec<String> = others
        .take(MOST)
        .map(|index| label(index, &guests[index]))
        .collect();
    match holders.len() - 1 - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
