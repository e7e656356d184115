//! Routes of a reverse proxy: whether it is the proxy or the backend behind it that doesn't give the
//! page, since the two are mended in different places.

use serde_json::json;

use super::{Case, Target};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{Outcome, What, route::Legs},
};

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, probe) in case.pair.probes.iter().enumerate() {
        if matches!(probe.what, What::Route(_)) {
            findings.extend(of_probe(case, place));
        }
    }
    findings
}

/// What is wrong with one route, by whichever proxies it was asked of.
fn of_probe(case: &Case<'_>, probe: usize) -> Vec<Finding> {
    let targets = [Target::Elsewhere, Target::Vip].into_iter();
    let targets = targets.chain(case.members().map(Target::Member));
    let asked: Vec<(Target, &Legs)> = targets
        .filter_map(|target| Some((target, case.reply(target, probe)?.legs.as_deref()?)))
        .collect();
    let mut findings = Vec::new();
    let mut backend_is_told = false;
    for (target, legs) in &asked {
        let proxy = format!("the proxy {}", legs.via);
        let backend = format!("the backend {}", legs.backend_url);
        let (severity, what) = match (is_bad(&legs.proxy), is_bad(&legs.backend)) {
            (false, false) => continue, // what is not seen is `blind`
            (false, true) if backend_is_told => continue,
            (false, true) => {
                backend_is_told = true; // it is the same, whichever proxy was asked
                let severity = match legs.proxy {
                    Outcome::Good => Severity::Warning,
                    _ => Severity::Unknown,
                };
                let what = format!(
                    "{backend}: {}, but {proxy} {}",
                    legs.backend,
                    found(&legs.proxy)
                );
                (severity, what)
            }
            (true, false) => {
                let what = format!(
                    "{proxy}: {}; {backend} {}",
                    legs.proxy,
                    found(&legs.backend)
                );
                (severity(case, *target, &asked), what)
            }
            (true, true) => {
                let what = format!("{backend}: {}, and {proxy}: {}", legs.backend, legs.proxy);
                (severity(case, *target, &asked), what)
            }
        };
        let evidence = json!({
            "proxy": {"address": legs.via, "answer": legs.proxy.to_string()},
            "backend": {"url": legs.backend_url, "answer": legs.backend.to_string()},
        });
        let message = format!("{}: {what}", case.pair.label(probe));
        findings.push(Finding::new(
            "route-down",
            severity,
            message,
            evidence,
            &[Eye::Probe],
        ));
    }
    findings
}

/// How bad it is that the proxy there does not give the page: whether clients have another.
fn severity(case: &Case<'_>, target: Target, asked: &[(Target, &Legs)]) -> Severity {
    let spare = match (target, &case.pair.service) {
        (Target::Elsewhere | Target::Vip, _) => false,
        (Target::Member(_), _) if case.pair.vip.is_some() => true,
        (Target::Member(_), Some(service)) if !service.active_active => false,
        (Target::Member(_), _) => asked.iter().any(|(_, legs)| legs.proxy == Outcome::Good),
    };
    match spare {
        true => Severity::Warning,
        false => Severity::Critical,
    }
}

/// Of the one that is not bad.
fn found(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Good => "answers".to_owned(),
        other => format!("was {other}"),
    }
}

fn is_bad(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Wrong(_) | Outcome::Dead(..))
}
