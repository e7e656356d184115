//! What is said of whom: a subject, and its findings as the site lets them pass.

use serde_json::{Map, Value, json};
use vmid::{
    exempt::{Exemptions, Subject},
    severity::Severity,
    site::Site,
    verdict::{Finding, worst},
};

use super::{
    backups::Place,
    guest::Guest,
    judge::{Cover, since},
};
use crate::calendar::utc;

/// A subject, what is known of it, and what is wrong.
#[derive(Debug)]
pub struct Verdict {
    /// The fields of its record before `status`.
    pub fields: Map<String, Value>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Of something that is no guest: `{"storage": "nas"}`.
    #[must_use]
    pub fn of(field: &str, value: Value, findings: Vec<Finding>) -> Self {
        let mut fields = Map::new();
        fields.insert(field.to_owned(), value);
        Self { fields, findings }
    }

    /// It is of a guest, or of an ID that no guest has.
    #[must_use]
    pub fn is_of_guest(&self) -> bool {
        self.fields.contains_key("vmid")
    }

    /// Whom it is of, in a form that two of one subject have in common.
    #[must_use]
    pub fn subject(&self) -> String {
        let field = self.fields.iter().next();
        field.map_or(String::new(), |(name, value)| format!("{name} {value}"))
    }

    /// The worst of what is wrong.
    #[must_use]
    pub fn severity(&self) -> Severity {
        worst(&self.findings)
    }

    /// Its record.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut record = self.fields.clone();
        record.insert("status".to_owned(), json!(self.severity().status()));
        let findings: Vec<Value> = self.findings.iter().map(Finding::json).collect();
        record.insert("findings".to_owned(), json!(findings));
        Value::Object(record)
    }

    /// A text of its record; empty if it has none of that name.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        match self.fields.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }
    }

    /// What it is called in a line of text: `30066 semaphore`, `storage nas`.
    #[must_use]
    pub fn called(&self) -> String {
        let Some((field, _)) = self.fields.iter().next() else {
            return String::new();
        };
        match field.as_str() {
            "vmid" => format!("{} {}", self.text("vmid"), self.text("name"))
                .trim_end()
                .to_owned(),
            _ => format!("{field} {}", self.text(field)),
        }
    }

    /// Of a guest.
    #[must_use]
    pub fn of_guest(
        cover: Cover<'_>,
        jobs_seen: bool,
        now: i64,
        site: &Site,
        exempt: &mut Exemptions,
    ) -> Self {
        let guest = cover.guest;
        let subjects = subjects(&cover, site);
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        put("vmid", json!(guest.vmid));
        put("name", json!(guest.name));
        put("type", json!(guest.kind.name()));
        put("node", json!(guest.node));
        if guest.template {
            put("template", json!(true));
        }
        put(
            "newest",
            json!(cover.newest.map(|(seen, _)| utc(seen.time))),
        );
        put(
            "where",
            json!(cover.newest.map(|(_, place)| place.called())),
        );
        put(
            "age_s",
            json!(
                cover
                    .newest
                    .map(|(seen, _)| since(seen.time, now).as_secs())
            ),
        );
        put("complete", json!(cover.complete));
        let verified = cover
            .newest
            .map(|(seen, _)| cover.verified == Some(seen.time));
        put("verified", json!(verified));
        put(
            "verified_age_s",
            json!(cover.verified.map(|time| since(time, now).as_secs())),
        );
        put("count", json!(cover.count));
        if cover.places.len() + cover.others.len() > 1 {
            let others = cover.others.iter().map(|(place, _)| place);
            let all = cover.places.iter().chain(others);
            put(
                "places",
                all.map(|place| place_json(place, &cover.others)).collect(),
            );
        }
        let jobs: Vec<&str> = cover.jobs.iter().map(|job| job.id.as_str()).collect();
        put("jobs", if jobs_seen { json!(jobs) } else { Value::Null });
        let left_out = guest.config.as_ref().map(|config| {
            let left_out = config.left_out.iter();
            left_out
                .map(super::config::LeftOut::json)
                .collect::<Vec<_>>()
        });
        put("volumes_left_out", json!(left_out));
        let findings = cover.findings.into_iter();
        let findings = findings
            .map(|finding| exempt.judge(&subjects, finding))
            .collect();
        Self { fields, findings }
    }

    /// Of backups whose guest is gone.
    #[must_use]
    pub fn of_orphans(places: &[&Place], now: i64, exempt: &mut Exemptions) -> Option<Self> {
        let newest = places
            .iter()
            .max_by_key(|place| place.seen.first().map(|seen| seen.time))?;
        let time = newest.seen.first()?.time;
        let count: usize = places.iter().map(|place| place.seen.len()).sum();
        let called: Vec<String> = places.iter().map(|place| place.called()).collect();
        let mut fields = Map::new();
        fields.insert("vmid".to_owned(), json!(newest.vmid));
        fields.insert("name".to_owned(), json!(newest.notes));
        fields.insert("type".to_owned(), json!(newest.kind.name()));
        fields.insert("newest".to_owned(), json!(utc(time)));
        fields.insert("where".to_owned(), json!(newest.called()));
        fields.insert("age_s".to_owned(), json!(since(time, now).as_secs()));
        fields.insert("count".to_owned(), json!(count));
        let message = format!(
            "{} has {}, and no {} has the ID {}: who gets it next finds them as its own",
            called.join(", "),
            counted(count, "backup"),
            newest.kind.words(),
            newest.vmid
        );
        let evidence = json!({"groups": called, "notes": newest.notes});
        let finding = Finding::new(
            "orphan-group",
            Severity::Info,
            message,
            evidence,
            &[newest.seen_by(), "state"],
        );
        let stores = places
            .iter()
            .map(|place| Subject::Storage(place.store.clone()));
        let subjects: Vec<Subject> = std::iter::once(Subject::Vmid(newest.vmid))
            .chain(stores)
            .collect();
        let findings = vec![exempt.judge(&subjects, finding)];
        Some(Self { fields, findings })
    }
}

/// `1 backup`, `2 backups`.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn place_json(place: &Place, others: &[(&Place, String)]) -> Value {
    let newest = place.seen.first().map(|seen| utc(seen.time));
    let mut json = json!({"where": place.called(), "newest": newest, "count": place.seen.len()});
    let other = others.iter().find(|(other, _)| std::ptr::eq(*other, place));
    if let Some((_, name)) = other {
        json["of"] = json!(name);
    }
    json
}

/// All that a guest's findings are findings of: itself, its node, its pairs and services, its jobs, and
/// where its backups are.
fn subjects(cover: &Cover<'_>, site: &Site) -> Vec<Subject> {
    let Guest { vmid, node, .. } = cover.guest;
    let pairs = site
        .pairs
        .iter()
        .filter(|pair| pair.members.iter().any(|member| member.vmid == Some(*vmid)));
    let pairs: Vec<&String> = pairs.map(|pair| &pair.name).collect();
    let services = site.services.iter().filter(|service| {
        let of_pair = service
            .pair
            .as_ref()
            .is_some_and(|pair| pairs.contains(&pair));
        service.vmid == Some(*vmid) || of_pair
    });
    let mut subjects = vec![Subject::Vmid(*vmid)];
    subjects.extend(node.clone().map(Subject::Node));
    subjects.extend(pairs.iter().map(|&name| Subject::Pair(name.clone())));
    subjects.extend(services.map(|service| Subject::Service(service.name.clone())));
    subjects.extend(
        cover
            .jobs
            .iter()
            .chain(&cover.off)
            .map(|job| Subject::Job(job.id.clone())),
    );
    subjects.extend(
        cover
            .places
            .iter()
            .map(|place| Subject::Storage(place.store.clone())),
    );
    subjects
}
