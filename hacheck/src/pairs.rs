//! What the operator says of the pairs: a configuration, so a name that is not known is
//! an error here and not a field to pass on. Reading is in [`read`], the rules between
//! fields and pairs are here.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use ipnet::IpNet;

use crate::probe::Probe;

mod read;

/// Two or more hosts that stand in for each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// The address that moves; an active-active pair has none.
    pub vip: Option<IpAddr>,
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
    /// The promised recovery time, in milliseconds.
    pub rto_ms: Option<u64>,
    /// A holder that is not the preferred member is worth a warning.
    pub expect_preferred: bool,
    /// The hosts, at least two.
    pub members: Vec<Member>,
    /// What to ask of the VIP and of each member.
    pub probes: Vec<Probe>,
    /// Files on the members that must not grow old (a daily rsync's stamp).
    pub files: Vec<FileRule>,
}

/// One of the hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its own address.
    pub address: IpAddr,
    /// Its guest ID.
    pub vmid: Option<u32>,
    /// The node it is meant to be on.
    pub node: Option<String>,
    /// It should be the holder when all is well.
    pub preferred: bool,
}

/// How old a file may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRule {
    /// Its path on the members.
    pub path: String,
    /// Oldest age in seconds that is fine.
    pub max_age_s: u64,
    /// The one member that must have it; all of them, if none is named.
    pub member: Option<String>,
}

/// What is wrong with the pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl Pair {
    /// The pairs of a text: records, or a site document with `pairs`.
    ///
    /// # Errors
    ///
    /// It is something else, has an unknown name or a value out of its range, two pairs
    /// contradict each other, or there is no pair.
    pub fn parse(text: &[u8]) -> Result<Vec<Self>, Wrong> {
        let (pairs, segments) = read::pairs(text)?;
        if pairs.is_empty() {
            return Err(Wrong("there is no pair in it".to_owned()));
        }
        for pair in &pairs {
            pair.check()
                .map_err(|what| Wrong(format!("pair {:?}: {what}", pair.name)))?;
        }
        among(&pairs, &segments)?;
        Ok(pairs)
    }

    /// Member by name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Member by address.
    #[must_use]
    pub fn member_at(&self, address: IpAddr) -> Option<&Member> {
        self.members.iter().find(|member| member.address == address)
    }

    /// The rules between the fields of one pair.
    fn check(&self) -> Result<(), String> {
        if self.members.len() < 2 {
            return Err(format!(
                "members: it has {} of them, a pair has two or more",
                self.members.len()
            ));
        }
        for (place, member) in self.members.iter().enumerate() {
            let before = &self.members[..place];
            if before.iter().any(|other| other.name == member.name) {
                return Err(format!("member {:?} is there twice", member.name));
            }
            if let Some(other) = before.iter().find(|other| other.address == member.address) {
                return Err(format!(
                    "members {:?} and {:?} have the same address {}",
                    other.name, member.name, member.address
                ));
            }
            if let (Some(id), Some(other)) = (
                member.vmid,
                before.iter().find(|other| other.vmid == member.vmid),
            ) {
                return Err(format!(
                    "members {:?} and {:?} have the same vmid {id}",
                    other.name, member.name
                ));
            }
            if self.vip == Some(member.address) {
                return Err(format!(
                    "vip {} is the address of member {:?}: a VIP moves, a member's own address stays",
                    member.address, member.name
                ));
            }
            let first = self.vip.unwrap_or(self.members[0].address);
            if first.is_ipv4() != member.address.is_ipv4() {
                return Err(format!(
                    "{first} and {} of member {:?} are of different families",
                    member.address, member.name
                ));
            }
        }
        if self
            .members
            .iter()
            .filter(|member| member.preferred)
            .count()
            > 1
        {
            return Err("more than one member is preferred".to_owned());
        }
        if self.vip.is_none() {
            for (name, there) in [
                ("vrid", self.vrid.is_some()),
                ("advert_ms", self.advert_ms.is_some()),
                ("version", self.version.is_some()),
                ("unicast", self.unicast),
            ] {
                if there {
                    return Err(format!(
                        "{name} without a vip: an active-active pair has no VRRP"
                    ));
                }
            }
        }
        for file in &self.files {
            if let Some(name) = file
                .member
                .as_deref()
                .filter(|name| self.member(name).is_none())
            {
                return Err(format!("file {:?}: {name:?} is no member", file.path));
            }
        }
        Ok(())
    }
}

/// The rules between pairs.
fn among(pairs: &[Pair], segments: &[IpNet]) -> Result<(), Wrong> {
    let mut names = BTreeMap::new();
    let mut vips = BTreeMap::new();
    let mut routers = BTreeMap::new();
    for pair in pairs {
        let name = &pair.name;
        if names.insert(name, ()).is_some() {
            return Err(Wrong(format!("pair {name:?} is there twice")));
        }
        let Some(vip) = pair.vip else { continue };
        if let Some(other) = vips.insert(vip, name) {
            return Err(Wrong(format!(
                "pairs {other:?} and {name:?} have the same vip {vip}"
            )));
        }
        let Some(vrid) = pair.vrid else { continue };
        let net = segment(vip, segments);
        if let Some(other) = routers.insert((net, vrid), name) {
            return Err(Wrong(format!(
                "pairs {other:?} and {name:?} have the same vrid {vrid} on one segment, {net} (a site's vlans[].prefix say which there are)"
            )));
        }
    }
    for pair in pairs {
        for member in &pair.members {
            if let Some(other) = vips.get(&member.address) {
                return Err(Wrong(format!(
                    "pair {:?}: member {:?} has the address {} that is the vip of pair {other:?}",
                    pair.name, member.name, member.address
                )));
            }
        }
    }
    Ok(())
}

/// The segment that an address is on: the site's, or where it says none, by the usual masks.
fn segment(address: IpAddr, segments: &[IpNet]) -> IpNet {
    let known = segments.iter().filter(|net| net.contains(&address));
    let longest = known.max_by_key(|net| net.prefix_len());
    longest
        .copied()
        .unwrap_or_else(|| {
            let usual = if address.is_ipv4() { 24 } else { 64 };
            IpNet::new_assert(address, usual)
        })
        .trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DNS: &str = r#"{"name":"dns","vip":"192.168.10.110","vrid":55,"interface":"eth0","rto_s":15,
        "members":[{"name":"dns-1","address":"192.168.10.111","vmid":10111,"preferred":true},
                   {"name":"dns-2","address":"192.168.10.112","vmid":10112}],
        "probes":[{"dns":{"name":"ha.test","type":"A","expect":"192.0.2.1"}}]}"#;

    /// A site with that prefix, a VIP 10.0.0.9 and another one, of one VRID.
    fn site(prefix: &str, vip: &str) -> String {
        let pair = |name: &str, vip: &str, net: &str| {
            format!(
                r#"{{"name":"{name}","vip":"{vip}","vrid":55,"members":[{{"name":"1","address":"{net}.1"}},{{"name":"2","address":"{net}.2"}}]}}"#
            )
        };
        let (one, other) = (pair("a", "10.0.0.9", "10.1.0"), pair("b", vip, "10.2.0"));
        format!(r#"{{"vlans":[{{"prefix":"{prefix}"}}],"pairs":[{one},{other}]}}"#)
    }

    #[test]
    fn the_pair_of_the_issue() {
        let [pair] = &Pair::parse(DNS.as_bytes()).unwrap()[..] else {
            panic!("one pair");
        };
        assert_eq!(pair.vip, Some("192.168.10.110".parse().unwrap()));
        assert_eq!((pair.vrid, pair.rto_ms), (Some(55), Some(15_000)));
        assert!(pair.members[0].preferred && !pair.members[1].preferred);
        let site = format!(r#"{{"name":"homelab","nodes":[],"pairs":[{DNS}]}}"#);
        assert_eq!(Pair::parse(site.as_bytes()).unwrap()[0], *pair);
        let array = format!("[{DNS}]");
        assert_eq!(Pair::parse(array.as_bytes()).unwrap()[0], *pair);
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        let with = |from: &str, to: &str| {
            assert!(DNS.contains(from), "{from}");
            DNS.replacen(from, to, 1)
        };
        let other = |vip: &str, vrid: &str, one: &str, two: &str| {
            format!(
                r#"{DNS}{{"name":"b","vip":"{vip}","vrid":{vrid},"members":[{{"name":"b-1","address":"{one}"}},{{"name":"b-2","address":"{two}"}}]}}"#
            )
        };
        #[rustfmt::skip]
        let cases = [
            ("VRID 0", with(":55", ":0"), "vrid is 0, not in 1..=255"),
            ("VRID 256", with(":55", ":256"), "vrid is 256, not in 1..=255"),
            ("RTO 0", with("\"rto_s\":15", "\"rto_s\":0"), "rto_s is 0: it must be more than 0"),
            ("member twice", with("dns-2", "dns-1"), "member \"dns-1\" is there twice"),
            ("address twice", with(".112", ".111"), "same address 192.168.10.111"),
            ("vmid twice", with("10112", "10111"), "same vmid 10111"),
            ("VIP is a member", with(".112", ".110"), "vip 192.168.10.110 is the address of member \"dns-2\""),
            ("mixed families", with("192.168.10.112", "fd10::12"), "are of different families"),
            ("one member", with(r#","vmid":10111,"preferred":true},"#, r#"}],"x-":["#), "a pair has two or more"),
            ("unknown name", with("\"vrid\"", "\"vird\""), "\"vird\" is not known; near: \"vrid\""),
            ("unknown, nothing near", with("\"vrid\"", "\"colour\""), "\"colour\" is not known"),
            ("unknown in a member", with("\"preferred\"", "\"prefered\""), "near: \"preferred\""),
            ("unknown in a probe", with("\"expect\"", "\"expects\""), "near: \"expect\""),
            ("unknown probe", with("{\"dns\"", "{\"dnss\""), "near: \"dns\""),
            ("no text", with("\"eth0\"", "7"), "interface is 7, not text"),
            ("no address", with(".110\"", "\""), "\"192.168.10\" is no IP address"),
            ("same name", format!("{DNS}{DNS}"), "pair \"dns\" is there twice"),
            ("same VIP", other("192.168.10.110", "56", "192.168.10.113", "192.168.10.114"), "same vip 192.168.10.110"),
            ("VRID on one segment", other("192.168.10.120", "55", "192.168.10.113", "192.168.10.114"), "same vrid 55 on one segment"),
            ("VRID on a site's VLAN", site("10.0.0.0/22", "10.0.1.9"), "same vrid 55 on one segment"),
            ("VIP elsewhere a member", other("192.168.10.120", "56", "192.168.10.110", "192.168.10.114"), "that is the vip of pair \"dns\""),
            ("no VIP but VRID", with(r#""vip":"192.168.10.110","#, ""), "vrid without a vip"),
            ("nothing", String::new(), "no pair"),
            ("no pairs", r#"{"pairs":[]}"#.to_owned(), "no pair"),
            ("not JSON", "{".to_owned(), "record 1"),
            ("too deep", format!("{DNS}{}", DNS.replace("\"vrid\"", &format!("\"x-\":{}{},\"vrid\"", "[".repeat(200), "]".repeat(200)))), "record 2: recursion limit exceeded"),
            ("VIP of no host", DNS.replace("192.168.10.110", "0.0.0.0"), "vip 0.0.0.0 is the unspecified address, which no host can have"),
            ("VIP of many hosts", DNS.replace("192.168.10.110", "224.0.0.18"), "vip 224.0.0.18 is a multicast address, which no host can have"),
            ("VIP of all hosts", DNS.replace("192.168.10.110", "255.255.255.255"), "vip 255.255.255.255 is the broadcast address, which no host can have"),
            ("member of no host", DNS.replace("192.168.10.112", "0.0.0.0"), "member 2: address 0.0.0.0 is the unspecified address"),
            ("IPv6 of no host", DNS.replace("192.168.10.111", "::"), "member 1: address :: is the unspecified address"),
            ("IPv6 of many hosts", DNS.replace("192.168.10.110", "ff02::12"), "vip ff02::12 is a multicast address"),
            ("IPv4 in IPv6", DNS.replace("192.168.10.110", "::ffff:224.0.0.18"), "vip ::ffff:224.0.0.18 is a multicast address"),
        ];
        for (name, text, want) in cases {
            let wrong = Pair::parse(text.as_bytes()).map(|_| ());
            let wrong = wrong.expect_err(name).to_string();
            assert!(wrong.contains(want), "{name}: {wrong}");
        }
    }

    #[test]
    fn what_is_fine() {
        let other = r#"{"name":"b","vip":"192.168.30.120","vrid":55,"members":[{"name":"b-1","address":"192.168.30.1"},{"name":"b-2","address":"192.168.30.2"}]}"#;
        #[rustfmt::skip]
        let cases = [
            ("same VRID on another segment", format!("{DNS}{other}")),
            ("x- names", DNS.replace("\"vrid\"", "\"x-note\":{\"any\":1},\"vrid\"").replace("\"preferred\"", "\"x-\":1,\"preferred\"")),
            ("same VRID in a site's other VLAN", site("10.0.0.0/25", "10.0.0.129")),
            ("a site's VLANs are none of ours", site("nonsense", "10.0.1.9")),
            ("active-active", r#"{"name":"p","members":[{"name":"a","address":"192.168.1.192"},{"name":"b","address":"192.168.1.193"}]}"#.to_owned()),
            ("IPv6", DNS.replace("192.168.10.", "fd10::")),
            ("RTO below a second", DNS.replace("\"rto_s\":15", "\"rto_s\":0.5")),
        ];
        for (name, text) in cases {
            let pairs = Pair::parse(text.as_bytes());
            assert!(pairs.is_ok(), "{name}: {pairs:?}");
        }
    }
}
