//! What NetBox itself says is free. It counts records that the token may not see, and a large
//! prefix need not be listed.

use core::net::IpAddr;
use std::collections::HashSet;

use serde_json::Value;
use vmid::exit::Stop;

use super::{
    NetBox,
    answer::{self, Record},
    look::Found,
    pages::{Job, side_by_side},
};
use crate::{
    ipam::{View, Vrf},
    known::{Known, Place, Within},
    span::{self, Family, Span},
};

/// So many more free addresses than are needed are asked for, because others take some meanwhile.
const SPARE: u128 = 30;

/// The same for those who were overtaken: they spread out.
const OVERTAKEN: u128 = 150;

/// NetBox's MAX_PAGE_SIZE, unless it is set up otherwise.
const LIMIT: u128 = 1000;

impl NetBox {
    /// The lowest free addresses of a place; none if NetBox does not reckon as we do, or knows
    /// no such prefix or range.
    pub(super) fn available(&self, place: &Within) -> Result<Option<Known>, Stop> {
        let family = Family::of(place.net.addr());
        let (list, id, whole) = match place.range {
            Some(range) => {
                let key = (place.vrf.clone(), family, range);
                ("ip-ranges", self.range_ids.get(&key), range)
            }
            None => {
                let key = (place.vrf.clone(), place.net);
                ("prefixes", self.prefix_ids.get(&key), Span::of(place.net))
            }
        };
        // In a container of the global table, the records of all tables count.
        let Some(id) = id.filter(|_| !place.container) else {
            return Ok(None);
        };
        let excluded = place.room.count() - place.excluded.count_free(place.room, &[]);
        let spare = match self.refused.is_empty() {
            true => SPARE,
            false => OVERTAKEN,
        };
        let wanted = place
            .enough
            .map_or(LIMIT, |enough| enough as u128 + spare + excluded);
        let path = format!(
            "/api/ipam/{list}/{id}/available-ips/?limit={}",
            wanted.min(LIMIT)
        );
        let value = self.api.get(&path)?;
        let free = value.as_array().ok_or("the answer is no list".to_owned());
        let free = free.and_then(|list| list.iter().map(|value| free_one(value, place)).collect());
        let free: Result<Vec<u128>, String> = free;
        let is_rising = |free: &[u128]| free.windows(2).all(|pair| pair[0] < pair[1]);
        match free {
            Ok(free) if is_rising(&free) => Ok(Some(Known::of_free(
                whole,
                &free,
                free.len() < self.api.page_size(),
            ))),
            Ok(_) => Err(self
                .api
                .failed("the free addresses are not in order", &path)),
            Err(what) => Err(self.api.failed(&what, &path)),
        }
    }

    /// The same of several places, as far as it can be had.
    pub(super) fn available_in(&self, places: &[Within]) -> Result<Vec<(Place, Known)>, Stop> {
        let job = |place: &'_ Within| {
            let place = place.clone();
            let job = move || {
                let known = self.available(&place)?;
                let known = known.map(|known| match place.enough {
                    Some(_) if !known.is_enough_for(&place) => known.with_records(&place),
                    _ => known,
                });
                Ok(known.map(|known| (place.place(), known)))
            };
            Box::new(job) as Job<'_, Result<Option<(Place, Known)>, Stop>>
        };
        let all = side_by_side(places.iter().map(job).collect());
        let all: Result<Vec<Option<_>>, Stop> = all.into_iter().collect();
        Ok(all?.into_iter().flatten().collect())
    }

    /// Notes which of the chosen addresses a refusal is about.
    pub(super) fn note_refused(&mut self, chosen: &[(Vrf, IpAddr)], refusal: &Value) {
        let about = refused_at(refusal);
        self.refused
            .extend(about.filter_map(|at| chosen.get(at)).cloned());
    }

    /// The addresses that were refused as taken, and of which there is no record that could be seen.
    pub(super) fn unseen(&self, records: &[Record]) -> Vec<(Vrf, IpAddr)> {
        let is_seen = |(vrf, address): &&(Vrf, IpAddr)| {
            let mut entries = records.iter().map(|record| &record.entry);
            entries.any(|entry| entry.vrf == *vrf && entry.address == *address)
        };
        self.refused
            .iter()
            .filter(|one| !is_seen(one))
            .cloned()
            .collect()
    }
}

/// Adds to what was seen: what was found out beside it, and addresses that nobody can see.
pub(super) fn add(view: &mut View, found: Found, unseen: Vec<(Vrf, IpAddr)>) {
    view.known.extend(found.known);
    for (vrf, address) in found.taken {
        let taken = view.taken.entry((vrf, Family::of(address))).or_default();
        taken.push(span::bits(address));
    }
    view.unseen = !unseen.is_empty();
    for (vrf, address) in unseen {
        let (family, bits) = (Family::of(address), span::bits(address));
        let is_free = |((of, kin, room), known): (&Place, &Known)| {
            *of == vrf && *kin == family && room.contains(bits) && known.says_free(bits)
        };
        if !view.known.iter().any(is_free) {
            view.taken.entry((vrf, family)).or_default().push(bits);
        }
    }
    for taken in view.taken.values_mut() {
        taken.sort_unstable();
        taken.dedup();
    }
}

/// `{"family":4,"address":"192.168.10.6/24","vrf":null}`
fn free_one(value: &Value, place: &Within) -> Result<u128, String> {
    let (address, _) = answer::address(value["address"].as_str().unwrap_or_default())?;
    let vrf = answer::vrf(value);
    if !place.net.contains(&address) || vrf != place.vrf {
        return Err(format!("{address} is said to be free in {}", place.net));
    }
    Ok(span::bits(address))
}

/// The places in a list of new addresses about whose `address` NetBox complains. It has several forms:
/// `{"errors":[{"index":1,"errors":{"address":[..]}}]}`, `[{},{"address":[..]}]` before 4.5, and `{"address":[..]}`.
fn refused_at(refusal: &Value) -> impl Iterator<Item = usize> {
    let is_about = |errors: &Value| errors.get("address").is_some();
    let indexed = refusal["errors"].as_array().into_iter().flatten();
    let indexed = indexed.filter(move |error| is_about(&error["errors"]));
    let indexed = indexed.filter_map(|error| usize::try_from(error["index"].as_u64()?).ok());
    let by_place = refusal.as_array().into_iter().flatten().enumerate();
    let by_place = by_place
        .filter(move |(_, error)| is_about(error))
        .map(|(at, _)| at);
    let alone = is_about(refusal).then_some(0);
    let all: HashSet<usize> = indexed.chain(by_place).chain(alone).collect();
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whose_address_is_refused() {
        let said = json!(["Duplicate IP address found in global table: 10.0.0.2/24"]);
        #[rustfmt::skip]
        let cases = [
            ("one of a list",    json!({"detail": "1 of 2", "errors": [{"index": 1, "errors": {"address": said}}]}), vec![1]),
            ("by position",      json!([{}, {"address": said}, {"address": said}]), vec![1, 2]),
            ("alone",            json!({"address": said}),                          vec![0]),
            ("about the name",   json!({"detail": "1 of 1", "errors": [{"index": 0, "errors": {"dns_name": said}}]}), vec![]),
            ("about all",        json!({"__all__": said}),                          vec![]),
            ("no object",        json!("no"),                                       vec![]),
        ];
        for (name, refusal, want) in cases {
            let mut got: Vec<usize> = refused_at(&refusal).collect();
            got.sort_unstable();
            assert_eq!(got, want, "{name}");
        }
    }
}
