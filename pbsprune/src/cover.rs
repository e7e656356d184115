//! `pbsprune cover`: which guests have no backup that could be restored, and why.
//!
//! A pure function of documents that were gathered before: the guests and jobs ([`documents`]), the
//! snapshots ([`backups`]), the site's exemptions. [`judge`] says what is wrong with one guest.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{Read, Write},
};

use jiff::{Timestamp, civil::Date};
use serde_json::json;
use vmid::{
    exempt::Exemptions,
    exit::{Answer, Stop},
    severity::Severity,
    site::Site,
    verdict::Finding,
};

use crate::{Surroundings, input::Noted, nagios, zone::Zone};

pub mod arguments;
pub mod backups;
pub mod code;
pub mod config;
pub mod documents;
pub mod due;
pub mod guest;
pub mod job;
pub mod judge;
pub mod notes;
pub mod report;
pub mod target;
#[cfg(test)]
mod tests;
pub mod unseen;
pub mod verdict;

use arguments::Cover;
use backups::{Backups, Place};
use config::Kind;
use documents::Documents;
use job::Job;
use judge::{Known, Rules};
use unseen::{Unseen, unseen};
use verdict::{Verdict, counted};

/// Runs it: snapshot lists from `input`, the answer to `output`.
///
/// # Errors
///
/// The input is no snapshot list, a document can't be used, or `output` failed.
pub fn run(
    args: &Cover,
    around: &mut Surroundings<'_>,
    input: impl Read,
    mut output: impl Write,
) -> Result<Answer, Stop> {
    let site = args.site.read()?.unwrap_or_else(Site::empty);
    let zone = zone(args, &site, &around.zone)?;
    let documents = Documents::read(&args.guests, args.backup_jobs.as_deref())?;
    let mut input = Noted::of(input);
    let backups = Backups::read(&mut input, &args.ns)?;
    if !input.something && !args.allow_empty {
        let what = anyhow::anyhow!("no snapshot list came in: standard input is empty");
        return Err(Stop::input(what)
            .hint("look at what should have sent it; --allow-empty if there is really none"));
    }
    let rules = Rules {
        now: around.now,
        max_age: args.max_age,
        grace: args.grace,
        verify_age: args.verify_age,
        zone: zone.name().to_owned(),
        guessed: args.clock.tz.is_none() && site.timezone.is_none(),
    };
    let guests = documents.guests.len();
    let verdicts = verdicts(documents, &backups, &site, &zone, rules);
    if args.nagios {
        let subjects: Vec<_> = verdicts
            .iter()
            .map(|one| (one.called(), &one.findings[..]))
            .collect();
        let well = format!("{} covered", counted(guests, "guest"));
        let code = nagios::write(&subjects, &well, &mut output).map_err(Stop::output)?;
        around.plugin = Some(code);
        return Ok(Answer::Yes);
    }
    report::write(&verdicts, args.format, around.terminal, output)
}

/// The zone in which schedules are: `--tz`, else the site's, else that of the system.
fn zone(args: &Cover, site: &Site, system: &Zone) -> Result<Zone, Stop> {
    match (&args.clock.tz, &site.timezone) {
        (None, Some(name)) => Zone::parse(name).map_err(Stop::input),
        _ => Ok(system.clone()),
    }
}

/// What is said of all: what was not seen first, then the guests by their IDs, then what has no guest.
fn verdicts(
    mut documents: Documents,
    backups: &Backups,
    site: &Site,
    zone: &Zone,
    rules: Rules,
) -> Vec<Verdict> {
    let now = rules.now;
    let before = now.saturating_sub(rules.grace.as_secs().cast_signed());
    for job in documents.jobs.iter_mut().flatten() {
        job.look_back(zone.time_zone(), before);
    }
    let no_configs = documents.guests.iter().all(|guest| guest.config.is_none());
    if no_configs && !documents.guests.is_empty() {
        let right =
            "VM.Audit on /vms, and a list with configurations (pvx-migrate state, inventory)";
        documents.unseen.push(Unseen::new(
            "the configurations of the guests, with the volumes that no backup has,",
            right,
        ));
    }
    let runs = |job: &Job| job.enabled && !job.runs.is_empty();
    let guessed = rules.guessed && documents.jobs.iter().flatten().any(runs);
    let unlooked = target::unlooked(&documents, &backups.looked, &backups.unseen);
    let mut exempt = Exemptions::of(site, code::CODES, today(now, zone));
    let (of_guests, mut verdicts): (Vec<_>, Vec<_>) = of_lists(
        &documents,
        backups,
        &unlooked,
        guessed.then_some(zone),
        site,
    )
    .into_iter()
    .partition(Verdict::is_of_guest);
    let known = Known {
        backups,
        jobs: documents.jobs.as_deref(),
        storages: documents.storages.as_deref(),
        unlooked: &unlooked,
        hidden_pool: documents.hidden_pools.first(),
        no_configs,
        living: documents
            .guests
            .iter()
            .filter_map(|guest| guest.name.as_deref())
            .collect(),
        rules,
    };
    let jobs_seen = known.jobs.is_some();
    for guest in &documents.guests {
        let cover = known.judge(guest);
        verdicts.push(Verdict::of_guest(cover, jobs_seen, now, site, &mut exempt));
    }
    let mut others = of_guests;
    if !documents.more_guests {
        let orphans = orphans(&documents, backups);
        let orphans = orphans.values();
        others.extend(orphans.filter_map(|places| Verdict::of_orphans(places, now, &mut exempt)));
    }
    others.extend(
        exempt
            .leftover()
            .into_iter()
            .map(|(subject, found)| Verdict::of(subject.field(), subject.value(), vec![found])),
    );
    merge(&mut verdicts, others);
    verdicts
}

/// A record for each subject: what else is said of one that has a record goes into it.
fn merge(verdicts: &mut Vec<Verdict>, others: Vec<Verdict>) {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, verdict) in verdicts.iter().enumerate() {
        places.entry(verdict.subject()).or_insert(at);
    }
    for mut other in others {
        match places.get(&other.subject()) {
            Some(&at) => verdicts[at].findings.append(&mut other.findings),
            None => {
                places.insert(other.subject(), verdicts.len());
                verdicts.push(other);
            }
        }
    }
}

/// The day, for exemptions that end.
fn today(now: i64, zone: &Zone) -> Date {
    let now = Timestamp::from_second(now).unwrap_or_default();
    zone.time_zone().to_datetime(now).date()
}

/// What the lists lack, by whom it is of: the cluster, a storage, a guest that nobody saw, a job.
fn of_lists(
    documents: &Documents,
    backups: &Backups,
    unlooked: &[Unseen],
    guessed: Option<&Zone>,
    site: &Site,
) -> Vec<Verdict> {
    let mut of_cluster: Vec<Finding> = guessed.map(zone_assumed).into_iter().collect();
    let mut others = Vec::new();
    let hidden_pools = documents.hidden_pools.iter().map(Unseen::finding);
    of_cluster.extend(hidden_pools);
    for unseen in documents
        .unseen
        .iter()
        .chain(&backups.unseen)
        .chain(unlooked)
    {
        let finding = unseen.finding();
        match (&unseen.storage, unseen.vmids.as_deref()) {
            (Some(storage), _) => {
                others.push(Verdict::of("storage", json!(storage), vec![finding]))
            }
            (None, Some([vmid])) => others.push(Verdict::of("vmid", json!(vmid), vec![finding])),
            (None, _) => of_cluster.push(finding),
        }
    }
    if documents.more_guests {
        let groups: Vec<String> = orphans(documents, backups)
            .values()
            .flatten()
            .map(|place| place.called())
            .collect();
        if !groups.is_empty() {
            let message = format!(
                "{} groups of backups are of IDs that no guest seen has: whether they are orphans is not known, as the list of the guests is not whole",
                groups.len()
            );
            let evidence = json!({"list": "the list of the guests", "right": "VM.Audit on /vms", "groups": groups});
            of_cluster.push(unseen(message, evidence));
        }
    }
    for job in documents.jobs.iter().flatten().filter(|job| job.enabled) {
        if let Some(wrong) = &job.wrong {
            let message = format!(
                "when the job runs is not known, so its guests are judged by --max-age: {wrong}"
            );
            let finding = unseen(
                message,
                json!({"list": "the schedule of the job", "schedule": job.schedule}),
            );
            others.push(Verdict::of("job", json!(job.id), vec![finding]));
        }
    }
    if !of_cluster.is_empty() {
        let (field, name) = match &documents.cluster {
            Some(name) => ("cluster", name.as_str()),
            None => ("site", site.called()),
        };
        others.insert(0, Verdict::of(field, json!(name), of_cluster));
    }
    let mut merged = Vec::new();
    merge(&mut merged, others);
    merged
}

/// Nobody said in which zone the schedules are.
fn zone_assumed(zone: &Zone) -> Finding {
    let zone = zone.name();
    let message = format!(
        "the schedules are taken to be in the zone of this host, {zone}: neither --tz nor the site's timezone says in which the nodes are"
    );
    Finding::new(
        "zone-assumed",
        Severity::Info,
        message,
        json!({"tz": zone}),
        &["jobs"],
    )
}

/// Backups by the ID and kind of a guest that isn't there.
fn orphans<'a>(
    documents: &Documents,
    backups: &'a Backups,
) -> BTreeMap<(u32, Kind), Vec<&'a Place>> {
    let living: HashSet<(u32, Kind)> = documents
        .guests
        .iter()
        .map(|guest| (guest.vmid, guest.kind))
        .collect();
    let mut orphans: BTreeMap<(u32, Kind), Vec<&Place>> = BTreeMap::new();
    for place in &backups.places {
        let of = (place.vmid, place.kind);
        if !living.contains(&of) {
            orphans.entry(of).or_default().push(place);
        }
    }
    orphans
}
