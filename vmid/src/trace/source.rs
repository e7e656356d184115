//! Which list a record is of: its `source` says so, or else what it looks like.

use super::{
    acl, backup_group, content, field, guest, ha, ipam, job, journal, memory::Memory, sight, site,
    state,
};
use crate::{
    document::Document,
    stream::{Record, Value, excerpt},
};

/// Reads a record of one list.
type Read = fn(&Record<'_>, &mut Memory) -> Result<(), String>;

/// The values of `source`, what they are, and who reads them.
pub const SOURCES: &[(&str, &str, Read)] = &[
    (
        "state",
        "the document of pvx-migrate state --content",
        state::read,
    ),
    ("guest", "a row of /cluster/resources", guest::read),
    ("ha", "of /cluster/ha/resources", ha::resource),
    ("ha-rule", "of /cluster/ha/rules", ha::rule),
    ("replication", "of /cluster/replication", job::replication),
    ("backup-job", "of /cluster/backup", job::backup),
    (
        "content",
        "of /nodes/NODE/storage/STORAGE/content, with node and storage",
        content::read,
    ),
    (
        "backup-group",
        "of a datastore's groups or snapshots, with store and ns",
        backup_group::read,
    ),
    ("acl", "of /access/acl, or all of it in entries", acl::read),
    (
        "ipam",
        "of ipalloc list, with the vmid of vmid encode",
        ipam::read,
    ),
    ("site", "a site file", site::read),
    (
        "journal",
        "a line of a journal of pvx-migrate run, with file",
        journal::read,
    ),
    (
        "permissions",
        "/access/permissions, the rights of the token that read the lists",
        permissions,
    ),
    (
        "pbs",
        "store, namespaces, user and permissions of a datastore's lists",
        backup_group::rights,
    ),
    ("unseen", "list and why of what could not be read", unseen),
];

/// Reads a record, whichever list it is of.
///
/// # Errors
///
/// It is of none, or it isn't what its list has.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    if record.has_error() {
        return failed(record, memory);
    }
    let source = field::text(record, "source");
    let named = |name: &str| SOURCES.iter().find(|(known, ..)| *known == name);
    let found = source.as_deref().and_then(named);
    let found = found.or_else(|| named(looks_like(record)?));
    match found {
        Some((name, _, read)) => read(record, memory).map_err(|what| format!("{name}: {what}")),
        None => Err(unknown(record)),
    }
}

/// What a record without a `source` of ours is, by the members that one list alone has.
fn looks_like(record: &Record<'_>) -> Option<&'static str> {
    let has = |name: &str| record.raw(name).is_some();
    match Document::of(record) {
        Some(Document::State) => return Some("state"),
        Some(Document::Site) => return Some("site"),
        None => {}
    }
    if has("backup-type") && has("backup-id") {
        Some("backup-group")
    } else if has("volid") {
        Some("content")
    } else if has("sid") {
        Some("ha")
    } else if has("guest") && has("target") {
        Some("replication")
    } else if has("phase") && has("vmid") {
        Some("journal")
    } else if has("path") && has("roleid") {
        Some("acl")
    } else if has("type") && (has("vmid") || has("node") || has("pool")) {
        Some("guest")
    } else {
        None
    }
}

fn unknown(record: &Record<'_>) -> String {
    match record.value("source") {
        Value::Text(source) => {
            let source = format!("{:?}", excerpt(&source));
            format!("its source {source} is none that is known ('vmid trace --help' has them)")
        }
        _ => "it has no source, and doesn't look like a row of a known list".to_owned(),
    }
}

/// The rights of the token: the members are the paths.
fn permissions(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let value = serde_json::from_str(record.text()).map_err(|error| error.to_string())?;
    let table = sight::table(&value).ok_or("it is no table of rights")?;
    memory.sight.allows(table);
    Ok(())
}

/// What the script could not read.
fn unseen(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let list = field::text(record, "list").ok_or("no list is named")?;
    let why = field::text(record, "why").unwrap_or("it could not be read".into());
    memory.sight.missing(list, why);
    Ok(())
}

/// What an earlier tool could not say.
fn failed(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let Value::Other(raw) = record.value("error") else {
        return Err("its error is no object".to_owned());
    };
    let error: serde_json::Value = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    let message = error["message"]
        .as_str()
        .unwrap_or("an error without a message");
    let source = field::text(record, "source").unwrap_or("a list".into());
    let name = field::text(record, "name").or_else(|| field::text(record, "address"));
    let list = match name {
        Some(name) => format!("{name} of {source}"),
        None => source.into_owned(),
    };
    memory.sight.missing(list, message);
    Ok(())
}
