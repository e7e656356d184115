//! What the clock does to jobs: a night in spring that lacks an hour, one in autumn that has it twice, and
//! servers that go by different clocks.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use vmid::{severity::Severity, verdict::Finding};

use super::{code::finding, collision::shown, job::Job};
use crate::{calendar_event::Suffered, zone::Zone};

/// So far ahead changes of the clock are looked for, in seconds: a year holds both.
pub const AHEAD_S: i64 = 366 * 86_400;

/// What runs again within so long loses little by one run in a year, in seconds.
const SOON_S: i64 = 12 * 3_600;

/// Of a run too few, or too many, of those that are so far apart.
fn severity(gap_s: Option<i64>) -> Severity {
    match gap_s.is_some_and(|gap_s| gap_s <= SOON_S) {
        true => Severity::Info,
        false => Severity::Warning,
    }
}

/// The runs that the clock skips within a year: what it would show.
#[must_use]
pub fn skipped(job: &Job, now: i64) -> Vec<Suffered> {
    let event = job.event.as_ref().filter(|_| job.enabled);
    event.map_or_else(Vec::new, |event| {
        event.skipped(job.zone.time_zone(), now, now + AHEAD_S)
    })
}

/// What is said of the runs that are skipped.
#[must_use]
pub fn dst_skipped(job: &Job, skipped: &[Suffered]) -> Option<Finding> {
    let first = skipped.first()?;
    let zone = job.clock();
    let between = match (first.before, first.after) {
        (Some(before), Some(after)) => format!(
            ": {} without a run, from {} to {}",
            shown(after - before),
            zone.rfc3339(before),
            zone.rfc3339(after)
        ),
        _ => String::new(),
    };
    let (day, time) = (
        first.at.strftime("%A, %Y-%m-%d"),
        first.at.strftime("%H:%M"),
    );
    let name = zone.name();
    let message = format!("doesn't run on {day}: the clock of {name} skips {time}{between}");
    let gaps = skipped.iter().map(|one| {
        one.before
            .zip(one.after)
            .map(|(before, after)| after - before)
    });
    // One that isn't known is longer than any.
    let longest = gaps
        .reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)))
        .flatten();
    let evidence = json!({
        "date": first.at.date().to_string(), "tz": name,
        "skipped": skipped.iter().map(|one| one.at.to_string()).collect::<Vec<_>>(),
        "before": first.before.map(|time| zone.rfc3339(time)), "after": first.after.map(|time| zone.rfc3339(time)),
        "gap_s": first.before.zip(first.after).map(|(before, after)| after - before),
    });
    Some(finding(
        "dst-skipped",
        severity(longest),
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// What is said of runs that take place twice.
#[must_use]
pub fn dst_twice(job: &Job, now: i64) -> Option<Finding> {
    let event = job.event.as_ref().filter(|_| job.enabled)?;
    let doubled = event.doubled(job.zone.time_zone(), now, now + AHEAD_S);
    let first = doubled.first()?;
    let zone = job.clock();
    let (day, time) = (
        first.at.strftime("%A, %Y-%m-%d"),
        first.at.strftime("%H:%M"),
    );
    let name = zone.name();
    let message = format!("runs twice on {day}: the clock of {name} shows {time} twice");
    let runs = [first.before, first.after].map(|time| time.map(|time| zone.rfc3339(time)));
    let evidence = json!({"date": first.at.date().to_string(), "tz": name, "runs": runs});
    let usual = event.longest_gap(&TimeZone::UTC, now);
    Some(finding(
        "dst-twice",
        severity(usual),
        message,
        evidence,
        &[job.seen_by],
    ))
}

/// How the clock of a zone differs from UTC through a year, each fortnight.
fn offsets(zone: &Zone, now: i64) -> Vec<i32> {
    let times = (0..26).map(|fortnight| now + fortnight * 14 * 86_400);
    let times = times.filter_map(|time| Timestamp::from_second(time).ok());
    times
        .map(|time| zone.time_zone().to_offset(time).seconds())
        .collect()
}

/// The clock that the jobs should go by: the site's, else that of most of them.
#[derive(Clone, Debug)]
pub struct Common {
    zone: Zone,
    offsets: Vec<i32>,
    of_site: bool,
}

impl Common {
    /// Of some jobs; none if there are none.
    #[must_use]
    pub fn of<'a>(
        site: Option<&Zone>,
        jobs: impl Iterator<Item = &'a Job>,
        now: i64,
    ) -> Option<Self> {
        let mut clocks: BTreeMap<Vec<i32>, (usize, usize, Zone)> = BTreeMap::new();
        for (place, job) in jobs
            .filter(|job| job.enabled && job.event.is_some())
            .enumerate()
        {
            let zone = job.clock();
            let clock = clocks
                .entry(offsets(&zone, now))
                .or_insert((0, place, zone));
            clock.0 += 1;
        }
        let most = clocks
            .into_values()
            .max_by_key(|(count, place, _)| (*count, usize::MAX - place));
        let zone = site.cloned().or(most.map(|(_, _, zone)| zone))?;
        Some(Self {
            offsets: offsets(&zone, now),
            zone,
            of_site: site.is_some(),
        })
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// What is said of a job that goes by another clock.
    #[must_use]
    pub fn zone_differs(&self, job: &Job, now: i64) -> Option<Finding> {
        let event = job.event.as_ref().filter(|_| job.enabled)?;
        let own = job.clock();
        let theirs = offsets(&own, now);
        // What runs all day, runs at no other time by another clock.
        if theirs == self.offsets || event.times_a_day() >= super::timeline::OFTEN {
            return None;
        }
        let differences: Vec<i32> = theirs
            .iter()
            .zip(&self.offsets)
            .map(|(a, b)| a - b)
            .collect();
        let (least, most) = (differences.iter().min()?, differences.iter().max()?);
        let how = match (*least, *most) {
            (least, most) if least == most => hours(most),
            (least, most) if least < 0 && most <= 0 => {
                format!("{} or {}", length(most), hours(least))
            }
            (least, most) => format!("{} or {}", length(least), hours(most)),
        };
        let whose = match self.of_site {
            true => "the site's",
            false => "most others'",
        };
        let message = format!("goes by {}, {how} {whose} {}", own.name(), self.zone.name());
        // Who writes UTC into a schedule means it.
        let severity = match event.is_utc() {
            true => Severity::Info,
            false => Severity::Warning,
        };
        let evidence = json!({
            "tz": own.name(), "others": self.zone.name(),
            "differs_s": {"least": least, "most": most},
        });
        let seen_by: &[&str] = if self.of_site {
            &[job.seen_by, "site"]
        } else {
            &[job.seen_by]
        };
        Some(finding(
            "zone-differs",
            severity,
            message,
            evidence,
            seen_by,
        ))
    }
}

/// `7h ahead of`
fn hours(seconds: i32) -> String {
    let length = length(seconds);
    match seconds {
        1.. => format!("{length} ahead of"),
        _ => format!("{length} behind"),
    }
}

fn length(seconds: i32) -> String {
    shown(i64::from(seconds).abs())
}
