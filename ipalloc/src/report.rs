//! Results as records: which fields a record gets, and which records come out.

use std::io::{self, Write};

use anyhow::anyhow;
use vmid::{
    exit::{Answer, Stop},
    stream::{Kept, Lines, Value, quote},
};

use crate::{
    allocate::Grant,
    intake::Kind,
    ipam::{Change, Made},
    refused::{Code, Refused},
};

mod assigned;
mod part;
mod said;

pub use assigned::add_assigned;
use part::OF_SIX;
pub use part::Part;
pub use said::{absent, borrowed, granted, number, outcome, owned, placed, released, text};

/// Fields to set in a record: a name and a raw JSON value.
pub type Fields = Vec<(&'static str, String)>;

/// What comes of one request: its fields, and those of them that tell of each change that had to
/// be made for it.
pub type Told = Result<(Fields, Vec<Part>), Refused>;

/// What comes of one record.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its fields.
    pub fields: Fields,
    /// Why it, or a part of it, is refused.
    pub error: Option<Refused>,
    /// What each change that had to be made for it is told by.
    pub changes: Vec<Part>,
    /// What came of a guest's other interfaces.
    pub others: Vec<Fields>,
}

impl Row {
    /// The row of a record that is one request.
    #[must_use]
    pub fn of(told: Told, dry_run: bool) -> Self {
        match told {
            Ok((fields, changes)) => Self {
                fields,
                error: None,
                changes,
                others: Vec::new(),
            },
            Err(refused) => {
                let mut fields = vec![("changed", refused.code.changed().to_owned())];
                fields.extend(dry_run.then(|| ("dry_run", "true".to_owned())));
                Self {
                    fields,
                    error: Some(refused),
                    ..Self::default()
                }
            }
        }
    }
}

impl Row {
    /// Takes over that the back end refused one of its changes.
    fn take_refusal<'a>(&mut self, made: impl Iterator<Item = &'a Made> + Clone) {
        let Some(refused) = made.clone().find_map(|made| made.refused.clone()) else {
            return;
        };
        self.error.get_or_insert(refused);
        if made.clone().all(|made| made.refused.is_some()) {
            // Nobody is to take an address from it that is not the guest's.
            self.fields = vec![("changed", "false".to_owned())];
            self.others.clear();
        }
    }

    /// Gives it the field that tells of a guest's other interfaces.
    fn list_others(&mut self) {
        let object = |fields: Fields| {
            let members = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\":{value}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        let others: Vec<String> = self.others.drain(..).map(object).collect();
        if !others.is_empty() {
            let others = format!("[{}]", others.join(","));
            self.fields.push(("other_addresses", others));
        }
    }
}

/// What came of the changes of a batch.
#[derive(Debug, Default)]
pub struct Acted {
    /// Each change, in order; none for one that was not made.
    pub made: Vec<Option<Made>>,
    /// Why some were not.
    pub failed: Option<Stop>,
}

impl Acted {
    /// Every change was made.
    #[must_use]
    pub fn all(made: Vec<Made>) -> Self {
        Self {
            made: made.into_iter().map(Some).collect(),
            failed: None,
        }
    }

    /// What an error of stdout means: after a change, a reader that went away is no success.
    #[must_use]
    pub fn output(&self, error: io::Error) -> Stop {
        let stop = Stop::output(error);
        if self.made.is_empty() && self.failed.is_none() {
            stop
        } else {
            stop.after_acting()
        }
    }
}

/// What is said of some answers only, and what stands in its place where it holds no more.
const STALE: [(&str, &str); 8] = [
    ("dry_run", "false"),
    ("assigned", "null"),
    ("assigned6", "null"),
    ("instead_of6", "null"),
    ("differs6", "null"),
    ("revived", "false"),
    ("instead_of", "null"),
    ("differs", "null"),
];

/// Writes all records: those without a row as they came, the others with theirs. Where a
/// change failed half-way, only what was done comes out.
///
/// # Errors
///
/// Those of writing, and that of the failed change.
pub fn write<W: Write>(
    records: &[Kept],
    rows: Vec<Option<Row>>,
    lines: &mut Lines<W>,
    acted: Acted,
) -> Result<Answer, Stop> {
    let mut made = acted.made.iter();
    let cause = acted.failed.as_ref().map(Stop::to_string);
    let mut answer = Answer::Yes;
    for (kept, row) in records.iter().zip(rows) {
        let record = kept.record();
        let Some(mut row) = row else {
            answer = answer.max(Answer::no_if(record.has_error()));
            lines
                .write(record, &[])
                .map_err(|error| acted.output(error))?;
            continue;
        };
        let of_row: Vec<_> = made.by_ref().take(row.changes.len()).collect();
        if !of_row.is_empty() && of_row.iter().all(|made| made.is_none()) {
            continue;
        }
        row.take_refusal(of_row.iter().copied().flatten());
        let mut lacking = of_row.iter().copied().flatten();
        let lacking = lacking.find_map(|made| made.lacks.clone());
        row.error = row.error.take().or(lacking);
        row.leave_undone(&of_row, cause.as_deref().unwrap_or_default());
        row.list_others();
        // What a rehearsal or an earlier run said need not hold any more.
        for (name, none) in STALE {
            let stale = row.fields.iter().all(|(field, _)| *field != name)
                && record.value(name) != Value::Absent;
            row.fields.extend(stale.then(|| (name, none.to_owned())));
        }
        let written = match &row.error {
            None => lines.write(record, &borrowed(&row.fields)),
            Some(refused) => {
                answer = Answer::No;
                let (code, message) = (refused.code.as_str(), &refused.message);
                lines.fail(record, &borrowed(&row.fields), code, message)
            }
        };
        written.map_err(|error| acted.output(error))?;
    }
    lines.flush().map_err(|error| acted.output(error))?;
    acted.failed.map_or(Ok(answer), Err)
}

/// A row for each record that is not passed on; `told` is what came of each request, in order.
#[must_use]
pub fn rows(kinds: &[Kind], told: Vec<Told>, dry_run: bool) -> Vec<Option<Row>> {
    let mut told = told.into_iter();
    let row = |kind: &Kind| match kind {
        Kind::Passed | Kind::Template => None,
        Kind::Dhcp => Some(Row {
            fields: vec![("skipped", quote("dhcp")), ("changed", "false".to_owned())],
            ..Row::default()
        }),
        Kind::Asks => told.next().map(|told| Row::of(told, dry_run)),
        Kind::AsksBoth => {
            let halves = told.next().zip(told.next())?;
            Some(of_both(halves.0, halves.1, dry_run))
        }
        Kind::Has(interfaces) => {
            let all = interfaces.iter().zip(told.by_ref());
            Some(of_configuration(all.collect(), dry_run))
        }
    };
    kinds.iter().map(row).collect()
}

/// One row for a request of both families: what came of the IPv6 half has a 6 behind its names.
fn of_both(four: Told, six: Told, dry_run: bool) -> Row {
    let reason = |told: &Told| match told {
        Err(refused) => Some(u8::from(refused.code != Code::Batch)),
        Ok(_) => None,
    };
    match (reason(&four), reason(&six)) {
        (None, None) => {}
        (of_four, of_six) if of_six > of_four => return Row::of(six, dry_run),
        _ => return Row::of(four, dry_run),
    }
    let (mut row, six) = (Row::of(four, dry_run), Row::of(six, dry_run));
    row.changes.extend(six.changes.iter().map(|_| Part::Six));
    with_six(&mut row.fields, six.fields);
    row
}

/// Adds the fields of an IPv6 address to those of an IPv4 one.
fn with_six(fields: &mut Fields, six: Fields) {
    for (name, value) in six {
        match (name, fields.iter_mut().find(|(field, _)| *field == name)) {
            ("changed", Some((_, changed))) if value == "true" => *changed = value,
            ("revived", None) => fields.push(("revived", value)),
            _ => {
                let of_six = OF_SIX.iter().find(|(field, _)| *field == name);
                fields.extend(of_six.map(|(_, field)| (*field, value)));
            }
        }
    }
}

/// One row for a guest with several interfaces: what came of the first, those of the others in
/// `other_addresses`, and the first refusal of any.
fn of_configuration(all: Vec<(&String, Told)>, dry_run: bool) -> Row {
    let mut row: Option<Row> = None;
    for (interface, told) in all {
        let next = Row::of(told, dry_run);
        let Some(first) = &mut row else {
            row = Some(next);
            continue;
        };
        let mut fields = vec![("interface", quote(interface))];
        fields.extend(next.fields);
        if let Some(refused) = &next.error {
            fields.push(("error", refused.object()));
        }
        let part = Part::Other(first.others.len());
        first.others.push(fields);
        first.changes.extend(next.changes.iter().map(|_| part));
        let named = next.error.map(|refused| Refused {
            message: format!("{interface}: {}", refused.message),
            ..refused
        });
        first.error = first.error.take().or(named);
    }
    let mut row = row.unwrap_or_default();
    if !row.changes.is_empty() {
        for (_, value) in row.fields.iter_mut().filter(|(name, _)| *name == "changed") {
            *value = "true".to_owned();
        }
    }
    row
}

/// What is told of a batch of which nobody knows whether it was carried out, and why the run ends.
#[must_use]
pub fn unknown(results: Vec<Result<Grant, Refused>>, what: &str) -> (Vec<Told>, Stop) {
    let told = |_| Err(Refused::new(Code::UnknownOutcome, what));
    let all = results.into_iter().map(told).collect();
    (all, Stop::outside(anyhow!("{what}")))
}

/// What is told of a batch whose new addresses were made but could not be read back: nobody
/// should use them yet, and everybody should know of them. And why the run ends.
#[must_use]
pub fn unverified(
    results: Vec<Result<Grant, Refused>>,
    made: &[Made],
    cause: &Stop,
) -> (Vec<Told>, Stop) {
    let mut made = made.iter();
    let mut addresses = Vec::new();
    let mut told = |mut grant: Grant| match grant.change {
        None => Ok(granted(&grant, true, false)),
        Some(Change::Create(_)) => {
            grant.settle(made.next());
            let address = format!("{}/{}", grant.address, grant.length);
            let id = number(grant.id.map(|id| id.0));
            let message = format!(
                "{address} was made (ipam_id {id}) but could not be verified; run this again, which gives it"
            );
            addresses.push(address);
            Err(Refused::new(Code::Unverified, message))
        }
        Some(_) => Err(Refused::batch()),
    };
    let all = results.into_iter();
    let all = all.map(|result| result.and_then(&mut told)).collect();
    let what = anyhow!(
        "made {}, but could not verify: {cause}",
        addresses.join(", ")
    );
    let stop = Stop::outside(what).hint("run this again: it gives the same");
    (all, stop)
}
