//! Jobs that name guests: replication (`101-0`), and backups with their lists of IDs.

use super::{field, kind::Kind, memory::Memory, owner, sight::List};
use crate::stream::Record;

/// A row of `/cluster/replication`, or of a state document. What it says of the node it starts from
/// is in `source` there, and here that names the list: the node isn't needed.
pub fn replication(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    memory.sight.came(List::Replication);
    let id = field::text(record, "id");
    let guest = field::id(record, "guest").or_else(|| field::id(record, "vmid"));
    let guest = guest.or_else(|| owner::of_job(id.as_ref()?));
    let vmid = guest.ok_or("a replication job without a guest")?;
    if !memory.asks(vmid) {
        return Ok(());
    }
    let id = id.map_or_else(|| format!("{vmid}-?"), std::borrow::Cow::into_owned);
    let known = owner::of_job(&id).is_some();
    let trace = memory.note(vmid, Kind::Replication, id.clone(), None);
    trace.remedy = known.then(|| format!("pvesr delete {id}"));
    Ok(())
}

/// A row of `/cluster/backup`, or of a state document, which spells its lists `vmids`.
pub fn backup(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let id = field::text(record, "id").ok_or("a backup job without an id")?;
    for (name, what) in [
        ("vmid", "of the guests that this backup job names"),
        ("vmids", "of the guests that this backup job names"),
        ("exclude", "of the guests that this backup job leaves out"),
    ] {
        for word in field::words(record, name) {
            let Some(vmid) = owner::id(&word).filter(|vmid| memory.asks(*vmid)) else {
                continue;
            };
            let trace = memory.note(vmid, Kind::BackupJob, id.clone().into_owned(), None);
            trace.remedy = Some(format!("take {vmid} out {what}"));
        }
    }
    Ok(())
}
