//! Which prefix belongs to which VLAN: the table that `--networks FILE` holds.
//!
//! Read from CSV (columns vlan and prefix; NetBox's import and export forms of
//! prefixes have them too) or from JSON (records, or the answer of NetBox's API).
//! Rows that say nothing about the scheme are passed over: containers, IPv6, no VLAN.

use core::net::Ipv4Addr;
use std::{cmp::Reverse, fmt};

use csv::ByteRecord;
use ipnet::{IpNet, Ipv4Net};

use crate::{
    scheme::{self, VLANS},
    site::Site,
    stream::{self, Kept, Value},
    table::{self, Dialect},
};

/// One prefix and the VLAN it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The VID.
    pub vlan: u64,
    /// The prefix.
    pub prefix: Ipv4Net,
}

/// The networks of a site.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// Those of one length together and in order, the longest first: a site has few
    /// lengths and may have thousands of prefixes, and each record asks.
    by_length: Vec<Vec<Network>>,
    /// By VLAN, of one VLAN the longest first.
    by_vlan: Vec<Network>,
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
    /// these fields, or a value in them is none; the message names record or line.
    pub fn parse(text: &[u8]) -> Result<Self, BadTable> {
        let behind = &text[Dialect::of(text).header_at..];
        let first = behind.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(Self::new(match first {
            Some(b'{' | b'[') => from_json(text)?,
            _ => from_csv(text)?,
        }))
    }

    /// The networks of a site file; there are no others then, and nothing is guessed.
    #[must_use]
    pub fn of_site(site: &Site) -> Self {
        let networks = site.vlans.iter().filter_map(|entry| match entry.prefix {
            IpNet::V4(prefix) => Some(Network {
                vlan: entry.vlan,
                prefix,
            }),
            IpNet::V6(_) => None,
        });
        Self::new(networks.collect()).complete()
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

    fn new(mut networks: Vec<Network>) -> Self {
        networks.sort_by_key(|n| (Reverse(n.prefix.prefix_len()), n.prefix, n.vlan));
        networks.dedup();
        let same_length = |a: &Network, b: &Network| a.prefix.prefix_len() == b.prefix.prefix_len();
        let by_length = networks.chunk_by(same_length).map(<[_]>::to_vec).collect();
        networks.sort_by_key(|n| n.vlan); // stable: the longest stay first
        Self {
            by_length,
            by_vlan: networks,
            complete: false,
        }
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
    pub fn of_vlan(&self, vlan: u64) -> impl Iterator<Item = Ipv4Net> {
        let from = self.by_vlan.partition_point(|n| n.vlan < vlan);
        let of_vlan = move |n: &&Network| n.vlan == vlan;
        let list = self.by_vlan[from..].iter().take_while(of_vlan);
        list.map(|n| n.prefix)
    }
}

/// What a row says, as far as it is a network of the scheme.
fn network(prefix: &str, vlan: Option<u64>, status: &str) -> Result<Option<Network>, String> {
    let parsed: IpNet = prefix
        .trim()
        .parse()
        .map_err(|_| format!("{prefix:?} is not a prefix"))?;
    if parsed.trunc() != parsed {
        return Err(format!(
            "{prefix} has host bits set; the prefix is {}",
            parsed.trunc()
        ));
    }
    let (IpNet::V4(prefix), Some(vlan)) = (parsed, vlan) else {
        return Ok(None);
    };
    if !VLANS.contains(&vlan) {
        return Err(format!(
            "VLAN {vlan} is outside {} to {}",
            VLANS.start(),
            VLANS.end()
        ));
    }
    let container = status.eq_ignore_ascii_case("container");
    Ok((!container).then_some(Network { vlan, prefix }))
}

/// A VID as it is written in a cell: `30`, or `vms (30)` in NetBox's exports; none if it is empty.
///
/// # Errors
///
/// What is wrong with it.
pub fn vlan_cell(text: &str) -> Result<Option<u64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let label = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once('('));
    let number = label.map_or(text, |(_, number)| number);
    scheme::decimal(number)
        .map(Some)
        .ok_or_else(|| format!("{text:?} is not a VLAN ID"))
}

fn from_csv(text: &[u8]) -> Result<Vec<Network>, BadTable> {
    let mut columns = None;
    let mut networks = Vec::new();
    let read = table::readable(text).and_then(|()| {
        table::each_row(text, Dialect::of(text), |row, _| {
            match &columns {
                None => columns = Some(Columns::of(row)?),
                Some(_) if table::is_empty(row) => {}
                Some(columns) => networks.extend(columns.network(row)?),
            }
            Ok(())
        })
    });
    let read = read.and_then(|()| match columns {
        Some(_) => Ok(()),
        None => Err(format!("line 1: {}", Columns::missing(""))),
    });
    read.map_err(BadTable)?;
    Ok(networks)
}

/// Which cell of a row is what.
struct Columns {
    prefix: usize,
    vlan: usize,
    status: Option<usize>,
}

impl Columns {
    fn of(header: &ByteRecord) -> Result<Self, String> {
        let names = header.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let at = |name: &str| names.iter().position(|n| n.eq_ignore_ascii_case(name));
        match (at("prefix"), at("vlan")) {
            (Some(prefix), Some(vlan)) => Ok(Self {
                prefix,
                vlan,
                status: at("status"),
            }),
            _ => Err(Self::missing(&names.join(","))),
        }
    }

    fn missing(found: &str) -> String {
        format!("the header has no columns prefix and vlan: {found:?}")
    }

    fn network(&self, row: &ByteRecord) -> Result<Option<Network>, String> {
        let cell = |at: usize| row.get(at).map_or(Ok(""), text);
        let vlan = vlan_cell(cell(self.vlan)?)?;
        let status = self.status.map_or(Ok(""), cell)?;
        network(cell(self.prefix)?, vlan, status)
    }
}

/// A cell without the spaces around it.
fn text(cell: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(cell).map_err(|_| table::NOT_UTF8.to_owned())?;
    Ok(text.trim())
}

fn from_json(text: &[u8]) -> Result<Vec<Network>, BadTable> {
    let records = stream::parse(text).map_err(|bad| BadTable(bad.to_string()))?;
    let row = |(index, kept): (usize, &Kept)| {
        let record = kept.record();
        json_row(&record).map_err(|what| BadTable(format!("record {}: {what}", index + 1)))
    };
    let rows: Result<Vec<_>, _> = records.iter().enumerate().map(row).collect();
    Ok(rows?.into_iter().flatten().collect())
}

fn json_row(record: &stream::Record<'_>) -> Result<Option<Network>, String> {
    let Value::Text(prefix) = record.value("prefix") else {
        return Err("no field prefix".to_owned());
    };
    let vlan = match record.value("vlan") {
        Value::Absent | Value::Null => None,
        Value::Number(text) => vlan_cell(text)?,
        Value::Text(text) => vlan_cell(&text)?,
        Value::Other(raw) => member(raw, "vid").as_deref().map_or(Ok(None), vlan_cell)?,
        Value::Bool(truth) => return Err(format!("vlan is {truth}")),
    };
    let status = match record.value("status") {
        Value::Text(text) => text.into_owned(),
        Value::Other(raw) => member(raw, "value").unwrap_or_default(),
        _ => String::new(),
    };
    network(&prefix, vlan, &status)
}

/// A member of one of NetBox's nested objects: `{"id":2,"vid":30,...}`, `{"value":"active",...}`.
fn member(raw: &str, name: &str) -> Option<String> {
    match serde_json::from_str::<serde_json::Value>(raw)
        .ok()?
        .get(name)?
    {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn rows(text: &str) -> Result<Vec<(u64, String)>, String> {
        let networks = Networks::parse(text.as_bytes()).map_err(|bad| bad.to_string())?;
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
        let networks = Networks::parse(text.as_bytes()).unwrap();
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
            let networks = Networks::parse(format!("vlan,prefix\n{rows}").as_bytes()).unwrap();
            let address = Ipv4Addr::from_bits(base + host);
            let holds: Vec<_> = prefixes.iter().filter(|(_, net)| net.contains(&address)).collect();
            let longest = holds.iter().map(|(_, net)| net.prefix_len()).max();
            let want: BTreeSet<_> = holds.iter().filter(|(_, net)| Some(net.prefix_len()) == longest).map(|(vlan, net)| (*vlan, *net)).collect();
            let got: Vec<_> = networks.holding(address).map(|n| (n.vlan, n.prefix)).collect();
            prop_assert_eq!(got, want.into_iter().collect::<Vec<_>>());
            for vlan in 0..5 {
                let want: BTreeSet<_> = prefixes.iter().filter(|(v, _)| *v == vlan).map(|(_, net)| *net).collect();
                let got: Vec<_> = networks.of_vlan(vlan).collect();
                prop_assert!(got.is_sorted_by_key(|net| Reverse(net.prefix_len())));
                prop_assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), want);
            }
        }
    }
}
