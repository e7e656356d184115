//! The one prefix or range of the IPAM that a request means.

use ipnet::IpNet;

use crate::{
    exclude::Policy,
    ipam::{Networks, Prefix, Range, Vrf},
    refused::{Code, Refused},
    request::{Fields, Wanted},
    span::Family,
};

/// The one prefix that fits a request.
pub(super) fn prefix<'a>(
    fields: &Fields,
    networks: &'a Networks,
    policy: &Policy,
) -> Result<&'a Prefix, Refused> {
    let (vlan, named) = (fields.place.vlan, fields.place.prefix);
    if named.is_none() && vlan.is_none() {
        return match fields.wanted {
            Some(wanted) if wanted.length.is_some() || fields.own => {
                holding(wanted, fields.vrf.as_ref(), networks)
            }
            Some(_) => Err(nowhere(": an address needs its mask, as in 10.0.0.5/24")),
            None => Err(nowhere("")),
        };
    }
    let mut fitting: Vec<&Prefix> = Vec::new();
    for prefix in &networks.prefixes {
        let fits = vlan.is_none_or(|vlan| prefix.vlan == Some(vlan))
            && named.is_none_or(|net| prefix.net == net)
            && of_family(fields, prefix)
            && fields.vrf.as_ref().is_none_or(|vrf| prefix.vrf == *vrf);
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
    let open: Vec<&Prefix> = fitting
        .iter()
        .copied()
        .filter(|p| p.closed(&policy.open).is_none())
        .collect();
    let forced = named.is_some() && policy.force;
    let mut usable = if forced || open.is_empty() {
        fitting
    } else {
        open
    };
    if fields.family.is_none() {
        let family = fields.wanted.map_or(Family::V4, |w| Family::of(w.address));
        let of_family = |prefix: &&Prefix| Family::of(prefix.net.addr()) == family;
        if usable.iter().any(of_family) {
            usable.retain(of_family);
        }
    }
    match usable.as_slice() {
        [one] => Ok(one),
        [] => Err(none_of_family(
            fields,
            no_prefix(named, vlan, fields.vrf.as_ref()),
        )),
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
    let Fields { place, vrf, .. } = fields;
    let other = |prefix: &Prefix| {
        prefix.vlan == place.vlan
            && !prefix.net.addr().is_ipv4()
            && vrf.as_ref().is_none_or(|vrf| prefix.vrf == *vrf)
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
    vrf: Option<&Vrf>,
    networks: &'a Networks,
) -> Result<&'a Prefix, Refused> {
    let address = wanted.address;
    let holds = |prefix: &&Prefix| {
        prefix.net.contains(&address)
            && prefix.status != "container"
            && vrf.is_none_or(|vrf| prefix.vrf == *vrf)
    };
    let mut fitting: Vec<&Prefix> = networks.prefixes.iter().filter(holds).collect();
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
        [] => {
            let message = format!("the IPAM has no prefix that holds {address}");
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
pub fn no_prefix(net: Option<IpNet>, vlan: Option<u64>, vrf: Option<&Vrf>) -> Refused {
    let what = described(net, vlan);
    let vrf = vrf.map_or(String::new(), |vrf| format!(" in VRF {vrf}"));
    Refused::new(Code::NoPrefix, format!("the IPAM has no {what}{vrf}"))
}

/// The longest prefix that holds all of a range.
pub(super) fn prefix_of<'a>(range: &Range, networks: &'a Networks) -> Option<&'a Prefix> {
    let inside = |p: &&Prefix| {
        p.vrf == range.vrf && p.net.contains(&range.start) && p.net.contains(&range.end)
    };
    let candidates = networks.prefixes.iter().filter(inside);
    candidates.max_by_key(|prefix| prefix.net.prefix_len())
}

fn described(net: Option<IpNet>, vlan: Option<u64>) -> String {
    let net = net.map_or(String::new(), |net| format!(" {net}"));
    let vlan = vlan.map_or(String::new(), |vlan| format!(" on VLAN {vlan}"));
    format!("prefix{net}{vlan}")
}
