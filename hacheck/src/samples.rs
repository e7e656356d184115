//! Answers come in as they are given; an outage is measured in the order in which the questions left.
//! What all earlier ones are known of is handed on, so a watch of days takes no more room
//! than one of a second.

use std::collections::BTreeMap;

use crate::{
    outage::{Measured, Meter, Sample, Seen},
    spark::Spark,
};

/// The samples of a watch; times are in microseconds from its start.
#[derive(Debug, Default)]
pub struct Samples {
    meter: Meter,
    /// What was lost when.
    pub spark: Spark,
    /// Probes that are on their way, by their number, and when they were begun at the earliest.
    flying: BTreeMap<u32, u64>,
    /// Those that are back, by when they had left, while an earlier one may still come.
    waiting: BTreeMap<(u64, u32), Sample>,
    /// Those that are back.
    pub count: u64,
    /// Those that were lost.
    pub lost: u64,
    last_good_us: u64,
    last_lost_us: Option<u64>,
}

impl Samples {
    /// A probe is begun.
    pub fn begun(&mut self, number: u32, now_us: u64) {
        self.flying.insert(number, now_us);
    }

    /// It is back.
    pub fn back(&mut self, number: u32, sample: Sample) {
        self.flying.remove(&number);
        self.count += 1;
        let good = matches!(sample.seen, Seen::Good(_));
        self.spark.add(sample.sent_us, !good);
        match sample.seen {
            Seen::Good(_) => self.last_good_us = self.last_good_us.max(sample.sent_us),
            Seen::Lost => {
                self.lost += 1;
                self.last_lost_us = self.last_lost_us.max(Some(sample.sent_us));
            }
            Seen::Unseen(_) => {}
        }
        self.waiting.insert((sample.left_us, number), sample);
        let earliest_us = self.flying.values().copied().min();
        self.hand_on(earliest_us.unwrap_or(u64::MAX));
    }

    /// Something was lost, and for so long since then nothing.
    #[must_use]
    pub fn recovered_for(&self, us: u64) -> bool {
        self.last_lost_us
            .is_some_and(|lost| self.last_good_us >= lost + us)
    }

    /// What they say, when no more come.
    #[must_use]
    pub fn measured(&mut self) -> Measured {
        self.hand_on(u64::MAX);
        self.meter.measured()
    }

    fn hand_on(&mut self, before_us: u64) {
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 < before_us
        {
            self.meter.add(&first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample((sent_us, taken_us, kind): (u64, u64, u8)) -> Sample {
        Sample {
            sent_us,
            left_us: sent_us + 100,
            done_us: sent_us + 100 + taken_us,
            seen: match kind {
                0 => Seen::Lost,
                1 => Seen::Unseen("no route".to_owned()),
                2 => Seen::Good(None),
                who => Seen::Good(Some(who.to_string())),
            },
        }
    }

    proptest! {
        /// Whatever the order in which they come back, it is measured as they left.
        #[test]
        fn as_they_left(probes in proptest::collection::vec((0..9_000_u64, 1..300_000_u64, 0..5_u8), 1..80)) {
            let begun = |number: usize| number as u64 * 10_000;
            let all: Vec<Sample> = probes.iter().enumerate()
                .map(|(number, (delay, taken, kind))| sample((begun(number) + delay, *taken, *kind))).collect();
            let mut meter = Meter::default();
            let mut ordered: Vec<&Sample> = all.iter().collect();
            ordered.sort_by_key(|sample| sample.left_us); // stable
            ordered.into_iter().for_each(|sample| meter.add(sample));

            let mut events: Vec<(u64, usize, bool)> = (0..all.len())
                .flat_map(|number| [(begun(number), number, true), (all[number].done_us, number, false)]).collect();
            events.sort_unstable();
            let mut samples = Samples::default();
            let mut most = 0;
            for (at_us, number, begins) in events {
                let name = u32::try_from(number).unwrap();
                match begins {
                    true => samples.begun(name, at_us),
                    false => samples.back(name, all[number].clone()),
                }
                most = most.max(samples.waiting.len());
            }
            prop_assert_eq!(samples.measured(), meter.measured());
            // None takes longer than 31 steps.
            prop_assert!(most <= 32, "{} wait", most);
        }
    }

    #[test]
    fn recovered_for_a_while() {
        let mut samples = Samples::default();
        for (number, kind) in [(0_u32, 3), (1, 0), (2, 3), (3, 3)] {
            samples.back(number, sample((u64::from(number) * 1_000, 10, kind)));
        }
        assert!(samples.recovered_for(2_000) && !samples.recovered_for(2_001));
        assert_eq!((samples.count, samples.lost), (4, 1));
        assert!(!Samples::default().recovered_for(0));
    }
}
