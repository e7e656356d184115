//! What is remembered of the IDs that are asked for. Rows of other IDs leave nothing behind, so
//! that a million of them cost no memory; of those asked for, what is told of them is kept.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    kind::{Kind, Matters},
    sight::Sight,
    usage::Usage,
};
use crate::stream::excerpt;

/// How many names a trace tells: more say no more than that the ID had several guests.
const MOST_NAMES: usize = 5;

/// Which IDs are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// These.
    Ids(BTreeSet<u64>),
    /// All that no guest has.
    Orphans,
}

/// Where a trace is, and of what kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The ID.
    pub vmid: u64,
    /// The kind.
    pub kind: Kind,
    /// What bears it, by its own name.
    pub at: String,
    /// The node on which it is, where that matters.
    pub node: Option<String>,
}

/// What is known of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// How many backups.
    pub count: u64,
    /// Of those counted one by one.
    pub counted: u64,
    /// The newest of them, in seconds since 1970.
    pub newest: Option<i64>,
    /// Names that it had.
    pub names: BTreeSet<String>,
    /// What clears it.
    pub remedy: Option<String>,
    /// It may be of something that is no guest, and so says nothing of an ID without one.
    pub doubtful: bool,
}

/// All that is remembered.
#[derive(Debug)]
pub struct Memory {
    wanted: Wanted,
    live: HashSet<u64>,
    listed: bool,
    traces: BTreeMap<Place, Trace>,
    /// What was looked at, and with which rights.
    pub sight: Sight,
    /// Which disks guests use.
    pub usage: Usage,
}

impl Memory {
    /// Nothing yet.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            live: HashSet::new(),
            listed: false,
            traces: BTreeMap::new(),
            sight: Sight::default(),
            usage: Usage::default(),
        }
    }

    /// Whether it is worth while to say more of this ID.
    #[must_use]
    pub fn asks(&self, vmid: u64) -> bool {
        match &self.wanted {
            Wanted::Ids(ids) => ids.contains(&vmid),
            Wanted::Orphans => !self.live.contains(&vmid),
        }
    }

    /// A list of the guests that live came in.
    pub fn guests_listed(&mut self) {
        self.listed = true;
    }

    /// Whether one did.
    #[must_use]
    pub fn has_guests(&self) -> bool {
        self.listed
    }

    /// A guest lives.
    pub fn lives(&mut self, vmid: u64, kind: Kind, at: String, node: Option<String>, name: &str) {
        self.listed = true;
        if matches!(self.wanted, Wanted::Orphans) {
            self.live.insert(vmid);
        } else if self.asks(vmid) {
            self.live.insert(vmid);
            self.note(vmid, kind, at, node).named(name);
        }
    }

    /// The trace of an ID at a place, to say more of it.
    pub fn note(&mut self, vmid: u64, kind: Kind, at: String, node: Option<String>) -> &mut Trace {
        let place = Place {
            vmid,
            kind,
            at,
            node,
        };
        self.traces.entry(place).or_default()
    }

    /// The IDs that were asked for by name.
    #[must_use]
    pub fn ids(&self) -> Option<&BTreeSet<u64>> {
        match &self.wanted {
            Wanted::Ids(ids) => Some(ids),
            Wanted::Orphans => None,
        }
    }

    /// A guest has this ID, as far as is seen.
    #[must_use]
    pub fn is_live(&self, vmid: u64) -> bool {
        self.live.contains(&vmid)
    }

    /// No guest has this ID, and all guests were seen. Of a list of none every ID would be an orphan.
    #[must_use]
    pub fn is_free(&self, vmid: u64) -> bool {
        let tells = !self.live.is_empty() || self.wanted != Wanted::Orphans;
        tells && !self.is_live(vmid) && self.sight.sees_guests(Some(vmid))
    }

    /// Why what is at this place is not to be cleared, though no guest has its ID.
    #[must_use]
    pub fn bars(&self, place: &Place) -> Option<String> {
        (place.kind == Kind::Volume).then(|| self.usage.bars(&place.at))?
    }

    /// Whether it may be told how this is cleared: what the site wants may not be there yet, and an address
    /// may be of a machine that is no guest, so of all IDs that isn't told.
    #[must_use]
    pub fn advises(&self, kind: Kind) -> bool {
        self.wanted != Wanted::Orphans || kind.matters() != Matters::Config
    }

    /// The traces, by ID; of orphans only what tells of a guest that is gone.
    pub fn traces(&self) -> impl Iterator<Item = (&Place, &Trace)> {
        let orphans = self.wanted == Wanted::Orphans;
        let inherited: HashSet<u64> = self.inherited().collect();
        self.traces.iter().filter(move |(place, trace)| {
            let tells = !trace.doubtful && place.kind.matters() != Matters::History;
            !orphans || tells && inherited.contains(&place.vmid)
        })
    }

    /// The IDs without a guest of which a new one would inherit something. That the site or its IPAM has an ID which no guest
    /// has is sound: the guest is not made yet, or the address is of a machine.
    fn inherited(&self) -> impl Iterator<Item = u64> {
        let places = self.traces.keys();
        let inherited = places.filter(|place| place.kind.matters() == Matters::Reuse);
        inherited
            .map(|place| place.vmid)
            .filter(|vmid| !self.is_live(*vmid))
    }
}

impl Trace {
    /// A name that it had, as far as a line shows it.
    pub fn named(&mut self, name: &str) -> &mut Self {
        let name = name.lines().next().unwrap_or_default().trim();
        if !name.is_empty() && self.names.len() < MOST_NAMES {
            self.names.insert(excerpt(name).into_owned());
        }
        self
    }

    /// One of its backups, of that time.
    pub fn counts(&mut self, time: Option<i64>) -> &mut Self {
        self.counted += 1;
        self.newest = self.newest.max(time);
        self
    }
}
