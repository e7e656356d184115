//! Where a request's address may come from: one prefix or range, and what in it
//! is never handed out.

use core::net::IpAddr;
use std::{fmt, ops::RangeInclusive};

use ipnet::IpNet;

use crate::{
    ipam::{Networks, Prefix, Range, Vrf},
    refused::{Code, Refused},
    request::{Fields, Wanted, parse_wanted},
    span::{self, Family, Span, Spans},
};

/// Which address of a prefix is the gateway's, record or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Gateway {
    /// The one after the network address.
    #[default]
    First,
    /// The one before the broadcast address.
    Last,
    /// None.
    None,
}

/// Addresses that a site keeps free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Avoid {
    /// Host numbers, in each prefix: the last octet in a /24 or longer, else the offset.
    Hosts(RangeInclusive<u128>),
    /// Addresses.
    Addresses(Family, Span),
}

impl Avoid {
    /// `110`, `200-254`, `192.168.30.50` or `192.168.30.50-192.168.30.60`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(net) = text
            .trim()
            .parse::<IpNet>()
            .ok()
            .filter(|net| net.trunc() == *net)
        {
            return Ok(Self::Addresses(Family::of(net.addr()), Span::of(net)));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let backwards = || format!("{text:?} ends before it begins");
        let number = |text: &str| vmid::scheme::decimal(text.trim()).map(u128::from);
        if let (Some(first), Some(last)) = (number(first), number(last)) {
            return if first > last {
                Err(backwards())
            } else {
                Ok(Self::Hosts(first..=last))
            };
        }
        let (first, last) = (parse_wanted(first)?.address, parse_wanted(last)?.address);
        if Family::of(first) != Family::of(last) {
            return Err(format!("{first} and {last} are not of one family"));
        }
        if first > last {
            return Err(backwards());
        }
        Ok(Self::Addresses(
            Family::of(first),
            Span::new(span::bits(first), span::bits(last)),
        ))
    }

    fn within(&self, net: IpNet) -> Span {
        let whole = Span::of(net);
        match self {
            Self::Hosts(hosts) => {
                let octet = net.addr().is_ipv4() && net.prefix_len() >= 24;
                let base = if octet {
                    whole.first & !0xff
                } else {
                    whole.first
                };
                let at = |host: &u128| base.saturating_add(*host);
                Span::new(at(hosts.start()), at(hosts.end())).within(whole)
            }
            Self::Addresses(family, span) if *family == Family::of(net.addr()) => {
                span.within(whole)
            }
            Self::Addresses(..) => Span::new(1, 0),
        }
    }
}

/// What a site never hands out, and what it forces.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The gateway's address.
    pub gateway: Gateway,
    /// Kept free.
    pub avoid: Vec<Avoid>,
    /// A closed prefix or range that is named is used all the same.
    pub force: bool,
}

/// Why an address of a scope is never handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    Gateway,
    Range(String),
    Child(IpNet),
    Avoided,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("is the gateway's (see --gateway)"),
            Self::Range(range) => write!(f, "is in the range {range}, which was not asked for"),
            Self::Child(net) => write!(f, "is in the child prefix {net}"),
            Self::Avoided => f.write_str("is to be avoided (--avoid)"),
        }
    }
}

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
            let why = scope
                .prefix
                .as_ref()
                .and_then(|prefix| Some(format!("prefix {prefix}, which is {}", prefix.closed()?)));
            let why = range
                .closed()
                .map(str::to_owned)
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
        let prefix = prefix(fields, networks, policy.force)?;
        let named = fields.place.prefix.is_some() && policy.force;
        let closed = prefix.closed().filter(|_| !named).map(|why| {
            let hint = "name it as prefix and use --force to allocate in it all the same";
            Refused::new(Code::Excluded, format!("prefix {prefix} is {why}; {hint}"))
        });
        Ok(Self {
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
        let mut reasons = excluded_in(prefix.net, policy.gateway, &policy.avoid);
        for range in &networks.ranges {
            if range.vrf == prefix.vrf && Family::of(range.start) == family {
                let why = Why::Range(range.to_string());
                reasons.push((range.span().within(whole), why));
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
        let gateway = net.map_or(Gateway::None, |_| policy.gateway);
        let mut reasons = excluded_in(parent, gateway, &policy.avoid);
        children(&range.vrf, Span::of(parent), networks, &mut reasons, family);
        for other in networks.ranges.iter().filter(|other| *other != range) {
            if other.vrf == range.vrf && Family::of(other.start) == family {
                reasons.push((other.span(), Why::Range(other.to_string())));
            }
        }
        Self {
            prefix: prefix.cloned(),
            range: Some(range.clone()),
            vrf: range.vrf.clone(),
            family,
            length: range.length,
            room,
            excluded: union(&reasons),
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
        let Wanted { address, length } = wanted;
        let refuse = |what: String| Err(Refused::new(Code::Excluded, what));
        if !self.holds(address, &self.vrf) {
            return refuse(format!("{address} is not in {self}"));
        }
        if length.is_some_and(|length| length != self.length) {
            return refuse(format!("{address} has the mask /{} in {self}", self.length));
        }
        let bits = span::bits(address);
        match self.reasons.iter().find(|(span, _)| span.contains(bits)) {
            Some((_, why)) => refuse(format!("{address} {why}")),
            None if self.room.contains(bits) => Ok(bits),
            None => refuse(format!(
                "{address} is the network's own or its broadcast address"
            )),
        }
    }
}

/// The gateway and the avoided addresses of a prefix.
fn excluded_in(net: IpNet, rule: Gateway, avoid: &[Avoid]) -> Vec<(Span, Why)> {
    let mut reasons: Vec<(Span, Why)> = Vec::new();
    reasons.extend(gateway(net, rule).map(|bits| (Span::one(bits), Why::Gateway)));
    let avoided = avoid.iter().map(|avoid| (avoid.within(net), Why::Avoided));
    reasons.extend(avoided);
    reasons
}

/// The gateway's number; a network of one or two addresses has no room for one.
fn gateway(net: IpNet, rule: Gateway) -> Option<u128> {
    let whole = Span::of(net);
    let broadcast = u128::from(net.addr().is_ipv4());
    match rule {
        _ if whole.count() < 4 => None,
        Gateway::First => Some(whole.first + 1),
        Gateway::Last => Some(whole.last - broadcast),
        Gateway::None => None,
    }
}

/// The longest prefix that holds all of a range.
fn prefix_of<'a>(range: &Range, networks: &'a Networks) -> Option<&'a Prefix> {
    let inside = |p: &&Prefix| {
        p.vrf == range.vrf && p.net.contains(&range.start) && p.net.contains(&range.end)
    };
    let candidates = networks.prefixes.iter().filter(inside);
    candidates.max_by_key(|prefix| prefix.net.prefix_len())
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

fn union(reasons: &[(Span, Why)]) -> Spans {
    Spans::of(reasons.iter().map(|(span, _)| *span).collect())
}

/// The one prefix that fits a request.
fn prefix<'a>(fields: &Fields, networks: &'a Networks, force: bool) -> Result<&'a Prefix, Refused> {
    let (vlan, named) = (fields.place.vlan, fields.place.prefix);
    if named.is_none() && vlan.is_none() {
        let message = "the request names no vlan, prefix or range";
        return Err(Refused::new(Code::NoPrefix, message));
    }
    let mut fitting: Vec<&Prefix> = Vec::new();
    for prefix in &networks.prefixes {
        let fits = vlan.is_none_or(|vlan| prefix.vlan == Some(vlan))
            && named.is_none_or(|net| prefix.net == net)
            && fields.vrf.as_ref().is_none_or(|vrf| prefix.vrf == *vrf);
        if fits && !fitting.contains(&prefix) {
            fitting.push(prefix);
        }
    }
    let open: Vec<&Prefix> = fitting
        .iter()
        .copied()
        .filter(|p| p.closed().is_none())
        .collect();
    let forced = named.is_some() && force;
    let usable = if forced || open.is_empty() {
        &fitting
    } else {
        &open
    };
    match usable.as_slice() {
        [one] => Ok(one),
        [] => Err(no_prefix(named, vlan, fields.vrf.as_ref())),
        several => {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            let (what, all) = (described(named, vlan), all.join(", "));
            Err(Refused::new(
                Code::AmbiguousPrefix,
                format!("more than one {what}: {all}; name prefix and vrf"),
            ))
        }
    }
}

fn described(net: Option<IpNet>, vlan: Option<u64>) -> String {
    let net = net.map_or(String::new(), |net| format!(" {net}"));
    let vlan = vlan.map_or(String::new(), |vlan| format!(" on VLAN {vlan}"));
    format!("prefix{net}{vlan}")
}

/// The IPAM has no prefix of which all this is true.
#[must_use]
pub fn no_prefix(net: Option<IpNet>, vlan: Option<u64>, vrf: Option<&Vrf>) -> Refused {
    let what = described(net, vlan);
    let vrf = vrf.map_or(String::new(), |vrf| format!(" in VRF {vrf}"));
    Refused::new(Code::NoPrefix, format!("the IPAM has no {what}{vrf}"))
}

/// The one range that fits a request.
fn range<'a>(fields: &Fields, networks: &'a Networks) -> Result<&'a Range, Refused> {
    let Some((start, end)) = fields.place.range else {
        return Err(Refused::new(Code::NoPrefix, "the request names no range"));
    };
    let (vlan, net) = (fields.place.vlan, fields.place.prefix);
    let fits = |range: &&Range| {
        let prefix = prefix_of(range, networks);
        range.start == start
            && end.is_none_or(|end| range.end == end)
            && fields.vrf.as_ref().is_none_or(|vrf| range.vrf == *vrf)
            && vlan.is_none_or(|vlan| prefix.and_then(|prefix| prefix.vlan) == Some(vlan))
            && net.is_none_or(|net| prefix.is_some_and(|prefix| prefix.net == net))
    };
    let fitting: Vec<&Range> = networks.ranges.iter().filter(fits).collect();
    let mut what = end.map_or_else(|| start.to_string(), |end| format!("{start}-{end}"));
    if let Some(net) = net {
        what += &format!(" in {net}");
    }
    if let Some(vlan) = vlan {
        what += &format!(" on VLAN {vlan}");
    }
    match fitting.as_slice() {
        [] => Err(Refused::new(
            Code::NoPrefix,
            format!("the IPAM has no range {what}"),
        )),
        [range] => Ok(range),
        several => {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("more than one range {what}: {}; name vrf", all.join(", "));
            Err(Refused::new(Code::AmbiguousPrefix, message))
        }
    }
}

#[cfg(test)]
mod tests;
