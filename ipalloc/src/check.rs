//! Guests against the IPAM: what one of the two does not know.

use core::net::IpAddr;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use vmid::{audit::Finding, guest::Guest, scheme::Refused as Unreadable};

use crate::{
    ipam::{Entry, Networks, Prefix, View},
    owner::{self, Owner},
    request, retired,
};

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
            let address = match address {
                Ok((address, _)) => IpAddr::V4(*address),
                Err(Unreadable::Ipv6(text)) => match request::parse_wanted(text) {
                    Ok(wanted) => wanted.address,
                    Err(message) => {
                        findings.push(Finding {
                            code: "bad-address",
                            message,
                        });
                        continue;
                    }
                },
                Err(bad) => {
                    findings.push(Finding {
                        code: bad.code(),
                        message: bad.to_string(),
                    });
                    continue;
                }
            };
            findings.extend(self.address(address, guest.name.as_deref()));
        }
        findings
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

    fn is_of(&self, entry: &Entry, name: &str) -> bool {
        let Ok(guest) = Owner::new(name, None) else {
            return false;
        };
        let key = entry.key.as_deref().map(|key| owner::parts(key).0);
        key == Some(guest.name()) || guest.is_named(&entry.dns_name, self.domain)
    }
}

fn named(entry: &Entry) -> String {
    match &entry.key {
        Some(key) => format!("{key:?}"),
        None if entry.dns_name.is_empty() => "nameless".to_owned(),
        None => format!("{:?}", entry.dns_name),
    }
}

/// The owned addresses, retired ones left out, whose guest is not among `guests`.
#[must_use]
pub fn without_guest<'a>(view: &'a View, guests: &[Guest]) -> Vec<&'a Entry> {
    let names = guests.iter().filter_map(|guest| guest.name.as_deref());
    let names: HashSet<Cow<'_, str>> = names.map(owner::plain).collect();
    let missing = |entry: &&Entry| {
        let key = entry
            .key
            .as_deref()
            .filter(|_| retired::since(entry).is_none());
        key.is_some_and(|key| {
            let name = owner::parts(key).0;
            let known = [
                name,
                owner::first_label(name),
                &owner::plain(&entry.dns_name),
            ];
            !known.into_iter().any(|name| names.contains(name))
        })
    };
    view.entries.iter().filter(missing).collect()
}
