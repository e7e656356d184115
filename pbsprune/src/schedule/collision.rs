//! Jobs that are in each other's way: at the same place at the same time.

use std::collections::BTreeSet;

use serde_json::json;
use vmid::{severity::Severity, span, verdict::Finding};

use super::{
    code::finding,
    job::{Job, Kind},
    place::{self, Place, Shared},
    timeline::{Meetings, Runs, Span, Which, meetings},
};

/// A job with its runs.
#[derive(Clone, Debug)]
pub struct Timed<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its runs.
    pub runs: Runs,
}

/// How two jobs are in each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// One waits for the other; or may, if both have guests on one node.
    Queue { sure: bool },
    /// Both do much at one place.
    Load(Severity),
}

/// How they would be, if they met; none if they don't mind each other.
fn how(a: &Job, b: &Job) -> Option<(How, Shared)> {
    use Kind::{Backup, Gc, Prune, Replication};
    let (shared, sure) = shared(a, b)?;
    let how = match (a.kind, b.kind) {
        // Light, and proxmox's own scheduler runs one after the other.
        (Replication, _) | (_, Replication) => return None,
        // Of these two only the order counts.
        (Prune, Gc) | (Gc, Prune) => return None,
        (Backup, Backup) if matches!(shared, Shared::Node(_)) => How::Queue { sure },
        // From different nodes: the backup server takes several at once.
        (Backup, Backup) => How::Load(Severity::Info),
        // Pruning alone reads and writes little.
        (Prune, _) | (_, Prune) => How::Load(Severity::Info),
        _ if !sure => How::Load(Severity::Info),
        _ => How::Load(Severity::Warning),
    };
    Some((how, shared))
}

/// What they have in common, and whether both have something to do there.
fn shared(a: &Job, b: &Job) -> Option<(Shared, bool)> {
    let sure = |job: &Job| &job.places - &job.possible;
    let (sure_a, sure_b) = (sure(a), sure(b));
    let of_both = place::shared(&sure_a, &sure_b);
    let any = place::shared(&a.places, &b.places)?;
    let node = |shared: &Shared| matches!(shared, Shared::Node(_));
    match of_both {
        // On a node that both may be at they meet first.
        Some(of_both) if node(&of_both) || !node(&any) => return Some((of_both, true)),
        _ => {}
    }
    // The same guest, or all that one may be at: wherever that is.
    let same = !a.guests.is_disjoint(&b.guests);
    let within = |one: &Job, of: &BTreeSet<Place>| {
        let mut possible = one.possible.iter();
        !one.possible.is_empty() && possible.all(|place| place::shared_one(place, of))
    };
    let sure = same || within(a, &sure_b) || within(b, &sure_a);
    match of_both {
        Some(of_both) if !sure && (a.kind, b.kind) != (Kind::Backup, Kind::Backup) => {
            Some((of_both, true))
        }
        _ => Some((any, sure)),
    }
}

/// Whether somebody should change it where they meet.
#[must_use]
pub fn mind(a: &Job, b: &Job) -> bool {
    let how = how(a, b).map(|(how, _)| how);
    matches!(
        how,
        Some(How::Queue { sure: true } | How::Load(Severity::Warning))
    )
}

/// What is said of the later one of two that meet, which of them that is.
#[must_use]
pub fn collision(a: &Timed<'_>, b: &Timed<'_>, span: Span) -> Option<(Which, Finding)> {
    let (how, shared) = how(a.job, b.job)?;
    let met = meetings(&a.runs, &b.runs)?;
    // Of two that begin at once the one is later that has its place later in a night.
    let order = |timed: &Timed<'_>| (timed.job.kind, timed.job.name.clone());
    let later = met.first.1.unwrap_or(match order(a) > order(b) {
        true => Which::A,
        false => Which::B,
    });
    let (earlier, late) = match later {
        Which::A => (b.job, a.job),
        Which::B => (a.job, b.job),
    };
    let found = match how {
        How::Queue { sure } => queue(earlier, late, &shared, &met, sure),
        How::Load(severity) => load(earlier, late, &shared, &met, span, severity),
    };
    Some((later, found))
}

fn load(
    earlier: &Job,
    late: &Job,
    shared: &Shared,
    met: &Meetings,
    span: Span,
    severity: Severity,
) -> Finding {
    let per_week = |seconds: i64| (seconds as f64 / 60.0 / span.weeks()).round() as i64;
    let known = earlier.length.is_some() && late.length.is_some();
    let mostly = known.then(|| per_week(met.median_s));
    let at_most = known.then(|| per_week(met.most_s));
    let same = met.same_minute > 0;
    let (code, what) = match same {
        true => ("same-minute", "starts in the same minute as"),
        false => ("overlap", "starts while there runs"),
    };
    let both = match (mostly, at_most) {
        (Some(mostly), Some(at_most)) if met.most_s > 0 => {
            format!("; both run for {mostly} minutes a week, {at_most} at most")
        }
        _ => String::new(),
    };
    let first = late.clock().rfc3339(met.first.0);
    let (other, place) = (&earlier.name, shared.name());
    let times = times(met.times);
    let message = format!("{what} {other} on {place}: {times}, first at {first}{both}");
    let evidence = json!({
        "with": other, "on": place, "first": first, "times": met.times, "same_minute": met.same_minute,
        "minutes_per_week": mostly, "minutes_per_week_at_most": at_most,
    });
    finding(code, severity, message, evidence, &[late.seen_by])
}

fn queue(earlier: &Job, late: &Job, shared: &Shared, met: &Meetings, sure: bool) -> Finding {
    let known = earlier.length.is_some();
    let fails = known && met.wait_s > late.lockwait_s;
    let first = late.clock().rfc3339(met.first.0);
    let (other, node) = (&earlier.name, shared.name());
    let wait = match known {
        true => format!("up to {}", shown(met.wait_s)),
        false => "nobody knows how long".to_owned(),
    };
    let then = match fails {
        true => format!(
            ", and gives up after {}: its guests get no backup",
            shown(late.lockwait_s)
        ),
        false => String::new(),
    };
    let times = times(met.times);
    let waits = match sure {
        true => format!("waits for {other} on {node}"),
        false => format!("may wait for {other}, if both have guests on one node"),
    };
    let message = format!("{waits}, {wait}{then}: {times}, first at {first}");
    let evidence = json!({
        "with": other, "on": node, "first": first, "times": met.times, "same_minute": met.same_minute,
        "sure": sure, "wait_s": known.then_some(met.wait_s.max(0)), "lockwait_s": late.lockwait_s,
    });
    let severity = match (sure, fails) {
        (false, _) => Severity::Info,
        (true, false) => Severity::Warning,
        (true, true) => Severity::Critical,
    };
    finding("queue", severity, message, evidence, &[late.seen_by])
}

/// A backup job that begins on several nodes at once.
#[must_use]
pub fn at_once(job: &Job, runs: &Runs) -> Option<Finding> {
    let nodes = job
        .places
        .iter()
        .filter(|place| matches!(place, Place::Node(_)));
    let nodes: Vec<&str> = nodes.map(Place::name).collect();
    let every = job.places.contains(&Place::EveryNode);
    let first = runs
        .starts
        .first()
        .filter(|_| job.kind == Kind::Backup && (every || nodes.len() > 1))?;
    let sure = job.possible.is_empty();
    if !sure && job.guests.len() == 1 {
        return None;
    }
    let how_many = match (sure, every) {
        (false, _) => "each node that has guests of it".to_owned(),
        (true, true) => "every node".to_owned(),
        (true, false) => format!("{} nodes", nodes.len()),
    };
    let message =
        format!("starts on {how_many} in the same minute: their backups aren't staggered");
    let first = job.clock().rfc3339(*first);
    let evidence = json!({"nodes": (!every).then_some(nodes), "first": first});
    Some(finding(
        "same-minute",
        Severity::Info,
        message,
        evidence,
        &[job.seen_by],
    ))
}

fn times(times: usize) -> String {
    match times {
        1 => "once".to_owned(),
        _ => format!("{times} times"),
    }
}

pub(super) fn shown(seconds: i64) -> String {
    span::shown(std::time::Duration::from_secs(
        seconds.max(0).unsigned_abs(),
    ))
}
