//! The hosts that records name: what resolvers, zones and inventories are made of.

use core::net::IpAddr;

use crate::{
    ipam::{Entry, Networks},
    owner,
};

/// A host's name and one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name in the DNS, in lower case, without a final dot.
    pub name: String,
    /// The first label of that, if it has more.
    pub short: Option<String>,
    /// The address.
    pub address: IpAddr,
    /// The guest that owns it; none if nobody does.
    pub guest: Option<String>,
    /// The guest's interface, where the address is not its first.
    pub interface: Option<String>,
    /// The VID of the VLAN that it is on.
    pub vlan: Option<u64>,
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
        }
    }
}

/// The host that a record names; names without a dot are in `domain`, and others must be, if `only`.
///
/// # Errors
///
/// Why it names none.
pub fn of(
    entry: &Entry,
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
    let prefix = networks.holding(entry.address, &entry.vrf);
    let key = entry.key.as_deref().map(owner::parts);
    Ok(Host {
        short: name.split_once('.').map(|(short, _)| short.to_owned()),
        name,
        address: entry.address,
        guest: key.map(|(guest, _)| guest.to_owned()),
        interface: key.and_then(|(_, interface)| interface.map(str::to_owned)),
        vlan: prefix.and_then(|prefix| prefix.vlan),
    })
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
            ("of another domain",  "10.0.0.2/24 name=web.example.net", Some("lab.example"), false, Ok(("web.example.net", Some("web")))),
            ("left out then",      "10.0.0.2/24 name=web.example.net", Some("lab.example"), true, Err(Left::Elsewhere)),
            ("ends alike",         "10.0.0.2/24 name=web.mylab.example", Some("lab.example"), true, Err(Left::Elsewhere)),
            ("the domain itself",  "10.0.0.2/24 name=lab.example", Some("lab.example"), true, Ok(("lab.example", Some("lab")))),
            ("nameless",           "10.0.0.2/24", None, false, Err(Left::Nameless)),
            ("a wildcard",         "10.0.0.2/24 name=*.lab.example", None, false, Err(Left::NoHost)),
            ("an underscore",      "10.0.0.2/24 name=a_b.lab.example", None, false, Err(Left::NoHost)),
            ("retired",            "10.0.0.2/24 name=web status=deprecated", None, false, Err(Left::Deprecated)),
        ];
        let networks = sample::networks(&["10.0.0.0/24"]);
        for (what, line, domain, only, want) in cases {
            let view = sample::view(&[line]);
            let got = of(&view.entries[0], &networks, *domain, *only);
            let got = got.map(|host| (host.name, host.short));
            let want = want.map(|(name, short)| (name.to_owned(), short.map(str::to_owned)));
            assert_eq!(got, want, "{what}");
        }
    }
}
