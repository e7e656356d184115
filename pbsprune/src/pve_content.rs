//! A row of what Proxmox VE says is in a storage (`pvesh get /nodes/N/storage/S/content`).
//!
//! PVE shows a snapshot of a Proxmox Backup Server as a volume whose name holds type, id and
//! time, and gives it the size 1 where PBS knows none, as of one that isn't finished
//! (`list_volumes` of PVE's PBSPlugin.pm). It names no files, and no namespace.

use std::str::FromStr as _;

use jiff::Timestamp;
use vmid::stream::{Record, Value};

use crate::{
    field::{Fault, namespace, not_a, verification},
    snapshot::{self, IndexSize, Item},
};

/// What prints the right list.
const WANTED: &str = "pvesh get /nodes/NODE/storage/STORAGE/content --output-format json prints what a storage of a Proxmox Backup Server has";

/// Reads a row that has `volid` and no `backup-time`.
///
/// # Errors
///
/// It is a row of `pvesm prune-backups`, or no snapshot of a Proxmox Backup Server.
pub fn item<'a>(record: &Record<'a>, volid: &'a str) -> Result<Item<'a>, Fault> {
    if record.raw("content").is_none() && record.raw("mark").is_some() {
        return Err(Fault::OfAnotherList(
            "what pvesm prune-backups decides, not the list that it decides about",
            WANTED,
        ));
    }
    let Value::Text(text) = Value::of(volid) else {
        return Err(not_a("volid", "text", volid));
    };
    let Some((kind, id, time)) = volume(&text) else {
        return Err(Fault::OfAnotherList(
            "the content of a storage that is no Proxmox Backup Server's (volid is not of the form STORAGE:backup/vm/100/2026-11-20T02:00:00Z)",
            WANTED,
        ));
    };
    let raw = record.raw("protected");
    let protected = match raw.map_or(Value::Absent, Value::of) {
        Value::Absent => false,
        Value::Bool(flag) => flag,
        Value::Number("0") => false,
        Value::Number("1") => true,
        _ => {
            return Err(not_a(
                "protected",
                "true, false, 0 or 1",
                raw.unwrap_or_default(),
            ));
        }
    };
    let finished =
        matches!(record.value("size"), Value::Number(size) if !["0", "1"].contains(&size));
    Ok(Item {
        ns: namespace(record.raw("ns"))?,
        kind: kind.into(),
        id: id.into(),
        time,
        finished,
        index_size: IndexSize::Untold,
        owner: None,
        protected,
        verification: verification(record.raw("verification"))?,
        clashes: snapshot::clashes(record),
    })
}

/// Type, id and time (seconds) of `STORAGE:backup/TYPE/ID/TIME`.
fn volume(volid: &str) -> Option<(String, String, i64)> {
    let (_, path) = volid.split_once(":backup/")?;
    let mut parts = path.split('/');
    let (kind, id, time) = (parts.next()?, parts.next()?, parts.next()?);
    let known = ["vm", "ct", "host"].contains(&kind) && !id.is_empty() && parts.next().is_none();
    // The one form that PBS has: other spellings of a time are other names.
    let time = Timestamp::from_str(time)
        .ok()
        .filter(|parsed| time.len() == 20 && parsed.to_string() == time)?;
    known.then(|| (kind.to_owned(), id.to_owned(), time.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes() {
        #[rustfmt::skip]
        let cases = [
            ("of a VM",           "pbs:backup/vm/101/2026-11-20T02:00:00Z",   Some(("vm", "101", 1_795_140_000))),
            ("of a host",         "pbs:backup/host/nas/1970-01-01T00:00:01Z", Some(("host", "nas", 1))),
            ("another type",      "pbs:backup/qemu/101/2026-11-20T02:00:00Z", None),
            ("a file of vzdump",  "local:backup/vzdump-qemu-101-2026_11_20-02_00_00.vma.zst", None),
            ("an offset",         "pbs:backup/vm/101/2026-11-20T02:00:00+00:00", None),
            ("a part of seconds", "pbs:backup/vm/101/2026-11-20T02:00:00.5Z", None),
            ("something behind",  "pbs:backup/vm/101/2026-11-20T02:00:00Z/x", None),
            ("no time",           "pbs:backup/vm/101",                        None),
            ("no id",             "pbs:backup/vm//2026-11-20T02:00:00Z",      None),
        ];
        for (name, volid, want) in cases {
            let want = want.map(|(kind, id, time)| (kind.to_owned(), id.to_owned(), time));
            assert_eq!(volume(volid), want, "{name}");
        }
    }
}
