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
    /// The addresses of it that hosts may have: of the whole, or of a range.
    pub room: Span,
    /// What of these is never handed out.
    pub excluded: Spans,
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
            room: Span::of(net),
            excluded: Spans::default(),
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
    /// Nothing is known of what comes after this one.
    pub to: u128,
}

impl Known {
    /// From the lowest addresses of `whole` that can be had, in order; without any, there is none.
    #[must_use]
    pub fn of_free(whole: Span, free: &[u128]) -> Self {
        let mut closed = Vec::new();
        let mut from = Some(whole.first);
        for &bits in free {
            if let (Some(from), Some(before)) = (from, bits.checked_sub(1)) {
                closed.push(Span::new(from, before));
            }
            from = bits.checked_add(1);
        }
        if free.is_empty() {
            closed.push(whole);
        }
        Self {
            closed: Spans::of(closed),
            to: free.last().copied().unwrap_or(whole.last),
        }
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
        let cases: &[(&str, &[u128], &[(u128, u128)], u128, u128)] = &[
            ("nothing is free",       &[],           &[(0, 99)],                  99, 0),
            ("gaps",                  &[3, 4, 9],    &[(0, 2), (5, 8)],            9, 3),
            ("from the first",        &[0, 1],       &[],                          1, 2),
            ("the last alone",        &[99],         &[(0, 98)],                  99, 1),
        ];
        let whole = Span::new(0, 99);
        for (name, free, closed, to, count) in cases {
            let known = Known::of_free(whole, free);
            let closed: Vec<Span> = closed.iter().map(|&(a, b)| Span::new(a, b)).collect();
            let want = Known {
                closed: Spans::of(closed),
                to: *to,
            };
            assert_eq!(known, want, "{name}");
            assert_eq!(known.free(whole, &Spans::default()), *count, "{name}");
        }
        let known = Known::of_free(whole, &[3, 4, 9]);
        let excluded = Spans::of(vec![Span::one(4), Span::new(9, 50)]);
        assert_eq!(known.free(whole, &excluded), 1);
        assert_eq!(known.free(Span::new(4, 8), &Spans::default()), 1);
    }
}
