//! The backups of a Proxmox Backup Server, as its client or its API lists them, and the one that is
//! the way back to a guest.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;
use vmid::{
    span,
    stream::{Record, Value},
};

use super::code::Code;
use crate::{
    plan::{make::identity::short, record::Blocker},
    state::Kind,
};

/// The file that is written last (PBS's manifest).
const INDEX: &str = "index.json.blob";

/// How far ahead of this machine the server's clock may be.
pub const SKEW: Duration = Duration::from_secs(60);

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// `ns`: its namespace; empty for the root, and in lists that have none.
    pub ns: String,
    /// `backup-type`: `vm`, `ct`, `host`.
    pub kind: String,
    /// `backup-id`
    pub id: String,
    /// `backup-time`
    pub time: Timestamp,
    /// It came to its end, and its index can be read.
    pub finished: bool,
    /// A verification failed.
    pub failed: bool,
    /// Its comment; empty if it has none.
    pub comment: String,
    /// The names of its files (`drive-scsi0.img.fidx`).
    pub files: Vec<String>,
}

/// The guest to which a way back is looked for.
#[derive(Clone, Debug)]
pub struct Subject<'s> {
    /// Its ID.
    pub vmid: u32,
    /// VM or container.
    pub kind: Kind,
    /// Its name.
    pub name: &'s str,
    /// The site's domain, which names may end in.
    pub domain: Option<&'s str>,
    /// When it was made, if that is known: what is older is of an earlier guest.
    pub made: Option<Timestamp>,
    /// The earliest time at which it is known to have been there.
    pub there: Option<Timestamp>,
    /// The names of the nodes and of the cluster: comments have them of any guest.
    pub places: Vec<&'s str>,
    /// The names of other guests.
    pub others: Vec<String>,
}

impl Subject<'_> {
    /// It is known to have been there at that time, so a backup of its ID since then is its own.
    #[must_use]
    pub fn was_there(&self, time: Timestamp) -> bool {
        self.there.is_some_and(|there| there <= time)
    }
}

impl Backup {
    /// Reads a row of the list.
    ///
    /// # Errors
    ///
    /// The field that is missing or holds what it cannot.
    pub fn of(record: &Record<'_>) -> Result<Self, String> {
        let word = |name: &str| match record.value(name) {
            Value::Text(text) => Ok(text.into_owned()),
            Value::Number(number) => Ok(number.to_owned()),
            _ => Err(format!("it has no {name}")),
        };
        let seconds = word("backup-time")?.parse().ok();
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let ns = match record.value("ns") {
            Value::Absent | Value::Null => String::new(),
            Value::Text(text) => text.into_owned(),
            _ => return Err("its ns is no text".to_owned()),
        };
        Ok(Self {
            ns,
            kind: word("backup-type")?,
            id: word("backup-id")?,
            time: time.ok_or("its backup-time is no number of seconds")?,
            finished: is_finished(record),
            failed: has_failed(record),
            comment: match record.value("comment") {
                Value::Text(text) => text.into_owned(),
                _ => String::new(),
            },
            files: files(record).iter().filter_map(file_name).collect(),
        })
    }

    /// `ct/30050/2026-11-26T01:00:00Z`, as PBS has it; in a namespace `ns/home/ct/...`.
    #[must_use]
    pub fn path(&self) -> String {
        let parts = self.ns.split('/').filter(|part| !part.is_empty());
        let ns: String = parts.map(|part| format!("ns/{part}/")).collect();
        format!("{ns}{}/{}/{}", self.kind, self.id, self.time)
    }

    /// It can be restored: it came to its end, and no verification of it failed.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.finished && !self.failed
    }

    /// Why one that doesn't count does not.
    #[must_use]
    pub fn why_not(&self) -> &'static str {
        if self.failed {
            "failed its verification"
        } else {
            "is not finished"
        }
    }

    /// It has a file of that drive of a VM. The state of a TPM is in one with an ending of its own.
    #[must_use]
    pub fn has_drive(&self, key: &str) -> bool {
        let rest = |file: &String| {
            let rest = file.strip_prefix("drive-")?.strip_prefix(key)?;
            Some(rest.starts_with(['.', '-']))
        };
        self.files.iter().any(|file| rest(file) == Some(true))
    }
}

fn files(record: &Record<'_>) -> Vec<Json> {
    let files: Json =
        serde_json::from_str(record.raw("files").unwrap_or("null")).unwrap_or_default();
    match files {
        Json::Array(files) => files,
        _ => Vec::new(),
    }
}

fn file_name(file: &Json) -> Option<String> {
    let name = file.as_str().or(file["filename"].as_str());
    name.map(str::to_owned)
}

/// The index is among the files; in a list that tells sizes it has one, for PBS lists a backup
/// whose index it can't read with the bare names of its files.
fn is_finished(record: &Record<'_>) -> bool {
    let files = files(record);
    let sizes = files.iter().any(Json::is_object);
    let index = files
        .iter()
        .find(|file| file_name(file).as_deref() == Some(INDEX));
    index.is_some_and(|index| !sizes || index["size"].is_number())
}

/// Whatever is no `ok` and no `none`.
fn has_failed(record: &Record<'_>) -> bool {
    let said: Json =
        serde_json::from_str(record.raw("verification").unwrap_or("null")).unwrap_or_default();
    match &said {
        Json::Null => false,
        said => said["state"].as_str() != Some("ok"),
    }
}

/// The backup that is the way back to a guest.
///
/// # Errors
///
/// Why none counts.
pub fn way_back<'b>(
    backups: &'b [Backup],
    subject: &Subject<'_>,
    within: Duration,
    now: Timestamp,
) -> Result<&'b Backup, Blocker> {
    let newest = newest(backups, subject)?;
    let none = |what: String| Err(Code::NoBackupSeen.says(what));
    let path = newest.path();
    let age = Duration::try_from(now.duration_since(newest.time));
    let age = match age {
        Ok(age) => age,
        Err(_) if newest.time.duration_since(now).unsigned_abs() <= SKEW => Duration::ZERO,
        Err(_) => return none(format!("{path} is of a time to come: is a clock wrong?")),
    };
    if age > within {
        let (age, within) = (span::shown(age), span::written(within));
        return none(format!(
            "the newest backup that counts, {path}, is {age} old; --backup-within is {within}"
        ));
    }
    is_own(backups, newest, subject)?;
    Ok(newest)
}

/// The backup, one of `backups`, is of this very guest: made since it was, and of its name.
///
/// # Errors
///
/// It is another's, or whose it is is not known.
pub fn is_own(backups: &[Backup], backup: &Backup, subject: &Subject<'_>) -> Result<(), Blocker> {
    if let Some(made) = subject.made.filter(|made| backup.time < *made) {
        let (path, vmid) = (backup.path(), subject.vmid);
        return Err(Code::NoBackupSeen.says(format!(
            "{path} is of an earlier guest of {vmid}: this one was made later, at {made}"
        )));
    }
    if backup.comment.trim().is_empty() && by_others(backups, backup, subject) {
        return Ok(());
    }
    is_of(backup, subject)
}

/// A backup without a comment is of the guest, by those beside it: the guest was there when it was made, a
/// comment of its group names the guest, and none since then names another.
fn by_others(backups: &[Backup], newest: &Backup, subject: &Subject<'_>) -> bool {
    let group = backups.iter().filter(|other| {
        (&other.ns, &other.kind, &other.id) == (&newest.ns, &newest.kind, &newest.id)
            && !other.comment.trim().is_empty()
    });
    let mut named = false;
    for other in group {
        let own = is_of(other, subject).is_ok();
        named |= own;
        if !own && subject.was_there(other.time) {
            return false;
        }
    }
    named && subject.was_there(newest.time)
}

/// What a list has of a guest's type and ID.
#[derive(Debug)]
pub enum Newest<'b> {
    /// Nothing.
    None,
    /// Backups of two namespaces, here one of each, the newest first.
    TwoNamespaces(&'b Backup, &'b Backup),
    /// None that is finished and has not failed its verification; the newest of them.
    NoneCounts(&'b Backup),
    /// The newest that counts.
    Whole(&'b Backup),
}

/// The newest of a guest's type and ID that counts.
#[must_use]
pub fn newest_of<'b>(backups: &'b [Backup], subject: &Subject<'_>) -> Newest<'b> {
    let (group, id) = (subject.kind.ha_type(), subject.vmid.to_string());
    let mut own: Vec<&Backup> = backups.iter().collect();
    own.retain(|backup| backup.kind == group && backup.id == id);
    own.sort_by_key(|backup| backup.time);
    let Some(last) = own.last() else {
        return Newest::None;
    };
    if let Some(other) = own.iter().find(|other| other.ns != last.ns) {
        return Newest::TwoNamespaces(last, other);
    }
    let mut good = own.iter().rev();
    match good.find(|backup| backup.counts()) {
        Some(newest) => Newest::Whole(newest),
        None => Newest::NoneCounts(last),
    }
}

fn newest<'b>(backups: &'b [Backup], subject: &Subject<'_>) -> Result<&'b Backup, Blocker> {
    let (group, id) = (subject.kind.ha_type(), subject.vmid);
    let none = |what: String| Err(Code::NoBackupSeen.says(what));
    match newest_of(backups, subject) {
        Newest::Whole(backup) => Ok(backup),
        Newest::None => none(format!(
            "{group}/{id} has no backup in the list: make one, or say --no-backup-needed"
        )),
        Newest::TwoNamespaces(last, other) => {
            let what = format!(
                "{} and {} are of two namespaces, and which is this cluster's is not known: give the \
                 list of that namespace alone, or say --no-backup-needed",
                last.path(),
                other.path()
            );
            Err(Code::BackupUnsure.says(what))
        }
        Newest::NoneCounts(last) => {
            let (path, why) = (last.path(), last.why_not());
            none(format!(
                "no backup of {group}/{id} counts, the newest, {path}, {why}"
            ))
        }
    }
}

/// The comment says that it is of this guest, and of no other.
fn is_of(backup: &Backup, subject: &Subject<'_>) -> Result<(), Blocker> {
    let (path, name, vmid) = (backup.path(), subject.name, subject.vmid);
    let unsure = |what: String| Err(Code::BackupUnsure.says(what));
    if backup.comment.trim().is_empty() {
        return unsure(format!(
            "{path} has no comment, so whether it is of {name} or of an earlier guest of {vmid} is \
             not known: back it up with notes ({{{{guestname}}}}), or say --no-backup-needed"
        ));
    }
    let comment: String = backup.comment.chars().take(60).collect();
    let short = |name: &str| short(name, subject.domain);
    let words: Vec<String> = words(&backup.comment).map(short).collect();
    let own = short(name);
    if !words.contains(&own) {
        let what = format!("{path} says {comment:?}, and the guest is {name}: it may be another's");
        return Err(Code::NoBackupSeen.says(what));
    }
    let places: Vec<String> = subject.places.iter().map(|place| short(place)).collect();
    if places.contains(&own) {
        return unsure(format!(
            "{path} says {comment:?}, and {name} is the name of a node or of the cluster as well, so \
             whose it is is not known: look, and say --no-backup-needed"
        ));
    }
    // A guest that is called as a place is would be in the comments of all.
    let others = subject.others.iter().map(|other| short(other));
    let mut others = others.filter(|other| *other != own && !places.contains(other));
    match others.find(|other| words.contains(other)) {
        Some(other) => unsure(format!(
            "{path} says {comment:?}, which names {other} as well as {name}: look whose it is, and \
             say --no-backup-needed"
        )),
        None => Ok(()),
    }
}

/// The words of a comment: a name with anything but a space or a mark between words is another.
pub fn words(comment: &str) -> impl Iterator<Item = &str> {
    let is_gap = |letter: char| letter.is_whitespace() || ",;\"'`()[]{}<>".contains(letter);
    let words = comment.split(is_gap);
    words.map(|word| word.trim_end_matches(['.', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_795_700_000;

    fn backup(more: &Json) -> Json {
        let mut row = json!({"backup-type": "ct", "backup-id": "30050", "backup-time": NOW - 3600, "comment": "paperless, nightly",
            "files": [{"filename": "root.pxar.didx", "size": 5}, {"filename": "index.json.blob", "size": 5}],
            "verification": {"state": "ok", "upid": "x"}});
        for (key, value) in more.as_object().unwrap() {
            row[key] = value.clone();
        }
        row
    }

    fn read(rows: &[Json]) -> Vec<Backup> {
        let text: String = rows.iter().map(Json::to_string).collect();
        let kept = vmid::stream::parse(text.as_bytes()).unwrap();
        kept.iter()
            .map(|kept| Backup::of(&kept.record()).unwrap())
            .collect()
    }

    #[test]
    fn which_backup_counts() {
        let old = backup(&json!({"backup-time": NOW - 90_000}));
        #[rustfmt::skip]
        let cases: Vec<(&str, Vec<Json>, &str)> = vec![
            ("of an hour ago",        vec![backup(&json!({}))],                                           "ok"),
            ("never verified",        vec![backup(&json!({"verification": null}))],                       "ok"),
            ("names as a list",       vec![backup(&json!({"files": ["index.json.blob"]}))],               "ok"),
            ("its ID as a number",    vec![backup(&json!({"backup-id": 30050}))],                         "ok"),
            ("the name alone",        vec![backup(&json!({"comment": "Paperless"}))],                     "ok"),
            ("name, node, ID",        vec![backup(&json!({"comment": "homelab node3 30050 paperless pvx"}))], "ok"),
                        ("a clock is ahead",      vec![backup(&json!({"backup-time": NOW + 30}))],                    "ok"),
            ("none",                  vec![],                                                             "no-backup-seen"),
            ("of a VM of this ID",    vec![backup(&json!({"backup-type": "vm"}))],                        "no-backup-seen"),
            ("of another ID",         vec![backup(&json!({"backup-id": "3005"}))],                        "no-backup-seen"),
            ("too old",               vec![old.clone()],                                                  "no-backup-seen"),
            ("not finished",          vec![backup(&json!({"files": [{"filename": "root.pxar.didx", "size": 5}]}))], "no-backup-seen"),
            ("no files",              vec![backup(&json!({"files": null}))],                              "no-backup-seen"),
            ("its index is broken",   vec![backup(&json!({"files": [{"filename": "index.json.blob"}]}))], "no-backup-seen"),
            ("it failed",             vec![backup(&json!({"verification": {"state": "failed"}}))],        "no-backup-seen"),
            ("a word of later times", vec![backup(&json!({"verification": {"state": "odd"}}))],           "no-backup-seen"),
            ("the good one is old",   vec![old, backup(&json!({"files": []}))],                           "no-backup-seen"),
            ("of the future",         vec![backup(&json!({"backup-time": NOW + 300}))],                   "no-backup-seen"),
            ("another's",             vec![backup(&json!({"comment": "nextcloud"}))],                     "no-backup-seen"),
            ("a longer name",         vec![backup(&json!({"comment": "paperless-old"}))],                 "no-backup-seen"),
            ("the newest is another's", vec![backup(&json!({"backup-time": NOW - 7200})), backup(&json!({"comment": "web"}))], "no-backup-seen"),
            ("of a namespace",        vec![backup(&json!({"ns": "home"}))],                               "ok"),
            ("the name, and a colon", vec![backup(&json!({"comment": "paperless: nightly"}))],            "ok"),
            ("with the domain",       vec![backup(&json!({"comment": "paperless.home.example pve1"}))],   "ok"),
            ("a new one elsewhere",   vec![backup(&json!({"ns": "lab"})), backup(&json!({"ns": "home", "backup-time": NOW - 90_000}))], "backup-unsure"),
            ("two namespaces",        vec![backup(&json!({"ns": "lab"})), backup(&json!({"backup-time": NOW - 7200}))], "backup-unsure"),
            ("another type elsewhere", vec![backup(&json!({})), backup(&json!({"ns": "lab", "backup-type": "vm"}))], "ok"),
            ("older than the guest",  vec![backup(&json!({"backup-time": NOW - 80_001}))],                "no-backup-seen"),
            ("as old as the guest",   vec![backup(&json!({"backup-time": NOW - 80_000}))],                "ok"),
            ("a part of a path",      vec![backup(&json!({"comment": "paperless/old"}))],                 "no-backup-seen"),
            ("a part of an address",  vec![backup(&json!({"comment": "paperless@lab"}))],                 "no-backup-seen"),
            ("behind a colon",        vec![backup(&json!({"comment": "paperless:old"}))],                 "no-backup-seen"),
            ("with a dash",           vec![backup(&json!({"comment": "paperless\u{2013}alt"}))],          "no-backup-seen"),
            ("and another's",         vec![backup(&json!({"comment": "nextcloud, before the move to paperless"}))], "backup-unsure"),
            ("and a node's",          vec![backup(&json!({"comment": "homelab pve1 30050 paperless pvx"}))], "ok"),
            ("no comment",            vec![backup(&json!({"comment": null}))],                            "backup-unsure"),
            ("an empty one",          vec![backup(&json!({"comment": " \n"}))],                           "backup-unsure"),
            ("others name it",        vec![backup(&json!({"comment": null})), backup(&json!({"backup-time": NOW - 7200}))], "ok"),
            ("an old one names it",   vec![backup(&json!({"comment": null})), backup(&json!({"backup-time": NOW - 900_000}))], "ok"),
            ("others name another",   vec![backup(&json!({"comment": null})), backup(&json!({"backup-time": NOW - 7200})), backup(&json!({"backup-time": NOW - 9000, "comment": "web"}))], "backup-unsure"),
            ("another, before it was made", vec![backup(&json!({"comment": null})), backup(&json!({"backup-time": NOW - 7200})), backup(&json!({"backup-time": NOW - 90_000, "comment": "web"}))], "ok"),
            ("of another type",       vec![backup(&json!({"comment": null})), backup(&json!({"backup-time": NOW - 7200, "backup-type": "vm"}))], "backup-unsure"),
        ];
        let now = Timestamp::from_second(NOW).unwrap();
        let within = Duration::from_secs(86_400);
        for (name, rows, want) in cases {
            let rows = read(&rows);
            let got = way_back(&rows, &subject("paperless"), within, now);
            let code = got
                .as_ref()
                .map_or_else(|blocker| &blocker.code[..], |_| "ok");
            assert_eq!(code, want, "{name}: {got:?}");
            if let Err(blocker) = &got {
                assert!(!blocker.message.contains('\n'), "{name}");
            }
        }
        let rows = read(&[backup(&json!({}))]);
        let got = way_back(&rows, &subject("paperless"), within, now);
        assert_eq!(got.unwrap().path(), "ct/30050/2026-11-26T12:33:20Z");
        let day_old = read(&[backup(&json!({"backup-time": NOW - 86_400}))]);
        let mut never = subject("paperless");
        (never.made, never.there) = (None, None);
        let unnamed = read(&[
            backup(&json!({"comment": null})),
            backup(&json!({"backup-time": NOW - 7200})),
        ]);
        let got = way_back(&unnamed, &never, within, now);
        assert_eq!(
            got.unwrap_err().code,
            "backup-unsure",
            "not known to be older"
        );
        assert!(way_back(&day_old, &never, within, now).is_ok());
        let rows = read(&[backup(&json!({"comment": "pve1", "ns": "home/lab"}))]);
        let got = way_back(&rows, &subject("pve1"), within, now);
        assert_eq!(got.unwrap_err().code, "backup-unsure");
        assert_eq!(
            rows[0].path(),
            "ns/home/ns/lab/ct/30050/2026-11-26T12:33:20Z"
        );
    }

    fn subject(name: &str) -> Subject<'_> {
        Subject {
            vmid: 30050,
            kind: Kind::Lxc,
            name,
            domain: Some("home.example"),
            made: Some(Timestamp::from_second(NOW - 80_000).unwrap()),
            there: Some(Timestamp::from_second(NOW - 80_000).unwrap()),
            places: vec!["homelab", "pve1"],
            others: ["nextcloud", "pve1"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn a_namespace_that_is_none() {
        let row = backup(&json!({"ns": 5})).to_string();
        let kept = vmid::stream::parse(row.as_bytes()).unwrap();
        let got = Backup::of(&kept[0].record());
        assert_eq!(got.unwrap_err(), "its ns is no text");
    }

    #[test]
    fn which_drives_a_backup_has() {
        let files = json!([
            "index.json.blob",
            "drive-scsi1.img.fidx",
            "drive-tpmstate0-backup.img.fidx"
        ]);
        let rows = read(&[backup(&json!({"files": files}))]);
        let cases = [
            ("scsi1", true),
            ("scsi", false),
            ("scsi0", false),
            ("scsi10", false),
            ("tpmstate0", true),
        ];
        for (key, want) in cases {
            assert_eq!(rows[0].has_drive(key), want, "{key}");
        }
    }
}
