//! A service that is no pair: whether it answers, at each of its addresses, and what is known of the
//! guest that it runs on. What HA could do for it, and what was promised, is not judged here.

use super::{
    Case, Target, Verdict, by_name, certificate, hand_over, holder::list, nothing, place, route,
    service, sight,
};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{Outcome, Reply, What},
    service::Service,
};

pub(super) fn judge(case: &Case<'_>, what: &Service, accept_blind: bool) -> Verdict {
    let mut findings = Vec::new();
    let mut dead = Vec::new();
    for member in case.members() {
        findings.extend(wrong(case, member));
        dead.extend(Some(silent(case, member)).filter(|one| !one.probes.is_empty()));
    }
    findings.extend(down(case, what, &dead));
    findings.extend(route::judge(case));
    if what.active_active {
        findings.extend(service::drift(case));
    }
    findings.extend(certificate::judge(case));
    findings.extend(place::of_service(case, what));
    findings.extend(sight::of_service(case, what, accept_blind));
    findings.extend(hand_over(case));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity)); // stable
    Verdict {
        holder: None,
        holder_by: None,
        findings,
        passing: false,
        unsteady: false,
        only_one_seen: false,
    }
}

/// What answers at an address, but not as it should: whoever asks there gets that.
fn wrong(case: &Case<'_>, member: usize) -> Vec<Finding> {
    let of_address = answers(case, member).filter_map(|(probe, reply)| {
        let Outcome::Wrong(what) = &reply.outcome else {
            return None;
        };
        let message = format!("{}: {}: {what}", case.name(member), case.pair.label(probe));
        let critical = Severity::Critical;
        Some(Finding::new(
            "wrong-function",
            critical,
            message,
            nothing(),
            &[Eye::Probe],
        ))
    });
    of_address.collect()
}

/// An address at which some probe is not answered.
struct Silent {
    member: usize,
    /// Which, and what was said.
    probes: Vec<(usize, String)>,
}

fn silent(case: &Case<'_>, member: usize) -> Silent {
    let mut probes = Vec::new();
    for (probe, reply) in answers(case, member) {
        match (&reply.outcome, reply.strayed) {
            (Outcome::Dead(..), Some(from)) => {
                let what = format!("the answer comes from {from}, so no client takes it");
                probes.push((probe, what));
            }
            (Outcome::Dead(_, what), None) => probes.push((probe, what.clone())),
            _ => {}
        }
    }
    Silent { member, probes }
}

/// The replies of an address, but for those of routes, of which [`route`] says more.
fn answers<'a>(case: &'a Case<'_>, member: usize) -> impl Iterator<Item = (usize, &'a Reply)> {
    let replies = case.replies(Target::Member(member));
    replies.filter(|(probe, _)| !matches!(case.pair.probes[*probe].what, What::Route(_)))
}

/// A finding for each address at which nothing answers, or one for all where none does.
fn down(case: &Case<'_>, what: &Service, dead: &[Silent]) -> Vec<Finding> {
    let answered = |probe: usize| {
        let mut members = case.members();
        members.any(|member| {
            let reply = case.reply(Target::Member(member), probe);
            reply.is_some_and(Reply::is_good)
        })
    };
    // Somebody stands in for it: another address answers each of the probes that are dead here.
    let spare =
        |one: &Silent| what.active_active && one.probes.iter().all(|(probe, _)| answered(*probe));
    let mut findings = Vec::new();
    for one in dead {
        let said = one.probes.iter();
        let said = said.map(|(probe, said)| format!("{}: {said}", case.pair.label(*probe)));
        let rest = match (case.members().len(), spare(one)) {
            (1, _) => "",
            (_, true) => "; others answer",
            (_, false) if what.active_active => "; no address answers",
            (_, false) => "",
        };
        let message = format!("{}: {}{rest}", case.name(one.member), list(said));
        let severity = match spare(one) {
            true => Severity::Warning,
            false => Severity::Critical,
        };
        let evidence = one.probes.iter();
        let evidence = evidence.map(|(probe, said)| (case.pair.label(*probe), said.as_str()));
        findings.push(Finding::new(
            "service-down",
            severity,
            message,
            by_name(evidence),
            &[Eye::Probe],
        ));
    }
    findings
}
