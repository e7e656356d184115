//! Findings in few words, for the rules.

use serde_json::{Value, json};
use vmid::{severity::Severity, verdict::Finding};

/// A finding.
pub type Found = Finding;

/// It is not as it ought to be.
pub fn warning(
    code: &'static str,
    message: impl Into<String>,
    evidence: Value,
    seen_by: &[&'static str],
) -> Found {
    Finding::new(code, Severity::Warning, message, evidence, seen_by)
}

/// A service is down, or data may be lost.
pub fn critical(
    code: &'static str,
    message: impl Into<String>,
    evidence: Value,
    seen_by: &[&'static str],
) -> Found {
    Finding::new(code, Severity::Critical, message, evidence, seen_by)
}

/// It is worth knowing.
pub fn info(
    code: &'static str,
    message: impl Into<String>,
    evidence: Value,
    seen_by: &[&'static str],
) -> Found {
    Finding::new(code, Severity::Info, message, evidence, seen_by)
}

/// It was not seen: `list` is what was not, `right` what is missing for it.
pub fn unseen(message: impl Into<String>, list: &str, right: impl Into<String>) -> Found {
    let evidence = json!({"list": list, "right": right.into()});
    Finding::new("unseen", Severity::Unknown, message, evidence, &["state"])
}
