//! Pairs of guests that stand in for each other, and the rules within and between them.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{
    fault::Faults,
    vip::{self, is_link_local},
};

/// Two or more hosts that stand in for each other.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// The address that moves, the first of several; an active-active pair has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<IpAddr>,
    /// All of them, where one VRRP instance moves several; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vips: Vec<IpAddr>,
    /// Virtual router ID, 1..=255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrid: Option<u8>,
    /// Where to listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Advert interval in milliseconds, if it is not to be learnt from the adverts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advert_ms: Option<u32>,
    /// Nobody but the members can hear the adverts.
    pub unicast: bool,
    /// The VIP moves with an instance and stands in none of its adverts.
    pub excluded: bool,
    /// VRRP moves the VIP.
    pub vrrp: bool,
    /// What moves it else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The promised recovery time in seconds, above 0 and at most a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_s: Option<f64>,
    /// What else should be so.
    pub expect: Expect,
    /// The hosts, at least two.
    pub members: Vec<Member>,
    /// What to ask of the VIP and of each member; their contents are hacheck's.
    pub probes: Vec<Value>,
    /// DNS names that every member must answer alike.
    pub same: Vec<String>,
    /// Files on the members that must not grow old.
    pub files: Vec<FileRule>,
    /// VIP and members need not be in one network of the site.
    #[serde(
        rename = "x-elsewhere",
        default,
        deserialize_with = "is_true",
        skip_serializing_if = "is_false"
    )]
    pub elsewhere: bool,
}

/// What should be so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Expect {
    /// A holder that is not the preferred member is worth a warning.
    pub preferred: bool,
    /// VRRP version, 2 or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
}

/// One of the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Its other addresses on the VIP's segment.
    pub addresses: Vec<IpAddr>,
    /// Its guest ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    /// The node it is meant to be on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// It should be the holder when all is well.
    pub preferred: bool,
}

/// How old a file may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct FileRule {
    /// Its path on the members.
    pub path: String,
    /// Oldest age in seconds that is fine.
    pub max_age_s: u64,
    /// The one member that must have it; all of them, if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

/// A name that begins with x- may hold anything; here only `true` means something.
pub(super) fn is_true<'de, D: Deserializer<'de>>(reader: D) -> Result<bool, D::Error> {
    Value::deserialize(reader).map(|value| value == Value::Bool(true))
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
pub(super) fn is_false(truth: &bool) -> bool {
    !truth
}

impl Pair {
    /// Member by name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// The rules of all pairs; `paths` are how messages call them, `segments` the site's networks.
pub(super) fn check(pairs: &[Pair], paths: &[String], segments: &[IpNet], faults: &mut Faults) {
    for (pair, path) in pairs.iter().zip(paths) {
        vip::check(pair, path, faults);
        members(pair, path, faults);
        without_vrrp(pair, path, faults);
        for (place, file) in pair.files.iter().enumerate() {
            let name = file.member.as_deref();
            if let Some(name) = name.filter(|name| pair.member(name).is_none()) {
                let names = pair.members.iter().map(|member| member.name.as_str());
                let hint = super::near::hint(name, names);
                let what = format!("is {name:?}, which is no member{hint}");
                faults.add(format!("{path}.files[{place}].member"), what);
            }
        }
        vip::in_networks(pair, path, segments, faults);
    }
    between(pairs, paths, segments, faults);
}

/// The rules between the members of one pair.
fn members(pair: &Pair, path: &str, faults: &mut Faults) {
    if pair.members.len() < 2 {
        let count = pair.members.len();
        let what = format!("has {count} of them; a pair has two or more");
        faults.add(format!("{path}.members"), what);
    }
    for (place, member) in pair.members.iter().enumerate() {
        let at = format!("{path}.members[{place}]");
        if member.address.is_none() && member.vmid.is_none() {
            faults.add(at.as_str(), "has neither vmid nor address");
        }
        let before = &pair.members[..place];
        if before.iter().any(|other| other.name == member.name) {
            faults.add(format!("{at}.name"), format!("is {:?} again", member.name));
        }
        let same = |is_same: &dyn Fn(&Member) -> bool| before.iter().find(|m| is_same(m));
        if let Some(address) = member.address {
            if let Some(other) = same(&|other| other.address == Some(address)) {
                let what = format!("is {address}, which is {}'s, too", other.name);
                faults.add(format!("{at}.address"), what);
            }
            if pair.all_vips().any(|vip| vip == address) {
                let what =
                    format!("is the vip {address}; a VIP moves, a member's own address stays");
                faults.add(format!("{at}.address"), what);
            }
            let of_family = |other: IpAddr| other.is_ipv4() == address.is_ipv4();
            let first = pair.vip.or(pair.members[0].address);
            let first = first.filter(|first| !of_family(*first));
            if let Some(first) = first.filter(|_| !pair.all_vips().any(of_family)) {
                let what = format!("is {address}, of another family than {first}");
                faults.add(format!("{at}.address"), what);
            }
        }
        for (number, address) in member.addresses.iter().enumerate() {
            let at = format!("{at}.addresses[{number}]");
            let own = member.address.iter().chain(&member.addresses[..number]);
            let has = |other: &Member| {
                other.address == Some(*address) || other.addresses.contains(address)
            };
            if pair.all_vips().any(|vip| vip == *address) {
                faults.add(
                    at,
                    format!("is the vip {address}; a VIP moves, a member's own address stays"),
                );
            } else if own.into_iter().any(|known| known == address) {
                faults.add(at, format!("is {address} again"));
            } else if let Some(other) = pair
                .members
                .iter()
                .find(|other| other.name != member.name && has(other))
            {
                faults.add(at, format!("is {address}, which is {}'s, too", other.name));
            }
        }
        if let Some(vmid) = member.vmid
            && let Some(other) = same(&|other| other.vmid == Some(vmid))
        {
            let what = format!("is {vmid}, which is {}'s, too", other.name);
            faults.add(format!("{at}.vmid"), what);
        }
        if member.preferred && before.iter().any(|other| other.preferred) {
            faults.add(
                format!("{at}.preferred"),
                "is true for more than one member",
            );
        }
    }
}

/// An active-active pair has no VRRP, nor has a VIP that something else moves.
fn without_vrrp(pair: &Pair, path: &str, faults: &mut Faults) {
    let of_vrrp = [
        ("vrid", pair.vrid.is_some()),
        ("advert_ms", pair.advert_ms.is_some()),
        ("expect.version", pair.expect.version.is_some()),
        ("unicast", pair.unicast),
        ("excluded", pair.excluded),
    ];
    let of_vip = [("vrrp", !pair.vrrp), ("by", pair.by.is_some())];
    let why = match (pair.vip, pair.vrrp) {
        (None, _) => "is of VRRP, but the pair has no vip",
        (_, false) => "is of VRRP, but the pair says \"vrrp\": false",
        _ => "",
    };
    let of_vrrp = of_vrrp.into_iter().filter(|_| !why.is_empty());
    for (name, _) in of_vrrp.filter(|(_, there)| *there) {
        faults.add(format!("{path}.{name}"), why);
    }
    for (name, _) in of_vip.into_iter().filter(|(_, there)| *there) {
        if pair.vip.is_none() {
            let what = "says what moves the vip, but the pair has none";
            faults.add(format!("{path}.{name}"), what);
        }
    }
    let by_vrrp = pair.by.as_deref().map(|by| by == "vrrp");
    match (by_vrrp.filter(|_| pair.vip.is_some()), pair.vrrp) {
        (Some(false), true) => {
            let what = "says that something else than VRRP moves the vip, but the pair does not say \"vrrp\": false";
            faults.add(format!("{path}.by"), what);
        }
        (Some(true), false) => {
            let what = "is vrrp, but the pair says \"vrrp\": false";
            faults.add(format!("{path}.by"), what);
        }
        _ => {}
    }
}

/// The rules between pairs.
fn between(pairs: &[Pair], paths: &[String], segments: &[IpNet], faults: &mut Faults) {
    let (mut names, mut vips, mut routers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (pair, path) in pairs.iter().zip(paths) {
        let name = &pair.name;
        if names.insert(name, ()).is_some() {
            faults.add(format!("{path}.name"), format!("is {name:?} again"));
        }
        // A link-local address may be there on every link.
        let link = |address: IpAddr| vip::link(pair, segments).filter(|_| is_link_local(address));
        for (place, vip) in pair.all_vips().enumerate() {
            let other: Option<&Pair> = vips.insert((vip, link(vip)), pair);
            // Twice in one pair was told before.
            if let Some(other) = other.filter(|other| !std::ptr::eq(*other, pair)) {
                let what = format!("is {vip}, which is the vip of {:?}, too", other.name);
                faults.add(vip::path_of(pair, path, place), what);
            }
        }
        // The adverts are in the network of the first, whose first may be a link-local one: what
        // else moves with it may be anywhere.
        let mut beside = pair.all_vips().filter(|vip| !is_link_local(*vip));
        let first = pair.vip.map(|vip| {
            let like = |other: &IpAddr| is_link_local(vip) && other.is_ipv6();
            beside.find(like).unwrap_or(vip)
        });
        let (Some(vip), Some(vrid)) = (first, pair.vrid) else {
            continue;
        };
        let net = segment(vip, segments);
        // Two VIPs of one instance are two pairs of the same members on the same interface.
        let one_instance = |other: &&Pair| {
            let hosts = |pair: &Pair| -> Vec<_> {
                let hosts = pair.members.iter();
                hosts
                    .map(|one| (one.name.clone(), one.vmid, one.address))
                    .collect()
            };
            other.interface == pair.interface && hosts(other) == hosts(pair)
        };
        let other = routers.insert((net, link(vip), vrid), pair);
        if let Some(other) = other
            .filter(|other| !one_instance(other))
            .map(|other| &other.name)
        {
            let what = format!(
                "is {vrid}, which is {other:?}'s on the same segment {net}, too (vlans[].prefix say which segments there are)"
            );
            faults.add(format!("{path}.vrid"), what);
        }
    }
    for (pair, path) in pairs.iter().zip(paths) {
        for (place, member) in pair.members.iter().enumerate() {
            let mine = |address: &IpAddr| pair.all_vips().any(|vip| vip == *address);
            let of_other = |address: IpAddr| {
                let mut all = vips.iter().filter(|((vip, _), _)| *vip == address);
                let other = all.next().filter(|_| !is_link_local(address));
                other
                    .map(|(_, pair)| &pair.name)
                    .filter(|_| !mine(&address))
            };
            if let Some((address, other)) = member.address.and_then(|a| Some((a, of_other(a)?))) {
                let what = format!("is {address}, the vip of the pair {other:?}");
                faults.add(format!("{path}.members[{place}].address"), what);
            }
            for (number, address) in member.addresses.iter().enumerate() {
                if let Some(other) = of_other(*address) {
                    let what = format!("is {address}, the vip of the pair {other:?}");
                    faults.add(format!("{path}.members[{place}].addresses[{number}]"), what);
                }
            }
        }
    }
}

/// The segment that an address is on: the site's, or where it says none, by the usual masks.
pub(super) fn segment(address: IpAddr, segments: &[IpNet]) -> IpNet {
    let known = segments.iter().filter(|net| net.contains(&address));
    let longest = known.max_by_key(|net| net.prefix_len()).copied();
    let usual = if address.is_ipv4() { 24 } else { 64 };
    longest
        .unwrap_or_else(|| IpNet::new_assert(address, usual)) // cannot fail: both masks are in range
        .trunc()
}
