//! What resolvers, zones and inventories read, made of hosts.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use vmid::stream::quote;

use super::host::Host;

/// The form of the output of `list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// JSON Lines
    Json,
    /// Aligned columns, for people
    Table,
    /// All fields, for spreadsheets
    Csv,
    /// Lines of /etc/hosts
    Hosts,
    /// host-record lines of dnsmasq.conf: names, and addresses back to names; dhcp-host lines where the MAC address is known
    Dnsmasq,
    /// Pi-hole 5: lines of /etc/pihole/custom.list
    Pihole5,
    /// Pi-hole 6: the array of dns.hosts in pihole.toml
    Pihole6,
    /// A and AAAA records of a forward zone, to be included behind its SOA and NS
    Zone,
    /// PTR records of a reverse zone, to be included behind its SOA and NS
    Reverse,
    /// An inventory of Ansible, a group for each VLAN
    Ansible,
}

impl Form {
    /// As records; else none, and it is [`lines`]' business.
    #[must_use]
    pub fn of_records(self) -> Option<vmid::table::Format> {
        match self {
            Self::Json => Some(vmid::table::Format::Json),
            Self::Table => Some(vmid::table::Format::Table),
            Self::Csv => Some(vmid::table::Format::Csv),
            _ => None,
        }
    }
}

/// The text of a form that is made of hosts, line by line; nothing for the others.
#[must_use]
pub fn lines(form: Form, hosts: &[Host]) -> Vec<String> {
    match form {
        Form::Json | Form::Table | Form::Csv => Vec::new(),
        Form::Hosts => each(hosts, |host| {
            format!("{}\t{}", host.address, names(host, " "))
        }),
        Form::Dnsmasq => {
            let names = |host: &Host| format!("host-record={},{}", names(host, ","), host.address);
            let mut lines = each(hosts, names);
            lines.extend(dhcp_hosts(hosts));
            lines
        }
        Form::Pihole5 => each(hosts, |host| format!("{} {}", host.address, host.name)),
        Form::Pihole6 => vec![array(hosts)],
        Form::Zone => each(hosts, |host| {
            let kind = if host.address.is_ipv4() { "A" } else { "AAAA" };
            format!("{}. IN {kind} {}", host.name, host.address)
        }),
        Form::Reverse => each(hosts, |host| {
            format!("{}. IN PTR {}.", reversed(host.address), host.name)
        }),
        Form::Ansible => vec![inventory(hosts)],
    }
}

/// A line for each host, each line once.
fn each(hosts: &[Host], line: impl Fn(&Host) -> String) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let lines = hosts.iter().map(line);
    lines.filter(|line| seen.insert(line.clone())).collect()
}

/// Which address dnsmasq gives to which interface by DHCP, and the name that goes with it; dnsmasq refuses one
/// address twice, gives one in each network, the guest's own here, and wants those of IPv6 in brackets.
fn dhcp_hosts(hosts: &[Host]) -> Vec<String> {
    let (mut addresses, mut places) = (BTreeSet::new(), BTreeMap::new());
    for host in hosts {
        let place = (&host.mac, host.prefix.ok_or(host.address));
        let first = places.entry(place).or_insert(host);
        if rank(host) < rank(first) {
            *first = host;
        }
    }
    let line = |host: &Host| {
        let place = (&host.mac, host.prefix.ok_or(host.address));
        let is_first = places[&place].address == host.address;
        let mac = host
            .mac
            .as_ref()
            .filter(|_| is_first && addresses.insert(host.address))?;
        let name = host.short.as_ref().unwrap_or(&host.name);
        Some(match host.address {
            IpAddr::V4(address) => format!("dhcp-host={mac},{address},{name}"),
            IpAddr::V6(address) => format!("dhcp-host={mac},[{address}],{name}"),
        })
    };
    hosts.iter().filter_map(line).collect()
}

/// The name in full, then the short one.
fn names(host: &Host, between: &str) -> String {
    match &host.short {
        Some(short) => format!("{}{between}{short}", host.name),
        None => host.name.clone(),
    }
}

/// As `dns.hosts` of pihole.toml has it, and `pihole-FTL --config dns.hosts` takes it.
fn array(hosts: &[Host]) -> String {
    let texts = each(hosts, |host| {
        quote(&format!("{} {}", host.address, names(host, " ")))
    });
    format!("[{}]", texts.join(", "))
}

/// The name of an address in in-addr.arpa (RFC 1035, 3.5) or ip6.arpa (RFC 3596, 2.5), without a final dot.
fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let digits = format!("{:032x}", u128::from(address));
            let digits: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    }
}

/// JSON, which is YAML as well: each host once, by its guest's name where that is no other host's, at its
/// first IPv4 address, if it has one.
fn inventory(hosts: &[Host]) -> String {
    let mut by_name: BTreeMap<&str, &Host> = BTreeMap::new();
    for host in hosts {
        let known = by_name.entry(&host.name).or_insert(host);
        if rank(host) < rank(known) {
            *known = host;
        }
    }
    let mut bearers: BTreeMap<&str, usize> = BTreeMap::new();
    for host in by_name.values() {
        *bearers.entry(alias(host)).or_default() += 1;
    }
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for host in by_name.values() {
        let alone = bearers.get(alias(host)) == Some(&1);
        let alias = if alone { alias(host) } else { &host.name };
        let group = host
            .vlan
            .map_or("ungrouped".to_owned(), |vlan| format!("vlan_{vlan}"));
        let address = quote(&host.address.to_string());
        let member = format!("{}:{{\"ansible_host\":{address}}}", quote(alias));
        groups.entry(group).or_default().push(member);
    }
    let groups: Vec<String> = groups
        .iter()
        .map(|(group, members)| format!("{}:{{\"hosts\":{{{}}}}}", quote(group), members.join(",")))
        .collect();
    format!("{{\"all\":{{\"children\":{{{}}}}}}}", groups.join(","))
}

fn alias(host: &Host) -> &str {
    host.guest.as_deref().unwrap_or(&host.name)
}

/// IPv4 before IPv6, a guest's own address before that of another interface.
fn rank(host: &Host) -> (bool, bool, IpAddr) {
    (
        host.address.is_ipv6(),
        host.interface.is_some(),
        host.address,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, address: &str, key: Option<&str>, vlan: Option<u64>) -> Host {
        let key = key.map(crate::owner::parts);
        Host {
            name: name.to_owned(),
            short: name.split_once('.').map(|(short, _)| short.to_owned()),
            address: address.parse().unwrap(),
            guest: key.map(|(guest, _)| guest.to_owned()),
            interface: key.and_then(|(_, interface)| interface.map(str::to_owned)),
            prefix: None,
            vlan,
            mac: None,
        }
    }

    #[test]
    fn hosts_by_dhcp() {
        let with = |name, address: &str, mac: Option<&str>| Host {
            mac: mac.map(str::to_owned),
            prefix: "192.168.30.0/24"
                .parse()
                .ok()
                .filter(|net: &ipnet::IpNet| net.contains(&address.parse::<IpAddr>().unwrap())),
            ..host(name, address, None, None)
        };
        let hosts = [
            with("web.lab.example", "192.168.30.2", Some("BC:24:11:00:00:0A")),
            with("web.lab.example", "fd00:30::2", Some("BC:24:11:00:00:0A")),
            with(
                "also.lab.example",
                "192.168.30.2",
                Some("BC:24:11:00:00:0B"),
            ),
            with("nas", "192.168.10.5", Some("BC:24:11:00:00:0C")),
            with("tv", "192.168.10.6", None),
            with(
                "web-old.lab.example",
                "192.168.30.7",
                Some("BC:24:11:00:00:0A"),
            ),
        ];
        let want = "\
host-record=web.lab.example,web,192.168.30.2
host-record=web.lab.example,web,fd00:30::2
host-record=also.lab.example,also,192.168.30.2
host-record=nas,192.168.10.5
host-record=tv,192.168.10.6
host-record=web-old.lab.example,web-old,192.168.30.7
dhcp-host=BC:24:11:00:00:0A,192.168.30.2,web
dhcp-host=BC:24:11:00:00:0A,[fd00:30::2],web
dhcp-host=BC:24:11:00:00:0C,192.168.10.5,nas";
        assert_eq!(lines(Form::Dnsmasq, &hosts).join("\n"), want);
    }

    #[test]
    fn forms() {
        let hosts = [
            host("web.lab.example", "192.168.30.2", Some("web"), Some(30)),
            host("web.lab.example", "fd00:30::2", Some("web"), Some(30)),
            host("nas", "192.168.10.5", None, None),
        ];
        #[rustfmt::skip]
        let cases = [
            (Form::Hosts,   "192.168.30.2\tweb.lab.example web\nfd00:30::2\tweb.lab.example web\n192.168.10.5\tnas"),
            (Form::Dnsmasq, "host-record=web.lab.example,web,192.168.30.2\nhost-record=web.lab.example,web,fd00:30::2\nhost-record=nas,192.168.10.5"),
            (Form::Pihole5, "192.168.30.2 web.lab.example\nfd00:30::2 web.lab.example\n192.168.10.5 nas"),
            (Form::Pihole6, r#"["192.168.30.2 web.lab.example web", "fd00:30::2 web.lab.example web", "192.168.10.5 nas"]"#),
            (Form::Zone,    "web.lab.example. IN A 192.168.30.2\nweb.lab.example. IN AAAA fd00:30::2\nnas. IN A 192.168.10.5"),
            (Form::Reverse, "2.30.168.192.in-addr.arpa. IN PTR web.lab.example.\n2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.0.d.f.ip6.arpa. IN PTR web.lab.example.\n5.10.168.192.in-addr.arpa. IN PTR nas."),
            (Form::Ansible, r#"{"all":{"children":{"ungrouped":{"hosts":{"nas":{"ansible_host":"192.168.10.5"}}},"vlan_30":{"hosts":{"web":{"ansible_host":"192.168.30.2"}}}}}}"#),
        ];
        for (form, want) in cases {
            assert_eq!(lines(form, &hosts).join("\n"), want, "{form:?}");
        }
    }

    #[test]
    fn hosts_of_an_inventory() {
        #[rustfmt::skip]
        let cases: &[(&str, &[(&str, &str, Option<&str>)], &[(&str, &str)])] = &[
            ("its own address before an interface's", &[("a.x", "10.0.0.1", Some("a/net1")), ("a.x", "10.0.0.9", Some("a"))], &[("a", "10.0.0.9")]),
            ("one name in two domains", &[("a.x", "10.0.0.1", Some("a")), ("a.y", "10.0.0.2", Some("a"))], &[("a.x", "10.0.0.1"), ("a.y", "10.0.0.2")]),
            ("IPv6 alone",              &[("a.x", "fd00::1", None)], &[("a.x", "fd00::1")]),
        ];
        for (what, hosts, want) in cases {
            let hosts: Vec<Host> = hosts
                .iter()
                .map(|(name, address, key)| host(name, address, *key, None))
                .collect();
            let got: serde_json::Value = serde_json::from_str(&inventory(&hosts)).unwrap();
            let got = &got["all"]["children"]["ungrouped"]["hosts"];
            let want: serde_json::Map<_, _> = want
                .iter()
                .map(|(name, address)| {
                    (
                        name.to_string(),
                        serde_json::json!({ "ansible_host": address }),
                    )
                })
                .collect();
            assert_eq!(*got, serde_json::Value::Object(want), "{what}");
        }
    }
}
