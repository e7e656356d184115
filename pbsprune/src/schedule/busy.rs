//! When a place is taken by any of several jobs, so that one more need not be compared with each of them.

use super::timeline::Runs;

/// The times at which another run would meet one of theirs.
#[derive(Clone, Debug, Default)]
pub struct Busy {
    /// When one of them begins, in seconds, in order.
    begins: Vec<i64>,
    /// From, and up to: apart from each other, and in order.
    taken: Vec<(i64, i64)>,
}

impl Busy {
    /// Of the runs of some jobs.
    #[must_use]
    pub fn of<'a>(all: impl Iterator<Item = &'a Runs>) -> Self {
        let mut busy = Self::default();
        let mut taken = Vec::new();
        for runs in all {
            busy.begins.extend(&runs.starts);
            taken.extend(runs.starts.iter().map(|&start| {
                // All of the minute in which it begins.
                let minute = start - start.rem_euclid(60);
                (minute, (minute + 60).max(start + runs.most_s))
            }));
        }
        busy.begins.sort_unstable();
        taken.sort_unstable();
        for (from, to) in taken {
            match busy.taken.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => busy.taken.push((from, to)),
            }
        }
        busy
    }

    /// Whether one of these runs meets one of theirs: [`super::timeline::meetings`] of one of them finds something.
    #[must_use]
    pub fn meets(&self, runs: &Runs) -> bool {
        runs.starts.iter().any(|&start| {
            let before = self.taken.partition_point(|(from, _)| *from <= start);
            let taken = before
                .checked_sub(1)
                .is_some_and(|place| start < self.taken[place].1);
            let next = self.begins.partition_point(|begin| *begin <= start);
            let begins = self.begins.get(next);
            taken || begins.is_some_and(|begin| *begin < start + runs.most_s)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::timeline::meetings;
    use proptest::prelude::*;

    proptest! {
        /// As one finds by looking at each of them.
        #[test]
        fn none_is_missed(
            own in prop::collection::vec(0..20_000_i64, 0..4), own_s in 0..900_i64,
            others in prop::collection::vec((prop::collection::vec(0..20_000_i64, 0..6), 0..900_i64), 0..4),
        ) {
            let runs = |mut starts: Vec<i64>, most_s| {
                starts.sort_unstable();
                Runs { starts, most_s, ..Runs::default() }
            };
            let own = runs(own, own_s);
            let others: Vec<Runs> = others.into_iter().map(|(starts, most_s)| runs(starts, most_s)).collect();
            let want = others.iter().any(|other| meetings(&own, other).is_some());
            prop_assert_eq!(Busy::of(others.iter()).meets(&own), want);
        }
    }
}
