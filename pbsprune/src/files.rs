//! `pbsprune files`: which archive file is which backup of which series, and what is kept.
//!
//! Names are read by one grammar ([`suffix`], [`date`] with [`clock`], [`words`]); [`series`] and
//! [`backups`] put files together, and [`judgement`] decides as PBS does. Nothing is removed here.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
};

use anyhow::Context as _;
use vmid::{
    exit::{Answer, Stop},
    stream::{self, Again, Lines, Pile, error_object, quote},
    table::Format,
};

use crate::{Surroundings, extra::Extras, guard::Guards, input::Noted, named_file, policy::Policy};

pub mod arguments;
pub mod backups;
pub mod chains;
pub mod clock;
pub mod date;
#[cfg(test)]
mod date_tests;
#[cfg(test)]
mod doubt_tests;
pub mod file;
pub mod judgement;
pub mod left;
pub mod moment;
pub mod numbers;
pub mod outcome;
pub mod parts;
pub mod series;
#[cfg(test)]
mod series_tests;
pub mod suffix;
pub mod table;
pub mod told;
pub mod verdict;
pub mod weekday;
pub mod words;

use arguments::{By, Files};
use backups::{Backups, Role, backups};
use file::File;
use judgement::{Rules, judge, refusal_told};
use outcome::{Outcome, outcomes};
use series::{DatedBy, places};

/// The fields that are added, in their order.
const FIELDS: [&str; 6] = ["series", "backup-time", "dated-by", "mark", "reason", "why"];

/// The records of files, in the order they came.
#[derive(Default)]
struct Input {
    pile: Pile,
    /// By record; none for one that carries an error.
    files: Vec<Option<File>>,
    /// Folders of which a record came with an error.
    failed: BTreeSet<String>,
}

/// Runs it: records of files from `input`, the answer to `output`.
///
/// # Errors
///
/// The input is no stream of files, the policy file can't be used, or `output` failed.
pub fn run(
    args: &Files,
    around: &mut Surroundings<'_>,
    input: impl Read,
    mut output: impl Write,
) -> Result<Answer, Stop> {
    let rules = rules(args, around.now)?;
    let input = read(input, args.allow_empty)?;
    let files: Vec<File> = input.files.iter().flatten().cloned().collect();
    let places = places(&files, &around.zone, args.by == By::Mtime);
    let backups = backups(&files, &places);
    let failed = |series: &backups::Series| {
        let folder = series
            .name
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        input.failed.contains(folder)
    };
    let held = chains::held(&files, &backups.roles, &around.zone);
    let judged = judge(&backups.series, &held, failed, &around.zone, &rules);
    let outcomes = outcomes(&files, &backups, &judged, args.keep_within);
    if matches!(&rules.policy, Policy::One(keep) if keep.is_empty()) {
        (around.say)("hint: no keep option is set (or all are 0), so everything is kept");
    }
    let (lines, look) = told::told(&files, &backups);
    lines.iter().for_each(|line| (around.say)(line));
    let refused = judged.iter().any(|judged| judged.refusal.is_some());
    let answer = Answer::no_if(look || refused || files.len() < input.files.len());
    if args.format == Format::Table {
        let shown = table::Shown {
            files: &files,
            backups: &backups,
            judged: &judged,
            outcomes: &outcomes,
            rules: &rules,
            zone: &around.zone,
            removals: args.removals,
            owned: table::owned(&backups.roles),
        };
        let written = shown.print(&mut output).and_then(|()| output.flush());
        return written.map(|()| answer).map_err(Stop::output);
    }
    vmid::table::present(args.format, &[], output, around.terminal, |lines| {
        write(args, &input, &files, &backups, &outcomes, lines)?;
        Ok(answer)
    })
}

fn rules(args: &Files, now: i64) -> Result<Rules, Stop> {
    let policy = match &args.policy {
        Some(path) => Policy::parse(&named_file::read(path)?)
            .with_context(|| path.display().to_string())
            .map_err(Stop::input)?,
        None => Policy::One(args.counts.keep()),
    };
    let guards = match args.no_guards {
        true => Guards::default(),
        false => Guards {
            failed_rows: true,
            mixed_owners: false,
            future: !args.allow_future,
            max_remove: args.max_remove,
            max_remove_total: args.max_remove_total,
            stale_after: args.stale_after,
        },
    };
    Ok(Rules {
        policy,
        extras: Extras {
            verified: false,
            within: args.keep_within,
            oldest: args.keep_oldest,
        },
        guards,
        joins: args.join.clone(),
        now,
    })
}

fn read(input: impl Read, allow_empty: bool) -> Result<Input, Stop> {
    let mut noted = Noted::of(input);
    let mut read = Input::default();
    stream::read_each(&mut noted, |record| {
        if record.has_error() {
            if let Ok(file) = File::of(&record) {
                read.failed.insert(file.folder().to_owned());
            }
            read.files.push(None);
        } else {
            read.files.push(Some(File::of(&record)?));
        }
        read.pile.push(record);
        Ok::<(), file::Fault>(())
    })?;
    if noted.something || allow_empty {
        return Ok(read);
    }
    let what = anyhow::anyhow!("no list of files came in: standard input is empty");
    Err(Stop::input(what)
        .hint("look at what should have sent it; --allow-empty if there is really none"))
}

/// All records as they came, or those to remove: each series oldest first, companions behind.
fn write<W: Write>(
    args: &Files,
    input: &Input,
    files: &[File],
    backups: &Backups,
    outcomes: &[Outcome],
    lines: &mut Lines<W>,
) -> Result<(), Stop> {
    let mut again = Again::new();
    let records = input.files.iter().enumerate();
    let records: Vec<usize> = records
        .filter_map(|(at, file)| file.as_ref().map(|_| at))
        .collect();
    let mut put = |file: usize, lines: &mut Lines<W>| {
        let (text, _) = input.pile.text(records[file]);
        let fields = fields(file, backups, &outcomes[file]);
        let set: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let stale = FIELDS
            .into_iter()
            .filter(|name| set.iter().all(|(set, _)| set != name));
        let stale: Vec<_> = stale.collect();
        lines
            .rewrite(again.record(text), &set, &stale)
            .map_err(Stop::output)
    };
    if args.removals {
        let removed = (0..files.len()).filter(|&file| outcomes[file].is_removed());
        let mut removed: Vec<_> = removed.collect();
        removed.sort_by_cached_key(|&file| order(file, files, backups));
        for file in removed {
            put(file, lines)?;
        }
    } else {
        let mut file = 0;
        for (at, known) in input.files.iter().enumerate() {
            if known.is_some() {
                put(file, lines)?;
                file += 1;
            } else {
                let mut again = Again::new();
                let record = again.record(input.pile.text(at).0);
                lines.write(record, &[]).map_err(Stop::output)?;
            }
        }
    }
    lines.flush().map_err(Stop::output)
}

/// The series and backup of a file, that of its archive for a companion.
fn backup_of(file: usize, backups: &Backups) -> Option<(usize, usize)> {
    let own = |role: &Role| match role {
        Role::Archive(series, backup) => Some((*series, *backup)),
        _ => None,
    };
    match &backups.roles[file] {
        Role::Companion(owners) => owners.first().and_then(|&owner| own(&backups.roles[owner])),
        role => own(role),
    }
}

fn order(file: usize, files: &[File], backups: &Backups) -> (usize, i64, bool, String) {
    let (series, backup) = backup_of(file, backups).unwrap_or_default();
    let time = backups.series[series].backups[backup].time;
    let companion = matches!(backups.roles[file], Role::Companion(_));
    (series, time, companion, files[file].path.clone())
}

/// The fields of a file, names and raw values.
fn fields(file: usize, backups: &Backups, outcome: &Outcome) -> Vec<(&'static str, String)> {
    let mut fields = Vec::with_capacity(FIELDS.len());
    if let Some((series, backup)) = backup_of(file, backups) {
        let series = &backups.series[series];
        let backup = &series.backups[backup];
        let by = match backup.by {
            DatedBy::Name => "name",
            DatedBy::Mtime => "mtime",
        };
        fields.push(("series", quote(&series.name)));
        fields.push(("backup-time", backup.time.to_string()));
        fields.push(("dated-by", quote(by)));
    }
    match outcome {
        Outcome::Marked(mark) => {
            fields.push(("mark", quote(mark.mark)));
            fields.push(("reason", quote(mark.reason)));
            fields.push(("why", quote(&mark.why)));
        }
        Outcome::Left(reason, why) => {
            fields.push(("mark", "null".to_owned()));
            fields.push(("reason", quote(reason)));
            fields.push(("why", quote(why)));
        }
        Outcome::Refused(refusal) => {
            let error = error_object(refusal.code(), &refusal_told(refusal));
            fields.push(("error", error));
        }
    }
    fields
}
