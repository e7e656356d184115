//! Findings of an audit of the whole site: each with how bad it is, what it rests on and who saw it.

use serde_json::{Value, json};

use crate::severity::Severity;

/// One thing that is said of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// A stable code, one of the verb's own table.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// For people: the value, the rule it breaks.
    pub message: String,
    /// An object with what it rests on.
    pub evidence: Value,
    /// The documents in which it was seen, such as `state`, `site`, `pbs`.
    pub seen_by: Vec<&'static str>,
    /// Why the site lets it pass; then its severity is [`Severity::Info`].
    pub exempt: Option<String>,
}

impl Finding {
    /// A finding; `evidence` is an object.
    #[must_use]
    pub fn new(
        code: &'static str,
        severity: Severity,
        message: impl Into<String>,
        evidence: Value,
        seen_by: &[&'static str],
    ) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            evidence,
            seen_by: seen_by.to_vec(),
            exempt: None,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut written = json!({
            "code": self.code,
            "severity": self.severity.name(),
            "message": self.message,
            "evidence": self.evidence,
            "seen_by": self.seen_by,
        });
        if let Some(why) = &self.exempt {
            written["exempt"] = json!(why);
        }
        written
    }
}

/// The worst of some findings; of none, [`Severity::Info`].
#[must_use]
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Severity {
    let all = findings.into_iter().map(|finding| finding.severity);
    all.max().unwrap_or(Severity::Info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_written() {
        let mut finding = Finding::new("lock", Severity::Warning, "m", json!({"a": 1}), &["state"]);
        #[rustfmt::skip]
        let plain = json!({"code": "lock", "severity": "warning", "message": "m", "evidence": {"a": 1}, "seen_by": ["state"]});
        assert_eq!(finding.json(), plain);
        finding.exempt = Some("being moved".to_owned());
        assert_eq!(finding.json()["exempt"], "being moved");
    }

    #[test]
    fn the_worst() {
        let of = |severity| Finding::new("lock", severity, "m", json!({}), &[]);
        let all = [Severity::Info, Severity::Unknown, Severity::Warning].map(of);
        assert_eq!(worst(&all), Severity::Unknown);
        assert_eq!(worst(&[]), Severity::Info);
    }
}
