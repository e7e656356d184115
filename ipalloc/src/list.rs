//! Which records of the IPAM were asked for, as they are: owned or not, whatever their status.

use core::net::IpAddr;

use ipnet::IpNet;
use vmid::positional;

use crate::{
    interest::Interest,
    ipam::{Ask, Entry},
    owner, request,
};

pub mod form;
pub mod host;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The records of a guest: by their owner, or by their name in the DNS, in lower case; with an interface
    /// those that the owner has for it.
    Name(String, Option<String>),
    /// The records of an address.
    Address(IpAddr),
    /// The records of all addresses in a network.
    Net(IpNet),
}

impl Wanted {
    /// As an argument gives it: `paperless`, `paperless/net1`, `192.168.30.66`, `192.168.30.66/24`
    /// (the address), `192.168.30.0/24`.
    ///
    /// # Errors
    ///
    /// It is a file, or empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(wanted) = request::parse_wanted(text) {
            let net = text.parse::<IpNet>().ok();
            let net =
                net.filter(|net| net.trunc() == *net && net.prefix_len() < net.max_prefix_len());
            return Ok(net.map_or(Self::Address(wanted.address), Self::Net));
        }
        if positional::looks_like_file(text) {
            return Err("it looks like a file, and list reads none".to_owned());
        }
        let (name, interface) = owner::parts(text);
        if owner::plain(name).is_empty() {
            return Err("an empty name".to_owned());
        }
        Ok(Self::Name(
            owner::plain(name).into_owned(),
            interface.map(str::to_owned),
        ))
    }

    /// The record is one of those asked for.
    #[must_use]
    pub fn takes(&self, entry: &Entry) -> bool {
        match self {
            Self::Address(address) => entry.address == *address,
            Self::Net(net) => net.contains(&entry.address),
            Self::Name(name, interface) => {
                let (of, its) = owner::parts(entry.key.as_deref().unwrap_or_default());
                match interface {
                    Some(interface) => of == name && its == Some(interface),
                    None => of == name || is_called(entry, name),
                }
            }
        }
    }

    /// The field of a record that says that there is none, and its text.
    #[must_use]
    pub fn told(&self) -> (&'static str, String) {
        match self {
            Self::Name(name, None) => ("name", name.clone()),
            Self::Name(name, Some(interface)) => ("name", format!("{name}/{interface}")),
            Self::Address(address) => ("address", address.to_string()),
            Self::Net(net) => ("prefix", net.to_string()),
        }
    }
}

fn is_called(entry: &Entry, name: &str) -> bool {
    let called = owner::plain(&entry.dns_name);
    called == name
        || (!name.contains('.') && owner::first_label(&called) == name && !name.is_empty())
}

/// What has to be read for it; everything, if nothing was named.
#[must_use]
pub fn ask(wanted: &[Wanted]) -> Ask {
    let mut ask = Ask {
        all: wanted.is_empty(),
        said: true,
        ..Ask::default()
    };
    for one in wanted {
        match one {
            Wanted::Address(address) => {
                ask.addresses.insert(*address);
            }
            Wanted::Net(net) => ask.nets.push(*net),
            Wanted::Name(name, Some(interface)) => {
                ask.keys.extend(keys(&format!("{name}/{interface}")));
            }
            Wanted::Name(name, None) => {
                ask.keys.extend(keys(name));
                ask.names.insert(name.clone());
                ask.guests.insert(name.clone());
            }
        }
    }
    ask
}

/// The keys of an owner's addresses, of either family.
fn keys(plain: &str) -> [String; 2] {
    [plain.to_owned(), owner::six(plain)]
}

/// The networks that the records may be in.
#[must_use]
pub fn interest(wanted: &[Wanted]) -> Interest {
    let mut interest = Interest {
        all: wanted.is_empty(),
        located: true,
        ask: ask(wanted),
        ..Interest::default()
    };
    for one in wanted {
        match one {
            Wanted::Address(address) => {
                interest.addresses.insert((*address, None));
            }
            Wanted::Net(net) => {
                interest.nets.insert(*net);
                interest.addresses.insert((net.addr(), None));
            }
            Wanted::Name(..) => {}
        }
    }
    interest
}

/// The records that were asked for, by address; all, if nothing was named.
#[must_use]
pub fn chosen<'a>(entries: &'a [Entry], wanted: &[Wanted]) -> Vec<&'a Entry> {
    let is_wanted = |entry: &&Entry| wanted.is_empty() || wanted.iter().any(|one| one.takes(entry));
    let mut chosen: Vec<&Entry> = entries.iter().filter(is_wanted).collect();
    chosen.sort_by(|a, b| (a.address, &a.vrf, a.id).cmp(&(b.address, &b.vrf, b.id)));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::sample;

    #[test]
    fn arguments() {
        let name = |name: &str, interface: Option<&str>| {
            Some(Wanted::Name(name.to_owned(), interface.map(str::to_owned)))
        };
        let address = |text: &str| Some(Wanted::Address(text.parse().unwrap()));
        let net = |text: &str| Some(Wanted::Net(text.parse().unwrap()));
        #[rustfmt::skip]
        let cases = [
            ("a name",            "Web.lab.example.",  name("web.lab.example", None)),
            ("an interface",      "web/net1",          name("web", Some("net1"))),
            ("an address",        "192.168.30.66",     address("192.168.30.66")),
            ("with its mask",     "192.168.30.66/24",  address("192.168.30.66")),
            ("one alone",         "192.168.30.66/32",  address("192.168.30.66")),
            ("a network",         "192.168.30.0/24",   net("192.168.30.0/24")),
            ("IPv6",              "fd00::/64",         net("fd00::/64")),
            ("a file",            "guests.jsonl",      None),
            ("nothing",           "",                  None),
            ("a dot",             ".",                 None),
            ("an interface of nobody", "/net1",        None),
        ];
        for (what, text, want) in cases {
            assert_eq!(Wanted::parse(text).ok(), want, "{what}");
        }
    }

    #[test]
    fn which_records() {
        let view = sample::view(&[
            "10.0.0.5/24 key=web name=web.lab.example",
            "10.0.0.3/24 key=web/net1 name=web.lab.example",
            "10.0.0.4/24 name=Web.",
            "10.0.0.9/24 name=web2.lab.example",
            "10.0.1.5/24 status=deprecated",
            "fd00::5/64 key=db name=db",
            "fd00::6/64 key=mail//6 name=mx.lab.example",
            "fd00::7/64 key=mail/net1//6 name=mx.lab.example",
            "10.0.2.5/24 key=mail/net2",
            "10.0.2.6/24 key=mail2",
        ]);
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("all",                  &[],                   &["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.9", "10.0.1.5", "10.0.2.5", "10.0.2.6", "fd00::5", "fd00::6", "fd00::7"]),
            ("a guest, as owner and by name", &["web"],     &["10.0.0.3", "10.0.0.4", "10.0.0.5"]),
            ("a name in full",       &["web.lab.example"],  &["10.0.0.3", "10.0.0.5"]),
            ("one interface",        &["web/net1"],         &["10.0.0.3"]),
            ("by their owner alone", &["mail"],             &["10.0.2.5", "fd00::6", "fd00::7"]),
            ("an interface, IPv6",   &["mail/net1"],        &["fd00::7"]),
            ("an address",           &["10.0.1.5"],         &["10.0.1.5"]),
            ("a network and a name", &["10.0.1.0/24", "db"], &["10.0.1.5", "fd00::5"]),
            ("none",                 &["we"],               &[]),
        ];
        for (what, words, want) in cases {
            let wanted: Vec<Wanted> = words
                .iter()
                .map(|word| Wanted::parse(word).unwrap())
                .collect();
            let got = chosen(&view.entries, &wanted);
            let got: Vec<String> = got.iter().map(|entry| entry.address.to_string()).collect();
            assert_eq!(got, *want, "{what}");
            // What is asked of the IPAM covers it.
            let ask = ask(&wanted);
            for entry in chosen(&view.entries, &wanted) {
                let asked = ask.wants(entry.key.as_deref(), &entry.dns_name, entry.address);
                assert!(asked, "{what}: {entry}");
            }
        }
    }
}
