//! Replication jobs: whether the copies that HA starts from are as young as their schedule has it.
//!
//! Proxmox's node says when a job is due next, reckoned from its last run by its own reading of the
//! schedule; so no calendar is read here.

use std::time::Duration;

use serde_json::{Value, json};
use vmid::{exempt::Subject, span};

use super::{
    context::Context,
    found::{Found, info, unseen, warning},
    guest::Audited,
};
use crate::state::{DEFAULT_SCHEDULE, Replication, ReplicationRun};

/// How late a job may be beside twice the length of a run, in seconds: jobs wait for each other.
const SLACK_S: f64 = 300.0;

/// Clocks differ by so many seconds at most.
const SKEW_S: i64 = 60;

/// What is wrong with the jobs of a guest, each with the job that it is of.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Vec<(Subject, Found)> {
    let runs = context.runs(guest.guest.vmid).iter();
    let runs = runs.filter(|run| !run.removed);
    let seen = runs.flat_map(|run| {
        let subject = Subject::Job(run.id.clone());
        of_job(context, run)
            .into_iter()
            .map(move |found| (subject.clone(), found))
    });
    seen.chain(without_run(context, guest)).collect()
}

/// Jobs that the cluster has and the guest's node doesn't tell of: Proxmox's node leaves out what the
/// token may not see.
fn without_run(context: &Context<'_>, guest: &Audited<'_>) -> Vec<(Subject, Found)> {
    let (vmid, name) = (guest.guest.vmid, &guest.guest.node);
    let node = context.node_of(guest.guest);
    if node.is_none_or(|node| !node.online || node.replication.is_none()) {
        return Vec::new(); // told of the node
    }
    let runs = context.runs(vmid);
    let is_told = |job: &Replication| match &job.id {
        Some(id) => runs.iter().any(|run| run.id == *id),
        None => runs.iter().any(|run| run.target == job.target),
    };
    let jobs = context.cluster.replication(vmid).iter();
    let untold = jobs.filter(|job| !job.removed && !is_told(job));
    let found = untold.map(|job| {
        let id = job.id.as_deref().unwrap_or("of an unknown name");
        let what = format!(
            "how the replication job {id} to {} goes is not told: {name} doesn't list it",
            job.target
        );
        let right = format!("VM.Audit on /vms/{vmid}");
        let found = unseen(what, &format!("replication {name}"), right);
        (Subject::Job(id.to_owned()), found)
    });
    found.collect()
}

fn of_job(context: &Context<'_>, run: &ReplicationRun) -> Vec<Found> {
    let id = &run.id;
    let mut found = Vec::new();
    if run.disable {
        let message = format!("the replication job {id} to {} is switched off", run.target);
        found.push(warning(
            "replica-disabled",
            message,
            evidence(context, run),
            &["state"],
        ));
        return found;
    }
    if run.fail_count > 0 {
        let error = run.error.as_deref().unwrap_or_default().trim();
        let error = error.lines().next().unwrap_or("no reason is told");
        let times = match run.fail_count {
            1 => "once".to_owned(),
            times => format!("{times} times in a row"),
        };
        let message = format!(
            "the replication job {id} to {} failed {times}: {error}",
            run.target
        );
        found.push(warning(
            "replica-failing",
            message,
            evidence(context, run),
            &["state"],
        ));
    }
    if run.last_sync <= 0 {
        found.push(never(context, run));
    } else {
        found.extend(stale(context, run));
    }
    found
}

/// A job that is so new that its first run is yet to come is no fault.
fn never(context: &Context<'_>, run: &ReplicationRun) -> Found {
    let (id, target) = (&run.id, &run.target);
    let due = run.next_sync.filter(|next| *next > context.now());
    if run.last_try <= 0 && due.is_some() {
        let message = format!("the replication job {id} to {target} is to run for the first time");
        return info("replica-never", message, evidence(context, run), &["state"]);
    }
    let message =
        format!("the replication job {id} to {target} never had a good run: {target} has no copy");
    warning("replica-never", message, evidence(context, run), &["state"])
}

fn stale(context: &Context<'_>, run: &ReplicationRun) -> Option<Found> {
    let (id, target) = (&run.id, &run.target);
    let age = context.now().saturating_sub(run.last_sync);
    if age < -SKEW_S {
        let message = format!(
            "the replication job {id} ran last {} after the state was read: a clock is wrong, so its age is not known",
            shown(-age)
        );
        return Some(unseen(message, "the age of a replica", "clocks that agree"));
    }
    let schedule = run.schedule.as_deref().unwrap_or(DEFAULT_SCHEDULE);
    let by_age = context.ages.replica;
    if let Some(most) =
        by_age.filter(|most| u64::try_from(age).is_ok_and(|age| age > most.as_secs()))
    {
        let message = format!(
            "what {target} has of it is {} old (replication job {id}, {schedule}); --replica-age is {}",
            shown(age),
            span::written(most)
        );
        return Some(warning(
            "replica-stale",
            message,
            evidence(context, run),
            &["state"],
        ));
    }
    // One that fails is tried again later and later, which is told already.
    if run.fail_count > 0 {
        return None;
    }
    let Some(due) = run.next_sync else {
        // --replica-age has just said that it is young enough.
        let what = format!(
            "what {target} has of it is {} old, and when the replication job {id} ({schedule}) is due was not seen",
            shown(age)
        );
        let list = format!("next run of {id}");
        return by_age
            .is_none()
            .then(|| unseen(what, &list, "an answer of the node"));
    };
    let overdue = context.now().saturating_sub(due);
    let late = overdue as f64;
    if late <= 2.0 * run.duration.unwrap_or_default() + SLACK_S {
        return None;
    }
    let message = format!(
        "what {target} has of it is {} old: the replication job {id} ({schedule}) was due {} ago",
        shown(age),
        shown(overdue)
    );
    Some(warning(
        "replica-stale",
        message,
        evidence(context, run),
        &["state"],
    ))
}

fn shown(seconds: i64) -> String {
    span::shown(Duration::from_secs(
        u64::try_from(seconds).unwrap_or_default(),
    ))
}

/// The job as its node has it. `rpo_s`: so much would be lost with the node now.
fn evidence(context: &Context<'_>, run: &ReplicationRun) -> Value {
    let age = (run.last_sync > 0).then(|| (context.now() - run.last_sync).max(0));
    json!({
        "job": run.id,
        "target": run.target,
        "schedule": run.schedule.as_deref().unwrap_or(DEFAULT_SCHEDULE),
        "last_sync": run.last_sync,
        "rpo_s": age,
        "fail_count": run.fail_count,
        "error": run.error,
    })
}
