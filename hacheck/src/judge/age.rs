//! Files that are to be renewed, such as the stamp of a daily rsync.

use serde_json::json;

use super::{Case, certificate::span};
use crate::finding::{Eye, Finding, Severity};

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &case.pair.files {
        for member in case.members() {
            let name = case.name(member);
            if rule.member.as_deref().is_some_and(|only| only != name) {
                continue;
            }
            let path = &rule.path;
            let Some(facts) = case.facts(member) else {
                let message = format!("not seen: the age of {path} on {name} (--facts)");
                findings.push(Finding::new(
                    "blind",
                    Severity::Unknown,
                    message,
                    json!({"path": path}),
                    &[],
                ));
                continue;
            };
            let stale = |message: String, evidence| {
                Finding::new(
                    "data-stale",
                    Severity::Warning,
                    message,
                    evidence,
                    &[Eye::Facts],
                )
            };
            if let Some(file) = facts.files.iter().find(|file| file.path == *path) {
                // Both by the member's own clock.
                let age_s = (facts.at_ms - file.modified_ms) / 1000;
                let most_s = i64::try_from(rule.max_age_s).unwrap_or(i64::MAX);
                if age_s > most_s {
                    let message = format!(
                        "{path} on {name} is {} old, more than {}",
                        span(age_s),
                        span(most_s)
                    );
                    let evidence =
                        json!({"path": path, "age_s": age_s, "max_age_s": rule.max_age_s});
                    findings.push(stale(message, evidence));
                } else if age_s < -60 {
                    let message = format!("{path} on {name} is {} in the future", span(-age_s));
                    findings.push(stale(message, json!({"path": path, "age_s": age_s})));
                }
            } else if let Some(error) = facts.errors.iter().find(|error| error.what == *path) {
                let message = format!("{path} on {name}: {}", error.message);
                let (code, severity) = match error.errno.as_str() {
                    "ENOENT" => ("data-stale", Severity::Warning),
                    _ => ("blind", Severity::Unknown),
                };
                let evidence = json!({"path": path, "errno": error.errno});
                findings.push(Finding::new(
                    code,
                    severity,
                    message,
                    evidence,
                    &[Eye::Facts],
                ));
            } else {
                let message = format!(
                    "not seen: the age of {path} on {name}: its facts lack it (hacheck member --file {path})"
                );
                findings.push(Finding::new(
                    "blind",
                    Severity::Unknown,
                    message,
                    json!({"path": path}),
                    &[Eye::Facts],
                ));
            }
        }
    }
    findings
}
