//! An address for a named guest, from an IPAM: never twice, never leaked.
//!
//! Pure: [`owner`], [`request`], [`scope`], [`span`], [`retired`], and the four
//! decisions [`allocate`], [`release`], [`show`], [`check`]. The seam to what keeps
//! the addresses is [`ipam`]; behind it are [`csv_ipam`] and [`netbox`], the only I/O.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::{
    hash::{BuildHasher as _, RandomState},
    io::{Read, Write},
    iter,
    path::Path,
    thread,
    time::Duration,
};

use anyhow::anyhow;
use jiff::Timestamp;
use vmid::{
    exit::{Answer, Stop},
    finding,
    guest::Guest,
    stream::{self, Kept, Lines, error_object, quote},
    table,
};

pub mod allocate;
pub mod check;
pub mod cli;
pub mod csv_ipam;
pub mod ipam;
pub mod netbox;
pub mod owner;
#[cfg(test)]
mod properties;
pub mod refused;
pub mod release;
pub mod report;
pub mod request;
pub mod retired;
pub mod scope;
pub mod show;
pub mod span;

use allocate::{Batch, Grant};
use cli::{Command, Environment};
use csv_ipam::{Access, CsvIpam};
use ipam::{Applied, Ask, Change, Ipam, Networks, Vrf};
use netbox::{NetBox, Setup};
use owner::Owner;
use refused::Refused;
use release::{Farewell, Manner};
use report::Acted;
use request::Request;

/// Columns of `show --format table`.
const FILL: &[&str] = &[
    "prefix", "vlan", "vrf", "status", "size", "used", "free", "next", "error",
];

/// Columns of `check --format table`.
const GUESTS: &[&str] = &[
    "vmid",
    "name",
    "type",
    "node",
    "interface",
    "address",
    "net0",
    "findings",
    "error",
];

/// What surrounds a run; `main` alone reads it from the system.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Variables of the environment.
    pub environment: Environment,
    /// The time.
    pub now: Timestamp,
}

/// How often a decision is made anew when others were faster.
const ROUNDS: u32 = 40;

/// Runs one command.
///
/// # Errors
///
/// The input is no stream of records, no IPAM was named, or the IPAM or `output` failed.
pub fn run(
    command: &Command,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    let Surroundings { environment, now } = surroundings;
    let open = |source: &cli::Source, access| open(source, environment, access);
    match command {
        Command::Allocate(args) => {
            let records = records(&args.names, input)?;
            let ipam = open(&args.source, access("allocate", args.dry_run))?;
            allocate(args, ipam, &records, &mut Lines::new(output, terminal))
        }
        Command::Release(args) => {
            let mut lines = Lines::new(output, terminal);
            if let Some(age) = args.retired_before {
                let ipam = open(&args.source, access("release", args.dry_run))?;
                return expire(args, ipam, age, *now, &mut lines);
            }
            let records = records(&args.names, input)?;
            let ipam = open(&args.source, access("release", args.dry_run))?;
            release(args, ipam, &records, *now, &mut lines)
        }
        Command::Show(args) => {
            let ipam = open(&args.source, Intent::Look)?;
            table::present(args.format, FILL, output, terminal, |lines| {
                show(args, ipam, lines)
            })
        }
        Command::Check(args) => {
            let records = stream::read_all(input)?;
            let ipam = open(&args.source, Intent::Look)?;
            table::present(args.format, GUESTS, output, terminal, |lines| {
                check(args, ipam, &records, lines)
            })
        }
        Command::Setup(args) => setup(args, environment, &mut Lines::new(output, terminal)),
    }
}

/// What the IPAM is opened for; a change has a name for the change log.
#[derive(Clone, Copy, Debug)]
enum Intent {
    Look,
    Change(&'static str),
}

fn access(verb: &'static str, dry_run: bool) -> Intent {
    if dry_run {
        Intent::Look
    } else {
        Intent::Change(verb)
    }
}

/// The requests: names from the command line, else the whole of the input.
fn records(names: &[String], input: impl Read) -> Result<Vec<Kept>, Stop> {
    if names.is_empty() {
        return stream::read_all(input);
    }
    let lines = names
        .iter()
        .map(|name| format!("{{\"name\":{}}}\n", quote(name)));
    // cannot fail: the text is of our own making
    stream::parse(lines.collect::<String>().as_bytes()).map_err(Stop::input)
}

/// The IPAM that was named: a URL is a NetBox, everything else a folder.
fn open(
    source: &cli::Source,
    environment: &Environment,
    intent: Intent,
) -> Result<Box<dyn Ipam>, Stop> {
    let named = source.ipam.as_deref().filter(|ipam| !ipam.is_empty());
    let Some(ipam) = named.or(environment.url.as_deref()) else {
        let hint = "--ipam URL for a NetBox (or NETBOX_URL), --ipam DIR for a folder of CSV files";
        return Err(Stop::input(anyhow!("no IPAM is named")).hint(hint));
    };
    if ipam.contains("://") {
        let verb = match intent {
            Intent::Look => "look",
            Intent::Change(verb) => verb,
        };
        return Ok(Box::new(NetBox::new(ipam, source, environment, verb)?));
    }
    let access = match intent {
        Intent::Look => Access::Read,
        Intent::Change(_) => Access::Write,
    };
    Ok(Box::new(CsvIpam::open(Path::new(ipam), access)?))
}

fn allocate<W: Write>(
    args: &cli::Allocate,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let flags = args.fields();
    let sound = records.iter().filter(|kept| !kept.record().has_error());
    let requests: Vec<_> = sound
        .map(|kept| Request::of(&kept.record(), &flags))
        .collect();
    if requests.is_empty() {
        return report::write(records, Vec::new(), lines, Acted::default());
    }
    let batch = Batch::new(requests, &ipam.networks()?, &args.policy());
    let naming = args.naming();
    let ask = batch.ask(&naming);
    let needed = |results: &[Result<Grant, Refused>]| {
        changes(results.iter().flatten().map(|grant| grant.change.as_ref()))
    };
    let mut skip = 0;
    let (mut before, mut last): (Option<Vec<Change>>, Option<Stop>) = (None, None);
    for round in 0..ROUNDS {
        let view = ipam.look(&ask)?;
        let mut results = batch.decide(&view, &naming, skip);
        if before
            .as_ref()
            .is_some_and(|before| *before != needed(&results))
        {
            // Those who were overtaken together spread out.
            skip = (random() % (4 << round.min(5))) as usize;
            results = batch.decide(&view, &naming, skip);
        }
        let changes = needed(&results);
        let acted = match act(ipam.as_mut(), &changes, args.dry_run)? {
            Applied::Done(made) => Acted::all(made),
            Applied::Partly(made, stop) => Acted {
                made,
                failed: Some(stop),
            },
            Applied::Again(Some(refusal)) if before.as_ref() == Some(&changes) => {
                return Err(refusal);
            }
            Applied::Again(refusal) => {
                (before, last) = (Some(changes), refusal);
                thread::sleep(Duration::from_millis(random() % (20 << round.min(5))));
                continue;
            }
            Applied::Unknown(what) => return report::unknown(records, results, &what, lines),
            Applied::Unverified(made, cause) => {
                return report::unverified(records, results, &made, &cause, lines);
            }
        };
        let changing = results
            .iter_mut()
            .flatten()
            .filter(|grant| grant.change.is_some());
        for (grant, made) in changing.zip(&acted.made) {
            grant.settle(made.as_ref());
        }
        let ids = ipam.has_ids();
        let granted = |grant: Grant| report::granted(&grant, ids, args.dry_run);
        let rows = results
            .into_iter()
            .map(|result| result.map(granted))
            .collect();
        return report::write(records, rows, lines, acted);
    }
    let what = anyhow!("others took the address that was chosen, {ROUNDS} times in a row");
    Err(last.unwrap_or_else(|| Stop::outside(what)))
}

/// Anything but the same number in every process.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn changes<'a>(changes: impl Iterator<Item = Option<&'a Change>>) -> Vec<Change> {
    changes.flatten().cloned().collect()
}

/// Carries the changes out, unless this is a rehearsal.
fn act(ipam: &mut dyn Ipam, changes: &[Change], dry_run: bool) -> Result<Applied, Stop> {
    if dry_run || changes.is_empty() {
        return Ok(Applied::Done(Vec::new()));
    }
    ipam.apply(changes)
}

/// As [`act`], for changes of records that exist: there is nothing to be overtaken in.
fn act_once(ipam: &mut dyn Ipam, changes: &[Change], dry_run: bool) -> Result<Acted, Stop> {
    match act(ipam, changes, dry_run)? {
        Applied::Done(made) => Ok(Acted::all(made)),
        Applied::Partly(made, stop) => Ok(Acted {
            made,
            failed: Some(stop),
        }),
        Applied::Again(refusal) => {
            let changed = || Stop::outside(anyhow!("the IPAM changed meanwhile"));
            Err(refusal.unwrap_or_else(changed))
        }
        Applied::Unknown(what) => Err(Stop::outside(anyhow!("{what}"))),
        Applied::Unverified(_, stop) => Err(stop),
    }
}

fn release<W: Write>(
    args: &cli::Release,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    now: Timestamp,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let sound = records.iter().filter(|kept| !kept.record().has_error());
    let owner = |kept: &Kept| {
        let interface = request::text(&kept.record(), "interface")?;
        let interface = interface.or_else(|| args.interface.clone());
        request::owner_of(&kept.record(), interface.as_deref())
    };
    let owners: Vec<Result<Owner, Refused>> = sound.map(owner).collect();
    let mut results = Vec::new();
    let mut networks = Networks::default();
    if !owners.is_empty() {
        networks = ipam.networks()?;
        let view = ipam.look(&release::ask(owners.iter().flatten()))?;
        let manner = Manner {
            retire: args.retire,
            force: args.force,
            now,
        };
        results = release::decide(owners, &view, &manner);
    }
    let changes = changes(
        results
            .iter()
            .flatten()
            .map(|farewell| farewell.change.as_ref()),
    );
    let acted = act_once(ipam.as_mut(), &changes, args.dry_run)?;
    let ids = ipam.has_ids();
    let row = |farewell: Farewell| report::released(&farewell, &networks, ids, args.dry_run);
    let rows = results.into_iter().map(|result| result.map(row)).collect();
    report::write(records, rows, lines, acted)
}

/// Frees what was retired long enough ago; one record for each.
fn expire<W: Write>(
    args: &cli::Release,
    mut ipam: Box<dyn Ipam>,
    age: jiff::SignedDuration,
    now: Timestamp,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let networks = ipam.networks()?;
    let view = ipam.look(&Ask {
        keyed: true,
        ..Ask::default()
    })?;
    let overdue = release::overdue(&view, age, now);
    let changes: Vec<Change> = overdue
        .iter()
        .map(|entry| Change::Delete(entry.id))
        .collect();
    let acted = act_once(ipam.as_mut(), &changes, args.dry_run)?;
    let ids = ipam.has_ids();
    let done = acted
        .made
        .iter()
        .map(Option::is_some)
        .chain(iter::repeat(acted.failed.is_none()));
    for (entry, _) in overdue.into_iter().zip(done).filter(|(_, done)| *done) {
        let mut fields = report::owned(entry);
        fields.extend(report::placed(entry, &networks));
        fields.extend(report::outcome(true, args.dry_run));
        fields.extend(ids.then(|| ("ipam_id", entry.id.0.to_string())));
        lines
            .own(&report::borrowed(&fields))
            .map_err(|error| acted.output(error))?;
    }
    lines.flush().map_err(|error| acted.output(error))?;
    acted.failed.map_or(Ok(Answer::Yes), Err)
}

fn show<W: Write>(
    args: &cli::Show,
    mut ipam: Box<dyn Ipam>,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let networks = ipam.networks()?;
    let vrf = args.vrf.as_deref().map(Vrf::parse);
    let wanted = |prefix: &&ipam::Prefix| {
        args.vlan.is_none_or(|vlan| prefix.vlan == Some(vlan))
            && args.prefix.is_none_or(|net| prefix.net == net)
            && vrf.as_ref().is_none_or(|vrf| prefix.vrf == *vrf)
    };
    let prefixes: Vec<&ipam::Prefix> = networks.prefixes.iter().filter(wanted).collect();
    if prefixes.is_empty() && (args.vlan.is_some() || args.prefix.is_some() || vrf.is_some()) {
        let refused = scope::no_prefix(args.prefix, args.vlan, vrf.as_ref());
        let fields = report::absent(args.prefix, args.vlan, vrf.as_ref(), &refused);
        lines
            .own(&report::borrowed(&fields))
            .map_err(Stop::output)?;
        lines.flush().map_err(Stop::output)?;
        return Ok(Answer::No);
    }
    let within = prefixes
        .iter()
        .map(|prefix| (prefix.vrf.clone(), prefix.net))
        .collect();
    let view = ipam.look(&Ask {
        within,
        ..Ask::default()
    })?;
    for prefix in prefixes {
        let fill = show::fill(prefix, &networks, &view, &args.exclude.policy());
        let next = fill
            .next
            .map(|next| format!("{next}/{}", prefix.net.prefix_len()));
        let fields = [
            ("prefix", quote(&prefix.net.to_string())),
            ("vlan", report::number(prefix.vlan)),
            ("vrf", report::text(prefix.vrf.name())),
            ("status", quote(&prefix.status)),
            ("size", fill.size.to_string()),
            ("used", fill.used.to_string()),
            ("free", fill.free.to_string()),
            ("next", report::text(next.as_deref())),
        ];
        lines
            .own(&report::borrowed(&fields))
            .map_err(Stop::output)?;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(Answer::Yes)
}

fn check<W: Write>(
    args: &cli::Check,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let networks = ipam.networks()?;
    let view = ipam.look(&Ask {
        all: true,
        ..Ask::default()
    })?;
    let known = check::Records::new(&networks, &view, args.domain.as_deref());
    let mut guests = Vec::new();
    let mut answer = Answer::Yes;
    for kept in records {
        let record = kept.record();
        guests.push(Guest::of(&record));
        if record.has_error() {
            answer = answer.max(stream::pass(record, lines)?);
            continue;
        }
        let findings = guests
            .last()
            .map(|guest| known.judge(guest))
            .unwrap_or_default();
        let (objects, count) = finding::appended(&record, &check::CODES, &findings);
        lines
            .write(record, &[("findings", &objects)])
            .map_err(Stop::output)?;
        answer = answer.max(Answer::no_if(count > 0));
    }
    for entry in check::without_guest(&view, &guests) {
        let message = format!("{entry} is recorded for a guest that is not in the input");
        let mut fields = report::owned(entry);
        fields.extend(report::placed(entry, &networks));
        fields.push((
            "findings",
            format!("[{}]", error_object("no-guest", &message)),
        ));
        lines
            .own(&report::borrowed(&fields))
            .map_err(Stop::output)?;
        answer = Answer::No;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}

/// Makes sure of what NetBox needs; a folder needs nothing.
fn setup<W: Write>(
    args: &cli::Setup,
    environment: &Environment,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let named = args.source.ipam.as_deref().filter(|ipam| !ipam.is_empty());
    let done = match named.or(environment.url.as_deref()) {
        Some(url) if url.contains("://") => {
            let netbox = NetBox::new(url, &args.source, environment, "setup")?;
            netbox::setup(&netbox, args.dry_run)?
        }
        _ => {
            open(&args.source, environment, Intent::Look)?;
            Setup::Present
        }
    };
    let mut fields = vec![("field", quote("ipalloc_key"))];
    fields.extend(report::outcome(done == Setup::Made, args.dry_run));
    if let Setup::Refused(code, message) = &done {
        fields.push(("error", error_object(code, message)));
    }
    lines
        .own(&report::borrowed(&fields))
        .map_err(Stop::output)?;
    lines.flush().map_err(Stop::output)?;
    Ok(done.answer())
}
