//! An address for a named guest, from an IPAM: never twice, never leaked.
//!
//! Pure: [`owner`], [`request`], [`among`], [`assign`], [`scope`], [`exclude`], [`span`], [`family`], [`labels`], [`shared`],
//! [`pending`], [`retired`], and the four decisions [`allocate`], [`release`], [`show`], [`check`]; `verb` has
//! what each subcommand does around them. The seam to what keeps the addresses is [`ipam`]; behind it are
//! [`csv_ipam`] and [`netbox`], the only I/O.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::io::{Read, Write};

use jiff::Timestamp;
use vmid::{
    exit::{Answer, Stop},
    stream::Lines,
    table,
};

pub mod allocate;
pub mod among;
pub mod assign;
pub mod check;
pub mod cli;
pub mod csv_ipam;
pub mod exclude;
pub mod family;
pub mod intake;
pub mod interest;
pub mod ipam;
pub mod known;
pub mod labels;
pub mod list;
pub mod netbox;
pub mod owner;
pub mod pending;
#[cfg(test)]
mod properties;
pub mod refused;
pub mod release;
pub mod report;
pub mod request;
pub mod retired;
pub mod scope;
pub mod shared;
pub mod show;
pub mod site_rules;
pub mod slug;
pub mod span;
pub mod status;
mod verb;

use cli::{Command, Environment};
use verb::source::{Intent, access, guests, open, records, site_rules};

/// What surrounds a run; `main` alone reads it from the system.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Variables of the environment.
    pub environment: Environment,
    /// The time.
    pub now: Timestamp,
}

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
            let site = site_rules(&args.exclude.site)?;
            let records = records(&args.names, input)?;
            let ipam = open(&args.source, access("allocate", args.dry_run))?;
            verb::allocate::allocate(
                args,
                site,
                ipam,
                &records,
                &mut Lines::new(output, terminal),
            )
        }
        Command::Release(args) => {
            let mut lines = Lines::new(output, terminal);
            if let Some(age) = args.retired_before {
                let ipam = open(&args.source, access("release", args.dry_run))?;
                return verb::expire::expire(args, ipam, age, *now, &mut lines);
            }
            let records = records(&args.names, input)?;
            let ipam = open(&args.source, access("release", args.dry_run))?;
            verb::release::release(args, ipam, &records, *now, &mut lines)
        }
        Command::Show(args) => {
            let site = site_rules(&args.exclude.site)?;
            let ipam = open(&args.source, Intent::Look)?;
            table::present(args.format, verb::show::FILL, output, terminal, |lines| {
                verb::show::show(args, site, ipam, lines)
            })
        }
        Command::Check(args) => {
            let site = args.site.read()?;
            let domain = site.as_ref().and_then(|site| site.domain.as_deref());
            let records = guests(input)?;
            let ipam = open(&args.source, Intent::Look)?;
            table::present(
                args.format,
                verb::check::GUESTS,
                output,
                terminal,
                |lines| verb::check::check(args, domain, ipam, &records, lines),
            )
        }
        Command::List(args) => {
            let site = args.site.read()?;
            let domain = site.as_ref().and_then(|site| site.domain.as_deref());
            let ipam = open(&args.source, Intent::Look)?;
            verb::list::list(args, domain, ipam, output, terminal)
        }
        Command::Setup(args) => {
            verb::setup::setup(args, environment, &mut Lines::new(output, terminal))
        }
    }
}
