//! Locks that nothing holds any more: whoever took them died, and only root can clear them.

use serde_json::json;

use super::{
    context::Context,
    found::{Found, info, unseen, warning},
    guest::Audited,
};
use crate::{permission, plan::lock, state::Task};

/// A lock of which no task knows.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Option<Found> {
    let own = guest.guest.lock.as_ref().or(guest.config.lock.as_ref());
    let lock = own.filter(|lock| !lock.is_empty())?;
    let evidence = json!({"lock": lock, "node": guest.guest.node});
    // Nothing holds it: it says that its memory is saved.
    if lock == "suspended" {
        let advice = lock::stale(guest.guest, lock);
        return Some(info("lock", advice, evidence, &["state"]));
    }
    if context.node_of(guest.guest).is_none_or(|node| !node.online) {
        return None; // told already; and whoever took it may still be at it
    }
    let state = context.cluster.state;
    let audits = |table| permission::has(table, "/", "Sys.Audit");
    let sees_all = state.permissions.as_ref().is_some_and(audits);
    let Some(tasks) = state.tasks.as_ref().filter(|_| sees_all) else {
        let what = format!("it is locked ({lock}), and whether a task of it runs was not seen");
        return Some(unseen(what, "tasks", "Sys.Audit on /"));
    };
    if tasks.iter().any(|task| may_hold(task, guest, lock)) {
        return None;
    }
    let message = format!(
        "locked ({lock}), and no task of it runs: {}",
        lock::stale(guest.guest, lock)
    );
    Some(warning("lock", message, evidence, &["state"]))
}

/// A task of the guest, or one of several guests on its node: those have no ID. A clone is made by a
/// task of its source, perhaps from another node.
fn may_hold(task: &Task, guest: &Audited<'_>, lock: &str) -> bool {
    let vmid = guest.guest.vmid.to_string();
    let clones = matches!(&task.kind[..], "qmclone" | "vzclone");
    task.id == vmid
        || (clones && matches!(lock, "clone" | "create"))
        || (task.id.is_empty() && task.kind == "vzdump" && task.node == guest.guest.node)
}
