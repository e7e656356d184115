//! What is done next with a guest that is being moved, or how its move ended.

/// Migrations asked for, if the first one left no trace at all.
pub(super) const REQUESTS: u32 = 2;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Look again a little later.
    Wait(&'static str),
    /// Follow the task with this UPID.
    Follow(String),
    /// Check once more that the move is possible, then ask for it.
    Move,
    /// Check once more that the move is possible, then shut it down.
    Shutdown,
    /// It is shut down: move it.
    MoveStopped,
    /// Back to where it was, stopped as it is.
    MoveBack,
    /// Start it on this node.
    Start(String),
    /// Let the processors of a paused VM go on.
    Resume,
    /// Nothing more.
    Finish(Finish),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Finish {
    /// On the target, as it was.
    Arrived,
    /// Not on the target, but as it was; why.
    Stayed(&'static str, String),
    /// A person must act; what there is to do.
    Help(&'static str, String),
}

pub(super) fn stayed(code: &'static str, why: impl Into<String>) -> Next {
    Next::Finish(Finish::Stayed(code, why.into()))
}

pub(super) fn help(code: &'static str, why: impl Into<String>) -> Next {
    Next::Finish(Finish::Help(code, why.into()))
}
