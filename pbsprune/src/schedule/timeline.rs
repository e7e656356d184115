//! The runs of a job over some days, and where those of two jobs meet.

use super::job::Job;

/// A job that runs so many times a day, each hour, is always there: its runs meet everything, and nobody
/// wants to hear of each.
pub const OFTEN: usize = 24;

/// The span of time that is looked at, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// After this.
    pub from: i64,
    /// Up to this.
    pub to: i64,
}

impl Span {
    /// So many days from `now` on.
    #[must_use]
    pub fn days(now: i64, days: i64) -> Self {
        Self {
            from: now,
            to: now.saturating_add(days.saturating_mul(86_400)),
        }
    }

    /// How many weeks it has.
    #[must_use]
    pub fn weeks(self) -> f64 {
        (self.to - self.from) as f64 / (7.0 * 86_400.0)
    }
}

/// When a job begins, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// In seconds.
    pub starts: Vec<i64>,
    /// How long each may last, in seconds; 0 if that isn't known.
    pub most_s: i64,
    /// How long they mostly last.
    pub median_s: i64,
    /// It runs at least each hour, so that nothing is made of where it meets others.
    pub often: bool,
}

impl Runs {
    /// Those of a job; none if it is off, or has no schedule.
    #[must_use]
    pub fn of(job: &Job, span: Span) -> Self {
        let Some(event) = job.event.as_ref().filter(|_| job.enabled) else {
            return Self::default();
        };
        let zone = job.zone.time_zone();
        let often = event.times_a_day() >= OFTEN;
        let most = usize::try_from((span.to - span.from) / 60 + 2).unwrap_or(0);
        let mut starts = match often {
            true => Vec::new(),
            false => event
                .times(zone, span.from, span.to, most)
                .unwrap_or_default(),
        };
        starts.sort_unstable();
        starts.dedup();
        Self {
            starts,
            most_s: job.most_s(),
            median_s: job.length.map_or(0, |length| length.median_s),
            often,
        }
    }

    /// The first start after `time`.
    #[must_use]
    pub fn after(&self, time: i64) -> Option<i64> {
        let place = self.starts.partition_point(|start| *start <= time);
        self.starts.get(place).copied()
    }
}

/// Where two jobs meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meetings {
    /// The first time, and which of both begins later then; none if both begin at once.
    pub first: (i64, Option<Which>),
    /// How often, in the span.
    pub times: usize,
    /// How often in the same minute.
    pub same_minute: usize,
    /// For how many seconds both run, if each lasts as long as it mostly does.
    pub median_s: i64,
    /// The same, if each lasts as long as it ever did.
    pub most_s: i64,
    /// How long the later one would wait at most, if it had to.
    pub wait_s: i64,
}

/// One of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    A,
    /// The second.
    B,
}

/// Where they meet; none if they don't.
#[must_use]
pub fn meetings(a: &Runs, b: &Runs) -> Option<Meetings> {
    let mut met: Option<Meetings> = None;
    for &start in &a.starts {
        let minute = start.div_euclid(60);
        // All of b that are not over by then, and begin before this one is over, or in its minute.
        let from = (start - b.most_s).min(minute * 60 - 1);
        let place = b.starts.partition_point(|other| *other <= from);
        for &other in &b.starts[place..] {
            let same = other.div_euclid(60) == minute;
            let both = |a_s: i64, b_s: i64| (start + a_s).min(other + b_s) - start.max(other);
            let most_s = both(a.most_s, b.most_s);
            if !same && other >= start + a.most_s {
                break;
            }
            // An instant counts only where the length isn't known.
            let during =
                most_s > 0 || (most_s == 0 && (within(start, other, b) || within(other, start, a)));
            if !same && !during {
                continue;
            }
            let (first, wait_s) = match start.cmp(&other) {
                std::cmp::Ordering::Less => (Some(Which::B), start + a.most_s - other),
                std::cmp::Ordering::Greater => (Some(Which::A), other + b.most_s - start),
                std::cmp::Ordering::Equal => (None, a.most_s.min(b.most_s)),
            };
            let met = met.get_or_insert(Meetings {
                first: (start.max(other), first),
                times: 0,
                same_minute: 0,
                median_s: 0,
                most_s: 0,
                wait_s: 0,
            });
            met.times += 1;
            met.same_minute += usize::from(same);
            met.median_s += both(a.median_s, b.median_s).max(0);
            met.most_s += most_s.max(0);
            met.wait_s = met.wait_s.max(wait_s);
        }
    }
    met
}

/// `start`, of a run whose length isn't known, is in the run of `of` that began at `other`.
fn within(start: i64, other: i64, of: &Runs) -> bool {
    other < start && start < other + of.most_s
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runs(starts: &[i64], most_s: i64) -> Runs {
        Runs {
            starts: starts.to_vec(),
            most_s,
            median_s: most_s / 2,
            often: false,
        }
    }

    #[test]
    fn where_two_meet() {
        #[rustfmt::skip]
        let cases: &[(&str, Runs, Runs, Option<(i64, Option<Which>, usize, usize, i64, i64)>)] = &[
            ("at once",            runs(&[600], 100), runs(&[600], 50),  Some((600, None, 1, 1, 50, 50))),
            ("b during a",         runs(&[600], 600), runs(&[900], 60),  Some((900, Some(Which::B), 1, 0, 60, 300))),
            ("a during b",         runs(&[900], 60),  runs(&[600], 600), Some((900, Some(Which::A), 1, 0, 60, 300))),
            ("one after another",  runs(&[600], 300), runs(&[900], 60),  None),
            ("same minute, over",  runs(&[600], 10),  runs(&[630], 10),  Some((630, Some(Which::B), 1, 1, 0, 0))),
            ("lengths not known",  runs(&[600], 0),   runs(&[600], 0),   Some((600, None, 1, 1, 0, 0))),
            ("one not known",      runs(&[600], 600), runs(&[700], 0),   Some((700, Some(Which::B), 1, 0, 0, 500))),
            ("it ends then",       runs(&[600], 100), runs(&[700], 0),   None),
            ("minutes apart",      runs(&[659], 0),   runs(&[660], 0),   None),
            ("twice",              runs(&[600, 1200], 100), runs(&[665, 1265, 5000], 10), Some((665, Some(Which::B), 2, 0, 20, 35))),
            ("longer than a day",  runs(&[0, 86_400], 90_000), runs(&[90_000 - 1], 10), Some((89_999, Some(Which::B), 2, 0, 11, 86_401))),
        ];
        for (name, a, b, want) in cases {
            let got = meetings(a, b);
            let got = got.map(|m| {
                (
                    m.first.0,
                    m.first.1,
                    m.times,
                    m.same_minute,
                    m.most_s,
                    m.wait_s,
                )
            });
            assert_eq!(got, *want, "{name}");
        }
    }

    proptest! {
        /// As many as one finds by looking at each pair.
        #[test]
        fn none_is_missed(
            mut a in prop::collection::vec(0..100_000_i64, 0..20), a_s in 0..5_000_i64,
            mut b in prop::collection::vec(0..100_000_i64, 0..20), b_s in 0..5_000_i64,
        ) {
            a.sort_unstable();
            b.sort_unstable();
            let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (*x, *y)));
            let meet = |(x, y): &(i64, i64)| {
                let inside = |at: i64, from: i64, s: i64| from < at && at < from + s;
                x / 60 == y / 60 || inside(*y, *x, a_s) || inside(*x, *y, b_s)
            };
            let want = pairs.filter(meet).count();
            let got = meetings(&runs(&a, a_s), &runs(&b, b_s));
            prop_assert_eq!(got.map_or(0, |met| met.times), want);
        }
    }
}
