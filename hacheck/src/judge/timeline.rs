//! Who claimed an address when: two at one time, or one after the other.
//!
//! A hand-over shows two claimants in any window that is long enough, and so does one that
//! was begun and taken back. Two holders at once are those that claim beside each other for
//! longer than an advert interval, and still do when the window ends.

/// The claims of one claimant, in milliseconds from the start of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim<T> {
    pub who: T,
    /// In order, at least one.
    pub times: Vec<u64>,
}

/// How densely claims come from who holds the address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// A longer pause in which somebody else claimed is the end of a spell, in milliseconds.
    pub gap_ms: u64,
    /// Who has not claimed for so long before the end of the window has stopped.
    pub late_ms: u64,
    /// Shorter overlaps are hand-overs.
    pub overlap_ms: u64,
    /// The end of the window.
    pub end_ms: u64,
}

impl<T> Claim<T> {
    pub(super) fn first_ms(&self) -> u64 {
        self.times.first().copied().unwrap_or_default()
    }

    pub(super) fn last_ms(&self) -> u64 {
        self.times.last().copied().unwrap_or_default()
    }
}

/// One claim for each claimant, in the order in which they turned up.
pub(super) fn claims<T: PartialEq>(seen: impl IntoIterator<Item = (T, u64)>) -> Vec<Claim<T>> {
    let mut claims: Vec<Claim<T>> = Vec::new();
    for (who, at_ms) in seen {
        match claims.iter_mut().find(|claim| claim.who == who) {
            Some(claim) => claim.times.push(at_ms),
            None => claims.push(Claim {
                who,
                times: vec![at_ms],
            }),
        }
    }
    for claim in &mut claims {
        claim.times.sort_unstable();
    }
    claims
}

/// When the spell began that lasts until the end of the window; none if it has ended.
pub(super) fn lasting<T: PartialEq>(
    claim: &Claim<T>,
    claims: &[Claim<T>],
    pace: Pace,
) -> Option<u64> {
    if claim.last_ms() + pace.late_ms < pace.end_ms {
        return None;
    }
    let others = || claims.iter().filter(|other| other.who != claim.who);
    let taken = |from: u64, to: u64| {
        others().any(|other| other.times.iter().any(|time| (from..to).contains(time)))
    };
    let mut begin = claim.last_ms();
    for time in claim.times.iter().rev() {
        if begin - time > pace.gap_ms && taken(*time, begin) {
            break;
        }
        begin = *time;
    }
    Some(begin)
}

/// Those that claimed beside another for long enough, until the end.
pub(super) fn at_once<T: PartialEq + Clone>(claims: &[Claim<T>], pace: Pace) -> Vec<T> {
    let lasting: Vec<(&Claim<T>, u64)> = claims
        .iter()
        .filter_map(|claim| Some((claim, lasting(claim, claims, pace)?)))
        .collect();
    let beside = |(one, from): &(&Claim<T>, u64), (other, other_from): &(&Claim<T>, u64)| {
        let from = *from.max(other_from);
        one.last_ms().min(other.last_ms()).saturating_sub(from) > pace.overlap_ms
    };
    let is = |one: &&(&Claim<T>, u64)| {
        let mut others = lasting.iter().filter(|other| other.0.who != one.0.who);
        others.any(|other| beside(one, other))
    };
    let found = lasting.iter().filter(is);
    found.map(|(claim, _)| claim.who.clone()).collect()
}

/// Those that still claimed within `interval_ms` of the end of the window.
pub(super) fn at_the_end<T: Clone>(claims: &[Claim<T>], end_ms: u64, interval_ms: u64) -> Vec<T> {
    let late = claims
        .iter()
        .filter(|claim| claim.last_ms() + interval_ms >= end_ms);
    late.map(|claim| claim.who.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A claim every 250 ms from one time to another.
    fn spell(who: char, from: u64, to: u64) -> Vec<(char, u64)> {
        (from..=to).step_by(250).map(|at| (who, at)).collect()
    }

    #[test]
    fn beside_or_behind_each_other() {
        let (a, b, c) = (
            |from, to| spell('a', from, to),
            |from, to| spell('b', from, to),
            |from, to| spell('c', from, to),
        );
        #[rustfmt::skip]
        type Row = (&'static str, Vec<Vec<(char, u64)>>, &'static str);
        let cases: Vec<Row> = vec![
            ("nobody", vec![], ""),
            ("one", vec![a(0, 3500)], ""),
            ("two all the time", vec![a(0, 3500), b(10, 3510)], "ab"),
            ("a hand-over", vec![a(0, 1200), b(1800, 3500)], ""),
            ("a short overlap", vec![a(0, 1800), b(1000, 3500)], ""),
            (
                "a longer one that is over",
                vec![a(0, 2250), b(750, 3500)],
                "",
            ),
            ("just long enough", vec![a(0, 3500), b(2499, 3499)], ""),
            ("just too long", vec![a(0, 3500), b(2249, 3499)], "ab"),
            (
                "away and back",
                vec![a(0, 1000), b(1100, 1900), a(2000, 3500)],
                "",
            ),
            (
                "away and back, twice",
                vec![
                    a(0, 500),
                    b(600, 1000),
                    a(1250, 2000),
                    b(2100, 2600),
                    a(2750, 3500),
                ],
                "",
            ),
            (
                "one claim lost",
                vec![a(0, 1000), a(1500, 3500), b(0, 3500)],
                "ab",
            ),
            (
                "two and one that is over",
                vec![a(0, 3500), b(0, 3500), c(0, 1500)],
                "ab",
            ),
        ];
        let pace = Pace {
            gap_ms: 600,
            late_ms: 1000,
            overlap_ms: 1000,
            end_ms: 3600,
        };
        for (name, spells, want) in cases {
            let mut seen = spells.concat();
            seen.sort_by_key(|(_, at)| *at);
            let who: String = at_once(&claims(seen), pace).into_iter().collect();
            assert_eq!(who, want, "{name}");
        }
    }
}
