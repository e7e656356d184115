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
use crate::{plan::record::Blocker, state::Kind};

/// The file that is written last (PBS's manifest).
const INDEX: &str = "index.json.blob";

/// How far ahead of this machine the server's clock may be.
const SKEW: Duration = Duration::from_secs(60);

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
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
        Ok(Self {
            kind: word("backup-type")?,
            id: word("backup-id")?,
            time: time.ok_or("its backup-time is no number of seconds")?,
            finished: is_finished(record),
            failed: has_failed(record),
            comment: match record.value("comment") {
                Value::Text(text) => text.into_owned(),
                _ => String::new(),
            },
        })
    }

    /// `ct/30050/2026-11-26T01:00:00Z`, as PBS has it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.kind, self.id, self.time)
    }
}

/// The index is among the files; in a list that tells sizes it has one, for PBS lists a backup
/// whose index it can't read with the bare names of its files.
fn is_finished(record: &Record<'_>) -> bool {
    let files: Json =
        serde_json::from_str(record.raw("files").unwrap_or("null")).unwrap_or_default();
    let files = files.as_array().map_or(&[][..], Vec::as_slice);
    let name = |file: &Json| file.as_str().or(file["filename"].as_str()) == Some(INDEX);
    let sizes = files.iter().any(Json::is_object);
    let index = files.iter().find(|file| name(file));
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

/// The backup that is the way back to a guest, as it is called at PBS.
///
/// # Errors
///
/// Why none counts.
pub fn way_back(
    backups: &[Backup],
    (vmid, kind, name): (u32, Kind, &str),
    within: Duration,
    now: Timestamp,
) -> Result<String, Blocker> {
    let (group, id) = (kind.ha_type(), vmid.to_string());
    let none = |what: String| Err(Code::NoBackupSeen.says(what));
    let mut own: Vec<&Backup> = backups.iter().collect();
    own.retain(|backup| backup.kind == group && backup.id == id);
    own.sort_by_key(|backup| backup.time);
    let Some(last) = own.last() else {
        return none(format!(
            "{group}/{id} has no backup in the list: make one, or say --no-backup-needed"
        ));
    };
    let good = own
        .iter()
        .rev()
        .find(|backup| backup.finished && !backup.failed);
    let Some(newest) = good else {
        let path = last.path();
        let why = if last.failed {
            "failed its verification"
        } else {
            "is not finished"
        };
        return none(format!(
            "no backup of {group}/{id} counts, the newest, {path}, {why}"
        ));
    };
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
    if newest.comment.trim().is_empty() {
        let what = format!(
            "{path} has no comment, so whether it is of {name} or of an earlier guest of {vmid} is \
             not known: back it up with notes ({{{{guestname}}}}), or say --no-backup-needed"
        );
        return Err(Code::BackupUnsure.says(what));
    }
    if !names(&newest.comment, name) {
        let comment: String = newest.comment.chars().take(60).collect();
        return none(format!(
            "{path} says {comment:?}, and the guest is {name}: it may be another's"
        ));
    }
    Ok(path)
}

/// A comment has the name as a word of its own.
fn names(comment: &str, name: &str) -> bool {
    let is_inner = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let mut words = comment.split(|letter: char| !is_inner(letter));
    words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(name))
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
            ("just within",           vec![backup(&json!({"backup-time": NOW - 86_400}))],                "ok"),
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
            ("no comment",            vec![backup(&json!({"comment": null}))],                            "backup-unsure"),
            ("an empty one",          vec![backup(&json!({"comment": " \n"}))],                           "backup-unsure"),
        ];
        let now = Timestamp::from_second(NOW).unwrap();
        let within = Duration::from_secs(86_400);
        for (name, rows, want) in cases {
            let got = way_back(&read(&rows), (30050, Kind::Lxc, "paperless"), within, now);
            let code = got
                .as_ref()
                .map_or_else(|blocker| &blocker.code[..], |_| "ok");
            assert_eq!(code, want, "{name}: {got:?}");
            if let Err(blocker) = &got {
                assert!(!blocker.message.contains('\n'), "{name}");
            }
        }
        let got = way_back(
            &read(&[backup(&json!({}))]),
            (30050, Kind::Lxc, "paperless"),
            within,
            now,
        );
        assert_eq!(got.unwrap(), "ct/30050/2026-11-26T12:33:20Z");
    }
}
