//! What is done next with a guest that is made or removed, or how that ended.

use crate::journal::guest_line::Call;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Look again a little later.
    Wait(&'static str),
    /// Follow the task with this UPID.
    Follow(String),
    /// Ask for this; the disk, where it is about one.
    Ask(Call, String),
    /// Nothing more.
    Finish(Finish),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Finish {
    /// The guest is there, made by this journal's runs.
    Made,
    /// A guest of that ID and name is there, made by somebody else or earlier; it was not touched.
    Exists,
    /// The guest is gone.
    Gone,
    /// It came to nothing or to a part; a code and why.
    Failed(&'static str, String),
    /// A person must act; a code and what there is to do.
    Stuck(&'static str, String),
}

pub(super) fn failed(code: &'static str, why: impl Into<String>) -> Next {
    Next::Finish(Finish::Failed(code, why.into()))
}

pub(super) fn stuck(code: &'static str, why: impl Into<String>) -> Next {
    Next::Finish(Finish::Stuck(code, why.into()))
}
