//! Which prefix belongs to which VLAN: the table that `--networks FILE` holds.
//!
//! Rows that say nothing about the scheme are passed over: containers, IPv6, no VLAN.
//! A network may say how its IDs are made (base, digits); no ID is of two networks then.

use core::{net::Ipv4Addr, ops::RangeInclusive};
use std::{cmp::Reverse, fmt};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    numbering::{self, Numbering},
    scheme::Digits,
    site::{Site, Vlan},
    table::Dialect,
};

mod table;

pub use table::vlan_cell;

/// One prefix and the VLAN it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The VID.
    pub vlan: u64,
    /// The prefix.
    pub prefix: Ipv4Net,
    /// The base of its IDs; else the VLAN times 10^digits.
    pub base: Option<u64>,
    /// The digits of its host numbers; else those of all.
    pub digits: Option<Digits>,
}

impl Network {
    /// A site's VLAN with its IPv4 prefix.
    #[must_use]
    pub fn of_site(entry: &Vlan, prefix: Ipv4Net) -> Self {
        Self {
            vlan: entry.vlan,
            prefix,
            base: entry.base,
            digits: entry.digits.and_then(Digits::new),
        }
    }

    /// How its hosts are numbered, where other networks have `digits`.
    #[must_use]
    pub fn numbering(&self, digits: Digits) -> Numbering {
        let digits = self.digits.unwrap_or(digits);
        Numbering {
            base: self.base.unwrap_or(self.vlan * digits.unit()),
            digits,
        }
    }

    /// As messages name it: `10.1.30.0/24 (VLAN 30, IDs 130001 to 130254)`.
    #[must_use]
    pub fn with_ids(&self, digits: Digits) -> String {
        let ids = self.numbering(digits).ids(self.prefix);
        let ids = ids.map_or("no IDs".to_owned(), |ids| {
            format!("IDs {} to {}", ids.start(), ids.end())
        });
        format!("{} (VLAN {}, {ids})", self.prefix, self.vlan)
    }

    /// It says itself how its hosts are numbered.
    #[must_use]
    pub fn has_numbering(&self) -> bool {
        self.base.is_some() || self.digits.is_some()
    }
}

/// The networks of a site.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// Those of one length together and in order, the longest first: a site has few
    /// lengths and may have thousands of prefixes, and each record asks.
    by_length: Vec<Vec<Network>>,
    /// By VLAN, of one VLAN the longest first.
    by_vlan: Vec<Network>,
    /// Those that have a numbering of their own, by their IDs; no two share one.
    by_id: Vec<(RangeInclusive<u64>, Network)>,
    /// The digits of host numbers where a network doesn't say.
    digits: Digits,
    /// The site has no others.
    complete: bool,
}

/// A file that is no table of networks: where, and why.
#[derive(Debug)]
pub struct BadTable(String);

impl fmt::Display for BadTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadTable {}

impl Networks {
    /// The table in a file's text.
    ///
    /// # Errors
    ///
    /// It is neither CSV with the columns `vlan` and `prefix` nor JSON records with
    /// these fields, or a value in them is none (the message names record or line), or two
    /// networks share IDs.
    pub fn parse(text: &[u8], digits: Digits) -> Result<Self, BadTable> {
        let behind = &text[Dialect::of(text).header_at..];
        let first = behind.iter().find(|byte| !byte.is_ascii_whitespace());
        let networks = match first {
            Some(b'{' | b'[') => table::from_json(text)?,
            _ => table::from_csv(text)?,
        };
        Self::new(networks, digits)
    }

    /// None, so that everything goes by convention.
    #[must_use]
    pub fn none(digits: Digits) -> Self {
        Self {
            digits,
            ..Self::default()
        }
    }

    /// The networks of a site file; there are no others then, and nothing is guessed.
    ///
    /// # Errors
    ///
    /// Two networks share IDs.
    pub fn of_site(site: &Site, digits: Digits) -> Result<Self, BadTable> {
        let networks = site.vlans.iter().filter_map(|entry| match entry.prefix {
            IpNet::V4(prefix) => Some(Network::of_site(entry, prefix)),
            IpNet::V6(_) => None,
        });
        Ok(Self::new(networks.collect(), digits)?.complete())
    }

    /// These are all networks of the site: what is in none of them is not guessed.
    #[must_use]
    pub fn complete(self) -> Self {
        Self {
            complete: true,
            ..self
        }
    }

    /// There are no others, so that 192.168.{vlan}.0/24 stands for nothing.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.complete
    }

    /// There is no network here, and everything goes by convention (unless it is
    /// [`Self::complete`]).
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.by_vlan.is_empty()
    }

    /// The digits of host numbers where a network doesn't say.
    #[must_use]
    pub fn digits(&self) -> Digits {
        self.digits
    }

    fn new(mut networks: Vec<Network>, digits: Digits) -> Result<Self, BadTable> {
        networks.sort_by_key(|n| (Reverse(n.prefix.prefix_len()), n.prefix, n.vlan)); // stable
        networks.dedup();
        let same =
            |pair: &&[Network]| (pair[0].vlan, pair[0].prefix) == (pair[1].vlan, pair[1].prefix);
        if let Some([one, other]) = networks.windows(2).find(same) {
            let [one, other] = [one, other].map(|n| n.with_ids(digits));
            let what = format!("{one} is there twice, and the other time it is {other}");
            return Err(BadTable(what));
        }
        let by_id = by_id(&networks, digits)?;
        let same_length = |a: &Network, b: &Network| a.prefix.prefix_len() == b.prefix.prefix_len();
        let by_length = networks.chunk_by(same_length).map(<[_]>::to_vec).collect();
        networks.sort_by_key(|n| n.vlan); // stable: the longest stay first
        Ok(Self {
            by_length,
            by_vlan: networks,
            by_id,
            digits,
            complete: false,
        })
    }

    /// The network with a numbering of its own that has the ID.
    #[must_use]
    pub fn with_id(&self, id: u64) -> Option<Network> {
        let at = self.by_id.partition_point(|(ids, _)| *ids.end() < id);
        let (_, network) = self.by_id.get(at).filter(|(ids, _)| ids.contains(&id))?;
        Some(*network)
    }

    /// The longest prefixes that hold `address`; several if they are of one length.
    pub fn holding(&self, address: Ipv4Addr) -> impl Iterator<Item = Network> {
        let holding = |list: &'_ Vec<Network>| {
            let from = list.partition_point(|n| n.prefix.broadcast() < address);
            let holds = |n: &&Network| n.prefix.contains(&address);
            let count = list[from..].iter().take_while(holds).count();
            (count > 0).then_some(from..from + count)
        };
        let mut lists = self.by_length.iter();
        let held = lists.find_map(|list| Some(&list[holding(list)?]));
        held.unwrap_or_default().iter().copied()
    }

    /// The prefixes of a VLAN, longest first.
    pub fn of_vlan(&self, vlan: u64) -> impl Iterator<Item = Network> {
        let from = self.by_vlan.partition_point(|n| n.vlan < vlan);
        let of_vlan = move |n: &&Network| n.vlan == vlan;
        self.by_vlan[from..].iter().take_while(of_vlan).copied()
    }
}

/// The networks that have a numbering of their own, by their IDs.
fn by_id(
    networks: &[Network],
    digits: Digits,
) -> Result<Vec<(RangeInclusive<u64>, Network)>, BadTable> {
    let ids = |n: &Network| Some((n.numbering(digits).ids(n.prefix)?, *n));
    let all = || networks.iter().filter_map(ids);
    let spans = all().map(|(ids, network)| (ids, network.has_numbering(), network));
    if let Some((one, other)) = numbering::meeting(spans) {
        let [one, other] = [one, other].map(|n| n.with_ids(digits));
        let what = format!("{one} and {other} share IDs: one of them needs another base");
        return Err(BadTable(what));
    }
    let mut own: Vec<_> = all().filter(|(_, n)| n.has_numbering()).collect();
    own.sort_by_key(|(ids, _)| *ids.start());
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn rows(text: &str) -> Result<Vec<(u64, String)>, String> {
        let networks =
            Networks::parse(text.as_bytes(), Digits::THREE).map_err(|bad| bad.to_string())?;
        let all = networks.by_length.iter().flatten();
        Ok(all.map(|n| (n.vlan, n.prefix.to_string())).collect())
    }

    #[test]
    fn forms() {
        let want = Ok(vec![(30, "192.168.30.0/24".to_owned())]);
        #[rustfmt::skip]
        let cases: &[(&str, &str)] = &[
            ("plain CSV",          "vlan,prefix\n30,192.168.30.0/24\n"),
            ("BOM, CRLF, ;",       "\u{feff}prefix;vlan\r\n192.168.30.0/24;030\r\n"),
            ("sep=, an empty row", "sep=;\r\nvlan;prefix\r\n;;;\r\n30;192.168.30.0/24\r\n"),
            ("NetBox import form", "prefix,vrf,vlan,status\n192.168.30.0/24,,30,active\n"),
            ("NetBox export form", "Prefix,Status,VLAN\n192.168.0.0/16,Container,\"x (9)\"\n192.168.30.0/24,Active,vms (30)\n"),
            ("JSON lines",         "{\"vlan\":30,\"prefix\":\"192.168.30.0/24\"}\n{\"vlan\":60,\"prefix\":\"fd00:30::/64\"}"),
            ("NetBox API",         r#"{"count":1,"next":null,"results":[{"prefix":"192.168.30.0/24","vlan":{"id":2,"vid":30},"status":{"value":"active"}}]}"#),
            ("a name is no base",  "vlan,prefix,name,date,status\n30,192.168.30.0/24,0,0,0\n"),
            ("both spellings",     "vlan,prefix,digit,digits,base,bases\n30,192.168.30.0/24,x,3,30000,x\n"),
            ("a row without VLAN", "vlan,prefix\n,192.168.31.0/24\n30,192.168.30.0/24\n"),
        ];
        for (name, text) in cases {
            assert_eq!(rows(text), want, "{name}");
        }
    }

    #[test]
    fn what_is_refused_says_where() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str)] = &[
            ("no such columns", "vid,net\n30,x\n",                 "line 1: the header has no columns prefix and vlan: \"vid,net\""),
            ("no prefix",       "vlan,prefix\n30,192.168.30\n",    "line 2: \"192.168.30\" is not a prefix"),
            ("host bits",       "vlan,prefix\n30,10.0.0.1/24\n",   "line 2: 10.0.0.1/24 has host bits set; the prefix is 10.0.0.0/24"),
            ("VLAN 4095",       "vlan,prefix\n4095,10.0.0.0/24\n", "line 2: VLAN 4095 is outside 1 to 4094"),
            ("CR LF, no prefix", "vlan,prefix\r\n30,x\r\n",       "line 2: \"x\" is not a prefix"),
            ("nothing in it",   " \n",                            "line 1: the header has no columns prefix and vlan: \"\""),
            ("a base that is none", "vlan,prefix,base\n30,10.0.0.0/24,x\n",          "line 2: the base \"x\" is not a number up to 999999999"),
            ("too big a base",  "vlan,prefix,base\n30,10.0.0.0/24,1000000000\n",     "line 2: the base \"1000000000\" is not a number up to 999999999"),
            ("six digits",      "vlan,prefix,digits\n30,10.0.0.0/24,6\n",            "line 2: the digits \"6\" are not 2, 3, 4 or 5"),
            ("a base, no VLAN", "vlan,prefix,base\n,192.168.1.0/24,0\n",             "line 2: 192.168.1.0/24 has a base but no VLAN (1 for an untagged network)"),
            ("digits, no VLAN", "vlan,prefix,digits\n,192.168.1.0/24,2\n",           "line 2: 192.168.1.0/24 has digits but no VLAN (1 for an untagged network)"),
            ("a base of IPv6",  "vlan,prefix,base\n30,fd00:30::/64,0\n",             "line 2: fd00:30::/64 has a base, but it is IPv6 and gives no IDs"),
            ("a container's",   "vlan,prefix,base,status\n30,10.0.0.0/8,0,container\n", "line 2: 10.0.0.0/8 has a base, but it is a container and gives no IDs"),
            ("a bad base of no network", "vlan,prefix,base\n,10.0.0.0/24,x\n",       "line 2: the base \"x\" is not a number up to 999999999"),
            ("JSON, a base, no VLAN", r#"{"vlan":null,"prefix":"10.0.0.0/24","base":0}"#, "record 1: 10.0.0.0/24 has a base but no VLAN (1 for an untagged network)"),
            ("digit",           "vlan,prefix,digit\n30,10.0.0.0/24,2\n",             "line 1: \"digit\" is nearly \"digits\": correct it, or name it otherwise"),
            ("bases",           "vlan,prefix,Bases\n30,10.0.0.0/24,0\n",             "line 1: \"Bases\" is nearly \"base\": correct it, or name it otherwise"),
            ("bsae, in JSON",   r#"{"vlan":30,"prefix":"10.0.0.0/24","bsae":0}"#,     "record 1: \"bsae\" is nearly \"base\": correct it, or name it otherwise"),
            ("one base twice",  "vlan,prefix,base\n30,10.1.30.0/24,130000\n30,10.2.30.0/24,130000\n", "10.1.30.0/24 (VLAN 30, IDs 130001 to 130254) and 10.2.30.0/24 (VLAN 30, IDs 130001 to 130254) share IDs: one of them needs another base"),
            ("of another VLAN", "vlan,prefix,base\n30,10.1.30.0/24,130000\n130,10.2.30.0/24,\n", "10.1.30.0/24 (VLAN 30, IDs 130001 to 130254) and 10.2.30.0/24 (VLAN 130, IDs 130001 to 130254) share IDs: one of them needs another base"),
            ("digits of its own", "vlan,prefix,digits\n30,10.0.0.0/22,4\n300,10.1.0.0/24,\n", "10.1.0.0/24 (VLAN 300, IDs 300001 to 300254) and 10.0.0.0/22 (VLAN 30, IDs 300001 to 301022) share IDs: one of them needs another base"),
            ("two numberings",  "vlan,prefix,base\n30,10.0.0.0/24,0\n30,10.0.0.0/24,\n30,10.0.0.0/24,100\n", "10.0.0.0/24 (VLAN 30, IDs 100 to 254) is there twice, and the other time it is 10.0.0.0/24 (VLAN 30, IDs 30001 to 30254)"),
            ("JSON, a base",    r#"{"vlan":30,"prefix":"10.0.0.0/24","base":true}"#,   "record 1: true is no number"),
            ("UTF-16",          "v\0l\0",                         "the text is UTF-16, not UTF-8 (save it as CSV UTF-8)"),
            ("bad JSON",        "{\"prefix\":}",                   "record 1, line 1: expected a value, found `}` (byte 11 of the record)"),
            ("another page",    "{\"next\":\"http://x/?offset=50\",\"results\":[]}", "record 1, line 1: this is one page of several, \"next\" is \"http://x/?offset=50\""),
        ];
        for (name, text, want) in cases {
            assert_eq!(rows(text), Err((*want).to_owned()), "{name}");
        }
    }

    #[test]
    fn the_longest_prefix_holds() {
        let text = "vlan,prefix\n10,10.0.0.0/23\n11,10.0.1.0/24\n12,10.0.1.0/24\n";
        let networks = Networks::parse(text.as_bytes(), Digits::THREE).unwrap();
        let vlans = |address: &str| -> Vec<u64> {
            networks
                .holding(address.parse().unwrap())
                .map(|n| n.vlan)
                .collect()
        };
        assert_eq!(vlans("10.0.0.9"), [10]);
        assert_eq!(vlans("10.0.1.9"), [11, 12]);
        assert_eq!(vlans("10.0.2.9"), [] as [u64; 0]);
    }

    proptest! {
        #[test]
        fn holding_is_what_a_look_at_each_gives(
            prefixes in prop::collection::vec((1_u64..4, 0_u32..64, 26_u8..=32), 0..20),
            host in 0_u32..64,
        ) {
            let base = 0x0a00_0000;
            let prefixes = prefixes.into_iter().map(|(vlan, bits, length)| {
                (vlan, Ipv4Net::new_assert((base + bits).into(), length).trunc())
            });
            let prefixes: Vec<_> = prefixes.collect();
            let rows: String = prefixes.iter().map(|(vlan, net)| format!("{vlan},{net}\n")).collect();
            let networks = Networks::parse(format!("vlan,prefix\n{rows}").as_bytes(), Digits::THREE).unwrap();
            let address = Ipv4Addr::from_bits(base + host);
            let holds: Vec<_> = prefixes.iter().filter(|(_, net)| net.contains(&address)).collect();
            let longest = holds.iter().map(|(_, net)| net.prefix_len()).max();
            let want: BTreeSet<_> = holds.iter().filter(|(_, net)| Some(net.prefix_len()) == longest).map(|(vlan, net)| (*vlan, *net)).collect();
            let got: Vec<_> = networks.holding(address).map(|n| (n.vlan, n.prefix)).collect();
            prop_assert_eq!(got, want.into_iter().collect::<Vec<_>>());
            for vlan in 0..5 {
                let want: BTreeSet<_> = prefixes.iter().filter(|(v, _)| *v == vlan).map(|(_, net)| *net).collect();
                let got: Vec<_> = networks.of_vlan(vlan).map(|n| n.prefix).collect();
                prop_assert!(got.is_sorted_by_key(|net| Reverse(net.prefix_len())));
                prop_assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), want);
            }
        }
    }
}
