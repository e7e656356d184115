//! What is said of an address: the fields of a record, and their raw values.

use ipnet::IpNet;
use vmid::stream::quote;

use super::{Fields, Part, with_six};
use crate::{
    allocate::Grant,
    ipam::{Change, Entry, Networks, Vrf},
    owner,
    refused::Refused,
    release::Farewell,
};

/// What `allocate` says of a request.
#[must_use]
pub fn granted(grant: &Grant, ids: bool, dry_run: bool) -> (Fields, Vec<Part>) {
    let mut fields = vec![
        (
            "address",
            quote(&format!("{}/{}", grant.address, grant.length)),
        ),
        (
            "prefix",
            text(grant.prefix.map(|net| net.to_string()).as_deref()),
        ),
        ("vlan", number(grant.vlan)),
        ("dns_name", quote(&grant.dns_name)),
    ];
    fields.extend(outcome(grant.change.is_some() || grant.done, dry_run));
    let instead_of = grant.instead_of.as_deref().map(quote);
    fields.extend(instead_of.map(|old| ("instead_of", old)));
    // An owner's own address that was retired, and with it perhaps an old guest's backups.
    let revived = matches!(
        grant.change,
        Some(Change::Mark(..) | Change::Complete(.., Some(_)))
    );
    fields.extend(revived.then(|| ("revived", "true".to_owned())));
    fields.extend(grant.drift.object().map(|drift| ("differs", drift)));
    if ids {
        fields.push(("ipam_id", number(grant.id.map(|id| id.0))));
    }
    let change = grant.change.as_ref().map(|_| Part::First);
    (fields, change.into_iter().collect())
}

/// What `release` says of an owner.
#[must_use]
pub fn released(
    farewells: &[Farewell],
    networks: &Networks,
    ids: bool,
    dry_run: bool,
) -> (Fields, Vec<Part>) {
    let of = |farewell: &Farewell| {
        let mut fields = placed(&farewell.entry, networks);
        fields.extend(outcome(farewell.change.is_some(), dry_run));
        fields.extend(ids.then(|| ("ipam_id", farewell.entry.id.0.to_string())));
        fields
    };
    let mut all = farewells.iter().map(of);
    let mut fields = all.next().unwrap_or_else(|| outcome(false, dry_run));
    all.for_each(|six| with_six(&mut fields, six));
    let part = |(at, farewell): (usize, &Farewell)| {
        let part = if at == 0 { Part::First } else { Part::Six };
        farewell.change.as_ref().map(|_| part)
    };
    let changes = farewells.iter().enumerate().filter_map(part);
    (fields, changes.collect())
}

/// Where a recorded address is.
#[must_use]
pub fn placed(entry: &Entry, networks: &Networks) -> Fields {
    let prefix = networks.holding(entry.address, &entry.vrf);
    vec![
        (
            "address",
            quote(&format!("{}/{}", entry.address, entry.length)),
        ),
        (
            "prefix",
            text(prefix.map(|prefix| prefix.net.to_string()).as_deref()),
        ),
        ("vlan", number(prefix.and_then(|prefix| prefix.vlan))),
        ("dns_name", quote(&entry.dns_name)),
    ]
}

/// Whose a recorded address is.
#[must_use]
pub fn owned(entry: &Entry) -> Fields {
    let (name, interface) = owner::parts(entry.key.as_deref().unwrap_or_default());
    let mut fields = vec![("name", quote(name))];
    fields.extend(interface.map(|interface| ("interface", quote(interface))));
    fields
}

/// A prefix that was asked for and is not there.
#[must_use]
pub fn absent(net: Option<IpNet>, vlan: Option<u64>, vrf: Option<&Vrf>, why: &Refused) -> Fields {
    let net = net.map(|net| net.to_string());
    vec![
        ("prefix", text(net.as_deref())),
        ("vlan", number(vlan)),
        ("vrf", text(vrf.and_then(Vrf::name))),
        ("error", why.object()),
    ]
}

/// Whether something was changed, or would be.
#[must_use]
pub fn outcome(changed: bool, dry_run: bool) -> Fields {
    let mut fields = vec![("changed", changed.to_string())];
    fields.extend(dry_run.then(|| ("dry_run", "true".to_owned())));
    fields
}

/// A number or null.
#[must_use]
pub fn number(value: Option<u64>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

/// A text or null.
#[must_use]
pub fn text(value: Option<&str>) -> String {
    value.map_or("null".to_owned(), quote)
}

/// As the writer takes them.
#[must_use]
pub fn borrowed<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}
