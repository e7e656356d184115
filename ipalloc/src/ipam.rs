//! What an IPAM holds, and the narrow seam between the rules and a back end.
//!
//! The rules ([`crate::allocate`], [`crate::release`], [`crate::show`],
//! [`crate::check`]) are pure: they are given [`Networks`] and a [`View`] and
//! answer with [`Change`]s. A back end supplies the first and carries out the last.

use core::net::IpAddr;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use ipnet::IpNet;
use vmid::exit::Stop;

use crate::{
    interest::Interest,
    known::{Known, Place, Within},
    owner,
    refused::Refused,
    span::{self, Span},
    status,
};

/// A routing table: the global one or a VRF. Equal if the names are.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrf(Option<String>);

impl Vrf {
    /// The global table.
    pub const GLOBAL: Self = Self(None);

    /// From a name, or NetBox's label of one: `blue`, `blue (65000:1)`; empty and `Global` are the global table.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let name = text
            .strip_suffix(')')
            .and_then(|text| text.rsplit_once(" ("));
        let name = name.map_or(text, |(name, _)| name);
        let global = name.is_empty() || name.eq_ignore_ascii_case("global");
        Self((!global).then(|| name.to_owned()))
    }

    /// From a name alone, as NetBox's API has it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self((!name.is_empty()).then(|| name.to_owned()))
    }

    /// The name; none for the global table.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for Vrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("Global"))
    }
}

/// A prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The network.
    pub net: IpNet,
    /// Its routing table.
    pub vrf: Vrf,
    /// The VID of its VLAN.
    pub vlan: Option<u64>,
    /// NetBox's value: active, container, reserved, deprecated.
    pub status: String,
    /// All its addresses are usable, the first and last as well.
    pub is_pool: bool,
    /// It is to be treated as full.
    pub mark_utilized: bool,
    /// What is still to be found out of it (a file's column `x-todo`).
    pub todo: Option<String>,
    /// Its line, if it is of a file.
    pub line: Option<u64>,
}

impl Prefix {
    /// Why nothing is handed out of it unless that is forced; `open` are the custom statuses that
    /// are open.
    #[must_use]
    pub fn closed(&self, open: &[String]) -> Option<Cow<'static, str>> {
        let by_status = status::closed(&self.status, &status::OF_PREFIXES, self.line, open);
        let full = || self.mark_utilized.then_some("marked as utilized".into());
        by_status.map(Cow::Owned).or_else(full)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vrf.name() {
            Some(vrf) => write!(f, "{} in VRF {vrf}", self.net),
            None => write!(f, "{}", self.net),
        }
    }
}

/// A range of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first address.
    pub start: IpAddr,
    /// The last address.
    pub end: IpAddr,
    /// The mask that its addresses bear.
    pub length: u8,
    /// Its routing table.
    pub vrf: Vrf,
    /// NetBox's value: active, reserved, deprecated.
    pub status: String,
    /// All its addresses count as taken, and NetBox lets nobody record one of them.
    pub populated: bool,
    /// It is to be treated as full.
    pub utilized: bool,
    /// Its line, if it is of a file.
    pub line: Option<u64>,
}

impl Range {
    /// Its addresses.
    #[must_use]
    pub fn span(&self) -> Span {
        Span::new(span::bits(self.start), span::bits(self.end))
    }

    /// Why nothing is handed out of it unless that is forced; `open` are the custom statuses that
    /// are open.
    #[must_use]
    pub fn closed(&self, open: &[String]) -> Option<Cow<'static, str>> {
        let by_status = status::closed(&self.status, &status::OF_RANGES, self.line, open);
        by_status
            .map(Cow::Owned)
            .or(match (self.populated, self.utilized) {
                (true, _) => Some("marked as populated".into()),
                (_, true) => Some("marked as utilized".into()),
                _ => None,
            })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)?;
        match self.vrf.name() {
            Some(vrf) => write!(f, " in VRF {vrf}"),
            None => Ok(()),
        }
    }
}

/// How a back end knows an address's record: a row's place in its file, or NetBox's `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// The record of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is kept.
    pub id: EntryId,
    /// The address.
    pub address: IpAddr,
    /// Its mask.
    pub length: u8,
    /// Its routing table.
    pub vrf: Vrf,
    /// NetBox's value: active, reserved, deprecated, dhcp, slaac.
    pub status: String,
    /// NetBox's value: vip, vrrp, anycast, ... or empty.
    pub role: String,
    /// Its DNS name, or empty.
    pub dns_name: String,
    /// The owner, if ipalloc made or adopted it.
    pub key: Option<String>,
    /// Free text; says when it was retired.
    pub comments: String,
    /// What else it says; read where the owner was asked for.
    pub said: Option<Box<Said>>,
}

/// What the record of an address says besides what the rules go by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its description, without an owner's mark.
    pub description: String,
    /// The slugs of its tags; names, where a file has these.
    pub tags: Vec<String>,
}

/// Roles of addresses that several hosts share (NetBox's values); never a guest's own.
const SHARED_ROLES: [&str; 6] = ["anycast", "carp", "glbp", "hsrp", "vip", "vrrp"];

impl Entry {
    /// Several hosts share the address, by its role.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        SHARED_ROLES.contains(&self.role.as_str())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)?;
        if let Some(vrf) = self.vrf.name() {
            write!(f, " in VRF {vrf}")?;
        }
        Ok(())
    }
}

/// The networks of an IPAM.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// All prefixes that are of interest.
    pub prefixes: Vec<Prefix>,
    /// All ranges that are of interest.
    pub ranges: Vec<Range>,
}

impl Networks {
    /// The longest prefix that holds `address`, containers left out.
    #[must_use]
    pub fn holding(&self, address: IpAddr, vrf: &Vrf) -> Option<&Prefix> {
        let holds =
            |p: &&Prefix| p.vrf == *vrf && p.status != "container" && p.net.contains(&address);
        self.prefixes
            .iter()
            .filter(holds)
            .max_by_key(|prefix| prefix.net.prefix_len())
    }
}

/// What the rules want to know of an IPAM's addresses. An IPAM may hold millions;
/// only those that matter become [`Entry`] values.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Entries with one of these keys,
    pub keys: HashSet<String>,
    /// or with one of these as their DNS name or its first label (lower case),
    pub names: HashSet<String>,
    /// or with the key of one of these guests' interfaces (lower case),
    pub guests: HashSet<String>,
    /// or with one of these addresses,
    pub addresses: HashSet<IpAddr>,
    /// or with an address in one of these networks,
    pub nets: Vec<IpNet>,
    /// or all that have a key,
    pub keyed: bool,
    /// or all.
    pub all: bool,
    /// Each with what it says besides.
    pub said: bool,
    /// Which addresses are taken in these places.
    pub within: Vec<Within>,
}

impl Ask {
    /// It asks for an entry with this key, name and address: what every back end must give.
    #[must_use]
    pub fn wants(&self, key: Option<&str>, dns_name: &str, address: IpAddr) -> bool {
        if self.all
            || (self.keyed && key.is_some())
            || key.is_some_and(|key| self.keys.contains(key))
        {
            return true;
        }
        let of_guest = |key| self.guests.contains(owner::parts(key).0);
        if !self.guests.is_empty() && key.is_some_and(of_guest) {
            return true;
        }
        if !self.addresses.is_empty() && self.addresses.contains(&address) {
            return true;
        }
        if self.nets.iter().any(|net| net.contains(&address)) {
            return true;
        }
        if self.names.is_empty() || dns_name.is_empty() {
            return false;
        }
        let name = owner::plain(dns_name);
        self.names.contains(&*name) || self.names.contains(owner::first_label(&name))
    }
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The entries that were asked for, and those that have the address of one of them as well.
    pub entries: Vec<Entry>,
    /// Those that this run has made or moved in an earlier round.
    pub done: HashSet<EntryId>,
    /// The addresses that have a record, sorted, each once.
    pub taken: BTreeMap<(Vrf, span::Family), Vec<u128>>,
    /// What the IPAM says of some places that were asked for. Of these, records need not be in
    /// `taken`.
    pub known: HashMap<Place, Known>,
    /// A record that nobody sees here has an address: it was refused as taken.
    pub unseen: bool,
}

impl View {
    /// The taken addresses of a routing table, of the family of `net`, that `net` holds.
    #[must_use]
    pub fn taken_in(&self, vrf: &Vrf, net: IpNet) -> &[u128] {
        let key = (vrf.clone(), span::Family::of(net.addr()));
        let taken = self.taken.get(&key).map_or(&[][..], Vec::as_slice);
        Span::of(net).slice(taken)
    }
}

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
    /// Any free address of this prefix would do as well: nothing in it is held
    /// back but what has a record. A server may choose, and then nobody else can
    /// have been given the same one.
    pub any_of: Option<IpNet>,
}

/// One step of carrying out a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What the rules need of a back end.
pub trait Ipam {
    /// The prefixes and ranges that are of interest, with all prefixes inside them and all
    /// ranges that they share addresses with.
    ///
    /// # Errors
    ///
    /// The IPAM cannot be read.
    fn networks(&mut self, interest: &Interest) -> Result<Networks, Stop>;

    /// The addresses that were asked for.
    ///
    /// # Errors
    ///
    /// The IPAM cannot be read.
    fn look(&mut self, ask: &Ask) -> Result<View, Stop>;

    /// What is needed to hold guests against the IPAM: the entries with one of these addresses,
    /// and those whose address has several records; [`Ipam::each`] has the others. A back end
    /// that can't be read twice gives all.
    ///
    /// # Errors
    ///
    /// The IPAM cannot be read.
    fn survey(&mut self, _addresses: HashSet<IpAddr>) -> Result<View, Stop> {
        self.look(&Ask {
            all: true,
            ..Ask::default()
        })
    }

    /// Hands each entry to `handle`, in order; `view` is what [`Ipam::survey`] gave. An IPAM of
    /// millions is not held for that, where it needn't be.
    ///
    /// # Errors
    ///
    /// Those of `handle`.
    fn each(
        &mut self,
        view: &View,
        handle: &mut dyn FnMut(&Entry) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        view.entries.iter().try_for_each(handle)
    }

    /// Carries out changes that were decided upon what the last [`Ipam::look`] gave;
    /// those that create records all or none.
    ///
    /// # Errors
    ///
    /// Nothing was changed.
    fn apply(&mut self, changes: &[Change]) -> Result<Applied, Stop>;

    /// Entry IDs mean something outside, so that results show them as `ipam_id`.
    fn has_ids(&self) -> bool;
}
