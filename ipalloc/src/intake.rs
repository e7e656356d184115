//! What each record of the input is: a request, a guest's configuration, or something that
//! `allocate` has nothing to do with.
//!
//! A configuration (a record with `net0` or `ipconfig0`) asks for what it has: each of its static
//! addresses is one request for that very address. It is never given one.

use core::net::IpAddr;

use vmid::{
    guest::{self, Interface},
    stream::{Kept, Record, Value},
    tally::is_of_another_kind,
};

use crate::{
    among::Among,
    family::Families,
    owner::Owner,
    refused::{Code, Refused},
    request::{self, Fields, Place, Request, Wanted},
};

/// What a record of the input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No guest (a node, a storage), or one that failed before: it passes untouched.
    Passed,
    /// A template: it never runs, and so holds no address.
    Template,
    /// A guest without a static address; none is recorded, and none given.
    Dhcp,
    /// A request.
    Asks,
    /// A request for an address of each family.
    AsksBoth,
    /// A guest's configuration with static addresses, on these interfaces.
    Has(Vec<String>),
}

impl Kind {
    /// How many requests the record makes.
    #[must_use]
    pub fn requests(&self) -> usize {
        match self {
            Self::Asks => 1,
            Self::AsksBoth => 2,
            Self::Has(interfaces) => interfaces.len(),
            Self::Passed | Self::Template | Self::Dhcp => 0,
        }
    }
}

/// The input of `allocate`, read.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// What each record is.
    pub kinds: Vec<Kind>,
    /// What is asked for, in the order of the records.
    pub requests: Vec<Result<Request, Refused>>,
    /// Which of them are a configuration's.
    pub own: Vec<bool>,
}

impl Intake {
    /// What `records` are; the gaps of requests filled from `flags`. Of these, a configuration
    /// takes the VRF, what the prefix belongs to, description, tags and labels only.
    #[must_use]
    pub fn of(records: &[Kept], flags: &Fields) -> Self {
        let mut intake = Self::default();
        for kept in records {
            let record = kept.record();
            let (kind, requests) = sorted(&record, flags);
            let own = matches!(kind, Kind::Has(_));
            intake.own.extend(requests.iter().map(|_| own));
            intake.requests.extend(requests);
            intake.kinds.push(kind);
        }
        intake
    }
}

/// The names of the records of that kind, for a message.
#[must_use]
pub fn names(records: &[Kept], kinds: &[Kind], kind: &Kind) -> Vec<String> {
    let of_kind = records.iter().zip(kinds).filter(|(_, k)| *k == kind);
    of_kind.map(|(kept, _)| called(&kept.record())).collect()
}

/// The interfaces whose IPv6 address is not recorded, because they have an IPv4 address, too.
#[must_use]
pub fn second_addresses(records: &[Kept], kinds: &[Kind]) -> Vec<String> {
    let having = records.iter().zip(kinds);
    let having = having.filter(|(_, kind)| matches!(kind, Kind::Has(_)));
    let of_guest = |(kept, _): (&Kept, _)| {
        let name = called(&kept.record());
        let both = |i: &Interface| i.address.is_some() && i.ip6.is_some();
        let interfaces = guest::interfaces(&kept.record()).into_iter().filter(both);
        let named = interfaces.map(|interface| format!("{name}/{}", interface.name));
        named.collect::<Vec<_>>()
    };
    having.flat_map(of_guest).collect()
}

fn sorted(record: &Record<'_>, flags: &Fields) -> (Kind, Vec<Result<Request, Refused>>) {
    if record.has_error() || is_of_another_kind(record) {
        return (Kind::Passed, Vec::new());
    }
    if !is_configuration(record) {
        return match Request::of(record, flags) {
            Ok(request) if request.fields.family == Some(Families::Both) => {
                (Kind::AsksBoth, request.halves().map(Ok).to_vec())
            }
            request => (Kind::Asks, vec![request]),
        };
    }
    if is_template(record) {
        return (Kind::Template, Vec::new());
    }
    let interfaces = guest::interfaces(record);
    let fixed: Vec<&Interface> = interfaces.iter().filter(|i| is_static(i)).collect();
    if fixed.is_empty() {
        return (Kind::Dhcp, Vec::new());
    }
    let requests = fixed.iter().enumerate();
    let requests = requests.map(|(place, interface)| {
        // The first is the guest's own, under its name alone.
        let of = (place > 0).then_some(interface.name.as_str());
        own_address(record, interface, of, flags)
    });
    let requests = requests.collect();
    let names = fixed.iter().map(|interface| interface.name.clone());
    (Kind::Has(names.collect()), requests)
}

fn is_static(interface: &Interface) -> bool {
    interface.address.is_some() || interface.ip6.is_some()
}

/// It has `net0`, `ipconfig0` or another of these.
fn is_configuration(record: &Record<'_>) -> bool {
    record.names().any(|name| guest::is_interface_option(&name))
}

fn is_template(record: &Record<'_>) -> bool {
    match record.value("template") {
        Value::Bool(truth) => truth,
        Value::Number(text) => text == "1",
        Value::Text(text) => text == "1",
        _ => false,
    }
}

/// The request for the address that an interface has: IPv4, or IPv6 where it has no other.
fn own_address(
    record: &Record<'_>,
    interface: &Interface,
    of: Option<&str>,
    flags: &Fields,
) -> Result<Request, Refused> {
    let owner = match record.value("name") {
        Value::Absent | Value::Null => match record.value("hostname") {
            Value::Text(name) => Owner::new(&name, of)?,
            _ => return Err(Refused::new(Code::BadName, "the record has no name")),
        },
        _ => request::owner_of(record, of)?,
    };
    let bad = |what: String| Refused::new(Code::BadField, format!("{}: {what}", interface.name));
    let tag = interface
        .tag
        .clone()
        .map_err(|refused| bad(refused.to_string()))?;
    let wanted = match (&interface.address, &interface.ip6) {
        (Some(address), _) => {
            let (address, length) = address.clone().map_err(|r| bad(r.to_string()))?;
            let address = IpAddr::V4(address);
            Wanted { address, length }
        }
        (None, ip6) => request::parse_wanted(ip6.as_deref().unwrap_or_default()).map_err(bad)?,
    };
    Ok(Request {
        owner,
        vmid: request::vmid_of(record),
        fields: Fields {
            place: Place {
                vlan: tag,
                ..Place::default()
            },
            among: Among {
                pool: None, // the address tells which prefix it is in
                ..flags.among.clone()
            },
            vrf: flags.vrf.clone(),
            wanted: Some(wanted),
            interface: of.map(str::to_owned),
            description: flags.description.clone(),
            tags: flags.tags.clone(),
            labels: flags.labels.clone(),
            own: true,
            ..Fields::default()
        },
        of_site: None,
    })
}

/// What a record is called in a message: its name, else its ID.
fn called(record: &Record<'_>) -> String {
    let named = [record.value("name"), record.value("hostname")];
    let name = named.into_iter().find_map(|value| match value {
        Value::Text(name) if !name.is_empty() => Some(name.into_owned()),
        _ => None,
    });
    name.unwrap_or_else(|| record.raw("vmid").unwrap_or("without a name").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmid::stream;

    fn intake(lines: &[&str]) -> Intake {
        let records = stream::parse(lines.join("\n").as_bytes()).unwrap();
        Intake::of(&records, &Fields::default())
    }

    #[test]
    fn what_a_record_is() {
        let has = |names: &[&str]| Kind::Has(names.iter().map(|&n| n.to_owned()).collect());
        #[rustfmt::skip]
        let cases: &[(&str, &str, Kind)] = &[
            ("a request",           r#"{"name":"a","vlan":30}"#,                                   Kind::Asks),
            ("a container",         r#"{"name":"a","net0":"name=eth0,ip=10.0.0.5/24"}"#,           has(&["net0"])),
            ("a VM",                r#"{"name":"a","net0":"virtio=AA","ipconfig0":"ip=10.0.0.5/24,gw=10.0.0.1"}"#, has(&["net0"])),
            ("two interfaces",      r#"{"name":"a","net0":"ip=10.0.0.5/24","net3":"ip=10.0.1.5/24"}"#, has(&["net0", "net3"])),
            ("the first by DHCP",   r#"{"name":"a","net0":"ip=dhcp","net1":"ip=10.0.1.5/24"}"#,    has(&["net1"])),
            ("IPv6 alone",          r#"{"name":"a","net0":"ip6=fd00::5/64"}"#,                     has(&["net0"])),
            ("by DHCP",             r#"{"name":"a","net0":"name=eth0,ip=dhcp"}"#,                  Kind::Dhcp),
            ("IPv6 by itself",      r#"{"name":"a","net0":"name=eth0,ip6=auto"}"#,                 Kind::Dhcp),
            ("without a word of it", r#"{"name":"a","net0":"virtio=AA,bridge=vmbr0"}"#,            Kind::Dhcp),
            ("cloud-init alone",    r#"{"name":"a","ipconfig0":"ip=10.0.0.5/24"}"#,                Kind::Dhcp),
            ("a template",          r#"{"name":"a","template":1,"net0":"ip=10.0.0.5/24"}"#,        Kind::Template),
            ("a node",              r#"{"type":"node","node":"pve-a"}"#,                           Kind::Passed),
            ("it failed before",    r#"{"name":"a","error":{},"net0":"ip=10.0.0.5/24"}"#,          Kind::Passed),
            ("a network's name",    r#"{"name":"a","network":"x","netX":"y","net":"z"}"#,          Kind::Asks),
        ];
        for (name, line, want) in cases {
            let intake = intake(&[line]);
            assert_eq!(intake.kinds, std::slice::from_ref(want), "{name}");
            assert_eq!(intake.requests.len(), want.requests(), "{name}");
        }
    }

    #[test]
    fn what_a_configuration_asks_for() {
        let line = r#"{"name":"Web","hostname":"x","description":"notes\nof Proxmox","tags":"a b","vlan":9,
            "net0":"name=eth0,tag=30,ip=10.0.0.5/24","net1":"name=eth1,ip=10.0.1.5/24,ip6=fd00::5/64"}"#;
        let intake = intake(&[line]);
        let asked: Vec<&Request> = intake.requests.iter().flatten().collect();
        let keys: Vec<&str> = asked.iter().map(|request| request.owner.key()).collect();
        assert_eq!(keys, ["web", "web/net1"]);
        assert_eq!(
            asked[0].fields.place.vlan,
            Some(30),
            "the tag, not the field"
        );
        assert_eq!(asked[1].fields.place.vlan, None);
        let wanted = asked[1].fields.wanted.unwrap();
        assert_eq!(
            (wanted.address.to_string().as_str(), wanted.length),
            ("10.0.1.5", Some(24))
        );
        assert!(
            asked
                .iter()
                .all(|r| r.fields.description.is_none() && r.fields.tags.is_none())
        );
    }

    #[test]
    fn what_of_a_configuration_cannot_be_read() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str)] = &[
            ("no name",     r#"{"net0":"ip=10.0.0.5/24"}"#,                    "the record has no name"),
            ("an address",  r#"{"name":"a","net0":"ip=10.0.0.300/24"}"#,       "net0: \"10.0.0.300/24\" is not an IPv4 address"),
            ("a tag",       r#"{"name":"a","net0":"tag=5000,ip=10.0.0.5/24"}"#, "net0: "),
            ("only a hostname", r#"{"hostname":"a b","net0":"ip=10.0.0.5/24"}"#, "the name \"a b\""),
        ];
        for (name, line, want) in cases {
            let refused = intake(&[line]).requests[0].clone().unwrap_err();
            assert!(
                refused.message.contains(want),
                "{name}: {}",
                refused.message
            );
        }
    }
}
