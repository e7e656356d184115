//! What the IPAM has for an owner already: its own address, one without an owner
//! that bears its name, or somebody else's that does.

use super::{choice::Choice, drift::Drift, grant::Grant};
use crate::{
    ipam::{Change, Entry},
    owner::{self, Owner},
    pending,
    refused::{Code, Refused},
    request::{Fallback, Request},
    retired,
    scope::{Pool, Scope},
    shared,
    span::{self, Family},
};

impl<'a> Choice<'a> {
    /// The address that the owner has already.
    /// None, too, if it is to get another one: then [`Choice::moving`] has its record.
    pub(super) fn own(&mut self, request: &Request, pool: &Pool) -> Result<Option<Grant>, Refused> {
        let (key, entries) = (request.owner.key(), &self.view.entries);
        let has = |entry: &&Entry| {
            let owner = entry
                .key
                .as_deref()
                .is_some_and(|key| request.owner.has(key));
            owner && Family::of(entry.address) == pool.family()
        };
        // The key that a new address would get may be that of one of the other family.
        let same_key = |entry: &&Entry| entry.key.as_deref() == Some(key);
        let mut own = entries.iter().filter(has);
        let first = own.next().or_else(|| entries.iter().find(same_key));
        let Some(entry) = first else {
            return Ok(None);
        };
        let taken = |what: String| Err(Refused::new(Code::NameTaken, what));
        if let Some(other) = own.next() {
            return taken(format!(
                "{} has several addresses: {entry}, {other}",
                request.owner
            ));
        }
        let Some(scope) = pool.holding(entry.address, &entry.vrf) else {
            return taken(format!(
                "{} has {entry} already, which is not in {pool}",
                request.owner
            ));
        };
        let domain = self.naming.domain.as_deref();
        if request.owner.is_in_another_domain(&entry.dns_name, domain) {
            let asked = request.owner.dns_name(domain);
            let named = owner::plain(&entry.dns_name);
            let owner = &request.owner;
            return taken(format!("{owner} is {named}'s ({entry}), not {asked}'s"));
        }
        if let Some(keeper) = self.keeper(entry) {
            if !self.naming.reassign || request.fields.own {
                return Err(shared_address(entry, keeper, &request.owner));
            }
            self.moving.insert(key.to_owned(), entry);
            return Ok(None);
        }
        let fallback = request.fields.fallback.unwrap_or_default();
        match request.fields.wanted {
            Some(wanted) if wanted.address != entry.address && fallback == Fallback::Error => {
                taken(format!(
                    "{} has {entry} already, not {}",
                    request.owner, wanted.address
                ))
            }
            _ => Ok(Some(Grant {
                change: pending::completion(entry).or_else(|| retired::revival(entry)),
                ..self.kept(entry, request, scope)
            })),
        }
    }

    /// An address without an owner that bears this name: to be adopted, or a reason to stop.
    pub(super) fn adopted(
        &mut self,
        request: &Request,
        pool: &Pool,
    ) -> Result<Option<Grant>, Refused> {
        let domain = self.naming.domain.as_deref();
        let nameless =
            |entry: &&Entry| entry.key.is_none() && Family::of(entry.address) == pool.family();
        let named = |entry: &&Entry| request.owner.is_named(&entry.dns_name, domain);
        let all = self.view.entries.iter().filter(nameless).filter(named);
        let (inside, outside): (Vec<&Entry>, Vec<&Entry>) =
            all.partition(|entry| pool.holding(entry.address, &entry.vrf).is_some());
        let unowned = |what: String| Err(Refused::new(Code::Unowned, what));
        let wanted = request.fields.wanted.map(|wanted| wanted.address);
        let chosen = match (inside.as_slice(), outside.as_slice()) {
            ([], []) => return Ok(None),
            ([], [entry, ..]) => {
                return unowned(format!(
                    "{entry} bears the name {} but has no owner, and is not in {pool}",
                    entry.dns_name
                ));
            }
            ([one], _) => *one,
            (several, _) => match several.iter().find(|entry| Some(entry.address) == wanted) {
                Some(entry) => *entry,
                None => {
                    let all: Vec<_> = several.iter().map(ToString::to_string).collect();
                    let (name, all) = (request.owner.name(), all.join(", "));
                    return unowned(format!(
                        "several addresses bear the name {name} and have no owner: {all}"
                    ));
                }
            },
        };
        if chosen.is_shared() {
            return unowned(format!(
                "{chosen} bears the name {} but is a shared address (role {}), not a guest's",
                chosen.dns_name, chosen.role
            ));
        }
        if let Some(keeper) = self.keeper_once_owned(chosen) {
            let message = format!(
                "{chosen} bears the name {}, but {} has that address, too, and keeps it",
                chosen.dns_name,
                shared::whose(keeper)
            );
            return Err(Refused::new(Code::SharedAddress, message));
        }
        if !self.naming.adopt {
            return unowned(format!(
                "{chosen} bears the name {} but has no owner; --adopt makes it {}'s",
                chosen.dns_name, request.owner
            ));
        }
        if let Some(wanted) = wanted.filter(|wanted| *wanted != chosen.address)
            && request.fields.fallback.unwrap_or_default() == Fallback::Error
        {
            let message = format!("{} has {chosen} already, not {wanted}", request.owner);
            return Err(Refused::new(Code::NameTaken, message));
        }
        if !self.adopted.insert(chosen.id) {
            let message = format!("{chosen} goes to another request of the batch");
            return Err(Refused::new(Code::AddressTaken, message));
        }
        let scope = pool.holding(chosen.address, &chosen.vrf);
        let scope = scope.unwrap_or(pool.first()); // it is inside
        let key = request.owner.key().to_owned();
        let change = match retired::revival(chosen) {
            Some(Change::Mark(id, status, comments, _)) => {
                Change::Mark(id, status, comments, Some(key))
            }
            _ => Change::Adopt(chosen.id, key),
        };
        Ok(Some(Grant {
            change: Some(change),
            ..self.kept(chosen, request, scope)
        }))
    }

    /// The owner's name is not in the DNS for somebody else's address: one host that goes by two
    /// names, with and without its domain, would get two. Interfaces of one name share it.
    pub(super) fn not_another_s(&self, owner: &Owner) -> Result<(), Refused> {
        let domain = self.naming.domain.as_deref();
        let another_s = |entry: &&Entry| {
            let key = entry.key.as_deref();
            key.is_some_and(|key| owner::parts(key).0 != owner.name())
                && owner.is_called(&entry.dns_name, domain)
        };
        let Some(entry) = self.view.entries.iter().find(another_s) else {
            return Ok(());
        };
        let (name, key) = (&entry.dns_name, entry.key.as_deref().unwrap_or_default());
        let message =
            format!("{entry} bears the name {name} already and is {key}'s, not {owner}'s");
        Err(Refused::new(Code::NameTaken, message))
    }

    /// The record that keeps the address of `entry`, if another one does. Who has just been
    /// given an address gives way to everybody: the other may have been told that it is theirs.
    /// One that is still to get its role is a case of its own, see [`pending::keeper`].
    fn keeper(&self, entry: &Entry) -> Option<&'a Entry> {
        let entries = &self.view.entries;
        if self.view.done.contains(&entry.id) {
            return shared::besides(entry, entries).next();
        }
        match pending::role(entry) {
            Some(_) => pending::keeper(entry, entries),
            None => shared::keeper(entry, entries),
        }
    }

    /// The same of `chosen`, which has no owner yet, once it has one: a record of another owner with
    /// a role that hosts share stands against it only then, whichever was first; its owner has been
    /// told that the address is theirs.
    fn keeper_once_owned(&self, chosen: &Entry) -> Option<&'a Entry> {
        let is_guest_s = |other: &&Entry| other.key.is_some() && other.is_shared();
        let mut besides = shared::besides(chosen, &self.view.entries);
        self.keeper(chosen).or_else(|| besides.find(is_guest_s))
    }

    /// Another address for a record that exists.
    pub(super) fn moved(
        &self,
        entry: &Entry,
        bits: u128,
        request: &Request,
        scope: &Scope,
    ) -> Grant {
        let address = scope.family.address(bits);
        let revived = match retired::revival(entry) {
            Some(Change::Mark(_, _, comments, _)) => Some(comments),
            _ => None,
        };
        Grant {
            address,
            length: scope.length,
            change: Some(Change::Move(entry.id, (address, scope.length), revived)),
            instead_of: Some(entry.to_string()),
            ..self.kept(entry, request, scope)
        }
    }

    fn kept(&self, entry: &Entry, request: &Request, scope: &Scope) -> Grant {
        let dns_name = if entry.dns_name.is_empty() {
            request.owner.dns_name(self.naming.domain.as_deref())
        } else {
            entry.dns_name.clone()
        };
        Grant {
            id: Some(entry.id),
            address: entry.address,
            length: span::mask(
                entry.address,
                entry.length,
                scope.prefix.as_ref().map(|prefix| prefix.net),
            ),
            prefix: scope.prefix.as_ref().map(|prefix| prefix.net),
            vlan: scope.vlan(),
            dns_name,
            change: None,
            told: Vec::new(),
            own: request.fields.own,
            instead_of: None,
            drift: Drift::of(entry, request, self.naming),
            done: self.view.done.contains(&entry.id),
        }
    }
}

fn shared_address(entry: &Entry, keeper: &Entry, owner: &Owner) -> Refused {
    let message = format!(
        "{owner} has {entry}, but {} has that address, too, and keeps it; --reassign gives {owner} another",
        shared::whose(keeper)
    );
    Refused::new(Code::SharedAddress, message)
}
