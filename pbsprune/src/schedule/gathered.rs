//! From records to jobs: each list of Proxmox, and plain records, read for what they say of when a job
//! runs, where, and for how long.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use vmid::stream::Kept;

use super::{
    job::{Job, Kind, Length, Spelling},
    place::Place,
    placement::Placement,
    source::{Row, Source},
    spelling::{number, text, texts, truth},
    tasks::Tasks,
};
use crate::{
    calendar_event::{CalendarEvent, Shifts},
    zone::Zone,
};

/// vzdump waits so long for another one on its node, in minutes (vzdump.conf(5)).
const LOCKWAIT_MIN: i64 = 180;

/// The schedule of a replication job that names none (pvesr(1)).
const REPLICATION: &str = "*/15";

/// Something that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// What.
    pub list: String,
    /// The right that is missing, or another reason.
    pub right: String,
}

/// What becomes of a record that is a job, or should be.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A job.
    Job(Box<Job>),
    /// As it came, with what is wrong; none if it brought its error with it.
    Failed(Kept, Option<String>),
}

/// All that came in.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// In the order they came.
    pub entries: Vec<Entry>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

impl Gathered {
    /// The jobs, in the order they came.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Job(job) => Some(&**job),
            Entry::Failed(..) => None,
        })
    }
}

/// What is known beside the jobs.
struct Known<'a> {
    zone: &'a Zone,
    nodes: BTreeSet<String>,
    node_zones: BTreeMap<String, Zone>,
    pbs_zone: Option<Zone>,
    /// By name: its type, and its datastore.
    storages: HashMap<String, (String, Option<String>)>,
    tasks: Tasks,
    placement: Placement,
    /// There are jobs of a backup server.
    pbs: bool,
}

/// The jobs of some records; `zone` is that of those who name none, and `guessed` if nobody has named that.
#[must_use]
pub fn gather(rows: Vec<Row>, zone: &Zone, guessed: bool, now: i64) -> Gathered {
    let (known, mut gathered) = (known(&rows, zone), Gathered::default());
    for row in rows {
        match row {
            Row::Passed(kept, why) => gathered.entries.push(Entry::Failed(kept, why)),
            Row::Of(Source::Unseen, row, _) => gathered.unseen.push(Unseen {
                list: text(&row, "list").unwrap_or("a list").to_owned(),
                right: text(&row, "right").unwrap_or("not known").to_owned(),
            }),
            Row::Of(source, row, kept) if source.is_job() => {
                let job = known.job(source, &row);
                gathered.entries.push(match job {
                    Ok(job) => Entry::Job(Box::new(job)),
                    Err(why) => Entry::Failed(kept, Some(why)),
                });
            }
            // What only says something of jobs must be understood, too.
            Row::Of(_, row, kept) => {
                if let Err(why) = tz(&row) {
                    gathered.entries.push(Entry::Failed(kept, Some(why)));
                }
            }
        }
    }
    let jobs = gathered.entries.iter_mut().filter_map(|entry| match entry {
        Entry::Job(job) => Some(&mut **job),
        Entry::Failed(..) => None,
    });
    let mut jobs: Vec<&mut Job> = jobs.collect();
    known.tasks.backups(&mut jobs, now);
    distinct(&mut jobs);
    // Who gathered may have found out already that the backup server doesn't say.
    let is_told = |unseen: &Unseen| unseen.list.contains("time zone");
    let told = gathered.unseen.iter().any(is_told);
    let unsaid = jobs.iter().filter(|job| guessed && job.is_of_no_zone());
    let unsaid = unsaid.filter(|job| !told || job.seen_by != "pbs");
    let unsaid: Vec<String> = unsaid.map(|job| job.name.clone()).collect();
    if let Some(first) = unsaid.first() {
        let others = match unsaid.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        gathered.unseen.push(Unseen {
            list: format!("the time zone of {first}{others}"),
            right: format!(
                "a record that says it (pve-node, pbs-time), --tz or the site's timezone; {} was taken",
                zone.name()
            ),
        });
    }
    gathered
}

fn known<'a>(rows: &[Row], zone: &'a Zone) -> Known<'a> {
    let mut known = Known {
        zone,
        nodes: BTreeSet::new(),
        node_zones: BTreeMap::new(),
        pbs_zone: None,
        storages: HashMap::new(),
        tasks: Tasks::default(),
        placement: Placement::default(),
        pbs: false,
    };
    for row in rows {
        let Row::Of(source, row, _) = row else {
            continue;
        };
        match source {
            Source::PveNode => {
                if let (Some(node), Ok(zone)) = (text(row, "node"), tz(row)) {
                    known.nodes.insert(node.to_owned());
                    let zone = zone.map(|zone| (node.to_owned(), zone));
                    known.node_zones.extend(zone);
                }
            }
            Source::PveGuest => known.placement.add(row),
            Source::PbsTime => known.pbs_zone = tz(row).ok().flatten(),
            Source::PveStorage => {
                if let Some(storage) = text(row, "storage") {
                    let of = (
                        text(row, "type").unwrap_or_default().to_owned(),
                        text(row, "datastore").map(str::to_owned),
                    );
                    known.storages.insert(storage.to_owned(), of);
                }
            }
            Source::PveTask | Source::PbsTask => known.tasks.add(*source, row),
            Source::PbsGc | Source::PbsPrune | Source::PbsVerify | Source::PbsSync => {
                known.pbs = true
            }
            _ => {}
        }
    }
    known
}

/// The zone that a record names, as `tz` or as Proxmox does.
fn tz(row: &Value) -> Result<Option<Zone>, String> {
    let name = text(row, "tz").or_else(|| text(row, "timezone"));
    let zone = name.map(|name| Zone::parse(name).map_err(|wrong| format!("tz: {wrong}")));
    zone.transpose()
}

impl Known<'_> {
    fn job(&self, source: Source, row: &Value) -> Result<Job, String> {
        match source {
            Source::PveBackup => self.backup(row),
            Source::PveReplication => self.replication(row),
            Source::PbsGc => self.of_store(Kind::Gc, row),
            Source::PbsPrune => self.of_store(Kind::Prune, row),
            Source::PbsVerify => self.of_store(Kind::Verify, row),
            Source::PbsSync => self.of_store(Kind::Sync, row),
            _ => self.plain(row),
        }
    }

    fn backup(&self, row: &Value) -> Result<Job, String> {
        let name = text(row, "id").ok_or("id: it has none")?;
        let mut job = self.blank(name, Kind::Backup, "jobs");
        // Of before calendar events: days of the week, and a time.
        let old = text(row, "starttime").map(|time| match text(row, "dow") {
            Some(days) => format!("{days} {time}"),
            None => time.to_owned(),
        });
        let schedule = text(row, "schedule").map(str::to_owned).or(old);
        job.scheduled(schedule.as_deref())?;
        job.enabled = truth(row, "enabled").unwrap_or(true);
        job.repeat_missed = Some(truth(row, "repeat-missed").unwrap_or(false));
        job.lockwait_s = number(row, "lockwait")
            .unwrap_or(LOCKWAIT_MIN)
            .clamp(0, 1 << 32)
            * 60;
        match text(row, "node") {
            Some(node) => _ = job.places.insert(Place::Node(node.to_owned())),
            None => {
                let nodes = self.nodes.iter();
                let mut every: BTreeSet<Place> =
                    nodes.map(|node| Place::Node(node.clone())).collect();
                if every.is_empty() {
                    every.insert(Place::EveryNode);
                }
                let spread = self.placement.of(row, every);
                (job.places, job.possible, job.guests) =
                    (spread.places, spread.possible, spread.guests);
            }
        }
        if let Some(storage) = text(row, "storage") {
            let place = match self.storages.get(storage) {
                Some((kind, store)) if kind == "pbs" => match store {
                    Some(store) => Place::Store(store.clone()),
                    None => Place::SomeStore,
                },
                Some(_) => Place::Named(storage.to_owned()),
                None => {
                    job.unseen_storage = self.pbs.then(|| storage.to_owned());
                    Place::Named(storage.to_owned())
                }
            };
            job.places.insert(place);
        }
        job.goes_by(tz(row)?.or_else(|| self.of_nodes(text(row, "node"))));
        Ok(job)
    }

    fn replication(&self, row: &Value) -> Result<Job, String> {
        let name = text(row, "id").ok_or("id: it has none")?;
        let mut job = self.blank(name, Kind::Replication, "jobs");
        job.scheduled(Some(text(row, "schedule").unwrap_or(REPLICATION)))?;
        job.enabled = !truth(row, "disable").unwrap_or(false);
        let source = text(row, "source");
        for node in [source, text(row, "target")].into_iter().flatten() {
            job.places.insert(Place::Node(node.to_owned()));
        }
        let length = number(row, "duration");
        job.length = length.and_then(|length| Length::of(vec![length]));
        job.goes_by(tz(row)?.or_else(|| self.of_nodes(source)));
        Ok(job)
    }

    /// A job of the backup server.
    fn of_store(&self, kind: Kind, row: &Value) -> Result<Job, String> {
        let store = text(row, "store").ok_or("store: it names no datastore")?;
        let name = match (kind, text(row, "id")) {
            (Kind::Gc, _) => format!("gc {store}"),
            (_, Some(id)) => id.to_owned(),
            (_, None) => return Err("id: it has none".to_owned()),
        };
        let mut job = self.blank(&name, kind, "pbs");
        job.scheduled(text(row, "schedule"))?;
        job.enabled = !truth(row, "disable").unwrap_or(false);
        job.places.insert(Place::Store(store.to_owned()));
        job.outdated_after_days = number(row, "outdated-after").filter(|days| *days > 0);
        job.length = self.tasks.of_store(kind, row);
        job.goes_by(tz(row)?.or_else(|| self.pbs_zone.clone()));
        Ok(job)
    }

    fn plain(&self, row: &Value) -> Result<Job, String> {
        let name = text(row, "name").or_else(|| text(row, "job"));
        let name = name.ok_or("name: it has none")?;
        let kind = match text(row, "kind") {
            None => Kind::Other,
            Some(word) => Kind::ALL
                .into_iter()
                .find(|kind| kind.name() == word)
                .ok_or_else(|| {
                    let names = Kind::ALL.map(Kind::name).join(", ");
                    format!("kind {word:?} is not known; it is one of {names}")
                })?,
        };
        let mut job = self.blank(name, kind, "records");
        let schedule = text(row, "schedule").ok_or("schedule: it has none")?;
        let habits = match text(row, "scheduler").unwrap_or("proxmox") {
            "proxmox" | "systemd" => None,
            "cron" => Some(Shifts::CatchesUp),
            "semaphore" => Some(Shifts::SkipsTwice),
            word => {
                return Err(format!(
                    "scheduler {word:?} is not known; it is one of proxmox, systemd, cron, semaphore"
                ));
            }
        };
        match habits {
            None => job.scheduled(Some(schedule))?,
            Some(habits) => {
                let event = CalendarEvent::of_cron(schedule).map_err(|wrong| wrong.to_string())?;
                job.event = Some(match habits {
                    Shifts::CatchesUp => event.as_debian_has_it(),
                    habits => event.with(habits),
                });
                job.spelling = Spelling::Cron;
                job.schedule = Some(schedule.to_owned());
            }
        }
        if row.get("on").is_some_and(|on| !on.is_null()) {
            let on = texts(row, "on").ok_or("on: it is neither a name nor a list of names")?;
            job.places = on.into_iter().map(Place::Named).collect();
        }
        job.enabled = truth(row, "enabled").unwrap_or(true);
        job.repeat_missed = truth(row, "repeat_missed");
        job.length = length(row)?;
        job.zone = tz(row)?.unwrap_or_else(|| self.zone.clone());
        Ok(job)
    }

    fn blank(&self, name: &str, kind: Kind, seen_by: &'static str) -> Job {
        Job {
            name: name.to_owned(),
            kind,
            schedule: None,
            event: None,
            spelling: Spelling::Event,
            zone: self.zone.clone(),
            zone_said: true,
            places: BTreeSet::new(),
            possible: BTreeSet::new(),
            guests: BTreeSet::new(),
            enabled: true,
            length: None,
            repeat_missed: None,
            lockwait_s: LOCKWAIT_MIN * 60,
            outdated_after_days: None,
            unseen_storage: None,
            seen_by,
        }
    }

    /// The zone of a node, or that of most nodes; none if none says its own.
    fn of_nodes(&self, node: Option<&str>) -> Option<Zone> {
        if let Some(zone) = node.and_then(|node| self.node_zones.get(node)) {
            return Some(zone.clone());
        }
        let count = |zone: &Zone| {
            self.node_zones
                .values()
                .filter(|z| z.name() == zone.name())
                .count()
        };
        // Of as many the first.
        let most = self
            .node_zones
            .values()
            .rev()
            .max_by_key(|zone| count(zone));
        most.cloned()
    }
}

impl Job {
    /// Its server's zone, as far as that is known.
    fn goes_by(&mut self, zone: Option<Zone>) {
        self.zone_said = zone.is_some();
        if let Some(zone) = zone {
            self.zone = zone;
        }
    }

    fn scheduled(&mut self, schedule: Option<&str>) -> Result<(), String> {
        if let Some(schedule) = schedule {
            let event = schedule.parse::<CalendarEvent>();
            self.event = Some(event.map_err(|wrong| format!("schedule: {wrong}"))?);
            self.schedule = Some(schedule.to_owned());
        }
        Ok(())
    }
}

/// What a plain record says of how long it runs.
fn length(row: &Value) -> Result<Option<Length>, String> {
    let of = |name: &str| match row.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => {
            match number(row, name).filter(|length| (0..=Length::LONGEST_S).contains(length)) {
                Some(length) => Ok(Some(length)),
                None => Err(format!(
                    "{name}: {} is no number of seconds up to a year",
                    row[name]
                )),
            }
        }
    };
    let (median_s, most_s) = (of("duration_s")?, of("duration_max_s")?);
    let lengths = median_s.or(most_s).zip(most_s.or(median_s));
    Ok(lengths.map(|(median_s, most_s)| Length {
        median_s: median_s.min(most_s),
        most_s: most_s.max(median_s),
        runs: 0,
    }))
}

/// Jobs of the same ID are told apart by what they do: IDs are distinct among jobs of one kind only.
fn distinct(jobs: &mut [&mut Job]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for job in jobs.iter() {
        *count.entry(job.name.clone()).or_default() += 1;
    }
    for job in jobs {
        if count[&job.name] > 1 {
            job.name = format!("{} {}", job.kind.name(), job.name);
        }
    }
}
