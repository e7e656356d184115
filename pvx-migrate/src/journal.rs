//! What a run has done, as lines of JSON: so that it can be resumed, and undone.

pub mod event;
pub mod file;
pub mod guest_line;
pub mod line;
