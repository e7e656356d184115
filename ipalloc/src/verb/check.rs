//! `ipalloc check`: guests against the IPAM.

use std::io::Write;

use vmid::{
    exit::{Answer, Stop},
    finding::{self, Finding},
    guest::{self, Guest},
    stream::{self, Kept, Lines, Record, Value, error_object, quote},
    tally::{Tally, is_of_another_kind},
};

use crate::{
    check, cli,
    interest::Interest,
    ipam::{Entry, Ipam, Networks},
    report, request,
};

/// Columns of `check --format table`.
pub(crate) const GUESTS: &[&str] = &[
    "vmid",
    "name",
    "type",
    "node",
    "interface",
    "address",
    "findings",
    "error",
];

pub(crate) fn check<W: Write>(
    args: &cli::Check,
    domain: Option<&str>,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let tally = Tally::of(records);
    tally.some_guest(args.allow_empty)?;
    let networks = ipam.networks(&Interest::all())?;
    let addresses = records.iter().flat_map(|kept| {
        let record = kept.record();
        let second = second(&record);
        let second = second.and_then(|text| request::parse_wanted(&text).ok());
        let mut all: Vec<_> = check::addresses(&Guest::of(&record)).collect();
        all.extend(second.map(|wanted| wanted.address));
        all
    });
    let view = ipam.survey(addresses.collect())?;
    let domain = args.domain.as_deref().or(domain);
    let known = check::Records::new(&networks, &view, domain);
    let mut names = check::Names::default();
    let mut answer = Answer::Yes;
    for kept in records {
        let record = kept.record();
        if is_of_another_kind(&record) {
            answer = answer.max(stream::pass(record, lines)?);
            continue;
        }
        let guest = Guest::of(&record);
        names.add(&guest);
        if record.has_error() {
            answer = answer.max(stream::pass(record, lines)?);
            continue;
        }
        let mut findings = known.judge(&guest);
        if let Some(address6) = second(&record) {
            findings.extend(known.judge_second(&guest, &address6));
        }
        let (objects, count) = finding::appended(&record, &check::CODES, &findings);
        // A record that has no address, or an empty one, gets that of its config.
        let lacks = matches!(guest::address(&record.value("address")), Ok(None));
        let own = Some(&guest).filter(|_| lacks);
        let own = own.and_then(Guest::first_address);
        let own = own.as_deref().map(quote);
        let mut set = vec![("findings", objects.as_str())];
        set.extend(own.as_deref().map(|address| ("address", address)));
        lines.write(record, &set).map_err(Stop::output)?;
        answer = answer.max(Answer::no_if(count > 0));
    }
    // Who saw no guest at all knows nothing of who has gone.
    if tally.guests > 0 {
        ipam.each(&view, &mut |entry| {
            if names.lack(entry) {
                answer = Answer::No;
                let gone = gone(entry, &networks, known.duplicate(entry));
                lines.own(&report::borrowed(&gone)).map_err(Stop::output)?;
            }
            Ok(())
        })?;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}

/// The IPv6 address beside an IPv4 one, as `allocate` gives it.
fn second(record: &Record<'_>) -> Option<String> {
    match record.value("address6") {
        Value::Text(text) if !text.is_empty() => Some(text.into_owned()),
        _ => None,
    }
}

/// The record of an address whose guest is gone.
fn gone(
    entry: &Entry,
    networks: &Networks,
    duplicate: Option<Finding>,
) -> Vec<(&'static str, String)> {
    let message = format!("{entry} is recorded for a guest that is not in the input");
    let mut fields = report::owned(entry);
    fields.extend(report::placed(entry, networks));
    let mut findings = error_object("no-guest", &message);
    if let Some(finding) = duplicate {
        findings += &format!(",{}", error_object(finding.code, &finding.message));
    }
    fields.push(("findings", format!("[{findings}]")));
    fields
}
