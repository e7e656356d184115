//! What a record says of a guest, in the spellings that occur: plain records with
//! `vmid`, `name`, `vlan`, `address`, and guest configs of Proxmox VE
//! (`net0`, `ipconfig0`, `hostname`) with a `vmid` beside them.

use core::net::Ipv4Addr;
use std::borrow::Cow;

use crate::{
    scheme::{self, Refused},
    stream::{Record, Value, excerpt},
};

mod agent;

pub use agent::Seen;

/// An address of a guest, as far as it can be read.
pub type Address = Result<(Ipv4Addr, Option<u8>), Refused>;

/// A guest, as a record describes it.
#[derive(Clone, Debug)]
pub struct Guest {
    /// `name` or, in a container's config, `hostname`.
    pub name: Option<String>,
    /// The ID; an error where there is one that cannot be read.
    pub id: Result<Option<u64>, Refused>,
    /// The VLAN that the record states; an error where it cannot be read.
    pub vlan: Result<Option<u64>, Refused>,
    /// The VLAN tag of the interface that has the first address; an error where it is none.
    pub tag: Result<Option<u64>, Refused>,
    /// Its other interfaces, where their addresses can be read.
    pub others: Vec<Nic>,
    /// Its IPv4 addresses, the one that the ID is made from first; DHCP is no address.
    pub addresses: Vec<Address>,
    /// The first IPv6 address of its interfaces, fixed or seen by its agent.
    pub ip6: Option<String>,
    /// What its agent sees.
    pub seen: Seen,
    /// It is a template: it never runs, and so holds no address.
    pub template: bool,
}

impl Guest {
    /// One of which nothing is known and nothing will be said; it takes the place of
    /// a record that failed before.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            name: None,
            id: Ok(None),
            vlan: Ok(None),
            tag: Ok(None),
            others: Vec::new(),
            addresses: Vec::new(),
            ip6: None,
            seen: Seen::default(),
            template: true,
        }
    }

    /// What `record` says.
    #[must_use]
    pub fn of(record: &Record<'_>) -> Self {
        let name = [record.value("name"), record.value("hostname")]
            .into_iter()
            .find_map(text);
        let interfaces: Vec<Interface> = interfaces(record);
        let plain = address(&record.value("address")).transpose();
        let host = |address: &Address| address.as_ref().ok().map(|(host, _)| *host);
        let wanted = |i: &&Interface| match &plain {
            Some(plain) => i.address.as_ref().and_then(host) == host(plain),
            None => i.address.is_some(),
        };
        let tagged = interfaces
            .iter()
            .find(wanted)
            .or(match interfaces.as_slice() {
                [only] => Some(only),
                several => several.first().filter(|_| plain.is_none()),
            });
        let is_other = |i: &&Interface| !tagged.is_some_and(|tagged| std::ptr::eq(*i, tagged));
        let others = interfaces.iter().filter(is_other);
        let others = others.filter_map(Nic::of).collect();
        let seen = agent::seen(record, &interfaces);
        let fixed = interfaces.iter().find_map(|i| i.ip6.clone());
        Self {
            name,
            others,
            ip6: fixed.or_else(|| seen.ip6.clone()),
            seen,
            id: id(&record.value("vmid")),
            vlan: vlan(&record.value("vlan")),
            tag: tagged.map_or(Ok(None), |interface| interface.tag.clone()),
            addresses: plain
                .clone()
                .into_iter()
                .chain(interfaces.into_iter().filter_map(|i| i.address))
                .collect(),
            template: matches!(
                record.value("template"),
                Value::Bool(true) | Value::Number("1")
            ) || record.value("template") == Value::Text("1".into()),
        }
    }
}

impl Guest {
    /// Its first address with the mask that it is written with; a template has none, nor has
    /// a guest whose first one cannot be read.
    #[must_use]
    pub fn first_address(&self) -> Option<String> {
        let (address, mask) = self.addresses.first()?.as_ref().ok()?;
        let shown = mask.map_or(address.to_string(), |mask| format!("{address}/{mask}"));
        (!self.template).then_some(shown)
    }
}

/// One of `net0` to `net31` (Proxmox's limit) with the `ipconfig` of its number.
#[derive(Clone, Debug)]
pub struct Interface {
    /// `net0` to `net31`.
    pub name: String,
    /// As a container itself calls it (`name=eth0`).
    pub inside: Option<String>,
    /// Its MAC.
    pub mac: Option<String>,
    /// Its VLAN tag; an error where it is none.
    pub tag: Result<Option<u64>, Refused>,
    /// Its fixed IPv4 address; none if it has none, or by DHCP.
    pub address: Option<Address>,
    /// Its fixed IPv6 address with its mask, as it is written.
    pub ip6: Option<String>,
}

/// An interface with an address that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// `net0` to `net31`, or as the guest itself calls it.
    pub name: String,
    /// Its VLAN tag.
    pub tag: Option<u64>,
    /// Its address.
    pub address: Ipv4Addr,
    /// The address' mask.
    pub mask: Option<u8>,
}

impl Nic {
    fn of(interface: &Interface) -> Option<Self> {
        let (address, mask) = interface.address.as_ref()?.as_ref().ok()?;
        Some(Self {
            name: interface.name.clone(),
            tag: interface.tag.as_ref().ok().copied().flatten(),
            address: *address,
            mask: *mask,
        })
    }
}

/// The interfaces of a guest's configuration, in the order of their numbers.
#[must_use]
pub fn interfaces(record: &Record<'_>) -> Vec<Interface> {
    let option = |name: String| text(record.value(&name));
    let interface = |number: u8| {
        let name = format!("net{number}");
        let net = option(name.clone())?;
        let init = option(format!("ipconfig{number}"));
        let fixed = |key: &str| {
            let init = init.as_deref().and_then(|init| property(init, key));
            let ip = init.or(property(&net, key));
            ip.filter(|ip| !["dhcp", "manual", "auto", ""].contains(ip))
        };
        Some(Interface {
            tag: vlan(&property(&net, "tag").map_or(Value::Absent, |tag| Value::Text(tag.into()))),
            inside: property(&net, "name")
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            mac: net.split(',').find_map(mac).map(str::to_owned),
            address: fixed("ip").map(scheme::parse_address),
            ip6: fixed("ip6").map(str::to_owned),
            name,
        })
    };
    (0..32).filter_map(interface).collect()
}

/// `net0`, `ipconfig0` or another of these: an option of a guest's configuration.
#[must_use]
pub fn is_interface_option(name: &str) -> bool {
    let number = name.strip_prefix("net").or(name.strip_prefix("ipconfig"));
    number.is_some_and(|n| matches!(n.len(), 1 | 2) && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The MAC in a pair such as `virtio=BC:24:11:00:00:01` or `hwaddr=...`.
fn mac(pair: &str) -> Option<&str> {
    let (_, value) = pair.split_once('=')?;
    is_mac(value).then_some(value)
}

/// A MAC address as Proxmox writes it, in capitals or not: `BC:24:11:00:00:01`.
#[must_use]
pub fn is_mac(text: &str) -> bool {
    let byte = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(byte)
}

/// The value of `key` in one of Proxmox's property strings, `a=1,b=2`.
fn property<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split(',')
        .find_map(|pair| pair.trim().strip_prefix(key)?.strip_prefix('='))
}

fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.into_owned()),
        _ => None,
    }
}

/// An `address` field: none where it is absent, null or empty.
///
/// # Errors
///
/// It is no IPv4 address.
pub fn address(value: &Value<'_>) -> Result<Option<(Ipv4Addr, Option<u8>)>, Refused> {
    match value {
        Value::Absent | Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => scheme::parse_address(text).map(Some),
        other => Err(Refused::BadAddress(spelled(other).into_owned())),
    }
}

/// A `vlan` field, a number or decimal text: none where it is absent, null or empty.
///
/// # Errors
///
/// It is no VID.
pub fn vlan(value: &Value<'_>) -> Result<Option<u64>, Refused> {
    let bad = || Refused::BadVlan(spelled(value).into_owned());
    match number(value) {
        None => Ok(None),
        Some(Some(vlan)) if scheme::VLANS.contains(&vlan) => Ok(Some(vlan)),
        Some(_) => Err(bad()),
    }
}

/// A `vmid` field, a number or decimal text: none where it is absent, null or empty.
///
/// # Errors
///
/// It is no guest ID.
pub fn id(value: &Value<'_>) -> Result<Option<u64>, Refused> {
    match number(value) {
        None => Ok(None),
        Some(Some(id)) if scheme::GUEST_IDS.contains(&id) => Ok(Some(id)),
        Some(_) => Err(Refused::OutsideScheme(scheme::not_an_id(&spelled(value)))),
    }
}

/// A whole number as a number or as text: none if nothing is there, `Some(None)` if it is something else.
#[must_use]
pub fn number(value: &Value<'_>) -> Option<Option<u64>> {
    match value {
        Value::Absent | Value::Null => None,
        Value::Text(text) if text.is_empty() => None,
        Value::Number(text) => Some(scheme::decimal(text)),
        Value::Text(text) => Some(scheme::decimal(text.trim())),
        _ => Some(None),
    }
}

/// A value as a message shows it, a long one by its beginning.
#[must_use]
pub fn spelled<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Absent | Value::Null => "null".into(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Number(raw) | Value::Other(raw) => excerpt(raw),
        Value::Text(text) => format!("{:?}", excerpt(text)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    fn guest(text: &str) -> Guest {
        Guest::of(&stream::parse(text.as_bytes()).unwrap()[0].record())
    }

    fn addresses(guest: &Guest) -> Vec<Result<String, &'static str>> {
        let shown = |a: &Address| a.as_ref().map(|(a, _)| a.to_string()).map_err(|e| e.code());
        guest.addresses.iter().map(shown).collect()
    }

    #[test]
    fn spellings() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[Result<&str, &str>], Option<u64>)] = &[
            ("plain",               r#"{"address":"192.168.30.66/24"}"#, &[Ok("192.168.30.66")], None),
            ("container",           r#"{"net0":"name=eth0,bridge=vmbr0,tag=30,ip=192.168.30.66/24"}"#, &[Ok("192.168.30.66")], Some(30)),
            ("VM with cloud-init",  r#"{"net0":"virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=40","ipconfig0":"ip=192.168.40.7/24,gw=192.168.40.1"}"#, &[Ok("192.168.40.7")], Some(40)),
            ("DHCP",                r#"{"net0":"name=eth0,tag=30,ip=dhcp"}"#, &[], Some(30)),
            ("first is DHCP",       r#"{"net0":"name=eth0,tag=30,ip=dhcp","net1":"name=eth1,tag=40,ip=192.168.40.5/24"}"#, &[Ok("192.168.40.5")], Some(40)),
            ("two addresses",       r#"{"net0":"ip=192.168.30.5/24","net1":"ip=192.168.40.5/24"}"#, &[Ok("192.168.30.5"), Ok("192.168.40.5")], None),
            ("ip6 is no ip",        r#"{"net0":"name=eth0,ip6=fd00::1/64"}"#, &[], None),
            ("unreadable",          r#"{"address":"192.168.30.300"}"#, &[Err("bad-address")], None),
            ("a number as address", r#"{"address":30}"#, &[Err("bad-address")], None),
            ("empty",               r#"{"address":""}"#, &[], None),
        ];
        for (name, text, want, tag) in cases {
            let guest = guest(text);
            let want: Vec<_> = want.iter().map(|a| a.map(str::to_owned)).collect();
            assert_eq!(addresses(&guest), want, "{name}");
            assert_eq!(guest.tag, Ok(*tag), "{name}");
        }
    }

    #[test]
    fn numbers_as_text() {
        let guest = guest(r#"{"vmid":"030066","vlan":"030","hostname":"a","template":1}"#);
        assert_eq!(guest.id, Ok(Some(30066)));
        assert_eq!(guest.vlan, Ok(Some(30)));
        assert_eq!(guest.name.as_deref(), Some("a"));
        assert!(guest.template);
    }
}
