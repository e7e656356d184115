//! What was seen, before anybody judges it: plain records of the raw sockets' window
//! and of a member's own facts. They say what came in, never what it means.
//!
//! What could not be looked at is an entry of `errors`, with the errno, and its field
//! is absent: an empty list says "looked, and there was nothing".

use std::{collections::BTreeMap, fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// A hardware address; in JSON as `02:00:00:00:10:11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The virtual router ID of a VRRP address, 00:00:5e:00:01:VRID for IPv4 and
    /// 00:00:5e:00:02:VRID for IPv6 (RFC 5798, 7.3): the same on all routers, so it names none.
    #[must_use]
    pub fn virtual_router(self) -> Option<u8> {
        match self.0 {
            [0, 0, 0x5e, 0, 1 | 2, vrid] => Some(vrid),
            _ => None,
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for Mac {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no hardware address (02:00:00:00:10:11)");
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(wrong)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        match parts.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(wrong()),
        }
    }
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseen {
    /// What: `arp`, `adverts`, `adverts6`, `neighbours`, `keepalived`, a path, ...
    pub what: String,
    /// The errno's name, `EPERM`; empty if there was none.
    #[serde(default)]
    pub errno: String,
    /// For people: `socket(AF_PACKET): operation not permitted`.
    pub message: String,
}

/// One VRRP advertisement. A v2 password is not in it, and never will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advert {
    /// When, in milliseconds from the start of the window.
    pub at_ms: u64,
    /// IP source: the member's address, or its link-local one.
    pub source: IpAddr,
    /// Ethernet source, where the socket tells it; with `use_vmac` it may be a virtual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_mac: Option<Mac>,
    /// 224.0.0.18, ff02::12, or with `unicast_peer` an address.
    pub destination: IpAddr,
    /// TTL or hop limit; anything but 255 came through a router (RFC 5798, 5.1.1.3).
    pub ttl: u8,
    /// 2 or 3.
    pub version: u8,
    /// Virtual router ID, 1..=255.
    pub vrid: u8,
    /// 0: gives up; 255: owner of the address.
    pub priority: u8,
    /// Advertisement interval, in milliseconds (v2 has seconds, v3 centiseconds).
    pub interval_ms: u32,
    /// The virtual addresses.
    pub vips: Vec<IpAddr>,
    /// v2: 0 none, 1 password, 2 AH (RFC 2338, 5.3.6); v3: 0.
    pub auth_type: u8,
    /// The checksum is right; a wrong one means that no router will listen to it.
    pub checksum_ok: bool,
}

/// One ARP reply (or gratuitous request) that names the owner of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpReply {
    /// When, in milliseconds from the start of the window.
    pub at_ms: u64,
    /// The address asked for: the VIP, or a member's.
    pub ip: IpAddr,
    /// Sender hardware address in the ARP packet.
    pub mac: Mac,
    /// Ethernet source of the frame; differs from `mac` with some `use_vmac` settings.
    pub source_mac: Mac,
    /// The number of the broadcast request of ours that it answers, from 1: two replies
    /// to one request are two answerers, even if both give the same virtual MAC. 0 for a gratuitous one.
    pub round: u32,
}

/// All that came in on one interface while the raw sockets listened for one pair.
///
/// The collector asks for the VIP by broadcast every `interval_ms / 4` (at least every
/// 250 ms) and keeps *all* replies, and asks once or twice for each member's address, so
/// that MACs get names. If an advert source or a replier first turns up in the last 1.5
/// intervals, it listens for 2 intervals more (once), so that a hand-over is seen to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawWindow {
    /// Name of the interface, `eth0`; empty if none could be found.
    pub interface: String,
    /// Its index, for messages; 0 if none.
    #[serde(default)]
    pub index: u32,
    /// No interface of this host is on the pair's segment: nothing could be tried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
    /// Start, Unix time in milliseconds.
    pub started_ms: i64,
    /// How long was listened, in milliseconds.
    pub window_ms: u64,
    /// The advert interval that the length was reckoned with.
    pub interval_ms: u32,
    /// Broadcast requests sent for the VIP.
    pub rounds: u32,
    /// Adverts of any VRID on that segment, in order; absent if nobody could listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adverts: Option<Vec<Advert>>,
    /// ARP (or neighbour) replies for the VIP and the members, in order; absent if nobody could ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<Vec<ArpReply>>,
    /// Requests for the VIP that were sent from the checker's own address; none if it has none there.
    #[serde(default)]
    pub requests: u32,
    /// Replies to those, in order; `round` counts these requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<ArpReply>,
    /// Packets of protocol 112 that no parser understood.
    #[serde(default)]
    pub malformed: u32,
    /// The checker itself holds the VIP, so that nobody else needs to answer it.
    #[serde(default)]
    pub vip_is_local: bool,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Unseen>,
}

/// An address of the host itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnAddress {
    /// Interface it is on.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Length of its prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_length: Option<u8>,
    /// How long the host has had it, in milliseconds (IFA_CACHEINFO's creation stamp): what
    /// tells two holders at one time from a hand-over between two looks. Absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_ms: Option<u64>,
    /// Why the host does not use it, if it doesn't; absent of older members, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused: Option<Unused>,
}

/// Why a host does not use an IPv6 address that it has (IFA_F_TENTATIVE, IFA_F_DADFAILED).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unused {
    /// Whether somebody else has it is being asked.
    Tentative,
    /// Somebody else had it.
    Dadfailed,
}

/// An interface of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// It is up and has a carrier.
    pub up: bool,
}

/// An entry of a neighbour table; unanswered ones (flags 0, MAC all zero) are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The neighbour.
    pub address: IpAddr,
    /// Its hardware address.
    pub mac: Mac,
    /// Interface it is reached through.
    pub interface: String,
}

/// The state of a VRRP instance (keepalived's vrrp.h: 0 init, 1 backup, 2 master, 3 fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not started.
    Init,
    /// Listens.
    Backup,
    /// Holds the addresses.
    Master,
    /// A tracked interface or script failed.
    Fault,
}

/// One VRRP instance as keepalived itself dumps it (root only).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name in keepalived.conf.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Virtual router ID.
    pub vrid: u8,
    /// VRRP version, 2 or 3.
    pub version: u8,
    /// Configured priority.
    pub base_priority: u8,
    /// Priority with what the scripts add and take.
    pub effective_priority: u8,
    /// Advert interval in milliseconds.
    pub interval_ms: u32,
    /// The virtual addresses.
    pub vips: Vec<IpAddr>,
    /// Those that move with them and stand in no advert (`virtual_ipaddress_excluded`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<IpAddr>,
    /// What it tracks, as `script chk_dns.sh`, `interface eth1`, `process dnsmasq`: one of these put
    /// an instance into FAULT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<String>,
    /// Interface.
    pub interface: String,
    /// A returning master waits.
    pub nopreempt: bool,
    /// When it last changed its state, Unix time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_ms: Option<i64>,
    /// keepalived's counters by its own names: become_master, auth_failure, ...
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}

impl Instance {
    /// The address moves with this instance, whether it stands in its adverts or not.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.vips.contains(&address) || self.excluded.contains(&address)
    }
}

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP; the socket listens.
    Tcp,
    /// UDP; the socket is connected to nobody.
    Udp,
}

/// A socket that waits for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listening {
    /// What it speaks.
    pub protocol: Transport,
    /// The address it is bound to; 0.0.0.0 or :: for all.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
}

/// A file of which the age matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAge {
    /// Its path on the member.
    pub path: String,
    /// Unix time in milliseconds of its last change, by the member's clock.
    pub modified_ms: i64,
}

/// What one host says of itself: the record that `hacheck member` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    /// Its host name.
    pub host: String,
    /// When, Unix time in milliseconds, by its own clock.
    pub at_ms: i64,
    /// Its clock is synchronised, as systemd-timesyncd says; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_synchronised: Option<bool>,
    /// Its addresses, also virtual ones.
    pub addresses: Vec<OwnAddress>,
    /// Its interfaces.
    #[serde(default)]
    pub interfaces: Vec<Interface>,
    /// A raw socket of IP protocol 112 is open: a VRRP daemon lives (/proc/net/raw, `:0070`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrrp_socket: Option<bool>,
    /// The same for IPv6 (/proc/net/raw6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrrp6_socket: Option<bool>,
    /// A process of keepalived is stopped by a signal (SIGSTOP), so that its socket is open and nobody
    /// listens to it; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrrp_stopped: Option<bool>,
    /// Interfaces that have joined 224.0.0.18 or ff02::12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrrp_joined: Option<Vec<String>>,
    /// Its sockets that wait for clients, each address and port once; absent of older members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listening: Option<Vec<Listening>>,
    /// Its neighbour table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<Vec<Neighbour>>,
    /// keepalived's dump, if it could be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalived: Option<Vec<Instance>>,
    /// The files that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileAge>,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Unseen>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_as_text() {
        let mac: Mac = "00:00:5E:00:01:37".parse().unwrap();
        assert_eq!(mac.to_string(), "00:00:5e:00:01:37");
        assert_eq!(mac.virtual_router(), Some(55));
        let plain: Mac = "02:00:00:00:10:11".parse().unwrap();
        assert_eq!(plain.virtual_router(), None);
        for bad in [
            "",
            "02:00:00:00:10",
            "02:00:00:00:10:11:12",
            "2:0:0:0:0:1",
            "0g:00:00:00:00:00",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }
}
