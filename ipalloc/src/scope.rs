//! Where a request's address may come from: one prefix or range, and what in it
//! is never handed out.

use core::net::IpAddr;
use std::{borrow::Cow, fmt};

use ipnet::IpNet;

use crate::{
    exclude::{Policy, Why},
    ipam::{Networks, Prefix, Range, Vrf},
    known::Within,
    refused::{Code, Refused},
    request::{Fields, Wanted},
    span::{self, Family, Span, Spans},
};

mod find;

pub use find::no_prefix;
use find::{by_default, prefix, prefix_of, range};

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
    /// The scope that a request means.
    ///
    /// # Errors
    ///
    /// [`Code::NoPrefix`], [`Code::AmbiguousPrefix`], [`Code::Excluded`] for one
    /// that is closed and not forced.
    pub fn of(fields: &Fields, networks: &Networks, policy: &Policy) -> Result<Self, Refused> {
        if fields.place.range.is_some() {
            let range = range(fields, networks)?;
            let scope = Self::of_range(range, networks, policy);
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
            return Ok(Self { closed, ..scope });
        }
        let prefix = prefix(fields, networks, policy)?;
        let named = fields.place.prefix.is_some() && policy.force;
        let closed = prefix.closed(&policy.open).filter(|_| !named).map(|why| {
            let hint = "name it as prefix and use --force to allocate in it all the same";
            Refused::new(Code::Excluded, format!("prefix {prefix} is {why}; {hint}"))
        });
        Ok(Self {
            by_default: by_default(fields, prefix, networks, policy),
            closed,
            ..Self::of_prefix(prefix, networks, policy)
        })
    }

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

    /// What must be known of the taken addresses to give one more.
    #[must_use]
    pub fn within(&self) -> Within {
        Within {
            vrf: self.vrf.clone(),
            net: self.net(),
            room: self.room,
            excluded: self.excluded.clone(),
            enough: Some(1),
        }
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
fn around(range: &Range) -> IpNet {
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
