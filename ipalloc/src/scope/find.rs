//! The one prefix or range of the IPAM that a request means.

use ipnet::IpNet;

use crate::{
    ipam::{Networks, Prefix, Range, Vrf},
    refused::{Code, Refused},
    request::Fields,
};

/// The one prefix that fits a request.
pub(super) fn prefix<'a>(
    fields: &Fields,
    networks: &'a Networks,
    force: bool,
) -> Result<&'a Prefix, Refused> {
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
