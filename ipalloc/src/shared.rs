//! Addresses of which the IPAM has several records: who keeps them. NetBox allows that where
//! it is told to, hands do it in files, and a run that dies may leave it.

use crate::{ipam::Entry, owner};

/// The record that keeps the address of `entry`; none if that is `entry` itself. Of several it is
/// the first: NetBox's lowest ID, a file's first row. Records of roles that hosts share don't
/// count, but where one of two owners has no such role: it was given the address as its own.
#[must_use]
pub fn keeper<'a>(
    entry: &Entry,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Option<&'a Entry> {
    let others = others(entry, entries).filter(|other| other.id < entry.id);
    others.min_by_key(|other| other.id)
}

/// The first of the records of its address that were there before `entry`, whatever their roles.
#[must_use]
pub fn earlier<'a>(
    entry: &Entry,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Option<&'a Entry> {
    let earlier = besides(entry, entries).filter(|other| other.id < entry.id);
    earlier.min_by_key(|other| other.id)
}

/// All other records of the address of `entry`, whatever their roles.
pub fn besides<'a>(
    entry: &Entry,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> impl Iterator<Item = &'a Entry> {
    entries.into_iter().filter(move |other| {
        other.id != entry.id && other.address == entry.address && other.vrf == entry.vrf
    })
}

/// The other records of the address of `entry` that stand against it. Hosts share an
/// address by their roles; of two owners both must have one, as either may have got it later.
pub fn others<'a>(
    entry: &Entry,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> impl Iterator<Item = &'a Entry> {
    let (is_shared, is_owned) = (entry.is_shared(), entry.key.is_some());
    besides(entry, entries).filter(move |other| match is_owned && other.key.is_some() {
        true => !(is_shared && other.is_shared()),
        false => !is_shared && !other.is_shared(),
    })
}

/// Whose a record is, for a message: its owner, else its name.
#[must_use]
pub fn whose(entry: &Entry) -> String {
    match (&entry.key, entry.dns_name.as_str()) {
        (Some(key), _) => format!("the record of {}", owner::plain_key(key)),
        (None, "") => "a record without a name".to_owned(),
        (None, name) => format!("the record named {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::sample;

    #[test]
    fn who_keeps_an_address() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], &[Option<usize>])] = &[
            ("one alone",            &["10.0.0.2/24 key=a", "10.0.0.3/24 key=b"],      &[None, None]),
            ("the first of two",     &["10.0.0.2/24 key=a", "10.0.0.2/24 key=b"],      &[None, Some(0)]),
            ("of three",             &["10.0.0.2/24", "10.0.0.2/24", "10.0.0.2/24"],   &[None, Some(0), Some(0)]),
            ("whatever their masks", &["10.0.0.2/32", "10.0.0.2/24 key=b"],            &[None, Some(0)]),
            ("in two VRFs",          &["10.0.0.2/24 key=a", "10.0.0.2/24 vrf=blue"],   &[None, None]),
            ("shared by its role",   &["10.0.0.2/24 role=vip", "10.0.0.2/24 role=vip"], &[None, None]),
            ("beside a shared one",  &["10.0.0.2/24 role=vip", "10.0.0.2/24 key=b"],   &[None, None]),
            ("a guest's got its role", &["10.0.0.2/24 key=a role=vip", "10.0.0.2/24 key=b"], &[None, Some(0)]),
            ("the younger one's",    &["10.0.0.2/24 key=a", "10.0.0.2/24 key=b role=vip"], &[None, Some(0)]),
            ("two guests', shared",  &["10.0.0.2/24 key=a role=vip", "10.0.0.2/24 key=b role=vip"], &[None, None]),
            ("one guest's, shared",  &["10.0.0.2/24 key=a role=vip", "10.0.0.2/24 role=vip"], &[None, None]),
            ("another role",         &["10.0.0.2/24 role=secondary", "10.0.0.2/24"],   &[None, Some(0)]),
            ("one of them retired",  &["10.0.0.2/24 key=a retired=2026-11-01", "10.0.0.2/24 key=b"], &[None, Some(0)]),
        ];
        for (name, lines, want) in cases {
            let entries = sample::view(lines).entries;
            let place = |of: &Entry| entries.iter().position(|entry| entry.id == of.id);
            let got = entries
                .iter()
                .map(|entry| keeper(entry, &entries).and_then(place));
            assert_eq!(got.collect::<Vec<_>>(), *want, "{name}");
            let earlier = |entry| earlier(entry, &entries).and_then(place);
            let in_vrfs = name.contains("VRF") || name.contains("alone");
            let after_first = (!in_vrfs).then_some(0);
            assert_eq!(
                earlier(&entries[1]),
                after_first,
                "{name}, whatever the role"
            );
            assert_eq!(earlier(&entries[0]), None, "{name}");
        }
    }
}
