//! Names that all members must answer alike: whether they do, and who of them did not answer.

use serde_json::json;

use super::{Case, Compared, Target, by_name, holder::list};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{
        Outcome, What,
        dns::{Kind, Said},
    },
    same,
};

/// The most data of one answer that a message repeats; all of them are in the evidence.
const SHOWN: usize = 6;

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let names = 0..case.pair.same.len();
    let asked = names.flat_map(|name| [(name, Kind::A), (name, Kind::Aaaa)]);
    let mut findings: Vec<Finding> = asked
        .filter_map(|(name, kind)| drift(case, name, kind))
        .collect();
    findings.extend(failed(case));
    findings.extend(case.members().filter_map(|member| silent(case, member)));
    findings
}

/// The members that answered don't say the same.
fn drift(case: &Case<'_>, name: usize, kind: Kind) -> Option<Finding> {
    let of = |one: &&Compared| (one.name, one.kind) == (name, kind);
    let compared = case.evidence.same.iter().filter(of);
    let answers: Vec<(usize, &Said)> = compared
        .filter_map(|one| Some((one.member, one.said.as_ref().ok()?)))
        .collect();
    if answers.windows(2).all(|two| two[0].1 == two[1].1) {
        return None;
    }
    let each = answers
        .iter()
        .map(|(member, said)| format!("{} says {}", case.name(*member), shown(said)));
    let message = format!("dns {} {kind}: {}", case.pair.same[name], list(each));
    let evidence = by_name(answers.iter().map(|(member, said)| {
        let said = json!({"rcode": said.rcode, "data": said.data});
        (case.name(*member).to_owned(), said)
    }));
    Some(Finding::new(
        "aa-dns-drift",
        Severity::Warning,
        message,
        evidence,
        &[Eye::Probe],
    ))
}

/// What everybody who answered answers with an error: alike, but no answer to be content with.
fn failed(case: &Case<'_>) -> Option<Finding> {
    let mut failed = Vec::new();
    for (name, kind) in (0..case.pair.same.len()).flat_map(|n| [(n, Kind::A), (n, Kind::Aaaa)]) {
        let of = |one: &&Compared| (one.name, one.kind) == (name, kind);
        let compared = case.evidence.same.iter().filter(of);
        let mut said = compared.filter_map(|one| one.said.as_ref().ok());
        let Some(first) = said.next() else { continue };
        let is_answer = ["NOERROR", "NXDOMAIN"].contains(&first.rcode.as_str());
        if !is_answer && said.all(|said| said.rcode == first.rcode) {
            let label = format!("dns {} {kind}", case.pair.same[name]);
            failed.push((label, first.rcode.clone()));
        }
    }
    let (label, rcode) = failed.first()?;
    let more = match failed.len() - 1 {
        0 => String::new(),
        more => format!(", and so for {more} more questions"),
    };
    let message = format!("{label}: no member has an answer: {rcode}{more}");
    Some(Finding::new(
        "wrong-function",
        Severity::Warning,
        message,
        by_name(failed),
        &[Eye::Probe],
    ))
}

fn shown(said: &Said) -> String {
    let data = match &said.data[..] {
        [] => {
            return if said.rcode == "NOERROR" {
                "NODATA"
            } else {
                &said.rcode
            }
            .to_owned();
        }
        all if all.len() > SHOWN => {
            let more = all.len() - SHOWN;
            format!("{} and {more} more", all[..SHOWN].join(", "))
        }
        all => all.join(", "),
    };
    match said.rcode.as_str() {
        "NOERROR" => data,
        rcode => format!("{rcode} with {data}"),
    }
}

/// A member that does not answer is no drift; but where no probe of that port tells of it, this does.
fn silent(case: &Case<'_>, member: usize) -> Option<Finding> {
    let asked = case.evidence.same.iter().filter(|one| one.member == member);
    let silent: Vec<&Outcome> = asked
        .clone()
        .filter_map(|one| one.said.as_ref().err())
        .collect();
    let dead = case
        .replies(Target::Member(member))
        .filter(|(_, reply)| matches!(reply.outcome, Outcome::Dead(..)))
        .any(|(probe, _)| match &case.pair.probes[probe].what {
            What::Dns(query) => query.port == same::port(case.pair),
            _ => false,
        });
    let all = asked.count();
    let why = match silent.first() {
        _ if dead || case.pair.same.is_empty() => return None,
        None if all == 0 => "it was not asked".to_owned(),
        None => return None,
        Some(first) => format!("{} of {all} questions: {first}", silent.len()),
    };
    let name = case.name(member);
    let message = format!("not seen: whether {name} answers as the others do: {why}");
    let evidence = json!({"member": case.name(member), "unanswered": silent.len()});
    Some(Finding::new(
        "blind",
        Severity::Unknown,
        message,
        evidence,
        &[Eye::Probe],
    ))
}
