//! How old the newest backup is that can be restored, and how old it may be: which run of which job should
//! have made one, or for how long nothing was there.

use serde_json::{Value, json};
use vmid::{severity::Severity, span, verdict::Finding};

use super::{Looked, Rules, SKEW_S, ZONES_S, since};
use crate::{
    calendar::utc,
    cover::{
        backups::{Place, Seen},
        due::RUNS,
        job::Job,
        unseen::unseen,
    },
    guard::AHEAD_S,
    retention::Verification,
};

impl<'a> Looked<'_, 'a> {
    pub(super) fn age(&mut self) {
        let finding = match self.newest {
            Some((newest, place)) if !self.of_another(newest) => self.stale(newest, place),
            _ => self.nothing(),
        };
        let failed = self.failed();
        let finding = finding.map(|finding| self.in_any_zone(finding));
        let hidden = self.known.hidden(self.guest.vmid);
        for finding in finding.into_iter().chain(failed) {
            let rests_on_absence = finding.severity > Severity::Info || finding.code == "new";
            match hidden.filter(|_| rests_on_absence) {
                // Once: whatever was missed is behind the same list.
                Some(_) if self.found.iter().any(|found| found.code == "unseen") => {}
                Some(hidden) => {
                    let message = format!(
                        "whether it is covered is not known: of what was seen, {}; {} can't be seen whole",
                        finding.message, hidden.list
                    );
                    self.found.push(unseen(message, hidden.evidence()));
                }
                None => self.found.push(finding),
            }
        }
    }

    /// The finding, if it holds in whichever zone the schedules are; else that nobody knows it.
    fn in_any_zone(&self, finding: Finding) -> Finding {
        let time = match (finding.code, self.newest) {
            ("stale", Some((newest, _))) => Some(newest.time),
            ("never" | "new", _) => self.made(),
            _ => None,
        };
        let (Some(time), Some((_, runs)), true) = (time, self.due(), self.known.rules.guessed)
        else {
            return finding;
        };
        let missed = |time: i64| time < runs[0] - SKEW_S;
        if missed(time - ZONES_S) == missed(time + ZONES_S) {
            return finding;
        }
        let message = format!(
            "{}: this is so if the schedules are in the zone of this host, {}, and whether they are is not known",
            finding.message, self.known.rules.zone
        );
        let evidence =
            json!({"list": "the zone of the schedules", "right": "--tz, or the site's timezone"});
        unseen(message, evidence)
    }

    /// When it was made, if its configuration says it. A time in the future says nothing: with it the guest
    /// would be new for ever.
    pub(super) fn made(&self) -> Option<i64> {
        let made = self.guest.config.as_ref()?.made?;
        (made <= self.known.rules.now.saturating_add(AHEAD_S)).then_some(made)
    }

    /// The newest is another guest's: older than this one, and with another name in its notes.
    fn of_another(&self, newest: Seen) -> bool {
        let made = self.made();
        made.is_some_and(|made| newest.time < made) && self.other().is_some()
    }

    /// The job whose last run that counts is the latest, and its runs.
    fn due(&self) -> Option<(&'a Job, &'a [i64])> {
        let ran = self.covering.iter().filter(|job| !job.runs.is_empty());
        let latest = ran.max_by_key(|job| job.runs[0])?;
        Some((latest, &latest.runs))
    }

    /// How many runs of its job a backup of `time` has missed, [`RUNS`] at most; without a job, how many times
    /// it is as old as it may be.
    fn missed(&self, time: i64) -> usize {
        let Rules { now, max_age, .. } = &self.known.rules;
        match self.due() {
            Some((_, runs)) => runs.iter().filter(|&&run| time < run - SKEW_S).count(),
            None => {
                let most = max_age.as_secs().cast_signed().max(1);
                usize::try_from((now - time - 1) / most).unwrap_or_default()
            }
        }
    }

    fn stale(&self, newest: Seen, place: &Place) -> Option<Finding> {
        let missed = self.missed(newest.time);
        let mut finished = self.all.iter().map(|(seen, _)| seen);
        let finished = finished.find(|seen| seen.finished)?;
        // Where one was made in time and can't be restored, only-failed says it.
        if self.guest.template || missed == 0 || self.missed(finished.time) == 0 {
            return None;
        }
        let rules = &self.known.rules;
        let age = span::shown(since(newest.time, rules.now));
        let time = utc(newest.time);
        let is = format!("its newest backup that can be restored is of {time}, {age} old");
        let (message, mut evidence) = match self.due() {
            Some((job, runs)) => {
                let schedule = job.schedule.as_deref().unwrap_or_default();
                let (run, grace, zone) = (utc(runs[0]), span::written(rules.grace), &rules.zone);
                let ran = format!("{} ({schedule}, {zone}) ran at {run}", job.id);
                let evidence = json!({"job": job.id, "schedule": schedule, "tz": zone, "run": run, "grace": grace});
                (
                    format!("{is}: {ran}, and has {grace} to make one"),
                    evidence,
                )
            }
            None => {
                let why = match (self.known.jobs.is_none(), self.covering.is_empty()) {
                    (true, _) => "the jobs were not seen",
                    (_, true) => "no job that is on is about it",
                    (_, false) => "no run of its job is known",
                };
                let most = span::written(rules.max_age);
                let message = format!("{is}, and it may be {most} old (--max-age, as {why})");
                (message, json!({"max_age": most}))
            }
        };
        evidence["newest"] = json!(time);
        evidence["where"] = json!(place.called());
        let message = self.with_ahead(message, &mut evidence);
        let seen_by: &[&str] = match self.known.jobs {
            Some(_) => &[place.seen_by(), "jobs"],
            None => &[place.seen_by()],
        };
        let severity = worse_by(missed);
        Some(Finding::new("stale", severity, message, evidence, seen_by))
    }

    /// Nothing can be restored, or all that can is another guest's.
    fn nothing(&self) -> Option<Finding> {
        if self.newest.is_none() && self.all.iter().any(|(seen, _)| seen.finished) {
            return None; // only-failed says it
        }
        let made = self.made();
        let rules = &self.known.rules;
        let due = self.due();
        let since = due.map_or(
            rules.now - rules.max_age.as_secs().cast_signed(),
            |(_, runs)| runs[0],
        );
        let rule = match due {
            Some((job, runs)) => format!("{} ran at {}", job.id, utc(runs[0])),
            None => format!("--max-age is {}", span::written(rules.max_age)),
        };
        let mut evidence = json!({"made": made.map(utc), "job": due.map(|(job, _)| &job.id)});
        let tries = match (self.newest, self.all.len()) {
            (Some((newest, place)), _) => {
                evidence["newest"] = json!(utc(newest.time));
                format!(
                    " of it: those in {} are older than it, and of a guest with another name",
                    place.called()
                )
            }
            (None, 0) => String::new(),
            (None, 1) => " that came to its end: 1 was begun".to_owned(),
            (None, many) => format!(" that came to its end: {many} were begun"),
        };
        if let Some(made) = made.filter(|&made| made > since) {
            let message = format!(
                "there is no backup{tries} yet: it was made at {}, and {rule}",
                utc(made)
            );
            return Some(Finding::new(
                "new",
                Severity::Info,
                message,
                evidence,
                &["state"],
            ));
        }
        let age = match made {
            Some(made) => format!("it was made at {}, and {rule}", utc(made)),
            None => "when it was made isn't known".to_owned(),
        };
        let message = format!("there is no backup{tries}; {age}");
        let message = self.with_ahead(message, &mut evidence);
        let severity = self.severity(Severity::Critical);
        let by = self.known.backups.seen_by();
        Some(Finding::new(
            "never",
            severity,
            message,
            evidence,
            &[by, "state"],
        ))
    }

    fn with_ahead(&self, message: String, evidence: &mut Value) -> String {
        if self.ahead == 0 {
            return message;
        }
        evidence["ahead"] = json!(self.ahead);
        format!(
            "{message} ({} dated in the future, and not counted)",
            self.ahead
        )
    }

    /// The newest that is complete was verified, and that failed.
    fn failed(&self) -> Option<Finding> {
        let finished = self.all.iter().filter(|(seen, _)| seen.finished);
        let time = finished.clone().map(|(seen, _)| seen.time).next()?;
        let mut newest = finished.take_while(|(seen, _)| seen.time == time);
        let (_, place) = newest.clone().next()?;
        if newest.any(|(seen, _)| seen.verification != Verification::Failed) {
            return None; // a copy of it is good, or nobody looked
        }
        let mut evidence = json!({"failed": utc(time), "where": place.called()});
        let failed = format!(
            "its newest complete backup, of {}, failed its verification or has no index that can be read",
            utc(time)
        );
        let (severity, message) = match self.newest {
            Some((good, _)) => {
                evidence["newest"] = json!(utc(good.time));
                (
                    worse_by(self.missed(good.time)),
                    format!("{failed}; that of {} did not", utc(good.time)),
                )
            }
            None => (
                Severity::Critical,
                format!("{failed}, and so did all that there are: nothing can be restored"),
            ),
        };
        Some(Finding::new(
            "only-failed",
            severity,
            message,
            evidence,
            &[place.seen_by()],
        ))
    }
}

/// A run missed may be made up for by the next; several are a job that doesn't work any more.
fn worse_by(missed: usize) -> Severity {
    if missed >= RUNS {
        Severity::Critical
    } else {
        Severity::Warning
    }
}
