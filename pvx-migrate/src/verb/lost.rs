//! `pvx-migrate plan lost`: what becomes of the guests of a node, and of the cluster without it.

use std::{
    collections::HashSet,
    fs::File,
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use anyhow::anyhow;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use vmid::{
    exempt::{Exemptions, Subject},
    exit::{self, Answer, Stop},
    nagios,
    severity::Severity,
    site::Site,
    stream::Lines,
    table::{self, Format},
    verdict::Finding,
};

use super::{given::Given, remove};
use crate::{
    Surroundings,
    cli::{self, Form},
    cluster::Cluster,
    document,
    plan::{
        lost::{self, Outcome, backups::Backups, before, code, markdown},
        policy::Policy,
    },
    state::State,
};

/// A document of before may be of any age: it is said what it is of.
const ANY_AGE: Duration = Duration::from_secs(36_600 * 86_400);

/// What a call found.
struct Found {
    state: State,
    outcomes: Vec<Outcome>,
    /// Of the exemptions themselves.
    left: Vec<(Subject, Finding)>,
}

impl Found {
    fn severity(&self) -> Severity {
        let outcomes = self.outcomes.iter().map(Outcome::severity);
        let left = self.left.iter().map(|(_, finding)| finding.severity);
        outcomes.chain(left).max().unwrap_or(Severity::Info)
    }
}

/// Says what the loss of the named nodes means, or of each.
///
/// # Errors
///
/// The call or a document is wrong, or `output` failed.
pub fn lost(
    args: &cli::Lost,
    surroundings: &Surroundings,
    input: impl Read,
    mut output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    let found = find(args, surroundings, input)?;
    let answer = Answer::no_if(found.severity() > Severity::Info);
    let format = match args.format {
        Form::Markdown => {
            let text = markdown::write(&found.state, &found.outcomes);
            let written = output
                .write_all(text.as_bytes())
                .and_then(|()| output.flush());
            return written.map(|()| answer).map_err(Stop::output);
        }
        Form::Table => Format::Table,
        Form::Csv => Format::Csv,
        Form::Json => Format::Json,
    };
    table::present(format, COLUMNS, output, terminal, |lines| {
        let is_table = format == Format::Table;
        for outcome in &found.outcomes {
            print(outcome, is_table, lines)?;
        }
        for (subject, finding) in &found.left {
            let record = leftover(subject, finding, is_table);
            lines
                .extend(&record.to_string(), "")
                .map_err(Stop::output)?;
        }
        lines.flush().map_err(Stop::output)?;
        Ok(answer)
    })
}

/// The same as a plugin's line; the exit code is the plugin's.
///
/// # Errors
///
/// As [`lost`].
pub fn plugin(
    args: &cli::Lost,
    surroundings: &Surroundings,
    input: impl Read,
    mut output: impl Write,
) -> Result<u8, Stop> {
    let found = find(args, surroundings, input)?;
    let mut subjects: Vec<(String, Vec<Finding>)> = Vec::new();
    let mut guests = 0;
    for Outcome { header, fates } in &found.outcomes {
        let whole = header.findings.iter().map(|(_, finding)| finding.clone());
        let called = format!("without {}", header.lost.join(","));
        subjects.push((called, whole.collect()));
        guests += fates.len();
        subjects.extend(fates.iter().map(|fate| {
            let called = format!("{} {}", fate.vmid, fate.name);
            (called, fate.findings.clone())
        }));
    }
    let left = found.left.into_iter();
    subjects.extend(left.map(|(subject, finding)| (subject.to_string(), vec![finding])));
    let subjects: Vec<(String, &[Finding])> = subjects
        .iter()
        .map(|(name, findings)| (name.clone(), &findings[..]))
        .collect();
    let well = format!("{guests} guests would come back by themselves");
    nagios::write("pvx-migrate", &subjects, &well, &mut output).map_err(Stop::output)
}

fn find(args: &cli::Lost, surroundings: &Surroundings, input: impl Read) -> Result<Found, Stop> {
    let now = surroundings.now;
    let given = Given::read(&args.site, args.pairs.as_deref())?;
    let backups = args.snapshots.as_deref().map(remove::backups).transpose()?;
    let backups = backups.map(Backups::new);
    let mut state = document::state(input, now, args.max_age, "stdin")?;
    given.check(&Cluster::new(&state))?;
    let scenes = scenes(&state, args)?;
    let mut read_before = None;
    if let Some(path) = &args.before {
        let all: Vec<usize> = scenes.iter().flatten().copied().collect();
        let was = before(path, &state, now)?;
        before::take(&mut state, &was, &all);
        read_before = Some(was.at);
    }
    given.say_what_is_unknown("limits, services and exemptions");
    let site = given.site.unwrap_or_else(Site::empty);
    let mut exemptions = Exemptions::of(&site, code::CODES, today(&site, now));
    let policy = Policy {
        ram_ratio: args.ram_ratio.unwrap_or(site.limits.ram_ratio),
        bandwidth: args.bandwidth * 1_000_000,
        pairs: given.pairs,
        site,
        ..Policy::default()
    };
    let given = lost::Given {
        backups: backups.as_ref(),
        ipam: surroundings.netbox.as_deref().map(host),
        before: read_before,
    };
    let mut outcomes = Vec::new();
    for nodes in &scenes {
        let mut outcome = lost::lost(&mut state, &policy, given, nodes);
        exempt(&mut outcome, &mut exemptions);
        outcomes.push(outcome);
    }
    // One that matches nothing is only known as that when every node was looked at.
    let mut left = exemptions.leftover();
    left.retain(|(_, finding)| args.all || finding.code != "exemption-unused");
    Ok(Found {
        state,
        outcomes,
        left,
    })
}

/// The columns of a table.
const COLUMNS: &[&str] = &[
    "node",
    "vmid",
    "name",
    "type",
    "comes_back",
    "on",
    "rpo",
    "rto",
    "status",
    "what",
];

fn print(outcome: &Outcome, is_table: bool, lines: &mut Lines<&mut dyn Write>) -> Result<(), Stop> {
    let header = match is_table {
        true => outcome.header.row(),
        false => outcome.header.json(),
    };
    lines
        .extend(&header.to_string(), "")
        .map_err(Stop::output)?;
    for fate in &outcome.fates {
        let record = match is_table {
            true => fate.row(),
            false => fate.json(),
        };
        lines
            .extend(&record.to_string(), "")
            .map_err(Stop::output)?;
    }
    Ok(())
}

/// The losses that are asked for, each by the places of its nodes.
fn scenes(state: &State, args: &cli::Lost) -> Result<Vec<Vec<usize>>, Stop> {
    let cluster = Cluster::new(state);
    if args.all && state.nodes.is_empty() {
        return Err(Stop::input(anyhow!("stdin: the state has no nodes")));
    }
    if args.all {
        return Ok((0..state.nodes.len()).map(|node| vec![node]).collect());
    }
    let mut named = HashSet::new();
    let mut lost = Vec::new();
    for node in &args.nodes {
        super::plan::known(&cluster, node)?;
        if !named.insert(node) {
            return Err(Stop::input(anyhow!("node {node} is named twice")));
        }
        lost.extend(cluster.node(node));
    }
    Ok(vec![lost])
}

/// The document of before, which must be of the same cluster, and earlier.
fn before(path: &Path, state: &State, now: Timestamp) -> Result<State, Stop> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Stop::file(&name, error))?;
    let before = document::state(file, now, ANY_AGE, &name)?;
    let (was, is) = (&before.cluster.name, &state.cluster.name);
    if was != is {
        let what = anyhow!("{name}: it is of the cluster {was}, and the state is of {is}");
        return Err(Stop::input(what));
    }
    if before.at > state.at {
        let (was, is) = (before.at, state.at);
        let what =
            anyhow!("{name}: it is of {was}, and the state of {is}: --before is the earlier one");
        return Err(Stop::input(what));
    }
    let what = format!(
        "{name}: what the state lacks of guests that are lost is as of {}",
        before.at
    );
    exit::say("pvx-migrate", &what);
    Ok(before)
}

/// The host of a URL, without what else it holds.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => rest.split(':').next().unwrap_or_default(),
    }
}

/// The day, by the site's time zone.
fn today(site: &Site, now: Timestamp) -> Date {
    let zone = site
        .timezone
        .as_deref()
        .and_then(|name| TimeZone::get(name).ok());
    now.to_zoned(zone.unwrap_or(TimeZone::UTC)).date()
}

/// The findings, as the site lets them pass or does not.
fn exempt(outcome: &mut Outcome, exemptions: &mut Exemptions) {
    for (subjects, finding) in &mut outcome.header.findings {
        *finding = exemptions.judge(subjects, finding.clone());
    }
    for fate in &mut outcome.fates {
        for finding in &mut fate.findings {
            *finding = exemptions.judge(&fate.subjects, finding.clone());
        }
    }
}

/// What is said of an exemption, as a record or as a row of a table.
fn leftover(subject: &Subject, finding: &Finding, is_table: bool) -> Value {
    let mut record = json!({
        subject.field(): subject.value(), "status": finding.severity.status(), "findings": [finding.json()]
    });
    if is_table {
        record["what"] = json!(format!("{}: {}", finding.code, finding.message));
    }
    record
}
