//! Who holds the VIP: one, two, a stranger, or nobody knows, and by which means.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{
    Case, by_name, info, instance, nothing,
    owners::Who,
    second, stale,
    timeline::Claim,
    unnamed::{is_missing, is_mute, why_unknown},
    unused,
    witness::{self, Arp, Speakers, Told},
};
use crate::finding::{Eye, Finding, Severity};

/// More claimants than this are a flood, and only counted.
const MOST_NAMED: usize = 8;

/// What came out about the holder.
#[derive(Default)]
pub(super) struct Held {
    pub holder: Option<usize>,
    pub by: Option<&'static str>,
    /// That nobody else holds it was seen: by broadcast ARP, or by every member's word.
    pub only_one_seen: bool,
    /// It changed hands while the raw sockets listened.
    pub moved: bool,
    /// It was moving, or away for a moment, while the raw sockets listened.
    pub unsteady: bool,
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
    let arp = witness::arp(case, vip);
    let adverts = witness::adverts(case, vip);
    let told = witness::told(case, vip, &arp);
    let mut held = Held {
        only_one_seen: arp.asked && (arp.answered || arp.local)
            || case.all_told() && told.holders.len() == 1 && !told.on_loopback,
        moved: arp.moved || adverts.moved,
        unsteady: arp.moved || arp.unsettled || arp.gap || adverts.moved,
        answers_arp: arp.answered,
        no_arp_answer: arp.asked && !arp.answered && !arp.local,
        speakers: adverts.last.clone(),
        ..Held::default()
    };
    if let Some(finding) = several(case, vip, &arp, &adverts, &told) {
        held.contradicted = true;
        held.findings.push(finding);
        return held;
    }
    one(case, vip, &arp, &adverts, &told, &mut held);
    held.findings.extend(unused::judge(case, vip));
    held.findings.extend(second::judge(case, vip, &arp, &held));
    held.findings.extend(stale::judge(case, vip, &held));
    held
}

/// The finding, if several hold the VIP at one time.
fn several(
    case: &Case<'_>,
    vip: IpAddr,
    arp: &Arp,
    adverts: &Speakers,
    told: &Told,
) -> Option<Finding> {
    let strange = |who: &Who| match who {
        Who::Mac(_) => case.owners.complete,
        Who::Source(source) => witness::is_strange(case, vip, *source),
        _ => false,
    };
    let several_arp = arp.at_once.len() > 1 || arp.doubled || arp.local && !arp.at_once.is_empty();
    // A stranger's claim is never a part of a hand-over, however short it was.
    let claimed = arp.claims.iter().chain(&adverts.claims);
    let foreign: Vec<&Who> = claimed
        .map(|claim| &claim.who)
        .filter(|who| strange(who))
        .collect();
    let checker = arp.local
        && !case
            .pair
            .members
            .iter()
            .any(|member| member.own().any(|address| case.is_local(address)));
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
            false => some(foreign.iter().map(|who| called(case, who))),
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
                .filter(|m| m.own().any(|address| case.is_local(address)))
                .map(|m| m.name.clone()),
        );
    }
    names.sort_unstable();
    names.dedup();
    let dead = |member: &usize| {
        let facts = case.facts(*member);
        facts.and_then(|facts| instance::daemon(case, facts, vip)) == Some(false)
    };
    // Unicast adverts reach the members alone, so that some are not heard tells nothing.
    let audible = adverts.listened && !adverts.claims.is_empty() && !case.pair.unicast;
    // Which of them is a zombie differs from look to look, so it is no code of its own.
    let why = match audible && adverts.at_once.len() < 2 && !adverts.moved {
        true => {
            let speaker = adverts.last.first().map(|who| called(case, who));
            speaker.map(|who| format!(", but only {who}'s VRRP adverts are heard"))
        }
        false => {
            let dead = told.at_once.iter().filter(|member| dead(member));
            let dead: Vec<String> = dead.map(|&member| case.name(member).to_owned()).collect();
            let who = list(dead.iter().cloned());
            (!dead.is_empty()).then(|| format!(", but {who} has no VRRP daemon"))
        }
    };
    let why = why.filter(|_| case.pair.vrrp).unwrap_or_default();
    let who = match names.len() {
        0 | 1 => "two hosts under one virtual MAC".to_owned(),
        _ => list(names.into_iter()),
    };
    let message = format!("{vip} is held by {who} at once{why}");
    Some(Finding::new(
        "split-brain",
        Severity::Critical,
        message,
        evidence,
        &eyes,
    ))
}

/// The one holder, or why it is not known.
fn one(case: &Case<'_>, vip: IpAddr, arp: &Arp, adverts: &Speakers, told: &Told, held: &mut Held) {
    let member = |who: &Who| match who {
        Who::Member(member) => Some(*member),
        _ => None,
    };
    let by_local = case.members().find(|&i| arp.local && case.is_here(i));
    let by_arp = arp.last.as_ref().and_then(member);
    let by_adverts = adverts.last.first().and_then(member);
    let by_facts = match &told.holders[..] {
        [one] => Some(*one),
        _ => None,
    };
    let by_identity = witness::identity(case);
    // What the table says is older than that nobody answers now, unless that very member is silent, too.
    let current = |member: &usize| !is_mute(case) || is_missing(case, *member);
    let by_neighbour =
        witness::neighbour(case, vip).filter(|member| !held.no_arp_answer && current(member));
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
        && (held.moved || told.holders.len() == 1)
    {
        // What was seen last counts: it moved meanwhile, or since everybody told their facts.
        named.retain(|(_, who, eye)| *who == live || !matches!(eye, Eye::Facts | Eye::Probe));
    }
    let Some(&(by, holder, eye)) = named.first() else {
        if !held.no_arp_answer {
            held.contradicted = case.all_told();
            held.findings
                .push(why_unknown(case, vip, arp, adverts, told));
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

pub(super) fn called(case: &Case<'_>, who: &Who) -> String {
    match who {
        Who::Member(member) => case.name(*member).to_owned(),
        Who::Virtual(mac) => format!("the virtual MAC {mac}"),
        Who::Mac(mac) => format!("an unknown host ({mac})"),
        Who::Source(address) => format!("{address}, which is no member"),
    }
}

fn claims_json(case: &Case<'_>, claims: &[Claim<Who>]) -> Value {
    by_name(claims.iter().take(MOST_NAMED).map(|claim| {
        let span =
            json!({"count": claim.times.len(), "first_ms": claim.first_ms(), "last_ms": claim.last_ms()});
        (called(case, &claim.who), span)
    }))
}

/// The first of them, and how many more.
fn some(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    list(names.take(MOST_NAMED).chain(more))
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
