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
    scope::Scope,
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
        scope: &Scope,
    ) -> Result<Option<Grant>, Refused> {
        if let Some(grant) = self.own(request, scope)? {
            return Ok(Some(grant));
        }
        if !self.moving.contains_key(request.owner.key()) {
            self.not_another_s(&request.owner)?;
            if let Some(grant) = self.adopted(request, scope)? {
                return Ok(Some(grant));
            }
            if let Some(unfit) = &request.fields.labels.unfit {
                return Err(unfit.clone());
            }
        }
        if let (Some(own), true) = (request.fields.wanted, request.fields.own) {
            let (bits, told) = scope.check_own(own)?;
            let bits = self.not_taken(bits, scope)?;
            return Ok(Some(Grant {
                told,
                ..self.give(bits, request, scope)
            }));
        }
        if let Some(closed) = &scope.closed {
            return Err(closed.clone());
        }
        let Some(wanted) = request.fields.wanted else {
            return Ok(self.of_site(request, scope));
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

    /// The address that the site has for a member of a pair, if it can be had here.
    fn of_site(&mut self, request: &Request, scope: &Scope) -> Option<Grant> {
        let wanted = Wanted {
            address: request.of_site?,
            length: None,
        };
        let bits = scope.check(wanted).ok()?;
        let bits = self.not_taken(bits, scope).ok()?;
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

    /// The lowest free address of the scope.
    pub(super) fn next(
        &mut self,
        request: &Request,
        scope: &Scope,
        asked: &HashMap<String, usize>,
    ) -> Result<Grant, Refused> {
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
                let asked = asked.get(&name).copied().unwrap_or(1);
                return Err(exhausted(scope, &closed, taken, asked));
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

fn exhausted(scope: &Scope, closed: &Spans, taken: &[u128], asked: usize) -> Refused {
    let free = closed.count_free(scope.room, taken);
    let size = scope.room.count();
    let kept = match scope.avoided() {
        None => String::new(),
        Some((who, kept)) => format!("; {who} keeps {kept} of them"),
    };
    let message = match free {
        0 if scope.is_carved_up() => format!(
            "{scope} has none to give: all its addresses are in {}, which were not asked for",
            scope.children()
        ),
        0 => format!("{scope} is full: {size} usable addresses, none free{kept}"),
        1 => format!("{scope} has 1 free address, {asked} were asked for"),
        free => format!("{scope} has {free} free addresses, {asked} were asked for"),
    };
    Refused::new(Code::Exhausted, message)
}
