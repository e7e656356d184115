//! Which address each request of a batch gets. Pure: given what the IPAM holds,
//! it decides; nothing is taken here.

use core::net::IpAddr;
use std::collections::{BTreeSet, HashMap};

use ipnet::IpNet;

use crate::{
    ipam::{Ask, Change, Entry, EntryId, Made, Networks, New, View, Vrf},
    owner::{self, Owner},
    refused::{Code, Refused},
    request::{Fallback, Request},
    scope::{Policy, Scope},
    span::Family,
};

mod existing;

/// Roles of addresses that several hosts share (NetBox's values); never a guest's own.
pub(crate) const SHARED_ROLES: [&str; 6] = ["anycast", "carp", "glbp", "hsrp", "vip", "vrrp"];

/// How to treat names.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// The domain of the DNS names.
    pub domain: Option<String>,
    /// Make an address without an owner the guest's that bears its name.
    pub adopt: bool,
}

/// What a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The record's ID, once it has one.
    pub id: Option<EntryId>,
    /// The address.
    pub address: IpAddr,
    /// Its mask.
    pub length: u8,
    /// The prefix that it is in.
    pub prefix: Option<IpNet>,
    /// The VID of that prefix.
    pub vlan: Option<u64>,
    /// The DNS name that is recorded for it.
    pub dns_name: String,
    /// What has to be done; none if the owner has it already.
    pub change: Option<Change>,
}

impl Grant {
    /// Takes over what became of its change.
    pub fn settle(&mut self, made: Option<&Made>) {
        if let Some(made) = made {
            self.id = made.id.or(self.id);
            self.address = made.address.unwrap_or(self.address);
        }
    }
}

/// A batch in the making: each request with its scope, or why it has none.
#[derive(Debug)]
pub struct Batch {
    requests: Vec<Result<(Request, Scope), Refused>>,
}

impl Batch {
    /// Finds the scope of each request and refuses owners that occur twice.
    #[must_use]
    pub fn new(
        requests: Vec<Result<Request, Refused>>,
        networks: &Networks,
        policy: &Policy,
    ) -> Self {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for request in requests.iter().flatten() {
            *seen.entry(request.owner.key()).or_default() += 1;
        }
        let twice: Vec<bool> = requests
            .iter()
            .map(|request| request.as_ref().is_ok_and(|r| seen[r.owner.key()] > 1))
            .collect();
        let scoped = |(request, twice): (Result<Request, Refused>, bool)| {
            let request = request?;
            if twice {
                return Err(duplicate(&request.owner));
            }
            let scope = Scope::of(&request.fields, networks, policy)?;
            Ok((request, scope))
        };
        Self {
            requests: requests.into_iter().zip(twice).map(scoped).collect(),
        }
    }

    /// What must be known of the IPAM's addresses to decide.
    #[must_use]
    pub fn ask(&self, naming: &Naming) -> Ask {
        let mut ask = Ask::default();
        for (request, scope) in self.requests.iter().flatten() {
            ask.keys.insert(request.owner.key().to_owned());
            let domain = naming.domain.as_deref();
            ask.names.extend(request.owner.spellings(domain));
            ask.addresses
                .extend(request.fields.wanted.map(|wanted| wanted.address));
            let within = (scope.vrf.clone(), scope.net());
            if !ask.within.contains(&within) {
                ask.within.push(within);
            }
        }
        ask
    }

    /// What each request gets: all of them something, or none anything.
    ///
    /// `skip` so many free addresses, if there are more: those who were overtaken
    /// spread out, so that they do not all try the same next one again.
    #[must_use]
    pub fn decide(&self, view: &View, naming: &Naming, skip: usize) -> Vec<Result<Grant, Refused>> {
        let mut choice = Choice {
            view,
            naming,
            skip,
            given: BTreeSet::new(),
            adopted: BTreeSet::new(),
            cursors: HashMap::new(),
        };
        let twice = self.called_twice(naming);
        let mut results: Vec<Option<Result<Grant, Refused>>> = Vec::new();
        for request in &self.requests {
            results.push(match request {
                Err(refused) => Some(Err(refused.clone())),
                Ok((request, _)) if twice.contains_key(request.owner.name()) => {
                    let other = &twice[request.owner.name()];
                    let message = format!("the batch has it as {} and as {other}", request.owner);
                    Some(Err(Refused::new(Code::DuplicateName, message)))
                }
                Ok((request, scope)) => choice.without_searching(request, scope).transpose(),
            });
        }
        // Wanted addresses are settled by now, so that no earlier "next free" has taken one.
        let asked = self.asked(&results);
        for (request, result) in self.requests.iter().zip(&mut results) {
            if let (None, Ok((request, scope))) = (&result, request) {
                *result = Some(choice.next(request, scope, &asked));
            }
        }
        let mut results: Vec<_> = results.into_iter().flatten().collect();
        all_or_nothing(&mut results);
        results
    }

    /// The names of hosts that go by another name as well (the value), with and without the domain.
    fn called_twice(&self, naming: &Naming) -> HashMap<&str, &str> {
        let domain = naming.domain.as_deref();
        let (mut first, mut twice) = (HashMap::new(), HashMap::new());
        for (request, _) in self.requests.iter().flatten() {
            let name = request.owner.name();
            let other: &str = first.entry(request.owner.dns_name(domain)).or_insert(name);
            if other != name {
                twice.extend([(name, other), (other, name)]);
            }
        }
        twice
    }

    /// How many addresses of each scope (shown by its name) the batch needs.
    fn asked(&self, results: &[Option<Result<Grant, Refused>>]) -> HashMap<String, usize> {
        let mut asked = HashMap::new();
        let is_new = |grant: &Grant| matches!(grant.change, Some(Change::Create(_)));
        for (request, result) in self.requests.iter().zip(results) {
            let needs = match result {
                None => true,
                Some(result) => result.as_ref().is_ok_and(is_new),
            };
            if let (Ok((_, scope)), true) = (request, needs) {
                *asked.entry(scope.to_string()).or_default() += 1;
            }
        }
        asked
    }
}

/// When one request of a batch is refused, none is granted.
pub fn all_or_nothing<T>(results: &mut [Result<T, Refused>]) {
    if results.iter().any(Result::is_err) {
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = Err(Refused::batch());
        }
    }
}

/// An owner that occurs twice in a batch.
#[must_use]
pub fn duplicate(owner: &Owner) -> Refused {
    let message = format!("the batch has more than one request for {owner}");
    Refused::new(Code::DuplicateName, message)
}

/// Addresses as they are given out one after the other.
struct Choice<'a> {
    view: &'a View,
    naming: &'a Naming,
    skip: usize,
    given: BTreeSet<(Vrf, Family, u128)>,
    adopted: BTreeSet<EntryId>,
    /// Below this number, nothing is free in the scope of that name.
    cursors: HashMap<String, u128>,
}

impl Choice<'_> {
    /// The owner's own address, one to adopt, or the wanted one; none if a free one is to be found.
    fn without_searching(
        &mut self,
        request: &Request,
        scope: &Scope,
    ) -> Result<Option<Grant>, Refused> {
        if let Some(grant) = self.own(request, scope)? {
            return Ok(Some(grant));
        }
        self.not_another_s(&request.owner)?;
        if let Some(grant) = self.adopted(request, scope)? {
            return Ok(Some(grant));
        }
        if let Some(closed) = &scope.closed {
            return Err(closed.clone());
        }
        let Some(wanted) = request.fields.wanted else {
            return Ok(None);
        };
        let free = scope
            .check(wanted)
            .and_then(|bits| self.not_taken(bits, scope));
        match (free, request.fields.fallback.unwrap_or_default()) {
            (Ok(bits), _) => Ok(Some(self.give(bits, request, scope))),
            (Err(_), Fallback::Next) => Ok(None),
            (Err(refused), Fallback::Error) => Err(refused),
        }
    }

    /// Nobody has the address: no record, no other request of the batch.
    fn not_taken(&self, bits: u128, scope: &Scope) -> Result<u128, Refused> {
        let address = scope.family.address(bits);
        let taken = |what: String| Err(Refused::new(Code::AddressTaken, what));
        if self
            .given
            .contains(&(scope.vrf.clone(), scope.family, bits))
        {
            return taken(format!("{address} goes to another request of the batch"));
        }
        if self
            .view
            .taken_in(&scope.vrf, scope.net())
            .binary_search(&bits)
            .is_err()
        {
            return Ok(bits);
        }
        let here = |entry: &&Entry| entry.address == address && entry.vrf == scope.vrf;
        let Some(entry) = self.view.entries.iter().find(here) else {
            return taken(format!("{address} has a record already"));
        };
        let whose = match (&entry.key, entry.dns_name.as_str()) {
            (Some(key), _) => format!(", of {key}"),
            (None, "") => String::new(),
            (None, name) => format!(", named {name}"),
        };
        taken(format!(
            "{address} has a record already{whose} ({})",
            entry.status
        ))
    }

    /// The lowest free address of the scope.
    fn next(
        &mut self,
        request: &Request,
        scope: &Scope,
        asked: &HashMap<String, usize>,
    ) -> Result<Grant, Refused> {
        let taken = self.view.taken_in(&scope.vrf, scope.net());
        let name = scope.to_string();
        let mut from = match self.cursors.get(&name) {
            Some(cursor) => *cursor,
            None => self.start(scope, taken),
        };
        let mut skipped = self.skip > 0;
        loop {
            let Some(bits) = scope.excluded.lowest_free(scope.room, from, taken) else {
                if skipped {
                    // Better one that others may try, too, than none.
                    (skipped, from) = (false, 0);
                    continue;
                }
                let asked = asked.get(&name).copied().unwrap_or(1);
                return Err(exhausted(scope, taken, asked));
            };
            let Some(after) = bits.checked_add(1) else {
                return Ok(self.give_free(bits, request, scope));
            };
            self.cursors.insert(name.clone(), after);
            if !self
                .given
                .contains(&(scope.vrf.clone(), scope.family, bits))
            {
                return Ok(self.give_free(bits, request, scope));
            }
            from = after;
        }
    }

    /// Where the search in a scope begins: behind the free addresses to be skipped.
    fn start(&self, scope: &Scope, taken: &[u128]) -> u128 {
        let mut from = 0;
        for _ in 0..self.skip {
            let next = scope.excluded.lowest_free(scope.room, from, taken);
            match next.and_then(|bits| bits.checked_add(1)) {
                Some(after) if after <= scope.room.last => from = after,
                _ => return 0,
            }
        }
        from
    }

    /// As [`Self::give`]; if nothing but records keeps addresses of the prefix back,
    /// any free one would do.
    fn give_free(&mut self, bits: u128, request: &Request, scope: &Scope) -> Grant {
        let mut grant = self.give(bits, request, scope);
        let taken = scope
            .room
            .slice(self.view.taken_in(&scope.vrf, scope.net()));
        let free = scope.excluded.count_free(scope.room, taken);
        let open = scope.range.is_none() && free + taken.len() as u128 == scope.room.count();
        if let (Some(Change::Create(new)), true) = (&mut grant.change, open) {
            new.any_of = grant.prefix;
        }
        grant
    }

    fn give(&mut self, bits: u128, request: &Request, scope: &Scope) -> Grant {
        self.given.insert((scope.vrf.clone(), scope.family, bits));
        let address = scope.family.address(bits);
        let dns_name = request.owner.dns_name(self.naming.domain.as_deref());
        let new = New {
            address,
            length: scope.length,
            vrf: scope.vrf.clone(),
            dns_name: dns_name.clone(),
            key: request.owner.key().to_owned(),
            description: request.fields.description.clone().unwrap_or_default(),
            tags: request.fields.tags.clone().unwrap_or_default(),
            any_of: None,
        };
        Grant {
            id: None,
            address,
            length: scope.length,
            prefix: scope.prefix.as_ref().map(|prefix| prefix.net),
            vlan: scope.vlan(),
            dns_name,
            change: Some(Change::Create(new)),
        }
    }
}

fn exhausted(scope: &Scope, taken: &[u128], asked: usize) -> Refused {
    let free = scope.excluded.count_free(scope.room, taken);
    let size = scope.room.count();
    let message = match free {
        0 => format!("{scope} is full: {size} usable addresses, none free"),
        1 => format!("{scope} has 1 free address, {asked} were asked for"),
        free => format!("{scope} has {free} free addresses, {asked} were asked for"),
    };
    Refused::new(Code::Exhausted, message)
}

/// The entries that bear a name, for messages.
#[must_use]
pub fn bearing<'a>(owner: &Owner, view: &'a View) -> Vec<&'a Entry> {
    let named = |entry: &&Entry| entry.key.is_none() && owner.is_named(&entry.dns_name, None);
    view.entries.iter().filter(named).collect()
}

/// An entry matches an ask: what every back end must give.
#[must_use]
pub fn is_asked_for(ask: &Ask, key: Option<&str>, dns_name: &str, address: IpAddr) -> bool {
    if ask.all || (ask.keyed && key.is_some()) || key.is_some_and(|key| ask.keys.contains(key)) {
        return true;
    }
    if !ask.addresses.is_empty() && ask.addresses.contains(&address) {
        return true;
    }
    if ask.names.is_empty() || dns_name.is_empty() {
        return false;
    }
    let name = owner::plain(dns_name);
    ask.names.contains(&*name) || ask.names.contains(owner::first_label(&name))
}

#[cfg(test)]
mod tests;
