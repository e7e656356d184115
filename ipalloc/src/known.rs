//! What of a network an IPAM says is free, instead of listing all records in it: a large one has
//! too many, and a token may not see them all.

use ipnet::IpNet;

use crate::{
    ipam::Vrf,
    span::{Family, Span, Spans},
};

/// A place whose taken addresses matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    /// Its routing table.
    pub vrf: Vrf,
    /// The network; its records count.
    pub net: IpNet,
    /// The range that it is about, if it is about one.
    pub range: Option<Span>,
    /// The addresses of it that hosts may have: of the whole, or of a range.
    pub room: Span,
    /// What of these is never handed out.
    pub excluded: Spans,
    /// It is a container, whose records need not be of its routing table alone.
    pub container: bool,
    /// So many free ones are enough to know of; none: all must be known.
    pub enough: Option<usize>,
}

impl Within {
    /// All that is taken in a network.
    #[must_use]
    pub fn all(vrf: Vrf, net: IpNet) -> Self {
        Self {
            vrf,
            net,
            range: None,
            room: Span::of(net),
            excluded: Spans::default(),
            container: false,
            enough: None,
        }
    }

    /// As [`super::ipam::View::known`] has it.
    #[must_use]
    pub fn place(&self) -> Place {
        (self.vrf.clone(), Family::of(self.net.addr()), self.room)
    }

    /// Takes over what another asks for the same place.
    pub fn join(&mut self, other: &Self) {
        self.excluded = self.excluded.union(&other.excluded);
        self.enough = match (self.enough, other.enough) {
            (Some(one), Some(more)) => Some(one + more),
            _ => None,
        };
    }
}

/// A routing table, and addresses of it.
pub type Place = (Vrf, Family, Span);

/// What the IPAM itself says of a place, whatever records were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// These cannot be had.
    pub closed: Spans,
    /// Nothing is said of what comes after this one,
    pub said_to: u128,
    /// and nothing is known of what comes after this one.
    pub to: u128,
}

impl Known {
    /// From the lowest addresses of `whole` that can be had, in order, or from all.
    #[must_use]
    pub fn of_free(whole: Span, free: &[u128], are_all: bool) -> Self {
        let mut closed = Vec::new();
        let mut from = Some(whole.first);
        for &bits in free {
            if let (Some(from), Some(before)) = (from, bits.checked_sub(1)) {
                closed.push(Span::new(from, before));
            }
            from = bits.checked_add(1);
        }
        let mut to = free.last().copied().unwrap_or(whole.last);
        if are_all || free.is_empty() {
            closed.extend(from.map(|from| Span::new(from, whole.last)));
            to = whole.last;
        }
        Self {
            closed: Spans::of(closed),
            said_to: to,
            to,
        }
    }

    /// It tells all that there is to know of a place, or of as many free ones as it needs.
    #[must_use]
    pub fn is_enough_for(&self, place: &Within) -> bool {
        let free = || self.free(place.room, &place.excluded);
        let enough = place.enough.is_some_and(|enough| free() >= enough as u128);
        enough || self.to >= place.room.last
    }

    /// The same, where records tell of what comes after the last that is known to be free.
    #[must_use]
    pub fn with_records(self, place: &Within) -> Self {
        let to = self.to.max(place.room.last);
        Self { to, ..self }
    }

    /// It is known to be free.
    #[must_use]
    pub fn says_free(&self, bits: u128) -> bool {
        bits <= self.said_to && self.closed.around(bits).is_none()
    }

    /// How many of `room` are known to be free, `excluded` left out.
    #[must_use]
    pub fn free(&self, room: Span, excluded: &Spans) -> u128 {
        let known = Span::new(room.first, room.last.min(self.to));
        self.closed.union(excluded).count_free(known, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u128], bool, &[(u128, u128)], u128, u128)] = &[
            ("nothing is free",       &[],        false, &[(0, 99)],                 99, 0),
            ("gaps",                  &[3, 4, 9], false, &[(0, 2), (5, 8)],           9, 3),
            ("gaps, and no more",     &[3, 4, 9], true,  &[(0, 2), (5, 8), (10, 99)], 99, 3),
            ("from the first",        &[0, 1],    false, &[],                         1, 2),
            ("the last alone",        &[99],      true,  &[(0, 98)],                 99, 1),
        ];
        let whole = Span::new(0, 99);
        for (name, free, are_all, closed, to, count) in cases {
            let known = Known::of_free(whole, free, *are_all);
            let closed: Vec<Span> = closed.iter().map(|&(a, b)| Span::new(a, b)).collect();
            let want = Known {
                closed: Spans::of(closed),
                said_to: *to,
                to: *to,
            };
            assert_eq!(known, want, "{name}");
            assert_eq!(known.free(whole, &Spans::default()), *count, "{name}");
        }
        let known = Known::of_free(whole, &[3, 4, 9], false);
        let excluded = Spans::of(vec![Span::one(4), Span::new(9, 50)]);
        assert_eq!(known.free(whole, &excluded), 1);
        assert_eq!(known.free(Span::new(4, 8), &Spans::default()), 1);
        assert!(known.says_free(4) && !known.says_free(5) && !known.says_free(50));
        let place = Within {
            enough: Some(4),
            room: whole,
            ..Within::all(Vrf::GLOBAL, IpNet::default())
        };
        assert!(!known.is_enough_for(&place));
        let known = known.with_records(&place);
        assert!(known.is_enough_for(&place) && !known.says_free(50));
    }
}
