//! New addresses in NetBox: made with their owner's key, and verified.

use core::net::IpAddr;
use std::collections::HashSet;

use anyhow::anyhow;
use serde_json::{Map, Value, json};
use vmid::exit::Stop;

use super::{
    NetBox,
    answer::{self, FIELD, Record},
    refusal,
    write::{Outcome, Posted},
};
use crate::{
    ipam::{New, Rejection},
    pending, shared,
};

/// Who chose the addresses of new records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chosen {
    ByUs,
    /// NetBox, which said so in its first reply.
    JustNow,
    /// NetBox; the reply was lost, or the request repeated.
    Before,
}

impl NetBox {
    /// The body of a new address; its place unless the server chooses. What is empty is left out:
    /// available-ips refuses a blank description before NetBox 4.5. A role that hosts share comes
    /// later where the server doesn't choose, see [`pending`].
    fn body(&self, new: &New, chosen: bool) -> Value {
        let mut description = new.description.clone();
        let mut body = json!({
            "dns_name": new.dns_name,
            "changelog_message": self.api.message,
        });
        let mut custom: Map<String, Value> = Map::new();
        let labels = &new.labels;
        custom.extend(labels.custom.iter().map(|(n, v)| (n.clone(), v.clone())));
        if self.keyed() {
            custom.insert(FIELD.to_owned(), json!(new.key));
        } else {
            let mark = answer::mark(&new.key);
            let room = 200_usize.saturating_sub(mark.chars().count() + 1);
            description = description.chars().take(room).collect();
            description = format!("{description} {mark}").trim_start().to_owned();
        }
        if !custom.is_empty() {
            body["custom_fields"] = Value::Object(custom);
        }
        if let Some(slug) = &labels.tenant {
            body["tenant"] = json!({ "slug": slug });
        }
        if let Some(status) = labels.status.as_deref().or(chosen.then_some("active")) {
            body["status"] = json!(status);
        }
        match pending::comments(labels).filter(|_| chosen) {
            Some(comments) => body["comments"] = json!(comments),
            None => {
                if let Some(role) = labels.role {
                    body["role"] = json!(role);
                }
            }
        }
        if !description.is_empty() {
            body["description"] = json!(description);
        }
        if !new.tags.is_empty() {
            let tags = new.tags.iter().map(|slug| json!({ "slug": slug }));
            body["tags"] = tags.collect();
        }
        if chosen {
            body["address"] = json!(format!("{}/{}", new.address, new.length));
            body["vrf"] = self
                .vrf_ids
                .get(&new.vrf)
                .map_or(Value::Null, |id| json!(id));
        }
        body
    }

    /// Creates all of `news`, or none.
    pub(super) fn create(&mut self, news: &[&New]) -> Result<Outcome, Stop> {
        let Some(first) = news.first() else {
            return Ok(Outcome::Made(Vec::new()));
        };
        let any =
            |new: &&New| new.any_of.is_some() && new.any_of == first.any_of && new.vrf == first.vrf;
        let by_server = news.iter().all(any).then_some(first.any_of).flatten();
        let id = by_server.and_then(|net| self.prefix_ids.get(&(first.vrf.clone(), net)));
        let path = id.map_or("/api/ipam/ip-addresses/".to_owned(), |id| {
            format!("/api/ipam/prefixes/{id}/available-ips/")
        });
        let bodies: Vec<Value> = news
            .iter()
            .map(|new| self.body(new, id.is_none()))
            .collect();
        let keys: Vec<String> = news.iter().map(|new| new.key.clone()).collect();
        let posted = if self.keyed() {
            self.api.post(&path, &bodies, &keys)?
        } else {
            let marks: Vec<String> = keys.iter().map(|key| answer::mark(key)).collect();
            self.api.post_once(&path, &bodies, &marks)?
        };
        match posted {
            Posted::Made(records) if id.is_some() => self.verified(news, records, Chosen::JustNow),
            Posted::Found(records) if id.is_some() => self.verified(news, records, Chosen::Before),
            Posted::Made(records) | Posted::Found(records) => {
                self.verified(news, records, Chosen::ByUs)
            }
            Posted::Overtaken => Ok(Outcome::Again(None)),
            Posted::Unknown(what) => Ok(Outcome::Unknown(what)),
            Posted::Refused(refusal) => {
                let value = refusal.json().unwrap_or_default();
                let about_field = |value: &Value| value["custom_fields"].get(FIELD).is_some();
                let list = value
                    .as_array()
                    .is_some_and(|list| list.iter().any(about_field));
                if self.keyed()
                    && (list
                        || value
                            .to_string()
                            .contains(&format!("\"custom_fields\":{{\"{FIELD}\"")))
                {
                    // An IPAM without a single address could not tell before that the field is missing.
                    self.has_field = Some(false);
                    self.learn(&[]);
                    return self.create(news);
                }
                if id.is_none() && refusal.status == 400 {
                    let chosen = news.iter().map(|new| (new.vrf.clone(), new.address));
                    self.note_refused(&chosen.collect::<Vec<_>>(), &value);
                }
                let stop = self.api.denied(&refusal, "POST", &path);
                // A key or an address that somebody else has by now, or something else that
                // is wrong: refusals are worded in the user's language, so another look tells.
                match refusal.status {
                    400 => {
                        let of = refusal::of_records(&refusal, news);
                        Ok(Outcome::Again(Some(Rejection { stop, of })))
                    }
                    409 => Ok(Outcome::Again(None)),
                    _ => Err(stop),
                }
            }
        }
    }

    /// The records of these addresses.
    pub(super) fn at(&self, addresses: impl Iterator<Item = IpAddr>) -> Result<Vec<Record>, Stop> {
        let addresses: HashSet<_> = addresses.collect();
        let values: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let fits = |record: &Record| addresses.contains(&record.entry.address);
        self.api.filtered("address", &values, fits)
    }

    /// What NetBox made must be what was asked for, and nobody else may have it:
    /// a server can be set up to allow duplicates. Then the older record stays.
    fn verified(
        &mut self,
        news: &[&New],
        records: Vec<Record>,
        chosen: Chosen,
    ) -> Result<Outcome, Stop> {
        for (new, record) in news.iter().zip(&records) {
            let entry = &record.entry;
            let place = match new.any_of {
                Some(net) if chosen != Chosen::ByUs => net.contains(&entry.address),
                _ => entry.address == new.address,
            };
            let key = entry.key.as_deref() == Some(&new.key);
            // After a lost reply the record may be one that the server chose in another way.
            if !place || !key || entry.vrf != new.vrf {
                let what = format!(
                    "NetBox made {entry} for {}, which is not what was asked for",
                    new.key
                );
                let hint = "release it, and see what stands between this host and NetBox";
                return Err(Stop::outside(anyhow!("{what}")).hint(hint));
            }
        }
        // It chose under the lock that all creating is done under: what it gave nobody had before.
        // Since a reply that was lost, somebody may have made a second record of it.
        if chosen == Chosen::JustNow {
            return Ok(Outcome::Made(records));
        }
        let others = match self.at(records.iter().map(|record| record.entry.address)) {
            Ok(others) => others,
            Err(stop) => return Ok(Outcome::Unverified(records, stop)),
        };
        let beaten = |record: &Record| {
            let others = others.iter().map(|other| &other.entry);
            shared::earlier(&record.entry, others).is_some()
        };
        if records.iter().any(beaten) {
            for record in &records {
                self.api.delete(record).map_err(|undone| {
                    let entry = &record.entry;
                    let stop = undone.stop();
                    Stop::outside(anyhow!("{entry}, made for {}, is somebody else's too, and could not be removed again: {stop}", entry.key.as_deref().unwrap_or_default()))
                        .hint("run this again with --reassign, which gives it another address (that takes the permission to change addresses)")
                })?;
            }
            return Ok(Outcome::Again(None));
        }
        Ok(Outcome::Made(records))
    }
}
