//! All jobs of a site at once: what is said of each, by itself and beside the others.

use serde_json::json;
use vmid::{
    exempt::{Exemptions, Subject},
    severity::Severity,
    verdict::Finding,
};

use super::{
    bar::bar,
    busy::Busy,
    clock::{Common, dst_skipped, dst_twice, skipped},
    code::finding,
    collision::{Timed, at_once, collision, mind},
    gathered::{Entry, Gathered, Unseen},
    habit::{
        gc_before_prune, length_unknown, missed_not_repeated, never_runs, overlaps_itself,
        unseen_storage, verify_never_catches_up,
    },
    job::Job,
    place::Place,
    suggestion::{self, HELPS, in_order, suggestion},
    timeline::{Runs, Span, Which},
};
use crate::zone::Zone;

/// By what is judged.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The time, in seconds.
    pub now: i64,
    /// So many days are looked at.
    pub days: i64,
    /// So many next runs are told.
    pub next: usize,
    /// The zone in which the day of the bars begins; none: that of most jobs.
    pub zone: Option<&'a Zone>,
    /// The site's own zone.
    pub site_zone: Option<&'a Zone>,
}

/// What is said of one job.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its next runs, as RFC 3339.
    pub next: Vec<String>,
    /// What the clock would show when it doesn't run, within a year.
    pub skipped: Vec<String>,
    /// The day.
    pub bar: String,
    /// Another schedule, at which it meets nothing.
    pub suggest: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// What is said of all.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// By entry: of jobs, in the order they came.
    pub jobs: Vec<Option<Judged>>,
    /// Of the whole site.
    pub whole: Vec<Finding>,
    /// Of exemptions.
    pub exemptions: Vec<(Subject, Finding)>,
    /// The zone in which the day of the bars begins.
    pub zone: Option<Zone>,
}

/// Judges them.
#[must_use]
pub fn judge(
    gathered: &Gathered,
    mut exemptions: Option<Exemptions>,
    frame: &Frame<'_>,
) -> Verdict {
    let span = Span::days(frame.now, frame.days);
    let runs = |job| Timed {
        job,
        runs: Runs::of(job, span),
    };
    let timed: Vec<Timed<'_>> = gathered.jobs().map(runs).collect();
    let common = Common::of(
        frame.site_zone,
        timed.iter().map(|timed| timed.job),
        frame.now,
    );
    let zone = frame.zone.or(common.as_ref().map(Common::zone)).cloned();
    let mut found = alone(&timed, common.as_ref(), frame.now);
    together(&timed, span, frame.now, &mut found);
    if let Some(exemptions) = &mut exemptions {
        for (timed, findings) in timed.iter().zip(&mut found) {
            let subjects = subjects(timed.job);
            let all = std::mem::take(findings).into_iter();
            *findings = all.map(|one| exemptions.judge(&subjects, one)).collect();
        }
    }
    let suggested = suggestions(&timed, &found, span);
    let mut judged = timed.iter().zip(found).zip(suggested);
    let mut of = |entry: &Entry| match entry {
        Entry::Failed(..) => None,
        Entry::Job(_) => {
            let ((timed, mut findings), suggest) = judged.next()?;
            findings.sort_by_key(|one| std::cmp::Reverse(one.severity));
            Some(whole(timed, findings, suggest, zone.as_ref(), frame))
        }
    };
    Verdict {
        jobs: gathered.entries.iter().map(&mut of).collect(),
        whole: gathered.unseen.iter().map(unseen).collect(),
        exemptions: exemptions.map_or_else(Vec::new, |all| all.leftover()),
        zone,
    }
}

/// What is said of each job by itself.
fn alone(timed: &[Timed<'_>], common: Option<&Common>, now: i64) -> Vec<Vec<Finding>> {
    let of = |timed: &Timed<'_>| {
        let job = timed.job;
        let all = [
            dst_skipped(job, &skipped(job, now)),
            dst_twice(job, now),
            at_once(job, &timed.runs),
            overlaps_itself(timed, now),
            common.and_then(|common| common.zone_differs(job, now)),
            missed_not_repeated(job, now),
            verify_never_catches_up(job, now),
            never_runs(job, now),
            unseen_storage(job),
            length_unknown(job),
        ];
        all.into_iter().flatten().collect()
    };
    timed.iter().map(of).collect()
}

/// What is said of jobs beside others: of two the later one bears it.
fn together(timed: &[Timed<'_>], span: Span, now: i64, found: &mut [Vec<Finding>]) {
    for (a, one) in timed.iter().enumerate() {
        for (b, other) in timed.iter().enumerate().skip(a + 1) {
            if let Some((later, finding)) = collision(one, other, span) {
                let place = match later {
                    Which::A => a,
                    Which::B => b,
                };
                found[place].push(finding);
            }
        }
        found[a].extend(gc_before_prune(one, timed, now));
    }
}

/// All that the findings of a job are findings of.
fn subjects(job: &Job) -> Vec<Subject> {
    let mut subjects = vec![Subject::Job(job.name.clone())];
    let nodes = job.places.iter().filter_map(|place| match place {
        Place::Node(node) => Some(node),
        _ => None,
    });
    let nodes: Vec<&String> = nodes.collect();
    // What is let pass of one node is not of a job of all.
    if let [node] = nodes[..] {
        subjects.push(Subject::Node(node.clone()));
    }
    subjects
}

/// A time for each job that needs another; one after the other, so that what is moved meets nothing either.
fn suggestions(timed: &[Timed<'_>], found: &[Vec<Finding>], span: Span) -> Vec<Option<String>> {
    let as_it_is = |timed: &Timed<'_>| Moved {
        runs: suggestion::runs(timed.job, span),
        job: timed.job.clone(),
        schedule: None,
    };
    let mut all: Vec<Moved> = timed.iter().map(as_it_is).collect();
    for (place, findings) in found.iter().enumerate() {
        let bad = |one: &&Finding| one.severity > Severity::Info && HELPS.contains(&one.code);
        let mut bad = findings.iter().filter(bad).peekable();
        if bad.peek().is_none() {
            continue;
        }
        let job = timed[place].job;
        let others = all.iter().enumerate().filter(|(other, _)| *other != place);
        let others = others.map(|(_, other)| other);
        let minded = others.clone().filter(|other| mind(job, &other.job));
        let busy = Busy::of(minded.map(|other| &other.runs));
        let by_clock = bad.any(|one| one.code.starts_with("dst"));
        // What it met may have gone elsewhere.
        if !by_clock && !busy.meets(&timed[place].runs) {
            continue;
        }
        let of_store = others.filter(|other| in_order(job, &other.job));
        let of_store: Vec<Timed<'_>> = of_store.map(Moved::timed).collect();
        if let Some(job) = suggestion(job, &busy, &of_store, span) {
            all[place] = Moved {
                runs: suggestion::runs(&job, span),
                schedule: job.schedule.clone(),
                job,
            };
        }
    }
    all.into_iter().map(|moved| moved.schedule).collect()
}

/// A job with its runs, where it would be.
struct Moved {
    job: Job,
    runs: Runs,
    /// Its new schedule, if it has one.
    schedule: Option<String>,
}

impl Moved {
    fn timed(&self) -> Timed<'_> {
        Timed {
            job: &self.job,
            runs: self.runs.clone(),
        }
    }
}

fn whole(
    timed: &Timed<'_>,
    findings: Vec<Finding>,
    suggest: Option<String>,
    of_bars: Option<&Zone>,
    frame: &Frame<'_>,
) -> Judged {
    let job = timed.job;
    let (clock, zone) = (job.clock(), job.zone.time_zone());
    let mut next = Vec::new();
    let event = job.event.as_ref().filter(|_| job.enabled);
    if let Some(event) = event {
        let times =
            std::iter::successors(event.next(zone, frame.now), |&time| event.next(zone, time));
        next.extend(times.take(frame.next).map(|time| clock.rfc3339(time)));
    }
    Judged {
        next,
        skipped: skipped(job, frame.now)
            .iter()
            .map(|one| one.at.to_string())
            .collect(),
        bar: bar(
            &timed.runs,
            event.map_or(0, |event| event.times_a_day()),
            of_bars.unwrap_or(&job.zone),
        ),
        suggest,
        findings,
    }
}

fn unseen(unseen: &Unseen) -> Finding {
    let Unseen { list, right } = unseen;
    let message = format!("{list} could not be seen: {right}");
    let evidence = json!({"list": list, "right": right});
    finding("unseen", Severity::Unknown, message, evidence, &[])
}
