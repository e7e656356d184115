//! Putting addresses onto virtual machines. Pure: from what NetBox holds and what is wished it
//! says the next step, until there is none left, so that a run which was cut off, or overtaken,
//! goes on where things are.
//!
//! Nothing is taken from anybody: an address that is on something else stays there, and so does a
//! MAC address; a primary address or MAC address that is set is never replaced.

use core::net::IpAddr;

use crate::refused::{Code, Refused};

pub mod asked;
mod choice;
mod rehearsal;
mod step;
#[cfg(test)]
mod tests;

pub use step::Step;

/// What NetBox calls the interface of a virtual machine, as the holder of an address.
pub const OF_MACHINE: &str = "virtualization.vminterface";

/// The longest name of a virtual machine or an interface, in characters (NetBox's models).
const NAME_LIMIT: usize = 64;

/// What a guest's address is to be put onto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The guest's name in lower case, by which a virtual machine is made; then its other spellings.
    pub names: Vec<String>,
    /// No domain is known, so that a name with one and a name without may be the same guest's.
    pub is_unsure: bool,
    /// The cluster of the virtual machine; none: whichever it is in.
    pub cluster: Option<String>,
    /// The slug of the tenant whose it is; none: whosever it is.
    pub tenant: Option<String>,
    /// The interface.
    pub interface: Which,
    /// The interface's MAC address, in capitals.
    pub mac: Option<String>,
}

impl Wish {
    /// The name of a virtual machine may be another spelling of the guest's, in a domain that isn't known.
    #[must_use]
    pub fn may_be(&self, machine: &str) -> bool {
        let (Some(name), machine) = (self.names.first(), machine.to_ascii_lowercase()) else {
            return false;
        };
        let label = |name: &str| name.split('.').next().map(str::to_owned);
        let is_one_bare = name.contains('.') != machine.contains('.');
        self.is_unsure && is_one_bare && label(name) == label(&machine)
    }
}

/// Which interface is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this name.
    Named(String),
    /// The only one, else that of this name.
    Any(&'static str),
}

/// An address that is to be put somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its record; none while there is none.
    pub id: Option<u64>,
    /// The address.
    pub address: IpAddr,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// NetBox's.
    pub id: u64,
    /// Its name, which clusters of several groups or sites may have.
    pub name: String,
}

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// NetBox's.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The cluster that it is in; none if it stands for itself.
    pub cluster: Option<Cluster>,
    /// The slug of its tenant.
    pub tenant: Option<String>,
    /// Its primary addresses, of IPv4 and IPv6.
    pub primary: [Option<u64>; 2],
    /// For `If-Match`.
    pub version: String,
}

/// An interface of a virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// NetBox's.
    pub id: u64,
    /// Whose it is.
    pub machine: u64,
    /// Its name, each machine's once.
    pub name: String,
    /// Its primary MAC address, in capitals.
    pub mac: Option<String>,
    /// For `If-Match`.
    pub version: String,
}

/// A MAC address; several may be equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mac {
    /// NetBox's.
    pub id: u64,
    /// In capitals.
    pub mac: String,
    /// What it is on.
    pub on: Option<On>,
    /// For `If-Match`.
    pub version: String,
}

/// The record of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// NetBox's.
    pub id: u64,
    /// What it is on.
    pub on: Option<On>,
}

/// What an address or a MAC address is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct On {
    /// NetBox's name of the kind, as [`OF_MACHINE`].
    pub kind: String,
    /// Its number among those.
    pub id: u64,
    /// As a message has it: `net0 of web`.
    pub shown: String,
}

impl On {
    fn is(&self, interface: &Interface) -> bool {
        self.kind == OF_MACHINE && self.id == interface.id
    }
}

/// What NetBox holds of what is wished.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The clusters in which virtual machines may have to be made.
    pub clusters: Vec<Cluster>,
    /// The virtual machines with the names of guests.
    pub machines: Vec<Machine>,
    /// Their interfaces.
    pub interfaces: Vec<Interface>,
    /// The MAC addresses that are wished.
    pub macs: Vec<Mac>,
    /// The records of the addresses.
    pub addresses: Vec<Address>,
}

/// Where an address is, or will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The name of the virtual machine.
    pub machine: String,
    /// The name of its interface.
    pub interface: String,
    /// It is the machine's primary address of its family.
    pub primary: bool,
}

/// What is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The next step; none if all is done.
    pub step: Option<Step>,
    /// Where the address is then.
    pub at: At,
    /// What is left as it is, although it was wished otherwise.
    pub note: Option<String>,
}

/// What came of a wish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// Where the address is, or would be.
    pub at: Option<At>,
    /// Something was changed for it, or would be.
    pub changed: bool,
    /// Why the address is not there.
    pub refused: Option<Refused>,
    /// What is left as it is, although it was wished otherwise.
    pub note: Option<String>,
}

impl Assigned {
    /// A step was refused. Without its MAC address, which comes last, the address is where it was wished.
    #[must_use]
    pub fn without(self, step: &Step, why: String) -> Self {
        match step.is_of_mac() {
            true => Self {
                note: Some(why),
                ..self
            },
            false => self.refused(why),
        }
    }

    /// It came to nothing, for that reason.
    #[must_use]
    pub fn refused(self, message: String) -> Self {
        let refused = Some(Refused::new(Code::AssignFailed, message));
        Self { refused, ..self }
    }
}

/// What is to be done next, so that the address of `target` is where `wish` has it.
///
/// # Errors
///
/// [`Code::AssignFailed`]: it cannot be put there without taking something from somebody, or
/// it isn't clear where that is.
pub fn next(wish: &Wish, target: Target, facts: &Facts) -> Result<Plan, Refused> {
    let name = wish.names.first().map_or("", String::as_str);
    let Some(machine) = choice::machine(wish, facts)? else {
        let cluster = choice::cluster(wish, facts)?;
        let step = Step::Machine {
            name: name.to_owned(),
            cluster: cluster.id,
            tenant: wish.tenant.clone(),
        };
        return Ok(Plan {
            step: Some(step),
            at: At {
                machine: name.to_owned(),
                interface: choice::name_of(wish).to_owned(),
                primary: true,
            },
            note: None,
        });
    };
    let record = target
        .id
        .and_then(|id| facts.addresses.iter().find(|address| address.id == id));
    let on = record.and_then(|record| record.on.as_ref());
    let family = usize::from(target.address.is_ipv6());
    let primary = machine.primary[family];
    let at = |interface: &str| At {
        machine: machine.name.clone(),
        interface: interface.to_owned(),
        primary: primary.is_none() || primary == target.id,
    };
    let Some(interface) = choice::interface(wish, machine, on, facts)? else {
        let name = choice::name_of(wish);
        let step = Step::Interface {
            machine: machine.id,
            name: name.to_owned(),
        };
        return Ok(Plan {
            step: Some(step),
            at: at(name),
            note: None,
        });
    };
    if let Some(on) = on.filter(|on| !on.is(interface)) {
        let message = format!(
            "{} is on {} in NetBox, and stays there",
            target.address, on.shown
        );
        return Err(Refused::new(Code::AssignFailed, message));
    }
    let (mac, note) = choice::mac(wish, machine, interface, facts);
    let step = match target.id {
        Some(id) if on.is_none() => Some(Step::Address {
            id,
            interface: interface.id,
        }),
        Some(address) if primary.is_none() => Some(Step::Primary {
            machine: machine.id,
            address,
            family,
        }),
        _ => mac,
    };
    Ok(Plan {
        step,
        at: at(&interface.name),
        note,
    })
}

/// The cluster in which the wish's virtual machine may have to be made, because it is not there.
#[must_use]
pub fn missing(wish: &Wish, facts: &Facts) -> Option<String> {
    let found = choice::machine(wish, facts);
    wish.cluster.clone().filter(|_| found == Ok(None))
}

/// The guest's virtual machine is not among those that were read.
#[must_use]
pub fn is_unknown(wish: &Wish, facts: &Facts) -> bool {
    let mut names = facts.machines.iter().map(|machine| &machine.name);
    !names.any(|name| wish.names.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

/// Whether the call is right: there is the cluster in which a virtual machine has to be made. What is
/// wrong with one guest's shows when its address is put there, so that no other guest's is held up by it.
///
/// # Errors
///
/// [`Code::AssignFailed`].
pub fn possible(wish: &Wish, facts: &Facts) -> Result<(), Refused> {
    match missing(wish, facts) {
        Some(_) => choice::cluster(wish, facts).map(drop),
        None => Ok(()),
    }
}
