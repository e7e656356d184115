//! A row of a list that came in, whichever list it is of.

use vmid::stream::Record;

use crate::{field::Fault, pve_content, snapshot::Item};

/// Reads a row of `snapshot list`, of the API's `snapshots`, or of what Proxmox VE says a
/// storage has in it ([`pve_content`]).
///
/// # Errors
///
/// [`Fault`]; that of the first list, unless it is plainly a row of another.
pub fn item<'a>(record: &Record<'a>) -> Result<Item<'a>, Fault> {
    Item::of(record).or_else(|fault| {
        if record.raw("backup-time").is_some() {
            return Err(fault);
        }
        if let Some(volid) = record.raw("volid") {
            return pve_content::item(record, volid);
        }
        Err(match record.raw("last-backup") {
            None => fault,
            Some(_) => Fault::OfAnotherList(
                "a row of the list of groups (proxmox-backup-client list), which says nothing of the snapshots",
                "proxmox-backup-client snapshot list --output-format json prints a snapshot list",
            ),
        })
    })
}
