//! The address of one request after the other, each out of what is left.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use super::{
    drift::Drift,
    grant::{Grant, Naming},
};
use crate::{
    ipam::{Change, Entry, EntryId, New, View, Vrf},
    refused::{Code, Refused},
    request::{Fallback, Request, Wanted},
    scope::{Pool, Scope, listed},
    span::{Family, Span, Spans},
};

/// Addresses as they are given out one after the other.
pub(super) struct Choice<'a> {
    pub(super) view: &'a View,
    pub(super) naming: &'a Naming,
    pub(super) skip: usize,
    pub(super) given: BTreeSet<(Vrf, Family, u128)>,
    pub(super) adopted: BTreeSet<EntryId>,
    /// The records of owners that get another address instead of theirs.
    pub(super) moving: HashMap<String, &'a Entry>,
    /// Below this number, nothing is free in the scope of that name.
    pub(super) cursors: HashMap<String, u128>,
}

impl Choice<'_> {
    /// The owner's own address, one to adopt, or the wanted one; none if a free one is to be found.
    pub(super) fn without_searching(
        &mut self,
        request: &Request,
        pool: &Pool,
    ) -> Result<Option<Grant>, Refused> {
        if let Some(grant) = self.own(request, pool)? {
            return Ok(Some(grant));
        }
        if !self.moving.contains_key(request.owner.key()) {
            self.not_another_s(&request.owner)?;
            if let Some(grant) = self.adopted(request, pool)? {
                return Ok(Some(grant));
            }
            if let Some(unfit) = &request.fields.labels.unfit {
                return Err(unfit.clone());
            }
        }
        if let (Some(own), true) = (request.fields.wanted, request.fields.own) {
            let scope = pool.with(own)?;
            let (bits, told) = scope.check_own(own)?;
            let bits = self.not_taken(bits, scope)?;
            return Ok(Some(Grant {
                told,
                ..self.give(bits, request, scope)
            }));
        }
        if let Some(closed) = pool.closed() {
            return Err(closed.clone());
        }
        let Some(wanted) = request.fields.wanted else {
            return Ok(self.of_site(request, pool));
        };
        let free = self.wanted(wanted, pool);
        match (free, request.fields.fallback.unwrap_or_default()) {
            (Ok((scope, bits)), _) => Ok(Some(self.give(bits, request, scope))),
            (Err(_), Fallback::Next) => Ok(None),
            (Err(refused), Fallback::Error) => Err(refused),
        }
    }

    /// The scope and the number of a wanted address that can be had.
    fn wanted<'p>(&self, wanted: Wanted, pool: &'p Pool) -> Result<(&'p Scope, u128), Refused> {
        let scope = pool.with(wanted)?;
        if let Some(closed) = &scope.closed {
            return Err(closed.clone());
        }
        let bits = scope.check(wanted)?;
        Ok((scope, self.not_taken(bits, scope)?))
    }

    /// The address that the site has for a member of a pair, if it can be had here.
    fn of_site(&mut self, request: &Request, pool: &Pool) -> Option<Grant> {
        let wanted = Wanted {
            address: request.of_site?,
            length: None,
        };
        let (scope, bits) = self.wanted(wanted, pool).ok()?;
        Some(self.give(bits, request, scope))
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
        let here = |entry: &&Entry| entry.address == address && entry.vrf == scope.vrf;
        let Some(entry) = self.view.entries.iter().find(here) else {
            let all = self.view.taken_in(&scope.vrf, scope.net());
            if all.binary_search(&bits).is_err() {
                return Ok(bits);
            }
            let unseen = if self.view.unseen {
                ", which the token may not see"
            } else {
                ""
            };
            return taken(format!("{address} has a record already{unseen}"));
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

    /// The lowest free address of the first scope that has one.
    pub(super) fn next(
        &mut self,
        request: &Request,
        pool: &Pool,
        asked: &HashMap<String, usize>,
    ) -> Result<Grant, Refused> {
        for scope in pool.open() {
            if let Some(bits) = self.free_in(scope) {
                return Ok(self.give_free(bits, request, scope));
            }
        }
        let asked = asked.get(&pool.to_string()).copied().unwrap_or(1);
        Err(self.exhausted(pool, asked))
    }

    /// The lowest free address of the scope that nobody was given yet.
    fn free_in(&mut self, scope: &Scope) -> Option<u128> {
        let taken = self.view.taken_in(&scope.vrf, scope.net());
        let (room, closed) = self.open(scope);
        let name = scope.to_string();
        let mut from = match self.cursors.get(&name) {
            Some(cursor) => *cursor,
            None => self.start(room, &closed, taken),
        };
        let mut skipped = self.skip > 0;
        loop {
            let Some(bits) = closed.lowest_free(room, from, taken) else {
                if skipped {
                    // Better one that others may try, too, than none.
                    (skipped, from) = (false, 0);
                    continue;
                }
                return None;
            };
            let Some(after) = bits.checked_add(1) else {
                return Some(bits);
            };
            self.cursors.insert(name.clone(), after);
            if !self
                .given
                .contains(&(scope.vrf.clone(), scope.family, bits))
            {
                return Some(bits);
            }
            from = after;
        }
    }

    /// What no address is left of.
    fn exhausted(&self, pool: &Pool, asked: usize) -> Refused {
        let free = |scope: &Scope| {
            let (_, closed) = self.open(scope);
            closed.count_free(scope.room, self.view.taken_in(&scope.vrf, scope.net()))
        };
        let scopes: Vec<&Scope> = pool.open().collect();
        exhausted(&scopes, scopes.iter().map(|scope| free(scope)).sum(), asked)
    }

    /// What of a scope is known, and what in it can't be given, records that are seen left out.
    fn open<'a>(&self, scope: &'a Scope) -> (Span, Cow<'a, Spans>) {
        match self.view.known.get(&scope.place()) {
            None => (scope.room, Cow::Borrowed(&scope.excluded)),
            Some(known) => {
                let room = scope.room.within(Span::new(0, known.to));
                (room, Cow::Owned(known.closed.union(&scope.excluded)))
            }
        }
    }

    /// Where the search in a scope begins: behind the free addresses to be skipped.
    fn start(&self, room: Span, closed: &Spans, taken: &[u128]) -> u128 {
        let mut from = 0;
        for _ in 0..self.skip {
            let next = closed.lowest_free(room, from, taken);
            match next.and_then(|bits| bits.checked_add(1)) {
                Some(after) if after <= room.last => from = after,
                _ => return 0,
            }
        }
        from
    }

    /// As [`Self::give`]; if nothing but records keeps addresses of the prefix back,
    /// any free one would do.
    fn give_free(&mut self, bits: u128, request: &Request, scope: &Scope) -> Grant {
        let mut grant = self.give(bits, request, scope);
        let taken = self.view.taken_in(&scope.vrf, scope.net());
        let known = self.view.known.get(&scope.place());
        let closed = known.map(|known| known.closed.clone()).unwrap_or_default();
        let recorded = closed.count_free(scope.room, taken);
        let free = closed.union(&scope.excluded).count_free(scope.room, taken);
        let open = scope.range.is_none() && free == recorded;
        if let (Some(Change::Create(new)), true) = (&mut grant.change, open) {
            new.any_of = grant.prefix;
        }
        grant
    }

    fn give(&mut self, bits: u128, request: &Request, scope: &Scope) -> Grant {
        self.given.insert((scope.vrf.clone(), scope.family, bits));
        let address = scope.family.address(bits);
        if let Some(entry) = self.moving.get(request.owner.key()) {
            return self.moved(entry, bits, request, scope);
        }
        let dns_name = request.owner.dns_name(self.naming.domain.as_deref());
        let new = New {
            address,
            length: scope.length,
            vrf: scope.vrf.clone(),
            dns_name: dns_name.clone(),
            key: request.owner.key().to_owned(),
            description: request.fields.description.clone().unwrap_or_default(),
            tags: request.fields.tags.clone().unwrap_or_default(),
            labels: request.fields.labels.clone(),
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
            told: Vec::new(),
            own: request.fields.own,
            instead_of: None,
            drift: Drift::default(),
            done: false,
        }
    }
}

fn exhausted(scopes: &[&Scope], free: u128, asked: usize) -> Refused {
    let size: u128 = scopes.iter().map(|scope| scope.room.count()).sum();
    let (is, has) = match scopes.len() {
        1 => ("is", "has"),
        _ => ("are", "have"),
    };
    let alone = scopes.first().filter(|_| scopes.len() == 1);
    let name = listed(scopes.iter());
    let kept = alone.and_then(|scope| scope.avoided());
    let kept = kept.map_or(String::new(), |(who, kept)| {
        format!("; {who} keeps {kept} of them")
    });
    let message = match (free, alone.filter(|scope| scope.is_carved_up())) {
        (0, Some(scope)) => format!(
            "{name} has none to give: all its addresses are in {}, which were not asked for",
            scope.children()
        ),
        (0, None) => format!("{name} {is} full: {size} usable addresses, none free{kept}"),
        (1, _) => format!("{name} {has} 1 free address, {asked} were asked for"),
        (free, _) => format!("{name} {has} {free} free addresses, {asked} were asked for"),
    };
    Refused::new(Code::Exhausted, message)
}
