//! From everything that was seen of a pair to what to tell its operator.
//!
//! Nothing here touches the network, the clock or a file: [`judge`] is given all evidence
//! at once, so what is hard to stage with real hosts is a row of a table in the tests.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::{
    evidence::{Advert, MemberFacts, Neighbour, OwnAddress, RawWindow, Unseen},
    finding::{Eye, Finding, Severity},
    guests::Places,
    history::Past,
    pairs::Pair,
    probe::{
        Content, Outcome, Reply,
        dns::{Kind, Said},
    },
};
use owners::Owners;

mod age;
mod certificate;
mod daemon;
mod drift;
mod exports;
mod holder;
mod instance;
mod listening;
mod owners;
mod pihole;
mod place;
mod route;
mod rto;
mod same;
mod second;
mod service;
mod sight;
mod single;
mod stale;
#[cfg(test)]
mod tests;
mod timeline;
mod together;
mod unnamed;
mod unused;
mod witness;

pub use together::together;

/// Who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The VIP.
    Vip,
    /// A member, by its place in the pair.
    Member(usize),
    /// Neither: the probe itself says whom it asks.
    Elsewhere,
}

/// A probe and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// Who was asked.
    pub target: Target,
    /// Which of the pair's probes.
    pub probe: usize,
    /// What came.
    pub reply: Reply,
}

/// What a member says of a name that all must answer alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Its place in the pair.
    pub member: usize,
    /// Which of the pair's names.
    pub name: usize,
    /// What was asked of it.
    pub kind: Kind,
    /// What it says, or why it says nothing.
    pub said: Result<Said, Outcome>,
}

/// What one member says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// Its place in the pair.
    pub member: usize,
    /// What it says.
    pub facts: MemberFacts,
    /// The checker runs on it, and looked for itself.
    pub local: bool,
}

/// All that is known of one pair.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Now, Unix time in milliseconds.
    pub now_ms: i64,
    /// The probes.
    pub probes: Vec<Probed>,
    /// What members say of names that they must answer alike.
    pub same: Vec<Compared>,
    /// What the raw sockets saw; none if they were not asked for.
    pub raw: Option<RawWindow>,
    /// Facts of members that are young enough.
    pub facts: Vec<Stated>,
    /// Facts that can't be used: which, and why.
    pub unusable: Vec<Unseen>,
    /// The checker's neighbours, looked up after the probes.
    pub neighbours: Vec<Neighbour>,
    /// The same, before anything was sent.
    pub neighbours_before: Vec<Neighbour>,
    /// The checker's own addresses.
    pub own: Vec<OwnAddress>,
    /// Where the guests are; none if nobody said.
    pub places: Option<Places>,
    /// What earlier checks and the members' counters say; none if no history is kept.
    pub past: Option<Past>,
    /// What was wrong in a look before this one, at a VIP that was just moving.
    pub looked_before: Option<String>,
}

/// What is said of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The member that holds the VIP.
    pub holder: Option<usize>,
    /// How that was found out: mac, local, facts, adverts, identity.
    pub holder_by: Option<&'static str>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// The VIP was on its way to another holder, and what is wrong may be only that.
    pub passing: bool,
    /// It was moving, or away for a moment, while it was looked at.
    pub unsteady: bool,
    /// That nobody else holds it was seen.
    pub only_one_seen: bool,
}

impl Verdict {
    /// The worst that was found.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let severities = self.findings.iter().map(|finding| finding.severity);
        severities.max().unwrap_or(Severity::Info)
    }
}

/// What the evidence means of a pair's one VIP, or of a pair without any. With `accept_blind`, what nobody looked at is only told.
#[must_use]
pub fn judge(pair: &Pair, evidence: &Evidence, accept_blind: bool) -> Verdict {
    let owners = Owners::of(pair, evidence);
    let case = Case {
        pair,
        evidence,
        owners,
    };
    if let Some(service) = &pair.service {
        return single::judge(&case, service, accept_blind);
    }
    let held = holder::judge(&case);
    let mut findings = held.findings.clone();
    findings.extend(service::judge(&case, &held));
    findings.extend(route::judge(&case));
    findings.extend(daemon::judge(&case, &held));
    findings.extend(listening::judge(&case, &held));
    findings.extend(drift::judge(&case));
    findings.extend(rto::judge(&case, &held));
    findings.extend(certificate::judge(&case));
    findings.extend(same::judge(&case));
    findings.extend(exports::judge(&case));
    findings.extend(pihole::judge(&case));
    findings.extend(age::judge(&case));
    findings.extend(place::judge(&case));
    findings.extend(sight::judge(&case, &held, accept_blind));
    if accept_blind && !held.contradicted {
        // Nobody contradicts anybody: it is only that nobody looked.
        for finding in findings
            .iter_mut()
            .filter(|finding| finding.code == "holder-unknown")
        {
            finding.severity = Severity::Info;
        }
    }
    findings.extend(hand_over(&case));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity)); // stable
    let shaken = |finding: &Finding| {
        finding.severity > Severity::Info
            && ["vip-down", "vip-service-down", "holder-unknown"].contains(&finding.code)
    };
    // keepalived takes 3.5 s to start a child again that was killed, and nobody speaks meanwhile.
    let lives = |holder: usize| {
        let facts = case.facts(holder).zip(pair.vip);
        facts.and_then(|(facts, vip)| instance::daemon(&case, facts, vip)) == Some(true)
    };
    let mute = held.holder.is_some_and(lives)
        && findings.iter().any(|finding| finding.code == "vrrp-silent");
    let passing = mute || held.unsteady && findings.iter().any(shaken);
    Verdict {
        holder: held.holder,
        holder_by: held.by,
        passing: passing && !findings.iter().any(lasts),
        unsteady: held.unsteady,
        only_one_seen: held.only_one_seen,
        findings,
    }
}

/// It was looked at twice.
fn hand_over(case: &Case<'_>) -> Option<Finding> {
    let before = case.evidence.looked_before.as_ref()?;
    let message = format!("looked twice, since it may have been only passing; at first: {before}");
    Some(info("hand-over", message, nothing(), &[Eye::Arp]))
}

/// It is no matter of a moment, so that a second look would not help.
fn lasts(finding: &Finding) -> bool {
    ["foreign-holder", "split-brain"].contains(&finding.code)
}

/// A pair and what is known of it, with what all parts ask for.
struct Case<'a> {
    pair: &'a Pair,
    evidence: &'a Evidence,
    owners: Owners,
}

impl Case<'_> {
    fn name(&self, member: usize) -> &str {
        &self.pair.members[member].name
    }

    fn members(&self) -> std::ops::Range<usize> {
        0..self.pair.members.len()
    }

    fn facts(&self, member: usize) -> Option<&MemberFacts> {
        let mut stated = self.evidence.facts.iter();
        stated
            .find(|stated| stated.member == member)
            .map(|stated| &stated.facts)
    }

    /// Every member has told its facts.
    fn all_told(&self) -> bool {
        self.members().all(|member| self.facts(member).is_some())
    }

    /// The VIP, if VRRP moves it.
    fn of_vrrp(&self) -> Option<IpAddr> {
        self.pair.vip.filter(|_| self.pair.vrrp)
    }

    /// All adverts that were heard.
    fn adverts(&self) -> impl Iterator<Item = &Advert> {
        let raw = self.evidence.raw.iter();
        raw.flat_map(|raw| raw.adverts.iter().flatten())
    }

    /// The advert interval in milliseconds: the pair's, else what was heard, else VRRP's default.
    fn interval_ms(&self) -> u64 {
        let heard = self.evidence.raw.as_ref().map(|raw| raw.interval_ms);
        let ms = self
            .pair
            .advert_ms
            .or(heard.filter(|&ms| ms > 0))
            .unwrap_or(1000);
        u64::from(ms)
    }

    /// The probes of a target, by their place in the pair.
    fn replies(&self, target: Target) -> impl Iterator<Item = (usize, &Reply)> {
        let probes = self.evidence.probes.iter();
        let of = probes.filter(move |probed| probed.target == target);
        of.map(|probed| (probed.probe, &probed.reply))
    }

    /// What members hold by a probe, as `pick` finds it there.
    fn contents<'c, T>(
        &'c self,
        probe: usize,
        pick: impl Fn(&'c Content) -> Option<&'c T>,
    ) -> Vec<(usize, &'c T)> {
        let of = |member| {
            let reply = self.reply(Target::Member(member), probe)?;
            Some((member, pick(reply.content.as_ref()?)?))
        };
        self.members().filter_map(of).collect()
    }

    fn reply(&self, target: Target, probe: usize) -> Option<&Reply> {
        self.replies(target)
            .find(|(place, _)| *place == probe)
            .map(|(_, reply)| reply)
    }

    /// The checker itself has that address.
    fn is_local(&self, address: IpAddr) -> bool {
        self.evidence.own.iter().any(|own| own.address == address)
    }

    /// The checker is that member.
    fn is_here(&self, member: usize) -> bool {
        let mut own = self.pair.members[member].own();
        own.any(|address| self.is_local(address))
    }
}

/// An object of names and values, for evidence.
fn by_name<T: Into<Value>>(entries: impl IntoIterator<Item = (String, T)>) -> Value {
    let entries = entries
        .into_iter()
        .map(|(name, value)| (name, value.into()));
    Value::Object(entries.collect())
}

/// A finding that only tells.
fn info(code: &'static str, message: String, evidence: Value, seen_by: &[Eye]) -> Finding {
    Finding::new(code, Severity::Info, message, evidence, seen_by)
}

/// Evidence that has nothing to add to the message.
fn nothing() -> Value {
    json!({})
}
