//! What one look at the cluster shows of an ID, and what was asked about it so far.

use std::collections::BTreeMap;

use super::super::seen::End;
use crate::{journal::guest_line::Call, state::Kind};

/// What one look shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The cluster has no quorum: until it has, nothing can be changed.
    pub no_quorum: bool,
    /// The node that is asked is online.
    pub node_online: bool,
    /// Its tasks could be read: what is not among them is not there.
    pub tasks_known: bool,
    /// A task about the ID that runs.
    pub task: Option<String>,
    /// Who has the ID.
    pub id: Id,
}

/// Who has an ID.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Id {
    /// Nobody.
    #[default]
    Free,
    /// A guest that the token does not see.
    Hidden,
    /// This guest.
    Taken(Box<Guest>),
}

impl From<Guest> for Id {
    fn from(guest: Guest) -> Self {
        Self::Taken(Box::new(guest))
    }
}

/// A guest as its configuration and its status have it, never the overview: that tells the name of a
/// former guest of the same ID for seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// The node that has its configuration.
    pub node: String,
    /// VM or container.
    pub kind: Kind,
    /// That node answers.
    pub reached: bool,
    /// Its name; none while it is being made.
    pub name: Option<String>,
    /// Its description.
    pub description: String,
    /// The last line of its description.
    pub mark: Option<String>,
    /// The lock in its configuration.
    pub lock: Option<String>,
    /// It runs.
    pub running: bool,
    /// The HA manager has it.
    pub managed: bool,
    /// It is protected from removal.
    pub protection: bool,
    /// It is a template.
    pub template: bool,
    /// The digest of its configuration.
    pub digest: Option<String>,
    /// Its configuration but for description and digest, as a number.
    pub print: u64,
    /// Its disks and their sizes in bytes, where they are told.
    pub sizes: BTreeMap<String, u64>,
    /// Its configuration.
    pub config: BTreeMap<String, String>,
}

/// What was asked of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tried {
    /// How often, in this run.
    pub count: u32,
    /// It may have had its effect.
    pub open: bool,
    /// Its task.
    pub upid: Option<String>,
    /// The cluster has named that task as its answer. One that was found, by its type, ID and token,
    /// may be the answer to another run's request.
    pub named: bool,
    /// How its task ended.
    pub end: Option<End>,
    /// Proxmox VE has refused it, in these words.
    pub refused: Option<String>,
    /// What came instead of an answer.
    pub lost: Option<String>,
}

/// What was done about a guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// By the request and its disk.
    pub tried: BTreeMap<(Call, String), Tried>,
    /// For how long nothing was done and nothing changed, in seconds.
    pub waited_s: f64,
    /// The last request was refused as its node has no quorum.
    pub no_quorum: bool,
    /// For how long quorum was waited for, in seconds, in all.
    pub quorum_s: f64,
    /// For how long it is waited for, in seconds.
    pub quorum_wait_s: f64,
    /// A task takes far longer than it should.
    pub overdue: bool,
}

impl Past {
    /// What was asked of this kind.
    #[must_use]
    pub fn of(&self, call: Call) -> Tried {
        self.of_disk(call, "")
    }

    /// The same of one disk.
    #[must_use]
    pub fn of_disk(&self, call: Call, disk: &str) -> Tried {
        let tried = self.tried.get(&(call, disk.to_owned()));
        tried.cloned().unwrap_or_default()
    }

    /// The same, to be changed.
    pub fn at(&mut self, call: Call, disk: &str) -> &mut Tried {
        self.tried.entry((call, disk.to_owned())).or_default()
    }

    /// Something that may have had its effect.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.tried.values().any(|tried| tried.open)
    }

    /// The requests that may have had their effect and whose end is not known.
    pub fn unknown(&mut self) -> impl Iterator<Item = (&(Call, String), &mut Tried)> {
        let open = self.tried.iter_mut();
        open.filter(|(_, tried)| tried.open && tried.end.is_none())
    }
}
