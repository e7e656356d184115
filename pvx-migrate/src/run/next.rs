//! What to do next with a guest, from what is seen of it: the way of a move, and the way
//! out of every state that it can be left in.
//!
//! Pure, and the same for a move that is under way and for one that was cut off: a run that
//! is killed and started again looks, and comes here. A guest that ran is never given up
//! while it is stopped and something can still be tried.

use std::time::Duration;

use vmid::span;

use super::{
    decision::{Finish, Next, help, stayed},
    managed,
    seen::{Intent, Past, Seen},
};
use crate::{plan::record::Action, state::Kind};

/// For a guest that is in no list: configurations move between nodes within moments.
const GONE_S: f64 = 30.0;
/// For a node that does not answer; a reboot is left to a person, a hiccup is not.
const NODE_S: f64 = 120.0;
/// For the lock of a backup or a snapshot.
const LOCK_S: f64 = 600.0;
/// For a `migrate` lock without a task: the task's end and the unlocking are moments apart.
const STALE_S: f64 = 20.0;
/// For a task of a request whose answer was lost.
const LOST_S: f64 = 10.0;
/// Migrations asked for, if the first one left no trace at all.
const REQUESTS: u32 = 2;

/// The next thing to do.
#[must_use]
pub fn next(intent: &Intent, seen: &Seen, past: &Past) -> Next {
    let (vmid, command) = (intent.vmid, intent.kind.command());
    let Some(node) = &seen.node else {
        return if past.waited_s < GONE_S {
            Next::Wait("it is in no list")
        } else {
            help(
                "gone",
                format!(
                    "{vmid} is in no list: it was removed, or the token may not see it (VM.Audit)"
                ),
            )
        };
    };
    if !seen.reached {
        return if past.waited_s < NODE_S {
            Next::Wait("its node does not answer")
        } else {
            let then = if intent.was_running {
                format!(
                    "when it is back, see whether {vmid} runs (on {node}: {command} status {vmid})"
                )
            } else {
                format!("when it is back, see where {vmid} is")
            };
            help(
                "node-down",
                format!(
                    "{node} does not answer, nothing was touched; {then}, and run again with this journal"
                ),
            )
        };
    }
    if let Some((upid, _)) = seen.task.as_ref().filter(|_| past.overdue > 1) {
        return help(
            "no-progress",
            format!(
                "{upid} goes on without an end, and stopping it could leave {vmid} stopped; see its log on {node}, then run again with this journal"
            ),
        );
    }
    if let Some((upid, _)) = &seen.task {
        return Next::Follow(upid.clone());
    }
    if let Some(lock) = &seen.lock {
        return locked(intent, seen, past, node, lock);
    }
    if !past.asked && !intent.repair_only && past.shutdowns == 0 && intent.ha != seen.ha.is_some() {
        let why = if intent.ha {
            "the HA manager has it no more, or the token may not ask it (Sys.Audit)"
        } else {
            "the HA manager has it now, and did not when this was planned"
        };
        return stayed("changed", format!("{why}; nothing was done"));
    }
    if intent.ha
        && let Some(ha) = &seen.ha
    {
        return managed::next(intent, seen, past, node, ha);
    }
    if *node == intent.to {
        there(intent, seen, past)
    } else if *node == intent.from {
        here(intent, seen, past)
    } else if seen.running || !intent.was_running {
        stayed(
            "elsewhere",
            format!("somebody else moved it: it is on {node}, and stays there"),
        )
    } else {
        help(
            "elsewhere",
            format!(
                "somebody else moved it to {node}, where it is stopped; on {node}: {command} start {vmid}"
            ),
        )
    }
}

/// With a lock, and no task that would have it.
fn locked(intent: &Intent, seen: &Seen, past: &Past, node: &str, lock: &str) -> Next {
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

/// It is where it should go.
fn there(intent: &Intent, seen: &Seen, past: &Past) -> Next {
    let (vmid, command, node) = (intent.vmid, intent.kind.command(), &intent.to);
    if !intent.was_running {
        return Next::Finish(Finish::Arrived);
    }
    let trouble = past.trouble.as_deref().unwrap_or("no reason was told");
    if seen.running {
        return match (seen.paused, past.resumes) {
            (false, _) => Next::Finish(Finish::Arrived),
            (true, 0 | 1) => Next::Resume,
            (true, _) => help(
                "paused",
                format!(
                    "it is on {node}, paused, and does not go on: {trouble}; on {node}: {command} resume {vmid}"
                ),
            ),
        };
    }
    // PVE's own start was the first, unless it was moved while it was stopped.
    if past.starts_there < starts(intent) {
        return Next::Start(node.clone());
    }
    match (past.moves_back, &past.end) {
        (1, None) if past.waited_s < LOST_S => Next::Wait("no task is found of what was asked for"),
        (0, _) => Next::MoveBack,
        (1, None) if !past.named => Next::MoveBack,
        _ => help(
            "stopped",
            format!(
                "it is on {node} and does not start there ({trouble}), nor could it be moved back; on {node}: {command} start {vmid}"
            ),
        ),
    }
}

fn starts(intent: &Intent) -> u32 {
    if intent.action == Action::Restart {
        1
    } else {
        2
    }
}

/// It is where it was.
fn here(intent: &Intent, seen: &Seen, past: &Past) -> Next {
    let (vmid, command, node) = (intent.vmid, intent.kind.command(), &intent.from);
    let trouble = past.trouble.as_deref().unwrap_or("no reason was told");
    let as_it_was = seen.running == intent.was_running;
    // Whatever happened, a guest that ran is to run.
    let start = || match past.starts_here {
        0 | 1 => Next::Start(node.clone()),
        _ => help(
            "stopped",
            format!(
                "it ran, is stopped on {node} and does not start ({trouble}); on {node}: {command} start {vmid}"
            ),
        ),
    };
    if past.moves_back > 0 {
        return if as_it_was || seen.running {
            stayed(
                "start-failed",
                format!(
                    "it did not start on {}, and was moved back: {trouble}",
                    intent.to
                ),
            )
        } else {
            start()
        };
    }
    if seen.paused && intent.was_running {
        return match past.resumes {
            0 | 1 if past.asked => Next::Resume,
            _ => help(
                "paused",
                format!("it is paused on {node}; on {node}: {command} resume {vmid}"),
            ),
        };
    }
    if let Some(end) = past.end.as_ref().filter(|_| past.asked) {
        let reason = end.reason.clone();
        if end.ok && past.waited_s < GONE_S {
            return Next::Wait("the task is done, and the guest has not moved yet");
        }
        if intent.was_running && !seen.running {
            return start();
        }
        if end.told_to_stop && past.starts_here == 0 {
            // It was told to shut down, and nobody else starts it when it has.
            let enough = (2 * intent.timeout_s + 5).max(300) as f64;
            return if past.waited_s < enough {
                Next::Wait("it was told to shut down and may still do so")
            } else {
                help(
                    "did-not-stop",
                    format!(
                        "it still runs on {node}, but was told to shut down and may yet do so; nobody starts it then: {command} start {vmid}"
                    ),
                )
            };
        }
        return stayed("not-moved", reason);
    }
    if past.asked {
        if past.waited_s < LOST_S {
            return Next::Wait("no task is found of what was asked for");
        }
        if intent.was_running && !seen.running {
            let again = past.shutdowns > 0
                && past.starts_here == 0
                && past.requests < REQUESTS
                && !past.named;
            return if again && !intent.repair_only {
                Next::MoveStopped
            } else {
                start()
            };
        }
        if intent.repair_only || past.named || past.requests >= REQUESTS || past.starts_here > 0 {
            return stayed(
                "not-moved",
                "the move was asked for, and left no trace; it runs as before",
            );
        }
        return if intent.action == Action::Shutdown && past.requests == 0 {
            Next::Shutdown
        } else {
            Next::Move
        };
    }
    if intent.repair_only {
        return if past.shutdowns > 0 && intent.was_running && !seen.running {
            start()
        } else {
            stayed("not-moved", "nothing had been asked of the cluster")
        };
    }
    if past.shutdowns > 0 {
        return if !seen.running {
            Next::MoveStopped
        } else if past.waited_s < (2 * intent.timeout_s + 5).max(300) as f64 {
            Next::Wait("it was told to shut down and may still do so")
        } else {
            help(
                "did-not-stop",
                format!(
                    "it still runs on {node}, but was told to shut down and may yet do so; nobody starts it then: {command} start {vmid}"
                ),
            )
        };
    }
    if !as_it_was {
        let (was, is) = if intent.was_running {
            ("ran", "is stopped")
        } else {
            ("was stopped", "runs")
        };
        return stayed(
            "changed",
            format!("it {was} when this was planned, and {is} now; nothing was done"),
        );
    }
    if intent.action == Action::Shutdown {
        Next::Shutdown
    } else {
        Next::Move
    }
}

/// Whether a container that a stuck task moves may be down because of it: then ending the
/// task could leave it so.
#[must_use]
pub fn may_end_task(intent: &Intent, seen: &Seen) -> bool {
    intent.kind == Kind::Qemu || !intent.was_running || seen.running
}
