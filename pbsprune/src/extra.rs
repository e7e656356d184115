//! Options that PBS lacks. They only add keeps, so what is removed is always a part of what PBS removes.

use std::time::Duration;

use crate::{
    retention::{Fate, Keep, Snapshot, Verification, decide_without},
    rule::Rule,
};

/// Which of them are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// A snapshot whose verification failed fills no place.
    pub verified: bool,
    /// All that is no older than this before the newest of the group, both ends included.
    pub within: Option<Duration>,
    /// The oldest of a group while some count isn't full.
    pub oldest: bool,
}

impl Extras {
    /// Turns removals of finished snapshots into keeps. `spare` is used for a second decision.
    pub fn add(
        &self,
        snapshots: &[Snapshot],
        keep: &Keep,
        fates: &mut [Fate],
        spare: &mut Vec<Fate>,
    ) {
        let saved = |fate: Fate| fate.is_removed() && fate != Fate::Incomplete;
        // Asked before anything is added: `opened` is what the rules themselves keep.
        let lacking = keep.rules().find(|&rule| !is_full(rule, keep, fates));
        if self.verified {
            let skipped = |s: &Snapshot| s.protected || s.verification == Verification::Failed;
            decide_without(snapshots, keep, skipped, spare);
            for (fate, second) in fates.iter_mut().zip(spare.iter()) {
                if saved(*fate) && matches!(second, Fate::Keep(..)) {
                    *fate = Fate::InPlaceOfFailed;
                }
            }
            let mut places = snapshots.iter().zip(fates.iter_mut());
            let good = |s: &Snapshot| s.finished && s.verification == Verification::Good;
            if let Some((_, fate)) = places.find(|(snapshot, _)| good(snapshot))
                && saved(*fate)
            {
                *fate = Fate::NewestVerified;
            }
        }
        if let (Some(within), Some(newest)) = (self.within, snapshots.first()) {
            for (snapshot, fate) in snapshots.iter().zip(fates.iter_mut()) {
                if newest.time - snapshot.time > within.as_secs().cast_signed() {
                    break;
                }
                if saved(*fate) {
                    *fate = Fate::Within;
                }
            }
        }
        if let (true, Some(rule)) = (self.oldest, lacking) {
            let oldest = snapshots.iter().rposition(|s| s.finished && !s.protected);
            if let Some(fate) = oldest.map(|place| &mut fates[place])
                && saved(*fate)
            {
                *fate = Fate::Oldest(rule);
            }
        }
    }
}

fn is_full(rule: Rule, keep: &Keep, fates: &[Fate]) -> bool {
    let kept = fates
        .iter()
        .filter(|fate| matches!(fate, Fate::Keep(by, _) if *by == rule));
    kept.count() as u64 == keep.count(rule)
}
