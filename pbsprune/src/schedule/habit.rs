//! What is wrong with a job by itself, or with the order of those of one datastore.

use jiff::tz::TimeZone;
use serde_json::json;
use vmid::{severity::Severity, verdict::Finding};

use super::{
    code::finding,
    collision::{Timed, shown},
    job::{Job, Kind},
};

/// A run missed of a job that is no rarer can be borne, in seconds: the next is soon.
const SOON_S: i64 = 6 * 86_400;

/// The schedule has no run, or garbage is never collected.
#[must_use]
pub fn never_runs(job: &Job, now: i64) -> Option<Finding> {
    let seen_by = &[job.seen_by];
    if !job.enabled {
        return None;
    }
    let message = match (&job.event, &job.schedule) {
        (Some(event), Some(schedule)) => {
            if event.next(job.zone.time_zone(), now).is_some() {
                return None;
            }
            format!("never runs: no date to come is {schedule:?}")
        }
        // Jobs without a schedule are for starting by hand; garbage collection is not.
        _ if job.kind == Kind::Gc => {
            "never runs: it has no schedule, so what is pruned is never freed".to_owned()
        }
        _ => return None,
    };
    let evidence = json!({"schedule": job.schedule});
    Some(finding(
        "never-runs",
        Severity::Warning,
        message,
        evidence,
        seen_by,
    ))
}

/// Nobody knows how long it runs, and somebody else could meet it.
#[must_use]
pub fn length_unknown(job: &Job) -> Option<Finding> {
    let unknown = job.enabled && job.event.is_some() && job.length.is_none();
    if !unknown || job.kind == Kind::Replication || job.places.is_empty() {
        return None;
    }
    let message = "how long it runs isn't known: only its starts were compared".to_owned();
    let evidence = json!({"duration_s": null});
    Some(finding(
        "length-unknown",
        Severity::Info,
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// Its storage is one that could not be seen.
#[must_use]
pub fn unseen_storage(job: &Job) -> Option<Finding> {
    let storage = job.unseen_storage.as_ref()?;
    let message = format!(
        "storage {storage} could not be seen: whether the backup server's jobs meet these backups isn't known"
    );
    let right = format!("Datastore.Audit on /storage/{storage}");
    let evidence = json!({"list": "storages", "storage": storage, "right": right});
    Some(finding(
        "unseen",
        Severity::Unknown,
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// What Proxmox VE forgets if its node was off.
#[must_use]
pub fn missed_not_repeated(job: &Job, now: i64) -> Option<Finding> {
    let event = job.event.as_ref().filter(|_| job.enabled)?;
    if job.repeat_missed != Some(false) {
        return None;
    }
    let gap = event.longest_gap(job.zone.time_zone(), now)?;
    let severity = match gap > SOON_S {
        true => Severity::Warning,
        false => Severity::Info,
    };
    let message = format!(
        "a run that is missed, as the node is off, is not made up for: {} until the next",
        shown(gap)
    );
    let evidence = json!({"repeat-missed": false, "longest_gap_s": gap});
    Some(finding(
        "missed-not-repeated",
        severity,
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// A verification that is not done when the next is due, or to which all is outdated again.
#[must_use]
pub fn verify_never_catches_up(job: &Job, now: i64) -> Option<Finding> {
    let event = job
        .event
        .as_ref()
        .filter(|_| job.enabled && job.kind == Kind::Verify)?;
    // Without the clock's changes: a day of 25 hours is of no help.
    let gap = event.longest_gap(&TimeZone::UTC, now)?;
    let most_s = job.most_s();
    let outdated_s = job
        .outdated_after_days
        .map(|days| days.saturating_mul(86_400));
    let message = if most_s > gap {
        format!(
            "takes up to {}, and the next is due after {}",
            shown(most_s),
            shown(gap)
        )
    } else if let Some(outdated_s) = outdated_s.filter(|outdated_s| *outdated_s < gap) {
        format!(
            "what it verified is outdated after {}, before it runs again after {}: each time it reads everything",
            shown(outdated_s),
            shown(gap)
        )
    } else {
        return None;
    };
    let evidence = json!({
        "longest_gap_s": gap, "duration_max_s": job.length.map(|length| length.most_s),
        "outdated-after": job.outdated_after_days,
    });
    Some(finding(
        "verify-never-catches-up",
        Severity::Warning,
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// A job that is due again while it still runs: that run is left out, waits, or is beside the other.
#[must_use]
pub fn overlaps_itself(timed: &Timed<'_>, now: i64) -> Option<Finding> {
    let (job, most_s) = (timed.job, timed.job.most_s());
    let event = job.event.as_ref().filter(|_| job.enabled)?;
    let zone = job.zone.time_zone();
    // Of what runs that often a day says it all.
    let of_day = timed
        .runs
        .often
        .then(|| event.times(zone, now, now + 86_400, 86_400 + 3_600));
    let starts = of_day.flatten().unwrap_or_default();
    let starts = if timed.runs.often {
        &starts
    } else {
        &timed.runs.starts
    };
    let gaps = starts.windows(2).map(|pair| pair[1] - pair[0]);
    let gaps: Vec<i64> = gaps.filter(|gap| *gap < most_s).collect();
    let gap = *gaps.iter().min()?;
    // Said as verify-never-catches-up.
    if job.kind == Kind::Verify && most_s > event.longest_gap(&TimeZone::UTC, now)? {
        return None;
    }
    let message = format!(
        "takes up to {}, and the next run is due {} after it began",
        shown(most_s),
        shown(gap)
    );
    let evidence = json!({
        "with": job.name, "shortest_gap_s": gap, "duration_max_s": most_s, "times": gaps.len(),
    });
    Some(finding(
        "overlap",
        Severity::Warning,
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// The garbage collection of a datastore that runs shortly before each pruning: of `others` the one
/// for which that is so.
#[must_use]
pub fn gc_before_prune(prune: &Timed<'_>, others: &[Timed<'_>], now: i64) -> Option<Finding> {
    let job = prune.job;
    let store = job.store().filter(|_| job.kind == Kind::Prune)?;
    let of_store =
        |other: &&Timed<'_>| other.job.kind == Kind::Gc && other.job.store() == Some(store);
    let gc = others.iter().find(of_store)?;
    let gap = gap(gc.job, now)?;
    let wait = shortest_wait(prune, gc).filter(|wait| too_long(*wait, gap))?;
    let other = &gc.job.name;
    let message = format!(
        "what it removes is freed {} later at the soonest: {other} runs before it, not after",
        shown(wait)
    );
    let evidence = json!({"with": other, "wait_s": wait, "gc_gap_s": gap});
    Some(finding(
        "gc-before-prune",
        Severity::Warning,
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// The longest time from one run of a job to the next, in seconds.
#[must_use]
pub fn gap(job: &Job, now: i64) -> Option<i64> {
    job.event.as_ref()?.longest_gap(job.zone.time_zone(), now)
}

/// Of garbage collections that are so far apart the next is too late after a pruning.
fn too_long(wait: i64, gap: i64) -> bool {
    wait > gap / 2
}

/// Whether what one removes waits too long for the other, whose runs are `gap` seconds apart.
#[must_use]
pub fn waits_too_long(prune: &Timed<'_>, gc: &Timed<'_>, gap: i64) -> bool {
    shortest_wait(prune, gc).is_some_and(|wait| too_long(wait, gap))
}

/// From the end of a pruning to the next garbage collection, at the least.
fn shortest_wait(prune: &Timed<'_>, gc: &Timed<'_>) -> Option<i64> {
    let ends = prune
        .runs
        .starts
        .iter()
        .map(|start| start + prune.runs.most_s);
    ends.filter_map(|end| gc.runs.after(end).map(|next| next - end))
        .min()
}
