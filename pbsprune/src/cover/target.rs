//! Where the jobs write, and which lists were looked at: a guest has no backup in a storage only if somebody
//! looked into that storage.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::{
    backups::Place,
    documents::Documents,
    job::{About, Job},
    unseen::Unseen,
};

/// Whose list it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// What Proxmox VE says this storage has.
    Storage(String),
    /// What a backup server says this datastore has; without a name, of some datastore.
    Datastore(String),
}

impl List {
    /// The list that a place is of.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        match place.by_pve {
            true => Self::Storage(place.store.clone()),
            false => Self::Datastore(place.store.clone()),
        }
    }
}

/// A storage of the cluster, as a state document has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Storage {
    storage: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    datastore: Option<String>,
}

/// The storage that a job writes to, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// No list of the storages was given: it may be one of any kind.
    Any(&'a str),
    /// The list of the storages lacks it.
    Hidden(&'a str),
    /// It is this one.
    Known(&'a Storage),
}

impl<'a> Target<'a> {
    /// That of a job; none if the job doesn't name it (the nodes' vzdump.conf does, then).
    #[must_use]
    pub fn of(job: &'a Job, storages: Option<&'a [Storage]>) -> Option<Self> {
        let name = job.storage.as_deref()?;
        let Some(storages) = storages else {
            return Some(Self::Any(name));
        };
        let known = storages.iter().find(|known| known.storage == name);
        Some(known.map_or(Self::Hidden(name), Self::Known))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a str {
        match self {
            Self::Any(name) | Self::Hidden(name) => name,
            Self::Known(storage) => &storage.storage,
        }
    }

    /// What the job writes is in this list, as far as is known. A list without a name is of whatever was asked
    /// for; of a storage of a backup server whose datastore isn't known each datastore may be meant.
    #[must_use]
    pub fn is_in(self, list: &List) -> bool {
        match (list, self) {
            (List::Storage(name), _) => name == self.name(),
            (List::Datastore(_), Self::Any(_)) => true,
            (List::Datastore(name), Self::Hidden(of)) => name == of,
            (List::Datastore(name), Self::Known(storage)) => {
                let is_it = |datastore: &String| name.is_empty() || datastore == name;
                storage.kind == "pbs" && storage.datastore.as_ref().is_none_or(is_it)
            }
        }
    }

    /// What is unseen may be something of it.
    #[must_use]
    pub fn may_miss(self, unseen: &Unseen) -> bool {
        let is_in = |name: &String| {
            self.is_in(&List::Storage(name.clone())) || self.is_in(&List::Datastore(name.clone()))
        };
        unseen.storage.as_ref().is_none_or(is_in)
    }

    fn right(self) -> String {
        match self {
            Self::Hidden(name) => format!("Datastore.Audit on /storage/{name}, and a list of it"),
            Self::Known(storage) if storage.kind == "pbs" => {
                "a list of its datastore (backup-coverage --datastore)".to_owned()
            }
            _ => "a list of it (backup-coverage --content)".to_owned(),
        }
    }
}

/// The storages that jobs write to and that nobody looked at: what is in them of the jobs' guests is unseen.
#[must_use]
pub fn unlooked(documents: &Documents, looked: &HashSet<List>, unseen: &[Unseen]) -> Vec<Unseen> {
    let storages = documents.storages.as_deref();
    let mut found: BTreeMap<&str, (Target<'_>, Vec<&Job>)> = BTreeMap::new();
    for job in documents.jobs.iter().flatten().filter(|job| job.enabled) {
        let Some(target) = Target::of(job, storages) else {
            continue;
        };
        let told = |unseen: &Unseen| unseen.storage.is_some() && target.may_miss(unseen);
        if !looked.iter().any(|list| target.is_in(list)) && !unseen.iter().any(told) {
            let (_, jobs) = found.entry(target.name()).or_insert((target, Vec::new()));
            jobs.push(job);
        }
    }
    let unseen = found.into_values().filter_map(|(target, jobs)| {
        let guests = documents.guests.iter().filter(|guest| {
            let mut about = jobs.iter().map(|job| job.about(guest));
            about.any(|about| about == About::Covers)
        });
        let vmids: Vec<u32> = guests.map(|guest| guest.vmid).collect();
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        let list = format!(
            "what {} has, where {} writes,",
            target.name(),
            ids.join(", ")
        );
        (!vmids.is_empty()).then(|| Unseen {
            storage: Some(target.name().to_owned()),
            vmids: Some(vmids),
            ..Unseen::new(list, &target.right())
        })
    });
    unseen.collect()
}
