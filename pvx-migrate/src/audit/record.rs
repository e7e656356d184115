//! What is said of one subject: a guest, a node, a storage, a pair, a service, the cluster.

use serde_json::{Map, Value, json};
use vmid::{
    exempt::Subject,
    severity::Severity,
    verdict::{Finding, worst},
};

/// What is said of one subject.
#[derive(Clone, Debug)]
pub struct Record {
    /// What it is of; none: the cluster.
    pub subject: Option<Subject>,
    /// Its fields, the subject's first.
    pub head: Map<String, Value>,
    /// What was found, judged by the site's exemptions.
    pub findings: Vec<Finding>,
}

impl Record {
    /// A record of a subject that has no more fields than its name.
    #[must_use]
    pub fn of(subject: Subject) -> Self {
        let mut head = Map::new();
        head.insert(subject.field().to_owned(), subject.value());
        Self {
            subject: Some(subject),
            head,
            findings: Vec::new(),
        }
    }

    /// The record of the cluster.
    #[must_use]
    pub fn of_cluster(name: &str) -> Self {
        let mut head = Map::new();
        head.insert("cluster".to_owned(), json!(name));
        Self {
            subject: None,
            head,
            findings: Vec::new(),
        }
    }

    /// One field more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.head.insert(name.to_owned(), value.into());
        self
    }

    /// The worst of its findings.
    #[must_use]
    pub fn severity(&self) -> Severity {
        worst(&self.findings)
    }

    /// As it is written.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut fields = self.head.clone();
        fields.insert("status".to_owned(), json!(self.severity().status()));
        let findings = self.findings.iter().map(Finding::json);
        fields.insert("findings".to_owned(), findings.collect());
        Value::Object(fields)
    }

    /// For people: `vmid 30066`, `cluster homelab`.
    #[must_use]
    pub fn called(&self) -> String {
        let first = self.head.iter().next();
        let (field, value) = first.map_or(("", &Value::Null), |(field, value)| (field, value));
        match value {
            Value::String(text) => format!("{field} {text}"),
            other => format!("{field} {other}"),
        }
    }

    /// The name of a guest; empty of all else.
    #[must_use]
    pub fn name(&self) -> &str {
        self.head
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}
