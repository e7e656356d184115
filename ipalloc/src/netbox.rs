//! NetBox as the IPAM. The rules are the same as for files; what differs is that
//! others may act at the same time and that replies may get lost. The owner's key
//! in a unique custom field makes both harmless: NetBox takes a key only once.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    thread,
};

use anyhow::anyhow;
use ipnet::IpNet;
use serde_json::Value;
use vmid::{
    exit::{self, Stop},
    http::{Client, Route, Secret},
};

use crate::{
    cli::{Environment, Source},
    interest::Interest,
    ipam::{Applied, Ask, Change, Entry, EntryId, Ipam, Made, Networks, New, View, Vrf},
    known::Within,
    owner,
    span::{self, Family, Span},
};

mod answer;
mod api;
mod change;
mod create;
pub mod field;
mod moved;
mod refusal;
mod version;
mod write;

use answer::{ADDRESS_FIELDS, FIELD, Record};
use api::Api;
use write::Outcome;

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
    /// The first addresses; read beside the networks, used once.
    snapshot: Option<Snapshot>,
    /// These were all.
    is_small: bool,
    prefix_ids: HashMap<(Vrf, IpNet), u64>,
    vrf_ids: HashMap<Vrf, u64>,
    records: HashMap<EntryId, Record>,
    /// What this run has made or moved.
    done: HashSet<EntryId>,
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
        let none = || Stop::input(anyhow!("no token for {}", vmid::url::shown(url))).hint(hint);
        let token = token.ok_or_else(none)?;
        let header = format!("{} {}", api::keyword(token.reveal()), token.reveal());
        let header = Secret::header(header).map_err(Stop::input)?;
        let mut route = Route {
            https_proxy: environment.https_proxy.clone(),
            no_proxy: environment.no_proxy.clone(),
            headers: Vec::new(),
        };
        if let Some(file) = &source.header_file {
            route = route.with_headers(file).map_err(Stop::input)?;
        }
        let client = Client::by("ipalloc", base(url), header, &source.connection, &route);
        let client = client.map_err(Stop::input)?;
        // The change log then tells this run from every other one of the same user; NetBox
        // takes 200 characters.
        let actor: String = actor.chars().take(120).collect();
        let run = RandomState::new().hash_one(std::process::id());
        let message = format!("ipalloc {verb} ({actor}, run {run:016x})");
        Ok(Self {
            api: Api::new(client, token.reveal().to_owned(), message),
            has_field: None,
            warned: false,
            snapshot: None,
            is_small: false,
            prefix_ids: HashMap::new(),
            vrf_ids: HashMap::new(),
            records: HashMap::new(),
            done: HashSet::new(),
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
        let nets: Vec<String> = ask
            .within
            .iter()
            .map(|place| place.net)
            .chain(ask.nets.iter().copied())
            .map(|net| net.to_string())
            .collect();
        let inside = |record: &Record| {
            let nets = ask.within.iter().map(|place| place.net);
            nets.chain(ask.nets.iter().copied())
                .any(|net| net.contains(&record.entry.address))
        };
        records.extend(self.api.filtered("parent", &nets, inside)?);
        records.extend(self.beside(&records, ask)?);
        let mut seen = HashSet::new();
        records.retain(|record| seen.insert(record.entry.id));
        Ok(records)
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

    /// The first addresses, in one request.
    fn page(&self) -> Result<Snapshot, Stop> {
        let path = format!("/api/ipam/ip-addresses/?limit={SNAPSHOT}&fields={ADDRESS_FIELDS}");
        let (page, more) = self.api.page(&path)?;
        Ok(Snapshot {
            records: parsed(page, answer::record)?,
            complete: more.is_none(),
        })
    }

    fn everything(&self) -> Result<Vec<Record>, Stop> {
        let path = format!("/api/ipam/ip-addresses/?limit=1000&fields={ADDRESS_FIELDS}");
        parsed(self.api.list(&path)?, answer::record)
    }
}

impl Ipam for NetBox {
    fn networks(&mut self, _: &Interest) -> Result<Networks, Stop> {
        let prefixes =
            "/api/ipam/prefixes/?limit=1000&fields=id,prefix,vrf,vlan,status,is_pool,mark_utilized";
        let ranges = "/api/ipam/ip-ranges/?limit=1000&fields=id,start_address,end_address,vrf,status,mark_populated,mark_utilized";
        let api = &self.api;
        // Three questions that do not depend on each other, asked at once.
        let (prefixes, ranges, page) = thread::scope(|scope| {
            let prefixes = scope.spawn(|| api.list(prefixes));
            let ranges = scope.spawn(|| api.list(ranges));
            let page = self.page();
            (joined(prefixes.join()), joined(ranges.join()), page)
        });
        let (prefixes, ranges, snapshot) = (prefixes?, ranges?, page?);
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
        self.learn(&snapshot.records);
        self.snapshot = Some(snapshot);
        Ok(Networks {
            prefixes: parsed(prefixes, answer::prefix)?,
            ranges: parsed(ranges, answer::range)?,
        })
    }

    fn look(&mut self, ask: &Ask) -> Result<View, Stop> {
        let snapshot = match self.snapshot.take() {
            None if self.is_small => Some(self.page()?),
            snapshot => snapshot,
        };
        self.is_small = snapshot.as_ref().is_some_and(|s| s.complete);
        let records = match snapshot {
            Some(snapshot) if snapshot.complete => snapshot.records,
            _ if ask.all || ask.keyed || ask.within.len() > 8 => self.everything()?,
            _ => self.questions(ask)?,
        };
        self.learn(&records);
        let view = View {
            done: self.done.clone(),
            ..view(&records, ask)
        };
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
            Outcome::Again(refusal) => return Ok(Applied::Again(refusal)),
            Outcome::Unknown(what) => return Ok(Applied::Unknown(what)),
            Outcome::Unverified(records, stop) => {
                let made = records.iter().map(made).collect();
                return Ok(Applied::Unverified(made, stop));
            }
        };
        let mut made: Vec<Option<Made>> = Vec::new();
        let mut failed = None;
        self.done
            .extend(created.as_slice().iter().map(|record| record.entry.id));
        match self.moves(changes) {
            Ok(None) => {}
            Ok(Some(again)) => return Ok(again),
            Err(stop) => failed = Some(stop),
        }
        for change in changes {
            made.push(match change {
                Change::Create(_) => created.next().as_ref().map(self::made),
                Change::Move(id, ..) => self.done.contains(id).then_some(Made {
                    id: Some(*id),
                    ..Made::default()
                }),
                _ if failed.is_some() => None,
                _ => self.modify(change).map_err(|stop| failed = Some(stop)).ok(),
            });
        }
        match failed {
            None => Ok(Applied::Done(made.into_iter().flatten().collect())),
            Some(stop) if made.iter().all(Option::is_none) => Err(stop),
            // Something was changed, so that it is no wrong call any more.
            Some(stop) => Ok(Applied::Partly(made, Stop::outside(anyhow!("{stop}")))),
        }
    }

    fn has_ids(&self) -> bool {
        true
    }
}

/// A new record as the outcome of a change.
fn made(record: &Record) -> Made {
    Made {
        id: Some(record.entry.id),
        address: Some(record.entry.address),
        refused: None,
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
        let inside = |Within { vrf, net, .. }: &Within| {
            *vrf == entry.vrf
                && Family::of(net.addr()) == Family::of(entry.address)
                && Span::of(*net).contains(bits)
        };
        if ask.within.iter().any(inside) {
            let table = (entry.vrf.clone(), Family::of(entry.address));
            view.taken.entry(table).or_default().push(bits);
        }
    }
    let asked = |entry: &Entry| ask.wants(entry.key.as_deref(), &entry.dns_name, entry.address);
    let entries = || records.iter().map(|record| &record.entry);
    let mut addresses = HashSet::new();
    addresses.extend(entries().filter(|e| asked(e)).map(|entry| entry.address));
    let beside = entries().filter(|entry| addresses.contains(&entry.address));
    view.entries.extend(beside.cloned());
    for taken in view.taken.values_mut() {
        taken.sort_unstable();
        taken.dedup();
    }
    view
}
