//! What is wrong with a replication job, so that its replica is older than it should be.
//!
//! Proxmox's node says when a job is due next, by its own reading of the schedule; where that was not
//! seen, the plainest schedules are read here.

use std::time::Duration;

use vmid::span;

use crate::state::{DEFAULT_SCHEDULE, ReplicationRun};

/// How late a job may be beside twice the length of a run, in seconds: jobs wait for each other.
const SLACK_S: i64 = 300;

/// How old a replica may be whose schedule is not known, in seconds: a weekly job is the rarest.
const RAREST_S: i64 = 8 * 86_400;

/// Why a replica is not as young as it should be, as of `seen_at`, when the job was looked at.
#[must_use]
pub fn late(run: &ReplicationRun, seen_at: i64) -> Option<String> {
    let id = &run.id;
    if run.disable {
        return Some(format!("its job {id} is switched off"));
    }
    if run.fail_count > 0 {
        let error = run.error.as_deref().unwrap_or_default().trim();
        let error = error.lines().next().unwrap_or("no reason is told");
        let count = run.fail_count;
        return Some(format!("its job {id} failed ({count} in a row): {error}"));
    }
    let due = run.next_sync.unwrap_or_else(|| {
        let every = every(run.schedule.as_deref().unwrap_or(DEFAULT_SCHEDULE));
        run.last_sync.saturating_add(every.unwrap_or(RAREST_S))
    });
    let length = run.duration.filter(|length| length.is_finite());
    let length = length.unwrap_or_default().clamp(0.0, 86_400.0) as i64;
    let late = seen_at.saturating_sub(due);
    (late > SLACK_S + 2 * length).then(|| {
        let late = Duration::from_secs(late.unsigned_abs());
        format!(
            "its job {id} was due {} before that was seen",
            span::shown(late)
        )
    })
}

/// `*/15`: so many seconds from one run to the next; longer ones have the rest of the hour.
fn every(schedule: &str) -> Option<i64> {
    let minutes: i64 = schedule.trim().strip_prefix("*/")?.parse().ok()?;
    (1..60).contains(&minutes).then_some(minutes * 60)
}
