//! Whom a probe asks: an address, and of a link-local one the interface that it is on.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use vmid::site::is_link_local;

/// An address that can be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// The address.
    pub address: IpAddr,
    /// Index of the interface, 0 of any but a link-local address (RFC 4007, 6).
    pub scope: u32,
}

impl Host {
    /// A port of it.
    #[must_use]
    pub fn at(self, port: u16) -> SocketAddr {
        match self.address {
            IpAddr::V6(v6) if is_link_local(self.address) => {
                SocketAddrV6::new(v6, port, 0, self.scope).into()
            }
            address => SocketAddr::new(address, port),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self { address, scope: 0 }
    }
}

impl From<SocketAddr> for Host {
    fn from(target: SocketAddr) -> Self {
        let scope = match target {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) => v6.scope_id(),
        };
        let address = target.ip();
        Self { address, scope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_of_link_local_addresses_alone() {
        let cases = [
            ("192.0.2.1", "192.0.2.1:53"),
            ("fd00::1", "[fd00::1]:53"),
            ("fe80::1", "[fe80::1%7]:53"),
        ];
        for (address, want) in cases {
            let address = address.parse().unwrap();
            assert_eq!(Host { address, scope: 7 }.at(53).to_string(), want);
        }
    }
}
