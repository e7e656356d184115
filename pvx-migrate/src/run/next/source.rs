//! What to do next with a guest that is where it was.

use super::{GONE_S, LOST_S, trouble};
use crate::{
    plan::record::Action,
    run::{
        decision::{Next, REQUESTS, help, stayed},
        seen::{Intent, Past, Seen},
    },
};

/// The next thing to do.
pub(super) fn next(intent: &Intent, seen: &Seen, past: &Past) -> Next {
    let (vmid, command, node) = (intent.vmid, intent.kind.command(), &intent.from);
    let reason = trouble(past.trouble.as_ref());
    let as_it_was = seen.running == intent.was_running;
    // Whatever happened, a guest that ran is to run.
    let start = || match past.starts_here {
        0 | 1 => Next::Start(node.clone()),
        _ => help(
            "stopped",
            format!(
                "it ran, is stopped on {node} and does not start ({reason}); on {node}: {command} start {vmid}"
            ),
        ),
    };
    if past.moves_back > 0 {
        return if as_it_was || seen.running {
            stayed(
                "start-failed",
                format!(
                    "it did not start on {}, and was moved back: {}",
                    intent.to,
                    trouble(past.no_start.as_ref().or(past.trouble.as_ref()))
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
            return told_to_stop(intent, past, node);
        }
        return stayed(
            "not-moved",
            if past.ended_task {
                let to = &intent.to;
                format!(
                    "{to} went offline in the middle of the copy, so its task was ended ({reason})"
                )
            } else {
                reason
            },
        );
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
            return stayed("not-moved", no_trace("the move", seen, past));
        }
        return if intent.action == Action::Shutdown && past.requests == 0 {
            Next::Shutdown
        } else {
            Next::Move
        };
    }
    if intent.repair_only {
        return if intent.was_running && !seen.running {
            start()
        } else {
            stayed("not-moved", "nothing had been asked of the cluster")
        };
    }
    if past.shutdowns > 0 {
        return if seen.running {
            told_to_stop(intent, past, node)
        } else {
            Next::MoveStopped
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
    if intent.action == Action::Shutdown && past.shutdown_requests >= REQUESTS {
        stayed("not-moved", no_trace("its shutdown", seen, past))
    } else if intent.action == Action::Shutdown {
        Next::Shutdown
    } else {
        Next::Move
    }
}

/// Of a request that no task came of.
fn no_trace(what: &str, seen: &Seen, past: &Past) -> String {
    let answer = past.answer.as_ref();
    let answer = answer.map_or_else(String::new, |answer| format!(" ({answer})"));
    let state = if seen.running { "runs" } else { "is stopped" };
    format!("{what} was asked for{answer}, and left no trace; it {state} as before")
}

/// It was told to shut down and runs: it may still stop, and nobody else starts it then.
fn told_to_stop(intent: &Intent, past: &Past, node: &str) -> Next {
    let enough = (2 * intent.timeout_s + 5).max(300) as f64;
    if past.waited_s < enough {
        return Next::Wait("it was told to shut down and may still do so");
    }
    let (vmid, command) = (intent.vmid, intent.kind.command());
    help(
        "did-not-stop",
        format!(
            "it still runs on {node}, but was told to shut down and may yet do so; nobody starts it then: {command} start {vmid}"
        ),
    )
}
