//! Which VRRP instance is the pair's: among the adverts that were heard, and among those that
//! keepalived dumps.

use std::net::IpAddr;

use super::{Case, witness};
use crate::{
    evidence::{Advert, Instance, MemberFacts},
    pairs::Pair,
};

/// The virtual router ID: the pair's, else a dump's, else that of a member's own advert of the VIP, or
/// of another that moves with it.
pub(super) fn vrid(case: &Case<'_>, vip: IpAddr) -> Option<u8> {
    let of_dump = |vip: IpAddr| {
        let mut dumped = case.members().flat_map(|member| all(case, member));
        dumped.find(|i| i.has(vip)).map(|i| i.vrid)
    };
    let of_advert = |vip: IpAddr| {
        let ours = |advert: &&Advert| {
            advert.vips.contains(&vip) && witness::member_of(case, advert).is_some()
        };
        case.adverts().find(ours).map(|advert| advert.vrid)
    };
    let of = |vip: IpAddr| of_dump(vip).or_else(|| of_advert(vip));
    let others = case.pair.vips.iter().filter(|other| **other != vip);
    let of_others = || others.copied().find_map(of);
    case.pair.vrid.or_else(|| of(vip)).or_else(of_others)
}

/// The VIP stands in no advert of its instance, by the pair's word or a dump's.
pub(super) fn is_excluded(case: &Case<'_>, vip: IpAddr) -> bool {
    let mut dumped = case.members().flat_map(|member| all(case, member));
    case.pair.excluded || dumped.any(|i| i.excluded.contains(&vip))
}

/// The adverts that are about the VIP, or by its VRID; of an excluded VIP those of either family,
/// and where its VRID is not known, all of the members'.
pub(super) fn adverts<'a>(case: &'a Case<'_>, vip: IpAddr) -> impl Iterator<Item = &'a Advert> {
    let (vrid, excluded) = (vrid(case, vip), is_excluded(case, vip));
    case.adverts().filter(move |advert| {
        let same_family = advert.source.is_ipv4() == vip.is_ipv4();
        match (excluded, vrid) {
            (true, None) => witness::member_of(case, advert).is_some(),
            (true, vrid) => Some(advert.vrid) == vrid,
            (false, vrid) => {
                same_family && (advert.vips.contains(&vip) || Some(advert.vrid) == vrid)
            }
        }
    })
}

/// The advert claims the VIP for who sent it.
pub(super) fn claims(case: &Case<'_>, advert: &Advert, vip: IpAddr) -> bool {
    // Without its VRID nobody knows which of the members' adverts it goes with.
    let by_instance = || {
        is_excluded(case, vip)
            && vrid(case, vip) == Some(advert.vrid)
            && witness::member_of(case, advert).is_some()
    };
    advert.priority > 0 && is_heeded(advert) && (advert.vips.contains(&vip) || by_instance())
}

/// Routers listen to it: its checksum is right, and if it was sent to the group, no router was
/// between (RFC 5798, 7.1).
pub(super) fn is_heeded(advert: &Advert) -> bool {
    advert.checksum_ok && (advert.ttl == 255 || !advert.destination.is_multicast())
}

/// The pair's instances that a member's keepalived has.
pub(super) fn of_member<'a>(
    case: &'a Case<'_>,
    member: usize,
    vip: IpAddr,
) -> impl Iterator<Item = &'a Instance> {
    let Pair { vrid, vips, .. } = case.pair;
    let ours = move |i: &&Instance| i.has(vip) || vips.iter().any(|other| i.has(*other));
    all(case, member).filter(move |i| ours(i) || Some(i.vrid) == *vrid)
}

fn all<'a>(case: &'a Case<'_>, member: usize) -> impl Iterator<Item = &'a Instance> {
    let facts = case.facts(member);
    facts
        .into_iter()
        .flat_map(|facts| facts.keepalived.iter().flatten())
}

/// A VRRP daemon that would move the VIP lives there; none if nobody looked. An excluded VIP may
/// move with an instance of the other family.
pub(super) fn daemon(case: &Case<'_>, facts: &MemberFacts, vip: IpAddr) -> Option<bool> {
    let (v4, v6) = (facts.vrrp_socket, facts.vrrp6_socket);
    match (is_excluded(case, vip), vip.is_ipv4()) {
        (true, _) => match (v4, v6) {
            (None, None) => None,
            _ => Some(v4 == Some(true) || v6 == Some(true)),
        },
        (false, true) => v4,
        (false, false) => v6,
    }
}
