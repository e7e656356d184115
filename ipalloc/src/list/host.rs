//! The hosts that records name: what resolvers, zones and inventories are made of.

use core::net::IpAddr;
use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use crate::{
    check::Records,
    ipam::{Entry, Networks},
    owner,
};

/// A host's name and one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name in the DNS, in lower case, without a final dot.
    pub name: String,
    /// Its first label, where that can mean no other host.
    pub short: Option<String>,
    /// The address.
    pub address: IpAddr,
    /// The guest that owns it; none if nobody does.
    pub guest: Option<String>,
    /// The guest's interface, where the address is not its first.
    pub interface: Option<String>,
    /// The narrowest prefix that the address is in.
    pub prefix: Option<IpNet>,
    /// The VID of the VLAN that it is on.
    pub vlan: Option<u64>,
    /// The MAC address of the interface that has the address, as far as it is known.
    pub mac: Option<String>,
}

/// Why a record names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// It has no name.
    Nameless,
    /// Its name is none of a host: `*.lab.example`, `a b`.
    NoHost,
    /// Its status is deprecated: whose it was is gone.
    Deprecated,
    /// Its name is not in the domain that was asked for.
    Elsewhere,
    /// An older record has its address.
    Duplicate,
}

impl Left {
    /// As a note has it, behind a number.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Nameless => "without a name",
            Self::NoHost => "with a name that is no host's",
            Self::Deprecated => "deprecated",
            Self::Elsewhere => "outside the domain",
            Self::Duplicate => "with an address that an older record has",
        }
    }
}

/// The host that a record of `known` names; names without a dot are in `domain`, and others must be, if `only`.
///
/// # Errors
///
/// Why it names none.
pub fn of(
    entry: &Entry,
    known: &Records<'_>,
    networks: &Networks,
    domain: Option<&str>,
    only: bool,
) -> Result<Host, Left> {
    if entry.status == "deprecated" {
        return Err(Left::Deprecated);
    }
    let name = owner::plain(&entry.dns_name);
    if name.is_empty() {
        return Err(Left::Nameless);
    }
    let name = match domain {
        Some(domain) if !name.contains('.') => format!("{name}.{domain}"),
        _ => name.into_owned(),
    };
    if owner::parse_domain(&name).is_err() || name.contains('_') {
        return Err(Left::NoHost);
    }
    let inside = |domain: &str| {
        let above = name.strip_suffix(domain);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    if only && domain.is_some_and(|domain| !inside(domain)) {
        return Err(Left::Elsewhere);
    }
    if known.older(entry).is_some() {
        return Err(Left::Duplicate);
    }
    let prefix = networks.holding(entry.address, &entry.vrf);
    let key = entry.key.as_deref().map(owner::parts);
    Ok(Host {
        short: short(&name, domain).map(str::to_owned),
        name,
        address: entry.address,
        guest: key.map(|(guest, _)| guest.to_owned()),
        interface: key.and_then(|(_, interface)| interface.map(str::to_owned)),
        prefix: prefix.map(|prefix| prefix.net),
        vlan: prefix.and_then(|prefix| prefix.vlan),
        mac: None,
    })
}

/// The label that stands before the domain; before the first dot, where none was given.
fn short<'a>(name: &'a str, domain: Option<&str>) -> Option<&'a str> {
    let (short, rest) = name.split_once('.')?;
    domain.is_none_or(|domain| rest == domain).then_some(short)
}

/// Takes the short names away that are the first label of several names: for hosts of no given domain.
pub fn without_ambiguous(hosts: &mut [Host]) {
    let mut names: HashMap<String, HashSet<String>> = HashMap::new();
    for host in &*hosts {
        let label = owner::first_label(&host.name).to_owned();
        names.entry(label).or_default().insert(host.name.clone());
    }
    for host in hosts {
        host.short = host.short.take().filter(|short| names[short].len() == 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::sample;

    #[test]
    fn what_is_a_host() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>, bool, Result<(&str, Option<&str>), Left>)] = &[
            ("in full",            "10.0.0.2/24 name=Web.lab.example.", None, false, Ok(("web.lab.example", Some("web")))),
            ("short",              "10.0.0.2/24 name=web",  None, false, Ok(("web", None))),
            ("short in a domain",  "10.0.0.2/24 name=web",  Some("lab.example"), true, Ok(("web.lab.example", Some("web")))),
            ("of another domain",  "10.0.0.2/24 name=web.example.net", Some("lab.example"), false, Ok(("web.example.net", None))),
            ("left out then",      "10.0.0.2/24 name=web.example.net", Some("lab.example"), true, Err(Left::Elsewhere)),
            ("ends alike",         "10.0.0.2/24 name=web.mylab.example", Some("lab.example"), true, Err(Left::Elsewhere)),
            ("the domain itself",  "10.0.0.2/24 name=lab.example", Some("lab.example"), true, Ok(("lab.example", None))),
            ("below a part of it", "10.0.0.2/24 name=web.x.lab.example", Some("lab.example"), true, Ok(("web.x.lab.example", None))),
            ("nameless",           "10.0.0.2/24", None, false, Err(Left::Nameless)),
            ("a wildcard",         "10.0.0.2/24 name=*.lab.example", None, false, Err(Left::NoHost)),
            ("an underscore",      "10.0.0.2/24 name=a_b.lab.example", None, false, Err(Left::NoHost)),
            ("retired",            "10.0.0.2/24 name=web status=deprecated", None, false, Err(Left::Deprecated)),
        ];
        let networks = sample::networks(&["10.0.0.0/24"]);
        for (what, line, domain, only, want) in cases {
            let view = sample::view(&[line]);
            let known = Records::new(&networks, &view, None);
            let got = of(&view.entries[0], &known, &networks, *domain, *only);
            let got = got.map(|host| (host.name, host.short));
            let want = want.map(|(name, short)| (name.to_owned(), short.map(str::to_owned)));
            assert_eq!(got, want, "{what}");
        }
    }

    #[test]
    fn whose_an_address_is() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], &[bool])] = &[
            ("the older keeps it",     &["10.0.0.2/24 name=a", "10.0.0.2/24 name=b"],                   &[true, false]),
            ("in another VRF",         &["10.0.0.2/24 name=a", "10.0.0.2/24 name=b vrf=blue"],          &[true, true]),
            ("hosts share it",         &["10.0.0.2/24 name=a role=vip", "10.0.0.2/24 name=b role=vip"], &[true, true]),
            ("the older is retired",   &["10.0.0.2/24 name=a status=deprecated", "10.0.0.2/24 name=b"], &[false, true]),
            ("the older has no name",  &["10.0.0.2/24", "10.0.0.2/24 name=b"],                          &[false, false]),
        ];
        let networks = sample::networks(&["10.0.0.0/24"]);
        for (what, lines, want) in cases {
            let view = sample::view(lines);
            let known = Records::new(&networks, &view, None);
            let got = view.entries.iter();
            let got = got.map(|entry| of(entry, &known, &networks, None, false).is_ok());
            assert_eq!(got.collect::<Vec<_>>(), *want, "{what}");
        }
    }

    #[test]
    fn short_names_that_mean_one_host() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], &[Option<&str>])] = &[
            ("one host, two addresses", &["web.a.example", "web.a.example"], &[Some("web"), Some("web")]),
            ("two domains",             &["web.a.example", "web.b.example", "db.a.example"], &[None, None, Some("db")]),
            ("and without any",         &["web.a.example", "web"], &[None, None]),
        ];
        let networks = sample::networks(&["10.0.0.0/24"]);
        for (what, names, want) in cases {
            let lines = names.iter().zip(2..);
            let lines: Vec<String> = lines
                .map(|(name, last)| format!("10.0.0.{last}/24 name={name}"))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let view = sample::view(&lines);
            let known = Records::new(&networks, &view, None);
            let mut hosts: Vec<Host> = view
                .entries
                .iter()
                .map(|entry| of(entry, &known, &networks, None, false).unwrap())
                .collect();
            without_ambiguous(&mut hosts);
            let got: Vec<_> = hosts.iter().map(|host| host.short.as_deref()).collect();
            assert_eq!(got, *want, "{what}");
        }
    }
}
