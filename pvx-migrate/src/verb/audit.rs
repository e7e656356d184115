//! `pvx-migrate audit`: the state against the site, and the findings in the form that is wanted.

use std::{
    io::{Read, Write},
    mem::ManuallyDrop,
};

use vmid::{
    exit::{Answer, Stop},
    nagios,
    severity::Severity,
    site::Site,
    table::{self, Format},
    verdict::Finding,
};

use super::given::Given;
use crate::{
    Surroundings,
    audit::{
        self,
        context::{Ages, Context},
        record::Record,
        show,
    },
    cli::{self, audit::Form},
    cluster::Cluster,
    document,
    plan::policy::Policy,
};

/// Judges the state document on `input`.
///
/// # Errors
///
/// The call or a document is wrong, or `output` failed.
pub fn audit(
    args: &cli::Audit,
    surroundings: &Surroundings,
    input: impl Read,
    mut output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    let records = ManuallyDrop::new(records(args, surroundings, input)?);
    let worst = records.iter().map(Record::severity).max();
    let answer = Answer::no_if(worst.is_some_and(|worst| worst > Severity::Info));
    let format = match args.format {
        Form::Table => {
            let written = show::table(&records, &mut output);
            return flushed(written, output).map(|()| answer);
        }
        Form::Markdown => {
            let written = show::markdown(&records, &mut output);
            return flushed(written, output).map(|()| answer);
        }
        Form::Json => Format::Json,
        Form::Csv => Format::Csv,
    };
    table::present(format, &[], output, terminal, |lines| {
        for record in records.iter() {
            let rows = match args.format {
                Form::Csv => show::flat(record),
                _ => vec![record.json()],
            };
            for row in rows {
                lines.extend(&row.to_string(), "").map_err(Stop::output)?;
            }
        }
        lines.flush().map_err(Stop::output)?;
        Ok(answer)
    })
}

/// The same as a plugin's line; the exit code is the plugin's.
///
/// # Errors
///
/// As [`audit`].
pub fn plugin(
    args: &cli::Audit,
    surroundings: &Surroundings,
    input: impl Read,
    mut output: impl Write,
) -> Result<u8, Stop> {
    let records = records(args, surroundings, input)?;
    let subjects = records.iter();
    let subjects: Vec<(String, &[Finding])> = subjects
        .map(|record| {
            let name = [record.called(), record.name().to_owned()].join(" ");
            (name.trim_end().to_owned(), &record.findings[..])
        })
        .collect();
    let well = show::summary(&records);
    nagios::write("pvx-migrate", &subjects, &well, &mut output).map_err(Stop::output)
}

fn records(
    args: &cli::Audit,
    surroundings: &Surroundings,
    input: impl Read,
) -> Result<Vec<Record>, Stop> {
    let given = Given::read(&args.site, None)?;
    let state = document::state(input, surroundings.now, args.max_age, "stdin")?;
    // It is needed to the end, and the end of the process frees it at once.
    let state = ManuallyDrop::new(state);
    let cluster = Cluster::new(&state);
    given.check(&cluster)?;
    given.say_what_is_unknown("services, roles, storages and limits");
    let site = given.site.unwrap_or_else(Site::empty);
    let policy = Policy {
        ram_ratio: args.ram_ratio.unwrap_or(site.limits.ram_ratio),
        pairs: given.pairs,
        site,
        ..Policy::default()
    };
    let ages = Ages {
        snapshot: args.snapshot_age,
        replica: args.replica_age,
    };
    let context = Context::new(&cluster, &policy, ages);
    Ok(audit::audit(&context))
}

fn flushed(written: std::io::Result<()>, mut output: impl Write) -> Result<(), Stop> {
    written.and_then(|()| output.flush()).map_err(Stop::output)
}
