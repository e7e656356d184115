//! What `encode` and `decode` share: a conversion, and the run of one over records.

use std::io::{self, Read, Write};

use crate::{
    COLUMNS, Surroundings, cli,
    document::Document,
    exit::{self, Answer, Stop},
    guest::{self, Guest},
    named_files,
    networks::Networks,
    place::{self, Claim, Place},
    scheme::Refused,
    stream::{self, Lines, Record},
    table,
    tally::is_of_another_kind,
    whereabouts,
};

/// A record that was refused, and the VLAN and host number that can be told all the same.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub refused: Refused,
    /// VLAN and host number.
    pub known: Option<(u64, u64)>,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self {
            refused,
            known: None,
        }
    }
}

/// A conversion of records.
pub trait Convert {
    /// The place that a record stands for.
    ///
    /// # Errors
    ///
    /// The record is refused.
    fn convert(&self, record: &Record<'_>) -> Result<Place, Failure>;

    /// Converts and writes a record of the plainest kind, which most are, at once; false, and
    /// nothing is done, where it is of another kind or would be refused.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    fn plain<W: Write>(&self, _record: &Record<'_>, _lines: &mut Lines<W>) -> io::Result<bool> {
        Ok(false)
    }

    /// Writes the record with the fields that the place gives it.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    fn write<W: Write>(
        &self,
        place: &Place,
        record: Record<'_>,
        lines: &mut Lines<W>,
    ) -> io::Result<()>;

    /// What `--raw` prints.
    fn raw(&self, place: &Place) -> String;
}

/// The networks of the site that the options describe.
///
/// # Errors
///
/// A file that they name can't be used.
pub(crate) fn networks(options: &cli::Site) -> Result<Networks, Stop> {
    let site = options.named.read()?;
    named_files::networks(options, site.as_ref())
}

/// The place of the record's own address; else of that in its configuration, else of one that its
/// agent sees.
///
/// # Errors
///
/// It has none, or one that the scheme refuses.
pub(crate) fn place_of(
    record: &Record<'_>,
    vlan: Option<u64>,
    networks: &Networks,
) -> Result<Place, Refused> {
    if let Some((address, mask)) = guest::address(&record.value("address"))? {
        let vlan = guest::vlan(&record.value("vlan"))?.or(vlan);
        let claim = Claim {
            address,
            mask,
            vlan,
        };
        match place::encode(claim, networks) {
            Err(Refused::NoVlan(_) | Refused::OutsideTheSite(_)) => {} // its interface may say it
            result => return result,
        }
    }
    let mut guest = Guest::of(record);
    guest.vlan = guest.vlan.map(|own| own.or(vlan));
    let guest = whereabouts::with_agent(guest, networks, |_, _| true);
    whereabouts::of(&guest, networks, place::encode)
}

/// A number that stands in the record already must be the one that was computed.
///
/// # Errors
///
/// [`Refused::IdMismatch`].
pub(crate) fn agree(
    name: &str,
    stated: Option<Option<u64>>,
    computed: u64,
    record: &Record<'_>,
) -> Result<(), Refused> {
    match stated {
        Some(stated) if stated != Some(computed) => Err(Refused::IdMismatch(format!(
            "the record has {name} {}, but it is {computed} (--overwrite replaces it)",
            guest::spelled(&record.value(name))
        ))),
        _ => Ok(()),
    }
}

/// Values given as arguments, as the records that they stand for.
pub(crate) fn lines_of(
    name: &str,
    values: &[String],
    spelled: impl Fn(&str) -> String,
) -> Option<String> {
    let line = |value: &String| format!("{{\"{name}\":{}}}\n", spelled(value));
    (!values.is_empty()).then(|| values.iter().map(line).collect())
}

/// Converts each record of `values`, or of `input` if there are none.
///
/// # Errors
///
/// As [`stream::each`].
pub fn run<C: Convert>(
    job: &C,
    options: &cli::Convert,
    values: Option<String>,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    table::present(
        options.format,
        COLUMNS,
        output,
        surroundings.terminal,
        |lines| match values {
            Some(values) => records(job, options.raw, values.as_bytes(), lines),
            None => records(job, options.raw, input, lines),
        },
    )
}

fn records<C: Convert, W: Write>(
    job: &C,
    raw: bool,
    input: impl Read,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let mut number = 0_u64;
    stream::each(input, lines, |record, lines| {
        number += 1;
        if raw {
            bare(job, number, record, lines)
        } else {
            whole(job, number, record, lines)
        }
    })
}

fn whole<C: Convert, W: Write>(
    job: &C,
    number: u64,
    record: Record<'_>,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    if job.plain(&record, lines).map_err(Stop::output)? {
        return Ok(Answer::Yes);
    }
    if record.has_error() || is_of_another_kind(&record) {
        return stream::pass(record, lines);
    }
    match job.convert(&record) {
        Ok(place) => {
            job.write(&place, record, lines).map_err(Stop::output)?;
            Ok(Answer::Yes)
        }
        Err(Failure { refused, known }) => {
            may_be_guest(number, &record, lines)?;
            let known = known.map(|(vlan, host)| (vlan.to_string(), host.to_string()));
            let known = known
                .as_ref()
                .map(|(vlan, host)| [("vlan", vlan.as_str()), ("host", host)]);
            let known = known.as_ref().map_or(&[][..], |fields| &fields[..]);
            let written = lines.fail(record, known, refused.code(), &refused.to_string());
            written.map_err(Stop::output)?;
            Ok(Answer::No)
        }
    }
}

fn bare<C: Convert, W: Write>(
    job: &C,
    number: u64,
    record: Record<'_>,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let failed = |what: &str| exit::say("vmid", &format!("record {number}: {what}"));
    if let Some(error) = record.raw("error").filter(|_| record.has_error()) {
        failed(&format!("failed before: {}", stream::excerpt(error)));
        return Ok(Answer::No);
    }
    if is_of_another_kind(&record) {
        return Ok(Answer::Yes);
    }
    match job.convert(&record) {
        Ok(place) => {
            lines.plain(&job.raw(&place)).map_err(Stop::output)?;
            Ok(Answer::Yes)
        }
        Err(Failure { refused, .. }) => {
            may_be_guest(number, &record, lines)?;
            failed(&format!("{}: {refused}", refused.code()));
            Ok(Answer::No)
        }
    }
}

/// The record that was refused is no document of another kind; only then its refusal means something.
fn may_be_guest<W: Write>(
    number: u64,
    record: &Record<'_>,
    lines: &mut Lines<W>,
) -> Result<(), Stop> {
    let Some(document) = Document::of(record) else {
        return Ok(());
    };
    lines.flush().map_err(Stop::output)?;
    Err(document.refused(number))
}
