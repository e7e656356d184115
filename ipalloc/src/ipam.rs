//! What an IPAM holds, and the narrow seam between the rules and a back end.
//!
//! The rules ([`crate::allocate`], [`crate::release`], [`crate::show`],
//! [`crate::check`]) are pure: they are given [`Networks`] and a [`View`] and
//! answer with [`Change`]s. A back end supplies the first and carries out the last.

use core::net::IpAddr;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
};

use anyhow::anyhow;
use ipnet::IpNet;
use serde_json::Value;
use vmid::exit::Stop;

use crate::{
    among::{Among, Belonging, Segment},
    assign::{Assigned, Target, Wish},
    interest::Interest,
    refused::Refused,
    span::{self, Span},
    status,
};

mod ask;
mod change;

pub use ask::{Ask, View};
pub use change::{Applied, Change, Made, New, Rejection};

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
    /// What it belongs to, of all that was asked about.
    pub belongs: BTreeSet<Belonging>,
    /// What tells it from others on a VLAN of the same number.
    pub segment: Segment,
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

    /// It belongs to all of that.
    #[must_use]
    pub fn is_among(&self, among: &Among) -> bool {
        let mut belongings = among.belongings();
        belongings.all(|belonging| self.belongs.contains(belonging))
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
    /// The slug of its tenant; its name, where a file has that.
    pub tenant: Option<String>,
    /// Its custom fields that have a value, but for the owner's, as [`crate::labels::custom::plain`] has them.
    pub custom: BTreeMap<String, Value>,
}

/// Roles of addresses that several hosts share (NetBox's values); never a guest's own.
pub const SHARED_ROLES: [&str; 6] = ["anycast", "carp", "glbp", "hsrp", "vip", "vrrp"];

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
    /// What several things are called: of each the slug of its site, empty where it has none.
    pub namesakes: BTreeMap<Belonging, Vec<String>>,
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

/// What the rules need of a back end.
pub trait Ipam {
    /// The prefixes and ranges that are of interest, with all prefixes inside them and all
    /// ranges that they share addresses with.
    ///
    /// # Errors
    ///
    /// The IPAM cannot be read.
    fn networks(&mut self, interest: &Interest) -> Result<Networks, Stop>;

    /// What the texts that were given for these custom fields are as values.
    ///
    /// # Errors
    ///
    /// There is no such field, or its values are of another kind.
    fn custom_fields(
        &mut self,
        given: &[(String, String)],
    ) -> Result<BTreeMap<String, Value>, Stop> {
        let value = |text: &String| match text.as_str() {
            "" => Value::Null,
            text => Value::from(text),
        };
        let all = given.iter();
        Ok(all
            .map(|(name, text)| (name.clone(), value(text)))
            .collect())
    }

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

    /// Looks up the virtual machines that addresses are to be put onto, before anything is changed: why
    /// that cannot be, for each wish for which it can't.
    ///
    /// # Errors
    ///
    /// The IPAM has no virtual machines, or it cannot be read.
    fn machines(&mut self, _wishes: &[&Wish]) -> Result<Vec<Option<Refused>>, Stop> {
        let what = anyhow!(
            "a folder of CSV files has no virtual machines to put an address onto (--assign); a NetBox has"
        );
        Err(Stop::input(what))
    }

    /// Puts addresses onto virtual machines, or only says what would be; what came of each, and why
    /// the run is to end, if a server or the network failed.
    fn assign(
        &mut self,
        _wishes: &[(&Wish, Target)],
        _dry_run: bool,
    ) -> (Vec<Assigned>, Option<Stop>) {
        (Vec::new(), None)
    }

    /// The MAC addresses of the interfaces that these entries are on, as far as they are known.
    ///
    /// # Errors
    ///
    /// The IPAM cannot be read.
    fn macs(&mut self, _entries: &[&Entry]) -> Result<HashMap<EntryId, String>, Stop> {
        Ok(HashMap::new())
    }

    /// Entry IDs mean something outside, so that results show them as `ipam_id`.
    fn has_ids(&self) -> bool;
}
