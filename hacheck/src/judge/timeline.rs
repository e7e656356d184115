//! Who claimed an address when: two at one time, or one after the other.
//!
//! A hand-over shows two claimants in any window that is long enough, so only claims that
//! lie beside each other for longer than an advert interval are two holders at once.

/// The claims of one claimant, in milliseconds from the start of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim<T> {
    pub who: T,
    pub first_ms: u64,
    pub last_ms: u64,
    pub count: usize,
}

/// One claim for each claimant, in the order in which they turned up.
pub(super) fn claims<T: PartialEq>(seen: impl IntoIterator<Item = (T, u64)>) -> Vec<Claim<T>> {
    let mut claims: Vec<Claim<T>> = Vec::new();
    for (who, at_ms) in seen {
        match claims.iter_mut().find(|claim| claim.who == who) {
            Some(claim) => {
                claim.first_ms = claim.first_ms.min(at_ms);
                claim.last_ms = claim.last_ms.max(at_ms);
                claim.count += 1;
            }
            None => claims.push(Claim {
                who,
                first_ms: at_ms,
                last_ms: at_ms,
                count: 1,
            }),
        }
    }
    claims
}

/// Those that claimed beside another for longer than `interval_ms`.
pub(super) fn at_once<T: PartialEq + Clone>(claims: &[Claim<T>], interval_ms: u64) -> Vec<T> {
    let beside = |one: &Claim<T>, other: &Claim<T>| {
        let from = one.first_ms.max(other.first_ms);
        one.last_ms.min(other.last_ms).saturating_sub(from) > interval_ms
    };
    let is = |one: &&Claim<T>| {
        claims
            .iter()
            .any(|other| other.who != one.who && beside(one, other))
    };
    claims
        .iter()
        .filter(is)
        .map(|claim| claim.who.clone())
        .collect()
}

/// Those that still claimed within `interval_ms` of the end of the window.
pub(super) fn at_the_end<T: Clone>(claims: &[Claim<T>], end_ms: u64, interval_ms: u64) -> Vec<T> {
    let late = claims
        .iter()
        .filter(|claim| claim.last_ms + interval_ms >= end_ms);
    late.map(|claim| claim.who.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_or_behind_each_other() {
        #[rustfmt::skip]
        type Row = (&'static str, &'static [(char, u64)], &'static str);
        let cases: [Row; 7] = [
            ("nobody", &[], ""),
            ("one", &[('a', 0), ('a', 3000)], ""),
            (
                "two all the time",
                &[('a', 0), ('b', 10), ('a', 3000), ('b', 3010)],
                "ab",
            ),
            (
                "a hand-over",
                &[('a', 0), ('a', 1200), ('b', 1800), ('b', 3600)],
                "",
            ),
            (
                "a short overlap",
                &[('a', 0), ('a', 1800), ('b', 1000), ('b', 3600)],
                "",
            ),
            (
                "just too long",
                &[('a', 0), ('a', 2001), ('b', 1000), ('b', 3600)],
                "ab",
            ),
            (
                "two and a successor",
                &[
                    ('a', 0),
                    ('b', 0),
                    ('a', 1500),
                    ('b', 1500),
                    ('c', 2000),
                    ('c', 3600),
                ],
                "ab",
            ),
        ];
        for (name, seen, want) in cases {
            let who: String = at_once(&claims(seen.iter().copied()), 1000)
                .into_iter()
                .collect();
            assert_eq!(who, want, "{name}");
        }
    }
}
