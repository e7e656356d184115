//! What becomes of a backup, and of its series.

use crate::{
    guard::Refusal,
    retention::{Fate, Keep},
};

/// What becomes of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the rules say.
    Rule(Fate),
    /// Kept because this series, which it is joined with, keeps its own of that time.
    Joined(String),
    /// Kept because the backup of this time stands on it, or one of an unknown time may.
    Needed(Option<i64>),
}

impl Verdict {
    /// It will be gone.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        matches!(self, Self::Rule(fate) if fate.is_removed())
    }
}

/// What becomes of one series.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The counts that it was judged by.
    pub keep: Keep,
    /// Why it is left alone, if it is.
    pub refusal: Option<Refusal>,
    /// By backup.
    pub verdicts: Vec<Verdict>,
}

impl Judged {
    /// The backup will be there afterwards.
    #[must_use]
    pub fn stays(&self, backup: usize) -> bool {
        self.refusal.is_some() || !self.verdicts[backup].is_removed()
    }
}
