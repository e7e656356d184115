//! NetBox as the IPAM. The rules are the same as for files; what differs is that
//! others may act at the same time and that replies may get lost. The owner's key
//! in a unique custom field makes both harmless: NetBox takes a key only once.

use core::net::IpAddr;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
};

use anyhow::anyhow;
use ipnet::IpNet;
use serde_json::Value;
use vmid::{
    exit::{self, Stop},
    http::{Client, Route, Secret},
};

use crate::{
    assign::{Assigned, Facts, Target, Wish},
    cli::{Environment, Source},
    interest::Interest,
    ipam::{Applied, Ask, Change, Entry, EntryId, Ipam, Made, Networks, New, Rejection, View, Vrf},
    known::{Place, Within},
    refused::Refused,
    span::{self, Family, Span},
};

mod answer;
mod api;
mod assign;
mod available;
mod change;
mod complete;
mod create;
mod custom;
pub mod field;
mod look;
mod machines;
mod macs;
mod moved;
mod narrow;
mod networks;
mod pages;
mod primary;
mod query;
mod refusal;
mod version;
mod write;

use answer::{ADDRESS_FIELDS, FIELD, Record};
use api::Api;
use look::Found;
use networks::PLACES;
use write::Outcome;

/// An IPAM with no more addresses than this is read whole, in one request;
/// a larger one is asked for what matters. NetBox 4.7 takes as long for 100 records as for two
/// questions that find nothing.
const SNAPSHOT: usize = 100;

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
    /// What an [`Ask`] after owners was answered with; read beside the networks, used once.
    owners: Option<(Ask, Vec<Record>)>,
    /// Addresses that were refused as taken.
    refused: HashSet<(Vrf, IpAddr)>,
    /// The virtual machines that addresses are to be put onto, as they were before anything was
    /// changed; used once.
    machines: Option<Facts>,
    prefix_ids: HashMap<(Vrf, IpNet), u64>,
    range_ids: HashMap<Place, u64>,
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
        let client = Client::by("ipalloc", base(url), header, &source.connection, &route)
            .map(Client::repeating_writes);
        let client = client.map_err(Stop::input)?;
        // The change log then tells this run from every other one of the same user; NetBox
        // takes 200 characters.
        let actor: String = actor.chars().take(120).collect();
        let run = RandomState::new().hash_one(std::process::id());
        let message = format!("ipalloc {verb} ({actor}, run {run:016x})");
        let token = token.reveal().to_owned();
        Ok(Self::of(Api::new(client, token, message)))
    }

    /// Nothing is known yet.
    fn of(api: Api) -> Self {
        Self {
            api,
            has_field: None,
            warned: false,
            snapshot: None,
            is_small: false,
            owners: None,
            refused: HashSet::new(),
            machines: None,
            prefix_ids: HashMap::new(),
            range_ids: HashMap::new(),
            vrf_ids: HashMap::new(),
            records: HashMap::new(),
            done: HashSet::new(),
        }
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
}

impl Ipam for NetBox {
    fn networks(&mut self, interest: &Interest) -> Result<Networks, Stop> {
        self.read_networks(interest)
    }

    fn custom_fields(
        &mut self,
        given: &[(String, String)],
    ) -> Result<BTreeMap<String, Value>, Stop> {
        self.converted(given)
    }

    fn look(&mut self, ask: &Ask) -> Result<View, Stop> {
        let view = self.view(ask);
        view.map_err(|stop| moved::after_acting(stop, &self.done))
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Applied, Stop> {
        let applied = self.carry_out(changes);
        let stopped = |stop| moved::after_acting(stop, &self.done);
        Ok(match applied.map_err(stopped)? {
            Applied::Again(Some(refusal)) => Applied::Again(Some(Rejection {
                stop: stopped(refusal.stop),
                ..refusal
            })),
            applied => applied,
        })
    }

    fn has_ids(&self) -> bool {
        true
    }

    fn machines(&mut self, wishes: &[&Wish]) -> Result<Vec<Option<Refused>>, Stop> {
        self.where_to_put(wishes)
    }

    fn assign(
        &mut self,
        wishes: &[(&Wish, Target)],
        dry_run: bool,
    ) -> (Vec<Assigned>, Option<Stop>) {
        self.put_all(wishes, dry_run)
    }

    fn macs(&mut self, entries: &[&Entry]) -> Result<HashMap<EntryId, String>, Stop> {
        self.macs_on(entries)
    }
}

impl NetBox {
    fn view(&mut self, ask: &Ask) -> Result<View, Stop> {
        let snapshot = match self.snapshot.take() {
            None if self.is_small => Some(self.page()?),
            snapshot => snapshot,
        };
        self.is_small = snapshot.as_ref().is_some_and(|s| s.complete);
        let (records, mut found) = match snapshot {
            Some(snapshot) if snapshot.complete => (snapshot.records, Found::default()),
            _ if ask.all || ask.keyed || ask.within.len() > PLACES => {
                (self.everything()?, Found::default())
            }
            _ => self.questions(ask)?,
        };
        self.learn(&records);
        let unseen = self.unseen(&records);
        let is_shown = ask.within.iter().any(|place| place.enough.is_none());
        if found.known.is_empty() && (!unseen.is_empty() || is_shown) && ask.within.len() <= PLACES
        {
            found.known = self.available_in(&ask.within)?;
        }
        let mut view = View {
            done: self.done.clone(),
            ..view(&records, ask)
        };
        available::add(&mut view, found, unseen);
        self.records = records
            .into_iter()
            .map(|record| (record.entry.id, record))
            .collect();
        Ok(view)
    }

    fn carry_out(&mut self, changes: &[Change]) -> Result<Applied, Stop> {
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
                Change::Create(_) => created
                    .next()
                    .map(|record| self.completed(&record, &mut failed)),
                Change::Move(id, (address, _), _) => {
                    let moved = || self.moved(*id, *address);
                    self.done.contains(id).then(moved)
                }
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
}

/// A new record as the outcome of a change.
fn made(record: &Record) -> Made {
    Made {
        id: Some(record.entry.id),
        address: Some(record.entry.address),
        ..Made::default()
    }
}

/// The address below which NetBox's API is; people also name the API's own.
fn base(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/api").unwrap_or(url)
}

fn parsed<'a, T>(
    values: impl IntoIterator<Item = &'a Value>,
    parse: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, Stop> {
    let parsed: Result<Vec<T>, String> = values.into_iter().map(parse).collect();
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
