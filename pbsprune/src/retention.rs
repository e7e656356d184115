//! What PBS decides about the snapshots of one group.
//!
//! This is its cascade, bit for bit: each rule starts where the earlier ones end,
//! a period that an earlier rule covers is passed over and stays unmarked, and
//! what a rule passes inside a period of its own is removed for good. Not `now`,
//! not a zone, nothing of another group has a part in it.

use crate::rule::Rule;

/// What the rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Seconds since 1970, UTC: the snapshot's name within its group.
    pub time: i64,
    /// The same on the wall clock of the zone in which days are counted.
    pub local: i64,
    /// Its index was written, so the backup came to its end.
    pub finished: bool,
    /// Never to be removed.
    pub protected: bool,
    /// What a verification said.
    pub verification: Verification,
}

/// What a verification said of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// There was none yet, or it said something else.
    #[default]
    Unknown,
    /// `ok`
    Good,
    /// `failed`
    Failed,
}

/// How many periods each rule keeps; 0 is as if the rule weren't there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep(pub [u64; 6]);

impl Keep {
    /// The count of a rule.
    #[must_use]
    pub fn count(&self, rule: Rule) -> u64 {
        self.0[rule as usize]
    }

    /// No rule keeps anything, so (PBS's callers have it so) everything is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 6]
    }

    /// The rules that keep something, in their order.
    pub fn rules(&self) -> impl DoubleEndedIterator<Item = Rule> + '_ {
        Rule::ALL.into_iter().filter(|&rule| self.count(rule) > 0)
    }
}

/// What becomes of a snapshot, and why. Another snapshot is named by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Protected, whatever the rules say.
    Protected,
    /// Unfinished, and the newest of its group.
    Partial,
    /// Kept because nothing says what to keep.
    KeepAll,
    /// Kept because no entry of a policy file is for its group.
    NoPolicy,
    /// The `count`-th that the rule keeps.
    Keep(Rule, u32),
    /// Kept in the place of one whose verification failed.
    InPlaceOfFailed,
    /// Kept as the newest of its group that was verified.
    NewestVerified,
    /// Kept because it is near enough to the newest.
    Within,
    /// Kept as the oldest while this rule isn't full.
    Oldest(Rule),
    /// Removed: unfinished, and not the newest.
    Incomplete,
    /// Removed: the rule keeps a newer one of the same period.
    Displaced(Rule, u32),
    /// Removed: no rule took it, the coarsest that came so far because another covers its period.
    Covered(Rule, u32),
    /// Removed: no rule came so far; this is the coarsest.
    Beyond(Rule),
}

impl Fate {
    /// It will be gone.
    #[must_use]
    pub fn is_removed(self) -> bool {
        matches!(
            self,
            Self::Incomplete | Self::Displaced(..) | Self::Covered(..) | Self::Beyond(_)
        )
    }

    /// The value of `mark`.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Partial => "keep-partial",
            fate if fate.is_removed() => "remove",
            _ => "keep",
        }
    }
}

/// Decides about the snapshots of a group, newest first, no time twice; `fates`
/// is cleared and gets one for each.
pub fn decide(snapshots: &[Snapshot], keep: &Keep, fates: &mut Vec<Fate>) {
    decide_without(snapshots, keep, |snapshot| snapshot.protected, fates);
    for (snapshot, fate) in snapshots.iter().zip(fates) {
        if snapshot.protected {
            *fate = Fate::Protected;
        } else if keep.is_empty() && *fate != Fate::Partial {
            *fate = Fate::KeepAll;
        }
    }
}

/// As [`decide`], before what is protected and the empty policy override it; snapshots
/// that are to be `skipped` fill no place and cover nothing.
pub fn decide_without(
    snapshots: &[Snapshot],
    keep: &Keep,
    skipped: impl Fn(&Snapshot) -> bool,
    fates: &mut Vec<Fate>,
) {
    // Where no rule comes so far, it is the coarsest that doesn't.
    let coarsest = keep.rules().next_back().unwrap_or(Rule::Last);
    let unmarked = Fate::Beyond(coarsest);
    fates.clear();
    fates.extend(snapshots.iter().enumerate().map(|(place, snapshot)| {
        match (snapshot.finished, place) {
            (true, _) => unmarked,
            (false, 0) => Fate::Partial,
            (false, _) => Fate::Incomplete,
        }
    }));
    let mut taken = Vec::new();
    for rule in keep.rules() {
        apply(
            rule,
            keep.count(rule),
            snapshots,
            &skipped,
            fates,
            &mut taken,
        );
    }
}

/// A period that is covered (by an earlier rule) or open (by the one at hand).
#[derive(Clone, Copy, Debug)]
struct Taken {
    period: i64,
    by: u32,
    own: bool,
}

/// One rule: from the newest, until it would have to open one period too many.
fn apply(
    rule: Rule,
    count: u64,
    snapshots: &[Snapshot],
    skipped: impl Fn(&Snapshot) -> bool,
    fates: &mut [Fate],
    taken: &mut Vec<Taken>,
) {
    let period_of = |snapshot: &Snapshot| match rule {
        Rule::Last => snapshot.time, // local times may repeat
        _ => rule.period(snapshot.local),
    };
    cover(period_of, snapshots, fates, taken);
    let mut opened = 0;
    // Neighbours share their period, mostly.
    let mut last: Option<Taken> = None;
    for (place, snapshot) in snapshots.iter().enumerate() {
        let open = matches!(fates[place], Fate::Beyond(_) | Fate::Covered(..));
        if !open || skipped(snapshot) {
            continue;
        }
        let period = period_of(snapshot);
        let found = match last {
            Some(last) if last.period == period => Ok(last),
            // newest first, so that periods fall; only a clock put back makes exceptions
            _ => match taken.binary_search_by(|taken| period.cmp(&taken.period)) {
                Ok(at) => Ok(taken[at]),
                Err(at) => Err(at),
            },
        };
        last = Some(match found {
            Ok(taken) => {
                fates[place] = if taken.own {
                    Fate::Displaced(rule, taken.by)
                } else {
                    Fate::Covered(rule, taken.by)
                };
                taken
            }
            Err(_) if opened == count => return,
            Err(at) => {
                opened += 1;
                fates[place] = Fate::Keep(rule, opened as u32);
                let by = place as u32;
                let own = true;
                let new = Taken { period, by, own };
                taken.insert(at, new);
                new
            }
        });
    }
}

/// The periods of what is kept so far, latest first, each with the newest snapshot in it.
fn cover(
    period_of: impl Fn(&Snapshot) -> i64,
    snapshots: &[Snapshot],
    fates: &[Fate],
    taken: &mut Vec<Taken>,
) {
    taken.clear();
    for (place, (snapshot, fate)) in snapshots.iter().zip(fates).enumerate() {
        if !matches!(fate, Fate::Keep(..)) {
            continue;
        }
        let period = period_of(snapshot);
        if taken
            .last()
            .is_none_or(|last: &Taken| last.period != period)
        {
            let by = place as u32;
            let own = false;
            taken.push(Taken { period, by, own });
        }
    }
    // stable, so that of several the newest stays
    taken.sort_by_key(|taken| std::cmp::Reverse(taken.period));
    taken.dedup_by_key(|taken| taken.period);
}
