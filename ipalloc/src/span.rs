//! Runs of addresses as numbers, and the search for the lowest free one. Nothing
//! here counts addresses one by one, so an IPv6 /64 costs no more than a /24.

use core::net::IpAddr;

use ipnet::IpNet;

/// IPv4 or IPv6; numbers of the two are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl Family {
    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }

    /// The address with that number.
    #[must_use]
    pub fn address(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4((bits as u32).into()),
            Self::V6 => IpAddr::V6(bits.into()),
        }
    }
}

/// An address as a number.
#[must_use]
pub fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Addresses from `first` to `last`, both included; empty if `last` is the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first.
    pub first: u128,
    /// The last.
    pub last: u128,
}

impl Span {
    /// From `first` to `last`.
    #[must_use]
    pub fn new(first: u128, last: u128) -> Self {
        Self { first, last }
    }

    /// One address.
    #[must_use]
    pub fn one(bits: u128) -> Self {
        Self::new(bits, bits)
    }

    /// All addresses of a network.
    #[must_use]
    pub fn of(net: IpNet) -> Self {
        Self::new(bits(net.network()), bits(net.broadcast()))
    }

    /// The addresses of a network that hosts may have: without the first and last
    /// of an IPv4 network up to /30 (a /31 has neither, RFC 3021), without the
    /// first of an IPv6 network up to /126 (the subnet-router anycast address,
    /// RFC 4291, 2.6.1; RFC 6164 for /127). As NetBox hands them out.
    #[must_use]
    pub fn usable(net: IpNet, is_pool: bool) -> Self {
        let whole = Self::of(net);
        match net {
            _ if is_pool => whole,
            IpNet::V4(net) if net.prefix_len() <= 30 => Self::new(whole.first + 1, whole.last - 1),
            IpNet::V6(net) if net.prefix_len() <= 126 => Self::new(whole.first + 1, whole.last),
            _ => whole,
        }
    }

    /// It holds this number.
    #[must_use]
    pub fn contains(&self, bits: u128) -> bool {
        (self.first..=self.last).contains(&bits)
    }

    /// What it shares with another.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// It holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first > self.last
    }

    /// How many addresses; all of IPv6 count as one less than they are.
    #[must_use]
    pub fn count(&self) -> u128 {
        if self.is_empty() {
            0
        } else {
            (self.last - self.first).saturating_add(1)
        }
    }

    /// The part of a sorted list that lies in it.
    #[must_use]
    pub fn slice(self, sorted: &[u128]) -> &[u128] {
        let from = sorted.partition_point(|&bits| bits < self.first);
        let to = sorted.partition_point(|&bits| bits <= self.last);
        &sorted[from..to.max(from)]
    }
}

/// A set of spans, sorted and without overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// The union of `spans`.
    #[must_use]
    pub fn of(mut spans: Vec<Span>) -> Self {
        spans.retain(|span| !span.is_empty());
        spans.sort_unstable();
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.first <= last.last.saturating_add(1) => {
                    last.last = last.last.max(span.last);
                }
                _ => merged.push(span),
            }
        }
        Self(merged)
    }

    /// What is in one or the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    /// The span that holds the number.
    #[must_use]
    pub fn around(&self, bits: u128) -> Option<Span> {
        let after = self.0.partition_point(|span| span.first <= bits);
        self.0[..after]
            .last()
            .copied()
            .filter(|span| span.contains(bits))
    }

    /// The lowest number of `room`, not below `from`, that is neither in the set nor in `taken`
    /// (sorted, each once).
    #[must_use]
    pub fn lowest_free(&self, room: Span, from: u128, taken: &[u128]) -> Option<u128> {
        let mut at = from.max(room.first);
        loop {
            if at > room.last {
                return None;
            }
            if let Some(span) = self.around(at) {
                at = span.last.checked_add(1)?;
                continue;
            }
            let start = taken.partition_point(|&bits| bits < at);
            let run = taken[start..].iter().enumerate();
            let run = run
                .take_while(|&(offset, &bits)| bits - at == offset as u128)
                .count();
            if run == 0 {
                return Some(at);
            }
            at = at.checked_add(run as u128)?;
        }
    }

    /// How many numbers of `room` are neither in the set nor in `taken`.
    #[must_use]
    pub fn count_free(&self, room: Span, taken: &[u128]) -> u128 {
        let inside: Vec<Span> = self.0.iter().map(|span| span.within(room)).collect();
        let excluded: u128 = inside.iter().map(Span::count).sum();
        let taken = room
            .slice(taken)
            .iter()
            .filter(|&&bits| self.around(bits).is_none())
            .count();
        room.count()
            .saturating_sub(excluded)
            .saturating_sub(taken as u128)
    }
}

/// The mask that a host at `address` bears, whose record has the mask `length`: scanners and hands
/// record hosts with /32 (/128), and no neighbour is reached with that. Then it is that of the prefix
/// which holds it, if one is known.
#[must_use]
pub fn mask(address: IpAddr, length: u8, prefix: Option<IpNet>) -> u8 {
    let whole = if address.is_ipv4() { 32 } else { 128 };
    match prefix {
        Some(net) if length == whole => net.prefix_len(),
        _ => length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usable_addresses() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, bool, &str, &str)] = &[
            ("a /24",            "192.168.30.0/24", false, "192.168.30.1", "192.168.30.254"),
            ("a /24 as a pool",  "192.168.30.0/24", true,  "192.168.30.0", "192.168.30.255"),
            ("a /30",            "10.0.0.0/30",     false, "10.0.0.1",     "10.0.0.2"),
            ("a /31",            "10.0.0.0/31",     false, "10.0.0.0",     "10.0.0.1"),
            ("a /32",            "10.0.0.9/32",     false, "10.0.0.9",     "10.0.0.9"),
            ("an IPv6 /64",      "fd00::/64",       false, "fd00::1",      "fd00::ffff:ffff:ffff:ffff"),
            ("an IPv6 /127",     "fd00::/127",      false, "fd00::",       "fd00::1"),
            ("everything",       "::/0",            true,  "::",           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ];
        for (name, net, is_pool, first, last) in cases {
            let span = Span::usable(net.parse().unwrap(), *is_pool);
            let want = Span::new(bits(first.parse().unwrap()), bits(last.parse().unwrap()));
            assert_eq!(span, want, "{name}");
        }
    }

    #[test]
    fn masks_of_hosts() {
        #[rustfmt::skip]
        let cases = [
            ("as it is",               "10.0.0.9", 24,  Some("10.0.0.0/16"),  24),
            ("recorded as a host",     "10.0.0.9", 32,  Some("10.0.0.0/24"),  24),
            ("in no prefix",           "10.0.0.9", 32,  None,                 32),
            ("a prefix of one",        "10.0.0.9", 32,  Some("10.0.0.9/32"),  32),
            ("IPv6, as a host",        "fd00::9",  128, Some("fd00::/64"),    64),
            ("IPv6, a /32 is a mask",  "fd00::9",  32,  Some("fd00::/16"),    32),
        ];
        for (name, address, length, prefix, want) in cases {
            let prefix = prefix.map(|net| net.parse().unwrap());
            assert_eq!(
                mask(address.parse().unwrap(), length, prefix),
                want,
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn free_is_what_a_slow_search_finds(
            spans in prop::collection::vec((0_u128..60, 0_u128..8), 0..6),
            taken in prop::collection::btree_set(0_u128..70, 0..40),
            room in (0_u128..50, 0_u128..40),
            from in 0_u128..60,
        ) {
            let spans: Vec<Span> = spans.iter().map(|&(first, n)| Span::new(first, first + n)).collect();
            let room = Span::new(room.0, room.0 + room.1);
            let sorted: Vec<u128> = taken.iter().copied().collect();
            let is_free = |n: &u128| !taken.contains(n) && !spans.iter().any(|s| s.contains(*n));
            let slow: Vec<u128> = (room.first..=room.last).filter(is_free).collect();
            let set = Spans::of(spans.clone());
            prop_assert_eq!(set.count_free(room, &sorted), slow.len() as u128);
            let next = slow.iter().copied().find(|&n| n >= from);
            prop_assert_eq!(set.lowest_free(room, from, &sorted), next);
        }
    }

    #[test]
    fn the_end_of_all_addresses_is_no_overflow() {
        let room = Span::new(u128::MAX - 1, u128::MAX);
        let none = Spans::default();
        assert_eq!(none.lowest_free(room, 0, &[u128::MAX - 1]), Some(u128::MAX));
        assert_eq!(none.lowest_free(room, 0, &[u128::MAX - 1, u128::MAX]), None);
        let all = Spans::of(vec![Span::new(0, u128::MAX)]);
        assert_eq!(all.lowest_free(room, 0, &[]), None);
    }
}
