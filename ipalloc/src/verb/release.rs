//! `ipalloc release`: frees or retires what the named guests have.

use std::io::Write;

use jiff::Timestamp;
use vmid::{
    exit::{Answer, Stop},
    stream::{Kept, Lines, Record, Value},
    tally::is_of_another_kind,
};

use super::act::{act_once, changes};
use crate::{
    cli,
    family::Families,
    interest::Interest,
    ipam::{Ipam, Networks},
    owner::Owner,
    refused::{Code, Refused},
    release::{self, Farewell, Manner},
    report::{self, Row},
    request,
};

pub(crate) fn release<W: Write>(
    args: &cli::Release,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    now: Timestamp,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let is_passed = |kept: &Kept| {
        let record = kept.record();
        record.has_error() || is_of_another_kind(&record)
    };
    let owner = |kept: &Kept| {
        let record = kept.record();
        if let Some(codes) = finding_codes(&record).filter(|_| !args.force) {
            let message = format!(
                "the record carries findings ({codes}): an audit's answer is no list of what may go; --force releases it"
            );
            return Err(Refused::new(Code::HasFindings, message));
        }
        let interface = request::text(&record, "interface")?;
        let interface = interface.or_else(|| args.interface.clone());
        request::owner_of(&record, interface.as_deref())
    };
    let sound = records.iter().filter(|kept| !is_passed(kept));
    let owners: Vec<Result<Owner, Refused>> = sound.map(owner).collect();
    let mut results = Vec::new();
    let mut networks = Networks::default();
    if !owners.is_empty() {
        let ask = release::ask(owners.iter().flatten());
        networks = ipam.networks(&Interest {
            located: true,
            ask: ask.clone(),
            ..Interest::default()
        })?;
        let view = ipam.look(&ask)?;
        let manner = Manner {
            retire: args.retire,
            force: args.force,
            families: args.family.families().unwrap_or(Families::Both),
            now,
        };
        results = release::decide(owners, &view, &manner);
    }
    let changes = changes(
        results
            .iter()
            .flatten()
            .flatten()
            .map(|farewell| farewell.change.as_ref()),
    );
    let acted = act_once(ipam.as_mut(), &changes, args.dry_run)?;
    let ids = ipam.has_ids();
    let told =
        |farewells: Vec<Farewell>| report::released(&farewells, &networks, ids, args.dry_run);
    let mut told = results.into_iter().map(|result| result.map(told));
    let row = |kept: &Kept| {
        let told = if is_passed(kept) { None } else { told.next() };
        told.map(|told| Row::of(told, args.dry_run))
    };
    let rows = records.iter().map(row).collect();
    report::write(records, rows, lines, acted)
}

/// The codes of the findings that a record carries; none if it has none.
fn finding_codes(record: &Record<'_>) -> Option<String> {
    let raw = match record.value("findings") {
        Value::Absent | Value::Null => return None,
        Value::Other(raw) => raw,
        _ => return Some("unreadable".to_owned()),
    };
    let findings: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
    let findings = findings.as_array();
    let codes = findings.into_iter().flatten();
    let codes = codes.map(|finding| finding["code"].as_str().unwrap_or("without a code"));
    let codes: Vec<&str> = codes.collect();
    let none = findings.is_some() && codes.is_empty();
    (!none).then(|| codes.join(", "))
}
