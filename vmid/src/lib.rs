//! A Proxmox guest ID that encodes the guest's place in the network, and what
//! the five tools of this workspace share.
//!
//! The domain of `vmid` is pure: [`scheme`], [`networks`], [`place`], [`guest`],
//! [`audit`]. Shared by all tools, and frozen to what two of them use, are
//! [`stream`] (records), [`exit`] (codes, error line), [`table`], [`finding`] and, behind the
//! feature `http`, the connection to a server.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use anyhow::Context as _;

pub mod audit;
pub mod avoid;
pub mod cli;
pub mod convert;
pub mod exit;
pub mod finding;
pub mod guest;
#[cfg(feature = "http")]
pub mod http;
pub mod networks;
pub mod place;
pub mod plain_file;
pub mod scheme;
pub mod site;
pub mod span;
pub mod stream;
pub mod table;
pub mod url;

use cli::{Check, Command, Site};
use exit::{Answer, Stop};
use guest::Guest;
use networks::Networks;
use stream::{Lines, quote};

/// Columns of `--format table`; a record's other fields are left out there.
pub(crate) const COLUMNS: &[&str] = &[
    "vmid",
    "name",
    "type",
    "node",
    "status",
    "vlan",
    "host",
    "address",
    "expected_vmid",
    "findings",
    "error",
];

/// Runs one command: records from `input` (or from its arguments) to `output`.
///
/// # Errors
///
/// The input is no stream of records, or a file or `output` failed.
pub fn run(
    command: &Command,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    match command {
        Command::Encode(encode) => {
            let values = lines_of("address", &encode.values, |value| quote(value));
            let site = site(&encode.convert.site)?;
            let job = convert::Encode {
                site,
                vlan: encode.vlan,
                overwrite: encode.convert.overwrite,
            };
            convert::run(&job, &encode.convert, values, input, output, terminal)
        }
        Command::Decode(decode) => {
            let number = |text: &str| scheme::decimal(text).is_some() && !text.starts_with('0');
            let spelled = |text: &String| {
                if number(text) {
                    text.clone()
                } else {
                    quote(text)
                }
            };
            let values = lines_of("vmid", &decode.values, spelled);
            let site = site(&decode.convert.site)?;
            let job = convert::Decode {
                site,
                overwrite: decode.convert.overwrite,
            };
            convert::run(&job, &decode.convert, values, input, output, terminal)
        }
        Command::Check(check) => {
            let rules = rules(check)?;
            table::present(check.format, COLUMNS, output, terminal, |lines| {
                inventory(&rules, input, lines)
            })
        }
    }
}

/// Values given as arguments, as the records that they stand for.
fn lines_of(name: &str, values: &[String], spelled: impl Fn(&String) -> String) -> Option<String> {
    let line = |value| format!("{{\"{name}\":{}}}\n", spelled(value));
    (!values.is_empty()).then(|| values.iter().map(line).collect())
}

fn site(options: &Site) -> Result<convert::Site, Stop> {
    Ok(convert::Site {
        networks: networks(options)?,
        digits: options.digits,
    })
}

fn networks(options: &Site) -> Result<Networks, Stop> {
    let Some(path) = &options.networks else {
        return Ok(Networks::default());
    };
    let text = read(path)?;
    let networks = Networks::parse(&text).with_context(|| path.display().to_string());
    networks.map_err(Stop::input)
}

/// A file that the caller named: if it isn't there, the call is wrong.
fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path)
        .with_context(|| path.display().to_string())
        .map_err(Stop::input)
}

fn rules(check: &Check) -> Result<audit::Rules, Stop> {
    let mut reserved = check.reserved.clone();
    if let Some(path) = &check.reserved_file {
        let text = read(path)?;
        let addresses = audit::reserved(&text).with_context(|| path.display().to_string());
        reserved.extend(addresses.map_err(Stop::input)?);
    }
    Ok(audit::Rules {
        networks: networks(&check.site)?,
        digits: check.site.digits,
        reserved,
        exempt: check.exempt.clone(),
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
