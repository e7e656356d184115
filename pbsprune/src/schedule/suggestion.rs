//! Another time for a job that is in somebody's way, or that the clock skips: one at which it meets nothing.

use super::{
    busy::Busy,
    clock::AHEAD_S,
    collision::Timed,
    habit::{gap, waits_too_long},
    job::{Job, Kind, Spelling},
    timeline::{Runs, Span},
};

/// The codes for which another time helps.
pub const HELPS: [&str; 5] = [
    "dst-skipped",
    "dst-twice",
    "same-minute",
    "overlap",
    "queue",
];

/// Times are tried in such steps, in minutes.
const STEP_MIN: i64 = 30;

/// A job of which nobody knows how long it runs is given an hour, in seconds.
const ASSUMED_S: i64 = 3_600;

/// No time is suggested from the first hour up to the second: most zones skip or repeat some of it.
const NOT_AT: std::ops::Range<i64> = 1..3;

/// The job at the next time, after its own, at which it meets none of those of whom a place is `busy`; none if
/// there is none in the day, or if it doesn't run at one time of day. `of_store` are the prunings and
/// garbage collections of its datastore, if it is one of them.
#[must_use]
pub fn suggestion(job: &Job, busy: &Busy, of_store: &[Timed<'_>], span: Span) -> Option<Job> {
    let (hour, minute) = job.event.as_ref()?.time_of_day()?;
    let own = i64::from(hour) * 60 + i64::from(minute);
    let first = (own / STEP_MIN + 1) * STEP_MIN;
    let minutes = (0..24 * 60 / STEP_MIN).map(|step| (first + step * STEP_MIN) % (24 * 60));
    let minutes = minutes.filter(|minute| !NOT_AT.contains(&(minute / 60)));
    minutes
        .filter_map(|minute| moved(job, minute))
        .find(|moved| fits(moved, busy, of_store, span))
}

/// The runs of a job, for one that is to keep clear of them.
#[must_use]
pub fn runs(job: &Job, span: Span) -> Runs {
    let mut runs = Runs::of(job, span);
    if job.length.is_none() {
        runs.most_s = ASSUMED_S;
    }
    runs
}

fn fits(job: &Job, busy: &Busy, of_store: &[Timed<'_>], span: Span) -> bool {
    let Some(event) = &job.event else {
        return false;
    };
    let timed = Timed {
        job,
        runs: runs(job, span),
    };
    if busy.meets(&timed.runs) {
        return false;
    }
    let (zone, until) = (job.zone.time_zone(), span.from + AHEAD_S);
    let changed =
        event.skipped(zone, span.from, until).len() + event.doubled(zone, span.from, until).len();
    if changed > 0 {
        return false;
    }
    // A garbage collection that comes before the pruning only from now on would be no help.
    let (gcs, prunings): (Vec<_>, Vec<_>) = match job.kind {
        Kind::Prune => (of_kind(of_store, Kind::Gc), vec![&timed]),
        Kind::Gc => (vec![&timed], of_kind(of_store, Kind::Prune)),
        _ => return true,
    };
    gcs.iter().all(|gc| {
        let gap = gap(gc.job, span.from).unwrap_or(0);
        prunings.iter().all(|prune| !waits_too_long(prune, gc, gap))
    })
}

fn of_kind<'a>(all: &'a [Timed<'a>], kind: Kind) -> Vec<&'a Timed<'a>> {
    all.iter().filter(|one| one.job.kind == kind).collect()
}

/// Whether the order of these two counts, a pruning and a garbage collection of one datastore among others.
#[must_use]
pub fn in_order(a: &Job, b: &Job) -> bool {
    let both = [a, b].map(|job| matches!(job.kind, Kind::Gc | Kind::Prune));
    both == [true; 2] && a.store().is_some() && a.store() == b.store()
}

/// The job at this minute of the day.
fn moved(job: &Job, minute: i64) -> Option<Job> {
    let (hour, minute) = (minute / 60, minute % 60);
    let old = job.schedule.as_deref()?;
    let schedule = match job.spelling {
        Spelling::Cron => {
            let mut fields: Vec<&str> = old.split_whitespace().collect();
            let days = match (fields.len(), old) {
                (5, _) => fields.split_off(2).join(" "),
                (_, "@weekly") => "* * 0".to_owned(),
                (_, "@monthly") => "1 * *".to_owned(),
                (_, "@yearly" | "@annually") => "1 1 *".to_owned(),
                _ => "* * *".to_owned(),
            };
            format!("{minute} {hour} {days}")
        }
        Spelling::Event => {
            let (rest, utc) = match old.trim_end().strip_suffix("UTC") {
                Some(rest) => (rest, " UTC"),
                None => (old, ""),
            };
            let days = match rest.trim() {
                "daily" => "",
                "weekly" => "mon",
                "monthly" => "*-*-1",
                "yearly" | "annually" => "*-1-1",
                "quarterly" => "*-1,4,7,10-1",
                "semiannually" | "semi-annually" => "*-1,7-1",
                // Without a colon there is no time, which is midnight.
                rest => match rest.rsplit_once(char::is_whitespace) {
                    Some((days, time)) if time.contains(':') => days.trim_end(),
                    None if rest.contains(':') => "",
                    _ => rest,
                },
            };
            let space = if days.is_empty() { "" } else { " " };
            format!("{days}{space}{hour:02}:{minute:02}{utc}")
        }
    };
    let event = job
        .event
        .as_ref()?
        .at(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?);
    Some(Job {
        schedule: Some(schedule),
        event: Some(event),
        ..job.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calendar_event::CalendarEvent,
        schedule::{
            gathered::{Entry, gather},
            source::read,
        },
        zone::Zone,
    };
    use serde_json::json;

    #[test]
    fn a_schedule_at_another_time_is_written_as_the_old_one() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("proxmox", "02:00",              Some("03:30")),
            ("proxmox", "daily",              Some("03:30")),
            ("proxmox", "mon..fri 02:00",     Some("mon..fri 03:30")),
            ("proxmox", "sun *-*-1..7 2:00:00", Some("sun *-*-1..7 03:30")),
            ("proxmox", "weekly",             Some("mon 03:30")),
            ("proxmox", "sun",                Some("sun 03:30")),
            ("proxmox", "*-*-15",             Some("*-*-15 03:30")),
            ("proxmox", "monthly",            Some("*-*-1 03:30")),
            ("proxmox", "quarterly",          Some("*-1,4,7,10-1 03:30")),
            ("proxmox", "sat 02:00 UTC",      Some("sat 03:30 UTC")),
            ("semaphore", "15 2 * * 1-5",     Some("30 3 * * 1-5")),
            ("semaphore", "@weekly",          Some("30 3 * * 0")),
            ("cron", "@daily",                Some("30 3 * * *")),
        ];
        let zone = Zone::utc();
        for (scheduler, schedule, want) in cases {
            let row = json!({"name": "x", "scheduler": scheduler, "schedule": schedule});
            let rows = read(row.to_string().as_bytes(), false).unwrap();
            let gathered = gather(rows, &zone, false, 0);
            let Entry::Job(job) = &gathered.entries[0] else {
                panic!("{schedule}: {gathered:?}")
            };
            let moved = moved(job, 3 * 60 + 30).unwrap();
            assert_eq!(moved.schedule.as_deref(), *want, "{schedule}");
            // What is written is what was meant.
            let written = moved.schedule.unwrap();
            let again = match job.spelling {
                Spelling::Cron => CalendarEvent::of_cron(&written),
                Spelling::Event => written.parse(),
            };
            let (again, meant) = (again.unwrap(), moved.event.unwrap());
            let all = |event: &CalendarEvent| {
                event
                    .times(zone.time_zone(), 0, 800 * 86_400, 9_999)
                    .unwrap()
            };
            assert_eq!(all(&again), all(&meant), "{schedule}");
        }
    }
}
