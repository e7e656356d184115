//! What `schedule` says: a record for each job, a table for people, or a plugin's line.

use std::io::{self, Write};

use serde_json::{Value, json};
use vmid::{
    escape::escape,
    severity::Severity,
    stream::{Lines, error_object},
    table::Table,
    verdict::{Finding, worst},
};

use super::{
    bar,
    code::finding,
    collision::shown,
    gathered::{Entry, Gathered},
    job::Job,
    judge::{Judged, Verdict},
};

/// What is to be told.
#[derive(Debug)]
pub struct Report<'a> {
    /// The jobs.
    pub gathered: &'a Gathered,
    /// What was found.
    pub verdict: &'a Verdict,
    /// What the site is called.
    pub site: &'a str,
}

impl Report<'_> {
    /// The worst that was found, and whether some record is none or carries an error.
    #[must_use]
    pub fn worst(&self) -> (Severity, bool) {
        let failed = self
            .gathered
            .entries
            .iter()
            .any(|entry| matches!(entry, Entry::Failed(..)));
        (
            worst(self.subjects().iter().flat_map(|(_, findings)| *findings)),
            failed,
        )
    }

    /// All subjects with their findings, for the plugin's line.
    #[must_use]
    pub fn subjects(&self) -> Vec<(String, &[Finding])> {
        let jobs = self
            .judged()
            .map(|(job, judged)| (job.name.clone(), &judged.findings[..]));
        let mut all: Vec<_> = jobs.collect();
        if !self.verdict.whole.is_empty() {
            all.push((self.site.to_owned(), &self.verdict.whole));
        }
        let left = self.verdict.exemptions.iter();
        all.extend(left.map(|(subject, found)| (subject.to_string(), std::slice::from_ref(found))));
        all
    }

    /// What is said of records that weren't understood, for the plugin's line, which has no place for them.
    #[must_use]
    pub fn failed(&self) -> Option<Finding> {
        let failed = self
            .gathered
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Failed(_, why) => Some(why.as_deref().unwrap_or("it came with an error")),
                Entry::Job(_) => None,
            });
        let failed: Vec<&str> = failed.collect();
        let first = failed.first()?;
        let message = format!(
            "records that could not be used: {}, the first: {first}",
            failed.len()
        );
        Some(finding(
            "unseen",
            Severity::Unknown,
            message,
            json!({"records": failed.len()}),
            &[],
        ))
    }

    fn judged(&self) -> impl Iterator<Item = (&Job, &Judged)> {
        let all = self.gathered.entries.iter().zip(&self.verdict.jobs);
        all.filter_map(|(entry, judged)| match (entry, judged) {
            (Entry::Job(job), Some(judged)) => Some((&**job, judged)),
            _ => None,
        })
    }

    /// The records.
    ///
    /// # Errors
    ///
    /// Those of `lines`.
    pub fn records<W: Write>(&self, lines: &mut Lines<W>) -> io::Result<()> {
        for (entry, judged) in self.gathered.entries.iter().zip(&self.verdict.jobs) {
            match (entry, judged) {
                (Entry::Job(job), Some(judged)) => own(lines, &record(job, judged))?,
                (Entry::Failed(kept, why), _) => match why {
                    Some(why) => {
                        let error = error_object("bad-record", why);
                        lines.write(kept.record(), &[("error", &error)])?;
                    }
                    None => lines.write(kept.record(), &[])?,
                },
                (Entry::Job(_), None) => {}
            }
        }
        if !self.verdict.whole.is_empty() {
            let of = [("site", json!(self.site))];
            own(lines, &with_findings(of.to_vec(), &self.verdict.whole))?;
        }
        for (subject, found) in &self.verdict.exemptions {
            let of = vec![(subject.field(), subject.value())];
            own(lines, &with_findings(of, std::slice::from_ref(found)))?;
        }
        lines.flush()
    }

    /// The table for people: a line for each job, and one for each finding that isn't merely worth knowing.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn table(&self, all: bool, out: &mut impl Write) -> io::Result<()> {
        let mut table = Table::new([
            "JOB",
            "KIND",
            "SCHEDULE",
            "NEXT",
            "LASTS",
            bar::HEADING,
            "STATUS",
            "SUGGEST",
        ]);
        for (job, judged) in self.judged() {
            table.push(row(job, judged));
        }
        if let Some(zone) = &self.verdict.zone {
            let name = escape(zone.name());
            writeln!(out, "the day of the bars begins at midnight in {name}")?;
        }
        table.print(out)?;
        let mut findings = Table::new(["SEVERITY", "CODE", "OF", "MESSAGE"]);
        let (mut told, mut more) = (0, 0);
        for (name, of) in self.subjects() {
            for found in of {
                if found.severity == Severity::Info && !all {
                    more += 1;
                    continue;
                }
                told += 1;
                let exempt = found
                    .exempt
                    .as_ref()
                    .map_or_else(String::new, |why| format!(" (exempt: {why})"));
                let message = format!("{}{exempt}", found.message);
                let cells = [found.severity.name(), found.code, &name, &message];
                findings.push(cells.map(str::to_owned).to_vec());
            }
        }
        if told > 0 {
            writeln!(out)?;
            findings.print(out)?;
        }
        for entry in &self.gathered.entries {
            if let Entry::Failed(kept, why) = entry {
                let why = why.as_deref().unwrap_or("it came with an error");
                let line = format!(
                    "left out: {why}: {}",
                    vmid::stream::excerpt(kept.record().text())
                );
                writeln!(out, "{}", escape(&line))?;
            }
        }
        if more > 0 {
            writeln!(out, "worth knowing besides (--all): {more}")?;
        }
        out.flush()
    }
}

fn row(job: &Job, judged: &Judged) -> Vec<String> {
    let lasts = match job.length {
        Some(length) if length.median_s == length.most_s => shown(length.most_s),
        Some(length) => format!("{} to {}", shown(length.median_s), shown(length.most_s)),
        None => "?".to_owned(),
    };
    let next = match (job.enabled, judged.next.first()) {
        (false, _) => "off".to_owned(),
        (true, None) => "never".to_owned(),
        // To the minute, without the zone.
        (true, Some(next)) => next.chars().take(16).collect::<String>().replace('T', " "),
    };
    vec![
        job.name.clone(),
        job.kind.name().to_owned(),
        job.schedule.clone().unwrap_or_else(|| "-".to_owned()),
        next,
        lasts,
        judged.bar.clone(),
        worst(&judged.findings).status().to_owned(),
        judged.suggest.clone().unwrap_or_default(),
    ]
}

fn record(job: &Job, judged: &Judged) -> Vec<(&'static str, Value)> {
    let on: Vec<&str> = job.places.iter().map(|place| place.name()).collect();
    let fields = vec![
        ("job", json!(job.name)),
        ("kind", json!(job.kind.name())),
        ("on", json!(on)),
        ("schedule", json!(job.schedule)),
        ("tz", json!(job.clock().name())),
        ("enabled", json!(job.enabled)),
        ("next", json!(judged.next)),
        ("runs_skipped", json!(judged.skipped)),
        (
            "duration_s",
            json!(job.length.map(|length| length.median_s)),
        ),
        (
            "duration_max_s",
            json!(job.length.map(|length| length.most_s)),
        ),
        ("runs_measured", json!(job.length.map(|length| length.runs))),
        ("bar", json!(judged.bar)),
        ("suggest", json!(judged.suggest)),
    ];
    with_findings(fields, &judged.findings)
}

fn with_findings(
    mut fields: Vec<(&'static str, Value)>,
    findings: &[Finding],
) -> Vec<(&'static str, Value)> {
    fields.push(("status", json!(worst(findings).status())));
    let findings: Vec<Value> = findings.iter().map(Finding::json).collect();
    fields.push(("findings", json!(findings)));
    fields
}

fn own<W: Write>(lines: &mut Lines<W>, fields: &[(&'static str, Value)]) -> io::Result<()> {
    let raw: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (*name, value.to_string()))
        .collect();
    let raw: Vec<(&str, &str)> = raw.iter().map(|(name, value)| (*name, &**value)).collect();
    lines.own(&raw)
}
