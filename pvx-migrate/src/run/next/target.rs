//! What to do next with a guest that is where it should go.

use super::{LOST_S, trouble};
use crate::{
    plan::record::Action,
    run::{
        decision::{Finish, Next, help},
        seen::{Intent, Past, Seen},
    },
};

/// The next thing to do.
pub(super) fn next(intent: &Intent, seen: &Seen, past: &Past) -> Next {
    let (vmid, command, node) = (intent.vmid, intent.kind.command(), &intent.to);
    if !intent.was_running {
        return Next::Finish(Finish::Arrived);
    }
    let trouble = trouble(past.trouble.as_ref().or(past.no_start.as_ref()));
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
