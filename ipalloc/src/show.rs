//! How full each prefix is, by the rules that [`crate::allocate`] goes by.

use core::net::IpAddr;

use crate::{
    ipam::{Networks, Prefix, View},
    scope::{Policy, Scope},
    span::Span,
};

/// How full a prefix is, in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill<'a> {
    /// The prefix.
    pub prefix: &'a Prefix,
    /// Those that hosts may have.
    pub size: u128,
    /// Those with a record.
    pub used: u128,
    /// Those that allocate could give; none from a closed prefix.
    pub free: u128,
    /// The one that it would give next.
    pub next: Option<IpAddr>,
}

/// How full `prefix` is.
#[must_use]
pub fn fill<'a>(prefix: &'a Prefix, networks: &Networks, view: &View, policy: &Policy) -> Fill<'a> {
    let scope = Scope::of_prefix(prefix, networks, policy);
    let taken = view.taken_in(&prefix.vrf, prefix.net);
    let usable = Span::usable(prefix.net, prefix.is_pool);
    let open = prefix.closed().is_none();
    let next = scope
        .excluded
        .lowest_free(scope.room, 0, taken)
        .filter(|_| open);
    Fill {
        prefix,
        size: usable.count(),
        used: usable.slice(taken).len() as u128,
        free: if open {
            scope.excluded.count_free(scope.room, taken)
        } else {
            0
        },
        next: next.map(|bits| scope.family.address(bits)),
    }
}
