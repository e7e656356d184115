//! NetBox as the IPAM. The rules are the same as for files; what differs is that
//! others may act at the same time and that replies may get lost. The owner's key
//! in a unique custom field makes both harmless: NetBox takes a key only once.

use std::{
    collections::{HashMap, HashSet},
    thread,
};

use anyhow::anyhow;
use ipnet::IpNet;
use serde_json::{Value, json};
use vmid::{
    exit::{self, Stop},
    http::{Client, Secret},
};

use crate::{
    allocate::{SHARED_ROLES, is_asked_for},
    cli::{Environment, Source},
    ipam::{Applied, Ask, Change, Entry, EntryId, Ipam, Made, Networks, New, View, Vrf},
    owner,
    span::{self, Family, Span},
};

mod answer;
mod api;
mod field;

use answer::{ADDRESS_FIELDS, FIELD, Record};
use api::{Api, Posted};

pub use field::{Setup, setup};

/// An IPAM with no more addresses than this is read whole, in one request;
/// a larger one is asked for what matters.
const SNAPSHOT: usize = 250;

/// NetBox, and what was learned of it.
#[derive(Debug)]
pub struct NetBox {
    api: Api,
    /// The custom field exists; none until an address has been seen.
    has_field: Option<bool>,
    warned: bool,
    /// All addresses, if they are few; read beside the networks, used once.
    snapshot: Option<Snapshot>,
    prefix_ids: HashMap<(Vrf, IpNet), u64>,
    vrf_ids: HashMap<Vrf, u64>,
    records: HashMap<EntryId, Record>,
}

/// The first page of all addresses.
#[derive(Debug)]
struct Snapshot {
    records: Vec<Record>,
    complete: bool,
}

impl NetBox {
    /// Speaks to the NetBox at `url`.
    ///
    /// # Errors
    ///
    /// There is no token, or the address or the trust is unusable (the caller's fault).
    pub fn new(
        url: &str,
        source: &Source,
        environment: &Environment,
        verb: &str,
    ) -> Result<Self, Stop> {
        let Environment {
            token,
            token_file,
            actor,
            ..
        } = environment;
        let token = Secret::find(token.as_deref(), token_file.as_deref()).map_err(Stop::input)?;
        let hint = "set NETBOX_TOKEN, or NETBOX_TOKEN_FILE to a file that holds it";
        let token = token.ok_or_else(|| Stop::input(anyhow!("no token for {url}")).hint(hint))?;
        // Tokens of version 2 (NetBox 4.5 and later) are told by their beginning.
        let scheme = if token.reveal().starts_with("nbt_") {
            "Bearer"
        } else {
            "Token"
        };
        let header = format!("{scheme} {}", token.reveal());
        let header = Secret::find(Some(&header), None).map_err(Stop::input)?;
        let header = header.ok_or_else(|| Stop::input(anyhow!("the token is empty")))?;
        let client = Client::new("ipalloc", base(url), header, &source.connection);
        let client = client.map_err(Stop::input)?;
        let message = format!("ipalloc {verb} ({actor})");
        Ok(Self {
            api: Api::new(client, token.reveal().to_owned(), message),
            has_field: None,
            warned: false,
            snapshot: None,
            prefix_ids: HashMap::new(),
            vrf_ids: HashMap::new(),
            records: HashMap::new(),
        })
    }

    /// Some address shows that the custom field exists.
    fn shows_field(&self) -> bool {
        let path = format!("/api/ipam/ip-addresses/?limit=1&fields={ADDRESS_FIELDS}");
        let page = self.api.page(&path).ok();
        let record = page.and_then(|(page, _)| answer::record(page.first()?).ok());
        record.is_some_and(|record| record.has_field)
    }

    fn keyed(&self) -> bool {
        self.has_field != Some(false)
    }

    fn learn(&mut self, records: &[Record]) {
        if let Some(record) = records.first() {
            self.has_field = Some(record.has_field);
        }
        if self.has_field == Some(false) && !self.warned {
            self.warned = true;
            exit::say(
                "ipalloc",
                &format!(
                    "warning: NetBox has no custom field {FIELD}: two runs at the same time could give one name two addresses; \"ipalloc setup\" makes it"
                ),
            );
        }
    }

    /// What a large IPAM holds of what matters, question by question.
    fn questions(&self, ask: &Ask) -> Result<Vec<Record>, Stop> {
        let mut records = Vec::new();
        let list = |set: &HashSet<String>| {
            let mut list: Vec<String> = set.iter().cloned().collect();
            list.sort_unstable();
            list
        };
        let names = list(&ask.names);
        if !names.is_empty() {
            let begins = |record: &Record| {
                let name = owner::plain(&record.entry.dns_name);
                names.iter().any(|asked| name.starts_with(asked.as_str()))
            };
            records.extend(self.api.filtered("dns_name__isw", &names, begins)?);
        }
        let keys = list(&ask.keys);
        if !keys.is_empty() && self.keyed() {
            records.extend(self.api.by_keys(&keys)?);
        } else if !keys.is_empty() {
            let marks: Vec<String> = keys.iter().map(|key| answer::mark(key)).collect();
            records.extend(self.api.filtered("description__iew", &marks, |_| true)?);
        }
        let mut addresses: Vec<String> = ask.addresses.iter().map(ToString::to_string).collect();
        addresses.sort_unstable();
        let wanted = |record: &Record| ask.addresses.contains(&record.entry.address);
        records.extend(self.api.filtered("address", &addresses, wanted)?);
        let nets: Vec<String> = ask.within.iter().map(|(_, net)| net.to_string()).collect();
        let inside = |record: &Record| {
            ask.within
                .iter()
                .any(|(_, net)| net.contains(&record.entry.address))
        };
        records.extend(self.api.filtered("parent", &nets, inside)?);
        let mut seen = HashSet::new();
        records.retain(|record| seen.insert(record.entry.id));
        Ok(records)
    }

    fn everything(&self) -> Result<Vec<Record>, Stop> {
        let path = format!("/api/ipam/ip-addresses/?limit=1000&fields={ADDRESS_FIELDS}");
        parsed(self.api.list(&path)?, answer::record)
    }

    /// The body of a new address; its place unless the server chooses.
    fn body(&self, new: &New, chosen: bool) -> Value {
        let mut description = new.description.clone();
        let mut body = json!({
            "dns_name": new.dns_name,
            "tags": new.tags.iter().map(|slug| json!({ "slug": slug })).collect::<Vec<_>>(),
            "changelog_message": self.api.message(),
        });
        if self.keyed() {
            body["custom_fields"] = json!({ FIELD: new.key });
        } else {
            let mark = answer::mark(&new.key);
            let room = 200_usize.saturating_sub(mark.chars().count() + 1);
            description = description.chars().take(room).collect();
            description = format!("{description} {mark}").trim_start().to_owned();
        }
        body["description"] = json!(description);
        if chosen {
            body["address"] = json!(format!("{}/{}", new.address, new.length));
            body["status"] = json!("active");
            body["vrf"] = self
                .vrf_ids
                .get(&new.vrf)
                .map_or(Value::Null, |id| json!(id));
        }
        body
    }

    /// Creates all of `news`, or none.
    fn create(&mut self, news: &[&New]) -> Result<Outcome, Stop> {
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
            Posted::Made(records) => self.verified(news, records, id.is_some()),
            Posted::Unknown(what) => Ok(Outcome::Unknown(what)),
            Posted::Refused(refusal) => {
                let value = answer::json(&refusal).unwrap_or_default();
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
                // Refusals are worded in the user's language, so the keys are asked, not the text.
                let known = self.keyed() && !self.api.by_keys(&keys)?.is_empty();
                match refusal.status {
                    400 if known => Ok(Outcome::Again),
                    400 if id.is_none() && self.is_taken(news)? => Ok(Outcome::Again),
                    409 => Ok(Outcome::Again),
                    _ => Err(self.api.denied(&refusal, "POST", &path)),
                }
            }
        }
    }

    fn is_taken(&self, news: &[&New]) -> Result<bool, Stop> {
        Ok(!self.at(news.iter().map(|new| new.address))?.is_empty())
    }

    /// The records of these addresses.
    fn at(&self, addresses: impl Iterator<Item = core::net::IpAddr>) -> Result<Vec<Record>, Stop> {
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
        by_server: bool,
    ) -> Result<Outcome, Stop> {
        for (new, record) in news.iter().zip(&records) {
            let entry = &record.entry;
            let place = match new.any_of {
                Some(net) if by_server => net.contains(&entry.address),
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
        let others = self.at(records.iter().map(|record| record.entry.address))?;
        let beaten = |record: &Record| {
            let same = |other: &&Record| {
                other.entry.address == record.entry.address
                    && other.entry.vrf == record.entry.vrf
                    && !SHARED_ROLES.contains(&other.entry.role.as_str())
            };
            others
                .iter()
                .filter(same)
                .any(|other| other.entry.id < record.entry.id)
        };
        if records.iter().any(beaten) {
            for record in &records {
                self.api.delete(record)?;
            }
            return Ok(Outcome::Again);
        }
        Ok(Outcome::Made(records))
    }

    /// One change of a record that exists.
    fn modify(&self, change: &Change) -> Result<Made, Stop> {
        let (Change::Adopt(id, _) | Change::Mark(id, ..) | Change::Delete(id)) = change else {
            return Ok(Made {
                id: None,
                address: None,
            });
        };
        let Some(record) = self.records.get(id) else {
            return Err(Stop::outside(anyhow!("record {} was not read", id.0)));
        };
        match change {
            Change::Adopt(_, key) if self.keyed() => {
                self.api
                    .patch(record, json!({ "custom_fields": { FIELD: key } }))?;
            }
            Change::Adopt(_, key) => {
                let description = format!("{} {}", record.description, answer::mark(key));
                self.api
                    .patch(record, json!({ "description": description.trim_start() }))?;
            }
            Change::Mark(_, status, comments, key) => {
                let mut fields = json!({ "status": status, "comments": comments });
                match key {
                    Some(key) if self.keyed() => fields["custom_fields"] = json!({ FIELD: key }),
                    Some(key) => {
                        let text = format!("{} {}", record.description, answer::mark(key));
                        fields["description"] = json!(text.trim_start());
                    }
                    None => {}
                }
                self.api.patch(record, fields)?;
            }
            _ => self.api.delete(record)?,
        }
        Ok(Made {
            id: Some(*id),
            address: None,
        })
    }
}

/// How creating went.
enum Outcome {
    Made(Vec<Record>),
    Again,
    Unknown(String),
}

impl Ipam for NetBox {
    fn networks(&mut self) -> Result<Networks, Stop> {
        let prefixes =
            "/api/ipam/prefixes/?limit=1000&fields=id,prefix,vrf,vlan,status,is_pool,mark_utilized";
        let ranges = "/api/ipam/ip-ranges/?limit=1000&fields=id,start_address,end_address,vrf,status,mark_populated,mark_utilized";
        let page = format!("/api/ipam/ip-addresses/?limit={SNAPSHOT}&fields={ADDRESS_FIELDS}");
        let api = &self.api;
        // Three questions that do not depend on each other, asked at once.
        let (prefixes, ranges, page) = thread::scope(|scope| {
            let prefixes = scope.spawn(|| api.list(prefixes));
            let ranges = scope.spawn(|| api.list(ranges));
            let page = api.page(&page);
            (joined(prefixes.join()), joined(ranges.join()), page)
        });
        let (prefixes, ranges, (page, more)) = (prefixes?, ranges?, page?);
        for value in &prefixes {
            let prefix = parsed(vec![value.clone()], answer::prefix)?.remove(0);
            let (vrf, id) = answer::ids(value);
            self.vrf_ids.extend(vrf.map(|id| (prefix.vrf.clone(), id)));
            self.prefix_ids
                .extend(id.map(|id| ((prefix.vrf.clone(), prefix.net), id)));
        }
        for value in &ranges {
            let range = parsed(vec![value.clone()], answer::range)?.remove(0);
            self.vrf_ids
                .extend(answer::ids(value).0.map(|id| (range.vrf.clone(), id)));
        }
        let records = parsed(page, answer::record)?;
        self.learn(&records);
        self.snapshot = Some(Snapshot {
            records,
            complete: more.is_none(),
        });
        Ok(Networks {
            prefixes: parsed(prefixes, answer::prefix)?,
            ranges: parsed(ranges, answer::range)?,
        })
    }

    fn look(&mut self, ask: &Ask) -> Result<View, Stop> {
        let records = match self.snapshot.take() {
            Some(snapshot) if snapshot.complete => snapshot.records,
            _ if ask.all || ask.keyed || ask.within.len() > 8 => self.everything()?,
            _ => self.questions(ask)?,
        };
        self.learn(&records);
        let view = view(&records, ask);
        self.records = records
            .into_iter()
            .map(|record| (record.entry.id, record))
            .collect();
        Ok(view)
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Applied, Stop> {
        let news: Vec<&New> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Create(new) => Some(new),
                _ => None,
            })
            .collect();
        let mut created = match self.create(&news)? {
            Outcome::Made(records) => records.into_iter(),
            Outcome::Again => return Ok(Applied::Again),
            Outcome::Unknown(what) => return Ok(Applied::Unknown(what)),
        };
        let mut made: Vec<Option<Made>> = Vec::new();
        let mut failed = None;
        for change in changes {
            made.push(match change {
                Change::Create(_) => created.next().map(|Record { entry, .. }| Made {
                    id: Some(entry.id),
                    address: Some(entry.address),
                }),
                _ if failed.is_some() => None,
                _ => self.modify(change).map_err(|stop| failed = Some(stop)).ok(),
            });
        }
        match failed {
            None => Ok(Applied::Done(made.into_iter().flatten().collect())),
            Some(stop) if made.iter().all(Option::is_none) => Err(stop),
            Some(stop) => Ok(Applied::Partly(made, stop)),
        }
    }

    fn has_ids(&self) -> bool {
        true
    }
}

/// The address below which NetBox's API is; people also name the API's own.
fn base(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/api").unwrap_or(url)
}

fn joined<T>(result: thread::Result<Result<T, Stop>>) -> Result<T, Stop> {
    result.unwrap_or_else(|_| Err(Stop::outside(anyhow!("a request broke off"))))
}

fn parsed<T>(
    values: Vec<Value>,
    parse: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, Stop> {
    let parsed: Result<Vec<T>, String> = values.iter().map(parse).collect();
    parsed.map_err(|what| Stop::outside(anyhow!("NetBox: {what}")))
}

/// What was asked for, out of the records that came.
fn view(records: &[Record], ask: &Ask) -> View {
    let mut view = View::default();
    for record in records {
        let entry: &Entry = &record.entry;
        let bits = span::bits(entry.address);
        let inside = |(vrf, net): &(Vrf, IpNet)| {
            *vrf == entry.vrf
                && Family::of(net.addr()) == Family::of(entry.address)
                && Span::of(*net).contains(bits)
        };
        if ask.within.iter().any(inside) {
            let table = (entry.vrf.clone(), Family::of(entry.address));
            view.taken.entry(table).or_default().push(bits);
        }
        if is_asked_for(ask, entry.key.as_deref(), &entry.dns_name, entry.address) {
            view.entries.push(entry.clone());
        }
    }
    for taken in view.taken.values_mut() {
        taken.sort_unstable();
        taken.dedup();
    }
    view
}

/// What an admin may paste into a shell, with the token left to the environment.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
