//! What the storages of Proxmox VE hold: disks, and backups. There are a million rows: one that
//! isn't asked for is over as soon as its ID is read.

use super::{field, kind::Kind, memory::Memory, owner, sight::List};
use crate::stream::Record;

/// A row of `/nodes/NODE/storage/STORAGE/content`, with `storage` and `node` where the script knows them.
pub fn read(record: &Record<'_>, memory: &mut Memory) -> Result<(), String> {
    let volid = field::text(record, "volid").ok_or("a volume without a volid")?;
    let storage = field::text(record, "storage");
    let storage = storage
        .as_deref()
        .or_else(|| Some(volid.split_once(':')?.0))
        .unwrap_or_default();
    let node = field::text(record, "node");
    match field::text(record, "content").as_deref() {
        Some("images" | "rootdir") => memory.sight.came(List::Disks(storage.to_owned())),
        Some("backup") => memory.sight.came(List::Backups(storage.to_owned())),
        _ => {
            memory.sight.came(List::Disks(storage.to_owned()));
            memory.sight.came(List::Backups(storage.to_owned()));
        }
    }
    volume(record, storage, node.as_deref(), memory)
}

/// A volume of that storage's list at that node.
pub fn volume(
    record: &Record<'_>,
    storage: &str,
    node: Option<&str>,
    memory: &mut Memory,
) -> Result<(), String> {
    let content = field::text(record, "content");
    let kind = match content.as_deref() {
        Some("images" | "rootdir") => Kind::Volume,
        Some("backup") => Kind::Backup,
        Some(_) => return Ok(()), // images and templates of systems are nobody's
        None => Kind::Volume,
    };
    let volid = field::text(record, "volid").ok_or("a volume without a volid")?;
    let vmid = field::id(record, "vmid").or_else(|| owner::of_volume(&volid));
    let Some(vmid) = vmid.filter(|vmid| memory.asks(*vmid)) else {
        return Ok(());
    };
    let node = node.map(str::to_owned);
    if kind == Kind::Backup || volid.contains(":backup/") {
        let trace = memory.note(vmid, Kind::Backup, storage.to_owned(), node);
        trace.counts(field::time(record, "ctime"));
        trace.named(&field::text(record, "notes").unwrap_or_default());
        let storage = field::shell_word(storage);
        trace.remedy = storage.map(|storage| {
            format!("'pvesm list {storage} --vmid {vmid}' lists them, 'pvesm free' removes one")
        });
        return Ok(());
    }
    let remedy = field::shell_word(&volid).map(|volid| format!("pvesm free {volid}"));
    memory
        .note(vmid, Kind::Volume, volid.into_owned(), node)
        .remedy = remedy;
    Ok(())
}
