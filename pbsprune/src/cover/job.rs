//! The backup jobs: whom each is about, and when it runs.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{
    due,
    guest::{Guest, id, is_true},
};
use crate::calendar_event::CalendarEvent;

/// A job of vzdump.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its ID.
    pub id: String,
    /// It is on.
    pub enabled: bool,
    /// When it runs, as it is configured.
    pub schedule: Option<String>,
    /// The event that this is.
    event: Option<CalendarEvent>,
    /// Why it is none.
    pub wrong: Option<String>,
    whom: Whom,
    /// It is about the guests of this node alone.
    pub node: Option<String>,
    /// Where it writes, if it says so.
    pub storage: Option<String>,
    /// What the notes of its backups are made of.
    pub template: Option<String>,
    /// Its last runs whose backups must be there, the newest first.
    pub runs: Vec<i64>,
}

/// Whom a job names; the first that is there counts (`get_included_guests` of VZDump.pm).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    Pool(String),
    Named(HashSet<u32>),
    AllBut(HashSet<u32>),
    Nobody,
}

/// How a job stands to a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It backs it up.
    Covers,
    /// It names it, and is for the guests of another node.
    Elsewhere,
    /// It doesn't name it.
    No,
}

impl Job {
    /// Of `/cluster/backup`, or of a state document.
    ///
    /// # Errors
    ///
    /// It has no ID.
    pub fn of(job: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| {
            let text = job.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let id = text("id").ok_or("a backup job has no id")?;
        let schedule = text("schedule").or_else(|| {
            // As it was before Proxmox VE 7.1.
            let time = text("starttime")?;
            Some(text("dow").map_or(time.clone(), |days| format!("{days} {time}")))
        });
        let parsed = schedule.as_deref().map(str::parse::<CalendarEvent>);
        let (event, wrong) = match parsed {
            Some(Ok(event)) => (Some(event), None),
            Some(Err(wrong)) => (None, Some(wrong.to_string())),
            None => (None, Some("it has no schedule".to_owned())),
        };
        let excluded = ids(job.get("exclude"));
        let all = job.get("all").is_some_and(is_true);
        let named = ids(job.get("vmids").or_else(|| job.get("vmid")));
        let whom = match (text("pool"), named) {
            (Some(pool), _) => Whom::Pool(pool),
            (None, named) if !named.is_empty() => Whom::Named(named),
            _ if all || !excluded.is_empty() => Whom::AllBut(excluded),
            _ => Whom::Nobody,
        };
        Ok(Self {
            id,
            enabled: job.get("enabled").is_none_or(is_true),
            schedule,
            event,
            wrong,
            whom,
            node: text("node"),
            storage: text("storage"),
            template: text("notes-template"),
            runs: Vec::new(),
        })
    }

    /// Finds the runs that must have made a backup by now.
    pub fn look_back(&mut self, zone: &TimeZone, before: i64) {
        if let Some(event) = self.event.as_ref().filter(|_| self.enabled) {
            self.runs = due::runs(event, zone, before);
        }
    }

    /// How it stands to a guest.
    #[must_use]
    pub fn about(&self, guest: &Guest) -> About {
        let named = match &self.whom {
            Whom::Pool(pool) => guest.pool.as_ref() == Some(pool),
            Whom::Named(ids) => ids.contains(&guest.vmid),
            Whom::AllBut(ids) => !ids.contains(&guest.vmid),
            Whom::Nobody => false,
        };
        match (named, &self.node) {
            (false, _) => About::No,
            (true, Some(node)) if guest.node.as_ref() != Some(node) => About::Elsewhere,
            (true, _) => About::Covers,
        }
    }

    /// The pool whose guests it is about.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        match &self.whom {
            Whom::Pool(pool) => Some(pool),
            _ => None,
        }
    }
}

/// `"100,101"`, `100`, `[100, 101]`.
fn ids(value: Option<&Value>) -> HashSet<u32> {
    match value {
        Some(Value::String(text)) => {
            let parts = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace());
            parts.filter_map(|part| part.parse().ok()).collect()
        }
        Some(Value::Array(list)) => list.iter().filter_map(id).collect(),
        Some(value) => id(value).into_iter().collect(),
        None => HashSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cover::config::Kind;
    use serde_json::json;

    fn job(value: &Value) -> Job {
        Job::of(value.as_object().unwrap()).unwrap()
    }

    fn guest(vmid: u32, node: &str, pool: Option<&str>) -> Guest {
        Guest {
            vmid,
            kind: Kind::Ct,
            name: None,
            node: Some(node.to_owned()),
            pool: pool.map(str::to_owned),
            template: false,
            stopped: false,
            config: None,
        }
    }

    #[test]
    fn whom_a_job_is_about() {
        use About::{Covers, Elsewhere, No};
        #[rustfmt::skip]
        let cases: &[(&str, Value, About)] = &[
            ("all",                    json!({"all": 1}),                               Covers),
            ("all but it",             json!({"all": "1", "exclude": "7,101"}),         No),
            ("all but another",        json!({"all": true, "exclude": [1_011]}),        Covers),
            ("all but another, unsaid", json!({"exclude": "1011"}),                     Covers),
            ("it by name",             json!({"vmid": "100,101"}),                      Covers),
            ("a number",               json!({"vmid": 101}),                            Covers),
            ("of a state document",    json!({"vmids": [100, 101]}),                    Covers),
            ("a longer ID",            json!({"vmid": "1010,1101"}),                    No),
            ("its pool",               json!({"pool": "prod"}),                         Covers),
            ("its pool, with excluded", json!({"pool": "prod", "exclude": "101"}),      Covers),
            ("another pool",           json!({"pool": "dev", "vmid": "101"}),           No),
            ("its node",               json!({"all": 1, "node": "a"}),                  Covers),
            ("the node it was on",     json!({"all": 1, "node": "b"}),                  Elsewhere),
            ("by name, elsewhere",     json!({"vmid": "101", "node": "b"}),             Elsewhere),
            ("another, elsewhere",     json!({"vmid": "102", "node": "b"}),             No),
            ("nobody",                 json!({}),                                       No),
        ];
        for (name, value, want) in cases {
            let mut value = value.clone();
            value["id"] = json!("j");
            let about = job(&value).about(&guest(101, "a", Some("prod")));
            assert_eq!(about, *want, "{name}");
        }
    }

    #[test]
    fn when_it_runs() {
        let now = 1_795_694_400; // Thursday, 2026-11-26, 12:00:00 UTC
        let runs = |value: Value| {
            let mut job = job(&value);
            job.look_back(&TimeZone::UTC, now);
            (job.runs.first().map(|run| (now - run) / 3_600), job.wrong)
        };
        assert_eq!(
            runs(json!({"id": "j", "schedule": "02:00"})),
            (Some(10), None)
        );
        assert_eq!(
            runs(json!({"id": "j", "starttime": "01:00", "dow": "mon,tue"})),
            (Some(59), None)
        );
        assert_eq!(
            runs(json!({"id": "j", "schedule": "02:00", "enabled": 0})),
            (None, None)
        );
        let (run, wrong) = runs(json!({"id": "j", "schedule": "nightly"}));
        assert!(run.is_none() && wrong.unwrap().contains("nightly"));
        assert!(Job::of(json!({"schedule": "02:00"}).as_object().unwrap()).is_err());
    }
}
