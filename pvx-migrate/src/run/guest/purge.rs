//! What else of the cluster names a guest that is removed, and goes with it: its HA resource, its
//! replication jobs, and its place in backup jobs. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::removal::{self, Effect};

/// What goes with a guest. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purge {
    /// Its HA resource (`ct:100`).
    pub ha: Option<String>,
    /// Its replication jobs.
    pub replication: BTreeSet<String>,
    /// The backup jobs that name it, and what becomes of each.
    pub jobs: BTreeMap<String, Effect>,
}

impl Purge {
    /// What a plan's line says.
    #[must_use]
    pub fn of(planned: &removal::Purge) -> Self {
        let jobs = planned.jobs.iter().map(|job| (job.id.clone(), job.effect));
        Self {
            ha: planned.ha.clone(),
            replication: planned.replication.iter().cloned().collect(),
            jobs: jobs.collect(),
        }
    }
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Trimmed => "trimmed",
        Effect::Deleted => "deleted",
    }
}

/// The replication jobs of a guest, from `/cluster/replication`.
#[must_use]
pub fn replication(vmid: u32, rows: &[Value]) -> BTreeSet<String> {
    let rows = rows.iter().filter(|row| is_guest(&row["guest"], vmid));
    let ids = rows.filter_map(|row| row["id"].as_str().map(str::to_owned));
    ids.collect()
}

/// The backup jobs that name a guest, from `/cluster/backup`.
#[must_use]
pub fn jobs(vmid: u32, rows: &[Value]) -> BTreeMap<String, Effect> {
    let jobs = rows.iter().filter_map(|row| {
        let (named, alone) = names(&row["vmid"], vmid);
        let (excluded, _) = names(&row["exclude"], vmid);
        let effect = match (named, alone, excluded) {
            (true, true, _) => Effect::Deleted,
            (true, ..) | (.., true) => Effect::Trimmed,
            _ => return None,
        };
        Some((row["id"].as_str()?.to_owned(), effect))
    });
    jobs.collect()
}

/// Whether a list of IDs has this one, and whether it has no other.
fn names(list: &Value, vmid: u32) -> (bool, bool) {
    let text = list
        .as_str()
        .map_or_else(|| list.to_string(), str::to_owned);
    let separators = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let ids = text.split(separators).filter(|id| !id.is_empty());
    let ids: BTreeSet<u32> = ids.filter_map(|id| id.parse().ok()).collect();
    (ids.contains(&vmid), ids.len() == 1)
}

fn is_guest(value: &Value, vmid: u32) -> bool {
    *value == vmid || value.as_str().is_some_and(|text| text == vmid.to_string())
}

/// How what is there differs from what was planned; none if it doesn't.
#[must_use]
pub fn difference(planned: &Purge, now: &Purge) -> Option<String> {
    let list = |purge: &Purge| {
        let mut words: Vec<String> = purge
            .ha
            .iter()
            .map(|sid| format!("HA resource {sid}"))
            .collect();
        words.extend(
            purge
                .replication
                .iter()
                .map(|id| format!("replication {id}")),
        );
        let jobs = purge.jobs.iter();
        words.extend(jobs.map(|(id, effect)| format!("backup job {id} {}", word(*effect))));
        if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join(", ")
        }
    };
    (planned != now).then(|| format!("planned with it: {}; now: {}", list(planned), list(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_names_a_guest() {
        let rows = [
            json!({"id": "alone", "vmid": "100"}),
            json!({"id": "number", "vmid": 100}),
            json!({"id": "twice", "vmid": "100,100"}),
            json!({"id": "among", "vmid": "99,100;101"}),
            json!({"id": "left-out", "all": 1, "exclude": "100"}),
            json!({"id": "longer", "vmid": "1000"}),
            json!({"id": "all", "all": 1}),
            json!({"id": "pool", "pool": "100"}),
        ];
        let jobs = jobs(100, &rows);
        let words: Vec<String> = jobs
            .iter()
            .map(|(id, effect)| format!("{id} {}", word(*effect)))
            .collect();
        let want = [
            "alone deleted",
            "among trimmed",
            "left-out trimmed",
            "number deleted",
            "twice deleted",
        ];
        assert_eq!(words, want);
        let rows = [
            json!({"id": "100-0", "guest": 100}),
            json!({"id": "100-1", "guest": "100"}),
            json!({"id": "1000-0", "guest": 1000}),
        ];
        assert_eq!(
            replication(100, &rows),
            ["100-0".to_owned(), "100-1".to_owned()].into()
        );
    }

    #[test]
    fn differences() {
        let planned = Purge {
            ha: Some("ct:100".to_owned()),
            jobs: [("b".to_owned(), Effect::Trimmed)].into(),
            ..Purge::default()
        };
        assert_eq!(difference(&planned, &planned.clone()), None);
        let now = Purge {
            jobs: [("b".to_owned(), Effect::Deleted)].into(),
            ..planned.clone()
        };
        let want = "planned with it: HA resource ct:100, backup job b trimmed; now: HA resource ct:100, backup job b deleted";
        assert_eq!(difference(&planned, &now).as_deref(), Some(want));
        assert_eq!(
            difference(&Purge::default(), &planned).as_deref(),
            Some("planned with it: nothing; now: HA resource ct:100, backup job b trimmed")
        );
    }
}
