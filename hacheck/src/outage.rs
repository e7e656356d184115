//! How long a service was gone, from probes that were sent on a schedule.
//!
//! Between two probes nobody looked, so the answer is an interval: the truth is at least
//! the first number and at most the second. Pure.

use std::cmp::Reverse;

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
    /// The checker itself could not ask.
    Unseen,
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
    /// Probes that were lost, and that could not be made.
    pub lost: usize,
    /// Probes that could not be made.
    pub unseen: usize,
}

/// Measures; the order of `samples` doesn't matter.
#[must_use]
pub fn measure(samples: &[Sample]) -> Measured {
    let mut samples: Vec<&Sample> = samples.iter().collect();
    samples.sort_by_key(|sample| sample.sent_us);
    let is_good = |sample: &Sample| matches!(sample.seen, Seen::Good(_));
    let mut measured = Measured {
        lost: samples
            .iter()
            .filter(|sample| sample.seen == Seen::Lost)
            .count(),
        unseen: samples
            .iter()
            .filter(|sample| sample.seen == Seen::Unseen)
            .count(),
        ..Measured::default()
    };
    let mut longest = None;
    let mut before: Option<&Sample> = None; // the last good one
    let mut lost: Option<(&Sample, &Sample)> = None; // first and last since then
    let mut taken = Vec::new(); // how long the answers took so far
    for sample in &samples {
        if sample.seen == Seen::Lost {
            lost = Some((lost.map_or(*sample, |(first, _)| first), sample));
        }
        if !is_good(sample) {
            continue;
        }
        let gap_us = sample
            .done_us
            .saturating_sub(before.map_or(0, |before| before.sent_us));
        measured.longest_gap_us = measured.longest_gap_us.max(gap_us);
        if let Some((first, last)) = lost.take() {
            measured.outages += 1;
            measured.down_at_start |= before.is_none();
            let outage = (least(first, last, &taken), before.map(|_| gap_us));
            if longest.is_none_or(|known| rank(outage) > rank(known)) {
                longest = Some(outage);
            }
        } else {
            // The first one after an outage may have waited for its end, and says nothing of delays.
            taken.push(sample.done_us.saturating_sub(sample.left_us));
        }
        before = Some(sample);
    }
    measured.recovered = lost.is_none() && before.is_some();
    if let Some((first, last)) = lost {
        measured.outages += 1;
        measured.down_at_start |= before.is_none();
        longest = Some((least(first, last, &taken), None));
        let end_us = last
            .done_us
            .saturating_sub(before.map_or(0, |before| before.sent_us));
        measured.longest_gap_us = measured.longest_gap_us.max(end_us);
    }
    // What is shorter than a step may have passed between two probes.
    measured.outage_us = longest.unwrap_or((0, Some(measured.longest_gap_us)));
    holders(&samples, &mut measured);
    measured
}

/// How long it was gone at least. The first that was lost may have left before the outage
/// and been on its way for as long as the slowest of the last answers took.
fn least(first: &Sample, last: &Sample, taken_us: &[u64]) -> u64 {
    let way_us = taken_us.iter().rev().take(20).copied().max().unwrap_or(0);
    last.sent_us.saturating_sub(first.left_us + way_us)
}

/// The longer is the one whose least is; one without an end is longer than all.
fn rank((least, most): (u64, Option<u64>)) -> (bool, u64, Reverse<u64>) {
    (most.is_none(), least, Reverse(most.unwrap_or(0)))
}

fn holders(samples: &[&Sample], measured: &mut Measured) {
    let mut last: Option<(&str, u64)> = None;
    for sample in samples {
        let Seen::Good(Some(who)) = &sample.seen else {
            continue;
        };
        let first = measured
            .holders
            .as_ref()
            .map_or(who, |(first, _)| first)
            .clone();
        measured.holders = Some((first, who.clone()));
        if let Some((before, sent_us)) = last.filter(|(before, _)| before != who) {
            debug_assert_ne!(before, who);
            measured.changes += 1;
            measured.change_us.get_or_insert((sent_us, sample.done_us));
        }
        last = Some((who, sample.sent_us));
    }
}

/// The bars of a sparkline: one for each part of the time, higher the more was lost.
#[must_use]
pub fn sparkline(samples: &[Sample], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let end_us = samples
        .iter()
        .map(|sample| sample.sent_us)
        .max()
        .unwrap_or(0)
        + 1;
    let mut parts = vec![(0_usize, 0_usize); width.max(1)];
    for sample in samples {
        let place = u128::from(sample.sent_us) * parts.len() as u128 / u128::from(end_us);
        let part = &mut parts[usize::try_from(place).unwrap_or(0)];
        part.0 += usize::from(!matches!(sample.seen, Seen::Good(_)));
        part.1 += 1;
    }
    let bar = |(bad, all): (usize, usize)| match all {
        0 => ' ',
        // The lowest for none, the highest for all; one that was lost is seen.
        _ => BARS[(bad * (BARS.len() - 1)).div_ceil(all)],
    };
    parts.into_iter().map(bar).collect()
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
                '?' => Seen::Unseen,
                '+' => Seen::Good(None),
                who => Seen::Good(Some(who.to_string())),
            },
        };
        (0..).step_by(10_000).zip(text.chars()).map(of).collect()
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

    #[test]
    fn sparklines() {
        assert_eq!(sparkline(&samples("++++....++++"), 3), "▁█▁");
        assert_eq!(sparkline(&samples("+++.++++"), 2), "▃▁");
        assert_eq!(sparkline(&[], 3), "   ");
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
            let samples: Vec<Sample> = sent.map(sample).take_while(|sample| sample.sent_us < up + 200_000).collect();
            let got = measure(&samples);
            prop_assume!(got.recovered);
            prop_assert!(got.outage_us.0 <= length, "{got:?} {length}");
            prop_assert!(got.outage_us.1.unwrap() >= length, "{got:?} {length}");
        }
    }
}
