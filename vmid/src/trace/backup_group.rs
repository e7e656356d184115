//! Groups of Proxmox Backup Server: `vm/101`, `ct/101`. A list of groups is short; one of snapshots
//! is counted, and has the names that the guests had.

use super::{field, kind::Kind, memory::Memory, owner, sight, sight::List};
use crate::stream::Record;

/// A row of a datastore's `groups` or `snapshots`, with `store` and `ns` where the script knows them.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let store = field::text(record, "store").unwrap_or_default();
    let namespace = field::text(record, "ns").unwrap_or_default();
    let came = List::Groups(store.clone().into_owned(), namespace.clone().into_owned());
    memory.sight.came(came);
    let kind = field::text(record, "backup-type").ok_or("a backup group without a backup-type")?;
    let id = field::text(record, "backup-id").ok_or("a backup group without a backup-id")?;
    if !["vm", "ct"].contains(&&*kind) {
        return Ok(());
    }
    let Some(vmid) = owner::id(&id).filter(|vmid| memory.asks(*vmid)) else {
        return Ok(());
    };
    let mut at = match (&*store, &*namespace) {
        ("", "") => String::new(),
        ("", namespace) => format!("{namespace}:"),
        (store, "") => format!("{store}:"),
        (store, namespace) => format!("{store}:{namespace}:"),
    };
    at.push_str(&format!("{kind}/{vmid}"));
    let trace = memory.note(vmid, Kind::BackupGroup, at, None);
    if record.raw("backup-time").is_some() {
        trace.counts(field::time(record, "backup-time"));
        trace.named(&field::text(record, "comment").unwrap_or_default());
    } else {
        let count = field::number(record, "backup-count").unwrap_or_default();
        trace.count = trace.count.max(count);
        trace.newest = trace.newest.max(field::time(record, "last-backup"));
        trace.named(&field::text(record, "comment").unwrap_or_default());
    }
    trace.remedy = Some(
        "pbsprune leaves the last ones; remove the group when nobody may want it back".to_owned(),
    );
    Ok(())
}

/// What the user of a datastore may see: `{"store","namespaces","user","permissions"}`. Root sees
/// everything, and has no table.
pub fn rights(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let store = field::text(record, "store").unwrap_or_default();
    if field::list(record, "namespaces").is_none() {
        let why = "the record \"pbs\" has no list of them";
        memory
            .sight
            .missing(format!("the namespaces of the datastore {store}"), why);
    }
    for namespace in field::words(record, "namespaces") {
        memory
            .sight
            .came(List::Groups(store.clone().into_owned(), namespace));
    }
    let table = field::list(record, "permissions").map(serde_json::from_str);
    let table: Option<serde_json::Value> = table.transpose().map_err(|e| e.to_string())?;
    let table = match &table {
        Some(value) => Some(sight::table(value).ok_or("permissions are no table of rights")?),
        None => None,
    };
    let is_root = field::text(record, "user").as_deref() == Some("root@pam");
    memory.sight.allows_in(&store, table, is_root);
    Ok(())
}
