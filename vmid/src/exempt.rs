//! What the site lets pass: findings that it knows of, each with a reason, and perhaps until a day.
//! An exemption that matches nothing is itself a finding: it would hide the next one.

use std::{collections::HashSet, fmt};

use jiff::civil::Date;
use serde_json::json;

use crate::{
    severity::Severity,
    site::{Exemption, Site},
    verdict::Finding,
};

/// The codes that are found here, for a verb's table.
pub const CODES: &[(&str, &str)] = &[
    (
        "exemption-expired",
        "an exemption of the site is over, and no longer counts",
    ),
    (
        "exemption-unused",
        "an exemption of the site matches nothing: remove it",
    ),
];

/// What a finding is of. A guest is also what its node, its pair and its service are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A guest.
    Vmid(u32),
    /// A node.
    Node(String),
    /// A storage.
    Storage(String),
    /// A job: of backups, replication, garbage collection, ...
    Job(String),
    /// A pair of the site.
    Pair(String),
    /// A service of the site.
    Service(String),
}

impl Subject {
    /// The field of records and of the site's exemptions.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Vmid(_) => "vmid",
            Self::Node(_) => "node",
            Self::Storage(_) => "storage",
            Self::Job(_) => "job",
            Self::Pair(_) => "pair",
            Self::Service(_) => "service",
        }
    }

    /// The field's value.
    #[must_use]
    pub fn value(&self) -> serde_json::Value {
        match self {
            Self::Vmid(vmid) => json!(vmid),
            Self::Node(name)
            | Self::Storage(name)
            | Self::Job(name)
            | Self::Pair(name)
            | Self::Service(name) => json!(name),
        }
    }

    /// Of an exemption, which [`Site::parse`] has seen to name exactly one.
    fn of(exemption: &Exemption) -> Option<Self> {
        let named = |name: &Option<String>, of: fn(String) -> Self| name.clone().map(of);
        let of_guest = exemption.vmid.map(Self::Vmid);
        of_guest
            .or_else(|| named(&exemption.node, Self::Node))
            .or_else(|| named(&exemption.storage, Self::Storage))
            .or_else(|| named(&exemption.job, Self::Job))
            .or_else(|| named(&exemption.pair, Self::Pair))
            .or_else(|| named(&exemption.service, Self::Service))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field(), self.value())
    }
}

/// One of them, and whether it was needed.
#[derive(Clone, Debug)]
struct Known {
    code: &'static str,
    subject: Subject,
    why: String,
    until: Option<Date>,
    used: bool,
    /// Not all of its subject was seen, so what it is for may be there.
    unseen: bool,
}

/// The exemptions of a site that one verb has to do with.
#[derive(Clone, Debug)]
pub struct Exemptions {
    known: Vec<Known>,
    today: Date,
    unseen: HashSet<Subject>,
}

impl Exemptions {
    /// Those with a code of the verb's table; others are of other verbs. `today` by the site's time zone.
    /// They count through the day of their `until`.
    #[must_use]
    pub fn of(site: &Site, codes: &[(&'static str, &str)], today: Date) -> Self {
        let known = |exemption: &Exemption| {
            let (code, _) = codes.iter().find(|(code, _)| *code == exemption.code)?;
            Some(Known {
                code,
                subject: Subject::of(exemption)?,
                why: exemption.why.clone(),
                until: exemption.until.as_ref().and_then(|day| day.parse().ok()),
                used: false,
                unseen: false,
            })
        };
        Self {
            known: site.exempt.iter().filter_map(known).collect(),
            today,
            unseen: HashSet::new(),
        }
    }

    /// The finding, as the site lets it pass or does not. `subjects` is all that it is a finding of. One of severity
    /// unknown stays, whatever its code: anything may be behind it.
    pub fn judge(&mut self, subjects: &[Subject], mut finding: Finding) -> Finding {
        let today = self.today;
        let unseen = finding.severity == Severity::Unknown;
        if let Some(first) = subjects.first().filter(|_| unseen) {
            self.unseen.insert(first.clone());
        }
        for known in &mut self.known {
            known.unseen |= unseen && subjects.contains(&known.subject);
            if known.code != finding.code || !subjects.contains(&known.subject) {
                continue;
            }
            known.used = true;
            let holds = known.until.is_none_or(|until| today <= until);
            if holds && !unseen && finding.exempt.is_none() {
                finding.severity = Severity::Info;
                finding.exempt = Some(known.why.clone());
            }
        }
        finding
    }

    /// Not all of `subject` was seen: an exemption of it is not known to be of no use. Findings that
    /// are judged and of severity unknown say so of the first of their subjects.
    pub fn unseen(&mut self, subject: Subject) {
        self.unseen.insert(subject);
    }

    /// Whether that was said of it.
    #[must_use]
    pub fn is_unseen(&self, subject: &Subject) -> bool {
        self.unseen.contains(subject)
    }

    /// It has exemptions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The same of all subjects of exemptions that `which` says.
    pub fn unseen_all(&mut self, which: impl Fn(&Subject) -> bool) {
        for known in &mut self.known {
            known.unseen |= which(&known.subject);
        }
    }

    /// What is said of the exemptions themselves, when all findings were judged.
    #[must_use]
    pub fn leftover(&self) -> Vec<(Subject, Finding)> {
        let of = |known: &Known| {
            self.wrong(known)
                .map(|found| (known.subject.clone(), found))
        };
        self.known.iter().filter_map(of).collect()
    }

    fn wrong(&self, known: &Known) -> Option<Finding> {
        let (code, subject) = (known.code, &known.subject);
        let (own, message) = match known.until {
            Some(until) if until < self.today => (
                "exemption-expired",
                format!("the exemption of {code} for {subject} was until {until}"),
            ),
            _ if !known.used && !known.unseen && !self.is_unseen(subject) => (
                "exemption-unused",
                format!("the exemption of {code} for {subject} matches nothing"),
            ),
            _ => return None,
        };
        let evidence = json!({"code": code, subject.field(): subject.value(), "why": known.why, "until": known.until.map(|day| day.to_string())});
        let found = Finding::new(own, Severity::Warning, message, evidence, &["site"]);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TABLE: &[(&str, &str)] = &[("lock", "a lock"), ("stale", "old")];

    fn site(exempt: &str) -> Site {
        Site::parse(format!(r#"{{"exempt":{exempt}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn what_passes_and_what_is_left() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>, &[&str])] = &[
            ("none",            "[]", None, &[]),
            ("its guest",       r#"[{"code":"lock","why":"w","vmid":101}]"#, Some("w"), &[]),
            ("its node",        r#"[{"code":"lock","why":"w","node":"aa"}]"#, Some("w"), &[]),
            ("both",            r#"[{"code":"lock","why":"w","node":"aa"},{"code":"lock","why":"x","vmid":101}]"#, Some("w"), &[]),
            ("today",           r#"[{"code":"lock","why":"w","vmid":101,"until":"2027-02-28"}]"#, Some("w"), &[]),
            ("over",            r#"[{"code":"lock","why":"w","vmid":101,"until":"2027-02-27"}]"#, None, &["exemption-expired"]),
            ("over and unused", r#"[{"code":"lock","why":"w","vmid":102,"until":"2027-02-27"}]"#, None, &["exemption-expired"]),
            ("another guest",   r#"[{"code":"lock","why":"w","vmid":102}]"#, None, &["exemption-unused"]),
            ("another code",    r#"[{"code":"stale","why":"w","vmid":101}]"#, None, &["exemption-unused"]),
            ("another verb's",  r#"[{"code":"no-job","why":"w","vmid":101}]"#, None, &[]),
            ("a storage called so", r#"[{"code":"lock","why":"w","storage":"aa"}]"#, None, &["exemption-unused"]),
        ];
        for (name, exempt, why, left) in cases {
            let mut all = Exemptions::of(&site(exempt), TABLE, date(2027, 2, 28));
            let found = Finding::new("lock", Severity::Critical, "m", json!({}), &["state"]);
            let judged = all.judge(&[Subject::Vmid(101), Subject::Node("aa".to_owned())], found);
            assert_eq!(judged.exempt.as_deref(), *why, "{name}");
            let want = match why {
                Some(_) => Severity::Info,
                None => Severity::Critical,
            };
            assert_eq!(judged.severity, want, "{name}");
            let codes: Vec<_> = all.leftover().into_iter().map(|(_, f)| f.code).collect();
            assert_eq!(codes, *left, "{name}");
        }
    }

    #[test]
    fn what_is_not_known_does_not_pass() {
        let site = site(r#"[{"code":"lock","why":"w","vmid":101}]"#);
        let mut all = Exemptions::of(&site, TABLE, date(2027, 2, 28));
        let found = Finding::new("lock", Severity::Unknown, "m", json!({}), &["state"]);
        let judged = all.judge(&[Subject::Vmid(101)], found.clone());
        assert_eq!(judged, found);
        assert!(all.leftover().is_empty(), "it is of use all the same");
    }

    #[test]
    fn leftovers_name_what_they_are_of() {
        let site = site(r#"[{"code":"stale","why":"kept","job":"nightly","until":"2027-01-31"}]"#);
        let left = Exemptions::of(&site, TABLE, date(2027, 2, 1)).leftover();
        let (subject, found) = &left[0];
        assert_eq!(*subject, Subject::Job("nightly".to_owned()));
        assert_eq!(
            found.message,
            "the exemption of stale for job \"nightly\" was until 2027-01-31"
        );
        assert_eq!(
            found.evidence,
            json!({"code": "stale", "job": "nightly", "why": "kept", "until": "2027-01-31"})
        );
    }
}
