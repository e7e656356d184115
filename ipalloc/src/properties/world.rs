//! Random small IPAMs, in every form in which their files may come.
//!
//! All addresses lie in a few small networks, so that prefixes nest, ranges and
//! children cut each other, records hit gateways, and prefixes really run full.

use std::{fs, net::IpAddr, path::Path};

use ipnet::IpNet;
use proptest::{prelude::*, sample::select};

/// A row of `prefixes.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    pub net: IpNet,
    /// Empty for the global table.
    pub vrf: &'static str,
    pub vlan: Option<u64>,
    pub status: &'static str,
    pub is_pool: bool,
    pub utilized: bool,
}

/// A row of `ip-ranges.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: IpAddr,
    pub last: IpAddr,
    pub length: u8,
    pub vrf: &'static str,
    pub status: &'static str,
    pub populated: bool,
    pub utilized: bool,
}

/// A row of `ip-addresses.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub address: IpAddr,
    pub length: u8,
    pub vrf: String,
    pub status: String,
    pub role: String,
    pub dns_name: String,
    pub key: String,
    pub comments: String,
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub export: bool,
    pub delimiter: char,
    pub mark: bool,
    pub crlf: bool,
    /// The last line has an end, too.
    pub ended: bool,
    /// Cells are quoted that need not be.
    pub quoted: bool,
    /// Columns that no tool knows stand before, between and behind the others.
    pub foreign: bool,
    /// The columns that `allocate` and `release` can do without are there.
    pub complete: bool,
}

/// A whole IPAM.
#[derive(Clone, Debug)]
pub struct World {
    pub prefixes: Vec<Prefix>,
    pub ranges: Vec<Range>,
    pub records: Vec<Record>,
    pub styles: [Style; 3],
}

pub const VRFS: [&str; 3] = ["", "", "blue"];
pub const VLANS: [u64; 3] = [10, 20, 30];
/// Both the guests of the requests and the names that stand in the records.
pub const NAMES: [&str; 5] = ["web", "db", "db.lab", "vm-1", "x_y"];

/// What fills the columns that no tool knows; each is a trap for whoever splits at commas or lines.
const FOREIGN: [&str; 6] = ["", "a,b;c\td", "say \"hi\"", "two\nlines", "\u{fc}", " "];

/// An address of the small networks that everything here is in.
pub fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        4 => (0_u32..64).prop_map(|n| IpAddr::V4((0x0a00_0000 + n).into())),
        1 => (0x80_u32..0x140).prop_map(|n| IpAddr::V4((0x0a00_0000 + n).into())),
        2 => (0_u128..32).prop_map(|n| IpAddr::V6(((0xfd00 << 112) + n).into())),
    ]
}

fn prefix() -> impl Strategy<Value = Prefix> {
    let lengths = prop_oneof![
        6 => (0_u8..8).prop_map(|n| 32 - n),
        1 => select(vec![22_u8, 23, 24]),
    ];
    let status = select(vec![
        "active",
        "active",
        "active",
        "active",
        "container",
        "reserved",
        "deprecated",
    ]);
    let vlan = prop::option::of(select(VLANS.to_vec()));
    let rare = || prop::bool::weighted(0.15);
    (
        address(),
        lengths,
        select(VRFS.to_vec()),
        vlan,
        status,
        rare(),
        rare(),
    )
        .prop_map(|(address, length, vrf, vlan, status, is_pool, utilized)| {
            let length = match address {
                IpAddr::V4(_) => length,
                IpAddr::V6(_) if length == 22 => 64,
                IpAddr::V6(_) => length + 96,
            };
            Prefix {
                net: IpNet::new_assert(address, length).trunc(),
                vrf,
                vlan,
                status,
                is_pool,
                utilized,
            }
        })
}

fn range() -> impl Strategy<Value = Range> {
    let status = select(vec!["active", "active", "active", "reserved", "deprecated"]);
    let rare = || prop::bool::weighted(0.1);
    let size = prop_oneof![3 => 0_u8..12, 1 => 12_u8..80];
    (
        address(),
        size,
        select(vec![24_u8, 24, 28, 32]),
        select(VRFS.to_vec()),
        status,
        rare(),
        rare(),
    )
        .prop_map(|(first, more, length, vrf, status, populated, utilized)| {
            let (last, length) = match first {
                IpAddr::V4(first) => (
                    IpAddr::V4((first.to_bits() + u32::from(more)).into()),
                    length,
                ),
                IpAddr::V6(first) => (
                    IpAddr::V6((first.to_bits() + u128::from(more)).into()),
                    length + 96,
                ),
            };
            Range {
                first,
                last,
                length,
                vrf,
                status,
                populated,
                utilized,
            }
        })
}

fn record() -> impl Strategy<Value = Record> {
    let status = select(vec!["active", "active", "reserved", "deprecated", "dhcp"]);
    let role = select(vec!["", "", "", "", "vip", "secondary"]);
    let dns_name = select(vec![
        "", "", "web", "WEB.", "web.lab", "db.lab", "db.other", "vm-1", "gw", "x_y.lab",
    ]);
    let key = prop_oneof![3 => Just(""), 1 => select(vec!["web", "db", "db.lab", "vm-1", "x_y", "web/eth0", "web//6", "db//6"])];
    let comments = select(vec![
        "",
        "",
        "bought in 2024",
        "two\nlines, and a comma",
        "ipalloc: retired 2026-11-01T00:00:00Z",
        "old\nipalloc: retired 2026-11-21T00:00:00Z",
    ]);
    let length = select(vec![24_u8, 24, 32, 30]);
    (
        address(),
        length,
        select(VRFS.to_vec()),
        status,
        role,
        dns_name,
        key,
        comments,
    )
        .prop_map(
            |(address, length, vrf, status, role, dns_name, key, comments)| {
                // Nobody but ipalloc retires addresses, and it never retires what is nobody's.
                let retired = key.is_empty() && comments.contains("retired");
                Record {
                    address,
                    length: if address.is_ipv4() {
                        length
                    } else {
                        length + 96
                    },
                    vrf: vrf.into(),
                    status: status.into(),
                    role: role.into(),
                    dns_name: dns_name.into(),
                    key: key.into(),
                    comments: if retired { "" } else { comments }.into(),
                }
            },
        )
}

fn style() -> impl Strategy<Value = Style> {
    let delimiter = select(vec![',', ',', ';', '\t']);
    (any::<[bool; 6]>(), prop::bool::weighted(0.8), delimiter).prop_map(
        |([export, mark, crlf, ended, quoted, foreign], complete, delimiter)| Style {
            export,
            delimiter,
            mark,
            crlf,
            ended,
            quoted,
            foreign,
            complete,
        },
    )
}

/// An IPAM as NetBox would let it be: no prefix or range is there twice.
pub fn world() -> impl Strategy<Value = World> {
    let prefixes = prop::collection::vec(prefix(), 1..7);
    let ranges = prop::collection::vec(range(), 0..4);
    let records = prop::collection::vec(record(), 0..24);
    (prefixes, ranges, records, [style(), style(), style()]).prop_map(
        |(mut prefixes, mut ranges, mut records, mut styles)| {
            // A file without any line end would not show which it has.
            styles[1].ended |= records.is_empty();
            let mut seen = Vec::new();
            prefixes.retain(|prefix| first_time(&mut seen, (prefix.net, prefix.vrf)));
            let mut seen = Vec::new();
            ranges.retain(|range| first_time(&mut seen, (range.first, range.last, range.vrf)));
            for record in &mut records {
                if !styles[1].complete {
                    record.key.clear();
                    record.comments.clear();
                }
            }
            World {
                prefixes,
                ranges,
                records,
                styles,
            }
        },
    )
}

fn first_time<T: PartialEq>(seen: &mut Vec<T>, value: T) -> bool {
    let new = !seen.contains(&value);
    seen.push(value);
    new
}

impl World {
    /// The same with an open prefix of each family on that VLAN.
    pub fn with_both(mut self, vlan: u64) -> Self {
        for net in ["10.0.0.0/26", "fd00::/122"] {
            let net = net.parse().unwrap();
            self.prefixes.retain(|prefix| prefix.net != net);
            self.prefixes.push(Prefix {
                net,
                vrf: "",
                vlan: Some(vlan),
                status: "active",
                is_pool: false,
                utilized: false,
            });
        }
        self
    }

    /// Writes the three files.
    pub fn write(&self, folder: &Path) {
        let [prefixes, addresses, ranges] = &self.styles;
        let rows = self.prefixes.iter().map(|p| {
            vec![
                p.net.to_string(),
                prefixes.vrf(p.vrf),
                p.vlan.map_or_else(String::new, |vlan| prefixes.vlan(vlan)),
                prefixes.label(p.status),
                prefixes.truth(p.is_pool),
                prefixes.truth(p.utilized),
            ]
        });
        let names = if prefixes.export {
            "Prefix|VRF|VLAN|Status|Pool|Marked Utilized"
        } else {
            "prefix|vrf|vlan|status|is_pool|mark_utilized"
        };
        fs::write(folder.join("prefixes.csv"), prefixes.file(names, rows)).unwrap();

        let rows = self.records.iter().map(|r| {
            let mut row = vec![
                format!("{}/{}", r.address, r.length),
                addresses.vrf(&r.vrf),
                addresses.label(&r.status),
                addresses.label(&r.role),
                r.dns_name.clone(),
            ];
            if addresses.complete {
                row.extend([r.comments.clone(), r.key.clone()]);
            }
            row
        });
        let names = match (addresses.export, addresses.complete) {
            (true, true) => "IP Address|VRF|Status|Role|DNS name|Comments|ipalloc key",
            (true, false) => "IP Address|VRF|Status|Role|DNS name",
            (false, true) => "address|vrf|status|role|dns_name|comments|cf_ipalloc_key",
            (false, false) => "address|vrf|status|role|dns_name",
        };
        fs::write(folder.join("ip-addresses.csv"), addresses.file(names, rows)).unwrap();

        let rows = self.ranges.iter().map(|r| {
            vec![
                format!("{}/{}", r.first, r.length),
                format!("{}/{}", r.last, r.length),
                ranges.vrf(r.vrf),
                ranges.label(r.status),
                ranges.truth(r.populated),
                ranges.truth(r.utilized),
            ]
        });
        let names = if ranges.export {
            "Start address|End address|VRF|Status|Marked Populated|Marked Utilized"
        } else {
            "start_address|end_address|vrf|status|mark_populated|mark_utilized"
        };
        fs::write(folder.join("ip-ranges.csv"), ranges.file(names, rows)).unwrap();
    }
}

impl Style {
    pub fn line_end(&self) -> &'static str {
        if self.crlf { "\r\n" } else { "\n" }
    }

    fn file(&self, names: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
        let header: Vec<String> = names.split('|').map(str::to_owned).collect();
        let rows = [header].into_iter().chain(rows).enumerate();
        let lines: Vec<String> = rows.map(|(number, row)| self.line(number, row)).collect();
        let end = if self.ended { self.line_end() } else { "" };
        let mark = if self.mark { "\u{feff}" } else { "" };
        format!("{mark}{}{end}", lines.join(self.line_end()))
    }

    fn line(&self, number: usize, mut row: Vec<String>) -> String {
        if self.foreign {
            for (at, name) in [(0, "note"), (3, "Tenant"), (row.len() + 2, "x")] {
                let cell = match number {
                    0 => name,
                    _ => FOREIGN[(number + at) % FOREIGN.len()],
                };
                row.insert(at, cell.to_owned());
            }
        }
        let cells: Vec<String> = row.iter().map(|cell| self.cell(cell)).collect();
        cells.join(&self.delimiter.to_string())
    }

    fn cell(&self, text: &str) -> String {
        let needed = text.contains([self.delimiter, '"', '\n', '\r']);
        if needed || (self.quoted && !text.is_empty()) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    }

    fn label(&self, value: &str) -> String {
        match value {
            "vip" | "dhcp" if self.export => value.to_uppercase(),
            "" => String::new(),
            _ if self.export => value[..1].to_uppercase() + &value[1..],
            _ => value.to_owned(),
        }
    }

    fn vrf(&self, name: &str) -> String {
        match (self.export, name) {
            (true, "") => "Global".to_owned(),
            (true, name) => format!("{name} (65000:1)"),
            (false, name) => name.to_owned(),
        }
    }

    fn vlan(&self, vid: u64) -> String {
        if self.export {
            format!("lab (x) ({vid})")
        } else {
            vid.to_string()
        }
    }

    fn truth(&self, yes: bool) -> String {
        let text = match (self.export, yes) {
            (true, true) => "True",
            (true, false) => "False",
            (false, true) => "true",
            (false, false) => "",
        };
        text.to_owned()
    }
}
