//! The name servers that scripts/publish-names brings the IPAM's names to. The tools do nothing with them: they are
//! read here so that a mistake is told before a server is touched.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Site, fault::Faults};

/// The name servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Dns {
    /// In the order in which they are dealt with.
    pub servers: Vec<NameServer>,
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct NameServer {
    /// Its name in records.
    pub name: String,
    /// Where it is asked.
    pub address: IpAddr,
    /// Where it is logged in to; none: as root at its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `dnsmasq`, `hosts`, `pihole6` or `zone`.
    pub format: String,
    /// The file with the names.
    pub file: String,
    /// The domain whose names it gets; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The primary server of a zone; then the file is a whole zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// Command that judges the new file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Command that makes the server read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<String>,
}

impl NameServer {
    /// Where it is logged in to, without the user.
    fn place(&self) -> String {
        let host = self.host.as_deref();
        let plain = host.map(|host| host.rsplit_once('@').map_or(host, |(_, host)| host));
        plain.map_or_else(|| self.address.to_string(), str::to_owned)
    }
}

/// A path as it is without what leads nowhere: `/etc//x`, `/etc/./x` and `/etc/a/../x` are one file.
fn plain(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// What the keys of a name server say of each other.
pub(super) fn check(site: &Site, faults: &mut Faults) {
    let servers = site.dns.iter().flat_map(|dns| &dns.servers);
    for (place, server) in servers.clone().enumerate() {
        let path = format!("dns.servers[{place}]");
        let before = servers.clone().take(place);
        if let Some(first) = before.clone().position(|one| {
            plain(&one.file) == plain(&server.file) && one.place() == server.place()
        }) {
            let what = format!("is the file of dns.servers[{first}], too");
            faults.add(format!("{path}.file"), what);
        }
        // What begins with a dot is passed over by dnsmasq, and is what publish-names calls its own work.
        let name = server.file.rsplit('/').next().unwrap_or_default();
        if name.is_empty() || name.starts_with('.') {
            let what = format!("is {:?}, no plain file's name", server.file);
            faults.add(format!("{path}.file"), what);
        }
        let is_zone = server.format == "zone";
        if is_zone && server.domain.is_none() && site.domain.is_none() {
            let what = "is missing: the format zone needs it, and the site has no domain";
            faults.add(format!("{path}.domain"), what.to_owned());
        }
        if server.primary.is_some() && !is_zone {
            let what = format!("is of a zone, but the format is {}", server.format);
            faults.add(format!("{path}.primary"), what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn one_file_by_many_names() {
        for path in ["/etc/x", "/etc//x", "/etc/./x", "/etc/a/../x", "/../etc/x"] {
            assert_eq!(plain(path), ["etc", "x"], "{path}");
        }
    }
}
