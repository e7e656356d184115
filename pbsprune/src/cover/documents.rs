//! The documents that the call names: the guests, and the backup jobs. What a list can't have because of
//! a right that is missing is noted as unseen; an empty list proves nothing by itself.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};
use vmid::{
    exit::Stop,
    permission::{Permissions, has_on_all_guests},
    stream::{self, Kept},
};

use super::{
    guest::{Guest, Raw, is_true, unique},
    job::Job,
    target::Storage,
    unseen::Unseen,
};
use crate::named_file;

/// The longest document, in bytes: a state document of 10,000 guests has 30 MB.
const MOST: u64 = 512 << 20;

/// What the documents say.
#[derive(Debug, Default)]
pub struct Documents {
    /// The cluster's name, of a state document.
    pub cluster: Option<String>,
    /// The guests, by their ID.
    pub guests: Vec<Guest>,
    /// There may be others: the list was not given whole.
    pub more_guests: bool,
    /// The jobs; none if they were not seen.
    pub jobs: Option<Vec<Job>>,
    /// The pools that were seen, as far as somebody said.
    pub pools: Option<Vec<String>>,
    /// Pools that jobs are about, and that nobody saw: any guest may be in them.
    pub hidden_pools: Vec<Unseen>,
    /// The storages of the cluster, as far as they were seen; none if they were not asked for.
    pub storages: Option<Vec<Storage>>,
    /// What the lists lack.
    pub unseen: Vec<Unseen>,
}

/// The parts of a state document that matter here.
#[derive(Deserialize)]
struct State {
    #[serde(default)]
    cluster: Option<Cluster>,
    guests: Vec<Raw>,
    #[serde(default)]
    hidden: Option<Vec<Hidden>>,
    #[serde(default)]
    backup_jobs: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    pools: Option<Vec<String>>,
    #[serde(default)]
    storages: Option<Vec<Storage>>,
    #[serde(default)]
    permissions: Option<Told>,
}

/// Rights as `/access/permissions` tells them: whether each is handed down, as true or as 1.
type Told = BTreeMap<String, BTreeMap<String, Value>>;

#[derive(Deserialize)]
struct Cluster {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Hidden {
    vmid: u32,
    by: String,
}

/// A document is a state, or a list of records.
enum Read {
    State(Box<State>),
    Records(Vec<Kept>),
}

impl Documents {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// A file can't be read, or is no such document: exit code 2.
    pub fn read(guests: &Path, jobs: Option<&Path>) -> Result<Self, Stop> {
        let mut all = Self::default();
        let state_jobs = match document(guests)? {
            Read::State(state) => all.take_state(*state, guests)?,
            Read::Records(records) => {
                all.take_guests(records, guests)?;
                None
            }
        };
        all.guests.sort_unstable_by_key(|guest| guest.vmid);
        unique(&all.guests).map_err(|why| wrong(guests, &why))?;
        match jobs {
            Some(path) => all.take_jobs(path)?,
            None => all.take_jobs_of_state(state_jobs),
        }
        all.note_pools();
        Ok(all)
    }

    fn take_state(&mut self, state: State, path: &Path) -> Result<Option<Vec<Job>>, Stop> {
        let name = state.cluster.and_then(|cluster| cluster.name);
        self.cluster = name.filter(|name| !name.is_empty()); // it has none where that was not seen
        self.pools = state.pools;
        self.storages = state.storages;
        for raw in state.guests {
            let guest = raw.guest().map_err(|why| wrong(path, &why))?;
            self.guests.extend(guest);
        }
        let told = state.permissions.as_ref();
        if !told.is_some_and(|told| has_on_all_guests(&permissions(told), "VM.Audit")) {
            self.more_guests = true;
            let list = Unseen::new("the list of the guests", "VM.Audit on /vms");
            self.unseen.push(list);
        }
        if self.guests.is_empty() && !self.more_guests {
            // Of a cluster that works it may be true; as the answer of one that doesn't it is never to look well.
            let why = "there is no guest in it, so nothing was judged".to_owned();
            self.unseen.push(Unseen {
                right: None,
                why: Some(why),
                ..Unseen::new("the guests of the cluster", "")
            });
        }
        for hidden in state.hidden.into_iter().flatten() {
            self.more_guests = true;
            let list = format!("the guest {}, which {} names,", hidden.vmid, hidden.by);
            let right = format!("VM.Audit on /vms/{}", hidden.vmid);
            self.unseen.push(Unseen {
                vmids: Some(vec![hidden.vmid]),
                ..Unseen::new(list, &right)
            });
        }
        // Before version 3 a job had neither a schedule nor a word of being on.
        let whole = |job: &Map<String, Value>| job.contains_key("enabled");
        let jobs = state.backup_jobs.filter(|jobs| jobs.iter().all(whole));
        jobs.map(|jobs| parsed(jobs, path)).transpose()
    }

    fn take_guests(&mut self, records: Vec<Kept>, path: &Path) -> Result<(), Stop> {
        if records.is_empty() {
            return Err(wrong(path, "there is no guest in it"));
        }
        for (number, kept) in (1..).zip(records) {
            let Some(record) = self.noticed(&kept, path)? else {
                continue;
            };
            let guest = Raw::of(record).guest();
            let guest = guest.map_err(|why| wrong(path, &format!("record {number}: {why}")))?;
            self.guests.extend(guest);
        }
        Ok(())
    }

    /// The record; none if it says what the list lacks.
    fn noticed(&mut self, kept: &Kept, path: &Path) -> Result<Option<Map<String, Value>>, Stop> {
        if let Some(raw) = kept.record().raw("unseen") {
            let notice = Unseen::of(raw);
            let what = "unseen is no object with list, right, why, storage, vmids";
            self.unseen.push(notice.ok_or_else(|| wrong(path, what))?);
            self.more_guests = true;
            return Ok(None);
        }
        let record = serde_json::from_str(kept.record().text());
        record
            .map(Some)
            .map_err(|error| wrong(path, &error.to_string()))
    }

    fn take_jobs(&mut self, path: &Path) -> Result<(), Stop> {
        let records = match document(path)? {
            Read::State(state) => {
                let jobs = state
                    .backup_jobs
                    .map(|jobs| parsed(jobs, path))
                    .transpose()?;
                self.take_jobs_of_state(jobs);
                return Ok(());
            }
            Read::Records(records) => records,
        };
        let (more_guests, before) = (self.more_guests, self.unseen.len());
        let mut jobs = Vec::new();
        for kept in records {
            if let Some(record) = self.noticed(&kept, path)? {
                jobs.push(record);
            }
        }
        self.more_guests = more_guests;
        let jobs = parsed(jobs, path)?;
        self.jobs = (self.unseen.len() == before).then_some(jobs);
        Ok(())
    }

    fn take_jobs_of_state(&mut self, jobs: Option<Vec<Job>>) {
        if jobs.is_none() {
            let list = Unseen::new("the list of the backup jobs", "Sys.Audit on /");
            self.unseen.push(list);
        }
        self.jobs = jobs;
    }

    /// Notes the pools that jobs are about, and of which nothing was seen.
    fn note_pools(&mut self) {
        let jobs = self.jobs.iter().flatten().filter(|job| job.enabled);
        let mut pools: Vec<&str> = jobs.filter_map(Job::pool).collect();
        pools.sort_unstable();
        pools.dedup();
        let seen = |pool: &str| {
            self.pools.iter().flatten().any(|seen| seen == pool)
                || self
                    .guests
                    .iter()
                    .any(|guest| guest.pool.as_deref() == Some(pool))
        };
        let hidden = pools.iter().filter(|pool| !seen(pool)).map(|pool| {
            let right = format!("Pool.Audit on /pool/{pool}");
            let list = format!("the pool {pool}, which a backup job is about,");
            Unseen::new(list, &right)
        });
        self.hidden_pools = hidden.collect();
    }
}

/// What they hand down.
fn permissions(told: &Told) -> Permissions {
    let entry = |rights: &BTreeMap<String, Value>| {
        let rights = rights.iter();
        rights
            .map(|(name, handed)| (name.clone(), is_true(handed)))
            .collect()
    };
    told.iter()
        .map(|(path, rights)| (path.clone(), entry(rights)))
        .collect()
}

fn parsed(jobs: Vec<Map<String, Value>>, path: &Path) -> Result<Vec<Job>, Stop> {
    let jobs = jobs.iter().filter(|job| {
        let kind = job.get("type").and_then(Value::as_str);
        kind.is_none_or(|kind| kind == "vzdump")
    });
    let jobs: Result<Vec<Job>, String> = jobs.map(Job::of).collect();
    jobs.map_err(|why| wrong(path, &why))
}

fn document(path: &Path) -> Result<Read, Stop> {
    let text = named_file::read_up_to(path, MOST)?;
    let records = stream::parse(&text).map_err(|bad| wrong(path, &bad.to_string()))?;
    drop(text);
    match &records[..] {
        [one] if is_state(one) => {
            let state = serde_json::from_str(one.record().text());
            let state =
                state.map_err(|error| wrong(path, &format!("a state document: {error}")))?;
            Ok(Read::State(Box::new(state)))
        }
        _ => Ok(Read::Records(records)),
    }
}

/// What `pvx-migrate state` prints.
fn is_state(kept: &Kept) -> bool {
    let record = kept.record();
    let has = |name: &str| record.raw(name).is_some();
    has("version") && has("guests") && !has("vmid")
}

fn wrong(path: &Path, what: &str) -> Stop {
    Stop::input(anyhow::anyhow!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_on_all_guests() {
        #[rustfmt::skip]
        let cases = [
            ("on guests",        r#"{"/":{},"/vms":{"VM.Audit":1}}"#,                        true),
            ("not below",        r#"{"/":{"VM.Audit":true},"/vms":{"VM.Audit":false}}"#,     false),
            ("not below, a 0",   r#"{"/vms":{"VM.Audit":0}}"#,                               false),
            ("at the top alone", r#"{"/":{"VM.Audit":false}}"#,                              false),
            ("nothing below said", r#"{"/":{"VM.Audit":true}}"#,                             false),
            ("not on guests",    r#"{"/":{"VM.Audit":true},"/vms":{}}"#,                     false),
            ("not on one",       r#"{"/vms":{"VM.Audit":true},"/vms/7":{"VM.Backup":true}}"#, false),
            ("on one alone",     r#"{"/vms/7":{"VM.Audit":true}}"#,                          false),
        ];
        for (name, rights, want) in cases {
            let rights = permissions(&serde_json::from_str(rights).unwrap());
            assert_eq!(has_on_all_guests(&rights, "VM.Audit"), want, "{name}");
        }
    }

    #[test]
    fn states_are_told_from_lists() {
        for (text, want) in [
            (&b"\xEF\xBB\xBF{ \"version\" : 3, \"guests\": []}"[..], true),
            (b"{\"at\":\"x\",\"guests\":[],\"version\":3}", true),
            (b"[{\"version\":3}]", false),
            (b"{\"vmid\":101}", false),
        ] {
            assert_eq!(is_state(&stream::parse(text).unwrap()[0]), want);
        }
    }
}
