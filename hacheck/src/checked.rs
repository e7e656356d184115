//! A pair that was checked: what the reports are made of.

use crate::{
    judge::{Evidence, Target, Verdict},
    pairs::Pair,
    probe::Reply,
};

/// A pair, what is known of it and what that means.
pub struct Checked<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// What is known.
    pub evidence: Evidence,
    /// What it means.
    pub verdict: Verdict,
    /// How long the probes took, in milliseconds.
    pub probes_ms: u64,
}

impl Checked<'_> {
    /// The replies of a target with labels that are unique.
    #[must_use]
    pub fn labelled(&self, target: Target) -> Vec<(String, &Reply)> {
        let probes = self.evidence.probes.iter();
        let of_target = probes.filter(|probed| probed.target == target);
        let labelled = of_target.map(|probed| (self.pair.label(probed.probe), &probed.reply));
        labelled.collect()
    }
}
