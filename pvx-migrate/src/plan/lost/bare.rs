//! A guest as its next start sees it: without what only its snapshots name.
//!
//! A drain takes all of that along, so it looks at it; a guest that is started elsewhere needs what
//! its configuration names, and what a pending change adds, which a start carries out.

use serde::Deserialize as _;
use serde_json::{Value, value};

use crate::state::{Guest, LocalDisk, Snapshots};

/// The guest, without its snapshots.
#[must_use]
pub fn bare(guest: &Guest) -> Guest {
    let mut bare = guest.clone();
    bare.snapshots = Some(Snapshots::Names(Vec::new()));
    let check = guest.precondition.as_ref();
    let check = check.and_then(|text| serde_json::from_str::<Value>(text.get()).ok());
    let less = check.and_then(without_snapshots);
    let less = less.and_then(|check| value::to_raw_value(&check).ok());
    bare.precondition = less.or(bare.precondition);
    bare
}

/// Proxmox's own check without the volumes that only snapshots name; none if there is none of these.
fn without_snapshots(mut check: Value) -> Option<Value> {
    let disks = check.get_mut("local_disks")?.as_array_mut()?;
    let before = disks.len();
    disks.retain(|disk| {
        let disk = LocalDisk::deserialize(disk).ok();
        disk.is_none_or(|disk| disk.referenced_in_pending || disk.referenced_in_snapshot.is_empty())
    });
    (disks.len() < before).then_some(check)
}
