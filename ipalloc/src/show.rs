//! How full each prefix is, by the rules that [`crate::allocate`] goes by.

use core::net::IpAddr;

use crate::{
    exclude::Policy,
    ipam::{Networks, Prefix, Range, View},
    known::Within,
    scope::Scope,
    span::{Family, Span, Spans},
};

/// How full a prefix is, in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill<'a> {
    /// The prefix.
    pub prefix: &'a Prefix,
    /// Those that hosts may have.
    pub size: u128,
    /// Those with a record.
    pub used: u128,
    /// Those that allocate could give; none from a closed prefix.
    pub free: u128,
    /// The one that it would give next.
    pub next: Option<IpAddr>,
    /// So many of those with a record, at least, could not be seen.
    pub unseen: u128,
}

/// How full `prefix` is.
#[must_use]
pub fn fill<'a>(prefix: &'a Prefix, networks: &Networks, view: &View, policy: &Policy) -> Fill<'a> {
    let scope = Scope::of_prefix(prefix, networks, policy);
    let taken = view.taken_in(&prefix.vrf, prefix.net);
    let usable = Span::usable(prefix.net, prefix.is_pool);
    let open = prefix.closed(&policy.open).is_none();
    let known = view
        .known
        .get(&Within::all(prefix.vrf.clone(), prefix.net).place());
    let cannot_be_had = known.map(|known| known.closed.clone()).unwrap_or_default();
    let ranges = ranges(prefix, networks);
    let unseen = |span: Span| ranges.count_free(span.within(usable), taken);
    let unseen = cannot_be_had.iter().map(unseen).sum();
    let excluded = scope.excluded.union(&cannot_be_had);
    let next = excluded.lowest_free(scope.room, 0, taken).filter(|_| open);
    Fill {
        prefix,
        size: usable.count(),
        used: usable.slice(taken).len() as u128 + unseen,
        free: if open {
            excluded.count_free(scope.room, taken)
        } else {
            0
        },
        next: next.map(|bits| scope.family.address(bits)),
        unseen,
    }
}

/// What a server does not give out of a prefix although it has no record: populated ranges, and
/// every range before NetBox 4.3.
fn ranges(prefix: &Prefix, networks: &Networks) -> Spans {
    let family = Family::of(prefix.net.addr());
    let here = |range: &&Range| range.vrf == prefix.vrf && Family::of(range.start) == family;
    let ranges = networks.ranges.iter().filter(here);
    Spans::of(ranges.map(Range::span).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmid::avoid::Avoid;

    use crate::{exclude::Gateway, ipam::Vrf, known::Known, properties::sample, span};

    #[test]
    fn how_full() {
        const RECORDS: &[&str] = &[
            "10.0.0.1/24",
            "10.0.0.1/32 role=vip",
            "10.0.0.2/24 status=deprecated",
            "10.0.0.3/24 vrf=blue",
            "10.0.0.0/24",
            "fd00::5/64",
        ];
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], Gateway, &str, (u128, u128, u128, Option<&str>))] = &[
            ("the gateway has a record",  &["10.0.0.0/24"],            Gateway::First, "",      (254, 2, 252, Some("10.0.0.3"))),
            ("the gateway is the last",   &["10.0.0.0/24"],            Gateway::Last,  "",      (254, 2, 251, Some("10.0.0.3"))),
            ("another table",             &["10.0.0.0/24 vrf=blue"],   Gateway::First, "",      (254, 1, 252, Some("10.0.0.2"))),
            ("avoided",                   &["10.0.0.0/24"],            Gateway::None,  "1-9",   (254, 2, 245, Some("10.0.0.10"))),
            ("a pool",                    &["10.0.0.0/30 pool"],       Gateway::None,  "",      (4, 3, 1, Some("10.0.0.3"))),
            ("full",                      &["10.0.0.0/30"],            Gateway::None,  "",      (2, 2, 0, None)),
            ("marked as full",            &["10.0.0.0/24 full"],       Gateway::None,  "",      (254, 2, 0, None)),
            ("a container",               &["10.0.0.0/24 status=container"], Gateway::None, "", (254, 2, 0, None)),
            ("a child and a range",       &["10.0.0.0/24", "10.0.0.0/25", "10.0.0.120-10.0.0.200"], Gateway::None, "", (254, 2, 54, Some("10.0.0.201"))),
            ("a /64",                     &["fd00::/64"],              Gateway::First, "",      ((1 << 64) - 1, 1, (1 << 64) - 3, Some("fd00::2"))),
            ("a /32",                     &["10.0.0.9/32"],            Gateway::First, "",      (1, 0, 1, Some("10.0.0.9"))),
        ];
        for (name, lines, gateway, avoid, (size, used, free, next)) in cases {
            let networks = sample::networks(lines);
            let avoid = Avoid::parse(avoid).into_iter().collect();
            let policy = Policy {
                gateway: Some(*gateway),
                avoid,
                site: None,
                force: true,
                open: Vec::new(),
            };
            let view = sample::view(RECORDS);
            let got = fill(&networks.prefixes[0], &networks, &view, &policy);
            let want = Fill {
                prefix: &networks.prefixes[0],
                size: *size,
                used: *used,
                free: *free,
                next: next.map(|next| next.parse().unwrap()),
                unseen: 0,
            };
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn what_nobody_sees_is_used() {
        let networks = sample::networks(&["10.0.0.0/24", "10.0.0.20-10.0.0.29"]);
        let mut view = sample::view(&["10.0.0.2/24", "10.0.0.9/24"]);
        let whole = Within::all(Vrf::GLOBAL, networks.prefixes[0].net);
        let bits = |last: u128| span::bits("10.0.0.0".parse().unwrap()) + last;
        // .3 to .8 are free, and so is all from .30 on: what is between is recorded, but for .20 to .29.
        let free: Vec<u128> = (3..=8).chain(30..=90).map(bits).collect();
        let known = Known::of_free(whole.room, &free, false);
        view.known.insert(whole.place(), known);
        let policy = Policy::default();
        let got = fill(&networks.prefixes[0], &networks, &view, &policy);
        let next = got.next.map(|next| next.to_string());
        assert_eq!((got.unseen, got.used), (11, 13), ".1 and .10 to .19");
        assert_eq!(next.as_deref(), Some("10.0.0.3"));
        assert_eq!(got.free, 254 - 13 - 10);
    }
}
