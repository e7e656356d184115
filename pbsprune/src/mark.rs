//! `pbsprune mark`: what is kept and what goes, a mark for each row or a table for people.

use std::io::{Read, Write};

use anyhow::Context as _;
use vmid::{
    exit::{Answer, Stop},
    stream::Lines,
    table::{self, Format},
};

use crate::{
    Surroundings,
    cli::Mark,
    extra::Extras,
    group_records,
    guard::Guards,
    input,
    judge::{Judged, Rules, judge},
    list::List,
    marked_rows::Rows,
    named_file,
    policy::Policy,
    report::Report,
};

/// Runs it: a snapshot list from `input`, the answer to `output`.
///
/// # Errors
///
/// The input is no snapshot list, the policy file can't be used, or `output` failed.
pub fn run(
    args: &Mark,
    around: &mut Surroundings<'_>,
    input: impl Read,
    mut output: impl Write,
) -> Result<Answer, Stop> {
    let policy = match &args.policy {
        Some(path) => {
            let policy = Policy::parse(&named_file::read(path)?);
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
            mixed_owners: true,
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
        now: around.now,
    };
    let list = input::list(input, &args.place.ns, args.allow_empty)?;
    if matches!(&rules.policy, Policy::Entries(entries) if entries.is_empty()) {
        (around.say)("hint: the policy has no entry, so everything is kept");
    }
    if matches!(&rules.policy, Policy::One(keep) if keep.is_empty()) {
        let extras = args.keep_within.is_some() || args.keep_oldest;
        (around.say)(match extras {
            true => {
                "hint: --keep-within and --keep-oldest only add to what --keep-last ... --keep-yearly keep; none of these is set (or all are 0), so everything is kept"
            }
            false => "hint: no keep option is set (or all are 0), so everything is kept",
        });
    }
    let judged = judge(&list, &around.zone, &rules);
    if judged.repeated > 0 {
        (around.say)(&format!(
            "rows that name a snapshot which another row names, too: {} (each is counted once)",
            judged.repeated
        ));
    }
    let failed = list.rows.iter().any(|row| row.group().is_none());
    let answer = Answer::no_if(failed || judged.refusals.iter().any(Option::is_some));
    if args.format == Format::Table && !args.groups {
        let report = Report {
            list: &list,
            judged: &judged,
            rules: &rules,
            zone: &around.zone,
            removals: args.removals,
        };
        let written = report.print(&mut output).and_then(|()| output.flush());
        return written.map(|()| answer).map_err(Stop::output);
    }
    table::present(args.format, &[], output, around.terminal, |lines| {
        if args.groups {
            let written = group_records::write(&list, &judged, lines);
            written.and_then(|()| lines.flush()).map_err(Stop::output)?;
            return Ok(answer);
        }
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
