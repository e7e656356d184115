//! The addresses of a NetBox: all of them if they are few, else what a call asks about.

use core::net::IpAddr;
use std::collections::HashSet;

use ipnet::IpNet;
use serde_json::Value;
use vmid::{exit::Stop, http::percent};

use super::{
    NetBox, SNAPSHOT, Snapshot,
    answer::{self, ADDRESS_FIELDS, Record},
    api::{Api, not_honoured},
    pages::{Job, at_once, side_by_side},
    parsed,
};
use crate::{
    ipam::{Ask, Vrf},
    known::{Known, Place, Within},
    owner,
};

/// What was found out beside the records that matter.
#[derive(Default)]
pub(super) struct Found {
    /// Addresses that have a record.
    pub taken: Vec<(Vrf, IpAddr)>,
    /// What NetBox says of places.
    pub known: Vec<(Place, Known)>,
}

impl NetBox {
    /// The first addresses, in one request.
    pub(super) fn page(&self) -> Result<Snapshot, Stop> {
        let path = format!("/api/ipam/ip-addresses/?limit={SNAPSHOT}&fields={ADDRESS_FIELDS}");
        let (page, more) = self.api.page(&path)?;
        Ok(Snapshot {
            records: parsed(&page, answer::record)?,
            complete: more.is_none(),
        })
    }

    /// All addresses.
    pub(super) fn everything(&self) -> Result<Vec<Record>, Stop> {
        let path = format!("/api/ipam/ip-addresses/?limit=1000&fields={ADDRESS_FIELDS}");
        parsed(&self.api.list(&path)?, answer::record)
    }

    /// What a large IPAM holds of what matters, question by question.
    pub(super) fn questions(&mut self, ask: &Ask) -> Result<(Vec<Record>, Found), Stop> {
        let read = self.owners.take().filter(|(before, _)| {
            ask.keys.is_subset(&before.keys)
                && ask.names.is_subset(&before.names)
                && ask.guests.is_subset(&before.guests)
        });
        let mut addresses = ask.addresses.clone();
        addresses.extend(self.refused.iter().map(|(_, address)| *address));
        let (owners, exact, places) = at_once(
            || match read {
                Some((_, records)) => Ok(records),
                None => self.owners_of(ask),
            },
            || self.at(addresses.into_iter()),
            || self.places(&ask.within),
        );
        let mut records = owners?;
        records.extend(exact?);
        let nets: Vec<String> = ask.nets.iter().map(ToString::to_string).collect();
        let inside = |record: &Record| {
            ask.nets
                .iter()
                .any(|net| net.contains(&record.entry.address))
        };
        records.extend(self.api.filtered("parent", &nets, inside)?);
        records.extend(self.beside(&records, ask)?);
        let mut seen = HashSet::new();
        records.retain(|record| seen.insert(record.entry.id));
        Ok((records, places?))
    }

    /// The records that have the address of one that was asked for as well.
    fn beside(&self, records: &[Record], ask: &Ask) -> Result<Vec<Record>, Stop> {
        let asked = |record: &&Record| {
            let entry = &record.entry;
            ask.wants(entry.key.as_deref(), &entry.dns_name, entry.address)
        };
        let asked = records.iter().filter(asked);
        let addresses: HashSet<_> = asked.map(|record| record.entry.address).collect();
        self.at(addresses.difference(&ask.addresses).copied())
    }

    /// The records with these keys or of these guests' interfaces, and those with these names or
    /// with one of these as their first label.
    pub(super) fn owners_of(&self, ask: &Ask) -> Result<Vec<Record>, Stop> {
        let (keys, names) = (sorted(&ask.keys), sorted(&ask.names));
        let (keyed, named, within) = at_once(
            || {
                let mut records = self.of_keys(&keys)?;
                records.extend(self.of_guests(&sorted(&ask.guests))?);
                Ok(records)
            },
            || self.called(&names),
            || self.beginning_with(&names),
        );
        let mut records = keyed?;
        records.extend(named?);
        records.extend(within?);
        Ok(records)
    }

    fn of_keys(&self, keys: &[String]) -> Result<Vec<Record>, Stop> {
        if keys.is_empty() || self.keyed() {
            return self.api.by_keys(keys);
        }
        let marks: Vec<String> = keys.iter().map(|key| answer::mark(key)).collect();
        self.api.filtered("description__iew", &marks, |_| true)
    }

    /// The records of these guests' interfaces.
    fn of_guests(&self, guests: &[String]) -> Result<Vec<Record>, Stop> {
        let begins: Vec<String> = guests.iter().map(|guest| format!("{guest}/")).collect();
        if begins.is_empty() || self.keyed() {
            return self.api.by_begins_of_keys(&begins);
        }
        let marks: Vec<String> = begins.iter().map(|b| answer::mark_begin(b)).collect();
        self.api.filtered("description__ic", &marks, |_| true)
    }

    /// The records with exactly these names; NetBox keeps a final dot.
    fn called(&self, names: &[String]) -> Result<Vec<Record>, Stop> {
        let with_dot = names.iter().filter(|name| name.contains('.'));
        let with_dot = with_dot.map(|name| format!("{name}."));
        let all: Vec<String> = names.iter().cloned().chain(with_dot).collect();
        let fits = |record: &Record| {
            names
                .iter()
                .any(|n| *n == owner::plain(&record.entry.dns_name))
        };
        self.api.filtered("dns_name__ie", &all, fits)
    }

    /// The records that have one of these names, those without a dot, as their first label.
    fn beginning_with(&self, names: &[String]) -> Result<Vec<Record>, Stop> {
        let labels = names.iter().filter(|name| !name.contains('.'));
        let begins: Vec<String> = labels.map(|name| format!("{name}.")).collect();
        let fits = |record: &Record| {
            let name = record.entry.dns_name.to_ascii_lowercase();
            begins.iter().any(|begin| name.starts_with(begin.as_str()))
        };
        self.api.filtered("dns_name__isw", &begins, fits)
    }

    /// What is taken in these places.
    fn places(&self, places: &[Within]) -> Result<Found, Stop> {
        let job = |place| Box::new(move || self.place(place)) as Job<'_, Result<Found, Stop>>;
        let mut all = Found::default();
        for found in side_by_side(places.iter().map(job).collect()) {
            let found = found?;
            all.taken.extend(found.taken);
            all.known.extend(found.known);
        }
        Ok(all)
    }

    /// What is taken in a place: as NetBox says, if that tells of enough free addresses, else by
    /// its records.
    fn place(&self, place: &Within) -> Result<Found, Stop> {
        let known = match place.enough {
            Some(0) => return Ok(Found::default()),
            Some(_) => self.available(place)?,
            None => None,
        };
        let of_place = |known: Known| vec![(place.place(), known)];
        if let Some(known) = known.clone().filter(|known| known.is_enough_for(place)) {
            return Ok(Found {
                known: of_place(known),
                ..Found::default()
            });
        }
        Ok(Found {
            taken: self.api.taken_in(place.net)?,
            known: known.map_or(Vec::new(), |known| of_place(known.with_records(place))),
        })
    }
}

impl Api {
    /// All addresses in a network that have a record, in every routing table.
    fn taken_in(&self, net: IpNet) -> Result<Vec<(Vrf, IpAddr)>, Stop> {
        let read = |value: &Value| {
            let text = value.get("address").and_then(Value::as_str);
            let (address, _) = answer::address(text.unwrap_or_default())?;
            Ok::<_, String>((answer::vrf(value), address))
        };
        let check = |value: &Value| match read(value)? {
            (_, address) if net.contains(&address) => Ok(()),
            (_, address) => Err(not_honoured("parent", &address)),
        };
        let net = percent(&net.to_string());
        let path = format!("/api/ipam/ip-addresses/?limit=1000&fields=id,address,vrf&parent={net}");
        parsed(&self.list_of(&path, &check)?, read)
    }
}

fn sorted(set: &HashSet<String>) -> Vec<String> {
    let mut list: Vec<String> = set.iter().cloned().collect();
    list.sort_unstable();
    list
}
