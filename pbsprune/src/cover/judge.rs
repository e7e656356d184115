//! What is to be said of one guest's backups.
//!
//! Pure: all lists are there, and what is missing of them is known. Where a conclusion would rest on
//! something that was not seen, it isn't drawn: the finding is `unseen` then.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use vmid::{severity::Severity, verdict::Finding};

use super::{
    backups::{Backups, Place, Seen},
    guest::Guest,
    job::{About, Job},
    notes::Names,
    target::Storage,
    unseen::{Unseen, unseen},
};
use crate::{guard::AHEAD_S, retention::Verification};

mod age;
mod each_job;
mod quality;

/// So far the clocks of a node and of a backup server may be apart, in seconds.
const SKEW_S: i64 = 300;

/// So far two zones may be apart: from 12 hours behind UTC to 14 ahead.
const ZONES_S: i64 = 26 * 3_600;

/// The rules, and when it is.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Now, in seconds.
    pub now: i64,
    /// How old the newest may be where no job says it.
    pub max_age: Duration,
    /// So long after a run its backups must be there.
    pub grace: Duration,
    /// How old the newest verified one may be.
    pub verify_age: Duration,
    /// The zone of the schedules.
    pub zone: String,
    /// Nobody said so: it is that of this host.
    pub guessed: bool,
}

/// What all guests are judged with.
#[derive(Debug)]
pub struct Known<'a> {
    /// The backups.
    pub backups: &'a Backups,
    /// The jobs; none if they were not seen.
    pub jobs: Option<&'a [Job]>,
    /// The storages of the cluster; none if they were not asked for.
    pub storages: Option<&'a [Storage]>,
    /// The storages that jobs write to, and that nobody looked at.
    pub unlooked: &'a [Unseen],
    /// A pool that nobody saw, and that a job is about.
    pub hidden_pool: Option<&'a Unseen>,
    /// The configuration of no guest was read, which is said once.
    pub no_configs: bool,
    /// The names of the guests that live.
    pub living: HashSet<&'a str>,
    /// The rules.
    pub rules: Rules,
}

/// What there is of a guest.
#[derive(Debug)]
pub struct Cover<'a> {
    /// The guest.
    pub guest: &'a Guest,
    /// The newest that can be restored, and where it is.
    pub newest: Option<(Seen, &'a Place)>,
    /// The newest of all came to its end; none if there is none.
    pub complete: Option<bool>,
    /// When the newest that is verified was begun.
    pub verified: Option<i64>,
    /// How many snapshots there are, each counted once wherever it was copied to.
    pub count: usize,
    /// Where there are backups of it.
    pub places: Vec<&'a Place>,
    /// Where there are backups of another guest with its ID, as of a second cluster, and that one's name.
    pub others: Vec<(&'a Place, String)>,
    /// The jobs that back it up.
    pub jobs: Vec<&'a Job>,
    /// The jobs that would, and are off.
    pub off: Vec<&'a Job>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl<'a> Known<'a> {
    /// What may hide backups of a guest.
    fn hidden(&self, vmid: u32) -> Option<&Unseen> {
        let mut unlooked = self.unlooked.iter();
        let hidden = self.backups.hidden(vmid);
        hidden.or_else(|| unlooked.find(|unseen| unseen.hides(vmid)))
    }

    /// All that is to be said of a guest.
    #[must_use]
    pub fn judge(&self, guest: &'a Guest) -> Cover<'a> {
        let mut looked = Looked::at(self, guest);
        looked.jobs();
        looked.age();
        looked.each_job();
        looked.verification();
        looked.incomplete();
        looked.name();
        looked.config();
        let Looked {
            all,
            covering,
            off,
            found,
            places,
            others,
            newest,
            ..
        } = looked;
        let verified = all.iter().find(|(seen, _)| is_verified(seen));
        let mut times: Vec<i64> = all.iter().map(|(seen, _)| seen.time).collect();
        times.dedup();
        Cover {
            guest,
            newest,
            complete: all.first().map(|_| newest_finished(&all)),
            verified: verified.map(|(seen, _)| seen.time),
            count: times.len(),
            places,
            others,
            jobs: covering,
            off,
            findings: found,
        }
    }
}

/// A guest under the eye.
struct Looked<'k, 'a> {
    known: &'k Known<'a>,
    guest: &'a Guest,
    names: Names<'k>,
    /// Jobs that are on and about it.
    covering: Vec<&'a Job>,
    /// Jobs that are about it and off.
    off: Vec<&'a Job>,
    /// Jobs that name it, for another node.
    elsewhere: Vec<&'a Job>,
    places: Vec<&'a Place>,
    others: Vec<(&'a Place, String)>,
    /// All snapshots that aren't of the future, newest first.
    all: Vec<(Seen, &'a Place)>,
    /// How many are of the future.
    ahead: usize,
    newest: Option<(Seen, &'a Place)>,
    found: Vec<Finding>,
}

fn is_good(seen: &Seen) -> bool {
    seen.finished && seen.verification != Verification::Failed
}

fn is_verified(seen: &Seen) -> bool {
    seen.finished && seen.verification == Verification::Good
}

/// The newest of all came to its end, in one place at least.
fn newest_finished(all: &[(Seen, &Place)]) -> bool {
    let newest = all.first().map(|(seen, _)| seen.time);
    let of_it = all.iter().take_while(|(seen, _)| Some(seen.time) == newest);
    of_it.into_iter().any(|(seen, _)| seen.finished)
}

impl<'k, 'a> Looked<'k, 'a> {
    fn at(known: &'k Known<'a>, guest: &'a Guest) -> Self {
        let jobs = known.jobs.unwrap_or_default();
        let of = |wanted: About, on: bool| {
            let jobs = jobs.iter().filter(move |job| job.enabled == on);
            jobs.filter(|job| job.about(guest) == wanted).collect()
        };
        let covering: Vec<&Job> = of(About::Covers, true);
        let off: Vec<&Job> = of(About::Covers, false);
        let elsewhere = of(About::Elsewhere, true);
        let templates = covering.iter().chain(&off);
        let templates = templates
            .filter_map(|job| job.template.as_deref())
            .collect();
        let names = Names {
            own: guest.name.as_deref(),
            templates,
            living: &known.living,
        };
        let places = known.backups.of(guest.vmid, guest.kind).collect();
        let (places, others) = names.apart(places);
        let latest = known.rules.now.saturating_add(AHEAD_S);
        let seen = places
            .iter()
            .flat_map(|place| place.seen.iter().map(|seen| (*seen, *place)));
        let (mut all, ahead): (Vec<_>, Vec<_>) = seen.partition(|(seen, _)| seen.time <= latest);
        all.sort_by_key(|(seen, _)| std::cmp::Reverse(seen.time));
        let newest = all.iter().find(|(seen, _)| is_good(seen)).copied();
        Self {
            known,
            guest,
            names,
            covering,
            off,
            elsewhere,
            places,
            others,
            all,
            ahead: ahead.len(),
            newest,
            found: Vec::new(),
        }
    }

    fn say(
        &mut self,
        code: &'static str,
        severity: Severity,
        message: String,
        evidence: Value,
        seen_by: &[&'static str],
    ) {
        self.found
            .push(Finding::new(code, severity, message, evidence, seen_by));
    }

    /// As bad as that, but for a template, of which nothing changes and which can be made anew.
    fn severity(&self, of_guest: Severity) -> Severity {
        if self.guest.template {
            Severity::Info
        } else {
            of_guest
        }
    }

    fn jobs(&mut self) {
        if self.known.jobs.is_none() || !self.covering.is_empty() {
            return;
        }
        if !self.off.is_empty() {
            let off = ids(&self.off);
            let message = format!(
                "every backup job that is about it is off: {}",
                off.join(", ")
            );
            let severity = self.severity(Severity::Warning);
            return self.say(
                "job-disabled",
                severity,
                message,
                json!({"jobs": off}),
                &["jobs"],
            );
        }
        if let Some(hidden) = self.known.hidden_pool.filter(|_| self.guest.pool.is_none()) {
            let message = format!(
                "no backup job that names it was seen; {} can't be seen whole",
                hidden.list
            );
            self.found.push(unseen(message, hidden.evidence()));
            return;
        }
        let mut message = "no backup job is about it".to_owned();
        if let Some(job) = self.elsewhere.first() {
            let on = job.node.as_deref().unwrap_or_default();
            let is = self
                .guest
                .node
                .as_deref()
                .unwrap_or("a node that is not known");
            message = format!(
                "{message}: {} names it, and is for the guests of {on}; it is on {is}",
                job.id
            );
        }
        let severity = self.severity(Severity::Warning);
        let evidence = json!({"elsewhere": ids(&self.elsewhere)});
        self.say("no-job", severity, message, evidence, &["jobs"]);
    }
}

fn ids(jobs: &[&Job]) -> Vec<String> {
    jobs.iter().map(|job| job.id.clone()).collect()
}

/// How long ago; what is ahead of the clock is no time ago.
pub(super) fn since(time: i64, now: i64) -> Duration {
    Duration::from_secs(u64::try_from(now.saturating_sub(time)).unwrap_or_default())
}
