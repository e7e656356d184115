//! `pvx-migrate plan make`: a step for each guest of the stream that is to be made.

use std::{
    fs,
    io::{Read, Write},
};

use vmid::{
    exit::{self, Answer, Stop},
    site::Site,
    stream::{self, Kept},
    table,
};

use super::given::Given;
use crate::{
    Surroundings, cli,
    cluster::Cluster,
    document,
    plan::{
        creation::{self, Creation, Making},
        make::{Work, wanted::Wanted},
        policy::Policy,
    },
};

/// What a record becomes.
enum Row {
    /// It came with an error.
    Failed,
    /// It is no guest's that can be made: code and message.
    Wrong(&'static str, String),
    /// A step.
    Step(Box<Creation>),
}

/// Writes the plan for the guests of `input`.
///
/// # Errors
///
/// The state document or the input is none, or `output` failed.
pub fn make(
    args: &cli::Make,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    let given = Given::read(&args.site, args.pairs.as_deref())?;
    let name = args.state.display().to_string();
    let text = fs::read(&args.state).map_err(|error| Stop::file(&name, error))?;
    let state = document::state(&text[..], surroundings.now, args.max_age, &name)?;
    let cluster = Cluster::new(&state);
    given.check(&cluster)?;
    let records = stream::read_all(input)?;
    vmid::document::none_among(&records)?;
    if records.is_empty() {
        let what = anyhow::anyhow!("stdin: no guests came in");
        return Err(Stop::input(what).hint("look at what should have sent them"));
    }
    given.say_what_is_unknown("limits and the pool for new guests");
    let site = given.site.unwrap_or_else(Site::empty);
    let policy = Policy {
        ram_ratio: args.ram_ratio.unwrap_or(site.limits.ram_ratio),
        pairs: given.pairs,
        site,
        ..Policy::default()
    };
    let mut work = Work::new(&cluster, &policy);
    let rows: Vec<Row> = records.iter().map(|kept| row(&mut work, kept)).collect();
    say_what_is_unseen(&rows);
    table::present(args.format, creation::COLUMNS, output, terminal, |lines| {
        let mut answer = Answer::Yes;
        for (kept, row) in records.iter().zip(&rows) {
            let record = kept.record();
            match row {
                Row::Failed => lines.write(record, &[]).map_err(Stop::output)?,
                Row::Wrong(code, what) => {
                    lines.fail(record, &[], code, what).map_err(Stop::output)?;
                }
                Row::Step(step) => {
                    let text = serde_json::to_string(step);
                    let text = text.map_err(|error| Stop::output(error.into()))?;
                    lines.extend(&text, "").map_err(Stop::output)?;
                }
            }
            let is_fine = matches!(row, Row::Step(step) if step.action == Making::Create);
            answer = answer.max(Answer::no_if(!is_fine));
        }
        lines.flush().map_err(Stop::output)?;
        Ok(answer)
    })
}

fn row(work: &mut Work<'_, '_>, kept: &Kept) -> Row {
    let record = kept.record();
    if record.has_error() {
        return Row::Failed;
    }
    match Wanted::of(&record) {
        Err(what) => Row::Wrong("bad-field", what),
        Ok(wanted) if work.has(wanted.vmid) => {
            let what = format!("{} is the ID of an earlier record, too", wanted.vmid);
            Row::Wrong("named-twice", what)
        }
        Ok(wanted) => Row::Step(Box::new(work.one(wanted))),
    }
}

/// What was not seen is said once, not only in the records.
fn say_what_is_unseen(rows: &[Row]) {
    let steps = rows.iter().filter_map(|row| match row {
        Row::Step(step) => Some(step),
        _ => None,
    });
    let warnings = steps.flat_map(|step| &step.warnings);
    let mut said: Vec<&str> = Vec::new();
    for warning in warnings.filter(|warning| warning.code == "unseen") {
        if !said.contains(&&warning.message[..]) {
            said.push(&warning.message);
        }
    }
    for message in said.iter().take(8) {
        exit::say("pvx-migrate", &format!("unseen: {message}"));
    }
}
