//! What is asked for: the options, and what records say in their place.

use clap::Args;
use vmid::{
    guest,
    stream::{Kept, Record, Value},
};

use super::{Which, Wish};
use crate::{
    intake::Kind,
    refused::{Code, Refused},
    request::{self, Request},
    site_rules::SiteRules,
};

/// Onto which virtual machines addresses are put.
#[derive(Clone, Debug, Default, Args)]
pub struct Asked {
    /// NetBox only: put the address onto the interface of the guest's virtual machine, as its primary one unless
    /// it has one. What is missing is made: the virtual machine, the interface, the MAC address. The interface is the one
    /// with the name that the request has, else with the MAC address, else net0 (eth0 for a container), else the only one
    #[arg(long)]
    pub assign: bool,
    /// The cluster in NetBox that the virtual machines are in [default: the site's netbox.cluster; without any, they
    /// must be there]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
}

impl Asked {
    /// The site's cluster, if no other is named.
    #[must_use]
    pub fn or(self, site: Option<&SiteRules>) -> Self {
        let of_site = || site.and_then(|site| site.cluster.clone());
        Self {
            cluster: self.cluster.or_else(of_site),
            ..self
        }
    }
}

/// What is wished for each of `requests`, those of `records` in order; a request whose record can't be read in
/// this is refused from now on. `domain` is that of the guests.
pub fn wishes(
    records: &[Kept],
    kinds: &[Kind],
    requests: &mut [Result<Request, Refused>],
    asked: &Asked,
    domain: Option<&str>,
) -> Vec<Option<Wish>> {
    let mut wishes = Vec::new();
    for (kept, kind) in records.iter().zip(kinds) {
        for place in 0..kind.requests() {
            let Some(request) = requests.get_mut(wishes.len()) else {
                break;
            };
            let wish = match request {
                Ok(request) => wish(&kept.record(), kind, place, request, asked, domain),
                Err(_) => Ok(None),
            };
            wishes.push(wish.unwrap_or_else(|refused| {
                *request = Err(refused);
                None
            }));
        }
    }
    wishes
}

/// What the record wishes for its request of that number.
fn wish(
    record: &Record<'_>,
    kind: &Kind,
    place: usize,
    request: &Request,
    asked: &Asked,
    domain: Option<&str>,
) -> Result<Option<Wish>, Refused> {
    let is_asked = match record.value("assign") {
        Value::Absent | Value::Null => asked.assign,
        Value::Bool(truth) => truth,
        other => {
            let what = format!("assign: {} is not true or false", guest::spelled(&other));
            return Err(Refused::new(Code::BadField, what));
        }
    };
    if !is_asked {
        return Ok(None);
    }
    let first = request.owner.name().to_owned();
    let mut names: Vec<String> = request.owner.spellings(domain).into_iter().collect();
    names.sort_unstable();
    names.retain(|name| *name != first);
    names.insert(0, first);
    let (interface, mac) = match kind {
        Kind::Has(interfaces) => of_configuration(record, interfaces.get(place)),
        _ => (plain(record, request), mac_of(record)?),
    };
    Ok(Some(Wish {
        names,
        is_unsure: domain.is_none(),
        cluster: request::text(record, "cluster")?.or_else(|| asked.cluster.clone()),
        tenant: request.fields.labels.tenant.clone(),
        interface,
        mac: mac.map(|mac| mac.to_ascii_uppercase()),
    }))
}

/// As Proxmox's `net0` has it: a container's interface by its name in the container.
fn of_configuration(record: &Record<'_>, net: Option<&String>) -> (Which, Option<String>) {
    let net = net.map_or("net0", String::as_str);
    let all = guest::interfaces(record);
    let found = all.into_iter().find(|interface| interface.name == net);
    let inside = found
        .as_ref()
        .and_then(|interface| interface.inside.clone());
    let name = inside.unwrap_or_else(|| net.to_owned());
    (
        Which::Named(name),
        found.and_then(|interface| interface.mac),
    )
}

/// The interface of a record that is no configuration.
fn plain(record: &Record<'_>, request: &Request) -> Which {
    let is_container = record.value("type") == Value::Text("lxc".into());
    match &request.fields.interface {
        Some(name) => Which::Named(name.clone()),
        None if is_container => Which::Any("eth0"),
        None => Which::Any("net0"),
    }
}

fn mac_of(record: &Record<'_>) -> Result<Option<String>, Refused> {
    let mac = request::text(record, "mac")?;
    match mac.filter(|mac| !guest::is_mac(mac)) {
        Some(other) => {
            let what = format!("mac: {other:?} is no MAC address such as BC:24:11:00:00:01");
            Err(Refused::new(Code::BadField, what))
        }
        None => request::text(record, "mac"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{intake::Intake, request::Fields};
    use vmid::stream;

    fn wished(line: &str, assign: bool) -> Vec<Result<Option<Wish>, String>> {
        let records = stream::parse(line.as_bytes()).unwrap();
        let mut intake = Intake::of(&records, &Fields::default());
        let asked = Asked {
            assign,
            cluster: Some("pve".to_owned()),
        };
        let domain = Some("lab.example");
        let all = wishes(
            &records,
            &intake.kinds,
            &mut intake.requests,
            &asked,
            domain,
        );
        let both = all.into_iter().zip(intake.requests);
        both.map(|(wish, request)| request.map(|_| wish).map_err(|refused| refused.message))
            .collect()
    }

    #[test]
    fn what_records_wish() {
        let told = |wish: &Wish| {
            let Wish {
                names,
                cluster,
                interface,
                mac,
                ..
            } = wish;
            let interface = match interface {
                Which::Named(name) => name.clone(),
                Which::Any(name) => format!("{name}?"),
            };
            let (names, cluster) = (names.join(" "), cluster.as_deref().unwrap_or("-"));
            format!(
                "{names}; {cluster}; {interface}; {}",
                mac.as_deref().unwrap_or("-")
            )
        };
        #[rustfmt::skip]
        let cases: &[(&str, &str, bool, &str)] = &[
            ("a name",             r#"{"name":"Web"}"#, true, "web web.lab.example; pve; net0?; -"),
            ("a name in full",     r#"{"name":"web.lab.example"}"#, true, "web.lab.example web; pve; net0?; -"),
            ("a container",        r#"{"name":"web","type":"lxc"}"#, true, "web web.lab.example; pve; eth0?; -"),
            ("an interface",       r#"{"name":"web","interface":"eth1"}"#, true, "web web.lab.example; pve; eth1; -"),
            ("a MAC and a cluster", r#"{"name":"web","mac":"bc:24:11:00:00:0a","cluster":"x"}"#, true, "web web.lab.example; x; net0?; BC:24:11:00:00:0A"),
            ("not this one",       r#"{"name":"web","assign":false}"#, true, ""),
            ("this one",           r#"{"name":"web","assign":true}"#, false, "web web.lab.example; pve; net0?; -"),
            ("nobody asked",       r#"{"name":"web"}"#, false, ""),
            ("both families",      r#"{"name":"web","family":"both"}"#, true, "web web.lab.example; pve; net0?; - | web web.lab.example; pve; net0?; -"),
            ("a container's config", r#"{"name":"web","net0":"name=eth0,hwaddr=bc:24:11:00:00:0a,ip=10.0.0.5/24","net1":"name=lan,hwaddr=BC:24:11:00:00:0B,ip=10.0.1.5/24"}"#, true,
                "web web.lab.example; pve; eth0; BC:24:11:00:00:0A | web web.lab.example; pve; lan; BC:24:11:00:00:0B"),
            ("a VM's config",      r#"{"name":"web","net0":"virtio=BC:24:11:00:00:0A,bridge=vmbr0","ipconfig0":"ip=10.0.0.5/24"}"#, true, "web web.lab.example; pve; net0; BC:24:11:00:00:0A"),
            ("a template",         r#"{"name":"web","template":1,"net0":"ip=10.0.0.5/24"}"#, true, ""),
            ("no truth",           r#"{"name":"web","assign":"yes"}"#, true, "!assign: \"yes\" is not true or false"),
            ("no MAC",             r#"{"name":"web","mac":"x"}"#, true, "!mac: \"x\" is no MAC address such as BC:24:11:00:00:01"),
            ("no text",            r#"{"name":"web","cluster":7}"#, true, "!cluster: 7 is not text"),
        ];
        for (name, line, assign, want) in cases {
            let got = wished(line, *assign)
                .into_iter()
                .filter_map(|wish| match wish {
                    Ok(wish) => wish.as_ref().map(told),
                    Err(message) => Some(format!("!{message}")),
                });
            assert_eq!(got.collect::<Vec<_>>().join(" | "), *want, "{name}");
        }
    }
}
