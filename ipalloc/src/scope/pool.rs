//! The scopes that a request's address may come from: one, or with `--pool` all that fit.

use core::net::IpAddr;
use std::{borrow::Cow, fmt};

use super::{
    Scope,
    find::{self, by_default},
    is_clear,
};
use crate::{
    exclude::Policy,
    ipam::{Networks, Prefix, Vrf},
    refused::{Code, Refused},
    request::{Fields, Wanted},
    span::Family,
};

/// How many prefixes a message names.
const SHOWN: usize = 8;

/// At least one scope, in the order of their addresses; all of one routing table and family.
#[derive(Clone, Debug)]
pub struct Pool {
    first: Scope,
    others: Vec<Scope>,
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listed(self.scopes()))
    }
}

impl Pool {
    /// The scopes that a request means.
    ///
    /// # Errors
    ///
    /// [`Code::NoPrefix`], [`Code::AmbiguousPrefix`].
    pub fn of(fields: &Fields, networks: &Networks, policy: &Policy) -> Result<Self, Refused> {
        is_clear(&fields.among, networks)?;
        if fields.place.range.is_some() {
            return Ok(Self {
                first: of_range(fields, networks, policy)?,
                others: Vec::new(),
            });
        }
        let (first, others) = find::prefixes(fields, networks, policy)?;
        find::own_is_among(fields, first, networks)?;
        let scope = |prefix| of_prefix(prefix, fields, networks, policy);
        Ok(Self {
            first: scope(first),
            others: others.into_iter().map(scope).collect(),
        })
    }

    /// The first of its scopes.
    #[must_use]
    pub fn first(&self) -> &Scope {
        &self.first
    }

    /// All of them.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        [&self.first].into_iter().chain(&self.others)
    }

    /// It has more than one.
    #[must_use]
    pub fn is_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// Those out of which something new is given.
    pub fn open(&self) -> impl Iterator<Item = &Scope> {
        self.scopes().filter(|scope| scope.closed.is_none())
    }

    /// Why nothing new is given out of any.
    #[must_use]
    pub fn closed(&self) -> Option<&Refused> {
        let none = self.open().next().is_none();
        self.first.closed.as_ref().filter(|_| none)
    }

    /// Their family.
    #[must_use]
    pub fn family(&self) -> Family {
        self.first.family
    }

    /// The one that an address which is recorded already belongs to: the narrowest, as one may be
    /// in another.
    #[must_use]
    pub fn holding(&self, address: IpAddr, vrf: &Vrf) -> Option<&Scope> {
        let holding = self.scopes().filter(|scope| scope.holds(address, vrf));
        holding.max_by_key(|scope| scope.length)
    }

    /// The one that a wanted address is in.
    ///
    /// # Errors
    ///
    /// [`Code::Excluded`]: it is in none.
    pub fn with(&self, wanted: Wanted) -> Result<&Scope, Refused> {
        let holding = self.holding(wanted.address, &self.first.vrf);
        holding.ok_or_else(|| {
            let message = format!("{} is not in {self}", wanted.address);
            Refused::new(Code::Excluded, message)
        })
    }
}

/// Scopes or prefixes by name, not all of very many.
#[must_use]
pub fn listed<T: ToString>(all: impl Iterator<Item = T>) -> String {
    let all: Vec<String> = all.map(|one| one.to_string()).collect();
    let shown = all[..all.len().min(SHOWN)].join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn of_prefix(prefix: &Prefix, fields: &Fields, networks: &Networks, policy: &Policy) -> Scope {
    let named = fields.place.prefix.is_some() && policy.force;
    let closed = prefix.closed(&policy.open).filter(|_| !named).map(|why| {
        let hint = "name it as prefix and use --force to allocate in it all the same";
        Refused::new(Code::Excluded, format!("prefix {prefix} is {why}; {hint}"))
    });
    let scope = Scope::of_prefix(prefix, networks, policy);
    Scope {
        by_default: by_default(fields, prefix, networks, policy),
        closed,
        ..where_put(scope, fields)
    }
}

fn where_put(scope: Scope, fields: &Fields) -> Scope {
    match fields.on_interface {
        true => scope.for_interface(),
        false => scope,
    }
}

fn of_range(fields: &Fields, networks: &Networks, policy: &Policy) -> Result<Scope, Refused> {
    let range = find::range(fields, networks)?;
    let scope = Scope::of_range(range, networks, policy);
    let why = scope.prefix.as_ref().and_then(|prefix| {
        Some(format!(
            "prefix {prefix}, which is {}",
            prefix.closed(&policy.open)?
        ))
    });
    let why = range
        .closed(&policy.open)
        .map(Cow::into_owned)
        .or(why.map(|why| format!("in {why}")));
    // NetBox records no address in a populated range, so no IPAM does.
    let closed = why.filter(|_| !policy.force || range.populated);
    let closed = closed.map(|why| {
        let way_out = if range.populated {
            "nothing can be recorded in it, --force or not"
        } else {
            "--force allocates in it"
        };
        let message = format!("range {range} is {why}; {way_out}");
        Refused::new(Code::Excluded, message)
    });
    Ok(Scope {
        closed,
        ..where_put(scope, fields)
    })
}
