//! What a lock in a guest's configuration means, and who can clear it.

use crate::state::Guest;

/// What holds the lock, and what to do about it, where a plan meets it.
#[must_use]
pub fn held(guest: &Guest, lock: &str) -> String {
    let unlock = unlock(guest);
    match lock {
        "backup" | "snapshot" | "snapshot-delete" | "rollback" | "clone" => {
            format!("a {lock} holds its lock: plan again when that is done")
        }
        "suspended" | "mounted" => of_kind(guest, lock),
        "migrate" => {
            format!("a migration holds its lock; if none runs, root clears it with '{unlock}'")
        }
        _ => format!("locked ({lock}): if nothing works on it, root clears it with '{unlock}'"),
    }
}

/// What to do about a lock whose task is gone.
#[must_use]
pub fn stale(guest: &Guest, lock: &str) -> String {
    let (unlock, node) = (unlock(guest), &guest.node);
    let command = guest.kind.command();
    match lock {
        "suspended" | "mounted" => of_kind(guest, lock),
        "snapshot" | "snapshot-delete" | "rollback" => format!(
            "its {lock} was cut off; root clears the lock on {node} with '{unlock}', then looks at '{command} listsnapshot {}' for what is half made",
            guest.vmid
        ),
        "migrate" => format!(
            "its migration was cut off; make sure that it runs on one node alone, then root clears the lock on {node} with '{unlock}', and looks for volumes that were left on the target"
        ),
        "create" | "destroyed" => format!(
            "its making or its removal was cut off, and no token can clear that: on {node} root runs '{unlock}', then removes it, and its volumes that no configuration names"
        ),
        "disk" | "backup" | "clone" => {
            format!("its {lock} was cut off; root clears the lock on {node} with '{unlock}'")
        }
        _ => format!("root clears it on {node} with '{unlock}'"),
    }
}

fn of_kind(guest: &Guest, lock: &str) -> String {
    match lock {
        "suspended" => format!(
            "it is hibernated, its memory saved: resume it ('qm resume {}'), or leave it; to unlock it would throw that memory away",
            guest.vmid
        ),
        _ => format!(
            "its volumes are mounted on {}: root clears that with 'pct unmount {}'",
            guest.node, guest.vmid
        ),
    }
}

fn unlock(guest: &Guest) -> String {
    format!("{} unlock {}", guest.kind.command(), guest.vmid)
}
