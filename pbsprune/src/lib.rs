//! Which backups to keep and which to remove: PBS's own decision, with reasons.
//!
//! Pure, without clock, environment or network: [`retention`] (the rules of one group)
//! on [`rule`] and [`calendar`]; [`extra`], [`policy`], [`guard`]; [`judge`] for a whole
//! [`list`]. [`rows`], [`report`], [`diff`] and [`simulate`] are the answers. The zone's
//! data come from [`zone`] alone, files that the caller names are read here.

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
use vmid::{
    exit::{Answer, Stop},
    stream::Lines,
    table::{self, Format},
};

pub mod calendar;
pub mod cli;
pub mod diff;
pub mod extra;
pub mod guard;
pub mod judge;
pub mod list;
pub mod policy;
pub mod raw;
pub mod report;
pub mod retention;
pub mod rows;
pub mod rule;
pub mod simulate;
pub mod snapshot;
pub mod span;
pub mod strip;
pub mod why;
pub mod zone;

use cli::{Cli, Command, Diff, Mark, Simulate};
use extra::Extras;
use guard::Guards;
use judge::{Judged, Rules, judge};
use list::List;
use policy::Policy;
use rows::Rows;
use zone::Zone;

/// What only `main` finds out.
pub struct Site<'a> {
    /// Now, in seconds.
    pub now: i64,
    /// The zone in which days begin.
    pub zone: Zone,
    /// The output is a terminal.
    pub terminal: bool,
    /// Takes a line for stderr.
    pub say: &'a mut dyn FnMut(&str),
}

/// Runs one command: a snapshot list from `input` to `output`.
///
/// # Errors
///
/// The input is no snapshot list, a file that was named can't be used, or `output` failed.
pub fn run(
    cli: &Cli,
    site: &mut Site<'_>,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    if cli.place().verbose {
        (site.say)(&format!("days begin at midnight in {}", site.zone.name()));
    }
    match &cli.command {
        None => mark(&cli.mark, site, input, output),
        Some(Command::Mark(args)) => mark(args, site, input, output),
        Some(Command::Diff(args)) => compare(args, site, input, output),
        Some(Command::Simulate(args)) => future(args, site, input, output),
    }
}

fn mark(
    args: &Mark,
    site: &mut Site<'_>,
    input: impl Read,
    mut output: impl Write,
) -> Result<Answer, Stop> {
    let policy = match &args.policy {
        Some(path) => {
            let policy = Policy::parse(&file(path)?);
            policy
                .with_context(|| path.display().to_string())
                .map_err(Stop::input)?
        }
        None => Policy::One(args.counts.keep()),
    };
    let guards = match args.no_guards {
        true => Guards::default(),
        false => Guards {
            failed_rows: true,
            future: !args.allow_future,
            max_remove: args.max_remove,
            max_remove_total: args.max_remove_total,
            stale_after: args.stale_after,
        },
    };
    let rules = Rules {
        policy,
        extras: Extras {
            verified: args.verified,
            within: args.keep_within,
            oldest: args.keep_oldest,
        },
        guards,
        now: site.now,
    };
    let list = List::read(input, &args.place.ns)?;
    if matches!(&rules.policy, Policy::One(keep) if keep.is_empty()) {
        let extras = args.keep_within.is_some() || args.keep_oldest;
        (site.say)(match extras {
            true => {
                "hint: --keep-within and --keep-oldest only add to what --keep-last ... --keep-yearly keep; none of these is set (or all are 0), so everything is kept"
            }
            false => "hint: no keep option is set (or all are 0), so everything is kept",
        });
    }
    let judged = judge(&list, &site.zone, &rules);
    if judged.repeated > 0 {
        (site.say)(&format!(
            "rows that name a snapshot which another row names, too: {} (each is counted once)",
            judged.repeated
        ));
    }
    let failed = list.rows.iter().any(|row| row.group().is_none());
    let answer = Answer::no_if(failed || judged.refusals.iter().any(Option::is_some));
    if args.format == Format::Table {
        let report = report::Report {
            list: &list,
            judged: &judged,
            rules: &rules,
            zone: &site.zone,
            removals: args.removals,
        };
        let written = report.print(&mut output).and_then(|()| output.flush());
        return written.map(|()| answer).map_err(Stop::output);
    }
    table::present(args.format, &[], output, site.terminal, |lines| {
        write(args, &list, &judged, lines)?;
        Ok(answer)
    })
}

/// All rows as they came, or those to remove, oldest first within each group.
fn write<W: Write>(
    args: &Mark,
    list: &List,
    judged: &Judged,
    lines: &mut Lines<W>,
) -> Result<(), Stop> {
    let mut rows = Rows::new(list, judged, args.keep_within);
    if args.removals {
        for group in 0..list.groups.len() {
            if judged.refusals[group].is_some() {
                continue;
            }
            for row in judged.oldest_first(list, group) {
                if judged.fates[row].is_removed() {
                    rows.marked(row, lines).map_err(Stop::output)?;
                }
            }
        }
    } else {
        for row in 0..list.rows.len() {
            rows.marked(row, lines).map_err(Stop::output)?;
        }
    }
    lines.flush().map_err(Stop::output)
}

fn compare(
    args: &Diff,
    site: &mut Site<'_>,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let server = match &args.server {
        Some(path) => {
            let server = diff::Server::parse(&file(path)?, &args.place.ns);
            let server = server.with_context(|| path.display().to_string());
            Some(server.map_err(Stop::input)?)
        }
        None => None,
    };
    let list = List::read(input, &args.place.ns)?;
    let other = match (&args.b, &server) {
        (_, Some(server)) => diff::Other::Server(server),
        (b, None) => diff::Other::Policy(b.unwrap_or_default()), // clap wants one of them
    };
    let compared = diff::Compared::new(&list, &site.zone, args.a, other);
    if compared.strangers > 0 {
        (site.say)(&format!(
            "groups of the list that the server's answer has nothing of: {} (not compared)",
            compared.strangers
        ));
    }
    table::present(args.format, diff::COLUMNS, output, site.terminal, |lines| {
        let differ = compared.write(lines).map_err(Stop::output)?;
        lines.flush().map_err(Stop::output)?;
        // An answer about no group of the list agrees with nothing.
        let nothing = compared.strangers > 0 && compared.strangers == list.groups.len();
        Ok(Answer::no_if((differ || nothing) && server.is_some()))
    })
}

fn future(
    args: &Simulate,
    site: &mut Site<'_>,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let keep = args.counts.keep();
    let schedule = simulate::Schedule {
        every: args.every,
        at: args.at,
        duration: args.duration,
    };
    let times = schedule.times(&site.zone, site.now).map_err(Stop::input)?;
    let list = List::read(input, &args.place.ns)?;
    if keep.is_empty() {
        (site.say)("hint: no keep option is set (or all are 0), so everything is kept");
    }
    table::present(args.format, &[], output, site.terminal, |lines| {
        simulate::write(&list, &site.zone, &keep, &times, lines).map_err(Stop::output)?;
        lines.flush().map_err(Stop::output)?;
        Ok(Answer::Yes)
    })
}

/// A file that the caller named: if it isn't there, the call is wrong.
fn file(path: &Path) -> Result<Vec<u8>, Stop> {
    let text = fs::read(path).with_context(|| path.display().to_string());
    text.map_err(Stop::input)
}
