//! How long a service was gone, from probes that were sent on a schedule.
//!
//! Between two probes nobody looked, so the answer is an interval: the truth is at least
//! the first number and at most the second. Pure.

use std::{cmp::Reverse, collections::VecDeque};

/// One probe; times are in microseconds from the start, by a monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was about to be sent.
    pub sent_us: u64,
    /// When it had left: on a busy host some milliseconds later.
    pub left_us: u64,
    /// When its answer was there, or was given up.
    pub done_us: u64,
    /// What came.
    pub seen: Seen,
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An answer as expected, and who gave it, if it says so.
    Good(Option<String>),
    /// None, or another.
    Lost,
    /// The checker itself could not ask, and why.
    Unseen(String),
}

/// What the samples say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The longest outage: at least, at most; without an end that is known, none.
    pub outage_us: (u64, Option<u64>),
    /// Outages in all.
    pub outages: usize,
    /// The last probe that was answered was sent after the last that was lost.
    pub recovered: bool,
    /// The first probes were lost already, so the begin of that outage is not known.
    pub down_at_start: bool,
    /// Longest time without an answer.
    pub longest_gap_us: u64,
    /// Who answered at first, and at last.
    pub holders: Option<(String, String)>,
    /// When another one answered for the first time: after, and before.
    pub change_us: Option<(u64, u64)>,
    /// Changes of who answered.
    pub changes: usize,
    /// Probes that were lost.
    pub lost: usize,
    /// Probes that could not be made, or were on their way when the next could not.
    pub unseen: usize,
    /// Why the first of them could not.
    pub unseen_why: Option<String>,
    /// For so long at the end none could be made, so nobody knows how it ended.
    pub blind_end_us: u64,
}

/// Measures while the samples come; its size does not grow with them.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    measured: Measured,
    longest: Option<Outage>,
    /// When the last good one was sent.
    good_us: Option<u64>,
    lost: Option<Lost>,
    /// Lost ones that were on their way when the last sample left: if the checker itself can't ask
    /// while they are, that may be why nothing came. No more than fit into one probe's patience.
    on_their_way: VecDeque<Lost>,
    /// When the last one ended that could not be made, if none could be since.
    blind_us: Option<u64>,
    /// How long the last answers took, from when the question had left.
    taken_us: VecDeque<u64>,
    /// Who answered last, and when that was sent.
    holder: Option<(String, u64)>,
}

/// At least, and at most, if its end is known.
type Outage = (u64, Option<u64>);

/// What was lost since the last good one, or one of them.
#[derive(Clone, Copy, Debug)]
struct Lost {
    first_left_us: u64,
    last_sent_us: u64,
    last_done_us: u64,
}

/// The slowest of so many answers says how long a question may be on its way.
const ANSWERS: usize = 20;

impl Meter {
    /// The next sample, in the order in which they had left. That is the order in which the server
    /// looks at them: one that a busy host held back belongs behind those that overtook it.
    pub fn add(&mut self, sample: &Sample) {
        self.blind_us = None;
        self.settle(sample.left_us);
        match &sample.seen {
            Seen::Unseen(why) => {
                self.measured.unseen += 1 + self.on_their_way.len();
                self.on_their_way.clear();
                self.measured.unseen_why.get_or_insert_with(|| why.clone());
                self.blind_us = Some(sample.done_us);
            }
            Seen::Lost => self.on_their_way.push_back(Lost {
                first_left_us: sample.left_us,
                last_sent_us: sample.sent_us,
                last_done_us: sample.done_us,
            }),
            Seen::Good(who) => {
                self.settle(u64::MAX);
                self.good(sample);
                if let Some(who) = who {
                    self.answered(who, sample);
                }
            }
        }
    }

    /// What was given up by then is lost for good.
    fn settle(&mut self, by_us: u64) {
        while let Some(&next) = self.on_their_way.front()
            && next.last_done_us <= by_us
        {
            self.on_their_way.pop_front();
            self.measured.lost += 1;
            let first = self.lost.unwrap_or(next).first_left_us;
            self.lost = Some(Lost {
                first_left_us: first,
                ..next
            });
        }
    }

    fn good(&mut self, sample: &Sample) {
        let gap_us = sample.done_us.saturating_sub(self.good_us.unwrap_or(0));
        self.measured.longest_gap_us = self.measured.longest_gap_us.max(gap_us);
        if let Some(lost) = self.lost.take() {
            self.measured.outages += 1;
            self.measured.down_at_start |= self.good_us.is_none();
            let outage = (self.least(lost), self.good_us.map(|_| gap_us));
            if self.longest.is_none_or(|known| rank(outage) > rank(known)) {
                self.longest = Some(outage);
            }
        } else {
            // The first one after an outage may have waited for its end, and says nothing of delays.
            let taken_us = sample.done_us.saturating_sub(sample.left_us);
            self.taken_us.push_back(taken_us);
            if self.taken_us.len() > ANSWERS {
                self.taken_us.pop_front();
            }
        }
        self.good_us = Some(sample.sent_us);
    }

    fn answered(&mut self, who: &str, sample: &Sample) {
        let changed = match &mut self.holder {
            Some((before, sent_us)) if before != who => Some(*sent_us),
            _ => None,
        };
        if let Some(before_us) = changed {
            self.measured.changes += 1;
            let change_us = (before_us, sample.done_us);
            self.measured.change_us.get_or_insert(change_us);
        }
        match (&mut self.holder, changed) {
            // Nothing to allocate for the same one again.
            (Some((_, sent_us)), None) => *sent_us = sample.sent_us,
            (holder, _) => *holder = Some((who.to_owned(), sample.sent_us)),
        }
        match &mut self.measured.holders {
            Some((_, last)) if last == who => {}
            Some((_, last)) => who.clone_into(last),
            none => *none = Some((who.to_owned(), who.to_owned())),
        }
    }

    /// How long it was gone at least. The first that was lost may have left before the outage
    /// and been on its way for as long as the slowest of the last answers took.
    fn least(&self, lost: Lost) -> u64 {
        let way_us = self.taken_us.iter().copied().max().unwrap_or(0);
        lost.last_sent_us
            .saturating_sub(lost.first_left_us + way_us)
    }

    /// What the samples so far say.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let mut meter = self.clone();
        meter.settle(u64::MAX);
        meter.settled()
    }

    fn settled(self) -> Measured {
        let good_us = self.good_us.unwrap_or(0);
        let (mut longest, lost_now) = (self.longest, self.lost.map(|lost| self.least(lost)));
        let mut measured = self.measured;
        measured.recovered = self.lost.is_none() && self.good_us.is_some();
        if let Some((lost, least_us)) = self.lost.zip(lost_now) {
            measured.outages += 1;
            measured.down_at_start |= self.good_us.is_none();
            longest = Some((least_us, None));
            let end_us = lost.last_done_us.saturating_sub(good_us);
            measured.longest_gap_us = measured.longest_gap_us.max(end_us);
        }
        if let Some(end_us) = self.blind_us {
            measured.blind_end_us = end_us.saturating_sub(good_us);
            measured.longest_gap_us = measured.longest_gap_us.max(measured.blind_end_us);
        }
        // What is shorter than a step may have passed between two probes.
        measured.outage_us = longest.unwrap_or((0, Some(measured.longest_gap_us)));
        measured
    }
}

/// The longer is the one whose least is; one without an end is longer than all.
fn rank((least, most): Outage) -> (bool, u64, Reverse<u64>) {
    (most.is_none(), least, Reverse(most.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A probe every 10 ms that takes 1 ms; `.` is lost, `?` unseen, a letter is who answers, `+` nobody by name.
    fn samples(text: &str) -> Vec<Sample> {
        let of = |(sent_us, c): (u64, char)| Sample {
            sent_us,
            left_us: sent_us,
            done_us: sent_us + 1_000,
            seen: match c {
                '.' => Seen::Lost,
                '?' => Seen::Unseen("no route".to_owned()),
                '+' => Seen::Good(None),
                who => Seen::Good(Some(who.to_string())),
            },
        };
        (0..).step_by(10_000).zip(text.chars()).map(of).collect()
    }

    fn measure(samples: &[Sample]) -> Measured {
        let mut meter = Meter::default();
        samples.iter().for_each(|sample| meter.add(sample));
        meter.measured()
    }

    #[test]
    fn outages() {
        #[rustfmt::skip]
        let cases = [
            ("none",                     "+++++",        (0, Some(11)),  0, true,  11),
            ("one probe",                "++.++",        (0, Some(21)),  1, true,  21),
            ("three probes",             "++...++",      (19, Some(41)), 1, true,  41),
            ("the longer of two",        "+.+...+.+",    (19, Some(41)), 3, true,  41),
            ("to the end",               "++...",        (19, None),     1, false, 31),
            ("from the start",           "...++",        (20, None),     1, true,  31),
            ("all the time",             "...",          (20, None),     1, false, 21),
            ("nothing",                  "",             (0, Some(0)),   0, false, 0),
            ("the checker's own fault",  "++??++",       (0, Some(31)),  0, true,  31),
            ("the checker's own, to the end", "+++????",    (0, Some(41)),  0, true,  41),
            ("nobody could ask",         "????",         (0, Some(31)),  0, false, 31),
            ("a fault within an outage", "++.?.++",      (19, Some(41)), 1, true,  41),
        ];
        for (name, text, outage_ms, outages, recovered, gap_ms) in cases {
            let got = measure(&samples(text));
            let ms = |us: u64| us / 1000;
            let outage = (ms(got.outage_us.0), got.outage_us.1.map(ms));
            assert_eq!(
                (outage, got.outages, got.recovered, ms(got.longest_gap_us)),
                (outage_ms, outages, recovered, gap_ms),
                "{name}"
            );
        }
        assert!(
            measure(&samples("..++")).down_at_start && !measure(&samples("+..++")).down_at_start
        );
    }

    /// The checker loses its own address: what was on its way then gets no answer either.
    #[test]
    fn lost_because_the_checker_could_not_hear() {
        let slow = |text: &str, patience_us| {
            let mut samples = samples(text);
            for lost in samples
                .iter_mut()
                .filter(|sample| sample.seen == Seen::Lost)
            {
                lost.done_us = lost.sent_us + patience_us;
            }
            measure(&samples)
        };
        let got = slow("+++..????", 30_000);
        assert_eq!((got.lost, got.unseen, got.outages), (0, 6, 0));
        assert!(got.recovered && got.blind_end_us == 61_000, "{got:?}");
        // Given up before that: an outage, of which nobody knows the end.
        let got = slow("+++......????", 30_000);
        assert_eq!((got.lost, got.unseen, got.outages), (4, 6, 1));
        assert_eq!((got.recovered, got.outage_us), (false, (29_000, None)));
        // Somebody answered in between, so that was not why.
        let got = slow("+++..+????", 90_000);
        assert_eq!((got.lost, got.unseen, got.outages), (2, 4, 1));
    }

    #[test]
    fn who_answers_changes_apart_from_outages() {
        let got = measure(&samples("aaa+bb"));
        assert_eq!((got.outages, got.changes), (0, 1));
        assert_eq!(got.holders, Some(("a".to_owned(), "b".to_owned())));
        assert_eq!(got.change_us, Some((20_000, 41_000)));
        let got = measure(&samples("aa..bbaa"));
        assert_eq!(
            (got.outages, got.changes, got.change_us),
            (1, 2, Some((10_000, 41_000)))
        );
        assert_eq!(measure(&samples("aaa")).change_us, None);
    }

    proptest! {
        /// A service that is gone from `down` to `up`, and probes with any phase, step, jitter and answer time.
        #[test]
        fn the_truth_lies_within(
            phase in 0..10_000_u64, step in 1_000..50_000_u64, down in 100_000..900_000_u64, length in 0..3_000_000_u64,
            delays in proptest::collection::vec(0..30_000_u64, 50), taken in 1..2_000_u64,
        ) {
            let up = down + length;
            let sent = (0..).map(|k| phase + k * step).zip(delays.iter().cycle());
            let sample = |(sent_us, delay): (u64, &u64)| {
                // The server looks at the request in the middle of its way.
                let left_us = sent_us + delay;
                let there = left_us + taken / 2;
                let seen = if (down..up).contains(&there) { Seen::Lost } else { Seen::Good(None) };
                Sample { sent_us, left_us, done_us: left_us + taken, seen }
            };
            let mut samples: Vec<Sample> = sent.map(sample).take_while(|sample| sample.sent_us < up + 200_000).collect();
            samples.sort_by_key(|sample| sample.left_us);
            let got = measure(&samples);
            prop_assume!(got.recovered);
            prop_assert!(got.outage_us.0 <= length, "{got:?} {length}");
            prop_assert!(got.outage_us.1.unwrap() >= length, "{got:?} {length}");
        }
    }
}
