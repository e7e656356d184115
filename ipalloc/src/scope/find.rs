//! The prefixes or the one range of the IPAM that a request means.

use core::net::IpAddr;
use std::collections::BTreeSet;

use super::pool::listed;
use crate::{
    among::Among,
    exclude::Policy,
    ipam::{Networks, Prefix, Range, Vrf},
    refused::{Code, Refused},
    request::{Fields, Place, Wanted},
    span::Family,
};

/// The prefix that fits a request; with `--pool` all that do, in the order of their addresses.
pub(super) fn prefixes<'a>(
    fields: &Fields,
    networks: &'a Networks,
    policy: &Policy,
) -> Result<(&'a Prefix, Vec<&'a Prefix>), Refused> {
    let (vlan, named) = (fields.place.vlan, fields.place.prefix);
    if named.is_none() && vlan.is_none() {
        match fields.wanted {
            Some(wanted) if wanted.length.is_some() || fields.own || !fields.among.is_open() => {
                return holding(wanted, fields, networks).map(|one| (one, Vec::new()));
            }
            _ if !fields.among.is_open() => {}
            Some(_) => return Err(nowhere(": an address needs its mask, as in 10.0.0.5/24")),
            None => return Err(nowhere("")),
        }
    }
    let fitting = fitting(fields, networks);
    let is_open = |prefix: &&Prefix| prefix.closed(&policy.open).is_none();
    let open: Vec<&Prefix> = fitting.iter().copied().filter(is_open).collect();
    let forced = named.is_some() && policy.force;
    let mut usable = match forced || open.is_empty() {
        true => fitting.clone(),
        false => open,
    };
    if fields.family.is_none() {
        let family = fields.wanted.map_or(Family::V4, |w| Family::of(w.address));
        let of_family = |prefix: &&Prefix| Family::of(prefix.net.addr()) == family;
        if usable.iter().any(of_family) {
            usable.retain(of_family);
        }
    }
    match usable.as_slice() {
        [] => Err(none_of_family(fields, no_such_prefix(fields))),
        [_] if !fields.among.is_pool() => Ok((usable[0], Vec::new())),
        [first, ..] if fields.among.is_pool() => match no_pool(fields, &usable) {
            Some(why) => Err(ambiguous(fields, &usable, &why)),
            None => {
                let mut all = pool(first, &usable, &fitting, policy);
                Ok((all.remove(0), all))
            }
        },
        several => match of_site(several, policy) {
            Some(one) => Ok((one, Vec::new())),
            None => Err(ambiguous(fields, several, way_out(several))),
        },
    }
}

/// The one that the site file has; out of the others nothing is given with it.
fn of_site<'a>(several: &[&'a Prefix], policy: &Policy) -> Option<&'a Prefix> {
    let site = policy.site.as_ref()?;
    let has = |prefix: &&&Prefix| site.has(prefix.net, prefix.vlan).is_ok();
    let mut known = several.iter().filter(has);
    known.next().copied().filter(|_| known.next().is_none())
}

/// All of the IPAM that fit.
fn fitting<'a>(fields: &Fields, networks: &'a Networks) -> Vec<&'a Prefix> {
    let (vlan, named) = (fields.place.vlan, fields.place.prefix);
    let mut fitting: Vec<&Prefix> = Vec::new();
    for prefix in &networks.prefixes {
        let fits = vlan.is_none_or(|vlan| prefix.vlan == Some(vlan))
            && named.is_none_or(|net| prefix.net == net)
            && of_family(fields, prefix)
            && of_place(fields, prefix);
        if fits && !fitting.contains(&prefix) {
            fitting.push(prefix);
        }
    }
    if let (Some(own), true) = (fields.wanted.filter(|_| fields.own), fitting.len() > 1) {
        // A guest's own address tells which of a VLAN's prefixes it is in.
        let holds = |prefix: &&Prefix| prefix.net.contains(&own.address);
        if fitting.iter().any(holds) {
            fitting.retain(holds);
        }
    }
    fitting
}

/// Of the routing table that was named, and of all else that was.
fn of_place(fields: &Fields, prefix: &Prefix) -> bool {
    of_table(fields, prefix) && prefix.is_among(&fields.among)
}

/// Of the routing table that was named.
fn of_table(fields: &Fields, prefix: &Prefix) -> bool {
    fields.vrf.as_ref().is_none_or(|vrf| prefix.vrf == *vrf)
}

/// The pool of these: what is closed of the same network is in it as well, because what has been
/// given out of it stays its owner's. With a site file, only if it is the site's: nothing is
/// refused for what gives nothing.
fn pool<'a>(
    first: &Prefix,
    usable: &[&'a Prefix],
    fitting: &[&'a Prefix],
    policy: &Policy,
) -> Vec<&'a Prefix> {
    let of_site = |prefix: &&&Prefix| {
        let site = policy.site.as_ref();
        site.is_none_or(|site| site.has(prefix.net, prefix.vlan).is_ok())
    };
    let same = |prefix: &&&Prefix| {
        prefix.vrf == first.vrf
            && prefix.segment.vlan == first.segment.vlan
            && prefix.net.addr().is_ipv4() == first.net.addr().is_ipv4()
            && prefix.status != "container"
    };
    let mut all = usable.to_vec();
    let new = |prefix: &&&Prefix| !usable.contains(*prefix);
    all.extend(fitting.iter().filter(new).filter(same).filter(of_site));
    all.sort_by_key(|prefix| prefix.net);
    all.dedup_by_key(|prefix| prefix.net);
    all
}

/// Why these are no one pool: what is given out of one could not be used in another.
fn no_pool(fields: &Fields, usable: &[&Prefix]) -> Option<String> {
    let first = usable[0];
    let vlans = usable.iter().any(|p| p.segment.vlan != first.segment.vlan);
    let scopes = usable.iter().map(|prefix| &prefix.segment.scope);
    let scopes: BTreeSet<&String> = scopes.filter(|scope| !scope.is_empty()).collect();
    let (what, option) = if usable.iter().any(|prefix| prefix.vrf != first.vrf) {
        ("in several VRFs", "--vrf")
    } else if vlans && fields.place.vlan.is_none() {
        ("on several VLANs", "--vlan")
    } else if fields.among.scopes.is_empty() && scopes.len() > 1 {
        ("of several places", "--scope")
    } else if vlans {
        (
            "on several VLANs of that number",
            "--vlan-group or a narrower --scope",
        )
    } else {
        return None;
    };
    Some(format!("no pool, because they are {what}; name {option}"))
}

fn ambiguous(fields: &Fields, several: &[&Prefix], way_out: &str) -> Refused {
    let what = described(&fields.place, &fields.among);
    let all = listed(several.iter());
    let message = format!("more than one {what}: {all}; {way_out}");
    Refused::new(Code::AmbiguousPrefix, message)
}

fn way_out(several: &[&Prefix]) -> &'static str {
    match several.iter().any(|prefix| prefix.vrf != several[0].vrf) {
        true => "name prefix and vrf",
        false => {
            "name prefix, or narrow them (--scope, --vlan-group, --prefix-tenant), or take all as one pool (--pool)"
        }
    }
}

fn of_family(fields: &Fields, prefix: &Prefix) -> bool {
    let family = Family::of(prefix.net.addr());
    fields.family.is_none_or(|asked| asked.has(family))
}

fn none_of_family(fields: &Fields, refused: Refused) -> Refused {
    match fields.family {
        None => refused,
        Some(family) => Refused {
            message: refused
                .message
                .replacen(" no ", &format!(" no {} ", family.name()), 1),
            ..refused
        },
    }
}

/// A VLAN's prefix was taken to be meant because it is IPv4's; there is one of IPv6 as well.
pub(super) fn by_default(
    fields: &Fields,
    chosen: &Prefix,
    networks: &Networks,
    policy: &Policy,
) -> bool {
    let place = &fields.place;
    let other = |prefix: &Prefix| {
        prefix.vlan == place.vlan
            && !prefix.net.addr().is_ipv4()
            && of_place(fields, prefix)
            && prefix.closed(&policy.open).is_none()
    };
    let open = fields.family.is_none() && fields.wanted.is_none() && place.prefix.is_none();
    open && place.vlan.is_some()
        && chosen.net.addr().is_ipv4()
        && networks.prefixes.iter().any(other)
}

fn nowhere(more: &str) -> Refused {
    let message = format!("the request names no vlan, prefix or range{more}");
    Refused::new(Code::NoPrefix, message)
}

/// The one prefix that an address says by its mask; if there is none, the longest that holds it.
fn holding<'a>(
    wanted: Wanted,
    fields: &Fields,
    networks: &'a Networks,
) -> Result<&'a Prefix, Refused> {
    let address = wanted.address;
    let holds = |prefix: &&Prefix| {
        prefix.net.contains(&address) && prefix.status != "container" && of_table(fields, prefix)
    };
    let all: Vec<&Prefix> = networks.prefixes.iter().filter(holds).collect();
    let own = |prefix: &&Prefix| is_own(prefix, wanted, &all);
    let mut fitting: Vec<&Prefix> = all.iter().copied().filter(own).collect();
    let elsewhere = fitting.first().copied();
    fitting.retain(|prefix| prefix.is_among(&fields.among));
    let longest = fitting.iter().map(|prefix| prefix.net.prefix_len()).max();
    let by_mask = |prefix: &&Prefix| Some(prefix.net.prefix_len()) == wanted.length;
    let length = if fitting.iter().any(by_mask) {
        wanted.length
    } else {
        longest
    };
    fitting.retain(|prefix| Some(prefix.net.prefix_len()) == length);
    fitting.dedup();
    match fitting.as_slice() {
        [one] => Ok(one),
        [] if elsewhere.is_some() => Err(not_among(address, elsewhere, &fields.among)),
        [] => {
            let among = &fields.among;
            let message = format!("the IPAM has no prefix{among} that holds {address}");
            Err(Refused::new(Code::NoPrefix, message))
        }
        several => {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!(
                "more than one prefix holds {address}: {}; name prefix and vrf",
                all.join(", ")
            );
            Err(Refused::new(Code::AmbiguousPrefix, message))
        }
    }
}

/// The address is in it, and in no longer one of its table that is not a guest's own by its mask.
fn is_own(prefix: &Prefix, wanted: Wanted, holding: &[&Prefix]) -> bool {
    let of_table = holding.iter().filter(|other| other.vrf == prefix.vrf);
    let lengths = of_table.map(|other| other.net.prefix_len());
    let by_mask = wanted
        .length
        .filter(|length| lengths.clone().any(|l| l == *length));
    by_mask.or(lengths.max()) == Some(prefix.net.prefix_len())
}

/// The prefix that a guest's own address is in is one of those that are meant, too, and no longer
/// one of somebody else in it.
///
/// # Errors
///
/// [`Code::NoPrefix`].
pub(super) fn own_is_among(
    fields: &Fields,
    found: &Prefix,
    networks: &Networks,
) -> Result<(), Refused> {
    let Some(own) = fields
        .wanted
        .filter(|_| fields.own && !fields.among.is_open())
    else {
        return Ok(());
    };
    let holds = |prefix: &&Prefix| {
        let inside = prefix.vrf == found.vrf && found.net.contains(&prefix.net);
        inside && prefix.status != "container" && prefix.net.contains(&own.address)
    };
    let all: Vec<&Prefix> = networks.prefixes.iter().filter(holds).collect();
    let mut in_it = all.iter().filter(|prefix| is_own(prefix, own, &all));
    match in_it.find(|prefix| !prefix.is_among(&fields.among)) {
        Some(other) => Err(not_among(own.address, Some(other), &fields.among)),
        None => Ok(()),
    }
}

fn not_among(address: IpAddr, prefix: Option<&Prefix>, among: &Among) -> Refused {
    let prefix = prefix.map(ToString::to_string).unwrap_or_default();
    let message = format!("{address} is in {prefix}, which is not{among}");
    Refused::new(Code::NoPrefix, message)
}

/// The one range that fits a request.
pub(super) fn range<'a>(fields: &Fields, networks: &'a Networks) -> Result<&'a Range, Refused> {
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
            && (fields.among.is_open() || prefix.is_some_and(|p| p.is_among(&fields.among)))
            && fields.family.is_none_or(|asked| asked.holds(range.start))
    };
    let fitting: Vec<&Range> = networks.ranges.iter().filter(fits).collect();
    let mut what = end.map_or_else(|| start.to_string(), |end| format!("{start}-{end}"));
    if let Some(net) = net {
        what += &format!(" in {net}");
    }
    if let Some(vlan) = vlan {
        what += &format!(" on VLAN {vlan}");
    }
    what += &fields.among.to_string();
    match fitting.as_slice() {
        [] => {
            let message = format!("the IPAM has no range {what}");
            Err(none_of_family(
                fields,
                Refused::new(Code::NoPrefix, message),
            ))
        }
        [range] => Ok(range),
        several => {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("more than one range {what}: {}; name vrf", all.join(", "));
            Err(Refused::new(Code::AmbiguousPrefix, message))
        }
    }
}

/// The IPAM has no prefix of which all this is true.
#[must_use]
pub fn no_prefix(place: &Place, vrf: Option<&Vrf>, among: &Among) -> Refused {
    let what = described(place, among);
    let vrf = vrf.map_or(String::new(), |vrf| format!(" in VRF {vrf}"));
    Refused::new(Code::NoPrefix, format!("the IPAM has no {what}{vrf}"))
}

fn no_such_prefix(fields: &Fields) -> Refused {
    no_prefix(&fields.place, fields.vrf.as_ref(), &fields.among)
}

/// The longest prefix that holds all of a range.
pub(super) fn prefix_of<'a>(range: &Range, networks: &'a Networks) -> Option<&'a Prefix> {
    let inside = |p: &&Prefix| {
        p.vrf == range.vrf && p.net.contains(&range.start) && p.net.contains(&range.end)
    };
    let candidates = networks.prefixes.iter().filter(inside);
    candidates.max_by_key(|prefix| prefix.net.prefix_len())
}

fn described(place: &Place, among: &Among) -> String {
    let net = place.prefix.map_or(String::new(), |net| format!(" {net}"));
    let vlan = place.vlan;
    let vlan = vlan.map_or(String::new(), |vlan| format!(" on VLAN {vlan}"));
    format!("prefix{net}{vlan}{among}")
}
