//! The VIPs of a pair: one, or several that one VRRP instance moves together.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{
    fault::Faults,
    pair::{Pair, segment},
};

/// An address that means something on one link only, so that its interface must be known.
#[must_use]
pub fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

impl Pair {
    /// All its VIPs, in their order; none of an active-active pair.
    pub fn all_vips(&self) -> impl Iterator<Item = IpAddr> + Clone {
        let only = self.vip.iter().filter(|_| self.vips.is_empty());
        self.vips.iter().chain(only).copied()
    }
}

/// How messages call the VIP at `place` of the pair that they call `path`.
pub(super) fn path_of(pair: &Pair, path: &str, place: usize) -> String {
    match pair.vips.is_empty() {
        true => format!("{path}.vip"),
        false => format!("{path}.vips[{place}]"),
    }
}

/// A pair's document as all readers have it: `vip` is the first of several `vips`, and of one alone
/// there is no list. A document that is so already stays as it is.
pub(super) fn normalise(pair: &mut Value, path: &str, faults: &mut Faults) {
    let Some(Value::Array(list)) = pair.get("vips") else {
        return;
    };
    let (first, several) = (list.first().cloned(), list.len() > 1);
    let Some(first) = first else {
        let what = "is an empty list; an active-active pair has neither vip nor vips";
        return faults.add(format!("{path}.vips"), what);
    };
    let beside = pair.get("vip").is_some_and(|vip| *vip != first || !several);
    if beside {
        let what = "stands beside vip; a pair has one of the two";
        return faults.add(format!("{path}.vips"), what);
    }
    let Value::Object(old) = pair.take() else {
        return;
    };
    let mut new = Map::with_capacity(old.len() + 1);
    for (name, value) in old {
        if name == "vips" {
            new.insert("vip".to_owned(), first.clone());
        }
        if name != "vips" || several {
            new.insert(name, value);
        }
    }
    *pair = Value::Object(new);
}

/// The link of a pair's link-local addresses: its interface, and the segment of what else it has there, since
/// guests in every network may call theirs eth0. A member's `address` may be a management network's, so it
/// counts last.
pub(super) fn link<'a>(pair: &'a Pair, segments: &[IpNet]) -> Option<(&'a String, Option<IpNet>)> {
    let interface = pair.interface.as_ref()?;
    let others = pair.members.iter().flat_map(|one| one.addresses.iter());
    let own = pair.members.iter().filter_map(|one| one.address);
    let vips = pair.all_vips().filter(IpAddr::is_ipv6);
    let mut all = vips.chain(others.copied()).chain(own);
    let net = all.find(|address| !is_link_local(*address));
    Some((interface, net.map(|address| segment(address, segments))))
}

/// The rules of a pair's own VIPs: none stands twice, and a link-local one has an interface.
pub(super) fn check(pair: &Pair, path: &str, faults: &mut Faults) {
    let vips = pair.all_vips();
    for (place, vip) in vips.clone().enumerate() {
        if vips.clone().take(place).any(|other| other == vip) {
            faults.add(path_of(pair, path, place), format!("is {vip} again"));
        }
        on_a_link(pair, vip, || path_of(pair, path, place), faults);
    }
    for (place, member) in pair.members.iter().enumerate() {
        let at = || format!("{path}.members[{place}].address");
        if let Some(address) = member.address {
            on_a_link(pair, address, at, faults);
        }
        for (number, address) in member.addresses.iter().enumerate() {
            let at = || format!("{path}.members[{place}].addresses[{number}]");
            on_a_link(pair, *address, at, faults);
        }
    }
}

fn on_a_link(pair: &Pair, address: IpAddr, at: impl Fn() -> String, faults: &mut Faults) {
    if is_link_local(address) && pair.interface.is_none() {
        let what = format!("is {address}, a link-local address: interface must say on which link");
        faults.add(at(), what);
    }
}

/// VIPs and members are in one network of the site, as far as it has networks of their family; VIPs of
/// several networks may be one instance's.
pub(super) fn in_networks(pair: &Pair, path: &str, segments: &[IpNet], faults: &mut Faults) {
    if pair.elsewhere {
        return;
    }
    let way_out = "(or the pair says \"x-elsewhere\": true)";
    let mut networks = Vec::new();
    for (place, vip) in pair.all_vips().enumerate() {
        let of_family = |net: &&IpNet| net.addr().is_ipv4() == vip.is_ipv4();
        if is_link_local(vip) || !segments.iter().any(|net| of_family(&net)) {
            continue;
        }
        let holding = segments.iter().filter(|net| net.contains(&vip));
        match holding.max_by_key(|net| net.prefix_len()) {
            Some(net) => networks.push((net, vip)),
            None => {
                let what = format!("is {vip}, which is in no prefix of vlans {way_out}");
                faults.add(path_of(pair, path, place), what);
            }
        }
    }
    for (place, member) in pair.members.iter().enumerate() {
        let Some(address) = member.address.filter(|own| !is_link_local(*own)) else {
            continue;
        };
        let of_family = |(_, vip): &&(&IpNet, IpAddr)| vip.is_ipv4() == address.is_ipv4();
        let mut near = networks.iter().filter(of_family);
        if near.clone().any(|(net, _)| net.contains(&address)) {
            continue;
        }
        if let Some((net, vip)) = near.next() {
            let what = format!("is {address}, not in {net} as the vip {vip} {way_out}");
            faults.add(format!("{path}.members[{place}].address"), what);
        }
    }
}
