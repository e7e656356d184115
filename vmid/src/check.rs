//! `check`: an inventory, each guest by itself and against the others.

use std::io::{Read, Write};

use crate::{
    COLUMNS, Surroundings, audit, cli,
    exit::{Answer, Stop},
    finding,
    guest::Guest,
    named_files,
    stream::{self, Lines},
    table,
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
        inventory(&rules, input, lines)
    })
}

fn rules(args: &cli::Check) -> Result<audit::Rules, Stop> {
    let mut reserved = args.reserved.clone();
    reserved.extend(named_files::reserved(args.reserved_file.as_deref())?);
    Ok(audit::Rules {
        networks: named_files::networks(args.site.networks.as_deref())?,
        digits: args.site.digits,
        reserved,
        exempt: args.exempt.clone(),
    })
}

/// Audits the whole input; the records that carry an error already are not judged.
fn inventory<W: Write>(
    rules: &audit::Rules,
    input: impl Read,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let records = stream::read_all(input)?;
    let guest = |kept: &stream::Kept| {
        let record = kept.record();
        if record.has_error() {
            Guest::unknown()
        } else {
            Guest::of(&record)
        }
    };
    let guests: Vec<Guest> = records.iter().map(guest).collect();
    let verdicts = audit::audit(&guests, rules);
    let mut answer = Answer::Yes;
    for (kept, verdict) in records.iter().zip(verdicts) {
        let record = kept.record();
        if record.has_error() {
            answer = answer.max(stream::pass(record, lines)?);
            continue;
        }
        let (findings, count) = finding::appended(&record, &audit::CODES, &verdict.findings);
        let expected = verdict
            .expected
            .map_or("null".to_owned(), |id| id.to_string());
        let set = [
            ("findings", findings.as_str()),
            ("expected_vmid", &expected),
        ];
        lines.write(record, &set).map_err(Stop::output)?;
        answer = answer.max(Answer::no_if(count > 0));
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}
