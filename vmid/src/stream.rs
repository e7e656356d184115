//! Records in, records out: the form in which all five tools talk.
//!
//! A record is a JSON object kept as the text it came in: names and values are
//! found by [`scan`], never re-spelled, so that a field no tool knows leaves
//! byte for byte as it came. serde_json interprets the few single values that a
//! tool asks for; as a reader of whole streams it would re-spell numbers and
//! escapes, could not look ahead into an envelope, and is several times slower.

use std::io::{Read, Write};

use anyhow::Context as _;

use crate::exit::{Answer, Stop};

mod bad;
mod envelope;
pub(crate) mod foreign;
mod lines;
mod pile;
#[cfg(test)]
mod properties;
mod reader;
mod record;
mod scan;
mod trailing_members;

pub use bad::Bad;
pub use foreign::GUESTS;
pub use lines::{Lines, error_object, excerpt, quote};
pub use pile::{Again, Pile};
pub use reader::{Next, Reader};
pub use record::{Kept, Record, Value};
pub use scan::{DEPTH_LIMIT, LENGTH_LIMIT};

/// Hands each record of `input` to `handle`, which writes it to `lines`.
///
/// What was written is flushed whenever the next record is not yet in the input
/// buffer, so that a slow producer's records are not held back.
///
/// # Errors
///
/// The input is not a stream of records (the caller's fault; what came before
/// has been written), it cannot be read, or `handle` failed.
pub fn each<R: Read, W: Write>(
    input: R,
    lines: &mut Lines<W>,
    mut handle: impl FnMut(Record<'_>, &mut Lines<W>) -> Result<Answer, Stop>,
) -> Result<Answer, Stop> {
    let mut reader = Reader::new(input);
    let mut answer = Answer::Yes;
    loop {
        match reader.poll() {
            Ok(Next::Record(record)) => answer = answer.max(handle(record, lines)?),
            Ok(Next::NeedInput) => {
                lines.flush().map_err(Stop::output)?;
                fill(&mut reader)?;
            }
            Ok(Next::End) => break,
            Err(bad) => {
                lines.flush().map_err(Stop::output)?;
                return Err(bad_input(bad));
            }
        }
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}

/// Passes a record on untouched; what every tool does with one that already
/// carries an error, which is a "no" then.
///
/// # Errors
///
/// Those of writing.
pub fn pass<W: Write>(record: Record<'_>, lines: &mut Lines<W>) -> Result<Answer, Stop> {
    lines.write(record, &[]).map_err(Stop::output)?;
    Ok(Answer::no_if(record.has_error()))
}

/// Reads `input` to its end; for tools that look at everything before they answer.
///
/// # Errors
///
/// As [`each`]; then none of the records is given out.
pub fn read_all<R: Read>(input: R) -> Result<Vec<Kept>, Stop> {
    let mut reader = Reader::new(input);
    let mut records = Vec::new();
    loop {
        match reader.poll() {
            Ok(Next::Record(record)) => records.push(record.keep()),
            Ok(Next::NeedInput) => fill(&mut reader)?,
            Ok(Next::End) => return Ok(records),
            Err(bad) => return Err(bad_input(bad)),
        }
    }
}

/// Hands each record of `input` to `keep`; for tools that look at everything
/// before they answer, and keep it in a form of their own, such as a [`Pile`].
///
/// # Errors
///
/// As [`each`], and those of `keep`, with the number of the record.
pub fn read_each<R: Read, E: std::fmt::Display>(
    input: R,
    mut keep: impl FnMut(Record<'_>) -> Result<(), E>,
) -> Result<(), Stop> {
    let mut reader = Reader::new(input);
    let mut number = 0_u64;
    loop {
        match reader.poll() {
            Ok(Next::Record(record)) => {
                number += 1;
                keep(record).map_err(|what| {
                    Stop::input(anyhow::anyhow!("stdin: record {number}: {what}"))
                })?;
            }
            Ok(Next::NeedInput) => fill(&mut reader)?,
            Ok(Next::End) => return Ok(()),
            Err(bad) => return Err(bad_input(bad)),
        }
    }
}

/// The records of a text that is in memory already.
///
/// # Errors
///
/// It is not a stream of records.
pub fn parse(text: &[u8]) -> Result<Vec<Kept>, Bad> {
    let mut reader = Reader::new(text);
    let mut records = Vec::new();
    loop {
        match reader.poll()? {
            Next::Record(record) => records.push(record.keep()),
            // cannot fail: reading from memory does not
            Next::NeedInput => reader.fill().unwrap_or_default(),
            Next::End => return Ok(records),
        }
    }
}

/// The hint of [`nothing_came`].
pub const ALLOW_EMPTY: &str =
    "look at what should have sent them; --allow-empty if there are really none";

/// No record came in, and a tool that judges a whole must not take that for "all is
/// well" (exit code 2): what feeds it may have failed.
#[must_use]
pub fn nothing_came() -> Stop {
    Stop::input(anyhow::anyhow!("no records came in")).hint(ALLOW_EMPTY)
}

fn fill<R: Read>(reader: &mut Reader<R>) -> Result<(), Stop> {
    reader.fill().context("stdin").map_err(Stop::outside)
}

fn bad_input(bad: Bad) -> Stop {
    Stop::input(anyhow::Error::new(bad).context("stdin"))
}
