//! What to do next with a guest that is locked, and no task is there that would have the lock.

use std::time::Duration;

use vmid::span;

use crate::run::{
    decision::{Next, help, stayed},
    seen::{Intent, Past, Seen},
};

/// For the lock of a backup or a snapshot.
const LOCK_S: f64 = 600.0;
/// For a `migrate` lock without a task: the task's end and the unlocking are moments apart.
const STALE_S: f64 = 20.0;

/// The next thing to do.
pub(super) fn next(intent: &Intent, seen: &Seen, past: &Past, node: &str, lock: &str) -> Next {
    let (vmid, command) = (intent.vmid, intent.kind.command());
    if lock == "migrate" && past.waited_s >= STALE_S {
        let stopped = intent.was_running && !seen.running;
        let then = if stopped {
            format!(" && {command} start {vmid}")
        } else {
            String::new()
        };
        let state = if stopped {
            "It ran and is stopped. "
        } else {
            ""
        };
        return help(
            "stale-lock",
            format!(
                "{vmid} has the lock of a migration that is over. {state}A token can't remove it; on {node}: {command} unlock {vmid}{then}"
            ),
        );
    }
    if past.waited_s < LOCK_S {
        return Next::Wait("it is locked");
    }
    let span = span::shown(Duration::from_secs_f64(LOCK_S));
    let why = format!("locked ({lock}) for more than {span}");
    if intent.was_running && !seen.running {
        help(
            "locked",
            format!(
                "{why}, and it is stopped, but ran; on {node}, when the lock is gone: {command} start {vmid}"
            ),
        )
    } else if *node == intent.to {
        help("locked", format!("it is on {node}, {why}"))
    } else {
        stayed("locked", why)
    }
}
