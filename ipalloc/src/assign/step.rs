//! The steps of putting an address onto a virtual machine: one request that changes something each.

/// A step. The numbers are NetBox's `id`s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the virtual machine.
    Machine {
        /// Its name.
        name: String,
        /// Where.
        cluster: u64,
        /// Whose: the tenant's slug.
        tenant: Option<String>,
    },
    /// Make the interface.
    Interface {
        /// Whose.
        machine: u64,
        /// Its name.
        name: String,
    },
    /// Put the address onto the interface.
    Address {
        /// The address.
        id: u64,
        /// Where.
        interface: u64,
    },
    /// Make the address the primary one of its family.
    Primary {
        /// Whose.
        machine: u64,
        /// The address.
        address: u64,
        /// 0 for IPv4, 1 for IPv6.
        family: usize,
    },
    /// Make the MAC address on the interface.
    Mac {
        /// In capitals.
        mac: String,
        /// Where.
        interface: u64,
    },
    /// Put a MAC address that is on nothing onto the interface.
    Claim {
        /// The MAC address.
        mac: u64,
        /// Where.
        interface: u64,
    },
    /// Make the MAC address the interface's primary one.
    First {
        /// The MAC address.
        mac: u64,
        /// Whose.
        interface: u64,
    },
}

impl Step {
    /// It is about the interface's MAC address.
    #[must_use]
    pub fn is_of_mac(&self) -> bool {
        matches!(
            self,
            Self::Mac { .. } | Self::Claim { .. } | Self::First { .. }
        )
    }

    /// What did not come about, for a message.
    #[must_use]
    pub fn undone(&self) -> String {
        match self {
            Self::Machine { name, .. } => format!("the virtual machine {name} was not made"),
            Self::Interface { name, .. } => format!("the interface {name} was not made"),
            Self::Address { .. } => "it was not put onto the interface".to_owned(),
            Self::Primary { .. } => "it is not the primary address".to_owned(),
            Self::Mac { mac, .. } => format!("the MAC address {mac} was not made"),
            Self::Claim { .. } => "the MAC address was not put onto the interface".to_owned(),
            Self::First { .. } => "the MAC address is not the interface's primary one".to_owned(),
        }
    }
}
