//! Addresses that must never be a guest's: as `--reserved` and its file list them, and what
//! the site file has given to its pairs and to the guests of its services.

use core::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use ipnet::Ipv4Net;

use crate::{
    guest::Guest,
    scheme,
    site::{Holder, Site},
    table::Dialect,
};

/// Reserved addresses.
#[derive(Clone, Debug, Default)]
pub struct Reserved {
    /// For nobody.
    networks: Vec<Ipv4Net>,
    /// For nobody (a VIP), or for one guest.
    held: Vec<(Ipv4Addr, Holder)>,
}

impl FromIterator<Ipv4Net> for Reserved {
    fn from_iter<T: IntoIterator<Item = Ipv4Net>>(networks: T) -> Self {
        Self {
            networks: networks.into_iter().collect(),
            held: Vec::new(),
        }
    }
}

impl Reserved {
    /// With the VIPs of a site, its pairs' members' addresses, and those of services whose guest it
    /// names: of another, whoever has the address may well be it.
    #[must_use]
    pub fn and_of_site(mut self, site: &Site) -> Self {
        let counts = |holder: &Holder| match holder {
            Holder::Vip { .. } | Holder::Member { .. } => true,
            Holder::Service { vmid, .. } => vmid.is_some(),
            Holder::Gateway { .. } | Holder::Node { .. } => false,
        };
        for held in site.held().filter(|held| counts(&held.holder)) {
            if let IpAddr::V4(address) = held.address {
                self.held.push((address, held.holder));
            }
        }
        self
    }

    /// Why the address must not be that guest's; none if it may.
    #[must_use]
    pub fn against(&self, address: Ipv4Addr, guest: &Guest) -> Option<String> {
        if let Some(network) = self.networks.iter().find(|n| n.contains(&address)) {
            return Some(match network.prefix_len() {
                32 => format!("{address} is reserved and must not be a guest's"),
                _ => format!(
                    "{address} is in {network}, which is reserved, and must not be a guest's"
                ),
            });
        }
        let other = |(held, holder): &&(Ipv4Addr, Holder)| *held == address && !is(guest, holder);
        let (_, holder) = self.held.iter().find(other)?;
        Some(match holder {
            Holder::Vip { .. } => format!("{address} is {holder} and must not be a guest's"),
            _ => format!("{address} is {holder}"),
        })
    }
}

/// The guest is that member, or that service's: by its ID where both are known, else by its name.
fn is(guest: &Guest, holder: &Holder) -> bool {
    let (Holder::Member { name, vmid, .. } | Holder::Service { name, vmid }) = holder else {
        return false;
    };
    if let (Ok(Some(id)), Some(vmid)) = (&guest.id, vmid) {
        return *id == u64::from(*vmid);
    }
    let own = guest.name.as_deref();
    own.is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// An address, or a network where the host part of one with a mask is 0.
///
/// # Errors
///
/// It is no IPv4 address.
pub fn word(text: &str) -> Result<Ipv4Net, scheme::Refused> {
    let (address, mask) = scheme::parse_address(text)?;
    let network = mask.and_then(|mask| Ipv4Net::new(address, mask).ok());
    let whole = network.filter(|network| network.network() == address);
    Ok(whole.unwrap_or_else(|| Ipv4Net::from(address)))
}

/// The words of a `--reserved-file`: separated by white space or commas; `#` begins a comment.
///
/// # Errors
///
/// A word is no IPv4 address; its line is named.
pub fn parse(text: &[u8]) -> anyhow::Result<Vec<Ipv4Net>> {
    let text = &text[Dialect::of(text).header_at..];
    let mut reserved = Vec::new();
    for (index, line) in String::from_utf8_lossy(text).lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let words = line.split(|c: char| c == ',' || c.is_whitespace());
        for text in words.filter(|text| !text.is_empty()) {
            let network = word(text);
            reserved.push(network.with_context(|| format!("line {}", index + 1))?);
        }
    }
    Ok(reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_reserved_addresses() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&[&str], &str>)] = &[
            ("empty",            "", Ok(&[])),
            ("one a line",       "192.168.10.110\r\n192.168.30.161\r\n", Ok(&["192.168.10.110/32", "192.168.30.161/32"])),
            ("comments, commas", "# VIPs\n192.168.10.110, 192.168.30.161 # two\n", Ok(&["192.168.10.110/32", "192.168.30.161/32"])),
            ("BOM and mask",     "\u{feff}192.168.010.110/24", Ok(&["192.168.10.110/32"])),
            ("a network",        "192.168.30.0/24", Ok(&["192.168.30.0/24"])),
            ("a name",           "# VIPs\ndns", Err("line 2: \"dns\" is not an IPv4 address")),
        ];
        for (name, text, want) in cases {
            let got = parse(text.as_bytes()).map_err(|error| format!("{error:#}"));
            let want = want.map_err(str::to_owned);
            let want = want.map(|all| {
                all.iter()
                    .map(|a| a.parse().unwrap())
                    .collect::<Vec<Ipv4Net>>()
            });
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn of_a_site() {
        let site = br#"{"vlans":[{"vlan":20,"prefix":"10.20.20.0/24"}],"pairs":[{"name":"dns","vip":"10.20.20.53","members":[
            {"name":"ns-1","address":"10.20.20.51","vmid":20051},{"name":"ns-2","address":"10.20.20.52"}]}],
            "services":[{"name":"radarr","vmid":20081,"addresses":["10.20.20.31"]},{"name":"plex","addresses":["10.20.20.32"]}]}"#;
        let site = Site::parse(site).unwrap();
        let reserved = ["10.20.20.64/26", "10.20.20.9/24"]
            .into_iter()
            .map(|text| word(text).unwrap());
        let reserved = reserved.collect::<Reserved>().and_of_site(&site);
        let vip = "10.20.20.53 is the VIP of the pair dns and must not be a guest's";
        let member = "10.20.20.51 is ns-1's, a member of the pair dns";
        let network =
            "10.20.20.66 is in 10.20.20.64/26, which is reserved, and must not be a guest's";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<&str>)] = &[
            ("a VIP",                 r#"{"name":"ns-1","vmid":20051}"#, "10.20.20.53", Some(vip)),
            ("another's",             r#"{"name":"web","vmid":20060}"#,  "10.20.20.51", Some(member)),
            ("nobody's guest",        "{}",                              "10.20.20.51", Some(member)),
            ("its own, by ID",        r#"{"name":"x","vmid":20051}"#,    "10.20.20.51", None),
            ("its own, by name",      r#"{"name":"NS-1"}"#,              "10.20.20.51", None),
            ("only called like it",   r#"{"name":"NS-1","vmid":7001}"#,  "10.20.20.51", Some(member)),
            ("the site has no ID",    r#"{"name":"ns-2","vmid":7002}"#,  "10.20.20.52", None),
            ("the other member's",    r#"{"name":"ns-2","vmid":20052}"#, "10.20.20.51", Some(member)),
            ("of the service's guest", r#"{"name":"arr","vmid":20081}"#, "10.20.20.31", None),
            ("of another's service",  r#"{"name":"web","vmid":20060}"#,  "10.20.20.31", Some("10.20.20.31 is the service radarr's")),
            ("whose service is not said", r#"{"name":"web","vmid":20060}"#, "10.20.20.32", None),
            ("in a reserved network", "{}",                              "10.20.20.66", Some(network)),
            ("host bits: an address", "{}",                              "10.20.20.10", None),
        ];
        for (name, guest, address, want) in cases {
            let records = crate::stream::parse(guest.as_bytes()).unwrap();
            let guest = Guest::of(&records[0].record());
            let got = reserved.against(address.parse().unwrap(), &guest);
            assert_eq!(got.as_deref(), *want, "{name}");
        }
    }
}
