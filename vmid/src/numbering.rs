//! Which IDs the hosts of a network have: a base, and the host number on top of it.
//!
//! Where none is given the base is the VLAN times 1000 (10^digits), so that the ID reads as the
//! VLAN and then the host. The last octet alone is base 0, VLAN x 100 is digits 2.

use core::ops::RangeInclusive;

use ipnet::Ipv4Net;

use crate::scheme::{self, Digits, GUEST_IDS};

/// The numbering of a network's hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The ID that host 0 would have.
    pub base: u64,
    /// The host numbers end below 10^digits.
    pub digits: Digits,
}

impl Numbering {
    /// The ID of a host number, be it a guest ID or not.
    #[must_use]
    pub fn id(self, host: u64) -> u64 {
        self.base + host
    }

    /// The IDs of a prefix's hosts, from the first to the last: those that Proxmox takes, of host
    /// numbers that have no more than the digits. None if no host has one.
    #[must_use]
    pub fn ids(self, prefix: Ipv4Net) -> Option<RangeInclusive<u64>> {
        let (first, last) = scheme::host_numbers(prefix);
        let last = last.min(self.digits.unit() - 1);
        let first = self.id(first).max(*GUEST_IDS.start());
        let last = self.id(last).min(*GUEST_IDS.end());
        (first <= last).then_some(first..=last)
    }
}

/// Of spans with what they are, those that clash: two that share an ID, of which at least one is
/// `given`. Spans that are not may lie in each other, as two networks of one VLAN do.
pub fn meeting<T: Copy>(
    spans: impl IntoIterator<Item = (RangeInclusive<u64>, bool, T)>,
) -> Option<(T, T)> {
    let mut spans: Vec<_> = spans.into_iter().collect();
    spans.sort_by_key(|(ids, ..)| *ids.start());
    let mut of_all: Option<(u64, T)> = None;
    let mut of_given = of_all;
    for (ids, given, what) in spans {
        let before = if given { of_all } else { of_given };
        if let Some((_, other)) = before.filter(|(end, _)| end >= ids.start()) {
            return Some((other, what));
        }
        let further = |before: Option<(u64, T)>| match before {
            Some(before) if before.0 >= *ids.end() => Some(before),
            _ => Some((*ids.end(), what)),
        };
        of_all = further(of_all);
        if given {
            of_given = further(of_given);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans() {
        #[rustfmt::skip]
        let cases: &[(&str, u64, u32, &str, Option<(u64, u64)>)] = &[
            ("VLAN 30",                     30_000,      3, "192.168.30.0/24",  Some((30_001, 30_254))),
            ("the last octet alone",        0,           3, "192.168.1.0/24",   Some((100, 254))),
            ("of hosts below 100",          0,           3, "192.168.1.0/26",   None),
            ("two digits",                  3000,        2, "192.168.30.0/24",  Some((3001, 3099))),
            ("of hosts above 99",           3000,        2, "192.168.30.128/25", None),
            ("a half, by the last octet",   0,           3, "192.168.1.128/25", Some((129, 254))),
            ("offsets in a /22",            50_000,      3, "10.0.0.0/22",      Some((50_001, 50_999))),
            ("all of a /22",                50_000,      4, "10.0.0.0/22",      Some((50_001, 51_022))),
            ("a /31 has two hosts",         1000,        3, "10.0.0.0/31",      Some((1000, 1001))),
            ("a /32 is one",                1000,        3, "10.0.0.66/32",     Some((1066, 1066))),
            ("the end of Proxmox's IDs",    999_999_900, 3, "192.168.1.0/24",   Some((999_999_901, 999_999_999))),
        ];
        for (name, base, digits, prefix, want) in cases {
            let digits = Digits::new(*digits).unwrap();
            let got = Numbering {
                base: *base,
                digits,
            }
            .ids(prefix.parse().unwrap());
            assert_eq!(got.map(|ids| (*ids.start(), *ids.end())), *want, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_meets_is_what_a_look_at_each_pair_gives(
            spans in prop::collection::vec((0_u64..40, 0_u64..8, any::<bool>()), 0..9),
        ) {
            let spans: Vec<_> = spans.iter().map(|(from, length, given)| (*from..=from + length, *given)).collect();
            let clash = |a: usize, b: usize| {
                let ((one, own), (other, theirs)) = (&spans[a], &spans[b]);
                (*own || *theirs) && one.start() <= other.end() && other.start() <= one.end()
            };
            let pairs = (0..spans.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
            let any = pairs.into_iter().any(|(a, b)| clash(a, b));
            let got = meeting(spans.iter().enumerate().map(|(at, (ids, given))| (ids.clone(), *given, at)));
            prop_assert_eq!(got.is_some(), any);
            if let Some((a, b)) = got {
                prop_assert!(clash(a, b));
            }
        }
    }
}
