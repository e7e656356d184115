//! What is to be changed in an IPAM, and what became of it.

use core::net::IpAddr;

use ipnet::IpNet;
use vmid::exit::Stop;

use super::{EntryId, Vrf};
use crate::{labels::Labels, refused::Refused};

/// An address to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// The address.
    pub address: IpAddr,
    /// Its mask.
    pub length: u8,
    /// Its routing table.
    pub vrf: Vrf,
    /// Its DNS name.
    pub dns_name: String,
    /// Its owner's key.
    pub key: String,
    /// At most 200 characters (NetBox's limit).
    pub description: String,
    /// Slugs.
    pub tags: Vec<String>,
    /// Tenant, role, status, custom fields.
    pub labels: Labels,
    /// Any free address of this prefix would do as well: nothing in it is held
    /// back but what has a record. A server may choose, and then nobody else can
    /// have been given the same one.
    pub any_of: Option<IpNet>,
}

/// One step of carrying out a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // most are of the largest kind
pub enum Change {
    /// Record a new address.
    Create(New),
    /// Write an owner's key into a record without one.
    Adopt(EntryId, String),
    /// Set status and comments, and the owner's key where there is none yet.
    Mark(EntryId, &'static str, String, Option<String>),
    /// Give a record another address, which nobody else has. Where it was retired, it is
    /// active again, with these comments.
    Move(EntryId, (IpAddr, u8), Option<String>),
    /// Give a record the role that it was made for, with these comments, and this status if it
    /// was retired.
    Complete(EntryId, &'static str, String, Option<&'static str>),
    /// Remove a record.
    Delete(EntryId),
}

/// What became of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The record's ID, where the back end has one.
    pub id: Option<EntryId>,
    /// The address, if it was created; another than the decided one where any would do.
    pub address: Option<IpAddr>,
    /// It was not made after all: the back end has a rule against it, which concerns this record alone.
    pub refused: Option<Refused>,
    /// It was made, but not with all that was asked for.
    pub lacks: Option<Refused>,
}

/// Why a back end created nothing.
#[derive(Debug)]
pub struct Rejection {
    /// The refusal as a whole.
    pub stop: Stop,
    /// Which of the records to be created, by their place among those, it is the fault of.
    pub of: Vec<(usize, Refused)>,
}

/// How carrying out a decision went.
#[derive(Debug)]
pub enum Applied {
    /// All was done; what became of each change, in order.
    Done(Vec<Made>),
    /// Nothing was done, because somebody else was faster, or it was refused for this
    /// reason: look again, decide again. If the decision stays the same, it is the reason.
    Again(Option<Rejection>),
    /// Some of the changes were done (none stands for one that was not), then the back end failed.
    Partly(Vec<Option<Made>>, Stop),
    /// What had to be created was, in order, and nothing else was done; whether somebody
    /// else has one of the addresses as well could not be read.
    Unverified(Vec<Made>, Stop),
    /// It cannot be found out whether anything was done; the message says what to look for.
    Unknown(String),
}
