//! The addresses that a guest's agent sees: `interfaces[].ip-addresses`, as
//! `qm agent ID network-get-interfaces` and the API of containers give them.
//!
//! A guest with DHCP has no other source. Loopback and link-local addresses say nothing of a
//! place; of Docker's bridges and the like there is no interface in the guest's configuration.

use std::net::IpAddr;

use serde_json::Value as Json;

use super::{Interface, Nic};
use crate::stream::{Record, Value};

/// What the agent sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The IPv4 addresses: those of the configuration's interfaces, in the order of these; all,
    /// where no interface can be told by its MAC.
    pub nics: Vec<Nic>,
    /// The first IPv6 address with its mask.
    pub ip6: Option<String>,
}

/// What the agent of the guest with these interfaces sees.
pub(super) fn seen(record: &Record<'_>, interfaces: &[Interface]) -> Seen {
    let Value::Other(raw) = record.value("interfaces") else {
        return Seen::default();
    };
    let Ok(parsed) = serde_json::from_str::<Json>(raw) else {
        return Seen::default();
    };
    // The API's own answer has them in `result`.
    let list = parsed.get("result").unwrap_or(&parsed);
    let all = list.as_array().into_iter().flatten();
    let mut found: Vec<(Option<usize>, Address)> = all
        .flat_map(|one| {
            let at = number_of(one, interfaces);
            addresses(one).map(move |address| (at, address))
        })
        .collect();
    if found.iter().any(|(at, _)| at.is_some()) {
        found.retain(|(at, _)| at.is_some());
        found.sort_by_key(|(at, _)| *at); // stable: a NIC's first address stays first
    }
    let ip6 = found.iter().find(|(_, a)| a.host.is_ipv6());
    let ip6 = ip6.map(|(_, a)| match a.mask {
        Some(mask) => format!("{}/{mask}", a.host),
        None => a.host.to_string(),
    });
    let nic = |(at, found): &(Option<usize>, Address)| {
        let IpAddr::V4(address) = found.host else {
            return None;
        };
        let interface = at.map(|at| &interfaces[at]);
        Some(Nic {
            name: interface.map_or_else(|| found.name.clone(), |i| i.name.clone()),
            tag: interface.and_then(|i| i.tag.as_ref().ok().copied().flatten()),
            address,
            mask: found.mask,
        })
    };
    Seen {
        nics: found.iter().filter_map(nic).collect(),
        ip6,
    }
}

/// An address as the agent has it.
struct Address {
    name: String,
    host: IpAddr,
    mask: Option<u8>,
}

fn addresses(one: &Json) -> impl Iterator<Item = Address> {
    let name = one["name"].as_str().unwrap_or_default();
    let list = one["ip-addresses"].as_array().into_iter().flatten();
    list.filter_map(move |address| {
        let host: IpAddr = address["ip-address"].as_str()?.parse().ok()?;
        let mask = &address["prefix"];
        let mask = mask
            .as_u64()
            .or_else(|| mask.as_str().and_then(|text| text.parse().ok()));
        says_something(host).then(|| Address {
            name: name.to_owned(),
            host,
            mask: mask.and_then(|mask| u8::try_from(mask).ok()),
        })
    })
}

fn says_something(host: IpAddr) -> bool {
    let link_local = match host {
        IpAddr::V4(host) => host.is_link_local(),
        IpAddr::V6(host) => host.is_unicast_link_local(),
    };
    !(host.is_loopback() || link_local || host.is_unspecified())
}

/// Which of the configuration's interfaces it is, by the MAC.
fn number_of(one: &Json, interfaces: &[Interface]) -> Option<usize> {
    let mac = ["hardware-address", "hwaddr"].iter();
    let mac = mac.copied().find_map(|name| one[name].as_str())?;
    let same = |own: &String| own.eq_ignore_ascii_case(mac);
    interfaces
        .iter()
        .position(|interface| interface.mac.as_ref().is_some_and(same))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{guest, stream};

    const NETS: &str = r#""net0":"virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=30","net1":"name=eth1,hwaddr=BC:24:11:00:00:02,ip=dhcp,tag=40""#;

    fn interface(name: &str, mac: &str, addresses: &str) -> String {
        format!(r#"{{"name":"{name}","hardware-address":"{mac}","ip-addresses":[{addresses}]}}"#)
    }

    fn address(text: &str) -> String {
        let (host, prefix) = text.split_once('/').unwrap();
        format!(r#"{{"ip-address":"{host}","ip-address-type":"x","prefix":{prefix}}}"#)
    }

    #[test]
    fn what_an_agent_sees() {
        let lo = interface("lo", "00:00:00:00:00:00", &address("127.0.0.1/8"));
        let eth0 = interface(
            "eth0",
            "bc:24:11:00:00:01",
            &[
                address("192.168.30.66/24"),
                address("fe80::1/64"),
                address("fd00::66/64"),
            ]
            .join(","),
        );
        let eth1 = interface("eth1", "bc:24:11:00:00:02", &address("192.168.40.7/24"));
        let docker = interface("docker0", "02:42:00:00:00:09", &address("172.17.0.1/16"));
        let auto = interface("eth0", "bc:24:11:00:00:01", &address("169.254.3.4/16"));
        let (both, six) = (
            ["net0 192.168.30.66", "net1 192.168.40.7"],
            Some("fd00::66/64"),
        );
        #[rustfmt::skip]
        let cases: &[(&str, String, &[&str], Option<&str>)] = &[
            ("loopback is none",      format!(r#"{{{NETS},"interfaces":[{lo}]}}"#),                     &[], None),
            ("in the NICs' order",    format!(r#"{{{NETS},"interfaces":[{lo},{docker},{eth1},{eth0}]}}"#), &both, six),
            ("the API's own answer",  format!(r#"{{{NETS},"interfaces":{{"result":[{eth0}]}}}}"#),      &both[..1], six),
            ("no MAC to go by",       format!(r#"{{"interfaces":[{docker},{eth1}]}}"#),                 &["docker0 172.17.0.1", "eth1 192.168.40.7"], None),
            ("link-local is none",    format!(r#"{{{NETS},"interfaces":[{auto}]}}"#),                   &[], None),
            ("an agent's error",      format!(r#"{{{NETS},"interfaces":{{"error":"x"}}}}"#),            &[], None),
            ("no agent",              format!(r#"{{{NETS},"interfaces":null}}"#),                       &[], None),
            ("another's interfaces",  r#"{"interfaces":["a",{"name":1,"ip-addresses":[{}]},{"ip-addresses":"x"}]}"#.to_owned(), &[], None),
        ];
        for (name, text, want, ip6) in cases {
            let records = stream::parse(text.as_bytes()).unwrap();
            let record = records[0].record();
            let got = seen(&record, &guest::interfaces(&record));
            let nics = got
                .nics
                .iter()
                .map(|nic| format!("{} {}", nic.name, nic.address));
            assert_eq!(nics.collect::<Vec<_>>(), *want, "{name}");
            assert_eq!(got.ip6.as_deref(), *ip6, "{name}");
        }
    }
}
