//! The guests that live: rows of `/cluster/resources`, or of a state document.

use super::{field, kind::Kind, memory::Memory, sight::List};
use crate::{stream::Record, tally};

/// A row of a list of guests; those of nodes and storages say nothing.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    if tally::is_of_another_kind(record) {
        if let Some(storage) = field::text(record, "storage") {
            let alone = field::number(record, "shared") == Some(0);
            memory.usage.storage(&storage, !alone);
        }
        return Ok(()); // other rows say nothing of which guests there are
    }
    memory.guests_listed();
    memory.sight.came(List::Guests);
    one(record, memory)
}

/// A guest.
pub fn one(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let vmid = field::id(record, "vmid").ok_or("a guest without a vmid from 100 to 999999999")?;
    memory.usage.guest(vmid, record);
    if !memory.asks(vmid) {
        return Ok(());
    }
    let kind = field::text(record, "type").unwrap_or("guest".into());
    let node = field::text(record, "node").map(std::borrow::Cow::into_owned);
    let name = field::text(record, "name").or_else(|| field::text(record, "hostname"));
    let name = name.unwrap_or_default();
    memory.lives(vmid, Kind::Guest, format!("{kind}/{vmid}"), node, &name);
    Ok(())
}

/// A guest that the token may not see, and that something names.
pub fn hidden(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let vmid = field::id(record, "vmid").ok_or("a hidden guest without a vmid")?;
    memory.usage.unread(vmid);
    let by = field::text(record, "by").unwrap_or_default();
    let node = field::text(record, "node").map(std::borrow::Cow::into_owned);
    memory.lives(vmid, Kind::Hidden, by.into_owned(), node, "");
    Ok(())
}
