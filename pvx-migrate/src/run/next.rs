//! What to do next with a guest, from what is seen of it: the way of a move, and the way
//! out of every state that it can be left in.
//!
//! Pure, and the same for a move that is under way and for one that was cut off: a run that
//! is killed and started again looks, and comes here. A guest that ran is never given up
//! while it is stopped and something can still be tried. The first row that fits counts:
//!
//! | seen                                   | next                                               |
//! |----------------------------------------|----------------------------------------------------|
//! | no quorum, and no task                 | wait; then arrived, stayed or help: no-quorum      |
//! | in no list                             | wait; then help: gone (of no plan: stayed)         |
//! | its node is silent                     | wait; then help: node-down                         |
//! | a task about it                        | follow; far too long: help: no-progress            |
//! | a lock                                 | wait; then help: stale-lock, or locked (`lock`)    |
//! | HA has it, unplanned, or no more       | stayed: changed                                    |
//! | HA has it                              | what the manager says (`managed`)                  |
//! | on the target, as it was               | arrived (`target`)                                 |
//! | on the target, paused                  | resume; then help: paused                          |
//! | on the target, stopped                 | start; move back; then help: stopped               |
//! | on the source, nothing asked           | move, shut down, or stayed: changed (`source`)     |
//! | on the source, asked, no trace         | wait; ask again once; then stayed: not-moved       |
//! | on the source, the move failed         | start what is stopped; then stayed: not-moved      |
//! | on the source, told to shut down       | wait; move it, or start it; or help: did-not-stop  |
//! | on the source, moved back              | start; then stayed: start-failed                   |
//! | on a third node                        | stayed or, if it is stopped, help: elsewhere       |

use std::time::Duration;

use vmid::span;

use super::{
    decision::{Finish, Next, help, stayed},
    managed,
    seen::{Intent, Past, Seen},
    task::Task,
};

mod lock;
mod source;
mod target;

/// For a guest that is in no list: configurations move between nodes within moments.
const GONE_S: f64 = 30.0;
/// For a node that does not answer; a reboot is left to a person, a hiccup is not.
pub(super) const NODE_S: f64 = 120.0;
/// For a task of a request whose answer was lost.
pub(super) const LOST_S: f64 = 10.0;

/// The next thing to do.
#[must_use]
pub fn next(intent: &Intent, seen: &Seen, past: &Past) -> Next {
    let (vmid, command) = (intent.vmid, intent.kind.command());
    if seen.task.is_none()
        && let Some(next) = without_quorum(intent, seen, past)
    {
        return next;
    }
    let Some(node) = &seen.node else {
        return if past.waited_s < GONE_S {
            Next::Wait("it is in no list")
        } else if intent.repair_only {
            // No plan has it any more: nothing is left to be brought to an end.
            stayed(
                "gone",
                format!(
                    "{vmid} is in no list: it was removed, or the token may not see it (VM.Audit); nothing more is done about it"
                ),
            )
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
        return endless(vmid, node, upid);
    }
    if let Some((upid, _)) = &seen.task {
        return Next::Follow(upid.clone());
    }
    if let Some(lock) = &seen.lock {
        return lock::next(intent, seen, past, node, lock);
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
        target::next(intent, seen, past)
    } else if *node == intent.from {
        source::next(intent, seen, past)
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

/// Without quorum nothing can be moved or started: it is waited for. A guest's task may end all the
/// same, and is followed before this is asked.
fn without_quorum(intent: &Intent, seen: &Seen, past: &Past) -> Option<Next> {
    if !seen.no_quorum && !past.no_quorum {
        return None;
    }
    if past.quorum_s < intent.quorum_wait_s as f64 {
        return seen
            .no_quorum
            .then_some(Next::Wait("the cluster has no quorum"));
    }
    let span = span::shown(Duration::from_secs(intent.quorum_wait_s));
    let waited = format!("the cluster has no quorum, which was waited for {span}");
    if !past.asked && past.shutdowns == 0 {
        return Some(stayed("no-quorum", format!("{waited}; nothing was done")));
    }
    let again = "when it has quorum, run again with this journal";
    if seen.reached && intent.was_running && seen.running {
        return Some(unquorate_but_up(intent, seen, past, &waited));
    }
    if intent.was_running && !seen.running {
        let vmid = intent.vmid;
        return Some(help(
            "no-quorum",
            format!("{waited}; {vmid} ran, and is not seen to run: {again}, which starts it"),
        ));
    }
    Some(stayed("no-quorum", format!("{waited}: {again}")))
}

/// A guest that ran and runs, when quorum was waited for in vain.
fn unquorate_but_up(intent: &Intent, seen: &Seen, past: &Past, waited: &str) -> Next {
    let vmid = intent.vmid;
    let again = "when it has quorum, run again with this journal";
    let there = seen.node.as_ref() == Some(&intent.to);
    if seen.paused {
        return help(
            "no-quorum",
            format!("{waited}; {vmid} is paused: {again}, which lets it go on"),
        );
    }
    // Under HA it is there when the manager has left it there.
    if there && !intent.ha && seen.lock.is_none() {
        return Next::Finish(Finish::Arrived);
    }
    let by_task = past.end.as_ref().is_some_and(|end| end.told_to_stop);
    if !there && (by_task || past.shutdowns > 0) && past.starts_here == 0 {
        return help(
            "no-quorum",
            format!(
                "{waited}; {vmid} was told to shut down, and may yet do so: {again}, which starts it then"
            ),
        );
    }
    stayed("no-quorum", format!("{waited}: {again}"))
}

/// A task that goes on for ever: its end is a person's to judge.
fn endless(vmid: u32, node: &str, upid: &str) -> Next {
    let at = Task::of(upid).map_or(node, |task| task.node);
    help(
        "no-progress",
        format!(
            "{upid} goes on without an end, and its end could leave {vmid} stopped: see its log; to end it, on {at}: pvesh delete '/nodes/{at}/tasks/{upid}'; then run again with this journal, which starts what is stopped"
        ),
    )
}

/// A reason, if one was told.
fn trouble(reason: Option<&String>) -> &str {
    reason.map_or("no reason was told", String::as_str)
}
