//! Each job of a guest for itself: where another one still works, nobody misses the backups of one that doesn't.

use serde_json::json;
use vmid::severity::Severity;

use super::{Looked, SKEW_S, ZONES_S, is_good};
use crate::{
    calendar::utc,
    cover::{
        job::Job,
        target::{List, Target},
    },
};

impl<'a> Looked<'_, 'a> {
    pub(super) fn each_job(&mut self) {
        let covering = self.covering.clone();
        for job in covering {
            self.job_alone(job);
        }
    }

    /// What the storage of one job has, if another storage has what was waited for. Jobs that write to one
    /// storage can't be told apart by their backups.
    fn job_alone(&mut self, job: &'a Job) {
        let rules = &self.known.rules;
        let slack = if rules.guessed { ZONES_S } else { SKEW_S };
        let (Some(&run), Some(target), Some((newest, _))) = (
            job.runs.first(),
            Target::of(job, self.known.storages),
            self.newest,
        ) else {
            return;
        };
        let made = self.made().is_some_and(|made| made > run);
        if self.guest.template || made || newest.time < run - SKEW_S || self.may_miss(target) {
            return; // where the newest of all misses the run, it is stale itself
        }
        let mut here = self
            .all
            .iter()
            .filter(|(seen, place)| is_good(seen) && target.is_in(&List::of(place)));
        let last = here.next().map(|(seen, _)| seen.time);
        if last.is_some_and(|last| last >= run - slack) {
            return;
        }
        let (name, schedule) = (target.name(), job.schedule.as_deref().unwrap_or_default());
        let has = match last {
            Some(last) => format!("the newest of it in {name} is of {}", utc(last)),
            None => format!("there is none of it in {name}"),
        };
        let message = format!(
            "{} ({schedule}, {}) ran at {}, and {has}: only elsewhere there is a newer one",
            job.id,
            rules.zone,
            utc(run)
        );
        let evidence = json!({"job": job.id, "storage": name, "schedule": schedule, "run": utc(run), "newest": last.map(utc)});
        let by = self.known.backups.seen_by();
        self.say(
            "stale-job",
            Severity::Warning,
            message,
            evidence,
            &[by, "jobs"],
        );
    }

    /// Something of this guest in that storage may not have been seen.
    fn may_miss(&self, target: Target<'_>) -> bool {
        let backups = self.known.backups;
        let mut unseen = backups.unseen.iter().chain(self.known.unlooked);
        unseen.any(|unseen| unseen.hides(self.guest.vmid) && target.may_miss(unseen))
    }
}
