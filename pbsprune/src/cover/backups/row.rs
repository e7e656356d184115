//! A row of a snapshot list, whichever it is of; and what stands in a list instead of a row.

use std::borrow::Cow;

use vmid::stream::{Record, Value};

use crate::{
    calendar::TIMES,
    cover::{target::List, unseen::Unseen},
    field::{Fault, not_a},
    retention::Verification,
    row,
    snapshot::{self, IndexSize, Item},
};

/// What a row of a list is here.
pub(super) enum Row<'a> {
    Snapshot(Item<'a>, Found<'a>),
    Unseen(Unseen),
    /// A list that was looked at.
    Looked(List),
    /// A disk, a template: what a list of a storage has besides, and which list that is.
    Other(Option<List>),
}

/// Where it is, and what was noted on it.
pub(super) struct Found<'a> {
    pub(super) store: Cow<'a, str>,
    pub(super) notes: Option<Cow<'a, str>>,
    pub(super) verifiable: bool,
    pub(super) by_pve: bool,
}

/// Reads a row of any of the lists.
///
/// # Errors
///
/// It breaks a rule of its list.
pub(super) fn read<'a>(record: &Record<'a>) -> Result<Row<'a>, Fault> {
    if let Some(raw) = record.raw("unseen") {
        let wanted = "an object with list, right, why, storage, vmids";
        return Unseen::of(raw)
            .map(Row::Unseen)
            .ok_or_else(|| not_a("unseen", wanted, raw));
    }
    if let Some(raw) = record.raw("looked") {
        let wanted = "an object with storage or datastore";
        return serde_json::from_str(raw)
            .map(Row::Looked)
            .map_err(|_| not_a("looked", wanted, raw));
    }
    if record.has_error() {
        return Ok(Row::Unseen(of_error(record)));
    }
    if let Some(volid) = record.raw("volid")
        && record.raw("backup-time").is_none()
    {
        return of_storage(record, volid);
    }
    let item = row::item(record)?;
    let store = text(record, "datastore").or_else(|| text(record, "store"));
    Ok(Row::Snapshot(
        item,
        Found {
            store: store.unwrap_or_default(),
            notes: text(record, "comment"),
            verifiable: true,
            by_pve: false,
        },
    ))
}

/// A row of a storage of Proxmox VE: a snapshot of a PBS, a file of vzdump, or no backup.
fn of_storage<'a>(record: &Record<'a>, raw: &'a str) -> Result<Row<'a>, Fault> {
    let wanted = "a volume, STORAGE:NAME";
    let (store, name) = match Value::of(raw) {
        Value::Text(volid) => match volid.split_once(':') {
            Some((store, name)) => (store.to_owned(), name.to_owned()),
            None => return Err(not_a("volid", wanted, raw)),
        },
        _ => return Err(not_a("volid", wanted, raw)),
    };
    if text(record, "content").is_some_and(|content| content != "backup") {
        return Ok(Row::Other(Some(List::Storage(store))));
    }
    let base = name.rsplit('/').next().unwrap_or_default();
    let (verifiable, item) = match base.strip_prefix("vzdump-") {
        Some(rest) => match of_file(record, rest)? {
            Some(item) => (false, item),
            None => return Ok(Row::Other(Some(List::Storage(store)))),
        },
        None => (true, row::item(record)?),
    };
    Ok(Row::Snapshot(
        item,
        Found {
            store: store.into(),
            notes: text(record, "notes"),
            verifiable,
            by_pve: true,
        },
    ))
}

/// A file `vzdump-lxc-101-2026_11_20-02_00_00.tar.zst`: Proxmox VE says in `ctime` when that was, which
/// its name has in the node's time. None for one of OpenVZ, or with a name of its own.
fn of_file<'a>(record: &Record<'a>, rest: &str) -> Result<Option<Item<'a>>, Fault> {
    let mut parts = rest.splitn(3, '-');
    let kind = match parts.next() {
        Some("lxc") => "ct",
        Some("qemu") => "vm",
        _ => return Ok(None),
    };
    let Some(id) = parts
        .next()
        .filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
    else {
        return Ok(None);
    };
    let raw = record.raw("ctime").ok_or(Fault::Missing("ctime"))?;
    let time = raw.parse().ok().filter(|time| TIMES.contains(time));
    let size = record.value("size");
    Ok(Some(Item {
        ns: None,
        kind: kind.into(),
        id: id.to_owned().into(),
        time: time.ok_or_else(|| not_a("ctime", "a time in whole seconds", raw))?,
        // vzdump gives a file its name when it is whole; one of no bytes is what a full disk leaves.
        finished: !matches!(size, Value::Number("0")),
        index_size: IndexSize::Untold,
        owner: None,
        protected: false,
        verification: Verification::Unknown,
        clashes: false,
    }))
}

/// What a record that came with an error stands for: a group, or a whole list.
fn of_error(record: &Record<'_>) -> Unseen {
    let identity = snapshot::identity(record);
    let vmid = identity.as_ref().and_then(|(_, _, id)| id.parse().ok());
    let list = match &identity {
        Some((_, kind, id)) => format!("the group {kind}/{id}"),
        None => "a list of snapshots".to_owned(),
    };
    let why = record.raw("error").and_then(|raw| {
        let error: serde_json::Value = serde_json::from_str(raw).ok()?;
        let message = error.get("message").unwrap_or(&error);
        Some(message.as_str()?.to_owned())
    });
    Unseen {
        list,
        why,
        vmids: vmid.map(|vmid| vec![vmid]),
        ..Unseen::default()
    }
}

fn text<'a>(record: &Record<'a>, name: &str) -> Option<Cow<'a, str>> {
    match record.value(name) {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
