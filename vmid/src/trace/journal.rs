//! Journals of `pvx-migrate run`: what was moved, made or removed.

use jiff::Timestamp;

use super::{field, kind::Kind, memory::Memory};
use crate::stream::Record;

/// A line, with the `file` it is of. A line that is no event says nothing.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let Some(vmid) = field::id(record, "vmid").filter(|vmid| memory.asks(*vmid)) else {
        return Ok(());
    };
    let file = field::text(record, "file").unwrap_or("a journal".into());
    let deed = field::text(record, "action").unwrap_or("migrate".into());
    let at = field::text(record, "at").and_then(|at| at.parse::<Timestamp>().ok());
    let trace = memory.note(vmid, Kind::Journal, format!("{file}: {deed}"), None);
    trace.newest = trace.newest.max(at.map(Timestamp::as_second));
    trace.named(&field::text(record, "name").unwrap_or_default());
    Ok(())
}
