//! Guests against the IPAM: what one of the two does not know.

use core::net::IpAddr;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use vmid::{
    finding::Finding,
    guest::{Address, Guest},
    scheme::Refused as Unreadable,
};

use crate::{
    ipam::{Entry, Networks, Prefix, View},
    owner::{self, Owner},
    request, retired, shared,
};

/// The codes of all findings of this audit.
pub const CODES: [&str; 7] = [
    "duplicate-address",
    "not-in-ipam",
    "name-differs",
    "outside-prefix",
    "no-guest",
    "no-address",
    "bad-address",
];

/// The IPAM, ready to be asked about addresses.
#[derive(Debug)]
pub struct Records<'a> {
    networks: &'a Networks,
    by_address: HashMap<IpAddr, Vec<&'a Entry>>,
    domain: Option<&'a str>,
}

impl<'a> Records<'a> {
    /// From a view of all entries.
    #[must_use]
    pub fn new(networks: &'a Networks, view: &'a View, domain: Option<&'a str>) -> Self {
        let mut by_address: HashMap<IpAddr, Vec<&Entry>> = HashMap::new();
        for entry in &view.entries {
            by_address.entry(entry.address).or_default().push(entry);
        }
        Self {
            networks,
            by_address,
            domain,
        }
    }

    /// What does not agree for one guest.
    #[must_use]
    pub fn judge(&self, guest: &Guest) -> Vec<Finding> {
        if guest.template {
            return Vec::new();
        }
        let mut findings = Vec::new();
        if guest.addresses.is_empty() {
            let message = "the guest has no fixed address to look for".to_owned();
            findings.push(Finding {
                code: "no-address",
                message,
            });
        }
        for address in &guest.addresses {
            let address = match looked_for(address) {
                Ok(address) => address,
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            };
            findings.extend(self.address(address, guest.name.as_deref()));
        }
        findings
    }

    /// What does not agree for the guest's IPv6 address beside an IPv4 one, as `allocate` gives it.
    #[must_use]
    pub fn judge_second(&self, guest: &Guest, address6: &str) -> Vec<Finding> {
        if guest.template {
            return Vec::new();
        }
        match request::parse_wanted(address6) {
            Ok(wanted) => self.address(wanted.address, guest.name.as_deref()),
            Err(what) => vec![Finding {
                code: "bad-address",
                message: format!("address6: {what}"),
            }],
        }
    }

    fn address(&self, address: IpAddr, name: Option<&str>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let in_prefix =
            |prefix: &Prefix| prefix.status != "container" && prefix.net.contains(&address);
        if !self.networks.prefixes.iter().any(in_prefix) {
            let message = format!("{address} is in no prefix of the IPAM");
            findings.push(Finding {
                code: "outside-prefix",
                message,
            });
        }
        let Some(entries) = self.by_address.get(&address) else {
            let message = format!("{address} has no record in the IPAM");
            findings.push(Finding {
                code: "not-in-ipam",
                message,
            });
            return findings;
        };
        findings.extend(self.duplicates(address));
        let Some(name) = name else {
            return findings;
        };
        if !entries.iter().any(|entry| self.is_of(entry, name)) {
            let names: Vec<String> = entries.iter().map(|entry| named(entry)).collect();
            let message = format!("{address} is {name:?} here and {} there", names.join(", "));
            findings.push(Finding {
                code: "name-differs",
                message,
            });
        }
        findings
    }

    /// For each routing table in which several records have the address, and no role says why.
    fn duplicates(&self, address: IpAddr) -> Vec<Finding> {
        let entries = self.by_address.get(&address);
        let entries = || entries.into_iter().flatten().copied();
        let first = |entry: &&Entry| shared::keeper(entry, entries()).is_none();
        let all = entries().filter(first);
        all.filter_map(|first| duplicate(first, entries()))
            .collect()
    }

    /// What is wrong with a record beside others of its address.
    #[must_use]
    pub fn duplicate(&self, entry: &Entry) -> Option<Finding> {
        let all = || self.by_address.get(&entry.address).into_iter().flatten();
        let keeper = shared::keeper(entry, all().copied()).unwrap_or(entry);
        duplicate(keeper, all().copied())
    }

    /// The older record that has the address of `entry`; whoever had a deprecated one is gone.
    #[must_use]
    pub fn older(&self, entry: &Entry) -> Option<&'a Entry> {
        let all = self.by_address.get(&entry.address).into_iter().flatten();
        let all = all.copied().filter(|other| other.status != "deprecated");
        shared::keeper(entry, all)
    }

    fn is_of(&self, entry: &Entry, name: &str) -> bool {
        let Ok(guest) = Owner::new(name, None) else {
            return false;
        };
        let key = entry.key.as_deref().map(|key| owner::parts(key).0);
        key == Some(guest.name()) || guest.is_named(&entry.dns_name, self.domain)
    }
}

/// Who has the address of `keeper` as well, if anybody has.
fn duplicate<'a>(keeper: &Entry, entries: impl IntoIterator<Item = &'a Entry>) -> Option<Finding> {
    let others: Vec<_> = shared::others(keeper, entries).map(shared::whose).collect();
    if others.is_empty() {
        return None;
    }
    let (keeps, others) = (shared::whose(keeper), others.join(", "));
    let message = format!("{keeper} has several records: {keeps} keeps it, and there is {others}");
    Some(Finding {
        code: "duplicate-address",
        message,
    })
}

fn named(entry: &Entry) -> String {
    match &entry.key {
        Some(key) => format!("{key:?}"),
        None if entry.dns_name.is_empty() => "nameless".to_owned(),
        None => format!("{:?}", entry.dns_name),
    }
}

/// The names of the guests that came in.
#[derive(Debug, Default)]
pub struct Names(HashSet<String>);

impl Names {
    /// One more guest is there.
    pub fn add(&mut self, guest: &Guest) {
        let name = guest.name.as_deref().map(owner::plain);
        self.0.extend(name.map(Cow::into_owned));
    }

    /// The entry is a guest's (it has an owner, and was not retired) that is not among them.
    #[must_use]
    pub fn lack(&self, entry: &Entry) -> bool {
        let Some(key) = entry.key.as_deref() else {
            return false;
        };
        let name = owner::parts(key).0;
        let known = [
            name,
            owner::first_label(name),
            &owner::plain(&entry.dns_name),
        ];
        retired::since(entry).is_none() && !known.into_iter().any(|name| self.0.contains(name))
    }
}

/// The addresses of a guest that can be looked for.
pub fn addresses(guest: &Guest) -> impl Iterator<Item = IpAddr> {
    let all = guest.addresses.iter();
    all.filter_map(|address| looked_for(address).ok())
}

/// The address to look for; IPv6 ones are no addresses to vmid.
fn looked_for(address: &Address) -> Result<IpAddr, Finding> {
    let bad = |message: String| Finding {
        code: "bad-address",
        message,
    };
    match address {
        Ok((address, _)) => Ok(IpAddr::V4(*address)),
        Err(Unreadable::Ipv6(text)) => {
            let wanted = request::parse_wanted(text).map_err(bad)?;
            Ok(wanted.address)
        }
        Err(bad) => Err(Finding {
            code: bad.code(),
            message: bad.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::sample;
    use vmid::stream;

    fn guests(lines: &[&str]) -> Vec<Guest> {
        let kept = stream::parse(lines.join("\n").as_bytes()).unwrap();
        kept.iter().map(|kept| Guest::of(&kept.record())).collect()
    }

    #[test]
    fn what_does_not_agree() {
        let networks = sample::networks(&[
            "10.0.0.0/8 status=container",
            "10.0.0.0/24",
            "10.0.1.0/24 vrf=blue",
            "fd00::/64",
        ]);
        let view = sample::view(&[
            "10.0.0.2/24 key=web name=web.lab",
            "10.0.0.3/24 name=db.lab",
            "10.0.0.4/24 name=vip role=vip",
            "10.0.0.4/24 key=proxy role=vip",
            "10.0.0.5/24",
            "10.0.1.2/24 key=blue vrf=blue",
            "10.9.0.2/24 key=lost",
            "10.0.0.6/24 key=multi/eth1",
            "fd00::2/64 key=six",
            "10.0.0.7/24 key=one",
            "10.0.0.7/32 key=other",
            "10.0.0.7/24 vrf=blue",
        ]);
        #[rustfmt::skip]
        let cases: &[(&str, Option<&str>, &str, &[&str])] = &[
            ("by its key",                     None,        r#"{"name":"WEB","address":"10.0.0.2/24"}"#, &[]),
            ("by its key and any domain's name", None,      r#"{"name":"web.lab","address":"10.0.0.2"}"#, &[]),
            ("by its DNS name",                None,        r#"{"name":"db","address":"10.0.0.3"}"#, &[]),
            ("in the domain",                  Some("lab"), r#"{"name":"db","address":"10.0.0.3"}"#, &[]),
            ("in another domain",              Some("x"),   r#"{"name":"db","address":"10.0.0.3"}"#, &["name-differs"]),
            ("one of two records",             None,        r#"{"name":"proxy","address":"10.0.0.4"}"#, &[]),
            ("none of two records",            None,        r#"{"name":"web","address":"10.0.0.4"}"#, &["name-differs"]),
            ("a record without a name",        None,        r#"{"name":"web","address":"10.0.0.5"}"#, &["name-differs"]),
            ("a guest without a name",         None,        r#"{"address":"10.0.0.5"}"#, &[]),
            ("a name that is none",            None,        r#"{"name":"a b","address":"10.0.0.5"}"#, &["name-differs"]),
            ("of its interface",               None,        r#"{"name":"multi","address":"10.0.0.6"}"#, &[]),
            ("in a VRF",                       None,        r#"{"name":"blue","address":"10.0.1.2"}"#, &[]),
            ("no record",                      None,        r#"{"name":"new","address":"10.0.0.9"}"#, &["not-in-ipam"]),
            ("in a container only",            None,        r#"{"name":"lost","address":"10.9.0.2"}"#, &["outside-prefix"]),
            ("nowhere",                        None,        r#"{"name":"new","address":"172.16.0.1"}"#, &["outside-prefix", "not-in-ipam"]),
            ("IPv6",                           None,        r#"{"name":"six","address":"fd00::2/64"}"#, &[]),
            ("IPv6 without record",            None,        r#"{"name":"six","address":"fd00::3"}"#, &["not-in-ipam"]),
            ("no address",                     None,        r#"{"name":"web"}"#, &["no-address"]),
            ("a template",                     None,        r#"{"name":"web","template":1}"#, &[]),
            ("no such address",                None,        r#"{"name":"web","address":"10.0.0.256"}"#, &["bad-address"]),
            ("the first of two records",       None,        r#"{"name":"one","address":"10.0.0.7"}"#, &["duplicate-address"]),
            ("the second",                     None,        r#"{"name":"other","address":"10.0.0.7"}"#, &["duplicate-address"]),
            ("of neither",                     None,        r#"{"name":"third","address":"10.0.0.7"}"#, &["duplicate-address", "name-differs"]),
            ("two interfaces",                 None,        r#"{"name":"web","net0":"ip=10.0.0.2/24","net1":"ip=10.0.0.9/24"}"#, &["not-in-ipam"]),
        ];
        for (name, domain, guest, want) in cases {
            let records = Records::new(&networks, &view, *domain);
            let findings = records.judge(&guests(&[guest])[0]);
            let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
            assert_eq!(codes, *want, "{name}");
        }
    }

    #[test]
    fn who_has_an_address_and_is_no_guest() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, bool)] = &[
            ("a guest",               "10.0.0.2/24 key=web",              r#"{"name":"Web."}"#, false),
            ("no guest",              "10.0.0.2/24 key=web",              r#"{"name":"db"}"#,   true),
            ("no guests at all",      "10.0.0.2/24 key=web",              "",                   true),
            ("nobody's",              "10.0.0.2/24 name=web",             "",                   false),
            ("retired",               "10.0.0.2/24 key=web retired=2026-11-01", "",             false),
            ("its interface",         "10.0.0.2/24 key=web/eth0",         r#"{"name":"web"}"#,  false),
            ("its key has a domain",  "10.0.0.2/24 key=web.lab",          r#"{"name":"web"}"#,  false),
            ("the guest has one",     "10.0.0.2/24 key=web name=web.lab", r#"{"name":"web.lab"}"#, false),
            ("in another domain",     "10.0.0.2/24 key=web name=web.lab", r#"{"name":"web.x"}"#, true),
            ("a template's name",     "10.0.0.2/24 key=web",              r#"{"name":"web","template":1}"#, false),
        ];
        for (name, line, guest, want) in cases {
            let view = sample::view(&[line]);
            let mut names = Names::default();
            guests(&[guest]).iter().for_each(|guest| names.add(guest));
            let missing = view.entries.iter().filter(|entry| names.lack(entry));
            assert_eq!(missing.count(), usize::from(*want), "{name}");
        }
    }
}
