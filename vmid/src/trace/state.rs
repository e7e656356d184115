//! The state document of pvx-migrate: most lists at once, and the rights with which they were read.
//! It is read where it stands: no row of it is copied.

use serde_json::Value;

use super::{content, field, guest, ha, job, memory::Memory, sight, sight::List};
use crate::{
    permission::{Permissions, has_on_all_storages},
    stream::Record,
};

/// A state document, as one record.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    rights(record, memory)?;
    memory.guests_listed();
    memory.sight.came(List::Guests);
    each(record, "guests", |row| guest::one(row, memory))?;
    each(record, "hidden", |row| guest::hidden(row, memory))?;
    manager(record, memory)?;
    match field::list(record, "replication") {
        Some(_) => {
            memory.sight.came(List::Replication);
            each(record, "replication", |row| job::replication(row, memory))?;
        }
        None => memory
            .sight
            .lacks("the replication jobs", "VM.Audit on /vms"),
    }
    match field::list(record, "backup_jobs") {
        Some(_) => each(record, "backup_jobs", |row| job::backup(row, memory))?,
        None => memory.sight.lacks("the backup jobs", "Sys.Audit on /"),
    }
    storages(record, memory)
}

fn rights(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let Some(raw) = field::list(record, "permissions") else {
        return Ok(());
    };
    let value: Value = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    let table = sight::table(&value).ok_or("the state's permissions are no table of rights")?;
    memory.sight.allows(table);
    Ok(())
}

/// The HA manager's resources and rules.
fn manager(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let Some(ha) = field::list(record, "ha") else {
        memory.sight.lacks("the HA manager", "Sys.Audit on /");
        return Ok(());
    };
    field::each(Some(&format!("[{ha}]")), |ha| {
        each(ha, "resources", |row| ha::resource(row, memory))?;
        each(ha, "rules", |row| ha::rule(row, memory))
    })
}

/// A storage, as far as it matters which lists of it there should be.
struct Storage {
    name: String,
    shared: bool,
    nodes: Vec<String>,
    disks: bool,
    backups: bool,
}

fn storages(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    each(record, "storages", |storage| {
        let name = field::text(storage, "storage").unwrap_or_default();
        let alone = storage.raw("shared") == Some("false");
        memory.usage.storage(&name, !alone);
        Ok(())
    })?;
    if field::list(record, "storages").is_none() {
        let why = "the state document doesn't name them";
        memory.sight.missing("the storages", why);
    }
    if field::list(record, "content").is_none() {
        let why = "it is read with 'pvx-migrate state --content'";
        memory.sight.missing("what the storages hold", why);
        return Ok(());
    }
    let all = holders(record)?;
    let mut seen: Vec<(String, String)> = Vec::new();
    each(record, "content", |list| {
        let storage = field::text(list, "storage").unwrap_or_default();
        let node = field::text(list, "node").unwrap_or_default();
        if field::list(list, "volumes").is_none() {
            return Ok(());
        }
        let holder = all.iter().find(|holder| holder.name == storage);
        if holder.is_none_or(|holder| holder.disks) {
            memory.sight.came(List::Disks(storage.clone().into_owned()));
        }
        if holder.is_none_or(|holder| holder.backups) {
            memory
                .sight
                .came(List::Backups(storage.clone().into_owned()));
        }
        let of = Some(&*node).filter(|_| holder.is_none_or(|holder| !holder.shared));
        each(list, "volumes", |row| {
            content::volume(row, &storage, of, memory)
        })?;
        seen.push((storage.into_owned(), node.into_owned()));
        Ok(())
    })?;
    without_list(record, &all, &seen, memory)
}

/// The storages that may hold something of a guest.
fn holders(record: &Record<'_>) -> Result<Vec<Storage>, String> {
    let mut all = Vec::new();
    each(record, "storages", |storage| {
        let content = field::words(storage, "content");
        let holds = |kinds: &[&str]| content.iter().any(|kind| kinds.contains(&&kind[..]));
        let known = field::list(storage, "nodes").map(serde_json::from_str::<Value>);
        let known = known.transpose().map_err(|error| error.to_string())?;
        let known = known.as_ref().and_then(Value::as_object);
        let nodes = known.map(|nodes| nodes.keys().cloned().collect::<Vec<_>>());
        let mut nodes = nodes.unwrap_or_default();
        nodes.extend(field::words(storage, "unknown"));
        let holder = Storage {
            name: field::text(storage, "storage")
                .unwrap_or_default()
                .into_owned(),
            shared: record_says(storage, "shared"),
            nodes,
            disks: holds(&["images", "rootdir"]),
            backups: holds(&["backup"]),
        };
        if holder.disks || holder.backups {
            all.push(holder);
        }
        Ok(())
    })?;
    Ok(all)
}

/// What of the storages was not listed: at nodes that are off, where it was refused, where nobody knows.
fn without_list(
    record: &Record<'_>,
    all: &[Storage],
    seen: &[(String, String)],
    memory: &mut Memory,
) -> Result<(), String> {
    const WHY: &str = "no list of it came: it is disabled, or its node is off or did not answer";
    for storage in all {
        let name = &storage.name;
        let at = |node: &str| seen.iter().any(|(s, n)| s == name && n == node);
        let anywhere = seen.iter().any(|(s, _)| s == name);
        if storage.shared || storage.nodes.is_empty() {
            if !anywhere {
                memory.sight.missing(format!("what {name} holds"), WHY);
            }
            continue;
        }
        for node in storage.nodes.iter().filter(|node| !at(node)) {
            let list = format!("what {name} holds at {node}");
            memory.sight.missing(list, WHY);
        }
    }
    each(record, "nodes", |node| {
        if !record_says(node, "online") {
            let name = field::text(node, "node").unwrap_or_default();
            let list = format!("the local storages of {name}");
            memory.sight.missing(list, "the node is off");
        }
        Ok(())
    })?;
    let table = field::list(record, "permissions").map(serde_json::from_str::<Permissions>);
    if !table.is_some_and(|table| table.is_ok_and(|table| has_on_all_storages(&table))) {
        let right = "Datastore.Audit on /storage";
        memory
            .sight
            .lacks("storages that the token may not see", right);
    }
    Ok(())
}

fn record_says(record: &Record<'_>, name: &str) -> bool {
    record.raw(name) == Some("true")
}

/// Each row of a member that is a list; none where it is null.
fn each(
    record: &Record<'_>,
    name: &str,
    handle: impl FnMut(&Record<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let read = field::each(field::list(record, name), handle);
    read.map_err(|what| format!("{name}: {what}"))
}
