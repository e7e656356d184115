//! Which list a record is of: its `source` says so, or else what it looks like.

use super::{
    acl, backup_group, content, field, guest, ha, ipam, job, journal, memory::Memory, sight,
    sight::List, site, state,
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
    ("acl", "of /access/acl", acl::read),
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
    (
        "unseen",
        "list and why of what could not be read, and the source that it is of",
        unseen,
    ),
];

/// The sources of which nothing may be missing without a word, and what each of them has.
pub const EXPECTED: &[(&str, &str)] = &[
    ("ha", "the resources of the HA manager"),
    ("ha-rule", "the rules of the HA manager"),
    ("replication", "the replication jobs"),
    ("backup-job", "the backup jobs"),
    ("content", "what the storages hold"),
    ("backup-group", "the backups of Proxmox Backup Server"),
    ("acl", "the entries of the access tree"),
    ("ipam", "the addresses of the IPAM"),
    ("site", "the site file"),
    ("journal", "the journals of pvx-migrate run"),
];

/// Those that a document of others has, or says that it lacks.
fn holds(name: &str) -> &'static [&'static str] {
    match name {
        "state" => &["ha", "ha-rule", "replication", "backup-job", "content"],
        "pbs" => &["backup-group"],
        _ => &[],
    }
}

/// Says of each source that nothing of it came in, but for those that nobody wants.
pub fn none_came(without: &[String], memory: &mut Memory) {
    for (name, what) in EXPECTED {
        let is_wanted = !without.iter().any(|other| other == name);
        if is_wanted && !place(name).is_some_and(|place| memory.sight.has(place)) {
            let why = format!("no record of it came in (\"source\":\"{name}\")");
            memory.sight.missing(*what, why);
        }
    }
}

fn place(name: &str) -> Option<usize> {
    SOURCES.iter().position(|(known, ..)| *known == name)
}

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
    let found = source.as_deref().and_then(place);
    let Some(at) = found.or_else(|| place(looks_like(record)?)) else {
        return Err(unknown(record));
    };
    let (name, _, read) = SOURCES[at];
    memory.sight.brings(at);
    let others = holds(name).iter().filter_map(|name| place(name));
    others.for_each(|other| memory.sight.brings(other));
    let read = match entries(name, record) {
        Some(rows) => {
            listed(name, memory);
            field::each(Some(rows), |row| read(row, memory))
        }
        None => read(record, memory),
    };
    read.map_err(|what| format!("{name}: {what}"))
}

/// All rows of a list in one record: then an empty list has been seen, too.
fn entries<'a>(name: &str, record: &Record<'a>) -> Option<&'a str> {
    if name == "content" && record.raw("volid").is_some() {
        return None; // there are a million of these
    }
    field::list(record, "entries").filter(|rows| rows.starts_with('['))
}

/// A list came in that may have no row, and that may be filtered.
fn listed(name: &str, memory: &mut Memory) {
    match name {
        "guest" => {
            memory.guests_listed();
            memory.sight.came(List::Guests);
        }
        "replication" => memory.sight.came(List::Replication),
        "acl" => memory.sight.came(List::Acl),
        _ => {}
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
    if let Some(place) = field::text(record, "of").and_then(|of| place(&of)) {
        memory.sight.brings(place);
    }
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
    if let Some(place) = place(&source) {
        memory.sight.brings(place);
    }
    let name = field::text(record, "name").or_else(|| field::text(record, "address"));
    let list = match name {
        Some(name) => format!("{name} of {source}"),
        None => source.into_owned(),
    };
    memory.sight.missing(list, message);
    Ok(())
}
