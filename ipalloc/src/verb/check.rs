//! `ipalloc check`: guests against the IPAM.

use std::io::Write;

use vmid::{
    exit::{Answer, Stop},
    finding,
    guest::{self, Guest},
    stream::{self, Kept, Lines, Value, error_object, quote},
    tally::{Tally, is_of_another_kind},
};

use crate::{
    check, cli,
    interest::Interest,
    ipam::{Ask, Ipam},
    report,
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
    let view = ipam.look(&Ask {
        all: true,
        ..Ask::default()
    })?;
    let domain = args.domain.as_deref().or(domain);
    let known = check::Records::new(&networks, &view, domain);
    let mut guests = Vec::new();
    let mut answer = Answer::Yes;
    for kept in records {
        let record = kept.record();
        if is_of_another_kind(&record) {
            answer = answer.max(stream::pass(record, lines)?);
            continue;
        }
        guests.push(Guest::of(&record));
        if record.has_error() {
            answer = answer.max(stream::pass(record, lines)?);
            continue;
        }
        let mut findings = guests
            .last()
            .map(|guest| known.judge(guest))
            .unwrap_or_default();
        if let (Some(guest), Value::Text(address6)) = (guests.last(), record.value("address6")) {
            findings.extend(known.judge_second(guest, &address6));
        }
        let (objects, count) = finding::appended(&record, &check::CODES, &findings);
        // A record that has no address, or an empty one, gets that of its config.
        let lacks = matches!(guest::address(&record.value("address")), Ok(None));
        let own = guests
            .last()
            .filter(|_| lacks)
            .and_then(Guest::first_address);
        let own = own.as_deref().map(quote);
        let mut set = vec![("findings", objects.as_str())];
        set.extend(own.as_deref().map(|address| ("address", address)));
        lines.write(record, &set).map_err(Stop::output)?;
        answer = answer.max(Answer::no_if(count > 0));
    }
    // Who saw no guest at all knows nothing of who has gone.
    let gone = if tally.guests > 0 {
        check::without_guest(&view, &guests)
    } else {
        Vec::new()
    };
    for entry in gone {
        let message = format!("{entry} is recorded for a guest that is not in the input");
        let mut fields = report::owned(entry);
        fields.extend(report::placed(entry, &networks));
        let mut findings = error_object("no-guest", &message);
        if let Some(finding) = known.duplicate(entry) {
            findings += &format!(",{}", error_object(finding.code, &finding.message));
        }
        fields.push(("findings", format!("[{findings}]")));
        lines
            .own(&report::borrowed(&fields))
            .map_err(Stop::output)?;
        answer = Answer::No;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}
