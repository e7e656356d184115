//! Addresses that a site has given away already: no guest is handed one of them, but for the
//! member, or the guest of the service, whose own it is.

use std::{fmt, net::IpAddr};

use super::Site;

/// An address and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The address.
    pub address: IpAddr,
    /// Who has it.
    pub holder: Holder,
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A pair: it is its VIP, or one of several.
    Vip {
        /// The pair's name.
        pair: String,
    },
    /// A member of a pair.
    Member {
        /// The member's name.
        name: String,
        /// Its guest ID, if the site says it.
        vmid: Option<u32>,
        /// The pair's name.
        pair: String,
    },
    /// A service: it is where clients find it.
    Service {
        /// The service's name.
        name: String,
        /// The ID of the guest that it runs on, if the site says it.
        vmid: Option<u32>,
    },
    /// The gateway of a network.
    Gateway {
        /// Its VID.
        vlan: u64,
    },
    /// A node.
    Node {
        /// Its name.
        name: String,
    },
}

/// To be read behind the address: "is ...".
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vip { pair } => write!(f, "the VIP of the pair {pair}"),
            Self::Member { name, pair, .. } => write!(f, "{name}'s, a member of the pair {pair}"),
            Self::Service { name, .. } => write!(f, "the service {name}'s"),
            Self::Gateway { vlan } => write!(f, "the gateway of VLAN {vlan}"),
            Self::Node { name } => write!(f, "the node {name}'s"),
        }
    }
}

impl Site {
    /// All addresses that the site has given away: VIPs, members, services, gateways, nodes.
    pub fn held(&self) -> impl Iterator<Item = Held> {
        let pairs = self.pairs.iter().flat_map(|pair| {
            let vips = pair.all_vips().map(|address| Held {
                address,
                holder: Holder::Vip {
                    pair: pair.name.clone(),
                },
            });
            let members = pair.members.iter().flat_map(|member| {
                let own = member.address.iter().chain(&member.addresses);
                own.map(|address| Held {
                    address: *address,
                    holder: Holder::Member {
                        name: member.name.clone(),
                        vmid: member.vmid,
                        pair: pair.name.clone(),
                    },
                })
            });
            vips.chain(members)
        });
        // Of a service that lists members' addresses, the members are the guests.
        let of_member = |address: &IpAddr| {
            let mut members = self.pairs.iter().flat_map(|pair| &pair.members);
            members.any(|one| one.address == Some(*address) || one.addresses.contains(address))
        };
        let services = self.services.iter().flat_map(move |service| {
            let held = |address: &IpAddr| Held {
                address: *address,
                holder: Holder::Service {
                    name: service.name.clone(),
                    vmid: service.vmid,
                },
            };
            let own = service.addresses.iter();
            own.filter(move |address| !of_member(address)).map(held)
        });
        let gateways = self.vlans.iter().filter_map(|vlan| {
            Some(Held {
                address: vlan.gateway.parse().ok()?,
                holder: Holder::Gateway { vlan: vlan.vlan },
            })
        });
        let nodes = self.nodes.iter().filter_map(|node| {
            Some(Held {
                address: node.address?,
                holder: Holder::Node {
                    name: node.name.clone(),
                },
            })
        });
        pairs.chain(services).chain(gateways).chain(nodes)
    }
}
