//! What can be asked for more than once: whether it is, and when it has failed. Pure.

use super::{
    super::next::{LOST_S, NODE_S},
    decision::{Next, stuck},
    seen::{Past, Seen, Tried},
};

/// Requests for one thing, if the first one left no trace at all.
pub(super) const REQUESTS: u32 = 2;

/// What to do about a request that can be made again.
pub(super) enum Again {
    /// Make it.
    Ask,
    /// See.
    Wait(&'static str),
    /// It has failed.
    No(String),
}

/// Whether something that has not come about is asked for; `settles_s` is how long after the end of its
/// task it may take to show.
pub(super) fn again(tried: &Tried, past: &Past, late: &'static str, settles_s: f64) -> Again {
    if let Some(why) = &tried.refused {
        return Again::No(why.clone());
    }
    match &tried.end {
        Some(end) if !end.ok => Again::No(end.reason.clone()),
        Some(_) if past.waited_s < settles_s => Again::Wait(late),
        Some(_) => Again::No("its task ended well, and it is not so".to_owned()),
        None if !tried.open => Again::Ask,
        None if past.waited_s < LOST_S => Again::Wait("the request's task is not seen yet"),
        None if tried.count >= REQUESTS => {
            let lost = tried.lost.as_deref().unwrap_or("no answer");
            Again::No(format!("the request left no trace ({lost})"))
        }
        None => Again::Ask,
    }
}

/// What is done while the task of a request without an answer may still show up, or can't be looked
/// for; `unknown` says what is not known then. None if there is no such task.
pub(super) fn may_show_up(
    seen: &Seen,
    past: &Past,
    unknown: impl FnOnce() -> String,
) -> Option<Next> {
    match (seen.tasks_known, past.waited_s) {
        (false, waited) if waited < NODE_S => Some(Next::Wait("its node does not tell its tasks")),
        (false, _) => Some(stuck("node-down", unknown())),
        (true, waited) if waited < LOST_S => Some(Next::Wait("the request's task is not seen yet")),
        (true, _) => None,
    }
}
