//! An address for a named guest, from an IPAM: never twice, never leaked.
//!
//! Pure: [`owner`], [`request`], [`scope`], [`span`], [`retired`], and the four
//! decisions [`allocate`], [`release`], [`show`], [`check`]. The seam to what keeps
//! the addresses is [`ipam`]; [`csv_ipam`] is the only I/O.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::{
    io::{Read, Write},
    path::Path,
};

use anyhow::anyhow;
use jiff::Timestamp;
use vmid::{
    exit::{Answer, Stop},
    guest::Guest,
    stream::{self, Kept, Lines, error_object, quote},
    table,
};

pub mod allocate;
pub mod check;
pub mod cli;
pub mod csv_ipam;
pub mod ipam;
pub mod owner;
pub mod refused;
pub mod release;
pub mod request;
pub mod retired;
pub mod scope;
pub mod show;
pub mod span;

use allocate::{Batch, Grant};
use cli::Command;
use csv_ipam::{Access, CsvIpam};
use ipam::{Ask, Change, Entry, Ipam, Networks, Vrf};
use owner::Owner;
use refused::Refused;
use release::{Farewell, Manner};
use request::Request;

/// Columns of `show --format table`.
const FILL: &[&str] = &[
    "prefix", "vlan", "vrf", "status", "size", "used", "free", "next",
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

/// Runs one command.
///
/// # Errors
///
/// The input is no stream of records, no IPAM was named, or the IPAM or `output` failed.
pub fn run(
    command: &Command,
    now: Timestamp,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    match command {
        Command::Allocate(args) => {
            let records = records(&args.names, input)?;
            let mut lines = Lines::new(output, terminal);
            allocate(args, &records, &mut lines)
        }
        Command::Release(args) => {
            let mut lines = Lines::new(output, terminal);
            if let Some(age) = args.retired_before {
                return expire(args, age, now, &mut lines);
            }
            release(args, &records(&args.names, input)?, now, &mut lines)
        }
        Command::Show(args) => table::present(args.format, FILL, output, terminal, |lines| {
            show(args, lines)
        }),
        Command::Check(args) => {
            let records = stream::read_all(input)?;
            table::present(args.format, GUESTS, output, terminal, |lines| {
                check(args, &records, lines)
            })
        }
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

fn open(source: &cli::Source, access: Access) -> Result<CsvIpam, Stop> {
    let hint = "name the IPAM: --ipam DIR, a folder with prefixes.csv";
    match source.ipam.as_deref() {
        None | Some("") => Err(Stop::input(anyhow!("no IPAM is named")).hint(hint)),
        Some(url) if url.contains("://") => {
            let what = anyhow!("{url}: this version keeps addresses in CSV files only");
            Err(Stop::input(what).hint(hint))
        }
        Some(folder) => CsvIpam::open(Path::new(folder), access),
    }
}

fn allocate<W: Write>(
    args: &cli::Allocate,
    records: &[Kept],
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let access = if args.dry_run {
        Access::Read
    } else {
        Access::Write
    };
    let mut ipam = open(&args.source, access)?;
    let flags = args.fields();
    let sound = records.iter().filter(|kept| !kept.record().has_error());
    let requests: Vec<_> = sound
        .map(|kept| Request::of(&kept.record(), &flags))
        .collect();
    let mut results = Vec::new();
    if !requests.is_empty() {
        let batch = Batch::new(requests, &ipam.networks()?, &args.policy());
        let view = ipam.look(&batch.ask())?;
        results = batch.decide(&view, &args.naming());
    }
    let changes: Vec<Change> = results
        .iter()
        .flatten()
        .filter_map(|grant| grant.change.clone())
        .collect();
    let acted = act(&mut ipam, &changes, args.dry_run)?;
    answer(records, results, lines, acted, |grant| {
        granted(grant, args.dry_run)
    })
}

fn release<W: Write>(
    args: &cli::Release,
    records: &[Kept],
    now: Timestamp,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let access = if args.dry_run {
        Access::Read
    } else {
        Access::Write
    };
    let mut ipam = open(&args.source, access)?;
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
    let changes: Vec<Change> = results
        .iter()
        .flatten()
        .filter_map(|farewell| farewell.change.clone())
        .collect();
    let acted = act(&mut ipam, &changes, args.dry_run)?;
    answer(records, results, lines, acted, |farewell: &Farewell| {
        let mut fields = farewell
            .entry
            .as_ref()
            .map_or_else(Vec::new, |entry| placed(entry, &networks));
        fields.extend(outcome(farewell.change.is_some(), args.dry_run));
        fields
    })
}

/// Frees what was retired long enough ago; one record for each.
fn expire<W: Write>(
    args: &cli::Release,
    age: jiff::SignedDuration,
    now: Timestamp,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let access = if args.dry_run {
        Access::Read
    } else {
        Access::Write
    };
    let mut ipam = open(&args.source, access)?;
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
    let acted = act(&mut ipam, &changes, args.dry_run)?;
    for entry in overdue {
        let mut fields = owned(entry);
        fields.extend(placed(entry, &networks));
        fields.extend(outcome(true, args.dry_run));
        lines
            .own(&borrowed(&fields))
            .map_err(|error| output(error, acted))?;
    }
    lines.flush().map_err(|error| output(error, acted))?;
    Ok(Answer::Yes)
}

fn show<W: Write>(args: &cli::Show, lines: &mut Lines<W>) -> Result<Answer, Stop> {
    let mut ipam = open(&args.source, Access::Read)?;
    let networks = ipam.networks()?;
    let vrf = args.vrf.as_deref().map(Vrf::parse);
    let wanted = |prefix: &&ipam::Prefix| {
        args.vlan.is_none_or(|vlan| prefix.vlan == Some(vlan))
            && args.prefix.is_none_or(|net| prefix.net == net)
            && vrf.as_ref().is_none_or(|vrf| prefix.vrf == *vrf)
    };
    let prefixes: Vec<&ipam::Prefix> = networks.prefixes.iter().filter(wanted).collect();
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
            ("vlan", number(prefix.vlan)),
            ("vrf", text(prefix.vrf.name())),
            ("status", quote(&prefix.status)),
            ("size", fill.size.to_string()),
            ("used", fill.used.to_string()),
            ("free", fill.free.to_string()),
            ("next", text(next.as_deref())),
        ];
        lines.own(&borrowed(&fields)).map_err(Stop::output)?;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(Answer::Yes)
}

fn check<W: Write>(
    args: &cli::Check,
    records: &[Kept],
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let mut ipam = open(&args.source, Access::Read)?;
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
        let objects: Vec<_> = findings
            .iter()
            .map(|f| error_object(f.code, &f.message))
            .collect();
        let objects = format!("[{}]", objects.join(","));
        lines
            .write(record, &[("findings", &objects)])
            .map_err(Stop::output)?;
        answer = answer.max(Answer::no_if(!findings.is_empty()));
    }
    for entry in check::without_guest(&view, &guests) {
        let message = format!("{entry} is recorded for a guest that is not in the input");
        let mut fields = owned(entry);
        fields.extend(placed(entry, &networks));
        fields.push((
            "findings",
            format!("[{}]", error_object("no-guest", &message)),
        ));
        lines.own(&borrowed(&fields)).map_err(Stop::output)?;
        answer = Answer::No;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}

/// Carries the changes out unless this is a rehearsal; true if anything was changed.
fn act(ipam: &mut impl Ipam, changes: &[Change], dry_run: bool) -> Result<bool, Stop> {
    let act = !dry_run && !changes.is_empty();
    if act {
        ipam.apply(changes)?;
    }
    Ok(act)
}

/// Writes all records: those that carried an error as they came, the others with their result.
fn answer<T, W: Write>(
    records: &[Kept],
    results: Vec<Result<T, Refused>>,
    lines: &mut Lines<W>,
    acted: bool,
    fields: impl Fn(&T) -> Vec<(&'static str, String)>,
) -> Result<Answer, Stop> {
    let mut results = results.into_iter();
    let mut answer = Answer::Yes;
    for kept in records {
        let record = kept.record();
        let result = if record.has_error() {
            None
        } else {
            results.next()
        };
        let written = match result {
            Some(Ok(result)) => lines.write(record, &borrowed(&fields(&result))),
            Some(Err(refused)) => {
                answer = Answer::No;
                lines.fail(record, &[], refused.code.as_str(), &refused.message)
            }
            None => {
                answer = Answer::No;
                lines.write(record, &[])
            }
        };
        written.map_err(|error| output(error, acted))?;
    }
    lines.flush().map_err(|error| output(error, acted))?;
    Ok(answer)
}

/// After a change, a reader that went away is no success.
fn output(error: std::io::Error, acted: bool) -> Stop {
    let stop = Stop::output(error);
    if acted { stop.after_acting() } else { stop }
}

fn granted(grant: &Grant, dry_run: bool) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        (
            "address",
            quote(&format!("{}/{}", grant.address, grant.length)),
        ),
        (
            "prefix",
            text(grant.prefix.map(|net| net.to_string()).as_deref()),
        ),
        ("vlan", number(grant.vlan)),
        ("dns_name", quote(&grant.dns_name)),
    ];
    fields.extend(outcome(grant.change.is_some(), dry_run));
    fields
}

/// Where a recorded address is.
fn placed(entry: &Entry, networks: &Networks) -> Vec<(&'static str, String)> {
    let prefix = networks.holding(entry.address, &entry.vrf);
    vec![
        (
            "address",
            quote(&format!("{}/{}", entry.address, entry.length)),
        ),
        (
            "prefix",
            text(prefix.map(|prefix| prefix.net.to_string()).as_deref()),
        ),
        ("vlan", number(prefix.and_then(|prefix| prefix.vlan))),
        ("dns_name", quote(&entry.dns_name)),
    ]
}

/// Whose a recorded address is.
fn owned(entry: &Entry) -> Vec<(&'static str, String)> {
    let (name, interface) = owner::parts(entry.key.as_deref().unwrap_or_default());
    let mut fields = vec![("name", quote(name))];
    fields.extend(interface.map(|interface| ("interface", quote(interface))));
    fields
}

fn outcome(changed: bool, dry_run: bool) -> Vec<(&'static str, String)> {
    let mut fields = vec![("changed", changed.to_string())];
    fields.extend(dry_run.then(|| ("dry_run", "true".to_owned())));
    fields
}

fn number(value: Option<u64>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

fn text(value: Option<&str>) -> String {
    value.map_or("null".to_owned(), quote)
}

fn borrowed<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}
