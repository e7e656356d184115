//! Who holds the VIP: one, two, a stranger, or nobody knows, and by which means.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Value, json};

use super::{
    Case, Target, by_name, info, nothing,
    timeline::{self, Claim},
};
use crate::{
    evidence::{Advert, ArpReply, Mac, MemberFacts},
    finding::{Eye, Finding, Severity},
};

/// Who claims the VIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A member.
    Member(usize),
    /// A hardware address of VRRP's: whoever is master.
    Virtual(Mac),
    /// A hardware address that belongs to no member that is known.
    Mac(Mac),
    /// An advert's source that is no member's address.
    Source(IpAddr),
}

/// What came out about the holder.
#[derive(Default)]
pub(super) struct Held {
    pub holder: Option<usize>,
    pub by: Option<&'static str>,
    /// That nobody else holds it was seen: by broadcast ARP, or by every member's word.
    pub only_one_seen: bool,
    /// It changed hands while the raw sockets listened.
    pub moved: bool,
    /// Somebody answered an ARP request for the VIP.
    pub answers_arp: bool,
    /// Nobody did, though it was asked for.
    pub no_arp_answer: bool,
    /// Adverts of this pair were heard from.
    pub speakers: Vec<Who>,
    /// The means there were left the holder open, or contradict each other.
    pub contradicted: bool,
    pub findings: Vec<Finding>,
}

pub(super) fn judge(case: &Case<'_>) -> Held {
    let Some(vip) = case.pair.vip else {
        return Held::default();
    };
    let owners = Owners::of(case);
    let arp = arp(case, vip, &owners);
    let adverts = adverts(case, vip, &owners);
    let told = told(case, vip);
    let mut held = Held {
        only_one_seen: arp.asked && (arp.answered || arp.local)
            || case.all_told() && told.holders.len() == 1,
        moved: arp.moved || adverts.moved,
        answers_arp: arp.answered,
        no_arp_answer: arp.asked && !arp.answered && !arp.local,
        speakers: adverts.last.clone(),
        ..Held::default()
    };
    if let Some(finding) = several(case, vip, &owners, &arp, &adverts, &told) {
        held.contradicted = true;
        held.findings.push(finding);
        return held;
    }
    one(case, vip, &arp, &adverts, &told, &mut held);
    held
}

/// Which hardware address is whose.
struct Owners {
    of: BTreeMap<Mac, usize>,
    /// The hardware address of every member is known.
    complete: bool,
}

impl Owners {
    fn of(case: &Case<'_>) -> Self {
        let mut seen: Vec<(Mac, usize)> = Vec::new();
        let replies = case
            .evidence
            .raw
            .iter()
            .flat_map(|raw| raw.replies.iter().flatten());
        let replies = replies.map(|reply| (reply.ip, reply.mac));
        let neighbours = case.evidence.neighbours.iter().map(|n| (n.address, n.mac));
        for (address, mac) in replies.chain(neighbours) {
            let member = case
                .members()
                .find(|&i| case.pair.members[i].address == address);
            seen.extend(member.map(|member| (mac, member)));
        }
        for stated in &case.evidence.facts {
            let macs = stated
                .facts
                .interfaces
                .iter()
                .filter_map(|interface| interface.mac);
            seen.extend(macs.map(|mac| (mac, stated.member)));
        }
        seen.retain(|(mac, _)| mac.virtual_router().is_none() && mac.0 != [0; 6]);
        let mut of = BTreeMap::new();
        for (mac, member) in &seen {
            // One for two members is a router's or a proxy's, and names neither.
            if !seen
                .iter()
                .any(|(other, whose)| other == mac && whose != member)
            {
                of.insert(*mac, *member);
            }
        }
        let known = |member| of.values().any(|owner| *owner == member);
        let complete = case.members().all(known);
        Self { of, complete }
    }

    fn who(&self, mac: Mac) -> Who {
        match (mac.virtual_router(), self.of.get(&mac)) {
            (Some(_), _) => Who::Virtual(mac),
            (None, Some(&member)) => Who::Member(member),
            (None, None) => Who::Mac(mac),
        }
    }
}

/// What the replies to broadcast ARP say.
#[derive(Default)]
struct Arp {
    asked: bool,
    answered: bool,
    /// The checker itself holds it, and need not answer itself.
    local: bool,
    claims: Vec<Claim<Who>>,
    /// Those that answered beside each other.
    at_once: Vec<Who>,
    /// Two answered one request under one virtual MAC.
    doubled: bool,
    moved: bool,
    /// More than one still claimed at the end.
    unsettled: bool,
    last: Option<Who>,
}

fn arp(case: &Case<'_>, vip: IpAddr, owners: &Owners) -> Arp {
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
            .map(|reply| (owners.who(reply.mac), reply.at_ms)),
    );
    let interval = case.interval_ms();
    let mut at_once = timeline::at_once(&claims, interval);
    if local {
        // The checker's own claim lasts all the time.
        let lasting = claims
            .iter()
            .filter(|claim| claim.last_ms - claim.first_ms > interval);
        at_once = lasting.map(|claim| claim.who.clone()).collect();
        at_once.retain(|who| !matches!(who, Who::Member(member) if case.is_local(case.pair.members[*member].address)));
    }
    // A virtual MAC is the same on both, so only two replies to one request tell.
    let many = |reply: &&&ArpReply| {
        replies
            .iter()
            .filter(|other| other.round == reply.round)
            .count()
            > 1
    };
    let double: Vec<u64> = match claims
        .iter()
        .any(|claim| matches!(claim.who, Who::Virtual(_)))
    {
        true => replies
            .iter()
            .filter(many)
            .map(|reply| reply.at_ms)
            .collect(),
        false => Vec::new(),
    };
    let doubled = match (double.iter().min(), double.iter().max()) {
        (Some(first), Some(last)) => last - first > interval,
        _ => false,
    };
    if at_once.iter().any(|who| matches!(who, Who::Virtual(_))) && !doubled {
        at_once.clear(); // a master may use its own address and the virtual one by turns
    }
    let at_end = timeline::at_the_end(&claims, raw.window_ms, interval);
    let last = claims
        .iter()
        .max_by_key(|claim| claim.last_ms)
        .map(|claim| claim.who.clone());
    let virtual_too = claims
        .iter()
        .any(|claim| matches!(claim.who, Who::Virtual(_)));
    Arp {
        asked: raw.rounds > 0,
        answered: !claims.is_empty(),
        local,
        doubled,
        moved: claims.len() > 1 && at_once.is_empty() && !virtual_too,
        unsettled: at_end.len() > 1 && at_once.is_empty() && !virtual_too,
        at_once,
        claims,
        last,
    }
}

/// What the adverts of this pair say.
#[derive(Default)]
struct Speakers {
    claims: Vec<Claim<Who>>,
    at_once: Vec<Who>,
    moved: bool,
    /// Those that spoke last; one, unless there are several at once.
    last: Vec<Who>,
    listened: bool,
}

/// The adverts that are about the VIP, or by its VRID.
pub(super) fn of_pair<'a>(case: &'a Case<'_>, vip: IpAddr) -> impl Iterator<Item = &'a Advert> {
    let heard = case
        .evidence
        .raw
        .iter()
        .flat_map(|raw| raw.adverts.iter().flatten());
    let vrid = case.pair.vrid;
    heard.filter(move |advert| {
        let same_family = advert.source.is_ipv4() == vip.is_ipv4();
        same_family && (advert.vips.contains(&vip) || Some(advert.vrid) == vrid)
    })
}

fn adverts(case: &Case<'_>, vip: IpAddr, owners: &Owners) -> Speakers {
    let listened = case
        .evidence
        .raw
        .as_ref()
        .is_some_and(|raw| raw.adverts.is_some());
    // Who gives up claims nothing, and a router drops what has a wrong checksum.
    let claiming =
        of_pair(case, vip).filter(|a| a.priority > 0 && a.checksum_ok && a.vips.contains(&vip));
    let claims =
        timeline::claims(claiming.map(|advert| (speaker(case, advert, owners), advert.at_ms)));
    let at_once = timeline::at_once(&claims, case.interval_ms());
    let last = match at_once.is_empty() {
        true => claims
            .iter()
            .max_by_key(|c| c.last_ms)
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

/// Whose advert it is: by its address, by an address that a member says it has, by its MAC.
pub(super) fn member_of(case: &Case<'_>, source: IpAddr) -> Option<usize> {
    let by_address = case
        .members()
        .find(|&i| case.pair.members[i].address == source);
    let has = |facts: &MemberFacts| facts.addresses.iter().any(|own| own.address == source);
    by_address.or_else(|| case.members().find(|&i| case.facts(i).is_some_and(has)))
}

fn speaker(case: &Case<'_>, advert: &Advert, owners: &Owners) -> Who {
    let by_mac = || {
        advert
            .source_mac
            .and_then(|mac| owners.of.get(&mac).copied())
    };
    match member_of(case, advert.source).or_else(by_mac) {
        Some(member) => Who::Member(member),
        None => Who::Source(advert.source),
    }
}

/// What the members say.
#[derive(Default)]
struct Told {
    /// Those that say that they hold it.
    holders: Vec<usize>,
    /// Those of them that held it at one time.
    at_once: Vec<usize>,
}

fn told(case: &Case<'_>, vip: IpAddr) -> Told {
    let own = |member: usize| {
        let facts = case.facts(member)?;
        let own = facts.addresses.iter().find(|own| own.address == vip)?;
        Some((
            facts.at_ms,
            own.held_ms.and_then(|ms| i64::try_from(ms).ok()),
        ))
    };
    let holders: Vec<(usize, (i64, Option<i64>))> = case
        .members()
        .filter_map(|member| Some((member, own(member)?)))
        .collect();
    let interval = i64::try_from(case.interval_ms()).unwrap_or(i64::MAX);
    let beside = |(at, held): (i64, Option<i64>), (other_at, other_held): (i64, Option<i64>)| {
        match (held, other_held) {
            (Some(held), Some(other_held)) => {
                let from = (at - held).max(other_at - other_held);
                at.min(other_at) - from > interval
            }
            // Without the time since when, two that say so are two.
            _ => true,
        }
    };
    let is = |(member, spell): &&(usize, (i64, Option<i64>))| {
        holders
            .iter()
            .any(|(other, its)| other != member && beside(*spell, *its))
    };
    Told {
        at_once: holders
            .iter()
            .filter(is)
            .map(|(member, _)| *member)
            .collect(),
        holders: holders.iter().map(|(member, _)| *member).collect(),
    }
}

/// The finding, if several hold the VIP at one time.
fn several(
    case: &Case<'_>,
    vip: IpAddr,
    owners: &Owners,
    arp: &Arp,
    adverts: &Speakers,
    told: &Told,
) -> Option<Finding> {
    let strange = |who: &Who| match who {
        Who::Mac(_) => owners.complete,
        Who::Source(_) => true,
        _ => false,
    };
    let several_arp = arp.at_once.len() > 1 || arp.doubled || arp.local && !arp.at_once.is_empty();
    let foreign: Vec<&Who> = match arp.at_once.is_empty() {
        true => arp.last.iter().filter(|_| !arp.unsettled).collect(),
        false => arp.at_once.iter().collect(),
    };
    let foreign: Vec<&Who> = foreign
        .into_iter()
        .chain(&adverts.last)
        .filter(|who| strange(who))
        .collect();
    let checker = arp.local
        && !case
            .pair
            .members
            .iter()
            .any(|member| case.is_local(member.address));
    let mut eyes = Vec::new();
    if several_arp {
        eyes.push(Eye::Arp);
    }
    if adverts.at_once.len() > 1 {
        eyes.push(Eye::Adverts);
    }
    if told.at_once.len() > 1 {
        eyes.push(Eye::Facts);
    }
    if checker {
        eyes.push(Eye::Local);
    }
    let evidence = json!({
        "arp": claims_json(case, &arp.claims),
        "adverts": claims_json(case, &adverts.claims),
        "facts": told.holders.iter().map(|&member| case.name(member)).collect::<Vec<_>>(),
    });
    if checker || !foreign.is_empty() {
        for who in &foreign {
            eyes.push(if matches!(who, Who::Source(_)) {
                Eye::Adverts
            } else {
                Eye::Arp
            });
        }
        eyes.sort_unstable();
        eyes.dedup();
        let who = match checker {
            true => "the host that checks, which is no member".to_owned(),
            false => list(foreign.iter().map(|who| called(case, who))),
        };
        let message = format!("{vip} is held by {who}");
        return Some(Finding::new(
            "foreign-holder",
            Severity::Critical,
            message,
            evidence,
            &eyes,
        ));
    }
    if eyes.is_empty() {
        return None;
    }
    let mut names: Vec<String> = arp
        .at_once
        .iter()
        .chain(&adverts.at_once)
        .map(|who| called(case, who))
        .collect();
    names.extend(
        told.at_once
            .iter()
            .map(|&member| case.name(member).to_owned()),
    );
    if arp.local {
        names.extend(
            case.pair
                .members
                .iter()
                .filter(|m| case.is_local(m.address))
                .map(|m| m.name.clone()),
        );
    }
    names.sort_unstable();
    names.dedup();
    let dead = |&&member: &&usize| case.facts(member).and_then(|f| daemon(f, vip)) == Some(false);
    // Unicast adverts reach the members alone, so that some are not heard tells nothing.
    let audible = adverts.listened && !adverts.claims.is_empty() && !case.pair.unicast;
    let zombie = match audible {
        true => adverts.at_once.len() < 2 && !adverts.moved,
        false => told.at_once.iter().any(|member| dead(&member)),
    };
    let who = match names.len() {
        0 | 1 => "two hosts under one virtual MAC".to_owned(),
        _ => list(names.into_iter()),
    };
    let (code, why) = match zombie {
        true => (
            "duplicate-ip-zombie",
            ", but the VRRP adverts of one at most are heard",
        ),
        false => ("split-brain", ""),
    };
    let message = format!("{vip} is held by {who} at once{why}");
    Some(Finding::new(
        code,
        Severity::Critical,
        message,
        evidence,
        &eyes,
    ))
}

/// A VRRP daemon for the VIP's family lives there; none if nobody looked.
pub(super) fn daemon(facts: &MemberFacts, vip: IpAddr) -> Option<bool> {
    if vip.is_ipv4() {
        facts.vrrp_socket
    } else {
        facts.vrrp6_socket
    }
}

/// The one holder, or why it is not known.
fn one(case: &Case<'_>, vip: IpAddr, arp: &Arp, adverts: &Speakers, told: &Told, held: &mut Held) {
    let member = |who: &Who| match who {
        Who::Member(member) => Some(*member),
        _ => None,
    };
    let by_local = case
        .members()
        .find(|&i| arp.local && case.is_local(case.pair.members[i].address));
    let by_arp = arp.last.as_ref().and_then(member);
    let by_adverts = adverts.last.first().and_then(member);
    let by_facts = match &told.holders[..] {
        [one] => Some(*one),
        _ => None,
    };
    let by_identity = identity(case);
    let by_neighbour = neighbour(case, vip);
    let means = [
        ("local", by_local, Eye::Local),
        ("mac", by_arp, Eye::Arp),
        ("adverts", by_adverts, Eye::Adverts),
        ("facts", by_facts, Eye::Facts),
        ("identity", by_identity, Eye::Probe),
        ("mac", by_neighbour, Eye::Neighbours),
    ];
    let mut named: Vec<(&'static str, usize, Eye)> = means
        .iter()
        .filter_map(|(by, who, eye)| Some((*by, (*who)?, *eye)))
        .collect();
    let unknown = |message: String, eyes: &[Eye]| {
        Finding::new(
            "holder-unknown",
            Severity::Unknown,
            message,
            nothing(),
            eyes,
        )
    };
    if arp.unsettled {
        held.contradicted = true;
        let message = format!("{vip} was changing hands when the window closed: check again");
        held.findings.push(unknown(message, &[Eye::Arp]));
        return;
    }
    // A stale entry is a neighbour table's nature; it counts only where nothing better is.
    // What a probe from the holder itself reaches is itself.
    if named.len() > 1 {
        named.retain(|(_, _, eye)| *eye != Eye::Neighbours);
    }
    let live = by_local.or(by_arp);
    if let Some(live) = live
        && (held.moved || case.all_told() && told.holders.len() == 1)
    {
        // What was seen last counts: it moved meanwhile, or since everybody told their facts.
        named.retain(|(_, who, eye)| *who == live || !matches!(eye, Eye::Facts | Eye::Probe));
    }
    let Some(&(by, holder, eye)) = named.first() else {
        if !held.no_arp_answer {
            held.contradicted = case.all_told();
            held.findings.push(why_unknown(case, vip, arp, told));
        }
        return;
    };
    let evidence = by_name(named.iter().map(|(by, who, eye)| match eye {
        Eye::Neighbours => ("neighbours".to_owned(), case.name(*who)),
        _ => ((*by).to_owned(), case.name(*who)),
    }));
    if let Some((other_by, other, other_eye)) = named.iter().find(|(_, who, _)| *who != holder) {
        held.contradicted = true;
        let message = format!(
            "{vip}: {} by {by}, but {} by {other_by}: it has moved meanwhile, or both hold it; check again",
            case.name(holder),
            case.name(*other),
        );
        let eyes = [eye, *other_eye];
        held.findings.push(Finding::new(
            "holder-unknown",
            Severity::Unknown,
            message,
            evidence,
            &eyes,
        ));
        return;
    }
    held.holder = Some(holder);
    held.by = Some(by);
    let eyes: Vec<Eye> = named.iter().map(|(_, _, eye)| *eye).collect();
    let moved = if held.moved {
        ", which took over while this check ran"
    } else {
        ""
    };
    let message = format!("{} holds {vip} (by {by}){moved}", case.name(holder));
    held.findings.push(info("holder", message, evidence, &eyes));
    let preferred = case.pair.members.iter().find(|member| member.preferred);
    if let Some(preferred) = preferred.filter(|preferred| preferred.name != case.name(holder)) {
        let severity = match case.pair.expect_preferred {
            true => Severity::Warning,
            false => Severity::Info,
        };
        let message = format!(
            "{} holds {vip}, preferred is {}",
            case.name(holder),
            preferred.name
        );
        held.findings.push(Finding::new(
            "holder-unexpected",
            severity,
            message,
            nothing(),
            &eyes,
        ));
    }
}

/// Why nobody is named, when nothing names anybody.
fn why_unknown(case: &Case<'_>, vip: IpAddr, arp: &Arp, told: &Told) -> Finding {
    let mut why = Vec::new();
    let mut eyes = Vec::new();
    match &arp.last {
        Some(Who::Virtual(mac)) => why.push(format!(
            "its MAC {mac} is VRRP's virtual one, the same on all members"
        )),
        Some(Who::Mac(mac)) => why.push(format!(
            "its MAC {mac} is of no known host, and not every member's is known"
        )),
        _ => {}
    }
    if arp.asked {
        eyes.push(Eye::Arp);
    }
    match (told.holders.len(), case.all_told()) {
        (0, true) => {
            eyes.push(Eye::Facts);
            why.push("no member has it".to_owned());
        }
        (2.., _) => {
            eyes.push(Eye::Facts);
            why.push("it moved while the members told their facts".to_owned());
        }
        _ => {}
    }
    if case.pair.unicast {
        why.push("its adverts are unicast".to_owned());
    }
    if case.evidence.raw.is_none() {
        let entry = case
            .evidence
            .neighbours
            .iter()
            .find(|entry| entry.address == vip);
        why.push(match entry {
            None => "it is no neighbour of this host (routed)".to_owned(),
            Some(entry) if entry.mac.virtual_router().is_some() => {
                format!(
                    "its MAC {} is VRRP's virtual one, the same on all members",
                    entry.mac
                )
            }
            Some(entry) => format!("its MAC {} is of no member's address", entry.mac),
        });
    }
    let told_apart = case
        .replies(Target::Vip)
        .any(|(_, reply)| reply.identity.is_some());
    if !told_apart && case.replies(Target::Vip).next().is_some() {
        why.push("no probe asks who answers".to_owned());
    }
    let message = format!("who holds {vip} is not known: {}", list(why.into_iter()));
    Finding::new(
        "holder-unknown",
        Severity::Unknown,
        message,
        nothing(),
        &eyes,
    )
}

/// Who answered at the VIP, by its own word: the member that says the same at its own address.
fn identity(case: &Case<'_>) -> Option<usize> {
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
fn neighbour(case: &Case<'_>, vip: IpAddr) -> Option<usize> {
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
    let is = |member: &usize| mac(case.pair.members[*member].address).is_some_and(|n| n.mac == its);
    let mut same = case.members().filter(is);
    match (same.next(), same.next()) {
        (Some(one), None) => Some(one),
        _ => None, // nobody's, or a router's in front of all
    }
}

fn called(case: &Case<'_>, who: &Who) -> String {
    match who {
        Who::Member(member) => case.name(*member).to_owned(),
        Who::Virtual(mac) => format!("the virtual MAC {mac}"),
        Who::Mac(mac) => format!("an unknown host ({mac})"),
        Who::Source(address) => format!("{address}, which is no member"),
    }
}

fn claims_json(case: &Case<'_>, claims: &[Claim<Who>]) -> Value {
    by_name(claims.iter().map(|claim| {
        let span =
            json!({"count": claim.count, "first_ms": claim.first_ms, "last_ms": claim.last_ms});
        (called(case, &claim.who), span)
    }))
}

/// `a, b and c`.
pub(super) fn list(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    match names.pop() {
        None => String::new(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}
