//! `check`: an inventory, each guest by itself and against the others.

use std::io::{Read, Write};

use crate::{
    COLUMNS, Surroundings, audit, cli, document,
    exit::{self, Answer, Stop},
    finding,
    guest::{self, Guest},
    named_files,
    reserved::Reserved,
    stream::{self, Kept, Lines, Record, Value, quote},
    table,
    tally::{Tally, is_of_another_kind},
    whereabouts,
};

/// Runs the verb: the inventory comes from `input`.
///
/// # Errors
///
/// As [`crate::run`].
pub fn run(
    args: &cli::Check,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let rules = rules(args)?;
    let terminal = surroundings.terminal;
    table::present(args.format, COLUMNS, output, terminal, |lines| {
        inventory(&rules, args.allow_empty, input, lines)
    })
}

fn rules(args: &cli::Check) -> Result<audit::Rules, Stop> {
    let site = args.site.named.read()?;
    let file = named_files::reserved(args.reserved_file.as_deref())?;
    let mut reserved: Reserved = args.reserved.iter().copied().chain(file).collect();
    if let Some(site) = &site {
        reserved = reserved.and_of_site(site);
    }
    Ok(audit::Rules {
        networks: named_files::networks(&args.site, site.as_ref())?,
        reserved,
        exempt: args.exempt.clone(),
    })
}

/// Audits the whole input. Records that carry an error already, and those that are no
/// guests, are handed on as they came.
fn inventory<W: Write>(
    rules: &audit::Rules,
    allow_empty: bool,
    input: impl Read,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let records = stream::read_all(input)?;
    document::none_among(&records)?;
    Tally::of(&records).some_guest(allow_empty)?;
    let is_judged = |record: &Record<'_>| !record.has_error() && !is_of_another_kind(record);
    let may_be = |address, guest: &Guest| rules.reserved.against(address, guest).is_none();
    let guest = |kept: &Kept| {
        let record = kept.record();
        match is_judged(&record) {
            true => whereabouts::with_agent(Guest::of(&record), &rules.networks, may_be),
            false => Guest::unknown(),
        }
    };
    let guests: Vec<Guest> = records.iter().map(guest).collect();
    if say_nothing_of_addresses(&records) {
        exit::say("vmid", &format!("note: {NO_ADDRESSES}; {}", stream::GUESTS));
    }
    let verdicts = audit::audit(&guests, rules);
    let mut answer = Answer::Yes;
    for (kept, verdict) in records.iter().zip(verdicts) {
        let record = kept.record();
        if !is_judged(&record) {
            answer = answer.max(stream::pass(record, lines)?);
            continue;
        }
        answer = answer.max(write(record, &verdict, lines)?);
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}

/// Said once, where it is no fault of each guest.
const NO_ADDRESSES: &str =
    "no guest in here has an address or a configuration, as in the list /cluster/resources";

/// Guests came in as Proxmox lists them, with what they are and use, but not with where they are.
fn say_nothing_of_addresses(records: &[Kept]) -> bool {
    let is_listed = |record: &Record<'_>| matches!(record.value("type"), Value::Text(kind) if ["qemu", "lxc"].contains(&&*kind));
    let says = |record: &Record<'_>| {
        let has = |name| record.raw(name).is_some();
        has("address")
            || has("interfaces")
            || record.names().any(|n| guest::is_interface_option(&n))
    };
    let records = || records.iter().map(Kept::record);
    records().any(|record| is_listed(&record)) && !records().any(|record| says(&record))
}

/// Writes a guest with what was found.
fn write<W: Write>(
    record: Record<'_>,
    verdict: &audit::Verdict,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let (findings, count) = finding::appended(&record, &audit::CODES, &verdict.findings);
    let expected = verdict
        .expected
        .map_or("null".to_owned(), |id| id.to_string());
    // A record that has no address, or an empty one, gets that of its config.
    let lacks = matches!(guest::address(&record.value("address")), Ok(None));
    let address = verdict.address.as_deref().filter(|_| lacks).map(quote);
    let mut set = vec![
        ("findings", findings.as_str()),
        ("expected_vmid", &expected),
    ];
    set.extend(address.as_deref().map(|address| ("address", address)));
    lines.write(record, &set).map_err(Stop::output)?;
    Ok(Answer::no_if(count > 0))
}
