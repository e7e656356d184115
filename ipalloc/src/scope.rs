//! Where a request's address may come from: one prefix or range, and what in it
//! is never handed out.

use core::net::IpAddr;
use std::fmt;

use ipnet::IpNet;

use crate::{
    exclude::{Policy, Why},
    ipam::{Networks, Prefix, Range, Vrf},
    known::{Place, Within},
    refused::{Code, Refused},
    request::Wanted,
    span::{self, Family, Span, Spans},
};

mod clear;
mod find;
mod pool;

pub use clear::is_clear;
pub use find::no_prefix;
use find::prefix_of;
pub use pool::{Pool, listed};

/// How many prefixes a message names.
const CHILDREN_SHOWN: usize = 4;

/// A prefix or range to hand out from.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The prefix, or the one that holds the range; a range need not be in one.
    pub prefix: Option<Prefix>,
    /// The range, if one was asked for.
    pub range: Option<Range>,
    /// Its routing table.
    pub vrf: Vrf,
    /// Its family.
    pub family: Family,
    /// The mask that its addresses bear.
    pub length: u8,
    /// The addresses it has, before anything is excluded.
    pub room: Span,
    /// What is excluded of them.
    pub excluded: Spans,
    /// It is a VLAN's IPv4 prefix, which has one of IPv6 as well, and no family was asked for.
    pub by_default: bool,
    /// Nothing new is given out of it; what is in it stays its owner's.
    pub closed: Option<Refused>,
    reasons: Vec<(Span, Why)>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.range, &self.prefix) {
            (Some(range), _) => write!(f, "{range}"),
            (None, Some(prefix)) => write!(f, "{prefix}"),
            (None, None) => f.write_str("nowhere"),
        }
    }
}

impl Scope {
    /// The whole of a prefix.
    #[must_use]
    pub fn of_prefix(prefix: &Prefix, networks: &Networks, policy: &Policy) -> Self {
        let (whole, room) = (
            Span::of(prefix.net),
            Span::usable(prefix.net, prefix.is_pool),
        );
        let family = Family::of(prefix.net.addr());
        let mut reasons = policy.excluded_in(prefix.net, prefix.vlan);
        for range in &networks.ranges {
            if range.vrf == prefix.vrf && Family::of(range.start) == family {
                reasons.push((range.span().within(whole), not_asked_for(range)));
            }
        }
        children(&prefix.vrf, whole, networks, &mut reasons, family);
        Self {
            prefix: Some(prefix.clone()),
            range: None,
            vrf: prefix.vrf.clone(),
            family,
            length: prefix.net.prefix_len(),
            room,
            excluded: union(&reasons),
            by_default: false,
            closed: None,
            reasons,
        }
    }

    /// The same, for an address that is to be put onto an interface: NetBox hands out the first and
    /// last address of a pool, but puts neither onto an interface (its `IPAddress.clean`).
    #[must_use]
    fn for_interface(mut self) -> Self {
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| prefix.is_pool) {
            let (whole, usable) = (Span::of(prefix.net), Span::usable(prefix.net, false));
            let ends = [whole.first, whole.last].into_iter();
            let ends = ends.filter(|bits| !usable.contains(*bits)).map(Span::one);
            let ends = ends.map(|end| (end, Why::OffInterfaces));
            self.reasons.extend(ends);
            self.excluded = union(&self.reasons);
        }
        self
    }

    fn of_range(range: &Range, networks: &Networks, policy: &Policy) -> Self {
        let family = Family::of(range.start);
        let prefix = prefix_of(range, networks);
        // cannot fail: a mask is no longer than its address
        let own = IpNet::new_assert(range.start, range.length).trunc();
        let own = Some(own).filter(|own| own.contains(&range.end));
        let net = prefix.map(|prefix| prefix.net).or(own);
        let mut room = range.span();
        if let Some(net) = net {
            room = room.within(Span::usable(
                net,
                prefix.is_some_and(|prefix| prefix.is_pool),
            ));
        }
        let parent = net.unwrap_or_else(|| around(range));
        let mut reasons = policy.excluded_in(parent, prefix.and_then(|prefix| prefix.vlan));
        if net.is_none() {
            // What is around the range is no network, and so has no gateway.
            reasons.retain(|(_, why)| *why != Why::Gateway);
        }
        children(&range.vrf, Span::of(parent), networks, &mut reasons, family);
        for other in networks.ranges.iter().filter(|other| *other != range) {
            if other.vrf == range.vrf && Family::of(other.start) == family {
                reasons.push((other.span(), not_asked_for(other)));
            }
        }
        Self {
            prefix: prefix.cloned(),
            range: Some(range.clone()),
            vrf: range.vrf.clone(),
            family,
            length: span::mask(range.start, range.length, prefix.map(|prefix| prefix.net)),
            room,
            excluded: union(&reasons),
            by_default: false,
            closed: None,
            reasons,
        }
    }

    /// The network whose taken addresses matter here.
    #[must_use]
    pub fn net(&self) -> IpNet {
        match (&self.prefix, &self.range) {
            (Some(prefix), _) => prefix.net,
            (None, Some(range)) => around(range),
            (None, None) => IpNet::default(),
        }
    }

    /// What must be known of the taken addresses to find so many free ones.
    #[must_use]
    pub fn within(&self, enough: usize) -> Within {
        Within {
            vrf: self.vrf.clone(),
            net: self.net(),
            range: self.range.as_ref().map(Range::span),
            room: self.room,
            excluded: self.excluded.clone(),
            container: self.range.is_none()
                && self
                    .prefix
                    .as_ref()
                    .is_some_and(|p| p.status == "container"),
            enough: Some(enough),
        }
    }

    /// As [`crate::ipam::View::known`] has it.
    #[must_use]
    pub fn place(&self) -> Place {
        (self.vrf.clone(), Family::of(self.net().addr()), self.room)
    }

    /// The VID of its prefix.
    #[must_use]
    pub fn vlan(&self) -> Option<u64> {
        self.prefix.as_ref().and_then(|prefix| prefix.vlan)
    }

    /// An address that is recorded already belongs to this scope.
    #[must_use]
    pub fn holds(&self, address: IpAddr, vrf: &Vrf) -> bool {
        let span = self
            .range
            .as_ref()
            .map_or_else(|| Span::of(self.net()), Range::span);
        *vrf == self.vrf && Family::of(address) == self.family && span.contains(span::bits(address))
    }

    /// The number of a wanted address.
    ///
    /// # Errors
    ///
    /// [`Code::Excluded`]: it is not in the scope, or never handed out.
    pub fn check(&self, wanted: Wanted) -> Result<u128, Refused> {
        let bits = self.inside(wanted)?;
        match self.reasons_for(bits).next() {
            Some(why) => Err(excluded(format!("{} {why}", wanted.address))),
            None => self.for_hosts(bits),
        }
    }

    /// The number of an address that a guest has already, and what would speak against
    /// handing it out: it is recorded all the same.
    ///
    /// # Errors
    ///
    /// [`Code::Excluded`]: it is not in the scope, or is known to be somebody else's.
    pub fn check_own(&self, own: Wanted) -> Result<(u128, Vec<String>), Refused> {
        let bits = self.inside(own)?;
        let address = own.address;
        if let Some(why) = self.reasons_for(bits).find(|why| !why.lets_be()) {
            return Err(excluded(format!("{address} {why}")));
        }
        self.for_hosts(bits)?;
        let mut told: Vec<String> = Vec::new();
        told.extend(self.closed.as_ref().map(|closed| closed.message.clone()));
        told.extend(self.reasons_for(bits).map(|why| format!("{address} {why}")));
        Ok((bits, told))
    }

    /// Who keeps addresses of it free, `--avoid` or the site's avoid, and how many.
    #[must_use]
    pub fn avoided(&self) -> Option<(&'static str, u128)> {
        let of = |wanted: &dyn Fn(&Why) -> bool| {
            let spans = self.reasons.iter().filter(|(_, why)| wanted(why));
            let spans = Spans::of(spans.map(|(span, _)| *span).collect());
            self.room.count() - spans.count_free(self.room, &[])
        };
        let by_caller = of(&|why| *why == Why::Avoided);
        let by_both = of(&|why| matches!(why, Why::Avoided | Why::AvoidedBySite));
        match by_caller {
            _ if by_both == 0 => None,
            0 => Some(("the site's avoid", by_both)),
            _ if by_both == by_caller => Some(("--avoid", by_both)),
            _ => Some(("--avoid, with the site's,", by_both)),
        }
    }

    /// All its addresses are in longer prefixes.
    #[must_use]
    pub fn is_carved_up(&self) -> bool {
        let in_child = |(span, why): &(Span, Why)| matches!(why, Why::Child(_)).then_some(*span);
        let children = Spans::of(self.reasons.iter().filter_map(in_child).collect());
        !self.room.is_empty() && children.count_free(self.room, &[]) == 0
    }

    /// The longer prefixes that hold some of its addresses, the first of them by name.
    #[must_use]
    pub fn children(&self) -> String {
        let here = |(span, why): &(Span, Why)| match why {
            Why::Child(net) if !span.within(self.room).is_empty() => Some(net.to_string()),
            _ => None,
        };
        let all: Vec<String> = self.reasons.iter().filter_map(here).collect();
        let shown = all[..all.len().min(CHILDREN_SHOWN)].join(", ");
        match all.len().saturating_sub(CHILDREN_SHOWN) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    }

    fn reasons_for(&self, bits: u128) -> impl Iterator<Item = &Why> {
        let holding = self.reasons.iter();
        let holding = holding.filter(move |(span, _)| span.contains(bits));
        holding.map(|(_, why)| why)
    }

    /// The number of an address of this scope.
    fn inside(&self, Wanted { address, length }: Wanted) -> Result<u128, Refused> {
        if !self.holds(address, &self.vrf) {
            return Err(excluded(format!("{address} is not in {self}")));
        }
        if length.is_some_and(|length| length != self.length) {
            let what = format!("{address} has the mask /{} in {self}", self.length);
            return Err(excluded(what));
        }
        Ok(span::bits(address))
    }

    fn for_hosts(&self, bits: u128) -> Result<u128, Refused> {
        if self.room.contains(bits) {
            return Ok(bits);
        }
        let address = self.family.address(bits);
        let what = format!("{address} is the network's own or its broadcast address");
        Err(excluded(what))
    }
}

fn excluded(message: String) -> Refused {
    Refused::new(Code::Excluded, message)
}

/// The smallest network that holds all of a range.
pub(crate) fn around(range: &Range) -> IpNet {
    let mut net = IpNet::from(range.start);
    while !net.contains(&range.end) {
        match net.supernet() {
            Some(wider) => net = wider,
            None => break,
        }
    }
    net
}

fn children(
    vrf: &Vrf,
    span: Span,
    networks: &Networks,
    reasons: &mut Vec<(Span, Why)>,
    family: Family,
) {
    for child in &networks.prefixes {
        let whole = Span::of(child.net);
        let below = whole != span && whole.first >= span.first && whole.last <= span.last;
        if child.vrf == *vrf && Family::of(child.net.addr()) == family && below {
            reasons.push((whole, Why::Child(child.net)));
        }
    }
}

fn not_asked_for(range: &Range) -> Why {
    Why::Range {
        range: range.to_string(),
        populated: range.populated,
    }
}

fn union(reasons: &[(Span, Why)]) -> Spans {
    Spans::of(reasons.iter().map(|(span, _)| *span).collect())
}

#[cfg(test)]
mod tests;
