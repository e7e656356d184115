//! One row of a snapshot list of a Proxmox Backup Server, as its client or its API gives it.

use std::borrow::Cow;

use vmid::stream::{Record, Value};

use crate::{
    field::{Fault, flag, is_named, kind, namespace, not_a, text, time, verification},
    json_text,
    retention::Verification,
};

/// The file whose presence says that a backup came to its end (PBS's manifest).
pub const INDEX: &str = "index.json.blob";

/// The fields that `pbsprune` adds.
pub const OURS: [&str; 8] = [
    "mark", "reason", "count", "period", "because", "why", "a", "b",
];

/// What a row says.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// The namespace, if it names one.
    pub ns: Option<Cow<'a, str>>,
    /// `backup-type`: vm, ct, host.
    pub kind: Cow<'a, str>,
    /// `backup-id`
    pub id: Cow<'a, str>,
    /// `backup-time`, seconds.
    pub time: i64,
    /// `index.json.blob` is among its files.
    pub finished: bool,
    /// What the list says of that file's size.
    pub index_size: IndexSize,
    /// Whose it is, if the row says so.
    pub owner: Option<Cow<'a, str>>,
    /// Its flag `protected`.
    pub protected: bool,
    /// What its `verification` says.
    pub verification: Verification,
    /// It has a field of the name of one of ours.
    pub clashes: bool,
}

/// Whether the entry of [`INDEX`] has a size. PBS lists a snapshot whose manifest can't be
/// read with the bare names of its files, and counts it as good all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexSize {
    /// There is no such entry, or a form of the list that has no sizes.
    #[default]
    Untold,
    /// The entry has a size.
    Told,
    /// The entry has a name only.
    Missing,
}

/// The raw values of a row's fields; of several of one name the last.
#[derive(Default)]
struct Fields<'a> {
    ns: Option<&'a str>,
    kind: Option<&'a str>,
    id: Option<&'a str>,
    time: Option<&'a str>,
    files: Option<&'a str>,
    protected: Option<&'a str>,
    verification: Option<&'a str>,
    owner: Option<&'a str>,
    clashes: bool,
}

impl<'a> Fields<'a> {
    fn of(record: &Record<'a>) -> Self {
        let mut fields = Self::default();
        for (name, value) in record.fields() {
            if name.contains('\\') {
                return Self::unescaped(record);
            }
            let place = match name {
                "ns" => &mut fields.ns,
                "backup-type" => &mut fields.kind,
                "backup-id" => &mut fields.id,
                "backup-time" => &mut fields.time,
                "files" => &mut fields.files,
                "protected" => &mut fields.protected,
                "verification" => &mut fields.verification,
                "owner" => &mut fields.owner,
                "error" => {
                    fields.clashes = true;
                    continue;
                }
                name => {
                    fields.clashes |= name.len() < 8 && OURS.contains(&name);
                    continue;
                }
            };
            *place = Some(value);
        }
        fields
    }

    fn unescaped(record: &Record<'a>) -> Self {
        Self {
            ns: record.raw("ns"),
            kind: record.raw("backup-type"),
            id: record.raw("backup-id"),
            time: record.raw("backup-time"),
            files: record.raw("files"),
            protected: record.raw("protected"),
            verification: record.raw("verification"),
            owner: record.raw("owner"),
            clashes: true, // perhaps; then it is looked at again
        }
    }
}

impl<'a> Item<'a> {
    /// Reads a row of `snapshot list`, or of the API's `snapshots`.
    ///
    /// # Errors
    ///
    /// [`Fault`]
    pub fn of(record: &Record<'a>) -> Result<Self, Fault> {
        let fields = Fields::of(record);
        let ns = namespace(fields.ns)?;
        let kind = kind(fields.kind)?;
        let id = text("backup-id", fields.id)?;
        let time = time(fields.time)?;
        let (finished, index_size) = index(fields.files)?;
        Ok(Self {
            ns,
            kind,
            id,
            time,
            finished,
            index_size,
            owner: match fields.owner.map_or(Value::Absent, Value::of) {
                Value::Text(owner) => Some(owner),
                _ => None,
            },
            protected: flag("protected", fields.protected)?.unwrap_or(false),
            verification: verification(fields.verification)?,
            clashes: fields.clashes,
        })
    }
}

/// Whether a record may have a field of the name of one of ours.
#[must_use]
pub fn clashes(record: &Record<'_>) -> bool {
    Fields::of(record).clashes
}

/// A namespace, if there is one, a type and an id.
pub type Identity<'a> = (Option<Cow<'a, str>>, Cow<'a, str>, Cow<'a, str>);

/// The namespace, type and id that a record names, however the rest of it looks.
#[must_use]
pub fn identity<'a>(record: &Record<'a>) -> Option<Identity<'a>> {
    let ns = namespace(record.raw("ns")).ok()?;
    let kind = text("backup-type", record.raw("backup-type")).ok()?;
    let id = text("backup-id", record.raw("backup-id")).ok()?;
    Some((ns, kind, id))
}

/// A row of the server's own `prune` answer: which snapshot, and whether it stays.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    /// The namespace, if it names one.
    pub ns: Option<Cow<'a, str>>,
    /// `backup-type`
    pub kind: Cow<'a, str>,
    /// `backup-id`
    pub id: Cow<'a, str>,
    /// `backup-time`, seconds.
    pub time: i64,
    /// Its flag `keep`; an unfinished newest one has it, too.
    pub keep: bool,
}

impl<'a> Verdict<'a> {
    /// Reads a row of `proxmox-backup-client prune`, or of the API's `prune`.
    ///
    /// # Errors
    ///
    /// [`Fault`]
    pub fn of(record: &Record<'a>) -> Result<Self, Fault> {
        let keep = flag("keep", record.raw("keep"))?.ok_or(Fault::Missing("keep"))?;
        let protected = flag("protected", record.raw("protected"))?.unwrap_or(false);
        Ok(Self {
            ns: namespace(record.raw("ns"))?,
            kind: text("backup-type", record.raw("backup-type"))?,
            id: text("backup-id", record.raw("backup-id"))?,
            time: time(record.raw("backup-time"))?,
            keep: keep || protected,
        })
    }
}

/// Whether the index is among the files, and has a size there: objects, or (as the published
/// schema has it) texts.
fn index(raw: Option<&str>) -> Result<(bool, IndexSize), Fault> {
    let raw = raw.ok_or(Fault::Missing("files"))?;
    let files = json_text::elements(raw).ok_or_else(|| not_a("files", "an array", raw))?;
    let (mut finished, mut index_size) = (false, IndexSize::Untold);
    for file in files {
        let mut name = Some(file);
        if let Some(members) = json_text::members(file) {
            let mut names = members.filter(|(name, _)| is_named(name, "filename"));
            name = names.next().map(|(_, value)| value);
        }
        let Some(name) = name.filter(|name| name.starts_with('"')) else {
            let wanted = "an array of texts or of objects with a filename";
            return Err(not_a("files", wanted, file));
        };
        if json_text::is_text(name, INDEX) {
            (finished, index_size) = (true, size_of(file));
        }
    }
    Ok((finished, index_size))
}

fn size_of(file: &str) -> IndexSize {
    let Some(mut members) = json_text::members(file) else {
        return IndexSize::Untold;
    };
    match members.any(|(name, value)| is_named(name, "size") && value != "null") {
        true => IndexSize::Told,
        false => IndexSize::Missing,
    }
}
