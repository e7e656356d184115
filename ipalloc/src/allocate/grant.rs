//! What a request gets.

use core::net::IpAddr;

use ipnet::IpNet;

use super::drift::Drift;
use crate::ipam::{Change, EntryId, Made};

/// How to treat names.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// The domain of the DNS names.
    pub domain: Option<String>,
    /// Make an address without an owner the guest's that bears its name.
    pub adopt: bool,
    /// Give owners another address whose own another record keeps.
    pub reassign: bool,
    /// Custom statuses of addresses that are in use, in lower case.
    pub open: Vec<String>,
}

/// What a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The record's ID, once it has one.
    pub id: Option<EntryId>,
    /// The address.
    pub address: IpAddr,
    /// Its mask.
    pub length: u8,
    /// The prefix that it is in.
    pub prefix: Option<IpNet>,
    /// The VID of that prefix.
    pub vlan: Option<u64>,
    /// The DNS name that is recorded for it.
    pub dns_name: String,
    /// What has to be done; none if the owner has it already.
    pub change: Option<Change>,
    /// What would have spoken against handing the address out; it is recorded all the same.
    pub told: Vec<String>,
    /// A guest had it before it was recorded.
    pub own: bool,
    /// The address that the owner had, if it gets this one because another record keeps that.
    pub instead_of: Option<String>,
    /// What its record says otherwise than the request, if it was there before.
    pub drift: Drift,
    /// This run made or moved its record before it had to look again.
    pub done: bool,
}

impl Grant {
    /// Takes over what became of its change.
    pub fn settle(&mut self, made: Option<&Made>) {
        if let Some(made) = made {
            self.id = made.id.or(self.id);
            self.address = made.address.unwrap_or(self.address);
        }
    }
}
