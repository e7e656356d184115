//! Certificates: how much of their life is left, and whether all members show the same.

use serde_json::json;

use super::{Case, Target, by_name, holder::list};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{
        What,
        tls::{Certificate, Hello},
    },
};

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, probe) in case.pair.probes.iter().enumerate() {
        let What::Tls(hello) = &probe.what else {
            continue;
        };
        let mut shown: Vec<(String, &Certificate)> = Vec::new();
        for member in case.members() {
            let reply = case.reply(Target::Member(member), place);
            shown.extend(
                reply.and_then(|r| Some((case.name(member).to_owned(), r.certificate.as_ref()?))),
            );
        }
        findings.extend(differs(hello, &probe.label(), &shown));
        let at_vip = case
            .reply(Target::Vip, place)
            .and_then(|reply| reply.certificate.as_ref());
        // The holder's, mostly: told once.
        shown.extend(
            at_vip
                .filter(|vip| shown.iter().all(|(_, c)| c != vip))
                .map(|c| ("the VIP".to_owned(), c)),
        );
        for (whose, certificate) in shown {
            findings.extend(expiry(
                hello,
                &probe.label(),
                &whose,
                certificate,
                case.evidence.now_ms / 1000,
            ));
        }
    }
    findings
}

fn differs(hello: &Hello, label: &str, shown: &[(String, &Certificate)]) -> Option<Finding> {
    if !hello.same
        || shown
            .windows(2)
            .all(|two| two[0].1.fingerprint == two[1].1.fingerprint)
    {
        return None;
    }
    let names = shown.windows(2).any(|two| two[0].1.names != two[1].1.names);
    let what = if names {
        "different certificates, for different names"
    } else {
        "different certificates"
    };
    let message = format!(
        "{label}: {} show {what}",
        list(shown.iter().map(|(whose, _)| whose.clone()))
    );
    let evidence = by_name(shown.iter().map(|(whose, c)| {
        (
            whose.clone(),
            json!({"fingerprint": c.fingerprint, "names": c.names, "not_after": c.not_after_s}),
        )
    }));
    Some(Finding::new(
        "cert-differs",
        Severity::Warning,
        message,
        evidence,
        &[Eye::Probe],
    ))
}

#[allow(clippy::cast_precision_loss)] // seconds of some years
fn expiry(
    hello: &Hello,
    label: &str,
    whose: &str,
    certificate: &Certificate,
    now_s: i64,
) -> Option<Finding> {
    let Certificate {
        not_before_s,
        not_after_s,
        ..
    } = certificate;
    let finding = |severity, what: String| {
        let message = format!("{label}: the certificate of {whose} {what}");
        let evidence = json!({"not_before": not_before_s, "not_after": not_after_s, "names": certificate.names});
        Some(Finding::new(
            "cert-expiry",
            severity,
            message,
            evidence,
            &[Eye::Probe],
        ))
    };
    let left = not_after_s.saturating_sub(now_s);
    if left <= 0 {
        return finding(Severity::Critical, format!("expired {} ago", span(-left)));
    }
    if now_s < *not_before_s {
        let ahead = span(not_before_s.saturating_sub(now_s));
        return finding(
            Severity::Critical,
            format!("is not valid for another {ahead}"),
        );
    }
    let life = not_after_s.saturating_sub(*not_before_s).max(1);
    let percent = left as f64 * 100.0 / life as f64;
    let days = left as f64 / 86_400.0;
    let under =
        |percents: f64, limit: Option<f64>| limit.map_or(percent < percents, |limit| days < limit);
    let limits = &hello.limits;
    let severity = if under(limits.critical_percent, limits.critical_days) {
        Severity::Critical
    } else if under(limits.warn_percent, limits.warn_days) {
        Severity::Warning
    } else {
        return None;
    };
    finding(
        severity,
        format!("has {} left, {percent:.0} % of {}", span(left), span(life)),
    )
}

/// A duration as people say it.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
