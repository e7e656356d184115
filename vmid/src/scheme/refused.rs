//! Why a value is no part of the scheme: a stable code, and a message that names the value and
//! the rule it broke.

use core::{fmt, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{Digits, VLANS};

/// Why a value is no part of the scheme. Each has a stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The record has no address.
    NoAddress,
    /// The text is no address.
    BadAddress(String),
    /// The address is one of IPv6.
    Ipv6(String),
    /// The address is the network's own or its broadcast address.
    NotAHost(Ipv4Addr, Ipv4Net),
    /// Nothing says which VLAN the address is in.
    NoVlan(Ipv4Addr),
    /// The VLAN is not one of [`VLANS`].
    BadVlan(String),
    /// The host number needs more digits.
    HostTooBig(Ipv4Addr, Ipv4Net, u64, Digits),
    /// The ID's host number is no host of its network.
    BadHost(u64, u64, Vec<Ipv4Net>),
    /// Two networks claim the address, or two of one VLAN the host number.
    AmbiguousNetwork(String),
    /// Two statements about the network contradict each other.
    NetworkMismatch(String),
    /// Nothing says what network the VLAN has.
    UnknownNetwork(u64),
    /// The site, which is known, has no network that holds the address.
    OutsideTheSite(Ipv4Addr),
    /// The site, which is known, has no network on the VLAN.
    NotOfTheSite(u64),
    /// The ID has no VLAN part, or is none at all.
    OutsideScheme(String),
    /// The record says another ID (or VLAN, host, address) than it encodes to.
    IdMismatch(String),
}

impl Refused {
    /// The code of the `error` object.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAddress => "no-address",
            Self::BadAddress(_) => "bad-address",
            Self::Ipv6(_) => "ipv6",
            Self::NotAHost(..) => "not-a-host",
            Self::NoVlan(_) | Self::OutsideTheSite(_) => "no-vlan",
            Self::BadVlan(_) => "bad-vlan",
            Self::HostTooBig(..) => "host-too-big",
            Self::BadHost(..) => "bad-host",
            Self::AmbiguousNetwork(_) => "ambiguous-network",
            Self::NetworkMismatch(_) => "network-mismatch",
            Self::UnknownNetwork(_) | Self::NotOfTheSite(_) => "unknown-network",
            Self::OutsideScheme(_) => "outside-scheme",
            Self::IdMismatch(_) => "id-mismatch",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the record has no address"),
            Self::BadAddress(text) => write!(f, "{text} is not an IPv4 address"),
            Self::Ipv6(text) => {
                write!(
                    f,
                    "{text} is an IPv6 address; the scheme needs the last octet of an IPv4 one"
                )
            }
            Self::NotAHost(address, network) => {
                let what = if *address == network.network() {
                    "network"
                } else {
                    "broadcast"
                };
                write!(f, "{address} is the {what} address of {network}")
            }
            Self::NoVlan(address) => write!(
                f,
                "nothing says which VLAN {address} is in: no vlan field, no network that holds it, and not 192.168.x.y"
            ),
            Self::BadVlan(text) => {
                write!(
                    f,
                    "VLAN {text} is not a number from {} to {}",
                    VLANS.start(),
                    VLANS.end()
                )
            }
            Self::HostTooBig(address, network, host, digits) => write!(
                f,
                "{address} is host {host} of {network}, which does not fit into {} digits",
                digits.0
            ),
            Self::BadHost(vlan, host, networks) => {
                let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "VLAN {vlan} has no host {host} in {}",
                    networks.join(" or ")
                )
            }
            Self::UnknownNetwork(vlan) => write!(
                f,
                "the network of VLAN {vlan} is not known (192.168.{{vlan}}.0/24 fits VLANs 1 to 255 only)"
            ),
            Self::OutsideTheSite(address) => {
                write!(f, "no network of the site holds {address}")
            }
            Self::NotOfTheSite(vlan) => write!(f, "the site has no IPv4 network on VLAN {vlan}"),
            Self::AmbiguousNetwork(what)
            | Self::NetworkMismatch(what)
            | Self::OutsideScheme(what)
            | Self::IdMismatch(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Refused {}
