//! The pairs, and the services beside them, as hacheck needs them: [`vmid::site`] reads their names,
//! types and references; the contents of the probes, and the address of each member, are asked for here.

use std::net::IpAddr;

use serde_json::Value;
use vmid::{
    site::{self, Fault, FileRule, Listed, Site},
    stream,
};

use crate::{
    probe::Probe,
    service::{self, Service, Under},
    wanted::Wanted,
};

#[cfg(test)]
mod tests;

/// Every fault of what should have been pairs.
pub use vmid::site::Faults;

/// Two or more hosts that stand in for each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// The address that moves, the first of several; an active-active pair has none.
    pub vip: Option<IpAddr>,
    /// All that move together.
    pub vips: Vec<IpAddr>,
    /// Virtual router ID, 1..=255.
    pub vrid: Option<u8>,
    /// Where to listen; found by the VIP's network if the checker has no such interface.
    pub interface: Option<String>,
    /// Advert interval in milliseconds, if it is not to be learnt from the adverts.
    pub advert_ms: Option<u32>,
    /// VRRP version it should speak, 2 or 3.
    pub version: Option<u8>,
    /// keepalived's `unicast_peer`: nobody but the members can hear the adverts.
    pub unicast: bool,
    /// The VIP moves with an instance and stands in none of its adverts
    /// (`virtual_ipaddress_excluded`).
    pub excluded: bool,
    /// VRRP moves the VIP.
    pub vrrp: bool,
    /// The promised recovery time, in milliseconds.
    pub rto_ms: Option<u64>,
    /// A holder that is not the preferred member is worth a warning.
    pub expect_preferred: bool,
    /// The hosts, at least two.
    pub members: Vec<Member>,
    /// What to ask of the VIP and of each member.
    pub probes: Vec<Probe>,
    /// DNS names that every member must answer alike.
    pub same: Vec<String>,
    /// Files on the members that must not grow old (a daily rsync's stamp).
    pub files: Vec<FileRule>,
    /// It is no pair but a service: its members are its addresses, if it has any.
    pub service: Option<Service>,
}

/// One of the hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its own address.
    pub address: IpAddr,
    /// Its other addresses on the VIP's segment.
    pub addresses: Vec<IpAddr>,
    /// Its guest ID.
    pub vmid: Option<u32>,
    /// The node it is meant to be on.
    pub node: Option<String>,
    /// It should be the holder when all is well.
    pub preferred: bool,
}

/// Where pairs stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A site file.
    Site,
    /// Records, an array of them, one, or a site file.
    Any,
}

impl Member {
    /// The address is one of its own.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.address == address || self.addresses.contains(&address)
    }

    /// All its own addresses, that for ssh and probes first.
    pub fn own(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.address).chain(self.addresses.iter().copied())
    }
}

impl Pair {
    /// The pairs and services of a text that are `wanted`. What is wrong anywhere in the text is told,
    /// an address that is missing only of those.
    ///
    /// # Errors
    ///
    /// All that is wrong; or there is no such pair or service.
    pub fn read(text: &[u8], form: Form, wanted: Wanted<'_>) -> Result<Vec<Self>, Faults> {
        let listed = match form {
            Form::Site => Site::parse(text).map(|site| Listed {
                pairs: site.pairs,
                services: site.services,
            }),
            Form::Any => site::listed(text),
        };
        let (Listed { pairs, services }, mut faults) = match listed {
            Ok(listed) => (listed, Vec::new()),
            Err(Faults(faults)) => (Listed::default(), faults),
        };
        let (of_pairs, of_services) = values(text);
        let mut of_probes = Vec::new();
        let mut probes = |values: &[(String, Value)]| -> Vec<(String, Vec<Probe>)> {
            let read = |(path, value): &(String, Value)| {
                (path.clone(), read_probes(value, path, &mut of_probes))
            };
            values.iter().map(read).collect()
        };
        let (of_pairs, of_services) = (probes(&of_pairs), probes(&of_services));
        of_probes.retain(|one| faults.iter().all(|known| known.path != one.path));
        faults.append(&mut of_probes);
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        wanted.unknown(&pairs, &services, &mut faults);
        let mut chosen = Vec::new();
        for (pair, (path, probes)) in pairs.iter().zip(&of_pairs) {
            if wanted.all() || wanted.pairs.contains(&pair.name) {
                chosen.push(Self::of(pair.clone(), probes.clone(), path, &mut faults));
            }
        }
        for (service, (path, probes)) in services.into_iter().zip(of_services) {
            if wanted.all() || wanted.services.contains(&service.name) {
                let mut known = pairs.iter().zip(&of_pairs);
                let on = known.find(|(pair, _)| service.pair.as_ref() == Some(&pair.name));
                let on = on.map(|(pair, (path, probes))| Under { pair, path, probes });
                chosen.push(service::read(service, probes, on, &path, &mut faults));
            }
        }
        if faults.is_empty() {
            return Ok(chosen);
        }
        Err(Faults(faults))
    }

    /// All pairs and services of a text.
    ///
    /// # Errors
    ///
    /// As [`Pair::read`].
    pub fn parse(text: &[u8]) -> Result<Vec<Self>, Faults> {
        Self::read(text, Form::Any, Wanted::default())
    }

    /// How it is called among others: a service by that word and its name.
    #[must_use]
    pub fn called(&self) -> String {
        match self.service {
            Some(_) => format!("service {}", self.name),
            None => self.name.clone(),
        }
    }

    /// Member by name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Member by address.
    #[must_use]
    pub fn member_at(&self, address: IpAddr) -> Option<&Member> {
        self.members.iter().find(|member| member.has(address))
    }

    /// How a probe is called in evidence; one that is called as another before it, with which it
    /// shares a target, has its number besides.
    #[must_use]
    pub fn label(&self, place: usize) -> String {
        let probe = &self.probes[place];
        let label = probe.label();
        let mut before = self.probes[..place].iter();
        match before.any(|other| other.on.meets(probe.on) && other.label() == label) {
            true => format!("{label} ({})", place + 1),
            false => label,
        }
    }

    /// The pair that messages call `path`; a member without an address is a fault.
    fn of(pair: site::Pair, probes: Vec<Probe>, path: &str, faults: &mut Vec<Fault>) -> Self {
        let vips = pair.all_vips().collect();
        let mut members = Vec::new();
        for (number, member) in pair.members.into_iter().enumerate() {
            let Some(address) = member.address else {
                faults.push(unaddressed(path, number));
                continue;
            };
            members.push(Member {
                name: member.name,
                address,
                addresses: member.addresses,
                vmid: member.vmid,
                node: member.node,
                preferred: member.preferred,
            });
        }
        Self {
            name: pair.name,
            vip: pair.vip,
            vips,
            vrid: pair.vrid,
            interface: pair.interface,
            advert_ms: pair.advert_ms,
            version: pair.expect.version,
            unicast: pair.unicast,
            excluded: pair.excluded,
            vrrp: pair.vrrp,
            rto_ms: pair.rto_s.map(milliseconds),
            expect_preferred: pair.expect.preferred,
            members,
            probes,
            same: pair.same,
            files: pair.files,
            service: None,
        }
    }
}

/// A member of the pair called `path` can't be asked.
pub(crate) fn unaddressed(path: &str, number: usize) -> Fault {
    Fault {
        path: format!("{path}.members[{number}].address"),
        what: "is missing: hacheck asks each member itself".to_owned(),
    }
}

/// Seconds that [`site`] has bounded to a day, in whole milliseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn milliseconds(seconds: f64) -> u64 {
    ((seconds * 1000.0).round() as u64).max(1)
}

/// Values as they came, each with its path.
type Values = Vec<(String, Value)>;

/// The pairs and the services of a text, also those that are wrong elsewhere.
fn values(text: &[u8]) -> (Values, Values) {
    let records = stream::parse(text).unwrap_or_default();
    let values = records
        .iter()
        .map(|kept| serde_json::from_str(kept.record().text()));
    let values: Vec<Value> = values.map(Result::unwrap_or_default).collect();
    if let [site] = &values[..]
        && site::is_site(|name| site.get(name).is_some())
    {
        let list = |name: &str| {
            let all = site[name].as_array().into_iter().flatten().enumerate();
            all.map(|(place, value)| (format!("{name}[{place}]"), value.clone()))
                .collect()
        };
        return (list("pairs"), list("services"));
    }
    let called = values.into_iter().enumerate();
    let called = called.map(|(place, value)| (site::called(&value, place), value));
    called.partition(|(path, _)| path.starts_with("pairs"))
}

/// The probes of the pair or service called `path`.
fn read_probes(pair: &Value, path: &str, faults: &mut Vec<Fault>) -> Vec<Probe> {
    let probes = pair["probes"].as_array().into_iter().flatten().enumerate();
    let read = |(place, probe)| Probe::parse(probe, format!("{path}.probes[{place}]"), faults);
    probes.filter_map(read).collect()
}
