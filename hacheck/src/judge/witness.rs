//! What each means says by itself about the holder: replies to ARP, adverts, the members'
//! word, answers that name who gives them, the neighbour table.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    Case, Target, instance,
    owners::Who,
    timeline::{self, Claim, Pace},
};
use crate::{
    evidence::{Advert, ArpReply, MemberFacts, State},
    holding::{self, Holding},
    interfaces::in_prefix,
};

/// Longest that a take-over may take on a busy host beyond what VRRP means it to, in
/// milliseconds: with ten adverts a second, 300 were seen in the lab.
const SLUGGISH_MS: u64 = 400;

/// What the replies to broadcast ARP say.
#[derive(Default)]
pub(super) struct Arp {
    pub asked: bool,
    pub answered: bool,
    /// The checker itself holds it, and need not answer itself.
    pub local: bool,
    pub claims: Vec<Claim<Who>>,
    /// Those that answered beside each other.
    pub at_once: Vec<Who>,
    /// Two answered one request under one virtual MAC.
    pub doubled: bool,
    pub moved: bool,
    /// More than one still claimed at the end.
    pub unsettled: bool,
    /// It was asked for some times without an answer, as while it moves.
    pub gap: bool,
    pub last: Option<Who>,
}

/// Lost answers among the rounds of a window that are no gap.
const LOST: usize = 1;

pub(super) fn arp(case: &Case<'_>, vip: IpAddr) -> Arp {
    let local = case.is_local(vip);
    let raw = case.evidence.raw.as_ref();
    let Some((raw, replies)) = raw.and_then(|raw| Some((raw, raw.replies.as_ref()?))) else {
        return Arp {
            local,
            ..Arp::default()
        };
    };
    let replies: Vec<&ArpReply> = replies
        .iter()
        .filter(|r| r.ip == vip && r.round > 0)
        .collect();
    let claims = timeline::claims(
        replies
            .iter()
            .map(|reply| (case.owners.who(reply.mac), reply.at_ms)),
    );
    let interval = case.interval_ms();
    // It was asked every quarter of an interval or so; two answers may be lost.
    let asked_ms = raw.window_ms / u64::from(raw.rounds.max(1));
    let pace = Pace {
        gap_ms: asked_ms * 5 / 2,
        late_ms: interval.max(asked_ms * 3),
        overlap_ms: interval.max(SLUGGISH_MS),
        end_ms: raw.window_ms,
    };
    let mut at_once = timeline::at_once(&claims, pace);
    if local {
        // The checker's own claim lasts all the time.
        let beside = |claim: &&Claim<Who>| {
            let from = timeline::lasting(claim, &claims, pace);
            from.is_some_and(|from| claim.last_ms() - from > pace.overlap_ms)
        };
        at_once = claims
            .iter()
            .filter(beside)
            .map(|claim| claim.who.clone())
            .collect();
        at_once.retain(|who| !matches!(who, Who::Member(member) if case.is_here(*member)));
    }
    // A virtual MAC is the same on both, so only two replies to one request tell.
    let virtual_too = claims
        .iter()
        .any(|claim| matches!(claim.who, Who::Virtual(_)));
    let many = |reply: &&&ArpReply| {
        let same = |other: &&&ArpReply| other.round == reply.round;
        virtual_too && replies.iter().filter(same).count() > 1
    };
    let double = replies.iter().filter(many);
    let double = timeline::claims(double.map(|reply| ((), reply.at_ms)));
    let doubled = double.iter().any(|claim| {
        let from = timeline::lasting(claim, &[], pace);
        from.is_some_and(|from| claim.last_ms() - from > pace.overlap_ms)
    });
    if at_once.iter().any(|who| matches!(who, Who::Virtual(_))) && !doubled {
        at_once.clear(); // a master may use its own address and the virtual one by turns
    }
    let rounds: BTreeSet<u32> = replies.iter().map(|reply| reply.round).collect();
    let at_end = timeline::at_the_end(&claims, raw.window_ms, interval);
    let last = claims
        .iter()
        .max_by_key(|claim| claim.last_ms())
        .map(|claim| claim.who.clone());
    Arp {
        asked: raw.rounds > 0,
        answered: !claims.is_empty(),
        local,
        doubled,
        moved: claims.len() > 1 && at_once.is_empty() && !virtual_too,
        unsettled: at_end.len() > 1 && at_once.is_empty() && !virtual_too,
        gap: !rounds.is_empty() && rounds.len() + LOST < raw.rounds as usize,
        at_once,
        claims,
        last,
    }
}

/// What the adverts of this pair say.
#[derive(Default)]
pub(super) struct Speakers {
    pub claims: Vec<Claim<Who>>,
    pub at_once: Vec<Who>,
    pub moved: bool,
    /// Those that spoke last; one, unless there are several at once.
    pub last: Vec<Who>,
    pub listened: bool,
}

pub(super) fn adverts(case: &Case<'_>, vip: IpAddr) -> Speakers {
    let listened = case
        .evidence
        .raw
        .as_ref()
        .is_some_and(|raw| raw.adverts.is_some());
    if !case.pair.vrrp {
        return Speakers::default(); // of whatever daemon they are, they don't move this VIP
    }
    let claiming = instance::adverts(case, vip).filter(|a| instance::claims(case, a, vip));
    let claims = timeline::claims(claiming.map(|advert| (speaker(case, advert), advert.at_ms)));
    let interval = case.interval_ms();
    let pace = Pace {
        gap_ms: interval * 3 / 2,
        late_ms: interval * 3 / 2,
        overlap_ms: interval.max(SLUGGISH_MS),
        end_ms: case.evidence.raw.as_ref().map_or(0, |raw| raw.window_ms),
    };
    let at_once = timeline::at_once(&claims, pace);
    let last = match at_once.is_empty() {
        true => claims
            .iter()
            .max_by_key(|c| c.last_ms())
            .map(|c| c.who.clone())
            .into_iter()
            .collect(),
        false => at_once.clone(),
    };
    Speakers {
        moved: claims.len() > 1 && at_once.is_empty(),
        claims,
        at_once,
        last,
        listened,
    }
}

/// Whose advert it is: by its address, by an address that a member says it has, by its MAC. An
/// instance of the other family than the members' addresses is known by its MAC alone.
pub(super) fn member_of(case: &Case<'_>, advert: &Advert) -> Option<usize> {
    let by_mac = || {
        let mac = advert.source_mac?;
        case.owners.of.get(&mac).copied()
    };
    by_address(case, advert.source).or_else(by_mac)
}

fn by_address(case: &Case<'_>, source: IpAddr) -> Option<usize> {
    let by_address = case.members().find(|&i| case.pair.members[i].has(source));
    let has = |facts: &MemberFacts| facts.addresses.iter().any(|own| own.address == source);
    by_address.or_else(|| case.members().find(|&i| case.facts(i).is_some_and(has)))
}

fn speaker(case: &Case<'_>, advert: &Advert) -> Who {
    match member_of(case, advert) {
        Some(member) => Who::Member(member),
        // Of use_vmac's own interface: its link-local address and its MAC are nobody's by name.
        None => match (advert.source, advert.source_mac) {
            (IpAddr::V6(source), Some(mac))
                if source.is_unicast_link_local() && mac.virtual_router().is_some() =>
            {
                Who::Virtual(mac)
            }
            _ => Who::Source(advert.source),
        },
    }
}

/// Who sends from that address would be known if it were a member: each has told its facts, or is
/// known by an address in the VIP's prefix. Link-local sources are known by their MACs alone.
pub(super) fn is_strange(case: &Case<'_>, vip: IpAddr, source: IpAddr) -> bool {
    if let IpAddr::V6(v6) = source
        && v6.is_unicast_link_local()
    {
        return case.owners.complete;
    }
    let beside = |own: IpAddr| in_prefix(vip, prefix_length(case, vip), own);
    case.members().all(|member| {
        let mut own = case.pair.members[member].own();
        case.facts(member).is_some() || own.any(beside)
    })
}

/// The length of the VIP's prefix: as the checker has it beside the VIP, else the usual one.
fn prefix_length(case: &Case<'_>, vip: IpAddr) -> u8 {
    let own = case.evidence.own.iter().filter(|own| own.address != vip);
    let lengths = own.filter_map(|own| {
        let length = own.prefix_length?;
        (length > 0 && in_prefix(own.address, length, vip)).then_some(length)
    });
    let usual = if vip.is_ipv4() { 24 } else { 64 };
    lengths.max().unwrap_or(usual)
}

/// What the members say.
#[derive(Default)]
pub(super) struct Told {
    /// Those that say that they hold it.
    pub holders: Vec<usize>,
    /// Those that held it at one time, or were master of it by their own daemons' word.
    pub at_once: Vec<usize>,
    /// Some have it on the loopback interface: whether they answer for it, no facts say.
    pub on_loopback: bool,
}

/// What overlaps for less by the word of two hosts may be the difference of their clocks,
/// in milliseconds.
const SNAPSHOT_MS: i64 = 1000;

/// An overlap of at most so many intervals may be a hand-over that was just then going on.
const PASSING: i64 = 4;

pub(super) fn told(case: &Case<'_>, vip: IpAddr, arp: &Arp) -> Told {
    let spell = |facts: &MemberFacts, held_ms: Option<u64>| {
        (facts.at_ms, held_ms.and_then(|ms| i64::try_from(ms).ok()))
    };
    let own = |member: usize| {
        let facts = case.facts(member)?;
        match holding::of(facts, vip) {
            Holding::Held(own) => Some(spell(facts, own.held_ms)),
            _ => None,
        }
    };
    let master = |member: usize| {
        let mut instances = instance::of_member(case, member, vip);
        let instance = instances.find(|i| i.has(vip) && i.state == State::Master)?;
        let at_ms = case.facts(member)?.at_ms;
        Some((
            at_ms,
            instance
                .last_transition_ms
                .map(|since| at_ms.saturating_sub(since)),
        ))
    };
    let on_loopback = |member: usize| {
        let facts = case.facts(member);
        facts.is_some_and(|facts| matches!(holding::of(facts, vip), Holding::Loopback(_)))
    };
    let holders: Vec<(usize, (i64, Option<i64>))> = case
        .members()
        .filter_map(|member| Some((member, own(member)?)))
        .collect();
    // A master whose address is dead serves nobody, and is one more all the same.
    let masters = case
        .members()
        .filter(|member| holders.iter().all(|(of, _)| of != member));
    let masters = masters.filter_map(|member| Some((member, master(member)?)));
    let claimed: Vec<(usize, (i64, Option<i64>))> =
        holders.iter().copied().chain(masters).collect();
    let interval = i64::try_from(case.interval_ms()).unwrap_or(i64::MAX);
    let least = interval.max(SNAPSHOT_MS);
    let raw = case.evidence.raw.as_ref();
    let watched_until = raw.map(|raw| raw.started_ms.saturating_add_unsigned(raw.window_ms));
    // Later, only one of them answered.
    let settled = arp.asked && arp.at_once.is_empty() && !arp.unsettled && !arp.doubled;
    let beside = |(at, held): (i64, Option<i64>), (other_at, other_held): (i64, Option<i64>)| {
        match (held, other_held) {
            (Some(held), Some(other_held)) => {
                let from = (at - held).max(other_at - other_held);
                let overlap = at.min(other_at) - from;
                let later = watched_until.is_some_and(|until| until > at.max(other_at) + interval);
                let passed = settled && later && overlap <= PASSING * interval;
                overlap > least && !passed
            }
            // Without the time since when, two that say so are two.
            _ => true,
        }
    };
    let is = |(member, spell): &&(usize, (i64, Option<i64>))| {
        claimed
            .iter()
            .any(|(other, its)| other != member && beside(*spell, *its))
    };
    Told {
        on_loopback: case.members().any(on_loopback),
        at_once: claimed
            .iter()
            .filter(is)
            .map(|(member, _)| *member)
            .collect(),
        holders: holders.iter().map(|(member, _)| *member).collect(),
    }
}

/// Who answered at the VIP, by its own word: the member that says the same at its own address.
pub(super) fn identity(case: &Case<'_>) -> Option<usize> {
    case.replies(Target::Vip).find_map(|(probe, reply)| {
        let said = reply.identity.as_deref()?;
        let says = |member: &usize| {
            let reply = case.reply(Target::Member(*member), probe);
            reply.and_then(|reply| reply.identity.as_deref()) == Some(said)
        };
        let mut same = case.members().filter(says);
        match (same.next(), same.next()) {
            (Some(one), None) => Some(one),
            (Some(_), Some(_)) => None, // all say the same
            (None, _) => case.members().find(|&member| case.name(member) == said),
        }
    })
}

/// Who has the hardware address that the checker's kernel uses for the VIP.
pub(super) fn neighbour(case: &Case<'_>, vip: IpAddr) -> Option<usize> {
    let mac = |address| {
        case.evidence
            .neighbours
            .iter()
            .find(|entry| entry.address == address)
    };
    let its = mac(vip)?.mac;
    if its.virtual_router().is_some() {
        return None;
    }
    let is = |member: &usize| {
        let mut own = case.pair.members[*member].own();
        own.any(|address| mac(address).is_some_and(|n| n.mac == its))
    };
    let mut same = case.members().filter(is);
    match (same.next(), same.next()) {
        (Some(one), None) => Some(one),
        _ => None, // nobody's, or a router's in front of all
    }
}
